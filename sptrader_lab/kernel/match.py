"""Match: at which price an order fills, whether a protective level is reached, and where levels lie (S6-S9)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sptrader_lab.kernel.compile import formula
from sptrader_lab.kernel.rolling import is_above, reaches_down, reaches_up
from sptrader_lab.types.reasons import BREAK_EVEN, NONE, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP
from sptrader_lab.types.records import BEST, LIMIT, MARKET


@formula
def slipped(price: float, side: int, slippage: float) -> float:
    """Return what a market or stop order of `side` (+1 buys) pays or gets at `price` (S9)."""
    return price * (1.0 + side * slippage)


@formula
def stop_in_force(position: Any) -> tuple[float, int]:
    """Return the tightest of stop, trailing and break-even level with its reason; NaN when there is none (S8)."""
    side, stop, reason = position.side, position.stop, STOP_LOSS
    if math.isnan(stop) or is_above(side * position.trail, side * stop):
        stop, reason = position.trail, TRAILING_STOP
    if not math.isnan(position.even) and (math.isnan(stop) or is_above(side * position.even, side * stop)):
        stop, reason = position.even, BREAK_EVEN
    return stop, reason


@formula
def passed_at_open(position: Any, open: float) -> int:
    """Return the reason of the protective level that the open has already passed, or NONE (S6)."""
    side = position.side
    stop, reason = stop_in_force(position)
    if reaches_down(side * open, side * stop):
        return reason
    if reaches_up(side * open, side * position.target):
        return TAKE_PROFIT
    return NONE


@formula
def reached_inside(position: Any, high: float, low: float, intrabar: int) -> tuple[float, int, bool]:
    """Return level, reason and ambiguity of the protective order that the bar's range fills (S7); NONE when none does."""
    side = position.side
    adverse, favourable = (low, high) if side > 0 else (high, low)
    stop, reason = stop_in_force(position)
    stopped = reaches_down(side * adverse, side * stop)
    won = reaches_up(side * favourable, side * position.target)
    if won and (intrabar == BEST or not stopped):
        return position.target, TAKE_PROFIT, stopped
    if stopped:
        return stop, reason, won
    return math.nan, NONE, False


@formula
def fills_at_open(kind: int, side: int, price: float, level: float) -> bool:
    """Say whether an entry order of this kind and level fills when its side opens at `price`."""
    if kind == MARKET:
        return True
    if kind == LIMIT:
        return reaches_down(side * price, side * level)
    return reaches_up(side * price, side * level)


@formula
def fills_inside(kind: int, side: int, high: float, low: float, level: float) -> bool:
    """Say whether the range of a bar, in the prices of the order's side, reaches its level."""
    if kind == LIMIT:
        return reaches_down(side * (low if side > 0 else high), side * level)
    return reaches_up(side * (high if side > 0 else low), side * level)


@formula
def in_entry_bar(
    position: Any, high: float, low: float, close: float, by_limit: bool, intrabar: int
) -> tuple[float, int, bool]:
    """Return level, reason and ambiguity of what ends a position in the bar inside which it was entered (S7).

    A limit order's adverse extreme comes after its fill, since the price has to pass the limit to get there; everything
    else may have come before. NONE when the position stays, perhaps ambiguously.
    """
    side = position.side
    adverse, favourable = (low, high) if side > 0 else (high, low)
    stop, reason = stop_in_force(position)
    stopped = reaches_down(side * adverse, side * stop)
    won = reaches_up(side * favourable, side * position.target)
    surely_stopped = stopped and (by_limit or reaches_down(side * close, side * stop))
    surely_won = won and reaches_up(side * close, side * position.target)
    worst = reason if stopped else TAKE_PROFIT if surely_won else NONE
    best = TAKE_PROFIT if won else reason if surely_stopped else NONE
    chosen = best if intrabar == BEST else worst
    return (position.target if chosen == TAKE_PROFIT else stop), chosen, worst != best


@formula
def level(fill: float, distance: float, direction: int, tick: float) -> float:
    """Return the price `distance` away from `fill` in `direction`, rounded to the tick away from it; NaN for no distance."""
    if distance <= 0.0:
        return math.nan
    return to_tick(fill + direction * distance, direction, tick)


@formula
def to_tick(price: float, direction: int, tick: float) -> float:
    """Return the price rounded to the tick in `direction`; without a tick as it is."""
    if tick > 0.0:
        steps = price / tick
        # 1e-9 of a tick: a level that lies on the grid but for its last bits stays where it is.
        price = (np.ceil(steps - 1e-9) if direction > 0 else np.floor(steps + 1e-9)) * tick
    return price


@formula
def trail_level(extreme: float, fraction: float, distance: float, side: int, tick: float) -> float:
    """Return the trailing stop that belongs to `extreme` (S8); NaN when nothing trails."""
    return level(extreme, fraction * extreme + distance, -side, tick)
