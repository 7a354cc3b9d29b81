"""Account: what a fill does to the money, what the book is worth, and which risk limit it has reached (S11, S14, S15)."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.journal import note_exit_order, note_fill, note_trade
from sptrader_lab.kernel.match import level, slipped, trail_level
from sptrader_lab.kernel.rolling import reaches_up
from sptrader_lab.kernel.sizing import commission
from sptrader_lab.kernel.state import Book, Market, Run
from sptrader_lab.types.reasons import (
    DAILY_LOSS_LIMIT,
    LIQUIDATION,
    MAX_DRAWDOWN,
    NONE,
    NOT_COVERED,
    STOP_BEYOND_ZERO,
    TAKE_PROFIT,
)
from sptrader_lab.types.records import FILLED, LIMIT, STOP


@inlined
def worth(market: Market, book: Book) -> tuple[float, float]:
    """Return equity and gross open notional with every position at `book.mark` (S15)."""
    equity = book.account[0].cash
    notional = 0.0
    for leg in range(len(book.first)):
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            value = position.quantity * book.mark[position.symbol] * market.contracts[position.symbol].multiplier
            equity += position.side * value
            notional += value
    return equity, notional


@inlined
def enter(run: Run, leg: int, order: Any, bar: int, price: float) -> tuple[int, float, float]:
    """Fill a waiting entry at `price` before slippage, or refuse it whole (S10).

    Returns NONE, or the reason with the number that broke a limit and the limit.
    """
    market, book, journal = run.market, run.book, run.journal
    rule = run.rules[run.legs.strategy[leg]]
    contract = market.contracts[order.symbol]
    account = book.account[0]
    side = order.side
    fill = slipped(price, side, rule.slippage)
    notional = order.quantity * fill * contract.multiplier
    cost = commission(rule, order.quantity, notional)
    equity, open_notional = worth(market, book)
    if open_notional + notional > equity - cost + 1e-9 * abs(equity):
        return NOT_COVERED, open_notional + notional, equity - cost
    stop = level(fill, rule.stop_fraction * fill + order.stop_distance, -side, contract.tick)
    target = level(fill, rule.target_fraction * fill + order.target_distance, side, contract.tick)
    trail = trail_level(fill, rule.trail_fraction, order.trail_distance, side, contract.tick)
    if stop <= 0.0 or target <= 0.0 or trail <= 0.0:
        return STOP_BEYOND_ZERO, math.nan, math.nan
    account.cash -= side * notional + cost
    account.entries += 1
    slot = book.first[leg] + book.open_count[leg]
    book.open_count[leg] += 1
    position = book.positions[slot]
    position.id = account.entries
    position.strategy, position.symbol, position.side = order.strategy, order.symbol, side
    position.exit_reason, position.exit_order = NONE, 0
    position.entry_order = order.id
    position.entry_time, position.entry_bar = market.time[market.first[order.symbol] + bar], bar
    position.quantity, position.entry_price, position.costs = order.quantity, fill, cost
    position.stop, position.target = stop, target
    position.trail_distance = order.trail_distance
    position.trail = trail
    position.extreme = position.highest = position.lowest = fill
    written = journal.orders[order.id - 1]
    written.trade, written.status = position.id, FILLED
    note_fill(journal, market, position, written, bar, price, fill, cost)
    return NONE, math.nan, math.nan


@inlined
def leave(
    run: Run,
    leg: int,
    slot: int,
    bar: int,
    price: float,
    reason: int,
    ambiguous: bool,
) -> None:
    """Close the position in `slot` at `price`, before the slippage that all but targets pay (S9)."""
    market, book, journal = run.market, run.book, run.journal
    rule = run.rules[run.legs.strategy[leg]]
    position = book.positions[slot]
    account = book.account[0]
    multiplier = market.contracts[position.symbol].multiplier
    side = -position.side
    fill = price if reason == TAKE_PROFIT else slipped(price, side, rule.slippage)
    notional = position.quantity * fill * multiplier
    cost = commission(rule, position.quantity, notional)
    account.cash -= side * notional + cost
    position.costs += cost
    position.highest, position.lowest = max(position.highest, fill), min(position.lowest, fill)
    if position.exit_reason != NONE:
        account.leaving -= 1
    else:  # a protective order, which becomes an order of its own here
        kind = LIMIT if reason == TAKE_PROFIT else STOP
        opened = market.time[market.first[position.symbol] + bar]
        position.exit_order = note_exit_order(journal, opened, bar, position, kind, reason, price)
    order = journal.orders[position.exit_order - 1]
    order.status = FILLED
    note_fill(journal, market, position, order, bar, price, fill, cost)
    note_trade(journal, market, position, order.id, bar, fill, reason, ambiguous)
    last = book.first[leg] + book.open_count[leg] - 1
    for behind in range(slot, last):  # the oldest stays first
        book.positions[behind] = book.positions[behind + 1]
    book.open_count[leg] -= 1


@inlined
def turn_day(market: Market, account: Any, now: int) -> int:
    """Begin the trading day that holds the closing instant `now`; return when it ends (S14).

    At a day's first close the account remembers the equity it starts from, and the daily halt is lifted.
    """
    if account.day >= 0 and now <= market.day_ends[account.day]:
        return market.day_ends[account.day]
    while account.day < 0 or now > market.day_ends[account.day]:
        account.day += 1
    account.day_equity = account.equity
    account.halted_today = NONE
    return market.day_ends[account.day]


@inlined
def mark_to_market(market: Market, book: Book) -> float:
    """Mark the account at the closes: equity, high-water mark, drawdown; return gross open notional (S15)."""
    account = book.account[0]
    account.equity, notional = worth(market, book)
    if account.equity > account.high_water:
        account.high_water = account.equity
    else:
        account.max_drawdown = max(account.max_drawdown, drawdown(account))
    return notional


@inlined
def drawdown(account: Any) -> float:
    """Return how far equity is below its high-water mark, as a fraction of the mark."""
    return (account.high_water - account.equity) / account.high_water


@inlined
def limit_reached(account: Any) -> int:
    """Return the limit that the account has reached at this close and that has not tripped yet, or NONE (S11, S14)."""
    if account.halted != NONE:
        return NONE
    if account.equity <= 0.0:
        return LIQUIDATION
    if account.drawdown_limit < math.inf and reaches_up(drawdown(account), account.drawdown_limit):
        return MAX_DRAWDOWN
    if account.halted_today != NONE or account.daily_loss_limit == math.inf:
        return NONE
    if reaches_up((account.day_equity - account.equity) / account.day_equity, account.daily_loss_limit):
        return DAILY_LOSS_LIMIT
    return NONE
