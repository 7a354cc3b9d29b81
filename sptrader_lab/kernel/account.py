"""Account: what the book is worth, how much of the account is in use, and where a trading day turns (S11, S12, S14, S15)."""

from __future__ import annotations

from typing import Any

from sptrader_lab.kernel.compile import apart, inlined
from sptrader_lab.kernel.state import Book, Market, Run
from sptrader_lab.types.reasons import NONE


@inlined
def exit_shift(book: Book, symbol: int, side: int) -> float:
    """Return what turns the symbol's price into the one at which a position of `side` leaves: the bid for longs (S9)."""
    return -book.below[symbol] if side > 0 else book.above[symbol]


@inlined
def entry_shift(book: Book, symbol: int, side: int) -> float:
    """Return what turns the symbol's price into the one at which an order of `side` enters: the ask for buys (S9)."""
    return book.above[symbol] if side > 0 else -book.below[symbol]


@inlined
def value_of(market: Market, book: Book, position: Any) -> float:
    """Return the open notional of a position in account money, at the price of its exit side."""
    price = book.mark[position.symbol] + exit_shift(book, position.symbol, position.side)
    return position.quantity * price * market.contracts[position.symbol].multiplier * book.rate[position.symbol]


@inlined
def reserved_by(market: Market, book: Book, order: Any) -> float:
    """Return what a waiting entry takes of the account, at the price it was sized at (S10)."""
    return order.quantity * order.price * market.contracts[order.symbol].multiplier * book.rate[order.symbol]


@inlined
def worth(market: Market, book: Book) -> tuple[float, float]:
    """Return equity and gross open notional with every position at its symbol's mark (S12, S15)."""
    equity = book.account[0].cash
    notional = 0.0
    for leg in range(len(book.first)):
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            value = value_of(market, book, position)
            contract = market.contracts[position.symbol]
            if contract.financed:
                equity += position.side * (value - paid_for(contract, position, book.rate[position.symbol]))
            else:
                equity += position.side * value
            notional += value
    return equity, notional


@inlined
def paid_for(contract: Any, position: Any, rate: float) -> float:
    """Return the notional at the entry price, converted at `rate`."""
    return position.quantity * position.entry_price * contract.multiplier * rate


@inlined
def mark_to_market(run: Run) -> float:
    """Mark the account, and each strategy's share of it, at the closes; return gross open notional (S15)."""
    book = run.book
    account = book.account[0]
    account.equity, notional = worth(run.market, book)
    if account.equity > account.high_water:
        account.high_water = account.equity
    else:
        account.max_drawdown = max(account.max_drawdown, drawdown(account))
    if len(book.shares) > 1:
        mark_shares(run)
    return notional


@apart
def mark_shares(run: Run) -> None:
    """Mark every strategy's own equity: what it began with, has earned, and holds (S14)."""
    market, legs, book = run.market, run.legs, run.book
    for number in range(len(book.shares)):
        share = book.shares[number]
        # By item: uncompiled, the attribute `base` is the one that every numpy record has.
        share.equity = share["base"] + share.realised
    for leg in range(len(book.first)):
        share = book.shares[legs.strategy[leg]]
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            contract, rate = market.contracts[position.symbol], book.rate[position.symbol]
            before = paid_for(contract, position, rate if contract.financed else position.entry_rate)
            share.equity += position.side * (value_of(market, book, position) - before)
    for number in range(len(book.shares)):
        share = book.shares[number]
        share.high_water = max(share.high_water, share.equity)


@inlined
def drawdown(money: Any) -> float:
    """Return how far equity is below its high-water mark, as a fraction of the mark."""
    return (money.high_water - money.equity) / money.high_water


@inlined
def turn_day(market: Market, book: Book, now: int) -> int:
    """Begin the trading day that holds the closing instant `now`; return when it ends (S14).

    At a day's first close account and strategies remember the equity they start from, and daily halts are lifted.
    """
    account = book.account[0]
    if account.day >= 0 and now <= market.day_ends[account.day]:
        return market.day_ends[account.day]
    while account.day < 0 or now > market.day_ends[account.day]:
        account.day += 1
    account.day_equity = account.equity
    account.halted_today = NONE
    for number in range(len(book.shares)):
        share = book.shares[number]
        share.day_equity, share.halted_today = share.equity, NONE
    return market.day_ends[account.day]


@inlined
def committed(run: Run, strategy: int) -> float:
    """Return the money that is not free for a new entry: open positions that stay, and waiting entries (S10).

    Of one strategy, or of all where `strategy` is below 0. Of two orders that cancel each other the larger counts.
    """
    market, legs, book = run.market, run.legs, run.book
    money = 0.0
    for leg in range(len(book.first)):
        if strategy >= 0 and legs.strategy[leg] != strategy:
            continue
        for slot in range(book.first[leg], book.first[leg] + book.open_count[leg]):
            position = book.positions[slot]
            if position.exit_reason == NONE:
                money += value_of(market, book, position)
        for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
            order = book.waiting[place]
            money += reserved_beyond_sibling(market, book, leg, order)
    return money


@inlined
def reserved_beyond_sibling(market: Market, book: Book, leg: int, order: Any) -> float:
    """Return what the order reserves; the second of a pair only what it needs more than the first."""
    mine = reserved_by(market, book, order)
    if order.group in (0, order.id):
        return mine
    for place in range(book.first[leg], book.first[leg] + book.waiting_count[leg]):
        other = book.waiting[place]
        if other.id == order.group:
            return max(0.0, mine - reserved_by(market, book, other))
    return mine
