"""Layout: candles, decisions and rules laid out as the arrays that the kernel works on, and empty ones for it to fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.kernel.state import (
    ENTER_LONG,
    ENTER_SHORT,
    EXIT_LONG,
    EXIT_SHORT,
    Book,
    Journal,
    Legs,
    Market,
    Records,
)
from sptrader_lab.types.calendar import DayEnd, day_ends
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instruments import Instrument
from sptrader_lab.types.records import ACCOUNT, CONTRACT, FILL, ORDER, POSITION, REFUSAL, TRADE, records

#: Columns of `Decisions` that may be empty.
ATR_COLUMNS: Final = ("stop_atr", "target_atr", "trail_atr", "size_atr")


class Leg(NamedTuple):
    """One strategy on one symbol: positions in the run's lists, and what the strategy says about its candles."""

    strategy: int
    symbol: int
    decisions: Decisions


def contract(instrument: Instrument) -> Records:
    """Return the one CONTRACT record of an instrument."""
    one = records(1, CONTRACT)
    one[0].step, one[0].minimum = instrument.step, instrument.minimum
    one[0].multiplier, one[0].tick = instrument.multiplier, instrument.tick
    return one


def make_market(candles: Sequence[Candles], contracts: Records, day_end: DayEnd, start: int | None) -> Market:
    """Lay the candles of all symbols behind each other; a single symbol is not copied."""
    lengths = np.array([len(one) for one in candles], dtype=np.int64)
    last = np.cumsum(lengths)
    first = last - lengths
    every = {
        name: _joined([getattr(one, name) for one in candles])
        for name in ("time", "close_time", "open", "high", "low", "close")
    }
    times = [(int(one.time[0]), int(one.close_time[-1])) for one in candles if len(one)] or [(0, 0)]
    ends = day_ends(min(low for low, _ in times), max(high for _, high in times), day_end)
    begin = [0 if start is None else int(np.searchsorted(one.time, start)) for one in candles]
    return Market(**every, first=first, last=last, begin=first + begin, contracts=contracts, day_ends=ends)


def make_legs(candles: Sequence[Candles], legs: Sequence[Leg]) -> Legs:
    """Pack the decisions of all legs, sorted already, into one byte per candle."""
    lengths = np.array([len(candles[leg.symbol]) for leg in legs], dtype=np.int64)
    flags = [
        leg.decisions.entry_long * np.uint8(ENTER_LONG)
        | leg.decisions.entry_short * np.uint8(ENTER_SHORT)
        | leg.decisions.exit_long * np.uint8(EXIT_LONG)
        | leg.decisions.exit_short * np.uint8(EXIT_SHORT)
        for leg in legs
    ]
    atr = {}
    for name in ATR_COLUMNS:
        columns = [getattr(leg.decisions, name) for leg in legs]
        used = any(len(column) for column in columns)
        filled = [
            column if len(column) else np.full(length, np.nan) for column, length in zip(columns, lengths, strict=True)
        ]
        atr[name] = _joined(filled if used else [np.empty(0)])
    return Legs(
        strategy=np.array([leg.strategy for leg in legs], dtype=np.int64),
        symbol=np.array([leg.symbol for leg in legs], dtype=np.int64),
        offset=np.cumsum(lengths) - lengths,
        flags=_joined(flags),
        blocked=_joined([leg.decisions.blocked for leg in legs]),
        **atr,
    )


def make_book(market: Market, legs: Legs, rules: Records, capital: float) -> Book:
    """Return an empty book with as many slots as the rules can ever fill."""
    account = records(1, ACCOUNT)
    account[0].cash = account[0].equity = account[0].high_water = account[0].day_equity = capital
    account[0].day = -1
    # Strategies that share an account share its tightest limits.
    account[0].drawdown_limit, account[0].daily_loss_limit = rules.max_drawdown.min(), rules.daily_loss_limit.min()
    account[0].fill_close = rules.fill_close.max()
    of_leg: Any = rules[legs.strategy]
    most = np.minimum(of_leg.max_positions, of_leg.max_positions_per_symbol)
    wishes = [np.count_nonzero(part & (ENTER_LONG | ENTER_SHORT)) for part in np.split(legs.flags, legs.offset[1:])]
    # Twice: a position whose exit is decided frees its place for the entry that follows it at the same open, and a bar
    # may wish for both sides.
    slots = 2 * np.maximum(np.minimum(most, wishes), 1)
    symbols = len(market.first)
    return Book(
        account=account,
        positions=records(int(slots.sum()), POSITION),
        waiting=records(int(slots.sum()), ORDER),
        first=np.cumsum(slots) - slots,
        open_count=np.zeros(len(slots), np.int64),
        waiting_count=np.zeros(len(slots), np.int64),
        row=market.begin.copy(),
        due=np.zeros(symbols, np.bool_),
        mark=np.zeros(symbols),
    )


def make_journal(capacity: int, steps: int) -> Journal:
    """Return an empty journal with room for `capacity` records of each kind and `steps` steps."""
    orders, fills, trades, refusals = (records(capacity, dtype) for dtype in (ORDER, FILL, TRADE, REFUSAL))
    series = np.empty(steps, np.int64), np.empty(steps), np.empty(steps)
    return Journal(orders, fills, trades, refusals, *series, np.zeros(5, np.int64))


def enlarged(journal: Journal, room: int) -> Journal:
    """Return the journal with four times the space wherever little is left; what is written stays."""
    used = dict(zip(Journal._fields, (*journal.used[:4], *[journal.used[4]] * 3), strict=False))
    needs = dict.fromkeys(Journal._fields[:4], room) | dict.fromkeys(Journal._fields[4:7], 1)
    grown = {}
    for name, written in used.items():
        old = getattr(journal, name)
        if written + needs[name] > len(old):
            grown[name] = np.zeros(4 * len(old), old.dtype).view(type(old))
            np.copyto(grown[name][:written].view(np.uint8), old[:written].view(np.uint8))
    return journal._replace(**grown)


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the arrays behind each other, read-only: numba compiles writable and read-only arguments apart."""
    joined = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    if joined.flags.writeable:
        joined = joined.view()
        joined.flags.writeable = False
    return joined
