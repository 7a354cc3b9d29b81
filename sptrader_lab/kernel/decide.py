"""Decide: at the close of a bar, which positions leave and which entries are ordered or refused (S5 steps 5-6, S10, S13)."""

from __future__ import annotations

import math
from typing import Any, Final

from sptrader_lab.kernel.account import committed, reserved_by
from sptrader_lab.kernel.compile import apart, formula, inlined
from sptrader_lab.kernel.exposure import crowded, exposed, held
from sptrader_lab.kernel.fills import drop_order
from sptrader_lab.kernel.journal import note_end, note_entry_order, note_refusal
from sptrader_lab.kernel.limits import decide_exit
from sptrader_lab.kernel.rolling import reaches_up
from sptrader_lab.kernel.sizing import kelly_fraction, quantity, wanted_notional
from sptrader_lab.kernel.state import (
    ENTER_LONG,
    ENTER_SHORT,
    EXIT_LONG,
    EXIT_SHORT,
    SIGNAL_CLOSE,
    Run,
)
from sptrader_lab.kernel.state import SESSION_EXIT as SESSION_END
from sptrader_lab.types.reasons import (
    EXPIRED,
    HALTED,
    HALTED_TODAY,
    MAX_HOLDING_PERIOD,
    MAX_POSITIONS,
    MAX_POSITIONS_PER_SYMBOL,
    NO_EDGE,
    NONE,
    SESSION_EXIT,
    SIGNAL,
    UNDEFINED_DISTANCE,
    UNDEFINED_PRICE,
    UNDER_MINIMUM,
    WITHDRAWN,
    ZERO_QUANTITY,
)
from sptrader_lab.types.records import CANCELLED, KELLY, MARKET, REFUSED, RISK, STOP_LIMIT, VOLATILITY

_ALL: Final = -1


@inlined
def decide_exits(run: Run, leg: int, bar: int) -> None:
    """Decide, at the close of `bar`, which positions of one leg leave: too old, end of session, exit rule (S5 steps 5, 6)."""
    market, legs, book = run.market, run.legs, run.book
    flags, paced = legs.flags[legs.offset[leg] + bar], legs.paced[leg] != 0
    longest = run.rules[legs.strategy[leg]].max_holding_period
    now = market.close_time[market.first[legs.symbol[leg]] + bar]
    for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
        position = book.positions[slot]
        if paced and flags & SIGNAL_CLOSE:
            position.age += 1
        age = position.age if paced else 1 + bar - position.entry_bar
        reason = NONE
        if flags & (EXIT_LONG if position.side > 0 else EXIT_SHORT):
            reason = SIGNAL
        if flags & SESSION_END:
            reason = SESSION_EXIT
        if 0 < longest <= age and (not paced or flags & SIGNAL_CLOSE):
            reason = MAX_HOLDING_PERIOD
        if reason != NONE:
            decide_exit(run, position, bar, reason, now)
    if book.waiting_count[leg] > 0:
        wait_on(run, leg, bar, now)


@apart
def wait_on(run: Run, leg: int, bar: int, now: int) -> None:
    """Let the leg's waiting entries grow a bar older, and end those whose bars are over or that an exit rule withdraws."""
    legs, book = run.legs, run.book
    flags = legs.flags[legs.offset[leg] + bar]
    most = run.rules[legs.strategy[leg]].expire_bars
    place = book.first[leg]
    while place < book.first[leg] + book.waiting_count[leg]:
        order = book.waiting[place]
        if not legs.paced[leg] or flags & SIGNAL_CLOSE:
            order.age += 1
        if 0 < most <= order.age:
            note_end(run.journal, order, REFUSED, EXPIRED, now, bar)
        elif order.kind != MARKET and flags & (SESSION_END | (EXIT_LONG if order.side > 0 else EXIT_SHORT)):
            note_end(run.journal, order, CANCELLED, WITHDRAWN, now, bar)
        else:
            place += 1
            continue
        drop_order(book, leg, place)


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
    now = market.close_time[row]
    sibling = paired(run, leg, bar)
    reason, value, limit = not_allowed(run, leg, column, side, sibling > 0)
    stop = protection(rule.stop_distance, rule.stop_atr, legs.stop_atr, column)
    target = protection(rule.target_distance, rule.target_atr, legs.target_atr, column)
    trail = protection(rule.trail_distance, rule.trail_atr, legs.trail_atr, column)
    even = protection(rule.even_distance, rule.even_atr, legs.even_atr, column)
    unit = protection(0.0, 1.0, legs.target_atr, column) if targets_need_atr(run, rule) else 0.0
    atr = protection(0.0, 1.0, legs.size_atr, column) if rule.sizer == VOLATILITY else 0.0
    if reason == NONE and math.isnan(stop + target + trail + even + unit + atr):
        reason = UNDEFINED_DISTANCE
    price, beyond = entry_price(run, leg, column, side, market.close[row])
    if reason == NONE and not (price > 0.0 and beyond >= 0.0):
        reason = UNDEFINED_PRICE
    size, edge = 0.0, 1.0
    if reason == NONE:
        if rule.sizer == KELLY:
            edge = kelly_fraction(rule, book.shares[strategy], book.returns, strategy)
        rate = book.rate[symbol]
        equity = book.account[0].equity * rule.allocation
        to_stop = rule.stop_fraction * price + stop if rule.sizer == RISK else 0.0
        wanted = wanted_notional(rule, equity, price, contract.multiplier * rate, to_stop, atr, edge)
        size = quantity(rule, contract, equity, free_money(run, leg, sibling), price, rate, wanted)
        if edge <= 0.0:
            reason, value, limit = NO_EDGE, edge, 0.0
        elif size <= 0.0:
            reason, value, limit = ZERO_QUANTITY, size, contract.step
        elif not reaches_up(size, contract.minimum):
            reason, value, limit = UNDER_MINIMUM, size, contract.minimum
    if reason == NONE and book.account[0].limited:
        draft = book.waiting[book.first[leg] + book.waiting_count[leg]]  # behind the waiting ones
        draft.id, draft.group, draft.symbol, draft.side = 0, sibling, symbol, side
        draft.quantity, draft.price = size, price
        reason, value, limit = exposed(run, leg, draft)
    if reason != NONE:
        note_refusal(journal, now, bar, strategy, symbol, side, reason, value, limit)
        return
    written = note_entry_order(journal, now, bar, strategy, symbol, side, rule.entry_kind, price)
    written.reason, written.quantity, written.limit = SIGNAL, size, beyond
    written.stop_distance, written.target_distance, written.trail_distance = stop, target, trail
    written.even_distance, written.target_unit = even, unit
    if rule.oco:
        written.group = sibling if sibling > 0 else written.id
    book.waiting[book.first[leg] + book.waiting_count[leg]] = written
    book.waiting[book.first[leg] + book.waiting_count[leg]].split = 1.0
    book.waiting_count[leg] += 1
    book.account[0].waiting += 1


