"""One story told to three backtesters: candles whose volume says what is decided at each close, and the answers in one form.

vectorbt (Apache 2.0 with Commons Clause) and backtesting.py (AGPL) are peers for tests only; nothing that is installed imports them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import sptrader_lab as lab
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.instants import parse_time

HOLD, LONG, SHORT, LEAVE = 0, 1, 2, 3  # what the volume of a candle stands for
CAPITAL = 100_000.0


class Trade(NamedTuple):
    """A closed trade; `costs` are the commissions of both fills."""

    side: int
    entry_bar: int
    exit_bar: int
    quantity: float
    entry_price: float
    exit_price: float
    costs: float


class Told(NamedTuple):
    """What one backtester says of a story: closed trades in the order of their entries, and equity at every close."""

    trades: list[Trade]
    equity: np.ndarray
    raw: Any


@dataclass(frozen=True)
class Rules:
    """What all three are told; fractions, zero is none. `commission` is a fraction of notional, `per_order` money."""

    units: float = 10_000.0
    fraction: float = 0.0
    step: float = 0.01
    stop: float = 0.0
    target: float = 0.0
    trail: float = 0.0
    slippage: float = 0.0
    commission: float = 0.0
    per_order: float = 0.0
    at_close: bool = False
    holding: int = 0
    intrabar: str = "worst"

    def yaml(self) -> str:
        """The strategy in our words: the volume decides, a reversal at one price."""
        size = (
            f"{{type: fraction, value: {self.fraction}}}" if self.fraction else f"{{type: units, value: {self.units}}}"
        )
        given = {"stop_loss": self.stop, "take_profit": self.target, "trailing_stop": self.trail}
        levels = [f"{name}: {value!r}" for name, value in given.items() if value]
        levels += [f"max_holding_period: {self.holding}"] if self.holding else []
        lines = [
            "name: story",
            f'entry: {{long: {{when: "volume == {LONG}"}}, short: {{when: "volume == {SHORT}"}}, size: {size}}}',
            "exit:",
            f'  long: {{when: "volume == {SHORT} or volume == {LEAVE}"}}',
            f'  short: {{when: "volume == {LONG} or volume == {LEAVE}"}}',
            *(f"  {level}" for level in levels),
            f"execution: {{slippage: {self.slippage!r}, fill: {'close' if self.at_close else 'next_open'},",
            f"  intrabar: {self.intrabar},",
            f"  commission: {{fraction: {self.commission!r}, per_order: {self.per_order!r}}}}}",
            f"instrument: {{step: {self.step!r}}}",
        ]
        return "\n".join(lines)


# --- Stories ----------------------------------------------------------------------------------------------------------


def decide(candles: lab.Candles, codes: np.ndarray) -> lab.Candles:
    """The same candles with `codes` as their volume; the last close decides nothing, for no bar is left to fill it."""
    volume = np.array(codes, dtype=float)
    volume[-1:] = HOLD
    prices = (candles.open, candles.high, candles.low, candles.close)
    return lab.Candles(candles.symbol, candles.timeframe, candles.time, *prices, volume, source=candles.source)


def random_codes(seed: int, count: int, share: float = 0.1, kinds: Sequence[int] = (LONG, SHORT, LEAVE)) -> np.ndarray:
    """Decide something at a `share` of the closes; nothing at the first, where backtesting.py can't."""
    random = np.random.default_rng(seed)
    codes = np.where(random.random(count) < share, random.choice(kinds, count), HOLD)
    codes[:2] = HOLD
    return codes


def walk(seed: int, bars: int = 1500, volatility: float = 0.002, symbol: str = "EURUSD") -> lab.Candles:
    """Hours of a random walk that opens a little away from the close before."""
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, volatility, bars)))
    opens = np.concatenate([[1.1], close[:-1]]) * (1 + random.normal(0, volatility / 5, bars))
    reach = random.exponential(volatility / 2, (2, bars))
    high, low = np.maximum(opens, close) * (1 + reach[0]), np.minimum(opens, close) * (1 - reach[1])
    time = parse_time("2025-01-06") + np.arange(bars, dtype=np.int64) * HOUR
    return lab.Candles(symbol, "1h", time, opens, high, low, close, np.zeros(bars), source="random walk")


def story(text: str) -> lab.Candles:
    """Read hours written as `open high low close word`; words are long, short, leave."""
    codes = {"long": LONG, "short": SHORT, "leave": LEAVE}
    rows = [line.split() for line in text.strip().splitlines()]
    prices = np.array([[float(word) for word in row[:4]] for row in rows]).T
    volume = np.array([codes[row[4]] if len(row) > 4 else HOLD for row in rows], dtype=float)
    time = parse_time("2025-01-07") + np.arange(len(rows), dtype=np.int64) * HOUR
    return lab.Candles("ACME", "1h", time, *prices, volume, source="written")


# --- The three --------------------------------------------------------------------------------------------------------


def ask_lab(candles: lab.Candles, rules: Rules) -> Told:
    result = lab.backtest(lab.load_strategy(rules.yaml()), candles, capital=CAPITAL)
    columns = ("side", "entry_bar", "exit_bar", "quantity", "entry_price", "exit_price", "costs")
    rows = zip(*(result.trades[name].tolist() for name in columns), strict=True)
    trades = sorted(
        (Trade({"long": 1, "short": -1}[row[0]], *row[1:]) for row in rows), key=lambda trade: trade.entry_bar
    )
    return Told(trades, result.equity.to_numpy(), result)


