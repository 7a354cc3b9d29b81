"""Sizes: how much an entry orders (S10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ValidationInfo, field_validator

from sptrader_lab.strategy.schema.section import Section, Shape, key, one_of, refused
from sptrader_lab.strategy.schema.values import Positive, Whole, fraction, number
from sptrader_lab.types.records import SIZERS

_KELLY = ("cap", "window", "initial")


class Size(Section):
    """How much an entry orders; a bare number is a fraction of equity."""

    shorthand = "value"
    short_shape = Shape("fraction of equity", {"type": "number", "exclusiveMinimum": 0})
    conditions: ClassVar[Mapping[str, Any]] = {
        "if": {"properties": {"type": {"enum": [name for name in SIZERS if name != "kelly"]}}},
        "then": {"properties": dict.fromkeys(_KELLY, False)},
    }

    type: Annotated[str, one_of(*SIZERS)] = key(
        "`fraction` of equity; `units` of the base; `cash` in account money; `risk`: fraction of equity lost at the stop_loss; "
        "`volatility`: fraction of equity that a move of one ATR costs; `kelly`: part of Thorp's Kelly fraction of the last trades",
        "fraction",
        rule="S10",
    )
    value: Positive = key(
        "how much, counted as `type` says; fractions are up to 1, of type `fraction` in a margin account up to its leverage"
    )
    period: Whole = key("bars of the ATR of type `volatility`", 14)
    cap: Positive = key("kelly: at most this fraction of equity", 0.25, rule="S10")
    window: Whole = key("kelly: how many of the last trades count", 50, rule="S10")
    initial: Positive = key("kelly: fraction of equity before there are as many trades", 0.02, rule="S10")

    @field_validator("value", mode="before")
    @classmethod
    def _fraction(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("type")
        if kind == "kelly" and number(value) > 1:
            raise refused(value, "must be a part of the Kelly fraction, up to 1: 0.5 is half Kelly")
        return fraction(value) if kind in ("risk", "volatility") else value

    @field_validator(*_KELLY, mode="before")
    @classmethod
    def _of_kelly(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("type", "kelly") != "kelly":
            raise refused(value, f"belongs to a size of type kelly; this one is of type {info.data['type']}")
        return value