@inlined
def entry_price(run: Run, leg: int, column: int, side: int, close: float) -> tuple[float, float]:
    """Return the price that the entry is sized at, its own level or the close, and a stop-limit's limit (0: none)."""
    legs = run.legs
    kind = run.rules[legs.strategy[leg]].entry_kind
    if kind == MARKET:
        return close, 0.0
    price = legs.long_price[column] if side > 0 else legs.short_price[column]
    if kind != STOP_LIMIT:
        return price, 0.0
    limit = legs.long_limit[column] if side > 0 else legs.short_limit[column]
    return price, limit if limit > 0.0 and side * limit >= side * price else math.nan


@inlined
def paired(run: Run, leg: int, bar: int) -> int:
    """Return the id of the order decided at this close that the next one would form a pair with; 0 for none."""
    book = run.book
    count = book.waiting_count[leg]
    if count == 0 or not run.rules[run.legs.strategy[leg]].oco:
        return 0
    newest = book.waiting[book.first[leg] + count - 1]
    return newest.id if newest.bar == bar else 0


@inlined
def targets_need_atr(run: Run, rule: Any) -> bool:
    """Say whether one of several targets counts in the ATR."""
    for number in range(rule.targets if rule.targets > 1 else 0):
        if run.targets[rule.first_target + number].atr > 0.0:
            return True
    return False


@formula
def protection(distance: float, multiple: float, atr: Any, column: int) -> float:
    """Return the part of a protective distance that is known at the decision, price units.

    NaN when its ATR is undefined or not above zero: a stop that was asked for and silently isn't there protects nothing.
    """
    if multiple == 0.0:
        return distance
    return distance + multiple * atr[column] if atr[column] > 0.0 else math.nan


@inlined
def not_allowed(run: Run, leg: int, column: int, side: int, second: bool) -> tuple[int, float, float]:
    """Return why no entry may be decided now, with the number and the limit it broke; NONE when one may.

    The `second` of two orders that cancel each other is not counted beside the first.
    """
    legs, book = run.legs, run.book
    strategy = legs.strategy[leg]
    rule, account, share = run.rules[strategy], book.account[0], book.shares[strategy]
    if account.halted != NONE:
        return HALTED, math.nan, math.nan
    if account.halted_today != NONE:
        return HALTED_TODAY, math.nan, math.nan
    if share.halted != NONE:
        return HALTED, math.nan, math.nan
    if share.halted_today != NONE:
        return HALTED_TODAY, math.nan, math.nan
    blocked = legs.blocked[column]
    if blocked != NONE:
        return blocked, math.nan, math.nan
    spare = int(second)
    mine = held(book, leg) - spare
    if mine >= rule.max_positions_per_symbol:
        return MAX_POSITIONS_PER_SYMBOL, float(mine), float(rule.max_positions_per_symbol)
    all_of_strategy = -spare
    for other in range(len(legs.strategy)):
        if legs.strategy[other] == strategy:
            all_of_strategy += held(book, other)
    if all_of_strategy >= rule.max_positions:
        return MAX_POSITIONS, float(all_of_strategy), float(rule.max_positions)
    if account.limited:
        return crowded(run, legs.symbol[leg], side, spare)
    return NONE, math.nan, math.nan


@inlined
def free_money(run: Run, leg: int, sibling: int) -> float:
    """Return the buying power that is left to the leg: of the account, and of its strategy's allocation (S10, S11).

    A pair of orders that cancel each other needs the larger of both, so the second may use what the first has reserved.
    """
    legs, book = run.legs, run.book
    strategy = legs.strategy[leg]
    rule, account = run.rules[strategy], book.account[0]
    shared = 0.0
    if sibling > 0:
        shared = reserved_by(run.market, book, book.waiting[book.first[leg] + book.waiting_count[leg] - 1])
    free = account.equity * account.leverage - (committed(run, _ALL) - shared)
    if rule.allocation < 1.0:
        part = account.equity * rule.allocation * account.leverage - (committed(run, strategy) - shared)
        free = min(free, part)
    return free
