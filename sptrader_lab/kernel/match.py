"""Match: at which price an order fills, whether a protective level is reached, and where levels lie (S6-S9)."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.rolling import reaches_down, reaches_up
from sptrader_lab.types.reasons import NONE, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP
from sptrader_lab.types.records import BEST


@inlined
def slipped(price: float, side: int, slippage: float) -> float:
    """Return what a market or stop order of `side` (+1 buys) pays or gets at `price` (S9)."""
    return price * (1.0 + side * slippage)


@inlined
def stop_in_force(position: Any) -> tuple[float, int]:
    """Return the tighter of stop and trailing level with its reason; NaN when there is neither (S8)."""
    stop, trail = position.stop, position.trail
    if math.isnan(stop):
        return trail, TRAILING_STOP
    if position.side * trail > position.side * stop:
        return trail, TRAILING_STOP
    return stop, STOP_LOSS


@inlined
def passed_at_open(position: Any, open: float) -> int:
    """Return the reason of the protective level that the open has already passed, or NONE (S6)."""
    side = position.side
    stop, reason = stop_in_force(position)
    if reaches_down(side * open, side * stop):
        return reason
    if reaches_up(side * open, side * position.target):
        return TAKE_PROFIT
    return NONE


@inlined
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


@inlined
def level(fill: float, distance: float, direction: int, tick: float) -> float:
    """Return the price `distance` away from `fill` in `direction`, rounded to the tick away from it; NaN for no distance."""
    if distance <= 0.0:
        return math.nan
    price = fill + direction * distance
    if tick > 0.0:
        steps = price / tick
        # 1e-9 of a tick: a level that lies on the grid but for its last bits stays where it is.
        price = (math.ceil(steps - 1e-9) if direction > 0 else math.floor(steps + 1e-9)) * tick
    return price


@inlined
def trail_level(extreme: float, fraction: float, distance: float, side: int, tick: float) -> float:
    """Return the trailing stop that belongs to `extreme` (S8); NaN when nothing trails."""
    return level(extreme, fraction * extreme + distance, -side, tick)
