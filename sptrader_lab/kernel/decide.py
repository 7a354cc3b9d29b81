"""Decide: at the close of a bar, which positions leave and which entries are ordered or refused (S5 step 4-6, S13, S14)."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.account import limit_reached
from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.journal import note_entry_order, note_exit_order, note_refusal
from sptrader_lab.kernel.rolling import reaches_up
from sptrader_lab.kernel.sizing import quantity, wanted_notional
from sptrader_lab.kernel.state import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, Book, Journal, Market, Run
from sptrader_lab.types.reasons import (
    CANCELLED_BY_LIMIT,
    DAILY_LOSS_LIMIT,
    HALTED,
    HALTED_TODAY,
    MAX_HOLDING_PERIOD,
    MAX_POSITIONS,
    MAX_POSITIONS_PER_SYMBOL,
    NONE,
    SIGNAL,
    UNDEFINED_DISTANCE,
    UNDER_MINIMUM,
    ZERO_QUANTITY,
)
from sptrader_lab.types.records import CANCELLED, MARKET, RISK, VOLATILITY


@inlined
def apply_limits(run: Run, now: int) -> None:
    """Test the account's limits; one that is reached closes everything and halts (S14)."""
    market, legs, book, journal = run.market, run.legs, run.book, run.journal
    account = book.account[0]
    reason = limit_reached(account)
    if reason == NONE:
        return
    if reason == DAILY_LOSS_LIMIT:
        account.halted_today = reason
    else:
        account.halted = reason
    for leg in range(len(legs.strategy)):
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            decide_exit(run, position, last_closed(market, book, position.symbol), reason, now)
        cancel_waiting(book, journal, leg, now)


@inlined
def last_closed(market: Market, book: Book, symbol: int) -> int:
    """Return the newest closed bar of `symbol` at this instant."""
    return book.row[symbol] - market.first[symbol] - (0 if book.due[symbol] else 1)


@inlined
def cancel_waiting(book: Book, journal: Journal, leg: int, now: int) -> None:
    """Cancel the leg's waiting entries because a limit tripped."""
    for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
        order = book.waiting[place]
        written = journal.orders[order.id - 1]
        written.status, written.final = CANCELLED, CANCELLED_BY_LIMIT
        note_refusal(
            journal, now, order.bar, order.strategy, order.symbol, order.side, CANCELLED_BY_LIMIT, math.nan, math.nan
        )
    book.account[0].waiting -= book.waiting_count[leg]
    book.waiting_count[leg] = 0


@inlined
def decide_exit(run: Run, position: Any, bar: int, reason: int, now: int) -> None:
    """Decide, at the instant `now`, that the position leaves at its next fill; the first reason stays."""
    market, book, journal = run.market, run.book, run.journal
    if position.exit_reason != NONE:
        return
    position.exit_reason = reason
    book.account[0].leaving += 1
    close = market.close[market.first[position.symbol] + bar]
    position.exit_order = note_exit_order(journal, now, bar, position, MARKET, reason, close)


@inlined
def decide_exits(run: Run, leg: int, bar: int) -> None:
    """Decide the exits of one leg at the close of `bar`: age first, then its exit rules."""
    market, legs, rules, book = run.market, run.legs, run.rules, run.book
    flags = legs.flags[legs.offset[leg] + bar]
    longest = rules[legs.strategy[leg]].max_holding_period
    now = market.close_time[market.first[legs.symbol[leg]] + bar]
    for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
        position = book.positions[slot]
        if longest > 0 and 1 + bar - position.entry_bar >= longest:
            decide_exit(run, position, bar, MAX_HOLDING_PERIOD, now)
        if flags & (EXIT_LONG if position.side > 0 else EXIT_SHORT):
            decide_exit(run, position, bar, SIGNAL, now)


@inlined
def decide_entries(run: Run, leg: int, bar: int) -> None:
    """Order or refuse the entries of one leg at the close of `bar`, long before short."""
    legs = run.legs
    flags = legs.flags[legs.offset[leg] + bar]
    for side in (1, -1):
        if flags & (ENTER_LONG if side > 0 else ENTER_SHORT):
            decide_entry(run, leg, bar, side)


