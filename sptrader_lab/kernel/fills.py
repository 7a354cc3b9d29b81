"""Fills: what entering and leaving do to positions, cash and the journal (S9, S10, S12)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sptrader_lab.kernel.account import entry_shift, exit_shift, worth
from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.journal import note_exit_order, note_fill, note_trade
from sptrader_lab.kernel.match import level, slipped, trail_level
from sptrader_lab.kernel.rolling import reaches_up
from sptrader_lab.kernel.sizing import commission
from sptrader_lab.kernel.state import Book, Run
from sptrader_lab.types.reasons import NONE, NOT_COVERED, STOP_BEYOND_ZERO, TAKE_PROFIT
from sptrader_lab.types.records import FILLED, LIMIT, STOP, STOP_LIMIT


@inlined
def enter(run: Run, leg: int, order: Any, bar: int, price: float, inside: bool) -> tuple[int, float, float]:
    """Fill a waiting entry at `price`, before its slippage, or refuse it whole (S10).

    Returns NONE, or the reason with the number that broke a limit and the limit.
    """
    market, book, journal = run.market, run.book, run.journal
    rule = run.rules[run.legs.strategy[leg]]
    contract, rate = market.contracts[order.symbol], book.rate[order.symbol]
    account = book.account[0]
    side = order.side
    fill = price if order.kind == LIMIT else slipped(price, side, rule.slippage)
    if order.kind == STOP_LIMIT and side * fill > side * order.limit:
        fill = order.limit
    notional = order.quantity * fill * contract.multiplier * rate
    cost = commission(rule, order.quantity, notional)
    equity, open_notional = worth(market, book)
    if open_notional + notional > (equity - cost) * account.leverage + 1e-9 * abs(equity):
        return NOT_COVERED, open_notional + notional, (equity - cost) * account.leverage
    stop = level(fill, rule.stop_fraction * fill + order.stop_distance, -side, contract.tick)
    trail = trail_level(fill, rule.trail_fraction, order.trail_distance, side, contract.tick)
    target = level(fill, rule.target_fraction * fill + order.target_distance, side, contract.tick)
    lowest = target if rule.targets <= 1 else lowest_target(run, order, rule, fill)
    if stop <= 0.0 or trail <= 0.0 or lowest <= 0.0:
        return STOP_BEYOND_ZERO, math.nan, math.nan
    account.cash -= cost if contract.financed else side * notional + cost
    account.entries += 1
    slot = book.first[leg] + book.open_count[leg]
    book.open_count[leg] += 1
    position = book.positions[slot]
    position.id = account.entries
    position.strategy, position.symbol, position.side = order.strategy, order.symbol, side
    position.exit_reason, position.exit_order = NONE, 0
    position.entry_order = order.id
    position.entry_time, position.entry_bar = market.time[market.first[order.symbol] + bar], bar
    position.quantity, position.opened = order.quantity, order.quantity
    position.entry_price, position.entry_rate, position.costs = fill, rate, cost
    position.stop, position.trail, position.even = stop, trail, math.nan
    position.trail_distance, position.even_distance = order.trail_distance, order.even_distance
    position.target_unit, position.targets_taken, position.parts = order.target_unit, 0, 0
    position.age, position.financing = rule.fill_close, 0.0  # under `fill: close` the entry's close counts as 1
    position.target, position.split, position.entry_split = target, order.split, order.split
    if rule.targets > 1:
        aim(run, position)
    position.extreme = position.highest = position.lowest = fill
    position.inside, position.doubtful = inside, False
    written = journal.orders[order.id - 1]
    written.trade, written.status = position.id, FILLED
    spread = abs(entry_shift(book, order.symbol, side))
    note_fill(run, position, written, bar, order.quantity, side * (fill - price), spread, fill, cost)
    book.shares[order.strategy].realised -= cost
    return NONE, math.nan, math.nan


@apart
def lowest_target(run: Run, order: Any, rule: Any, fill: float) -> float:
    """Return the lowest price among the order's several targets."""
    tick = run.market.contracts[order.symbol].tick
    lowest = math.inf
    for number in range(rule.targets):
        target = run.targets[rule.first_target + number]
        away = target.fraction * fill + target.distance / order.split + target.atr * order.target_unit
        lowest = min(lowest, level(fill, away, order.side, tick))
    return lowest


