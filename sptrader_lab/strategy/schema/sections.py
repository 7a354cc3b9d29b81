"""Sections: the models of everything in a strategy but its conditions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from sptrader_lab.strategy.schema.values import (
    Cost,
    DayEndText,
    Days,
    Duration,
    Flag,
    Fraction,
    Hours,
    NotNegative,
    Positive,
    Section,
    Text,
    Texts,
    TimeframeText,
    TimeText,
    Whole,
    Zone,
    flag,
    fraction,
    one_of,
    refused,
)
from sptrader_lab.strategy.unavailable import INTRABAR_MODES, ORDER_TYPES
from sptrader_lab.types.records import INTRABAR, SIZERS


class Level(Section):
    """How far a stop, target or trailing stop lies from the entry; a bare number is a percentage."""

    type: Annotated[str, BeforeValidator(one_of("percentage", "price", "atr"))] = "percentage"
    value: Positive
    period: Whole = 14

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, data: Any) -> Any:
        return {"type": "percentage", "value": data} if isinstance(data, str) else data

    @field_validator("value", mode="before")
    @classmethod
    def _fraction(cls, value: Any, info: ValidationInfo) -> Any:
        return fraction(value) if info.data.get("type") == "percentage" else value


class Size(Section):
    """How much an entry orders (S10); a bare number is a fraction of equity."""

    type: Annotated[str, BeforeValidator(one_of(*SIZERS))] = "fraction"
    value: Positive
    period: Whole = 14

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, data: Any) -> Any:
        return {"type": "fraction", "value": data} if isinstance(data, str) else data

    @field_validator("value", mode="before")
    @classmethod
    def _fraction(cls, value: Any, info: ValidationInfo) -> Any:
        return fraction(value) if info.data.get("type") in ("fraction", "risk", "volatility") else value


class Commission(Section):
    """What a fill costs (S9); a bare number is a fraction of its notional."""

    fraction: Cost = 0.0
    per_unit: NotNegative = 0.0
    per_order: NotNegative = 0.0
    minimum: NotNegative = 0.0

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, data: Any) -> Any:
        return {"fraction": data} if isinstance(data, str) else data


def _level_or_none(value: Any) -> Any:
    """Read `false` as no level at all; `true` says too little."""
    if isinstance(value, str) and value.lower() in ("true", "yes", "on", "false", "no", "off", "none"):
        if value.lower() != "none" and flag(value):
            raise refused(value, "must say how far: 0.02 for 2 %, or {type: atr, value: 2.0}")
        return None
    return value


OptionalLevel = Annotated[Level | None, BeforeValidator(_level_or_none)]


class Dependencies(Section):
    """Components that the file names; each must exist."""

    indicators: Texts = ()
    signals: Texts = ()


class Risk(Section):
    """Limits of S14 and, when `exit` and `entry` do not say, levels and size."""

    max_drawdown: Fraction | None = None
    daily_loss_limit: Fraction | None = None
    position_limit: Fraction | None = None
    max_positions: Whole | None = None
    max_positions_per_symbol: Whole | None = None
    position_size: Size | None = None
    stop_loss: OptionalLevel = None
    take_profit: OptionalLevel = None
    trailing_stop: OptionalLevel = None
    max_holding_period: Whole | None = None


class Execution(Section):
    """How orders fill and what that costs (S3, S7, S9)."""

    order_type: Annotated[str, BeforeValidator(one_of("market", later=ORDER_TYPES))] = "market"
    fill: Annotated[str, BeforeValidator(one_of("next_open", "close"))] = "next_open"
    slippage: Cost = 0.0001
    commission: Commission | None = None
    expire_after: Duration | None = None
    intrabar: Annotated[str, BeforeValidator(one_of(*INTRABAR, later=INTRABAR_MODES))] = INTRABAR[0]


class Filters(Section):
    """When an entry is forbidden, tested at the decision (S4)."""

    min_volume_usd: NotNegative | None = None
    max_spread_bps: NotNegative | None = None
    trading_hours: Hours | None = None
    trading_days: Days | None = None
    trading_zone: Zone = "UTC"


class Metrics(Section):
    """What the writer of the file wants to see first."""

    track: Texts = ()


class Backtest(Section):
    """What a backtest uses when its caller does not say."""

    start_date: TimeText | None = None
    end_date: TimeText | None = None
    initial_capital: Positive = 10_000.0
    commission: Commission = Field(default_factory=Commission)
    data_frequency: TimeframeText | None = None
    optimization: dict[str, Texts] = Field(default_factory=dict)


class Live(Section):
    """Which mode a caller gets who does not choose one, and the cap of a live position."""

    enabled: Flag = False
    paper_trade: Flag = True
    max_position_value: Positive | None = None


class InstrumentFacts(Section):
    """Facts about the instrument that replace those known from its symbol (S4, S10)."""

    pip: Positive | None = None
    step: Positive | None = None
    minimum: NotNegative | None = None
    multiplier: Positive | None = None
    tick: NotNegative | None = None
    day_end: DayEndText | None = None
    every_day: Flag | None = None


class Indicator(Section):
    """One indicator under `indicators` or `required_indicators`: a component, its parameters and its source."""

    type: Text
    params: dict[str, Text] = Field(default_factory=dict)
    output: Text = ""


class RequiredIndicator(Indicator):
    """One entry of `required_indicators`: fills the input called `name`."""

    name: Text


class SignalConfig(Section):
    """How one signal is set up: its own parameters and the indicators it reads."""

    type: Text = ""
    parameters: dict[str, Text] = Field(default_factory=dict)
    required_indicators: tuple[RequiredIndicator, ...] = ()