@inlined
def decide_entry(run: Run, leg: int, bar: int, side: int) -> None:
    """Turn one wanted entry into a waiting order, or into a refusal with its reason (S10, S13)."""
    market, legs, rules, book, journal = run.market, run.legs, run.rules, run.book, run.journal
    strategy, symbol = legs.strategy[leg], legs.symbol[leg]
    rule, contract = rules[strategy], market.contracts[symbol]
    row, column = market.first[symbol] + bar, legs.offset[leg] + bar
    now, close = market.close_time[row], market.close[row]
    reason, value, limit = not_allowed(run, leg, column)
    stop = protection(rule.stop_distance, rule.stop_atr, legs.stop_atr, column)
    target = protection(rule.target_distance, rule.target_atr, legs.target_atr, column)
    trail = protection(rule.trail_distance, rule.trail_atr, legs.trail_atr, column)
    atr = protection(0.0, 1.0, legs.size_atr, column) if rule.sizer == VOLATILITY else 0.0
    if reason == NONE and math.isnan(stop + target + trail + atr):
        reason = UNDEFINED_DISTANCE
    size = 0.0
    if reason == NONE:
        equity = book.account[0].equity
        to_stop = rule.stop_fraction * close + stop if rule.sizer == RISK else 0.0
        wanted = wanted_notional(rule, equity, close, contract.multiplier, to_stop, atr)
        size = quantity(rule, contract, equity, close, committed(market, book), wanted)
        if size <= 0.0:
            reason, value, limit = ZERO_QUANTITY, size, contract.step
        elif not reaches_up(size, contract.minimum):
            reason, value, limit = UNDER_MINIMUM, size, contract.minimum
    if reason != NONE:
        note_refusal(journal, now, bar, strategy, symbol, side, reason, value, limit)
        return
    order = note_entry_order(journal, now, bar, strategy, symbol, side, close)
    order.reason, order.quantity = SIGNAL, size
    order.stop_distance, order.target_distance, order.trail_distance = stop, target, trail
    book.waiting[book.first[leg] + book.waiting_count[leg]] = order
    book.waiting_count[leg] += 1
    book.account[0].waiting += 1


@inlined
def protection(distance: float, multiple: float, atr: Any, column: int) -> float:
    """Return the part of a protective distance that is known at the decision, price units.

    NaN when its ATR is undefined or not above zero: a stop that was asked for and silently isn't there protects nothing.
    """
    if multiple == 0.0:
        return distance
    return distance + multiple * atr[column] if atr[column] > 0.0 else math.nan


@inlined
def not_allowed(run: Run, leg: int, column: int) -> tuple[int, float, float]:
    """Return why no entry may be decided now, with the number and the limit it broke; NONE when one may."""
    legs, book = run.legs, run.book
    rule = run.rules[run.legs.strategy[leg]]
    account = book.account[0]
    if account.halted != NONE:
        return HALTED, math.nan, math.nan
    if account.halted_today != NONE:
        return HALTED_TODAY, math.nan, math.nan
    blocked = legs.blocked[column]
    if blocked != NONE:
        return blocked, math.nan, math.nan
    mine = held(book, leg)
    if mine >= rule.max_positions_per_symbol:
        return MAX_POSITIONS_PER_SYMBOL, float(mine), float(rule.max_positions_per_symbol)
    all_of_strategy = 0
    for other in range(len(legs.strategy)):
        if legs.strategy[other] == legs.strategy[leg]:
            all_of_strategy += held(book, other)
    if all_of_strategy >= rule.max_positions:
        return MAX_POSITIONS, float(all_of_strategy), float(rule.max_positions)
    return NONE, math.nan, math.nan


@inlined
def held(book: Book, leg: int) -> int:
    """Count the leg's positions without a decided exit, and its waiting entries."""
    count = book.waiting_count[leg]
    for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
        count += book.positions[slot].exit_reason == NONE
    return count


@inlined
def committed(market: Market, book: Book) -> float:
    """Return the money that is not free for a new entry: open positions that stay, and waiting entries (S10)."""
    money = 0.0
    for leg in range(len(book.first)):
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            if position.exit_reason == NONE:
                money += position.quantity * book.mark[position.symbol] * market.contracts[position.symbol].multiplier
        for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
            order = book.waiting[place]
            money += order.quantity * order.price * market.contracts[order.symbol].multiplier
    return money
