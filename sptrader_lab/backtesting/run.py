"""Run: one backtest, from strategies and candles to result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sptrader_lab.backtesting import lookahead as looking
from sptrader_lab.backtesting.admission import as_candles, check_store, check_words
from sptrader_lab.backtesting.explain import Explainer
from sptrader_lab.backtesting.manifest import make_manifest
from sptrader_lab.backtesting.members import Member, paired
from sptrader_lab.backtesting.portfolio import members_of
from sptrader_lab.backtesting.prepare import (
    Prepared,
    all_logs,
    all_warnings,
    check_lookahead,
    joined_rules,
    prepare,
)
from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.backtesting.sources import read_sources
from sptrader_lab.backtesting.traded import TradeOn
from sptrader_lab.backtesting.world import World, find_world, marks_per_year
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.components.library import scan
from sptrader_lab.errors import InputError
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.strategy.portfolio import Portfolio, is_portfolio, load_portfolio
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import BEST, WORST
from sptrader_lab.types.signals import Overlay

#: What one strategy may be given as, and several.
OneStrategy = Strategy | str | Path


def backtest(
    strategy: OneStrategy | Sequence[OneStrategy] | Portfolio,
    candles: Candles | Sequence[Candles] | Sequence[Sequence[Candles]] | None = None,
    *,
    parameters: Mapping[str, object] | None = None,
    capital: float | None = None,
    start: object = None,
    trade_on: TradeOn = None,
    store: CandleStore | None = None,
    on_component_error: Literal["raise", "continue"] = "raise",
    lookahead: looking.Mode = "check",
    on_lookahead: looking.OnFound = "error",
) -> Result:
    """Run a strategy, several strategies or a portfolio over candles, in one account.

    Parameters
    ----------
    strategy : Strategy, str or Path, a sequence of them, or Portfolio
        A loaded strategy or its file; several of them, paired with `candles` one to one; a portfolio or its file, whose
        candles come from `store`.
    candles : Candles or sequence of Candles
        Of one symbol, or of several that share the account on one clock (S13).
    parameters : mapping, optional
        Other values for names in the strategy's `parameters`.
    capital : float, optional
        Equity before the first candle, in the account's currency; `backtest.initial_capital` or the portfolio's unless given.
    start : instant, optional
        Nothing is decided or measured before it; earlier candles warm the indicators up.
    trade_on : Candles, sequence of Candles, or str, optional
        Shorter candles that orders fill on, where signals come from longer ones (S13); or their timeframe, read from `store`.
    store : CandleStore, optional
        Where conversion pairs (S12), finer candles (S7), shorter candles (S13) and a portfolio's candles come from.
    on_component_error : {"raise", "continue"}
        A component that raises ends the run with its own traceback, or is recorded, undefined and warned about.
    lookahead : {"check", "exhaustive", "off"}
        How components are tested for looking ahead (S2): on fewer candles, cut where a peek would pay; besides at
        every bar with an order; or not at all.
    on_lookahead : {"error", "warn"}
        A component that looks ahead ends the run, or is reported in a warning that begins with LOOKS AHEAD, as does
        `result.lookahead`; what such a run earned it could not have earned.

    Returns
    -------
    Result
        It shows itself in a notebook cell.

    Raises
    ------
    StrategyError, InputError, CandleError
        Before anything is run.
    ComponentFailed
        When a component raises, with its own traceback.
    LookaheadError
        When a component uses later bars, unless `on_lookahead` is ``warn``.
    """
    check_words(on_component_error, lookahead, on_lookahead)
    check_store(store)
    begin = None if start is None else parse_time(start)
    portfolio: Portfolio | None = None
    if isinstance(strategy, Portfolio) or is_portfolio(strategy):
        portfolio = strategy if isinstance(strategy, Portfolio) else load_portfolio(strategy)  # type: ignore[arg-type]
        members, begin = members_of(portfolio, candles, parameters, store, begin)
    else:
        members = _members(strategy, candles, parameters)
    world = find_world(members, portfolio=portfolio, capital=capital, start=begin, trade_on=trade_on, store=store)
    return run(world, portfolio, on_error=on_component_error, mode=lookahead, on_found=on_lookahead)


def run(
    world: World,
    portfolio: Portfolio | None,
    *,
    on_error: Literal["raise", "continue"],
    mode: looking.Mode,
    on_found: looking.OnFound = "error",
) -> Result:
    """Run over everything that has been found; see `backtest`."""
    surroundings, (rules, targets) = world.surroundings, joined_rules(world.members)
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    prepared = prepare(world, on_error)
    for one in prepared:
        who = f"{one.member.name} " if len(world.members) > 1 else ""
        seconds |= {f"{who}{one.candles.symbol} {key}": taken for key, taken in one.computed.seconds.items()}
    started = _lap(seconds, "components and conditions", started)

    def outcome(intrabar: int | None) -> Outcome:
        chosen = rules
        if intrabar is not None:
            chosen = rules.copy()
            chosen.intrabar[:] = intrabar
        legs = [one.leg for one in prepared]
        return simulate(
            world.traded,
            legs,
            chosen,
            world.contracts,
            world.account,
            world.day_end,
            world.start,
            targets=targets,
            surroundings=surroundings,
        )

    default = outcome(None)
    started = _lap(seconds, "simulation", started)
    seen = check_lookahead(prepared, default, mode, on_found)
    _lap(seconds, "look-ahead check", started)
    return Result(
        outcome=default,
        candles=world.traded,
        strategies=tuple(member.name for member in world.members),
        capital=world.account.capital,
        currency=world.account.currency,
        days_per_year=marks_per_year(world.traded, world.instruments),
        day_end=world.day_end,
        manifest=make_manifest(world, on_error=on_error, lookahead=mode, on_lookahead=on_found),
        sources=read_sources(world, portfolio),
        signal_events=tuple(events for one in prepared for events in one.events()),
        overlays=_overlays(world, prepared),
        lookahead=seen.covered,
        warnings=(*seen.warnings, *all_warnings(world, prepared)),
        logs=all_logs(prepared),
        seconds=seconds,
        band=lambda: _band(default, outcome, world.account.capital),
        instruments=world.instruments,
        references=world.references,
        explainer=Explainer(default, world, prepared, rules),
    )


def _members(strategy: Any, candles: Any, parameters: Mapping[str, object] | None) -> tuple[Member, ...]:
    """Return one strategy on all candles, or several paired with theirs."""
    if isinstance(strategy, Sequence) and not isinstance(strategy, str) and not _only_candles(strategy):
        if not strategy:
            raise InputError("no strategies given; give at least one")
        if parameters:
            raise InputError(
                "parameters belong to one strategy; of several, set them with strategy.with_parameters({...})"
            )
        return paired([_plan(one, {}) for one in strategy], candles)
    several = as_candles(candles)
    plan = _plan(strategy, parameters or {})
    return (Member(plan.strategy.name, plan, several),)


def _only_candles(given: Sequence[Any]) -> bool:
    return bool(given) and all(isinstance(one, Candles) for one in given)


def _plan(strategy: OneStrategy, parameters: Mapping[str, object]) -> Plan:
    chosen = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    chosen = chosen.with_parameters(parameters)
    return make_plan(chosen, scan(*chosen.component_folders))


def _overlays(world: World, prepared: Sequence[Prepared]) -> dict[str, tuple[Overlay, ...]]:
    """Return the lines of every symbol, those of all strategies behind each other."""
    found: dict[str, list[Overlay]] = {one.symbol: [] for one in world.traded}
    for one in prepared:
        found[one.candles.symbol] += one.overlays()
    return {symbol: tuple(lines) for symbol, lines in found.items()}


def _lap(seconds: dict[str, float], part: str, started: float) -> float:
    now = time.perf_counter()
    seconds[part] = now - started
    return now


def _band(default: Outcome, outcome: Callable[[int], Outcome], capital: float) -> tuple[float, float]:
    """Return the lowest and highest total profit of the runs worst, best and default (S7)."""
    runs = [default, outcome(WORST), outcome(BEST)] if default.path_mattered else [default]
    totals = [float(run.account[0].equity) - capital for run in runs]
    return min(totals), max(totals)
