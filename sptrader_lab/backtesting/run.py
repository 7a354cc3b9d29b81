"""Run: one backtest from strategy and candles to result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sptrader_lab.backtesting import lookahead as looking
from sptrader_lab.backtesting.admission import admitted, as_candles, as_capital, check_words, marks_per_year
from sptrader_lab.backtesting.manifest import make_manifest, read_sources
from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.candles.gaps import coverage
from sptrader_lab.components.library import scan
from sptrader_lab.kernel.layout import Leg, contract
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Computed, Plan, make_plan
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import BEST, WORST


@dataclass(frozen=True, eq=False)
class _Prepared:
    """One symbol of a run: its candles, what the components gave for them, and what the strategy decides from that."""

    candles: Candles
    computed: Computed
    leg: Leg


def backtest(
    strategy: Strategy | str | Path,
    candles: Candles | Sequence[Candles],
    *,
    parameters: Mapping[str, object] | None = None,
    capital: float | None = None,
    start: object = None,
    on_component_error: Literal["raise", "continue"] = "raise",
    lookahead: looking.Mode = "check",
) -> Result:
    """Run a strategy over candles.

    Parameters
    ----------
    strategy : Strategy, str or Path
        A loaded strategy or its file.
    candles : Candles or sequence of Candles
        Of one symbol, or of several that share the account on one clock (S13).
    parameters : mapping, optional
        Other values for names in the strategy's `parameters`.
    capital : float, optional
        Equity before the first candle, in the quote currency; the strategy's `backtest.initial_capital` unless given.
    start : instant, optional
        Nothing is decided or measured before it; earlier candles warm the indicators up.
    on_component_error : {"raise", "continue"}
        A component that raises ends the run with its own traceback, or is recorded, undefined and warned about.
    lookahead : {"check", "exhaustive", "off"}
        How components are tested for looking ahead (S2): on fewer candles, cut where a peek would pay; besides at
        every bar with an order; or not at all.

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
        When a component uses later bars.
    """
    check_words(on_component_error, lookahead)
    several = as_candles(candles)
    chosen = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    chosen = chosen.with_parameters(parameters or {})
    plan = make_plan(chosen, scan(*chosen.component_folders))
    return run_plan(plan, several, capital=capital, start=start, on_error=on_component_error, mode=lookahead)


def run_plan(
    plan: Plan,
    candles: tuple[Candles, ...],
    *,
    capital: float | None,
    start: object,
    on_error: Literal["raise", "continue"],
    mode: looking.Mode,
) -> Result:
    """Run a plan over the candles of its symbols; see `backtest`."""
    candles, instruments = admitted(plan, candles)
    money = as_capital(plan.strategy.backtest.initial_capital if capital is None else capital)
    begin = None if start is None else parse_time(start)
    contracts = np.concatenate([contract(one) for one in instruments]).view(np.recarray)
    day_end = instruments[0].day_end
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    prepared = [_prepare(plan, one, number, on_error) for number, one in enumerate(candles)]
    for one in prepared:
        seconds |= {f"{one.candles.symbol} {key}": taken for key, taken in one.computed.seconds.items()}
    started = _lap(seconds, "components and conditions", started)

    def outcome(intrabar: int) -> Outcome:
        rules = plan.rules.copy().view(np.recarray)
        rules.intrabar[:] = intrabar
        return simulate(candles, [one.leg for one in prepared], rules, contracts, money, day_end, begin)

    default = outcome(int(plan.rules[0].intrabar))
    started = _lap(seconds, "simulation", started)
    coverage = _check_lookahead(plan, prepared, default, mode)
    _lap(seconds, "look-ahead check", started)
    return Result(
        outcome=default,
        candles=candles,
        strategies=(plan.strategy.name,),
        capital=money,
        currency=instruments[0].quote,
        days_per_year=marks_per_year(candles, instruments),
        day_end=day_end,
        manifest=make_manifest(
            plan, candles, instruments, capital=money, start=begin, on_error=on_error, lookahead=mode
        ),
        sources=read_sources(plan),
        signal_events=tuple(
            events for number, one in enumerate(prepared) for events in plan.signals(one.computed, number)
        ),
        overlays={one.candles.symbol: plan.overlays(one.computed) for one in prepared},
        lookahead=coverage,
        warnings=_warnings(plan, prepared),
        seconds=seconds,
        band=lambda: _band(default, outcome, money),
        instruments=instruments,
    )


def _prepare(plan: Plan, candles: Candles, number: int, on_error: Literal["raise", "continue"]) -> _Prepared:
    computed = plan.compute(candles, on_error)
    return _Prepared(candles, computed, Leg(0, number, plan.decide(candles, computed)))


def _check_lookahead(plan: Plan, prepared: Sequence[_Prepared], outcome: Outcome, mode: looking.Mode) -> str:
    """Look for values that move when later bars are taken away, and say what that covered (S2)."""
    if mode == "off":
        return "not checked: switched off by the caller"
    covered = []
    for number, one in enumerate(prepared):
        lengths = looking.prefix_lengths(len(one.candles), plan.strategy.sha256)
        if mode == "exhaustive":
            lengths = sorted({*lengths, *looking.order_bars(outcome, number, len(one.candles))})
        covered.append(looking.check(plan, one.candles, one.computed, lengths))
    return "; ".join(covered)


def _lap(seconds: dict[str, float], part: str, started: float) -> float:
    now = time.perf_counter()
    seconds[part] = now - started
    return now


def _band(default: Outcome, outcome: Callable[[int], Outcome], capital: float) -> tuple[float, float]:
    """Return the lowest and highest total profit of the runs worst, best and default (S7)."""
    # Without an ambiguous trade no choice was made, so the other runs could not differ.
    runs = [default, outcome(WORST), outcome(BEST)] if default.trades.ambiguous.any() else [default]
    totals = [float(run.account[0].equity) - capital for run in runs]
    return min(totals), max(totals)


def _warnings(plan: Plan, prepared: Sequence[_Prepared]) -> tuple[str, ...]:
    """Return what the file says without effect, what the candles can't give, why nothing was entered, what failed."""
    found = [str(warning) for warning in plan.strategy.warnings]
    for one in prepared:
        found.append(coverage(one.candles).warning)
        found += plan.notes(one.candles)
        found += plan.silence(one.candles, one.computed, one.leg.decisions)
        found += [f"{key} failed and is undefined on every bar: {why}" for key, why in one.computed.failures.items()]
    return tuple(dict.fromkeys(filter(None, found)))
