"""Layout: candles, decisions and rules laid out as the arrays that the kernel works on, and empty ones for it to fill."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.kernel.state import (
    ENTER_LONG,
    ENTER_SHORT,
    EXIT_LONG,
    EXIT_SHORT,
    SESSION_EXIT,
    SIGNAL_CLOSE,
    Book,
    Journal,
    Legs,
    Market,
    Records,
)
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import DayEnd, day_ends, trading_dates
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.records import (
    ACCOUNT,
    ACTION,
    CASHFLOW,
    FILL,
    ORDER,
    POSITION,
    REFUSAL,
    SHARE,
    TRADE,
    records,
)
from sptrader_lab.types.surroundings import Surroundings

#: Columns of `Decisions` that may be empty; the prices and ATRs among them.
PRICE_COLUMNS: Final = (
    "stop_atr", "target_atr", "trail_atr", "size_atr", "even_atr",
    "long_price", "short_price", "long_limit", "short_limit",
)  # fmt: skip
OPTIONAL_COLUMNS: Final = (*PRICE_COLUMNS, "session_exit", "signal_close")
_MARKET_COLUMNS: Final = ("time", "close_time", "open", "high", "low", "close")
_FINER_COLUMNS: Final = ("time", "open", "high", "low", "close")
_MANY: Final = 2**62
_SATURDAY: Final = 5


class Leg(NamedTuple):
    """One strategy on one symbol: positions in the run's lists, and what the strategy says about its candles."""

    strategy: int
    symbol: int
    decisions: Decisions


def make_market(
    candles: Sequence[Candles],
    contracts: Records,
    day_end: DayEnd,
    start: int | None,
    surroundings: Sequence[Surroundings],
) -> Market:
    """Lay the candles of all symbols behind each other; a single symbol is not copied."""
    first, last = _places([len(one) for one in candles])
    every = {name: _joined([getattr(one, name) for one in candles]) for name in _MARKET_COLUMNS}
    times = [(int(one.time[0]), int(one.close_time[-1])) for one in candles if len(one)] or [(0, 0)]
    ends = day_ends(min(low for low, _ in times), max(high for _, high in times), day_end)
    begin = [0 if start is None else int(np.searchsorted(one.time, start)) for one in candles]
    around = surroundings or [Surroundings()] * len(candles)
    lengths = [len(one) for one in candles]
    finer = [one.finer for one in around]
    return Market(
        **every,
        first=first,
        last=last,
        begin=first + begin,
        contracts=contracts,
        day_ends=ends,
        spread=_columns([one.spread for one in around], lengths, 0.0),
        rate_open=_columns([one.rate_open for one in around], lengths, 1.0),
        rate_close=_columns([one.rate_close for one in around], lengths, 1.0),
        nights=_nights(contracts, ends, day_end),
        actions=_actions(around),
        action_first=_bounds([len(one.actions) for one in around]),
        **{
            f"finer_{name}": _joined(
                [
                    np.empty(0, np.int64 if name == "time" else np.float64) if one is None else getattr(one, name)
                    for one in finer
                ]
            )
            for name in _FINER_COLUMNS
        },
        finer_first=_bounds([0 if one is None else len(one) for one in finer]),
    )


def _actions(around: Sequence[Surroundings]) -> Records:
    """Return the splits and dividends of all symbols, splits before dividends of the same instant."""
    found = records(sum(len(one.actions) for one in around), ACTION)
    place = 0
    for symbol, one in enumerate(around):
        for action in sorted(one.actions, key=lambda action: (action.time, -action.kind)):
            found[place] = action
            found[place].symbol = symbol
            place += 1
    return found


