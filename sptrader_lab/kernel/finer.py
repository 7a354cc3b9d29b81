"""Finer: what came first inside a bar, read from shorter candles (S7). They decide the order of events, never a price."""

from __future__ import annotations

from typing import Any

from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.match import fills_at_open, fills_inside, in_entry_bar, stop_in_force
from sptrader_lab.kernel.rolling import reaches_down, reaches_up
from sptrader_lab.kernel.state import Market
from sptrader_lab.types.reasons import NONE, TAKE_PROFIT
from sptrader_lab.types.records import LIMIT, WORST


@inlined
def finer_rows(market: Market, symbol: int, row: int) -> tuple[int, int]:
    """Return the finer candles that lie within the bar at `row`: the first, and the one behind the last."""
    low, high = market.finer_first[symbol], market.finer_first[symbol + 1]
    return first_at(market, low, high, market.time[row]), first_at(market, low, high, market.close_time[row])


@inlined
def first_at(market: Market, low: int, high: int, instant: int) -> int:
    """Return the first finer row between `low` and `high` that opens at or after `instant`."""
    while low < high:
        middle = (low + high) // 2
        if market.finer_time[middle] < instant:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def first_reached(market: Market, position: Any, shift: float, low: int, high: int) -> tuple[int, int, bool]:
    """Return the first finer row that reaches the position's stop or target, which it was, and whether it reached both.

    `high` and NONE when none does. Both in one count as the stop.
    """
    side = position.side
    stop, reason = stop_in_force(position)
    for row in range(low, high):
        adverse = (market.finer_low[row] if side > 0 else market.finer_high[row]) + shift
        favourable = (market.finer_high[row] if side > 0 else market.finer_low[row]) + shift
        stopped = reaches_down(side * adverse, side * stop)
        won = reaches_up(side * favourable, side * position.target)
        if stopped or won:
            return row, (reason if stopped else TAKE_PROFIT), stopped and won
    return high, NONE, False


@apart
def replayed(market: Market, position: Any, row: int, shift: float) -> tuple[int, bool]:
    """Return which of stop and target the finer candles of the bar at `row` reach first, and whether in one candle."""
    low, high = finer_rows(market, position.symbol, row)
    _, reason, both = first_reached(market, position, shift, low, high)
    return reason, both


@inlined
def entry_row(market: Market, kind: int, side: int, level: float, shift: float, low: int, high: int) -> int:
    """Return the first finer row that reaches the level of an entry order; `high` when none does."""
    for row in range(low, high):
        if fills_inside(kind, side, market.finer_high[row] + shift, market.finer_low[row] + shift, level):
            return row
    return high


@inlined
def in_entry_candle(
    market: Market, position: Any, kind: int, level: float, into: float, out: float, row: int
) -> tuple[float, int, bool]:
    """Return what ends a position in the finer candle that it was entered in, as `match.in_entry_bar` does under worst.

    `into` and `out` turn prices into those of the entry's and the exit's side. Where the candle has opened beyond the
    level, the position has lived through all of it.
    """
    high, low, close = market.finer_high[row] + out, market.finer_low[row] + out, market.finer_close[row] + out
    if fills_at_open(kind, position.side, market.finer_open[row] + into, level):
        _, reason, both = first_reached(market, position, out, row, row + 1)
        return (position.target if reason == TAKE_PROFIT else stop_in_force(position)[0]), reason, both
    return in_entry_bar(position, high, low, close, kind == LIMIT, WORST)
