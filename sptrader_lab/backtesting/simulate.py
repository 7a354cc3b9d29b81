"""Simulate: candles and decisions in, outcome out. Checks outside, so that the kernel can trust what it indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from sptrader_lab.errors import InputError
from sptrader_lab.kernel.compile import notice_first_use
from sptrader_lab.kernel.layout import (
    OPTIONAL_COLUMNS,
    Leg,
    enlarged,
    make_book,
    make_journal,
    make_legs,
    make_market,
)
from sptrader_lab.kernel.loop import run_bars
from sptrader_lab.kernel.state import (
    CASHFLOWS,
    ENTER_LONG,
    ENTER_SHORT,
    STEPS,
    Book,
    Journal,
    Legs,
    Market,
    Records,
    Run,
)
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.outcome import MARK, Outcome
from sptrader_lab.types.records import TARGET, records
from sptrader_lab.types.surroundings import Surroundings

_MOST_AT_FIRST: Final = 200_000


def simulate(
    candles: Sequence[Candles],
    legs: Sequence[Leg],
    rules: Records,
    contracts: Records,
    account: Account,
    day_end: DayEnd,
    start: int | None = None,
    *,
    targets: Records | None = None,
    surroundings: Sequence[Surroundings] = (),
) -> Outcome:
    """Run the kernel over all candles.

    Parameters
    ----------
    candles : sequence of Candles
        One per symbol.
    legs : sequence of Leg
        Decisions, one value per candle of the leg's symbol; any order, one leg per (strategy, symbol).
    rules : numpy.recarray of RULES, shape (strategies,)
    contracts : numpy.recarray of CONTRACT, shape (symbols,)
    account : Account
        Capital (above zero), margin and the limits of the account as a whole.
    day_end : DayEnd
        When the account's trading day ends (S4).
    start : int, optional
        Instant (ns UTC) before which nothing is decided and nothing measured; earlier candles are warm-up.
    targets : numpy.recarray of TARGET, optional
        Rows that rules with several targets point to.
    surroundings : sequence of Surroundings, optional
        One per symbol: spread, conversion, corporate actions, finer candles.

    Returns
    -------
    Outcome
        The same bytes for the same inputs (S17).

    Raises
    ------
    InputError
        When lengths or numbers don't fit together.
    """
    ordered = sorted(legs, key=lambda leg: (leg.strategy, leg.symbol))
    _check_legs(candles, ordered)
    notice_first_use()
    market = make_market(candles, contracts, day_end, start, surroundings)
    columns = make_legs(candles, ordered)
    book, journal = drive(market, columns, rules, records(0, TARGET) if targets is None else targets, account)
    return _outcome(_marks(candles, market, book), book, journal)


def drive(
    market: Market, columns: Legs, rules: Records, targets: Records, account: Account, journal: Journal | None = None
) -> tuple[Book, Journal]:
    """Run the kernel to the last candle, enlarging the journal whenever it is full.

    Parameters
    ----------
    journal : Journal, optional
        An empty one to write to, with room for every step; one of its own unless given.
    """
    # As plain arrays, whose fields are read ten times as fast: a sweep makes many books.
    plain: Any = market._replace(contracts=market.contracts.view(np.ndarray))  # type: ignore[arg-type]
    book = make_book(plain, columns, rules.view(np.ndarray), account)  # type: ignore[arg-type]
    # What one step may write: of every slot an entry, its exits by targets and stop, and what cash flows since the last.
    most = max(int(rules["targets"].max(initial=0)), int(np.diff(market.action_first).max(initial=0)))
    room = (4 + most) * (len(book.positions) + len(columns.symbol)) + 8
    if journal is None:
        # An entry leaves about two orders; the memory of records that never come is never touched.
        likely = 2 * int(np.count_nonzero(columns.flags & (ENTER_LONG | ENTER_SHORT))) + room
        steps = int((market.last - market.begin).max(initial=0))
        journal = make_journal(max(min(likely, _MOST_AT_FIRST), 2 * room), steps, len(rules))
    while not run_bars(Run(market, columns, rules, targets, book, journal), room):
        journal = enlarged(journal, room)
    return book, journal


def _check_legs(candles: Sequence[Candles], legs: Sequence[Leg]) -> None:
    seen = [(leg.strategy, leg.symbol) for leg in legs]
    if not legs:
        raise InputError("legs is empty; a run needs at least one strategy on one symbol")
    if len(set(seen)) < len(seen):
        raise InputError(f"legs must be one per (strategy, symbol), got {seen}")
    for leg in legs:
        want = len(candles[leg.symbol])
        for name in Decisions._fields:
            column = getattr(leg.decisions, name)
            if len(column) != want and not (name in OPTIONAL_COLUMNS and len(column) == 0):
                raise InputError(f"{name} has {len(column)} values for {want} candles of {candles[leg.symbol].symbol}")


def _marks(candles: Sequence[Candles], market: Market, book: Book) -> Records:
    """Return what positions are worth at the end; on quiet bars the book itself keeps no mark."""
    last = np.array([one.close[-1] if len(one) else np.nan for one in candles])
    marks = records(len(candles), MARK)
    marks.bid, marks.ask = last - book.below, last + book.above
    marks.rate, marks.financed = book.rate, market.contracts.financed
    return marks


def _outcome(marks: Records, book: Book, journal: Journal) -> Outcome:
    orders, fills, trades, refusals, cashflows = (
        table[:used].copy().view(np.recarray)
        for table, used in zip(journal[: CASHFLOWS + 1], journal.used[: CASHFLOWS + 1], strict=True)
    )
    held = [book.positions[low : low + count] for low, count in zip(book.first, book.open_count, strict=True)]
    positions = np.concatenate(held).view(np.recarray)
    steps = int(journal.used[STEPS])
    series = journal.time[:steps], journal.equity[:steps], journal.exposure[:steps]
    own = journal.strategy_equity[:steps]
    outcome = Outcome(
        orders, fills, trades, refusals, positions, *series, book.account, cashflows, own, book.shares, marks
    )
    for array in vars(outcome).values():
        array.flags.writeable = False
    return outcome
