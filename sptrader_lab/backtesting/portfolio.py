"""Portfolio: the strategies of a portfolio file with their candles from the store."""

from __future__ import annotations

from collections.abc import Mapping

from sptrader_lab.backtesting.members import Member, named
from sptrader_lab.backtesting.shelf import warmed_up
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.components.library import scan
from sptrader_lab.errors import InputError, MissingCandles
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.strategy.portfolio import Portfolio
from sptrader_lab.strategy.schema.portfolio import Share
from sptrader_lab.types.calendar import timeframe
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time


def members_of(
    portfolio: Portfolio,
    candles: object,
    parameters: Mapping[str, object] | None,
    store: CandleStore | None,
    start: int | None,
) -> tuple[tuple[Member, ...], int | None]:
    """Return a portfolio's strategies with the candles that it names, and the instant from which on it is measured.

    Candles before that instant warm the indicators up, as many as the neediest strategy on them can use.

    Raises
    ------
    InputError
        When candles or parameters are given besides, or no store.
    MissingCandles
        When the store lacks some, with the strategy that wants them.
    """
    if candles is not None or parameters:
        raise InputError(
            f"portfolio {portfolio.name!r} names its own symbols and parameters; write lab.backtest(portfolio, store=store)"
        )
    if store is None:
        raise InputError(
            f"portfolio {portfolio.name!r} takes its candles from a store: lab.backtest(portfolio, store=CandleStore('data'))"
        )
    period = portfolio.backtest
    if start is None and period.start_date is not None:
        start = parse_time(period.start_date)
    plans = [make_plan(one, scan(*one.component_folders)) for one in portfolio.loaded]
    needs: dict[tuple[str, str], int] = {}
    for share, plan in zip(portfolio.strategies, plans, strict=True):
        for symbol in share.symbols:
            key = symbol, _frame(share, plan)
            needs[key] = max(needs.get(key, 0), plan.warm_up)
    found: dict[tuple[str, str], Candles] = {}
    members = []
    for share, plan in zip(portfolio.strategies, plans, strict=True):
        name, mine = share.name or plan.strategy.name, []
        for symbol in share.symbols:
            key = symbol, _frame(share, plan)
            try:
                if key not in found:
                    found[key] = warmed_up(store, *key, start, period.end_date, needs[key])
            except MissingCandles as error:
                raise MissingCandles(f"{name} of portfolio {portfolio.name!r}: {error}") from None
            mine.append(found[key])
        members.append(Member(name, plan, tuple(mine), share.allocation, share.trade_on or ""))
    return named(members), start


def _frame(share: Share, plan: Plan) -> str:
    return timeframe(share.timeframe or plan.strategy.backtest.data_frequency or "1h").text
