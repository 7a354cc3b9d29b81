"""Simulate: candles and decisions in, outcome out. Checks outside, so that the kernel can trust what it indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sptrader_lab.backtesting.admission import as_capital
from sptrader_lab.errors import InputError
from sptrader_lab.kernel.compile import notice_first_use
from sptrader_lab.kernel.layout import ATR_COLUMNS, Leg, enlarged, make_book, make_journal, make_legs, make_market
from sptrader_lab.kernel.loop import run_bars
from sptrader_lab.kernel.state import ENTER_LONG, ENTER_SHORT, Book, Journal, Records, Run
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.outcome import Outcome

_MOST_AT_FIRST: Final = 200_000


def simulate(
    candles: Sequence[Candles],
    legs: Sequence[Leg],
    rules: Records,
    contracts: Records,
    capital: float,
    day_end: DayEnd,
    start: int | None = None,
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
    capital : float
        Equity before the first candle, account money, above zero.
    day_end : DayEnd
        When the account's trading day ends (S4).
    start : int, optional
        Instant (ns UTC) before which nothing is decided and nothing measured; earlier candles are warm-up.

    Returns
    -------
    Outcome
        The same bytes for the same inputs (S17).

    Raises
    ------
    InputError
        When lengths or numbers don't fit together.
    """
    capital = as_capital(capital)
    ordered = sorted(legs, key=lambda leg: (leg.strategy, leg.symbol))
    _check_legs(candles, ordered)
    notice_first_use()
    market = make_market(candles, contracts, day_end, start)
    columns = make_legs(candles, ordered)
    book = make_book(market, columns, rules, capital)
    room = 4 * (len(book.positions) + len(ordered)) + 8
    # An entry leaves about two orders; the memory of records that never come is never touched.
    likely = 2 * int(np.count_nonzero(columns.flags & (ENTER_LONG | ENTER_SHORT))) + room
    steps = int((market.last - market.begin).max(initial=0))
    journal = make_journal(min(max(likely, 2 * room), _MOST_AT_FIRST), steps)
    while not run_bars(Run(market, columns, rules, book, journal), room):
        journal = enlarged(journal, room)
    return _outcome(book, journal)


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
            if len(column) != want and not (name in ATR_COLUMNS and len(column) == 0):
                raise InputError(f"{name} has {len(column)} values for {want} candles of {candles[leg.symbol].symbol}")


def _outcome(book: Book, journal: Journal) -> Outcome:
    orders, fills, trades, refusals = (
        table[:used].copy().view(np.recarray) for table, used in zip(journal[:4], journal.used[:4], strict=True)
    )
    held = [book.positions[low : low + count] for low, count in zip(book.first, book.open_count, strict=True)]
    positions = np.concatenate(held).view(np.recarray)
    steps = int(journal.used[4])
    series = journal.time[:steps], journal.equity[:steps], journal.exposure[:steps]
    outcome = Outcome(orders, fills, trades, refusals, positions, *series, book.account)
    for array in vars(outcome).values():
        array.flags.writeable = False
    return outcome
