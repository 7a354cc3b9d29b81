"""Facts: what the strategies of a run say about its symbols and its account, brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sptrader_lab.backtesting.admission import as_capital
from sptrader_lab.backtesting.members import Member
from sptrader_lab.errors import InputError
from sptrader_lab.strategy.portfolio import Portfolio
from sptrader_lab.strategy.schema.account import AccountSection
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import DAY, DayEnd, day_ends, trading_dates
from sptrader_lab.types.instruments import Instrument, instrument


def stated_day_end(members: Sequence[Member], symbol: str) -> DayEnd | None:
    """Return when the symbol's trading day ends, if a strategy on it says so (S4).

    Raises
    ------
    InputError
        When two strategies say different things.
    """
    stated = {member.name: member.plan.day_end(symbol) for member in _trading(members, symbol)}
    said = {name: end for name, end in stated.items() if end is not None}
    if len(set(said.values())) > 1:
        raise InputError(f"the strategies differ in day_end of {symbol}: {_listed(said)}; a symbol has one (S4)")
    return next(iter(said.values()), None)


def instrument_of(members: Sequence[Member], symbol: str, day_end: DayEnd) -> Instrument:
    """Return the facts about a symbol: those that its name tells, replaced by what the strategies on it say.

    Splits and dividends dated by a bare date hold from the beginning of that trading day.

    Parameters
    ----------
    day_end : DayEnd
        When the trading day of its candles ends.

    Raises
    ------
    InputError
        When two strategies say different things, or what one says does not fit the symbol.
    """
    known = instrument(symbol)
    said: dict[str, tuple[str, Any]] = {}
    for member in _trading(members, symbol):
        facts = member.plan.instrument(symbol)
        for name, value in zip(Instrument._fields, facts, strict=True):
            if name == "day_end" or value == getattr(known, name):
                continue
            before = said.setdefault(name, (member.name, value))
            if before[1] != value:
                raise InputError(
                    f"the strategies differ in {name} of {symbol}: {before[0]} says {_shown(before[1])}, {member.name} says "
                    f"{_shown(value)}; a symbol has one (S12)"
                )
    facts = known._replace(**{name: value for name, (_, value) in said.items()}, day_end=day_end)
    return facts._replace(splits=_dated(facts.splits, day_end), dividends=_dated(facts.dividends, day_end))


def day_start(date: int, end: DayEnd) -> int:
    """Return when the trading day that is called after a date begins: at the day end before it (S4).

    Parameters
    ----------
    date : int
        Midnight UTC of the date, ns.
    """
    ends = day_ends(date - 2 * DAY, date + 3 * DAY, end)
    names = trading_dates(ends, end)
    day = np.datetime64(date, "ns").astype("datetime64[D]")
    return int(ends[int(np.searchsorted(names, day)) - 1])


def _trading(members: Sequence[Member], symbol: str) -> list[Member]:
    return [member for member in members if any(one.symbol == symbol for one in member.candles)]


def _dated(events: tuple[tuple[int, float], ...], end: DayEnd) -> tuple[tuple[int, float], ...]:
    return tuple((day_start(time, end) if time % DAY == 0 else time, value) for time, value in events)


def account_currency(members: Sequence[Member], portfolio: Portfolio | None, instruments: Sequence[Instrument]) -> str:
    """Return what the account's money is counted in (S12): what is said, else the quote currency that all symbols share.

    Raises
    ------
    InputError
        When nothing is said and the quotes differ, or two strategies say different things.
    """
    if portfolio is not None and portfolio.account.currency:
        return portfolio.account.currency
    said = {member.name: member.plan.strategy.account.currency for member in members}
    wanted = {} if portfolio is not None else {name: currency for name, currency in said.items() if currency}
    if len(set(wanted.values())) > 1:
        raise InputError(f"the strategies differ in account.currency: {_listed(wanted)}; one account holds one (S12)")
    if wanted:
        return next(iter(wanted.values()))
    quotes = {one.symbol: one.quote for one in instruments}
    if len(set(quotes.values())) > 1:
        first = next(iter(quotes.values()))
        raise InputError(
            f"the symbols are quoted in different currencies: {_listed(quotes)}; say what the account's money is counted in: "
            f"account: {{currency: {first}}} in the {'portfolio' if portfolio else 'strategy'} (S12)"
        )
    return next(iter(quotes.values()))


def account_of(members: Sequence[Member], portfolio: Portfolio | None, capital: float | None, currency: str) -> Account:
    """Return the account's terms: the portfolio's, else those that the strategies agree on.

    A strategy that has the account to itself brings its own limits (S14).

    Raises
    ------
    InputError
        When strategies differ in their account or their capital, or the capital is none.
    """
    terms = Account(_capital(members, portfolio, capital), currency)
    section: AccountSection
    if portfolio is not None:
        section, limits = portfolio.account, portfolio.limits
        given = {name: value for name, value in limits.model_dump(exclude={"correlation"}).items() if value is not None}
        terms = terms._replace(**given)
        if limits.correlation is not None:
            terms = terms._replace(
                correlation_limit=limits.correlation.limit, correlation_window=limits.correlation.window
            )
    else:
        kinds = {member.name: _kind(member.plan.strategy.account) for member in members}
        if len(set(kinds.values())) > 1:
            raise InputError(
                f"the strategies differ in their account: {_listed(kinds)}; one account has one kind (S11)"
            )
        section = members[0].plan.strategy.account
    if section.type == "margin":
        terms = terms._replace(leverage=section.leverage, maintenance=section.maintenance)
    if len(members) == 1:
        rule = members[0].plan.rules[0]
        terms = terms._replace(
            max_drawdown=min(terms.max_drawdown, float(rule.max_drawdown)),
            daily_loss_limit=min(terms.daily_loss_limit, float(rule.daily_loss_limit)),
        )
    return terms


def replaced_accounts(members: Sequence[Member], portfolio: Portfolio | None) -> list[str]:
    """Say which strategies ask for an account that the portfolio's replaces."""
    if portfolio is None:
        return []
    asked = {member.name: member.plan.strategy.account for member in members}
    return [
        f"{name}: its account ({_kind(account)}{', ' + account.currency if account.currency else ''}) is replaced by the portfolio's"
        for name, account in asked.items()
        if account.model_fields_set
    ]


def _capital(members: Sequence[Member], portfolio: Portfolio | None, capital: float | None) -> float:
    if capital is None and portfolio is not None:
        capital = portfolio.account.capital
    if capital is not None:
        return as_capital(capital)
    wanted = {member.name: member.plan.strategy.backtest.initial_capital for member in members}
    if len(set(wanted.values())) > 1:
        raise InputError(
            f"the strategies differ in backtest.initial_capital: {_listed(wanted)}; say which with capital="
        )
    return as_capital(next(iter(wanted.values())))


def _kind(account: AccountSection) -> str:
    if account.type != "margin":
        return "cash"
    return f"margin, leverage {account.leverage:g}, maintenance {account.maintenance:g}"


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _shown(value: object) -> str:
    return "nothing" if value is None or value == () else str(value)
