"""World: everything that a run reads, found and checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sptrader_lab.backtesting.conversion import Rates, find_rates
from sptrader_lab.backtesting.facts import account_currency, account_of, instrument_of, replaced_accounts
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.shelf import finest
from sptrader_lab.backtesting.traded import TradeOn, choose_traded
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError, MissingCandles
from sptrader_lab.strategy.portfolio import Portfolio
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import CURRENCIES, Instrument
from sptrader_lab.types.records import ACTION, DIVIDEND, FINER, SPLIT, default_contract, records
from sptrader_lab.types.surroundings import Surroundings

#: Which part of a candle's spread lies below its prices and which above (S9).
_SHARES = {"mid": (0.5, 0.5), "bid": (0.0, 1.0), "ask": (1.0, 0.0)}


@dataclass(frozen=True, eq=False)
class World:
    """What a run reads.

    Attributes
    ----------
    members : tuple of Member
        Its strategies, in the order of records.
    traded : tuple of Candles
        Those that orders fill on, one per symbol, in the order of records.
    instruments : tuple of Instrument
        One per symbol.
    account : Account
    start : int or None
        Instant before which nothing is decided or measured, ns UTC.
    rates : mapping of str to Rates
        By quote currency, where that is not the account's.
    finer : mapping of str to Candles
        Candles that tell what came first in a bar, by symbol (S7).
    notes : tuple of str
        What a reader should know about the choice of all this.
    name : str
        The portfolio's, "" without one.
    """

    members: tuple[Member, ...]
    traded: tuple[Candles, ...]
    instruments: tuple[Instrument, ...]
    account: Account
    start: int | None = None
    rates: Mapping[str, Rates] = field(default_factory=dict)
    finer: Mapping[str, Candles] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    name: str = ""

    @property
    def day_end(self) -> DayEnd:
        """When the account's trading day ends (S4)."""
        return self.instruments[0].day_end

    @cached_property
    def contracts(self) -> np.recarray[Any, Any]:
        """One CONTRACT record per symbol."""
        numbers = currency_numbers(self.instruments, self.account.currency)
        margin = self.account.leverage > 1.0
        each = [
            contract_of(facts, self.account.currency, numbers, margin, one.price)
            for facts, one in zip(self.instruments, self.traded, strict=True)
        ]
        return np.concatenate(each).view(np.recarray)

    @cached_property
    def surroundings(self) -> tuple[Surroundings, ...]:
        """One per symbol; empty when no symbol has any."""
        each = tuple(self._around(facts, one) for facts, one in zip(self.instruments, self.traded, strict=True))
        return (
            each if any(len(one.spread) or len(one.rate_open) or len(one.actions) or one.finer for one in each) else ()
        )

    @property
    def old_rates(self) -> list[str]:
        """What to tell a reader about rates that are old when they are used."""
        pairs = zip(self.instruments, self.traded, strict=True)
        return [self.rates[facts.quote].aged(one) for facts, one in pairs if facts.quote in self.rates]

    @property
    def references(self) -> tuple[Candles, ...]:
        """Every candles besides the traded ones that the run reads, each once."""
        signals = [one for member in self.members for one in member.candles]
        every = [*signals, *(rate.candles for rate in self.rates.values()), *self.finer.values()]
        own = {one.fingerprint for one in self.traded}
        return tuple({one.fingerprint: one for one in every if one.fingerprint not in own}.values())

    def _around(self, facts: Instrument, candles: Candles) -> Surroundings:
        rates = self.rates.get(facts.quote)
        opening, closing = rates.beside(candles, self.start) if rates is not None else (np.empty(0), np.empty(0))
        spread = spread_column(facts.spread, candles)
        return Surroundings(spread, opening, closing, actions_of(facts), self.finer.get(candles.symbol))


def find_world(
    members: Sequence[Member],
    *,
    portfolio: Portfolio | None = None,
    capital: float | None = None,
    start: int | None = None,
    trade_on: TradeOn = None,
    store: CandleStore | None = None,
) -> World:
    """Find what a run reads: the candles that are traded, facts, the account, conversion pairs, finer candles.

    Raises
    ------
    InputError, CandleError
        When strategies contradict each other, one account can't hold them, or candles are missing.
    """
    members, traded = choose_traded(members, trade_on, store)
    _check_there(traded, start)
    instruments = tuple(instrument_of(members, one.symbol, one.day_end) for one in traded)
    _check_day_ends(instruments)
    currency = account_currency(members, portfolio, instruments)
    account = account_of(members, portfolio, capital, currency)
    quoted: dict[str, list[Candles]] = {}
    for facts, one in zip(instruments, traded, strict=True):
        if facts.quote != currency:
            quoted.setdefault(facts.quote, []).append(one)
    rates = {quote: find_rates(quote, currency, traded, mine, store, start) for quote, mine in quoted.items()}
    return World(
        members,
        traded,
        instruments,
        account,
        start,
        rates,
        _finer(members, traded, store),
        tuple(replaced_accounts(members, portfolio)),
        portfolio.name if portfolio else "",
    )