@apart
def aim(run: Run, position: Any) -> None:
    """Set the position's target to the next one that closes something; NaN when there is none left.

    Its level is that of the day of the entry, rounded then; splits since have divided it (S12).
    """
    rule = run.rules[position.strategy]
    since = position.split / position.entry_split
    fill, unit = position.entry_price * since, position.target_unit * since
    position.target = math.nan
    while position.targets_taken < rule.targets:
        target = run.targets[rule.first_target + position.targets_taken]
        if share_of(run, position) > 0.0:
            away = target.fraction * fill + target.distance / position.entry_split + target.atr * unit
            position.target = level(fill, away, position.side, run.market.contracts[position.symbol].tick) / since
            return
        position.targets_taken += 1


@inlined
def share_of(run: Run, position: Any) -> float:
    """Return the quantity that the position's present target closes."""
    rule = run.rules[position.strategy]
    if rule.targets <= 1:
        return position.quantity
    share = run.targets[rule.first_target + position.targets_taken].share
    step = run.market.contracts[position.symbol].step
    part = np.floor(share * position.opened / step + 1e-9) * step
    return position.quantity if share >= 1.0 or reaches_up(part, position.quantity) else part


@inlined
def leave(run: Run, leg: int, slot: int, bar: int, price: float, reason: int, ambiguous: bool) -> None:
    """Close the position in `slot`, or the part that its target asks for, at `price` of its exit side.

    All but targets pay slippage (S9).
    """
    market, book, journal = run.market, run.book, run.journal
    rule = run.rules[run.legs.strategy[leg]]
    position = book.positions[slot]
    account, share = book.account[0], book.shares[position.strategy]
    contract, rate = market.contracts[position.symbol], book.rate[position.symbol]
    side = -position.side
    quantity = share_of(run, position) if reason == TAKE_PROFIT else position.quantity
    whole = quantity >= position.quantity
    fill = price if reason == TAKE_PROFIT else slipped(price, side, rule.slippage)
    notional = quantity * fill * contract.multiplier * rate
    cost = commission(rule, quantity, notional)
    gross = profit(contract, position, quantity, fill, rate)
    account.cash += (gross if contract.financed else -side * notional) - cost
    part = 1.0 if whole else quantity / position.quantity
    costs, financing = position.costs * part + cost, position.financing * part
    position.costs -= position.costs * part
    position.financing -= financing
    position.parts += 1
    if position.exit_reason != NONE:
        account.leaving -= 1
        order = journal.orders[position.exit_order - 1]
    else:  # a protective order, which becomes an order of its own here
        kind = LIMIT if reason == TAKE_PROFIT else STOP
        opened = market.time[market.first[position.symbol] + bar]
        order = note_exit_order(journal, opened, bar, position, kind, reason, price, quantity)
    order.status = FILLED
    spread = abs(exit_shift(book, position.symbol, position.side))
    note_fill(run, position, order, bar, quantity, side * (fill - price), spread, fill, cost)
    note_trade(run, position, order.id, bar, quantity, fill, reason, ambiguous, gross, costs, financing)
    share.realised += gross - cost
    remember_return(run, position, quantity, gross - costs + financing, rate)
    if whole:
        drop_position(book, leg, slot)
        return
    position.quantity -= quantity
    position.targets_taken += 1
    position.doubtful |= ambiguous
    aim(run, position)


@inlined
def profit(contract: Any, position: Any, quantity: float, price: float, rate: float) -> float:
    """Return what closing `quantity` at `price` earns before costs, account money (S12)."""
    size = quantity * contract.multiplier
    if contract.financed or rate == position.entry_rate:
        return position.side * size * (price - position.entry_price) * rate
    return position.side * size * (price * rate - position.entry_price * position.entry_rate)


@inlined
def remember_return(run: Run, position: Any, quantity: float, pnl: float, rate: float) -> None:
    """Keep the trade's profit as a fraction of its entry notional, for a sizer that learns from it."""
    book = run.book
    window = run.rules[position.strategy].kelly_window
    if window > 0:
        share = book.shares[position.strategy]
        multiplier = run.market.contracts[position.symbol].multiplier
        book.returns[position.strategy, share.trades % window] = pnl / (
            quantity * position.entry_price * multiplier * rate
        )
        share.trades += 1


@inlined
def drop_position(book: Book, leg: int, slot: int) -> None:
    """Take a closed position out of its leg; the oldest stays first."""
    for behind in range(slot, book.first[leg] + book.open_count[leg] - 1):
        book.positions[behind] = book.positions[behind + 1]
    book.open_count[leg] -= 1


@inlined
def drop_order(book: Book, leg: int, place: int) -> None:
    """Take a waiting entry out of its leg; the oldest stays first."""
    for behind in range(place, book.first[leg] + book.waiting_count[leg] - 1):
        book.waiting[behind] = book.waiting[behind + 1]
    book.waiting_count[leg] -= 1
    book.account[0].waiting -= 1
