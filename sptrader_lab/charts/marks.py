"""Trades as a chart needs them: closed ones and those still open, of one symbol, and which of them to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.charts.buckets import Bars
from sptrader_lab.errors import InputError, unknown
from sptrader_lab.types.reasons import BREAK_EVEN, REASONS, TRAILING_STOP
from sptrader_lab.types.records import KINDS

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
    pnl, financing : numpy.ndarray of float64
        Account money; unrealised while open. Of the profit, `financing` came from swaps and dividends.
    closed, ambiguous : numpy.ndarray of bool
    reason : numpy.ndarray of str
        Why it was closed; ``"open"`` for an open position.
    strategy : numpy.ndarray of int
        Position in the run's list of strategies.
    part : numpy.ndarray of int
        Which closing fill of a position closed in parts, from 1; 0 for one closed whole.
    rests : numpy.ndarray of bool
        Whether a part of the position stayed open behind this exit.
    moved : numpy.ndarray of bool
        Whether a stop that had been moved closed it: trailing or break-even.
    kind : numpy.ndarray of str
        Of the entry order.
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
    financing: NDArray[np.float64]
    strategy: NDArray[np.int64]
    part: NDArray[np.int64]
    rests: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    kind: NDArray[np.str_]

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
    held = result.outcome.positions["symbol"] == symbol
    open_ = result.outcome.positions[held]
    told = result.positions[held]
    count, last = len(open_), max(len(candles) - 1, 0)

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
        exit_price=both("exit_price", told["mark"]),
        stop=both("stop", open_["stop"]),
        target=both("target", open_["target"]),
        quantity=both("quantity", open_["quantity"]),
        pnl=both("pnl", told["unrealized_pnl"]),
        closed=np.arange(len(trades) + count) < len(trades),
        ambiguous=both("ambiguous", np.zeros(count), np.bool_),
        reason=np.array([REASONS[code] for code in trades["reason"]] + ["open"] * count, dtype=np.str_),
        financing=both("financing", open_["financing"]),
        strategy=both("strategy", open_["strategy"], np.int64),
        part=both("part", np.zeros(count), np.int64),
        rests=np.concatenate([_rests(trades, open_), np.zeros(count, np.bool_)]),
        moved=np.isin(both("reason", np.zeros(count), np.int64), [TRAILING_STOP, BREAK_EVEN]),
        kind=_entry_kinds(result, both("entry_order", open_["entry_order"], np.int64)),
    )


def _rests(trades: NDArray[Any], still: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which exits left a part of their position open: later parts close it, or it is open at the end."""
    ids, place = np.unique(trades["id"], return_inverse=True)
    last = np.zeros(len(ids), np.int64)
    np.maximum.at(last, place, trades["part"])
    return np.asarray((trades["part"] < last[place]) | np.isin(trades["id"], still["id"]))


def _entry_kinds(result: Result, orders: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return the kind of each of these orders in words."""
    known = result.outcome.orders
    codes = dict(zip(known["id"].tolist(), known["kind"].tolist(), strict=True))
    return np.array([KINDS[codes.get(order, 0)] for order in orders.tolist()], dtype=np.str_)


def in_view(trades: Marks, start_bar: int, stop_bar: int) -> Bars:
    """Return which trades lived during `start_bar`..`stop_bar` (half-open)."""
    return np.flatnonzero((trades.entry_bar < stop_bar) & (trades.exit_bar >= start_bar))


def largest(trades: Marks, which: Bars, most: int = MOST_TRADES) -> Bars:
    """Return `which`, or the `most` of them with the largest profit or loss, in their old order."""
    if len(which) <= most:
        return which
    order = np.argsort(-np.abs(trades.pnl[which]), kind="stable")
    return np.sort(which[order[:most]])