def contract_of(
    facts: Instrument, account_currency: str, numbers: Mapping[str, int], margin: bool, price_kind: str
) -> np.recarray[Any, Any]:
    """Return the one CONTRACT record of an instrument in an account.

    Parameters
    ----------
    numbers : mapping of str to int
        Of the run's currencies, see `currency_numbers`.
    margin : bool
        Whether the account is on margin, where nothing is owned (S12).
    price_kind : str
        What its candles are: "mid", "bid" or "ask" (S9).
    """
    pair = facts.kind == "pair"
    unit = 1.0 if facts.swap_unit == "yearly" else facts.pip
    bid_share, ask_share = _SHARES[price_kind]
    return default_contract(
        step=facts.step,
        minimum=facts.minimum,
        multiplier=facts.multiplier,
        tick=facts.tick,
        base=numbers.get(facts.base, -1) if pair else -1,
        quote=numbers.get(facts.quote, -1),
        financed=int(facts.quote != account_currency and (pair or margin)),
        bid_share=bid_share,
        ask_share=ask_share,
        swap_long=facts.swap_long * unit,
        swap_short=facts.swap_short * unit,
        swap_yearly=int(facts.swap_unit == "yearly"),
        triple_day=-1 if facts.triple_day is None else facts.triple_day,
    )


def currency_numbers(instruments: Sequence[Instrument], account_currency: str) -> dict[str, int]:
    """Number the currencies of a run: 0 is the account's own, the others in the order of their names."""
    bases = {one.base for one in instruments if one.kind == "pair" and one.base in CURRENCIES}
    others = (bases | {one.quote for one in instruments}) - {account_currency}
    return {account_currency: 0, **{name: number for number, name in enumerate(sorted(others), start=1)}}


def spread_column(wanted: float | str, candles: Candles) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the spread of every candle in price units; empty where none is asked for (S9).

    Raises
    ------
    InputError
        When the candles' own is asked for and they have none.
    """
    if wanted == "column":
        if candles.spread is None:
            raise InputError(
                f"spread: column asks for the spread of each candle, and the {candles!r} have none; give a number in price "
                "units, such as spread: 0.0002, or import candles with a spread column"
            )
        return candles.spread
    return np.full(len(candles), float(wanted)) if float(wanted) > 0.0 else np.empty(0)


def actions_of(facts: Instrument) -> np.recarray[Any, Any]:
    """Return splits and dividends as ACTION records, in the order of time, splits first (S12)."""
    rows = [
        (time, -kind, value)
        for kind, dated in ((SPLIT, facts.splits), (DIVIDEND, facts.dividends))
        for time, value in dated
    ]
    found = records(len(rows), ACTION)
    for action, (time, kind, value) in zip(found, sorted(rows), strict=True):
        action.time, action.kind, action.value = time, -kind, value
    return found


def marks_per_year(traded: Sequence[Candles], instruments: Sequence[Instrument]) -> int:
    """Return how many day ends with candles a year has, the square of the annualisation factor (S16)."""
    units = {one.period.unit for one in traded}
    if units <= {"w", "mo"}:
        return 52 if "w" in units else 12
    return max(one.days_per_year for one in instruments)


def _finer(members: Sequence[Member], traded: Sequence[Candles], store: CandleStore | None) -> dict[str, Candles]:
    """Return the finest candles of each symbol on which a strategy asks what came first in a bar."""
    asking = {
        one.symbol: member for member in members if member.plan.rules[0].intrabar == FINER for one in member.candles
    }
    if asking and store is None:
        name = next(iter(asking.values())).name
        raise InputError(
            f"{name} asks for intrabar: finer, and finer candles come from a store: lab.backtest(..., store=CandleStore('data'))"
        )
    found = {}
    for one in traded:
        if one.symbol not in asking or store is None or not len(one):
            continue
        shorter = finest(store, one)
        if shorter is None:
            raise MissingCandles(
                f"{asking[one.symbol].name} asks for intrabar: finer, and the store has no candles of {one.symbol} that are "
                f"finer than the traded {one.timeframe} ones over the same time; import them, or write intrabar: worst (S7)"
            )
        found[one.symbol] = shorter
    return found


def _check_there(traded: Sequence[Candles], start: int | None) -> None:
    """Refuse a symbol of several without any candle in the measured time; one alone just has no steps (S21)."""
    for one in traded if len(traded) > 1 else ():
        if not len(one) or (start is not None and one.time[-1] < start):
            since = "" if start is None else f" from {str(np.datetime64(start, 'ns'))[:16].replace('T', ' ')} UTC on"
            raise InputError(
                f"there are no candles of {one.symbol}{since} ({one!r}); give some, or leave the symbol out"
            )


def _check_day_ends(instruments: Sequence[Instrument]) -> None:
    ends = {one.symbol: str(one.day_end) for one in instruments}
    if len(set(ends.values())) > 1:
        listed = ", ".join(f"{symbol} {end}" for symbol, end in ends.items())
        raise InputError(
            f"the symbols differ in ending their day at: {listed}; say which with instrument.day_end in the strategy (S4)"
        )
