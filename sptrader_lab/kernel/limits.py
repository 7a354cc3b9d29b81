"""Limits: which risk limit account or strategy has reached at a close, and what that closes and cancels (S11, S14)."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.account import drawdown
from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.fills import drop_order
from sptrader_lab.kernel.journal import note_end, note_exit_order
from sptrader_lab.kernel.rolling import reaches_down, reaches_up
from sptrader_lab.kernel.state import Book, Market, Run
from sptrader_lab.types.reasons import (
    CANCELLED_BY_LIMIT,
    DAILY_LOSS_LIMIT,
    LIQUIDATION,
    MARGIN_CALL,
    MAX_DRAWDOWN,
    NONE,
)
from sptrader_lab.types.records import CANCELLED, MARKET


@inlined
def apply_limits(run: Run, now: int, exposure: float) -> None:
    """Test the account's limits, then each strategy's own; one that is reached closes what it holds and halts (S14)."""
    book = run.book
    account = book.account[0]
    for _ in range(2):  # a margin call may halt for the day what a drawdown then halts for good
        reason = account_limit(account, exposure)
        if reason == NONE:
            break
        halt(account, reason)
        close_all(run, -1, reason, now)
    for number in range(len(book.shares) if len(book.shares) > 1 else 0):
        share, rule = book.shares[number], run.rules[number]
        reason = loss_limit(share, rule.max_drawdown, rule.daily_loss_limit)
        if reason != NONE:
            halt(share, reason)
            close_all(run, number, reason, now)


@inlined
def account_limit(account: Any, exposure: float) -> int:
    """Return the limit that the account has reached at this close and that has not tripped yet, or NONE."""
    if account.halted != NONE:
        return NONE
    if account.equity <= 0.0:
        return LIQUIDATION
    called = account.maintenance > 0.0 and exposure > 0.0 and account.halted_today == NONE
    if called and reaches_down(account.equity, account.maintenance * exposure):
        return MARGIN_CALL
    return loss_limit(account, account.drawdown_limit, account.daily_loss_limit)


@inlined
def loss_limit(money: Any, most_drawdown: float, most_a_day: float) -> int:
    """Return which limit on losses the account or a strategy's share has newly reached, or NONE."""
    if money.halted != NONE:
        return NONE
    if most_drawdown < math.inf and reaches_up(drawdown(money), most_drawdown):
        return MAX_DRAWDOWN
    if money.halted_today != NONE or most_a_day == math.inf:
        return NONE
    if money.day_equity > 0.0 and reaches_up((money.day_equity - money.equity) / money.day_equity, most_a_day):
        return DAILY_LOSS_LIMIT
    return NONE


@inlined
def halt(money: Any, reason: int) -> None:
    """Halt entries until the next trading day, or for good."""
    if reason in (DAILY_LOSS_LIMIT, MARGIN_CALL):
        money.halted_today = reason
    else:
        money.halted = reason


@apart
def close_all(run: Run, strategy: int, reason: int, now: int) -> None:
    """Decide the exit of every position and cancel every waiting entry, of one strategy or (below 0) of all."""
    market, legs, book = run.market, run.legs, run.book
    for leg in range(len(legs.strategy)):
        if strategy >= 0 and legs.strategy[leg] != strategy:
            continue
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            decide_exit(run, position, last_closed(market, book, position.symbol), reason, now)
        while book.waiting_count[leg] > 0:
            order = book.waiting[book.first[leg]]
            note_end(run.journal, order, CANCELLED, CANCELLED_BY_LIMIT, now, order.bar)
            drop_order(book, leg, book.first[leg])


@inlined
def last_closed(market: Market, book: Book, symbol: int) -> int:
    """Return the newest closed bar of `symbol` at this instant."""
    return book.row[symbol] - market.first[symbol] - (0 if book.due[symbol] else 1)


@inlined
def decide_exit(run: Run, position: Any, bar: int, reason: int, now: int) -> None:
    """Decide, at the instant `now`, that the position leaves at its next fill; the first reason stays."""
    market, book, journal = run.market, run.book, run.journal
    if position.exit_reason != NONE:
        return
    position.exit_reason = reason
    book.account[0].leaving += 1
    close = market.close[market.first[position.symbol] + bar]
    order = note_exit_order(journal, now, bar, position, MARKET, reason, close, position.quantity)
    position.exit_order = order.id