def ask_vectorbt(candles: lab.Candles, rules: Rules, **more: Any) -> Told:
    """Signals and prices as this page says; `more` are arguments of `from_signals` that replace ours."""
    import vectorbt as vbt

    frame = candles.to_frame().tz_localize(None)
    codes = frame["volume"] if rules.at_close else frame["volume"].shift(1, fill_value=HOLD)
    given: dict[str, Any] = {
        "entries": codes == LONG,
        "exits": (codes == SHORT) | (codes == LEAVE),
        "short_entries": codes == SHORT,
        "short_exits": (codes == LONG) | (codes == LEAVE),
        "upon_opposite_entry": "reverse",
        "price": frame["close"] if rules.at_close else frame["open"],
        "size": rules.fraction or rules.units,
        "size_type": "percent" if rules.fraction else "amount",
        "fees": rules.commission,
        "fixed_fees": rules.per_order,
        "slippage": rules.slippage,
        "sl_stop": rules.trail or rules.stop or None,
        "sl_trail": bool(rules.trail),
        "tp_stop": rules.target or None,
        "stop_entry_price": "fillprice",
        "stop_exit_price": "stopmarket" if rules.stop or rules.trail else "stoplimit",
        "size_granularity": rules.step if rules.fraction else np.nan,
    }
    prices = {name: frame[name] for name in ("open", "high", "low")}
    portfolio = vbt.Portfolio.from_signals(
        frame["close"], **prices, **(given | more), init_cash=CAPITAL, freq="1h", engine="rust"
    )
    records = portfolio.trades.closed.values
    columns = ("entry_idx", "exit_idx", "size", "entry_price", "exit_price")
    rows = zip(records["direction"].tolist(), *(records[name].tolist() for name in columns), strict=True)
    costs = (records["entry_fees"] + records["exit_fees"]).tolist()
    trades = [Trade(1 - 2 * row[0], *row[1:], cost) for row, cost in zip(rows, costs, strict=True)]
    return Told(sorted(trades, key=lambda trade: trade.entry_bar), portfolio.value().to_numpy(), portfolio)


def ask_backtesting(candles: lab.Candles, rules: Rules, *, levels_from_fill: bool = True, **more: Any) -> Told:
    """`levels_from_fill` computes stop and target from the price that the entry will fill at, as we do; `more` are arguments
    of `Backtest` that replace ours.
    """
    from backtesting import Backtest, Strategy

    opens, closes, volume = candles.open, candles.close, candles.volume
    frame = candles.to_frame().tz_localize(None).rename(columns=str.capitalize)
    size = rules.fraction or rules.units

    class Story(Strategy):
        def init(self) -> None: ...

        def next(self) -> None:
            bar = len(self.data) - 1
            code = volume[bar]
            held = self.trades[0] if self.trades else None
            aged = held is not None and rules.holding and bar - held.entry_bar + 1 >= rules.holding
            wanted = {LONG: 1, SHORT: -1}.get(code, 0)
            side = 0 if held is None else (1 if held.is_long else -1)
            if held is not None and (aged or code == LEAVE or wanted == -side):
                self.position.close()
                side = 0
            if wanted and not side:
                fill = opens[bar + 1] if levels_from_fill and not rules.at_close else closes[bar]
                stop = fill * (1 - wanted * rules.stop) if rules.stop else None
                target = fill * (1 + wanted * rules.target) if rules.target else None
                (self.buy if wanted > 0 else self.sell)(size=size, sl=stop, tp=target)

    given = {"cash": CAPITAL, "trade_on_close": rules.at_close, "commission": (rules.per_order, rules.commission)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some trades remain open|DatetimeIndex.dayofweek is deprecated")
        stats = Backtest(frame, Story, **(given | more)).run()
    table = stats["_trades"]
    columns = ("EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "Commission")
    rows = zip(table["Size"].tolist(), *(table[name].tolist() for name in columns), strict=True)
    trades = [
        Trade(1 if size > 0 else -1, entry, exit, abs(size), bought, sold, cost)
        for size, entry, exit, bought, sold, cost in rows
    ]
    return Told(sorted(trades, key=lambda trade: trade.entry_bar), stats["_equity_curve"]["Equity"].to_numpy(), stats)


def without_decisions_at_stops(candles: lab.Candles, rules: Rules) -> lab.Candles:
    """Take decisions away from closes of bars in which a stop or a target is hit, where vectorbt drops them."""
    while True:
        trades = ask_lab(candles, rules).raw.trades
        bars = trades.loc[trades["exit_reason"] != "signal", "exit_bar"].to_numpy()
        codes = candles.volume.copy()
        codes[bars] = HOLD
        if np.array_equal(codes, candles.volume):
            return candles
        candles = decide(candles, codes)


def without_decisions_before_gaps(candles: lab.Candles, rules: Rules) -> lab.Candles:
    """Take decisions away from closes whose next open lies beyond a level, where backtesting.py raises."""
    nearest = min((level for level in (rules.stop, rules.target) if level), default=np.inf)
    gap = np.abs(candles.open[1:] / candles.close[:-1] - 1)
    return decide(candles, np.where(np.append(gap, 0) > 0.9 * nearest, HOLD, candles.volume))


# --- Agreement --------------------------------------------------------------------------------------------------------


def assert_same(ours: Told, theirs: Told) -> None:
    """The same trades, bar by bar, and the same equity at every close, to 1e-9."""
    for number, (mine, other) in enumerate(zip(ours.trades, theirs.trades, strict=False)):
        assert mine[:3] == other[:3], f"trade {number}: {mine} and {other}"
        np.testing.assert_allclose(
            mine[3:], other[3:], rtol=1e-9, atol=1e-9, err_msg=f"trade {number}: {mine} and {other}"
        )
    assert len(ours.trades) == len(theirs.trades)
    np.testing.assert_allclose(ours.equity, theirs.equity, rtol=1e-9)


def frame_of(told: Told) -> pd.DataFrame:
    """Trades as a table, for a look at what differs."""
    return pd.DataFrame(told.trades)
