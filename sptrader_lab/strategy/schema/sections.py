"""Sections: the models of everything in a strategy but its conditions, levels, orders, account and instrument."""

from __future__ import annotations

from typing import Annotated

from sptrader_lab.strategy.schema.levels import OptionalLevel, OptionalTargets
from sptrader_lab.strategy.schema.section import Section, Shape, key, one_of
from sptrader_lab.strategy.schema.sizes import Size
from sptrader_lab.strategy.schema.times import Days, Duration, Hours, TimeframeText, TimeText, Zone
from sptrader_lab.strategy.schema.values import (
    Cost,
    Flag,
    Fraction,
    NotNegative,
    Positive,
    Spread,
    Text,
    Texts,
    Whole,
)
from sptrader_lab.types.records import INTRABAR

_ORDER_TYPES = dict.fromkeys(
    ("limit", "stop", "stop_limit"), "orders are written under entry: entry.order: {type: limit, offset: 0.001}"
)


class Commission(Section):
    """What a fill costs (S9); a bare number is a fraction of its notional."""

    shorthand = "fraction"
    short_shape = Shape("fraction of notional", {"type": "number", "minimum": 0, "exclusiveMaximum": 1})

    fraction: Cost = key("of notional", 0.0)
    per_unit: NotNegative = key("account money per unit", 0.0)
    per_order: NotNegative = key("account money per fill", 0.0)
    minimum: NotNegative = key("at least this much per fill", 0.0)


class Dependencies(Section):
    """Components that the file names; each must exist."""

    indicators: Texts = key("indicator components", ())
    signals: Texts = key("signal components", ())


class Risk(Section):
    """Limits (S14) and, when `exit` and `entry` do not say, levels and size."""

    max_drawdown: Fraction | None = key("closes everything and halts for good", None, rule="S14")
    daily_loss_limit: Fraction | None = key("closes everything until the next trading day", None, rule="S14")
    position_limit: Positive | None = key(
        "caps each entry, as a fraction of equity: up to 1, in a margin account up to its leverage", None, rule="S10"
    )
    max_positions: Whole | None = key("open positions and waiting entries of the strategy", None, rule="S13")
    max_positions_per_symbol: Whole | None = key("the same of one symbol", None, rule="S13", shown="1")
    position_size: Size | None = key("when `entry.size` does not say", None, rule="S10")
    stop_loss: OptionalLevel = key("when `exit` does not say", None, rule="S6, S7")
    take_profit: OptionalTargets = key("when `exit` does not say", None, rule="S6, S7")
    trailing_stop: OptionalLevel = key("when `exit` does not say", None, rule="S8")
    max_holding_period: Whole | None = key("bars, when `exit` does not say", None, rule="S5")


class Execution(Section):
    """How orders fill and what that costs (S3, S7, S9)."""

    order_type: Annotated[str, one_of("market", elsewhere=_ORDER_TYPES)] = key(
        "older files say it; other orders are written under `entry.order`", "market", rule="S3"
    )
    fill: Annotated[str, one_of("next_open", "close")] = key("`close` is for research only", "next_open", rule="S3")
    slippage: Cost = key("of the price; worsens market and stop fills", 0.0001, rule="S9")
    commission: Commission | None = key("wins over `backtest.commission`", None, rule="S9", shown="0")
    spread: Spread | None = key("ask minus bid; `column`: the candles' own", None, rule="S9", shown="none")
    expire_after: Duration | None = key(
        "an entry that has not filled by then is dropped", None, rule="S3", shown="never"
    )
    intrabar: Annotated[str, one_of(*INTRABAR)] = key(
        "what comes first where a bar reaches both stop and target; `finer` looks at finer candles",
        INTRABAR[0],
        rule="S7",
    )


class Filters(Section):
    """When an entry is forbidden, tested at the decision (S4)."""

    min_volume_usd: NotNegative | None = key("least volume times close of the candle", None)
    max_spread_bps: NotNegative | None = key(
        "basis points of the close; without candles that have a spread it is noted as not applied", None
    )
    trading_hours: Hours | None = key("both minutes included; may wrap midnight", None, rule="S4", shown="all day")
    trading_days: Days | None = key("a range may wrap the week", None, rule="S4", shown="all")
    trading_zone: Zone = key("of hours and days, and of `exit.session`", "UTC", rule="S4")


class Metrics(Section):
    """What the writer of the file wants to see first."""

    track: Texts = key("metrics shown first; unknown names are warned about", ())


class Backtest(Section):
    """What a backtest uses when its caller does not say."""

    start_date: TimeText | None = key(
        "used by the command line alone, without `--from`; earlier candles warm the indicators up",
        None,
        shown="all candles",
    )
    end_date: TimeText | None = key("the same without `--to`; a bare date is included", None, shown="all candles")
    initial_capital: Positive = key("account money at the start", 10_000.0)
    commission: Commission = key("as in `execution`", Commission(), rule="S9", shown="0")
    data_frequency: TimeframeText | None = key("used by the command line alone, without `--timeframe`", None)
    optimization: dict[str, Texts] = key("parameter: list of values; what a sweep tries without a grid", {})


class Live(Section):
    """Which mode a caller gets who does not choose one, and the cap of a live position."""

    enabled: Flag = key("`true` is warned about: this version only backtests", False)
    paper_trade: Flag = key("the mode of a later version", True)
    max_position_value: Positive | None = key("cap of a live position, account money", None)


class Indicator(Section):
    """One indicator under `indicators` or `required_indicators`: a component, its parameters and its source."""

    type: Text = key("the component: `sma`, `core.indicators.trend.sma`, a file path, or `talib.NAME`")
    params: dict[str, Text] = key(
        "its parameters, and `source`: a candle column, `hl2`, `hlc3`, `ohlc4` or another declared indicator "
        "(`macd.signal` for one output) that replaces the close",
        {},
        shown="the component's",
    )
    output: Text = key("which of several outputs fills a signal's input", "", shown="the first")


class RequiredIndicator(Indicator):
    """What fills one input of a signal."""

    name: Text = key(
        "the input; names that match none fill the remaining ones in order, and one entry fills all lines that came from one "
        "component (both lines of a channel)"
    )


class SignalConfig(Section):
    """How one signal is set up: its own parameters and the indicators it reads."""

    type: Text = key("the component, when the name is your own", "", shown="the name")
    parameters: dict[str, Text] = key(
        "its parameters; also `fast_period` for `period` of the input `ma_fast` (or `fast`). They may stand directly under the "
        "signal as well, and then win over `required_indicators`, with a warning",
        {},
        shown="the component's",
    )
    required_indicators: tuple[RequiredIndicator, ...] = key("what fills its inputs", (), shown="the component's")
