"""Quiet: hurry through the bars of a single leg on which nothing can fill, be decided, be refused or reach a limit.

Most bars are such bars, and all that happens on them is steps 3 and 5 of S5: the account is marked, the trailing level follows.
The arithmetic is that of `loop.step`, term by term, so where a quiet stretch begins and ends leaves no trace in the bytes
(tests compare both). Any bar that is not certainly quiet is left to `step`.
"""

from __future__ import annotations

import math
from typing import Any, Final

from sptrader_lab.kernel.account import turn_day
from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.match import stop_in_force, trail_level
from sptrader_lab.kernel.prefetch import AHEAD, expect
from sptrader_lab.kernel.rolling import TOLERANCE
from sptrader_lab.kernel.state import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, SESSION_EXIT, STEPS, Run

CLEARLY_LESS: Final = 1.0 - 1e-9


@inlined
def hurry(run: Run) -> None:
    """Move a run of one leg to its next bar that is not quiet, or to the end of candles or journal."""
    legs, book = run.legs, run.book
    account = book.account[0]
    if not account.simple or len(legs.symbol) != 1 or len(book.row) != 1:
        return
    if account.waiting + account.leaving + account.fill_close > 0:
        return
    if book.open_count[0] == 0:
        hurry_flat(run)
    elif book.open_count[0] == 1:
        hurry_held(run)


@inlined
def hurry_flat(run: Run) -> None:
    """Pass bars without position or wish to enter: equity stays what it is."""
    market, legs, book, journal = run.market, run.legs, run.book, run.journal
    account = book.account[0]
    equity, day_end = account.equity, market.day_ends[max(account.day, 0)]
    row, used = book.row[0], journal.used[STEPS]
    offset = used - row
    stop = min(market.last[0], row + len(journal.time) - used)
    while row < stop and not legs.flags[row] & (ENTER_LONG | ENTER_SHORT):
        now = market.close_time[row]
        if row + AHEAD < len(legs.flags) and legs.flags[row + AHEAD]:
            expect(market, row + AHEAD + 1)
        if now > day_end or account.day < 0:
            day_end = turn_day(market, book, now)
        journal.time[offset + row] = now
        journal.equity[offset + row] = equity
        journal.exposure[offset + row] = 0.0
        row += 1
    book.row[0], journal.used[STEPS] = row, offset + row


@inlined
def hurry_held(run: Run) -> None:
    """Pass bars that neither come near a level of the one position nor carry a wish, a limit or its last bar of age."""
    market, legs, book, journal = run.market, run.legs, run.book, run.journal
    rule = run.rules[0]
    account, position = book.account[0], book.positions[0]
    side, quantity, multiplier = float(position.side), position.quantity, market.contracts[0].multiplier
    wishes = ENTER_LONG | ENTER_SHORT | SESSION_EXIT | (EXIT_LONG if side > 0 else EXIT_SHORT)
    cash, equity, peak, deepest = account.cash, account.equity, account.high_water, account.max_drawdown
    day_end, highest, lowest = market.day_ends[max(account.day, 0)], position.highest, position.lowest
    least = least_equity(account)
    trails = rule.trail_fraction > 0.0 or position.trail_distance > 0.0
    floor, ceiling = near_levels(position)
    row, used = book.row[0], journal.used[STEPS]
    offset = used - row
    stop = min(market.last[0], row + len(journal.time) - used)
    if rule.max_holding_period > 0:  # the bar on which it gets too old is not quiet
        stop = min(stop, market.first[0] + position.entry_bar + rule.max_holding_period - 1)
    while row < stop and not legs.flags[row] & wishes:
        if row + AHEAD < len(legs.flags) and legs.flags[row + AHEAD]:
            expect(market, row + AHEAD + 1)
        high, low, now = market.high[row], market.low[row], market.close_time[row]
        if low <= floor or high >= ceiling:
            break
        value = quantity * market.close[row] * multiplier
        marked = cash + side * value
        if now > day_end or account.day < 0:
            account.equity = equity
            day_end = turn_day(market, book, now)
            least = least_equity(account)
        if marked <= least:
            break
        fall = peak - marked
        if fall < 0.0:
            peak = marked
        elif fall > peak * deepest * CLEARLY_LESS:  # a division only where the deepest drawdown may grow
            if fall >= peak * account.drawdown_limit * CLEARLY_LESS:
                break
            deepest = max(deepest, fall / peak)
        equity = marked
        highest, lowest = max(highest, high), min(lowest, low)
        if trails:
            extreme = highest if side > 0.0 else lowest
            tick = market.contracts[0].tick
            position.trail = trail_level(extreme, rule.trail_fraction, position.trail_distance, position.side, tick)
            floor, ceiling = near_levels(position)
        journal.time[offset + row] = now
        journal.equity[offset + row] = marked
        journal.exposure[offset + row] = value
        row += 1
    account.equity, account.high_water, account.max_drawdown = equity, peak, deepest
    position.highest, position.lowest = highest, lowest
    position.extreme = highest if side > 0.0 else lowest
    book.row[0], journal.used[STEPS] = row, offset + row


@inlined
def near_levels(position: Any) -> tuple[float, float]:
    """Return the prices below and above which a bar may reach a level of the position, a little on the safe side."""
    stop, _ = stop_in_force(position)
    low, high = (stop, position.target) if position.side > 0 else (position.target, stop)
    floor = -math.inf if math.isnan(low) else low + 3.0 * TOLERANCE * abs(low)
    ceiling = math.inf if math.isnan(high) else high - 3.0 * TOLERANCE * abs(high)
    return floor, ceiling


@inlined
def least_equity(account: Any) -> float:
    """Return the equity at or below which a limit of this day may be reached, a little on the safe side."""
    if account.daily_loss_limit == math.inf:
        return 0.0
    return max(0.0, account.day_equity * (1.0 - account.daily_loss_limit * CLEARLY_LESS))
