"""Loop: one instant after the other, each in the order of S5. This page is the table of contents of a bar."""

from __future__ import annotations

import math

from sptrader_lab.kernel.account import enter, leave, mark_to_market, turn_day
from sptrader_lab.kernel.compile import entry_point, inlined
from sptrader_lab.kernel.decide import apply_limits, decide_entries, decide_exits
from sptrader_lab.kernel.journal import note_refusal, note_step
from sptrader_lab.kernel.match import passed_at_open, reached_inside, trail_level
from sptrader_lab.kernel.quiet import hurry
from sptrader_lab.kernel.state import FILLS, ORDERS, REFUSALS, STEPS, TRADES, Book, Market, Run
from sptrader_lab.types.reasons import EXPIRED, NONE
from sptrader_lab.types.records import REFUSED


@entry_point
def run_bars(run: Run, room: int) -> bool:
    """Take steps until the candles end (True) or the journal has less than `room` records left (False).

    A caller that gets False enlarges the journal and calls again: the book holds everything, so where a run pauses leaves
    no trace in its bytes.
    """
    market, book, journal = run.market, run.book, run.journal
    while True:
        hurry(run)
        if not set_clock(market, book):
            return True
        used = journal.used
        if (
            used[ORDERS] + room > len(journal.orders)
            or used[FILLS] + room > len(journal.fills)
            or used[TRADES] + room > len(journal.trades)
            or used[REFUSALS] + room > len(journal.refusals)
            or used[STEPS] >= len(journal.time)
        ):
            return False
        step(run)


@inlined
def set_clock(market: Market, book: Book) -> bool:
    """Set `book.due` to the symbols whose candle opens at the earliest instant not taken yet; False when none is left."""
    if len(book.row) == 1:
        book.due[0] = book.row[0] < market.last[0]
        return book.due[0]
    now = -1
    for symbol in range(len(book.row)):
        row = book.row[symbol]
        if row < market.last[symbol] and (now < 0 or market.time[row] < now):
            now = market.time[row]
    for symbol in range(len(book.row)):
        row = book.row[symbol]
        book.due[symbol] = row < market.last[symbol] and market.time[row] == now
    return now >= 0


@inlined
def step(run: Run) -> None:
    """Live through one instant's candles, in the order of S5."""
    market, legs, book, journal = run.market, run.legs, run.book, run.journal
    account = book.account[0]
    held = account.waiting > 0 or anything_open(book)
    if held and (account.waiting + account.leaving > 0 or anything_reached(run)):
        at_the_open(run)
        inside_the_bar(run)
    now = mark_closes(market, book)
    turn_day(market, account, now)
    exposure = 0.0
    if held or account.fill_close:  # else the account is what it was
        follow_prices(run)
        exposure = mark_to_market(market, book)
        apply_limits(run, now)
        for leg in range(len(legs.symbol)):
            if book.due[legs.symbol[leg]] and book.open_count[leg] > 0:
                decide_exits(run, leg, bar_of(run, leg))
    for leg in range(len(legs.symbol)):
        if book.due[legs.symbol[leg]]:
            decide_entries(run, leg, bar_of(run, leg))
    if account.fill_close:
        fill_decided(run, False)
        exposure = mark_to_market(market, book)
    note_step(journal, now, account.equity, exposure)
    for symbol in range(len(book.row)):
        book.row[symbol] += book.due[symbol]


@inlined
def mark_closes(market: Market, book: Book) -> int:
    """Mark the symbols of this instant at their closes; return the instant of the (last) close."""
    now = 0
    for symbol in range(len(book.row)):
        if book.due[symbol]:
            book.mark[symbol] = market.close[book.row[symbol]]
            now = max(now, market.close_time[book.row[symbol]])
    return now


@inlined
def anything_open(book: Book) -> bool:
    """Say whether any leg has a position."""
    for leg in range(len(book.open_count)):
        if book.open_count[leg] > 0:
            return True
    return False


@inlined
def anything_reached(run: Run) -> bool:
    """Say whether some candle of this instant reaches a protective level; one passed at the open is reached too."""
    market, legs, rules, book = run.market, run.legs, run.rules, run.book
    for leg in range(len(legs.symbol)):
        row = book.row[legs.symbol[leg]]
        if not book.due[legs.symbol[leg]]:
            continue
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            found = reached_inside(
                book.positions[slot], market.high[row], market.low[row], rules[legs.strategy[leg]].intrabar
            )
            if found[1] != NONE:
                return True
    return False


@inlined
def bar_of(run: Run, leg: int) -> int:
    """Return the position of the present candle among its symbol's candles."""
    market, legs, book = run.market, run.legs, run.book
    return book.row[legs.symbol[leg]] - market.first[legs.symbol[leg]]


