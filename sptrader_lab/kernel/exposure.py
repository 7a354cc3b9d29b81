"""Exposure: the limits of the account that a new entry may not break (S14)."""

from __future__ import annotations

import math
from typing import Any, Final

from sptrader_lab.kernel.account import committed, reserved_beyond_sibling, reserved_by, value_of
from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.limits import last_closed
from sptrader_lab.kernel.rolling import reaches_up
from sptrader_lab.kernel.state import Book, Run
from sptrader_lab.types.reasons import (
    CORRELATION,
    MAX_ACCOUNT_POSITIONS,
    MAX_CURRENCY_EXPOSURE,
    MAX_GROSS_EXPOSURE,
    MAX_NET_EXPOSURE,
    NONE,
)

#: Deviation of returns below which a correlation means nothing.
_NO_VARIANCE: Final = 1e-12
_ALL: Final = -1
_ACCOUNT_CURRENCY: Final = 0
# What `moments` sums up.
_SUMS: Final = 0
_SQUARES: Final = 1
_PRODUCT: Final = 2


@inlined
def second_of_pair(book: Book, leg: int, order: Any) -> bool:
    """Say whether the order that it would cancel, and that was decided before it, still waits."""
    for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg] if order.group > 0 else 0):
        if book.waiting[place].id == order.group and order.id != order.group:
            return True
    return False


@inlined
def held(book: Book, leg: int) -> int:
    """Count the leg's positions without a decided exit, and its waiting entries."""
    count = 0
    for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
        count += not second_of_pair(book, leg, book.waiting[place])
    for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
        count += book.positions[slot].exit_reason == NONE
    return count


@apart
def crowded(run: Run, symbol: int, side: int, spare: int) -> tuple[int, float, float]:
    """Return why the account takes no further position in this symbol, whatever its size; NONE when it does.

    `spare` is what of the count is not held against the entry: 1 for the second of two orders that cancel each other.
    """
    legs, book = run.legs, run.book
    account = book.account[0]
    count = -spare
    for leg in range(len(legs.strategy)):
        count += held(book, leg)
    if count >= account.max_positions:
        return MAX_ACCOUNT_POSITIONS, float(count), float(account.max_positions)
    if account.correlation_limit == math.inf:
        return NONE, math.nan, math.nan
    for leg in range(len(legs.strategy)):
        other = legs.symbol[leg]
        if other == symbol or held(book, leg) == 0:
            continue
        together = correlation(run, symbol, other)
        if math.isnan(together):
            continue
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            alike = side * position.side * together
            if position.exit_reason == NONE and reaches_up(alike, account.correlation_limit):
                return CORRELATION, alike, account.correlation_limit
        for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
            alike = side * book.waiting[place].side * together
            if reaches_up(alike, account.correlation_limit):
                return CORRELATION, alike, account.correlation_limit
    return NONE, math.nan, math.nan


@inlined
def correlation(run: Run, one: int, other: int) -> float:
    """Return how alike two symbols have moved over the window: Pearson, of simple returns; NaN when that means nothing."""
    window = run.book.account[0].correlation_window
    count, mean_one, mean_other = moments(run, one, other, 0.0, 0.0, _SUMS)
    if count < window:
        return math.nan
    mean_one, mean_other = mean_one / window, mean_other / window
    _, square_one, square_other = moments(run, one, other, mean_one, mean_other, _SQUARES)
    _, product, _ = moments(run, one, other, mean_one, mean_other, _PRODUCT)
    least = _NO_VARIANCE * _NO_VARIANCE * window
    if square_one <= least or square_other <= least:
        return math.nan
    return product / math.sqrt(square_one * square_other)


@inlined
def moments(run: Run, one: int, other: int, mean_one: float, mean_other: float, power: int) -> tuple[int, float, float]:
    """Walk back through the closing instants that two symbols share, over the window's returns.

    Returns how many there are, and the sums of both returns' deviations from the means, of their squares, or of their
    product.
    """
    market, window = run.market, run.book.account[0].correlation_window
    row = market.first[one] + last_closed(market, run.book, one)
    twin = market.first[other] + last_closed(market, run.book, other)
    count, sum_one, sum_other = -1, 0.0, 0.0
    later, later_twin = 0.0, 0.0
    while row >= market.first[one] and twin >= market.first[other] and count < window:
        if market.close_time[row] > market.close_time[twin]:
            row -= 1
            continue
        if market.close_time[row] < market.close_time[twin]:
            twin -= 1
            continue
        if count >= 0:
            x = later / market.close[row] - 1.0 - mean_one
            y = later_twin / market.close[twin] - 1.0 - mean_other
            if power == _PRODUCT:
                sum_one += x * y
            elif power == _SQUARES:
                sum_one += x * x
                sum_other += y * y
            else:
                sum_one += x
                sum_other += y
        later, later_twin = market.close[row], market.close[twin]
        count += 1
        row -= 1
        twin -= 1
    return count, sum_one, sum_other


@apart
def exposed(run: Run, leg: int, order: Any) -> tuple[int, float, float]:
    """Return which exposure limit of the account the order would break, with the exposure as a multiple of equity."""
    market, book = run.market, run.book
    account = book.account[0]
    equity = account.equity
    mine = reserved_by(market, book, order)
    gross = committed(run, _ALL) + reserved_beyond_sibling(market, book, leg, order)
    if gross > account.max_gross_exposure * equity + 1e-9 * equity:
        return MAX_GROSS_EXPOSURE, gross / equity, account.max_gross_exposure
    if account.max_net_exposure < math.inf:
        before = net(run, _ALL, order.group)
        after = before + order.side * mine
        if abs(after) > account.max_net_exposure * equity + 1e-9 * equity and abs(after) > abs(before):
            return MAX_NET_EXPOSURE, abs(after) / equity, account.max_net_exposure
    if account.max_currency_exposure < math.inf:
        contract = market.contracts[order.symbol]
        # By item: uncompiled, the attribute `base` is the one that every numpy record has.
        for currency in (contract["base"], contract.quote):
            if currency <= _ACCOUNT_CURRENCY:
                continue
            before = net(run, currency, order.group)
            after = before + order.side * mine * weight(contract, currency)
            if abs(after) > account.max_currency_exposure * equity + 1e-9 * equity and abs(after) > abs(before):
                return MAX_CURRENCY_EXPOSURE, abs(after) / equity, account.max_currency_exposure
    return NONE, math.nan, math.nan


@inlined
def net(run: Run, currency: int, sibling: int) -> float:
    """Return the signed open notional of all that stays or waits, or what of it is in one currency (0 or above).

    The order that the new one would cancel is left out.
    """
    market, book = run.market, run.book
    money = 0.0
    for leg in range(len(book.first)):
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            if position.exit_reason == NONE:
                part = weight(market.contracts[position.symbol], currency)
                money += position.side * value_of(market, book, position) * part
        for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
            order = book.waiting[place]
            if order.id == sibling:
                continue
            money += order.side * reserved_by(market, book, order) * weight(market.contracts[order.symbol], currency)
    return money


@inlined
def weight(contract: Any, currency: int) -> float:
    """Return with which sign a long position counts in a currency: a pair holds its base and owes its quote."""
    if currency < 0:
        return 1.0
    if contract["base"] == currency:
        return 1.0
    if contract.quote == currency:
        return -1.0 if contract["base"] >= 0 else 1.0
    return 0.0
