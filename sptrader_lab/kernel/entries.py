"""Entries: which waiting orders fill at the open and inside the bar, and how long the others wait (S3, S5-S7)."""

from __future__ import annotations

from typing import Any

from sptrader_lab.kernel.account import entry_shift, exit_shift
from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.exits import bar_of
from sptrader_lab.kernel.fills import drop_order, enter, leave
from sptrader_lab.kernel.finer import entry_row, finer_rows, first_reached, in_entry_candle
from sptrader_lab.kernel.journal import note_end, note_refusal
from sptrader_lab.kernel.match import fills_at_open, fills_inside, in_entry_bar, stop_in_force
from sptrader_lab.kernel.rolling import almost_equal, is_below, reaches_down, reaches_up
from sptrader_lab.kernel.state import Run
from sptrader_lab.types.reasons import CANCELLED_BY_OCO, EXPIRED, NONE, TAKE_PROFIT
from sptrader_lab.types.records import CANCELLED, FINER, LIMIT, MARKET, REFUSED, STOP_LIMIT


@inlined
def enter_waiting(run: Run, leg: int) -> None:
    """Fill, at the present mark, the leg's waiting entries that it satisfies; refuse those whose time is over."""
    market, book = run.market, run.book
    place = book.first[leg]
    while place < book.first[leg] + book.waiting_count[leg]:
        order = book.waiting[place]
        opened = market.time[book.row[order.symbol]]
        price = book.mark[order.symbol] + entry_shift(book, order.symbol, order.side)
        if over(run, leg, order, opened):
            note_end(run.journal, order, REFUSED, EXPIRED, opened, bar_of(run, leg))
            drop_order(book, leg, place)
        elif not fills_at_open(order.kind, order.side, price, order.price):
            place += 1
        elif order.kind == STOP_LIMIT and not reaches_down(order.side * price, order.side * order.limit):
            order.kind, order.price = LIMIT, order.limit  # it has opened beyond its limit and rests there
            place += 1
        else:
            place -= enter_or_refuse(run, leg, place, price, False)


@inlined
def over(run: Run, leg: int, order: Any, opened: int) -> bool:
    """Say whether an entry may no longer fill in a bar that opens at `opened` (S3)."""
    rule, day_ends = run.rules[run.legs.strategy[leg]], run.market.day_ends
    if rule.expire_after > 0 and opened > order.time + rule.expire_after:
        return True
    if not rule.expire_day or order.kind == MARKET:
        return False
    day = run.book.account[0].day
    while day_ends[day] <= order.time:
        day += 1
    while day > 0 and day_ends[day - 1] > order.time:
        day -= 1
    return opened >= day_ends[day]


@inlined
def enter_or_refuse(run: Run, leg: int, place: int, price: float, inside: bool) -> int:
    """Fill the waiting entry at `place`, or refuse it; return how many older orders are gone with it."""
    market, book = run.market, run.book
    order = book.waiting[place]
    bar, now = bar_of(run, leg), market.time[book.row[order.symbol]]
    group = order.group
    reason, value, limit = enter(run, leg, order, bar, price, inside)
    if reason != NONE:
        written = run.journal.orders[order.id - 1]
        written.status, written.final = REFUSED, reason
        note_refusal(run.journal, now, bar, order.strategy, order.symbol, order.side, reason, value, limit)
    drop_order(book, leg, place)
    return cancel_sibling(run, leg, group, place) if reason == NONE and group > 0 else 0


@apart
def cancel_sibling(run: Run, leg: int, group: int, place: int) -> int:
    """Cancel the order that a filled one was paired with; return 1 when it stood before `place`, else 0."""
    book = run.book
    now = run.market.time[book.row[run.legs.symbol[leg]]]
    for other in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
        order = book.waiting[other]
        if order.group == group:
            note_end(run.journal, order, CANCELLED, CANCELLED_BY_OCO, now, bar_of(run, leg))
            drop_order(book, leg, other)
            return 1 if other < place else 0
    return 0