def _nights(contracts: Records, ends: NDArray[np.int64], day_end: DayEnd) -> NDArray[np.int8]:
    """Return what each trading day counts for swap, by symbol and day end (S11)."""
    swapped = (contracts.swap_long != 0.0) | (contracts.swap_short != 0.0)
    nights = np.ones((len(contracts), len(ends)), np.int8)
    if swapped.any():
        weekday = (trading_dates(ends, day_end).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        for symbol in np.flatnonzero(contracts.triple_day >= 0):
            nights[symbol] = np.where(weekday == contracts[symbol].triple_day, 3, np.where(weekday >= _SATURDAY, 0, 1))
    return nights


def make_legs(candles: Sequence[Candles], legs: Sequence[Leg]) -> Legs:
    """Pack the decisions of all legs, sorted already, into one byte per candle."""
    lengths = [len(candles[leg.symbol]) for leg in legs]
    prices = {name: _columns([getattr(leg.decisions, name) for leg in legs], lengths, np.nan) for name in PRICE_COLUMNS}
    return Legs(
        strategy=np.array([leg.strategy for leg in legs], dtype=np.int64),
        symbol=np.array([leg.symbol for leg in legs], dtype=np.int64),
        offset=_places(lengths)[0],
        flags=_joined([_flags(leg.decisions) for leg in legs]),
        blocked=_joined([leg.decisions.blocked for leg in legs]),
        **prices,
        paced=np.array([len(leg.decisions.signal_close) > 0 for leg in legs], np.uint8),
    )


def _flags(decisions: Decisions) -> NDArray[np.uint8]:
    flags = (
        decisions.entry_long * np.uint8(ENTER_LONG)
        | decisions.entry_short * np.uint8(ENTER_SHORT)
        | decisions.exit_long * np.uint8(EXIT_LONG)
        | decisions.exit_short * np.uint8(EXIT_SHORT)
    )
    if len(decisions.session_exit):
        flags |= decisions.session_exit * np.uint8(SESSION_EXIT)
    if len(decisions.signal_close):
        flags |= decisions.signal_close * np.uint8(SIGNAL_CLOSE)
    return flags


def make_book(market: Market, legs: Legs, rules: Records, account: Account) -> Book:
    """Return an empty book with as many slots as the rules can ever fill."""
    most = np.minimum(rules["max_positions"], rules["max_positions_per_symbol"])[legs.strategy]
    wishes = [np.count_nonzero(part & (ENTER_LONG | ENTER_SHORT)) for part in np.split(legs.flags, legs.offset[1:])]
    # Twice: a position whose exit is decided frees its place for the entry that follows it at the same open, and a bar
    # may wish for both sides.
    slots = 2 * np.maximum(np.minimum(most, wishes), 1)
    symbols, kelly = len(market.first), int(rules["kelly_window"].max(initial=0))
    return Book(
        account=_account(market, legs, rules, account),
        positions=records(int(slots.sum()), POSITION),
        waiting=records(int(slots.sum()), ORDER),
        first=np.cumsum(slots) - slots,
        open_count=np.zeros(len(slots), np.int64),
        waiting_count=np.zeros(len(slots), np.int64),
        row=market.begin.copy(),
        due=np.zeros(symbols, np.bool_),
        mark=np.zeros(symbols),
        below=np.zeros(symbols),
        above=np.zeros(symbols),
        rate=np.ones(symbols),
        action=market.action_first[:-1].copy(),
        shares=_shares(rules, account.capital),
        returns=np.zeros((len(rules), kelly)),
    )


def _account(market: Market, legs: Legs, rules: Records, terms: Account) -> Records:
    table = np.zeros(1, ACCOUNT)
    account = table[0]  # by item: a record's attributes take ten times as long, and a sweep makes many books
    for name in ("cash", "equity", "high_water", "day_equity"):
        account[name] = terms.capital
    account["day"] = account["swapped"] = -1
    for name in (
        "leverage", "maintenance", "max_gross_exposure", "max_net_exposure", "max_currency_exposure",
        "correlation_limit", "correlation_window",
    ):  # fmt: skip
        account[name] = getattr(terms, name)
    alone = len(rules) == 1  # the limits of a strategy that has the account to itself are the account's
    own = (float(rules["max_drawdown"][0]), float(rules["daily_loss_limit"][0])) if alone else (math.inf, math.inf)
    account["drawdown_limit"] = min(terms.max_drawdown, own[0])
    account["daily_loss_limit"] = min(terms.daily_loss_limit, own[1])
    account["fill_close"] = rules["fill_close"].max()
    account["max_positions"] = terms.max_positions or _MANY
    contracts = market.contracts
    account["limited"] = terms.max_positions > 0 or not all(
        math.isinf(limit)
        for limit in (
            terms.max_gross_exposure,
            terms.max_net_exposure,
            terms.max_currency_exposure,
            terms.correlation_limit,
        )
    )
    account["simple"] = not (
        len(market.spread)
        or len(market.rate_open)
        or contracts["financed"].any()
        or len(market.actions)
        or (contracts["swap_long"] != 0.0).any()
        or (contracts["swap_short"] != 0.0).any()
        or terms.maintenance > 0.0
        or (rules["even_fraction"] + rules["even_distance"] + rules["even_atr"] > 0.0).any()
        or legs.paced.any()
    )
    return table.view(np.recarray)


def _shares(rules: Records, capital: float) -> Records:
    shares = records(len(rules), SHARE)
    for name in ("base", "equity", "high_water", "day_equity"):
        shares[name] = rules["allocation"] * capital
    return shares


def make_journal(capacity: int, steps: int, strategies: int) -> Journal:
    """Return an empty journal with room for `capacity` records of each kind and `steps` steps."""
    orders, fills, trades, refusals, cashflows = (
        records(capacity, dtype) for dtype in (ORDER, FILL, TRADE, REFUSAL, CASHFLOW)
    )
    series = np.empty(steps, np.int64), np.empty(steps), np.empty(steps)
    own = np.empty((steps if strategies > 1 else 0, strategies))
    return Journal(orders, fills, trades, refusals, cashflows, *series, own, np.zeros(6, np.int64))


def enlarged(journal: Journal, room: int) -> Journal:
    """Return the journal with four times the space wherever little is left; what is written stays."""
    tables, series = Journal._fields[:5], Journal._fields[5:9]
    grown = {}
    for name, written in zip((*tables, *series), (*journal.used[:5], *[journal.used[5]] * 4), strict=True):
        old = getattr(journal, name)
        if len(old) and written + (room if name in tables else 1) > len(old):
            grown[name] = np.zeros((4 * len(old), *old.shape[1:]), old.dtype).view(type(old))
            np.copyto(grown[name][:written].view(np.uint8), old[:written].view(np.uint8))
    return journal._replace(**grown)


def _places(lengths: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where parts of these lengths begin and end when they are laid behind each other."""
    bounds = _bounds(lengths)
    return bounds[:-1].copy(), bounds[1:].copy()


def _bounds(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))]).astype(np.int64)


def _columns(columns: Sequence[NDArray[np.float64]], lengths: Sequence[int], missing: float) -> NDArray[np.float64]:
    """Return optional columns behind each other, those that are empty filled up; empty when all are."""
    if not any(len(column) for column in columns):
        return _joined([np.empty(0)])
    return _joined(
        [column if len(column) else np.full(length, missing) for column, length in zip(columns, lengths, strict=True)]
    )


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the arrays behind each other, read-only: numba compiles writable and read-only arguments apart."""
    joined = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    if joined.flags.writeable:
        joined = joined.view()
        joined.flags.writeable = False
    return joined