@inlined
def at_the_open(run: Run) -> None:
    """Step 1: decided exits, then protective levels that the open has passed, then waiting entries (S3, S5, S6)."""
    market, book = run.market, run.book
    for symbol in range(len(book.row)):
        if book.due[symbol]:
            book.mark[symbol] = market.open[book.row[symbol]]
    fill_decided(run, True)


@inlined
def fill_decided(run: Run, at_open: bool) -> None:
    """Fill exits, then (at an open) what the open has passed, then entries, each in the order of legs, at `book.mark`.

    At a close only strategies that research with `fill: close` take part (S3).
    """
    legs, rules, book = run.legs, run.rules, run.book
    account = book.account[0]
    for leg in range(len(legs.symbol) if account.leaving > 0 else 0):
        if book.due[legs.symbol[leg]] and (at_open or rules[legs.strategy[leg]].fill_close):
            leave_decided(run, leg)
    for leg in range(len(legs.symbol) if at_open else 0):
        if book.due[legs.symbol[leg]]:
            leave_passed(run, leg)
    for leg in range(len(legs.symbol) if account.waiting > 0 else 0):
        if book.due[legs.symbol[leg]] and (at_open or rules[legs.strategy[leg]].fill_close):
            enter_waiting(run, leg)


@inlined
def leave_decided(run: Run, leg: int) -> None:
    """Fill the leg's decided exits at the present mark, oldest position first."""
    book = run.book
    slot = book.first[leg]
    while slot < book.first[leg] + book.open_count[leg]:
        position = book.positions[slot]
        if position.exit_reason == NONE:
            slot += 1
            continue
        bar, price = bar_of(run, leg), book.mark[position.symbol]
        leave(run, leg, slot, bar, price, position.exit_reason, False)


@inlined
def leave_passed(run: Run, leg: int) -> None:
    """Fill at the open what the open has already passed: stop, trailing stop or target (S6)."""
    book = run.book
    slot = book.first[leg]
    while slot < book.first[leg] + book.open_count[leg]:
        position = book.positions[slot]
        price = book.mark[position.symbol]
        reason = passed_at_open(position, price)
        if reason == NONE:
            slot += 1
            continue
        bar = bar_of(run, leg)
        leave(run, leg, slot, bar, price, reason, False)


@inlined
def enter_waiting(run: Run, leg: int) -> None:
    """Fill the leg's waiting entries at the present mark, or refuse them whole."""
    market, rules, book, journal = run.market, run.rules, run.book, run.journal
    for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
        order = book.waiting[place]
        rule = rules[order.strategy]
        bar, price = bar_of(run, leg), book.mark[order.symbol]
        opened = market.time[book.row[order.symbol]]
        if rule.expire_after > 0 and opened > order.time + rule.expire_after:
            reason, value, limit = EXPIRED, math.nan, math.nan
        else:
            reason, value, limit = enter(run, leg, order, bar, price)
        if reason != NONE:
            written = journal.orders[order.id - 1]
            written.status, written.final = REFUSED, reason
            note_refusal(journal, opened, bar, order.strategy, order.symbol, order.side, reason, value, limit)
    book.account[0].waiting -= book.waiting_count[leg]
    book.waiting_count[leg] = 0


@inlined
def inside_the_bar(run: Run) -> None:
    """Step 2: try stops and targets on the bar's range, on the entry bar too (S5, S7)."""
    market, legs, rules, book = run.market, run.legs, run.rules, run.book
    for leg in range(len(legs.symbol)):
        symbol = legs.symbol[leg]
        if not book.due[symbol]:
            continue
        rule, row = rules[legs.strategy[leg]], book.row[symbol]
        high, low = market.high[row], market.low[row]
        slot = book.first[leg]
        while slot < book.first[leg] + book.open_count[leg]:
            position = book.positions[slot]
            price, reason, ambiguous = reached_inside(position, high, low, rule.intrabar)
            if reason == NONE:
                slot += 1
                continue
            passed = passed_at_open(position, market.open[row])
            if passed != NONE:  # by its own slippage the entry filled beyond the stop
                price, reason, ambiguous = market.open[row], passed, False
            price = min(max(price, low), high)  # a level that is touched but for its last bits (S22)
            leave(run, leg, slot, row - market.first[symbol], price, reason, ambiguous)


@inlined
def follow_prices(run: Run) -> None:
    """Let extremes and trailing levels follow the closed bar, for use from the next bar on (S8)."""
    market, legs, rules, book = run.market, run.legs, run.rules, run.book
    for leg in range(len(legs.symbol)):
        symbol = legs.symbol[leg]
        if not book.due[symbol]:
            continue
        high, low = market.high[book.row[symbol]], market.low[book.row[symbol]]
        fraction, tick = rules[legs.strategy[leg]].trail_fraction, market.contracts[symbol].tick
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            position.highest, position.lowest = max(position.highest, high), min(position.lowest, low)
            position.extreme = position.highest if position.side > 0 else position.lowest
            position.trail = trail_level(position.extreme, fraction, position.trail_distance, position.side, tick)