@apart
def enter_inside(run: Run, leg: int) -> None:
    """Fill the leg's waiting entries that the bar's range reaches, and end what the same bar also stops or takes (S7)."""
    market, book = run.market, run.book
    row = book.row[run.legs.symbol[leg]]
    place = book.first[leg]
    while place < book.first[leg] + book.waiting_count[leg]:
        order = book.waiting[place]
        shift = entry_shift(book, order.symbol, order.side)
        high, low = market.high[row] + shift, market.low[row] + shift
        yields, doubtful = False, False
        if order.kind == MARKET or not fills_inside(order.kind, order.side, high, low, order.price):
            yields = True
        elif order.group > 0:
            yields, doubtful = sibling_first(run, leg, order, row)
        if yields:
            place += 1
            continue
        kind, level, paired, held = order.kind, order.price, order.group > 0, book.open_count[leg]
        price = min(max(level, low), high)
        place -= enter_or_refuse(run, leg, place, price, True)
        if book.open_count[leg] == held and paired:
            place = book.first[leg]  # refused: its sibling, which has yielded to it, gets its turn
        elif book.open_count[leg] > held:
            book.positions[book.first[leg] + held].doubtful = doubtful
            live_entry_bar(run, leg, book.first[leg] + held, kind, level, price)


@inlined
def sibling_first(run: Run, leg: int, order: Any, row: int) -> tuple[bool, bool]:
    """Say whether the order's sibling is reached in this bar and before it, and whether that is in doubt."""
    market, book = run.market, run.book
    mine = entry_shift(book, order.symbol, order.side)
    for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
        other = book.waiting[place]
        if other.group != order.group or other.id == order.id:
            continue
        its = entry_shift(book, other.symbol, other.side)
        if not fills_inside(other.kind, other.side, market.high[row] + its, market.low[row] + its, other.price):
            return False, False
        if run.rules[order.strategy].intrabar == FINER:
            first, behind = finer_rows(market, order.symbol, row)
            my_row = entry_row(market, order.kind, order.side, order.price, mine, first, behind)
            its_row = entry_row(market, other.kind, other.side, other.price, its, first, behind)
            if my_row != its_row:
                return its_row < my_row, False
        my_way = abs(order.price - (market.open[row] + mine))
        its_way = abs(other.price - (market.open[row] + its))
        return is_below(its_way, my_way) or (almost_equal(its_way, my_way) and order.side < 0), True
    return False, False


@inlined
def live_entry_bar(run: Run, leg: int, slot: int, kind: int, level: float, price: float) -> None:
    """Take the position just entered inside the bar, at `price` before slippage, through what is left of it (S7)."""
    market, book = run.market, run.book
    position = book.positions[slot]
    symbol, side, count = position.symbol, position.side, book.open_count[leg]
    row, bar = book.row[symbol], bar_of(run, leg)
    into, out = entry_shift(book, symbol, side), exit_shift(book, symbol, side)
    point = price - into + out
    stop, reason = stop_in_force(position)
    if reaches_down(side * point, side * stop):  # by slippage or spread it has entered beyond its own stop
        leave(run, leg, slot, bar, point, reason, False)
        return
    high, low = market.high[row] + out, market.low[row] + out
    while book.open_count[leg] == count:
        exit_price, reason, ambiguous = ends_in_entry_bar(run, leg, position, row, kind, level, into, out)
        if reason == NONE:
            position.doubtful |= ambiguous
            return
        leave(run, leg, slot, bar, min(max(exit_price, low), high), reason, ambiguous)


@inlined
def ends_in_entry_bar(
    run: Run, leg: int, position: Any, row: int, kind: int, level: float, into: float, out: float
) -> tuple[float, int, bool]:
    """Return price, reason and ambiguity of what ends the position in its entry bar; NONE when it stays."""
    market, intrabar = run.market, run.rules[run.legs.strategy[leg]].intrabar
    high, low, close = market.high[row] + out, market.low[row] + out, market.close[row] + out
    price, reason, ambiguous = in_entry_bar(position, high, low, close, kind == LIMIT, intrabar)
    run.book.account[0].choices += ambiguous
    if not ambiguous or intrabar != FINER:
        return price, reason, ambiguous
    first, behind = finer_rows(market, position.symbol, row)
    entered = entry_row(market, kind, position.side, level, into, first, behind)
    if entered == behind:
        return price, reason, ambiguous
    found_price, found, doubtful = in_entry_candle(market, position, kind, level, into, out, entered)
    if found == NONE:
        _, found, both = first_reached(market, position, out, entered + 1, behind)
        found_price = position.target if found == TAKE_PROFIT else stop_in_force(position)[0]
        doubtful = doubtful or both
    side, stop = position.side, stop_in_force(position)[0]
    against = close if kind != LIMIT else low if side > 0 else high  # a limit order's bar goes there after the fill
    beyond = reaches_down(side * against, side * stop) or reaches_up(side * close, side * position.target)
    if found == NONE and beyond:  # the finer candle that reached it is missing
        return price, reason, ambiguous
    return found_price, found, doubtful
