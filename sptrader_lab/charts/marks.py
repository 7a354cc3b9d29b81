"""Trades as a chart needs them: closed ones and those still open, of one symbol, and which of them to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.charts.buckets import Bars
from sptrader_lab.errors import InputError, unknown
from sptrader_lab.types.reasons import REASONS

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

#: Trades that a chart draws at most; beyond it the largest gains and losses in view are drawn, and the title says so.
MOST_TRADES: Final = 1000


class Marks(NamedTuple):
    """Trades of one symbol, one value per trade; open positions come last, marked at the last close.

    Attributes
    ----------
    side : numpy.ndarray of int
        +1 long, -1 short.
    entry_bar, exit_bar : numpy.ndarray of int
        Positions in the symbol's candles.
    entry_time, exit_time : numpy.ndarray of int64
        Opening instants of those bars, ns UTC.
    pnl : numpy.ndarray of float64
        Account money; unrealised while open.
    closed, ambiguous : numpy.ndarray of bool
    reason : numpy.ndarray of str
        Why it was closed; ``"open"`` for an open position.
    """

    id: NDArray[np.int64]
    side: NDArray[np.int64]
    entry_bar: Bars
    exit_bar: Bars
    entry_time: NDArray[np.int64]
    exit_time: NDArray[np.int64]
    entry_price: NDArray[np.float64]
    exit_price: NDArray[np.float64]
    stop: NDArray[np.float64]
    target: NDArray[np.float64]
    quantity: NDArray[np.float64]
    pnl: NDArray[np.float64]
    closed: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    reason: NDArray[np.str_]

    def at(self, which: Bars) -> Marks:
        """Return some of the trades, in the order asked for."""
        several: tuple[NDArray[Any], ...] = tuple(values[which] for values in self)
        return Marks(*several)


def symbol_index(result: Result, symbol: int | str) -> int:
    """Return the position of a symbol in the run's list.

    Raises
    ------
    InputError
        When the run has no such symbol, with the nearest one.
    """
    names = [candles.symbol for candles in result.candles]
    if isinstance(symbol, str):
        if symbol not in names:
            raise InputError(unknown("symbol", symbol, names, "this run"))
        return names.index(symbol)
    if not 0 <= symbol < len(names):
        raise InputError(f"symbol {symbol} is not in this run; it has 0 .. {len(names) - 1} ({', '.join(names)})")
    return symbol


def marks(result: Result, symbol: int) -> Marks:
    """Return the trades and open positions of one symbol of the run."""
    candles = result.candles[symbol]
    trades = result.outcome.trades
    trades = trades[trades["symbol"] == symbol]
    open_ = result.outcome.positions
    open_ = open_[open_["symbol"] == symbol]
    count, last = len(open_), max(len(candles) - 1, 0)
    mark = np.full(count, candles.close[-1] if count else np.nan)
    size = open_["side"] * open_["quantity"] * result.instruments[symbol].multiplier

    def both(name: str, still: Any, dtype: type = np.float64) -> NDArray[Any]:
        return np.concatenate([trades[name], still]).astype(dtype)

    return Marks(
        id=both("id", open_["id"], np.int64),
        side=both("side", open_["side"], np.int64),
        entry_bar=both("entry_bar", open_["entry_bar"], np.intp),
        exit_bar=both("exit_bar", np.full(count, last), np.intp),
        entry_time=both("entry_time", open_["entry_time"], np.int64),
        exit_time=both("exit_time", np.full(count, candles.time[-1] if len(candles) else 0), np.int64),
        entry_price=both("entry_price", open_["entry_price"]),
        exit_price=both("exit_price", mark),
        stop=both("stop", open_["stop"]),
        target=both("target", open_["target"]),
        quantity=both("quantity", open_["quantity"]),
        pnl=both("pnl", size * (mark - open_["entry_price"]) - open_["costs"]),
        closed=np.arange(len(trades) + count) < len(trades),
        ambiguous=both("ambiguous", np.zeros(count), np.bool_),
        reason=np.array([REASONS[code] for code in trades["reason"]] + ["open"] * count, dtype=np.str_),
    )


def in_view(trades: Marks, start_bar: int, stop_bar: int) -> Bars:
    """Return which trades lived during `start_bar`..`stop_bar` (half-open)."""
    return np.flatnonzero((trades.entry_bar < stop_bar) & (trades.exit_bar >= start_bar))


def largest(trades: Marks, which: Bars, most: int = MOST_TRADES) -> Bars:
    """Return `which`, or the `most` of them with the largest profit or loss, in their old order."""
    if len(which) <= most:
        return which
    order = np.argsort(-np.abs(trades.pnl[which]), kind="stable")
    return np.sort(which[order[:most]])
