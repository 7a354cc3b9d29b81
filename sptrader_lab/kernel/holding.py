"""Holding: what a position earns and suffers without a fill: swap, dividends, splits (S11, S12)."""

from __future__ import annotations

from typing import Any, Final

from sptrader_lab.kernel.account import value_of
from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.fills import aim
from sptrader_lab.kernel.journal import note_cashflow
from sptrader_lab.kernel.state import Run
from sptrader_lab.types.reasons import NONE
from sptrader_lab.types.records import DIVIDEND, SPLIT, SWAP

#: Days of the year that yearly swap rates are counted in, as money markets do.
_YEAR: Final = 360.0


@apart
def pay_swaps(run: Run, now: int) -> None:
    """Pay every position for the day ends since its entry that have passed up to the opening instant `now` (S11)."""
    market, book = run.market, run.book
    account = book.account[0]
    first = account.swapped + 1
    behind = first
    while behind < len(market.day_ends) and market.day_ends[behind] <= now:
        behind += 1
    account.swapped = behind - 1
    if behind == first:
        return
    for leg in range(len(book.first)):
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            contract = market.contracts[position.symbol]
            swap = contract.swap_long if position.side > 0 else contract.swap_short
            if swap == 0.0:
                continue
            nights = 0
            for day in range(first, behind):
                if market.day_ends[day] > position.entry_time:
                    nights += market.nights[position.symbol, day]
            if nights == 0:
                continue
            size, rate = position.quantity * contract.multiplier, book.rate[position.symbol]
            if contract.swap_yearly:
                amount = value_of(market, book, position) * swap / _YEAR * nights
            else:
                amount = size * swap * nights * rate
            receive(run, position, now, SWAP, float(nights), amount)


@apart
def apply_actions(run: Run) -> None:
    """Apply the splits and dividends that are in force before the candles that open now (S12)."""
    market, legs, book = run.market, run.legs, run.book
    for symbol in range(len(book.row)):
        if not book.due[symbol]:
            continue
        now = market.time[book.row[symbol]]
        while book.action[symbol] < market.action_first[symbol + 1]:
            action = market.actions[book.action[symbol]]
            if action.time > now:
                break
            book.action[symbol] += 1
            for leg in range(len(legs.symbol)):
                if legs.symbol[leg] == symbol:
                    act_on(run, leg, action, now)


@inlined
def act_on(run: Run, leg: int, action: Any, now: int) -> None:
    """Let a split or dividend meet the leg's positions and waiting entries that are older than it."""
    market, book = run.market, run.book
    for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
        position = book.positions[slot]
        if position.entry_time >= action.time:
            continue
        if action.kind == DIVIDEND:
            rate, multiplier = book.rate[position.symbol], market.contracts[position.symbol].multiplier
            amount = position.side * position.quantity * action.value * multiplier * rate
            receive(run, position, now, DIVIDEND, action.value, amount)
        else:
            split_position(run, position, action.value)
            note_cashflow(run, position, now, SPLIT, action.value, 0.0)
    if action.kind == SPLIT:
        for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
            order = book.waiting[place]
            if market.time[market.first[order.symbol] + order.bar] < action.time:
                split_order(order, action.value)


@inlined
def receive(run: Run, position: Any, now: int, kind: int, value: float, amount: float) -> None:
    """Book a cash flow of a position: to the account, to its strategy and to its trade."""
    run.book.account[0].cash += amount
    run.book.shares[position.strategy].realised += amount
    position.financing += amount
    note_cashflow(run, position, now, kind, value, amount)


@inlined
def split_position(run: Run, position: Any, ratio: float) -> None:
    """Make `ratio` new units of each old one: quantities grow, prices and distances shrink."""
    position.quantity *= ratio
    position.opened *= ratio
    position.entry_price /= ratio
    position.stop /= ratio
    position.target /= ratio
    position.trail /= ratio
    position.even /= ratio
    position.trail_distance /= ratio
    position.even_distance /= ratio
    position.target_unit /= ratio
    position.split *= ratio
    position.extreme /= ratio
    position.highest /= ratio
    position.lowest /= ratio
    if run.rules[position.strategy].targets > 1:
        aim(run, position)  # what is left may be too little for the target in force
    if position.exit_reason != NONE:
        order = run.journal.orders[position.exit_order - 1]
        order.quantity *= ratio
        order.price /= ratio


@inlined
def split_order(order: Any, ratio: float) -> None:
    """The same for a waiting entry; what was written down at its decision stays as it was."""
    order.quantity *= ratio
    order.price /= ratio
    order.limit /= ratio
    order.stop_distance /= ratio
    order.target_distance /= ratio
    order.trail_distance /= ratio
    order.even_distance /= ratio
    order.target_unit /= ratio
    order.split *= ratio
