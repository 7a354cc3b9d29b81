"""Instrument: facts about what is traded that the symbol's name does not tell (S4, S9-S12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import ValidationInfo, field_validator, model_validator

from sptrader_lab.strategy.schema.section import Section, conflict, key, one_of
from sptrader_lab.strategy.schema.times import DayEndText, TimeText, Weekday
from sptrader_lab.strategy.schema.values import Currency, Flag, NotNegative, Number, Positive, Spread
from sptrader_lab.types.instruments import KINDS, VENUES


class Swap(Section):
    """What a night costs or pays (S11); negative costs."""

    long: Number = key("of a long position", 0.0)
    short: Number = key("of a short position", 0.0)
    unit: Annotated[str, one_of("pips", "yearly")] = key("pips a night, or a yearly fraction of the value", "pips")

    @model_validator(mode="after")
    def _yearly(self) -> Self:
        widest = max(self.long, self.short, key=abs)
        if self.unit == "yearly" and abs(widest) >= 1:
            raise conflict(f"a yearly swap of {widest:g}", "must be a fraction: 0.02 means 2 % a year")
        return self


class Split(Section):
    """A split: from its date on there are `ratio` new units for each old one (S12)."""

    date: TimeText = key("in force before the first candle that opens at or after it; UTC unless a zone is given")
    ratio: Positive = key("2: two new for one old")


class Dividend(Section):
    """A dividend (S12): longs receive it, shorts pay it."""

    date: TimeText = key("the ex-date: who holds before the first candle that opens at or after it gets it")
    amount: Positive = key("quote money per unit")


class InstrumentFacts(Section):
    """Facts that replace those known from the symbol (S4, S9-S12)."""

    conditions: ClassVar[Mapping[str, Any]] = {
        "if": {"properties": {"kind": {"const": "pair"}}, "required": ["kind"]},
        "then": {"properties": {"quote": False, "splits": False, "dividends": False}},
    }

    kind: Annotated[str, one_of(*KINDS)] | None = key("what it is", None, rule="S12", shown="the symbol's")
    quote: Currency | None = key(
        "the currency of its prices; of a pair the name tells", None, rule="S12", shown="the symbol's"
    )
    pip: Positive | None = key("price units of a pip", None, rule="S12", shown="the symbol's")
    step: Positive | None = key("lot step, in units of the base", None, rule="S10", shown="the symbol's")
    minimum: NotNegative | None = key("smallest quantity", None, rule="S10", shown="the symbol's")
    multiplier: Positive | None = key(
        "account value of a price move of 1 per unit", None, rule="S10", shown="the symbol's"
    )
    tick: NotNegative | None = key(
        "smallest price step; levels are rounded to it, away from the entry", None, rule="S10"
    )
    day_end: DayEndText | None = key("when its trading day ends", None, rule="S4", shown="the symbol's")
    every_day: Flag | None = key(
        "it trades all week: 365 instead of 252 days in a year", None, rule="S16", shown="the symbol's"
    )
    spread: Spread | None = key("ask minus bid; wins over `execution.spread`", None, rule="S9")
    swap: Swap | None = key("what a night costs or pays", None, rule="S11")
    triple_day: Weekday | None = key(
        "whose end counts three nights; `none`: one night every calendar day", None, rule="S11", shown="the symbol's"
    )
    venue: Annotated[str, one_of(*VENUES)] | None = key(
        "where it trades: gives `step` and `minimum`, when they are not said", None, rule="S10"
    )
    splits: tuple[Split, ...] = key("dated splits; prices are raw", (), rule="S12")
    dividends: tuple[Dividend, ...] = key("dated dividends", (), rule="S12")

    @field_validator("quote", mode="after")
    @classmethod
    def _not_of_a_pair(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("kind") == "pair":
            raise conflict(
                f"{value} beside kind: pair", "a currency pair is quoted in what its name says; leave quote out"
            )
        return value

    @field_validator("splits", "dividends", mode="after")
    @classmethod
    def _of_shares(cls, value: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        if value and info.data.get("kind") == "pair":
            raise conflict(f"{len(value)} of a currency pair", "only shares have them; kind is pair")
        dates = [each.date for each in value]
        twice = next((date for place, date in enumerate(dates) if date in dates[:place]), None)
        if twice is not None:
            raise conflict(f"{twice!r} stands twice", "one date has one of them")
        return value

    @model_validator(mode="after")
    def _pips(self) -> Self:
        counted = self.swap is not None and self.swap.unit == "pips"
        if counted and self.pip is None and self.kind not in (None, "pair"):
            rule = "a pip is a currency pair's; say instrument.pip, or write unit: yearly"
            raise conflict(f"a swap in pips of {self.kind} without a pip", rule)
        return self
