"""Levels: how far stops, targets and break-even stops lie from the entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator, model_validator

from sptrader_lab.strategy.schema.section import Section, Shape, conflict, key, one_of, refused
from sptrader_lab.strategy.schema.values import FALSE, TRUE, Fraction, NotNegative, Positive, Whole, flag, fraction

_FRACTION = Shape("fraction up to 1", {"type": "number", "exclusiveMinimum": 0, "maximum": 1})
_UP_TO_1 = {
    "if": {"properties": {"type": {"const": "percentage"}}},
    "then": {"properties": {"value": {"maximum": 1}}},
}


class Level(Section):
    """How far a stop, target or trailing stop lies from the entry; a bare number is a percentage."""

    shorthand = "value"
    short_shape = _FRACTION
    conditions: ClassVar[Mapping[str, Any]] = _UP_TO_1

    type: Annotated[str, one_of("percentage", "price", "atr")] = key(
        "a fraction of the price (0.02 means 2 %), a distance in price units (0.0020 is 20 pips of EURUSD), or multiples of the ATR",
        "percentage",
        rule="S10",
    )
    value: Positive = key("how far", rule="S10")
    period: Whole = key("bars of the ATR", 14)

    @field_validator("value", mode="before")
    @classmethod
    def _fraction(cls, value: Any, info: ValidationInfo) -> Any:
        return fraction(value) if info.data.get("type") == "percentage" else value


class Target(Level):
    """One of several targets, and how much of the position it closes."""

    share: Fraction | None = key("part of the opening quantity that it closes; the last target takes the rest", None)


class EvenOffset(Section):
    """How far beyond the entry a break-even stop lies; a bare number is a percentage."""

    shorthand = "value"
    short_shape = Shape("fraction from 0", {"type": "number", "minimum": 0, "maximum": 1})
    conditions: ClassVar[Mapping[str, Any]] = _UP_TO_1

    type: Annotated[str, one_of("percentage", "price")] = key(
        "a fraction of the price, or a distance in price units", "percentage"
    )
    value: NotNegative = key("how far, on the side of profit", 0.0)

    @field_validator("value", mode="before")
    @classmethod
    def _fraction(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("type") != "percentage" or value in ("0", "0.0"):
            return value
        return fraction(value)


class BreakEven(Section):
    """A stop at the entry price once the position has come far enough; a bare level is the trigger."""

    shorthand = "trigger"
    short_shape = _FRACTION

    trigger: Level = key("how far the best price of closed bars must have come from the entry", rule="S8")
    offset: EvenOffset = key("how far beyond the entry price the stop then lies", EvenOffset(), shown="0")

    @model_validator(mode="before")
    @classmethod
    def _bare_level(cls, data: Any) -> Any:
        bare = isinstance(data, Mapping) and "value" in data and "trigger" not in data
        return {"trigger": data} if bare else data

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        if self.offset.type == self.trigger.type and self.offset.value >= self.trigger.value:
            rule = (
                f"must be below the trigger, {self.trigger.value:g}: the stop would lie beyond the price that sets it"
            )
            raise conflict(f"an offset of {self.offset.value:g}", rule)
        return self


def _level_or_none(value: Any) -> Any:
    """Read `false` as no level at all; `true` says too little."""
    if isinstance(value, str) and value.lower() in (*TRUE, *FALSE, "none"):
        if value.lower() != "none" and flag(value):
            raise refused(value, "must say how far: 0.02 for 2 %, or {type: atr, value: 2.0}")
        return None
    return value


def _as_targets(value: Any) -> Any:
    """Read one level as a list of one target."""
    found = _level_or_none(value)
    if isinstance(found, (list, tuple)) and not found:
        raise refused(value, "an empty list holds no target; leave the key out for none")
    return [found] if isinstance(found, (str, Mapping)) else found


def _shares(targets: tuple[Target, ...] | None) -> tuple[Target, ...] | None:
    """Check that the targets share out one position among them; the last one takes the rest."""
    if targets is None:
        return None
    *others, last = targets
    for target in others:
        if target.share is None:
            raise conflict(
                f"the target at {target.value:g} has no share", "only the last may leave it out: it takes the rest"
            )
    rest = 1.0 - sum(target.share or 0.0 for target in others)
    if (last.share or 0.0) > rest + 1e-9:
        total = sum(target.share or 0.0 for target in targets)
        raise conflict(f"shares of {total:g} in all", "they must add up to 1 at most: they are parts of one position")
    if last.share is None and rest < 1e-9:
        raise conflict(
            f"nothing is left for the target at {last.value:g}",
            "those before it close the whole position; give them less",
        )
    periods = sorted({target.period for target in targets if target.type == "atr"})
    if len(periods) > 1:
        raise conflict(
            f"ATRs of {' and '.join(map(str, periods))} bars", "all targets count in one ATR; give them one period"
        )
    return targets if last.share is not None else (*others, last.model_copy(update={"share": rest}))


OptionalLevel = Annotated[
    Level | None,
    BeforeValidator(_level_or_none),
    Shape("[level](#level), or `false`", {"$ref": "#/definitions/OptionalLevel"}),
]
OptionalTargets = Annotated[
    tuple[Target, ...] | None,
    BeforeValidator(_as_targets),
    AfterValidator(_shares),
    Shape("[level](#level), list of [targets](#target), or `false`", {"$ref": "#/definitions/OptionalTargets"}),
]
OptionalBreakEven = Annotated[
    BreakEven | None,
    BeforeValidator(_level_or_none),
    Shape("[break-even](#break-even), or `false`", {"$ref": "#/definitions/OptionalBreakEven"}),
]
