"""Exits: which positions leave at the open and inside the bar, and at what price (S5 steps 1-2, S6-S8)."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.account import exit_shift
from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.fills import leave
from sptrader_lab.kernel.finer import replayed
from sptrader_lab.kernel.match import passed_at_open, reached_inside, stop_in_force, to_tick, trail_level
from sptrader_lab.kernel.rolling import reaches_up
from sptrader_lab.kernel.state import Run
from sptrader_lab.types.reasons import NONE, TAKE_PROFIT
from sptrader_lab.types.records import FINER


@inlined
def bar_of(run: Run, leg: int) -> int:
    """Return the position of the present candle among its symbol's candles."""
    market, legs, book = run.market, run.legs, run.book
    return book.row[legs.symbol[leg]] - market.first[legs.symbol[leg]]


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
        price = book.mark[position.symbol] + exit_shift(book, position.symbol, position.side)
        leave(run, leg, slot, bar_of(run, leg), price, position.exit_reason, False)


@inlined
def leave_passed(run: Run, leg: int) -> None:
    """Fill at the open what the open has already passed: stop, trailing or break-even stop, targets (S6)."""
    book = run.book
    slot = book.first[leg]
    while slot < book.first[leg] + book.open_count[leg]:
        position = book.positions[slot]
        price = book.mark[position.symbol] + exit_shift(book, position.symbol, position.side)
        reason = passed_at_open(position, price)
        if reason == NONE:
            slot += 1
            continue
        leave(run, leg, slot, bar_of(run, leg), price, reason, False)


@inlined
def leave_inside(run: Run, leg: int) -> None:
    """Try the leg's stops and targets on the bar's range, for positions that have lived through all of it (S7)."""
    market, book = run.market, run.book
    symbol = run.legs.symbol[leg]
    row = book.row[symbol]
    slot = book.first[leg]
    while slot < book.first[leg] + book.open_count[leg]:
        position = book.positions[slot]
        shift = exit_shift(book, symbol, position.side)
        high, low = market.high[row] + shift, market.low[row] + shift
        price, reason, ambiguous = choose(run, leg, position, row, shift, high, low)
        if reason == NONE:
            slot += 1
            continue
        price = min(max(price, low), high)  # a level that is touched but for its last bits (S22)
        leave(run, leg, slot, bar_of(run, leg), price, reason, ambiguous)


@inlined
def choose(
    run: Run, leg: int, position: Any, row: int, shift: float, high: float, low: float
) -> tuple[float, int, bool]:
    """Return price, reason and ambiguity of the protective order that ends the position in this bar, or NONE."""
    market = run.market
    intrabar = run.rules[run.legs.strategy[leg]].intrabar
    price, reason, ambiguous = reached_inside(position, high, low, intrabar)
    if reason == NONE:
        return price, reason, ambiguous
    passed = passed_at_open(position, market.open[row] + shift)
    if passed != NONE:  # by slippage or spread the entry filled beyond its own stop
        return market.open[row] + shift, passed, False
    run.book.account[0].choices += ambiguous
    if ambiguous and intrabar == FINER:
        found, both = replayed(market, position, row, shift)
        if found != NONE:
            return (position.target if found == TAKE_PROFIT else stop_in_force(position)[0]), found, both
    return price, reason, ambiguous


@inlined
def follow_prices(run: Run) -> None:
    """Let extremes, trailing and break-even levels follow the closed bar, for use from the next bar on (S8)."""
    market, legs, rules, book = run.market, run.legs, run.rules, run.book
    for leg in range(len(legs.symbol)):
        symbol = legs.symbol[leg]
        if not book.due[symbol]:
            continue
        row, rule, tick = book.row[symbol], rules[legs.strategy[leg]], market.contracts[symbol].tick
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            shift = exit_shift(book, symbol, position.side)
            high, low = market.high[row] + shift, market.low[row] + shift
            if position.inside:  # what came before the entry is not the position's
                high = low = market.close[row] + shift
                position.inside = False
            position.highest, position.lowest = max(position.highest, high), min(position.lowest, low)
            position.extreme = position.highest if position.side > 0 else position.lowest
            position.trail = trail_level(
                position.extreme, rule.trail_fraction, position.trail_distance, position.side, tick
            )
            break_even(rule, position, tick)


@inlined
def break_even(rule: Any, position: Any, tick: float) -> None:
    """Set the break-even stop once the best price has come far enough."""
    side, fill = position.side, position.entry_price
    trigger = rule.even_fraction * fill + position.even_distance
    if trigger <= 0.0 or not math.isnan(position.even):
        return
    if reaches_up(side * position.extreme, side * (fill + side * trigger)):
        offset = rule.even_offset_fraction * fill + rule.even_offset / position.split
        position.even = to_tick(fill + side * offset, -side, tick)
