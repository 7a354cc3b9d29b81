"""Forms: `entry` and `exit` as a file may write them, before `sides` brings them to one rule per side."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from sptrader_lab.strategy.schema.levels import OptionalBreakEven, OptionalLevel, OptionalTargets
from sptrader_lab.strategy.schema.orders import Order, Session
from sptrader_lab.strategy.schema.section import Section, Shape, key, one_of
from sptrader_lab.strategy.schema.sizes import Size
from sptrader_lab.strategy.schema.values import Text, Whole

#: The older dialect's names of sizers.
SIZE_METHODS: Final = {
    "fixed_percentage": "fraction",
    "percentage": "fraction",
    "fixed_units": "units",
    "fixed_amount": "cash",
    "fixed_cash": "cash",
    "risk_based": "risk",
    "volatility_based": "volatility",
}
_CONDITION: Final = Shape("[condition](strategy.md#conditions)", {"$ref": "#/definitions/condition"})
_ONE_OF: Final = "one of these"

Condition = Annotated[Any, _CONDITION]


class EntrySideForm(Section):
    """One side of an entry; a condition may stand there directly."""

    short_shape = _CONDITION

    when: Condition = key("opens that side", None, shown="required")
    size: Size | None = key("the same for both sides", None, rule="S10")


class ExitSideForm(Section):
    """One side of an exit; a condition may stand there directly."""

    short_shape = _CONDITION

    when: Condition = key("closes that side", None, shown="required")


class SignalExitForm(Section):
    """The older way to write an exit; a condition may stand there directly."""

    short_shape = _CONDITION

    when: Condition = key("closes the position", None, shown="required")
    action: Annotated[str, one_of("close", "close_all")] | None = key("both close the position", None, shown="`close`")


class EntryForm(Section):
    """When positions open, and how much (S3, S10)."""

    conditions: ClassVar[Any] = {
        "anyOf": [{"required": [name]} for name in ("when", "long", "short", "primary", "filters")]
    }

    when: Condition = key("all of a list must hold at the same close", None, rule="S3", shown=_ONE_OF)
    action: Annotated[str, one_of("buy", "sell")] | None = key("which side a flat `when` opens", None, shown="`buy`")
    long: EntrySideForm | None = key("when to buy, instead of a flat `when`", None, rule="S3", shown=_ONE_OF)
    short: EntrySideForm | None = key("when to sell, instead of a flat `when`", None, rule="S3", shown=_ONE_OF)
    size: Size | None = key("how much; the same for both sides", None, rule="S10", shown="0.1, with a warning")
    order: Order | None = key("how it reaches the market; the same for both sides", None, rule="S5", shown="`market`")
    primary: Condition = key("older dialect: must hold with all `filters`", None)
    filters: Condition = key("older dialect: list of conditions that must hold with `primary`", None)
    size_method: Annotated[str, one_of(*SIZE_METHODS)] | None = key("older dialect: type of `size`", None)
    size_value: Text | None = key("older dialect: value of `size`", None)


class ExitForm(Section):
    """When positions close (S3, S5 to S8)."""

    when: Condition = key("closes the side, or both sides, that `entry` opens", None, rule="S3")
    signal_exit: SignalExitForm | None = key("the same; beside `when`, either is enough", None, rule="S3")
    long: ExitSideForm | None = key("closes longs, besides a flat rule", None, rule="S3")
    short: ExitSideForm | None = key("closes shorts, besides a flat rule", None, rule="S3")
    action: Annotated[str, one_of("close", "close_all")] | None = key("both close the position", None, shown="`close`")
    stop_loss: OptionalLevel = key("from the entry's fill", None, rule="S6, S7")
    take_profit: OptionalTargets = key("from the entry's fill", None, rule="S6, S7")
    trailing_stop: OptionalLevel = key("from the best price of the bars before", None, rule="S8")
    break_even: OptionalBreakEven = key(
        "moves the stop to the entry price once the position has come far enough", None, rule="S8"
    )
    session: Session | None = key("time of the day at which every position leaves", None, rule="S4")
    max_holding_period: Whole | None = key("bars, the entry bar counting as 1", None, rule="S5")
