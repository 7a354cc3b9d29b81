"""Run: one backtest from strategy and candles to result."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from sptrader_lab import __version__
from sptrader_lab.backtesting import lookahead as looking
from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.components.library import Library, scan, standard_folders
from sptrader_lab.errors import InputError, unknown
from sptrader_lab.kernel.compile import source_hash
from sptrader_lab.kernel.layout import Leg, contract
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Computed, Plan, make_plan
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles, parse_time
from sptrader_lab.types.instruments import Instrument, instrument
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import BEST, INTRABAR, RULES, WORST

_LIBRARIES: Final = ("numpy", "numba", "ta-lib", "pandas")
_MODES: Final = ("check", "exhaustive", "off")
_ON_ERROR: Final = ("raise", "continue")


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
        How components are tested for looking ahead (S2): on a few prefixes, on one per bar with an order, or not.

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
    _check_words(on_component_error, lookahead)
    chosen = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    chosen = chosen.with_parameters(parameters or {})
    several = (candles,) if isinstance(candles, Candles) else tuple(candles)
    plan = make_plan(chosen, _library(chosen))
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
    instruments = _instruments(plan, candles)
    money = float(plan.strategy.backtest.initial_capital if capital is None else capital)
    begin = None if start is None else parse_time(start)
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    prepared = [_prepare(plan, one, number, on_error) for number, one in enumerate(candles)]
    started = _lap(seconds, "components and conditions", started)
    coverage = []
    for one in prepared if mode == "check" else ():
        lengths = looking.prefix_lengths(len(one.candles), plan.strategy.sha256)
        coverage.append(looking.check(plan, one.candles, one.computed, lengths))
    started = _lap(seconds, "look-ahead check", started)
    contracts = np.concatenate([contract(one) for one in instruments]).view(np.recarray)
    legs = [one.leg for one in prepared]
    day_end = instruments[0].day_end

    def outcome(intrabar: int) -> Outcome:
        rules = plan.rules.copy().view(np.recarray)
        rules.intrabar[:] = intrabar
        return simulate(candles, legs, rules, contracts, money, day_end, begin)

    default = outcome(int(plan.rules[0].intrabar))
    _lap(seconds, "simulation", started)
    for number, one in enumerate(prepared if mode == "exhaustive" else ()):
        lengths = looking.order_bars(default, number, len(one.candles))
        coverage.append(looking.check(plan, one.candles, one.computed, lengths))
    return Result(
        outcome=default,
        candles=candles,
        strategies=(plan.strategy.name,),
        capital=money,
        currency=instruments[0].quote,
        days_per_year=instruments[0].days_per_year,
        day_end=day_end,
        manifest=_manifest(plan, candles, instruments, money, begin, on_error),
        sources=_sources(plan),
        signal_events=tuple(
            events for number, one in enumerate(prepared) for events in plan.signals(one.computed, number)
        ),
        overlays={one.candles.symbol: plan.overlays(one.computed) for one in prepared},
        lookahead="; ".join(coverage) or "not checked: switched off by the caller",
        warnings=_warnings(plan, prepared),
        seconds=seconds,
        band=lambda: _band(default, outcome, money),
        instruments=instruments,
    )


def _check_words(on_error: str, mode: str) -> None:
    if on_error not in _ON_ERROR:
        raise InputError(unknown("on_component_error", on_error, _ON_ERROR))
    if mode not in _MODES:
        raise InputError(unknown("lookahead mode", mode, _MODES))


def _library(strategy: Strategy) -> Library:
    near = None if strategy.path == "<text>" else Path(strategy.path).parent
    return scan(*standard_folders(near))


def _instruments(plan: Plan, candles: tuple[Candles, ...]) -> tuple[Instrument, ...]:
    """Return the facts about each symbol, the strategy's own settings applied; refuse what one account can't hold yet."""
    if not candles:
        raise InputError("no candles given; load some with CandleStore('data').candles('EURUSD', '1h')")
    symbols = [one.symbol for one in candles]
    if len(set(symbols)) < len(symbols):
        raise InputError(f"candles must be of different symbols, got {', '.join(symbols)}")
    frames = sorted({one.timeframe for one in candles})
    if len(frames) > 1:
        raise InputError(f"candles must share one timeframe, got {', '.join(frames)}; resample them alike")
    found = tuple(
        instrument(one.symbol)._replace(day_end=one.day_end)._replace(**plan.instrument_overrides) for one in candles
    )
    quotes = sorted({one.quote for one in found})
    if len(quotes) > 1:
        raise InputError(f"the symbols are quoted in {' and '.join(quotes)}; one account holds one currency (S12)")
    return found


def _prepare(plan: Plan, candles: Candles, number: int, on_error: Literal["raise", "continue"]) -> _Prepared:
    computed = plan.compute(candles, on_error)
    return _Prepared(candles, computed, Leg(0, number, plan.decide(candles, computed)))


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


def _manifest(
    plan: Plan,
    candles: tuple[Candles, ...],
    instruments: tuple[Instrument, ...],
    capital: float,
    start: int | None,
    on_error: str,
) -> dict[str, Any]:
    """Return every resolved input of the run; its hash is the run id."""
    strategy = plan.strategy
    rules = {name: plan.rules[0][name].item() for name in RULES.names or ()}
    return {
        "mode": "backtest",
        "strategy": {"name": strategy.name, "sha256": strategy.sha256, "parameters": dict(strategy.parameters)},
        "components": {call.spec.name: call.spec.sha256 for call in plan.calls},
        "rules": {**rules, "intrabar": INTRABAR[int(rules["intrabar"])]},
        "candles": [
            {
                "symbol": one.symbol,
                "timeframe": one.timeframe,
                "price": one.price,
                "source": one.source,
                "rows": len(one),
            }
            | {"fingerprint": one.fingerprint}
            for one in candles
        ],
        "instruments": [{**one._asdict(), "day_end": str(one.day_end)} for one in instruments],
        "capital": capital,
        "start": start,
        "on_component_error": on_error,
        "versions": {
            "sptrader_lab": __version__,
            "kernel": source_hash(),
            "python": platform.python_version(),
            **_versions(),
        },
    }


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES}


def _sources(plan: Plan) -> dict[str, str]:
    """Return the text of the strategy and of every component file it used, by the path that a re-run gives them."""
    found = {"strategy.yaml": plan.strategy.text}
    for call in plan.calls:
        path = Path(call.spec.path)
        if path.suffix == ".py":  # TA-Lib's functions have no file
            found[f"components/{call.spec.kind}s/{path.name}"] = path.read_text(encoding="utf-8")
    return found


def _warnings(plan: Plan, prepared: Sequence[_Prepared]) -> tuple[str, ...]:
    """Return what the file says without effect, what the candles can't give, and which components failed."""
    found = [str(warning) for warning in plan.strategy.warnings]
    for one in prepared:
        found += plan.notes(one.candles)
        found += [f"{key} failed and is undefined on every bar: {why}" for key, why in one.computed.failures.items()]
    return tuple(dict.fromkeys(found))
