"""Loop: one instant after the other, each in the order of S5. This page is the table of contents of a bar."""

from __future__ import annotations

from typing import Final

from sptrader_lab.kernel.account import mark_to_market, turn_day
from sptrader_lab.kernel.compile import apart, entry_point, inlined
from sptrader_lab.kernel.decide import decide_entries, decide_exits
from sptrader_lab.kernel.entries import enter_inside, enter_waiting
from sptrader_lab.kernel.exits import bar_of, follow_prices, leave_decided, leave_inside, leave_passed
from sptrader_lab.kernel.holding import apply_actions, pay_swaps
from sptrader_lab.kernel.journal import note_step
from sptrader_lab.kernel.limits import apply_limits
from sptrader_lab.kernel.match import reached_inside
from sptrader_lab.kernel.quiet import hurry
from sptrader_lab.kernel.state import CASHFLOWS, FILLS, ORDERS, REFUSALS, STEPS, TRADES, Book, Market, Run
from sptrader_lab.types.reasons import NONE

#: Later than any candle; instants before 1970 are negative.
_NEVER: Final = 2**63 - 1


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
            or used[CASHFLOWS] + room > len(journal.cashflows)
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
    now = _NEVER
    for symbol in range(len(book.row)):
        row = book.row[symbol]
        if row < market.last[symbol]:
            now = min(now, market.time[row])
    for symbol in range(len(book.row)):
        row = book.row[symbol]
        book.due[symbol] = row < market.last[symbol] and market.time[row] == now
    return now < _NEVER


@inlined
def step(run: Run) -> None:
    """Live through one instant's candles, in the order of S5."""
    market, legs, book, journal = run.market, run.legs, run.book, run.journal
    account = book.account[0]
    held = account.waiting > 0 or anything_open(book)
    if held and (not account.simple or account.waiting + account.leaving > 0 or anything_reached(run)):
        at_the_open(run)
        inside_the_bar(run)
    now = mark_closes(market, book)
    turn_day(market, book, now)
    exposure = 0.0
    if held or account.fill_close:  # else the account is what it was
        follow_prices(run)
        exposure = mark_to_market(run)
        apply_limits(run, now, exposure)
        for leg in range(len(legs.symbol)):
            if book.due[legs.symbol[leg]] and book.open_count[leg] + book.waiting_count[leg] > 0:
                decide_exits(run, leg, bar_of(run, leg))
    for leg in range(len(legs.symbol)):
        if book.due[legs.symbol[leg]]:
            decide_entries(run, leg, bar_of(run, leg))
    if account.fill_close:
        fill_at_the_close(run)
        exposure = mark_to_market(run)
    note_step(journal, book, now, exposure)
    for symbol in range(len(book.row)):
        book.row[symbol] += book.due[symbol]


@inlined
def mark_closes(market: Market, book: Book) -> int:
    """Mark the symbols of this instant at their closes; return the instant of the (last) close."""
    now = -_NEVER
    for symbol in range(len(book.row)):
        if book.due[symbol]:
            row = book.row[symbol]
            book.mark[symbol] = market.close[row]
            quote(market, book, symbol, row)
            if len(market.rate_close) > 0:
                book.rate[symbol] = market.rate_close[row]
            now = max(now, market.close_time[row])
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
def at_the_open(run: Run) -> None:
    """Step 1: swap, splits and dividends; decided exits, levels that the open has passed, waiting entries (S3, S5, S6)."""
    market, legs, book = run.market, run.legs, run.book
    if not book.account[0].simple:
        pay_swaps(run, opening_instant(market, book))
    for symbol in range(len(book.row)):
        if book.due[symbol]:
            row = book.row[symbol]
            book.mark[symbol] = market.open[row]
            quote(market, book, symbol, row)
            if len(market.rate_open) > 0:
                book.rate[symbol] = market.rate_open[row]
    if len(market.actions) > 0:
        apply_actions(run)
    for leg in range(len(legs.symbol) if book.account[0].leaving > 0 else 0):
        if book.due[legs.symbol[leg]]:
            leave_decided(run, leg)
    for leg in range(len(legs.symbol)):
        if book.due[legs.symbol[leg]]:
            leave_passed(run, leg)
    for leg in range(len(legs.symbol) if book.account[0].waiting > 0 else 0):
        if book.due[legs.symbol[leg]]:
            enter_waiting(run, leg)


@inlined
def opening_instant(market: Market, book: Book) -> int:
    """Return the instant at which the candles of this step open."""
    for symbol in range(len(book.row)):
        if book.due[symbol]:
            return market.time[book.row[symbol]]
    return 0


@inlined
def quote(market: Market, book: Book, symbol: int, row: int) -> None:
    """Set how far bid and ask lie from the candle's prices (S9)."""
    if len(market.spread) > 0:
        contract = market.contracts[symbol]
        book.below[symbol] = market.spread[row] * contract.bid_share
        book.above[symbol] = market.spread[row] * contract.ask_share


@inlined
def inside_the_bar(run: Run) -> None:
    """Step 2: stops and targets of what is held, on the entry bar too; then entries that the range reaches (S5, S7)."""
    legs, book = run.legs, run.book
    for leg in range(len(legs.symbol)):
        if book.due[legs.symbol[leg]] and book.open_count[leg] > 0:
            leave_inside(run, leg)
    for leg in range(len(legs.symbol) if book.account[0].waiting > 0 else 0):
        if book.due[legs.symbol[leg]] and book.waiting_count[leg] > 0:
            enter_inside(run, leg)


@apart
def fill_at_the_close(run: Run) -> None:
    """Fill what strategies that research with `fill: close` have decided on this bar, exits first (S3)."""
    legs, rules, book = run.legs, run.rules, run.book
    for leg in range(len(legs.symbol)):
        if book.due[legs.symbol[leg]] and rules[legs.strategy[leg]].fill_close:
            leave_decided(run, leg)
    for leg in range(len(legs.symbol)):
        if book.due[legs.symbol[leg]] and rules[legs.strategy[leg]].fill_close:
            enter_waiting(run, leg)
