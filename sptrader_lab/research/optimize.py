"""Optimise: values proposed by Optuna from what came of those before, instead of all of a grid."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.backtesting.admission import as_candles, as_capital, check_store
from sptrader_lab.backtesting.traded import TradeOn
from sptrader_lab.candles.progress import bar
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError, unknown
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.constraints import Constraint
from sptrader_lab.research.draws import Sampler, seeded_sampler, study_storage
from sptrader_lab.research.orders import LOWER, check_metric
from sptrader_lab.research.setting import Choice, Setting
from sptrader_lab.research.space import Space, read_space
from sptrader_lab.research.stretches import Timeline
from sptrader_lab.research.study import BLOCKS_KEY, ENDED, METRICS_KEY, Optimization, ran
from sptrader_lab.research.watch import shown
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

    from sptrader_lab.research.engine import Engine

_SAMPLERS: Final = ("tpe", "cmaes", "random")
#: Shares of the candles after which a trial may be given up: it must be worth more than half of those before it.
EARLY: Final = (0.25, 0.5)
#: Proposals in a row that no constraint lets through before the search is given up.
_PATIENCE: Final = 1_000


def optimize(
    strategy: Strategy | str | Path,
    candles: Candles | Sequence[Candles],
    grid: Mapping[str, Iterable[object]] | None = None,
    *,
    n: int = 100,
    objective: str | Sequence[str] = "sharpe_ratio",
    sampler: Sampler = "tpe",
    seed: int = 0,
    constraints: Sequence[Constraint] | str = (),
    prune: bool = True,
    storage: str | Path | None = None,
    top: int = 10,
    capital: float | None = None,
    start: object = None,
    store: CandleStore | None = None,
    trade_on: TradeOn = None,
    parameters: Mapping[str, object] | None = None,
    progress: bool = True,
) -> Optimization:
    """Search for good values, each proposal made from what came of those before.

    Trial by trial the same for the same seed in one process, also when a later call with a larger `n` goes on from its file; what
    is interrupted within a trial goes on with other draws. Every trial is the backtest that `lab.backtest` would run with its
    values.

    Parameters
    ----------
    strategy : Strategy, str or Path
    candles : Candles or sequence of Candles
        Of one symbol, or of several that share the account.
    grid : mapping, optional
        Names as in `lab.sweep`; ``(low, high)`` or ``(low, high, step)`` is a range, a list its values. The strategy's
        `backtest.optimization` unless given.
    n : int
        How many trials the study shall hold in all; those in `storage` count.
    objective : str or sequence of str
        A metric, or several, of which the best compromises are looked for (Pareto front). Whether less or more of a metric
        is better is known.
    sampler : {"tpe", "cmaes", "random"}
        Tree-structured Parzen estimator (Bergstra et al., 2011), CMA-ES (Hansen, 2016; numbers and one objective), or chance.
    seed : int
    constraints : sequence of str or callable
        As in `lab.sweep`. What breaks one is never run and is no trial.
    prune : bool
        Give a trial up after the first quarter or half of the candles where it is worse there than the median of those before
        it. With one objective only. What was given up counts as a trial.
    storage : str or Path, optional
        A file in which the study survives; the same call goes on from there, and several processes may search in it at once.
    top : int
        How many of the best the statistics look into.
    capital, start, store, trade_on
        As in `lab.backtest`.
    parameters : mapping, optional
        Other values that all trials share.
    progress : bool
        Show a bar.

    Returns
    -------
    Optimization
        Ctrl-C returns it with what is done.

    Raises
    ------
    InputError, StrategyError, CandleError
        For any mistake in grid, constraints, strategy or candles, before anything runs.
    LookaheadError
        When a component uses later bars.
    """
    check_store(store)
    objectives = _objectives(objective)
    for name, value in (("n", n), ("top", top)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name}={value!r} must be a whole number, at least 1")
    if sampler not in _SAMPLERS:
        raise InputError(unknown("sampler", str(sampler), _SAMPLERS))
    if sampler == "cmaes" and len(objectives) > 1:
        raise InputError("cmaes seeks one objective; take sampler='tpe' for several")
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    loaded = loaded.with_values(dict(parameters or {}))
    space = read_space(loaded, grid, constraints)
    setting = Setting(
        loaded,
        {Choice(): as_candles(candles)},
        None if capital is None else as_capital(capital),
        None if start is None else parse_time(start),
        trade_on,
        store,
    )
    early = _early(setting) if prune and len(objectives) == 1 else ()
    with _quiet():
        study = _study(setting, space, objectives, sampler, seed, storage, early=bool(early))
        _search(study, setting.engine({}), early, space, objectives, n, shown_bar=progress)
    return Optimization(study, setting, objectives, tuple(space.axes), top)


def _objectives(given: str | Sequence[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or len(set(names)) < len(names):
        raise InputError(f"objective={given!r} must be one metric, or several different ones")
    return tuple(map(check_metric, names))


def _early(setting: Setting) -> tuple[Engine, ...]:
    """Return engines that know only the first part of the candles, to give up early on."""
    from sptrader_lab.research.engine import Engine

    line = Timeline(setting.worlds[Choice()], setting.start)
    if setting.trade_on is not None and not isinstance(setting.trade_on, str):
        raise InputError(
            "trade_on: give a timeframe here, such as '1m', or prune=False; early parts cut the traded candles, too"
        )
    return tuple(
        Engine(
            setting.strategy,
            line.until(int(share * len(line))),
            capital=setting.capital,
            start=setting.start,
            store=setting.store,
            trade_on=setting.trade_on,
        )
        for share in EARLY
    )


def _study(
    setting: Setting,
    space: Space,
    objectives: tuple[str, ...],
    sampler: Sampler,
    seed: int,
    storage: str | Path | None,
    *,
    early: bool,
) -> Study:
    import optuna

    axes = {name: repr(axis) for name, axis in space.axes.items()}
    rules = [text.text for text in space.texts]
    inputs = json.dumps([setting.sha256, axes, rules, objectives, early])
    return optuna.create_study(
        study_name=f"{setting.strategy.name} {hashlib.sha256(inputs.encode()).hexdigest()[:12]}",
        storage=study_storage(storage),
        load_if_exists=True,
        directions=["minimize" if name in LOWER else "maximize" for name in objectives],
        sampler=seeded_sampler(sampler, seed),
        pruner=optuna.pruners.MedianPruner() if early else optuna.pruners.NopPruner(),
    )


def _search(
    study: Study,
    engine: Engine,
    early: Sequence[Engine],
    space: Space,
    objectives: tuple[str, ...],
    n: int,
    *,
    shown_bar: bool,
) -> None:
    """Try until the study holds `n` trials that ran; Ctrl-C ends it."""
    done = sum(map(ran, study.get_trials(deepcopy=False)))
    with bar(n if shown_bar else 0, "optimize", done=min(done, n), unit=" trials") as seen:
        while done < n:
            trial, values = _propose(study, space)
            try:
                _try(study, trial, values, engine, early, objectives)
            except KeyboardInterrupt:
                _give_up(study, trial)
                return
            except BaseException:
                _give_up(study, trial)
                raise
            before, done = done, sum(map(ran, study.get_trials(deepcopy=False)))  # others may search in the same file
            seen.update(done - before)
            if len(objectives) == 1 and (best := _best(study)) is not None:
                seen.set_postfix_str(f"best {objectives[0]} {shown(best)}")


def _propose(study: Study, space: Space) -> tuple[Trial, dict[str, Any]]:
    """Return the next trial that no constraint refuses; refused ones are left in the study as worse than all others."""
    from optuna.trial import TrialState

    for _ in range(_PATIENCE):
        trial = study.ask()
        try:
            values = space.ask(trial)
            if space.allows(values):
                return trial, values
        except BaseException:
            _give_up(study, trial)
            raise
        trial.set_user_attr(ENDED, "refused")
        study.tell(trial, state=TrialState.PRUNED)
    raise InputError(
        f"{_PATIENCE:,} proposals in a row break a constraint; narrow the ranges so that they hold more often"
    )


def _try(
    study: Study,
    trial: Trial,
    values: Mapping[str, Any],
    engine: Engine,
    early: Sequence[Engine],
    objectives: tuple[str, ...],
) -> None:
    """Run one combination and tell the study: early parts first, where it may be given up, then all."""
    from optuna.trial import TrialState

    for step, part in enumerate(early):
        found = part.run([values]).metrics[0, SUMMARY.index(objectives[0])]
        if not math.isnan(found):
            trial.report(float(found), step)
            if trial.should_prune():
                trial.set_user_attr(ENDED, f"pruned after {EARLY[step]:.0%} of the candles")
                study.tell(trial, state=TrialState.PRUNED)
                return
    batch = engine.run([values])
    if batch.errors[0]:
        trial.set_user_attr(ENDED, f"failed: {batch.errors[0]}")
        study.tell(trial, state=TrialState.FAIL)
        return
    metrics = batch.metrics[0]
    trial.set_user_attr(METRICS_KEY, [None if math.isnan(value) else value for value in metrics.tolist()])
    trial.set_user_attr(BLOCKS_KEY, batch.blocks[0].tolist())
    wanted = [float(metrics[SUMMARY.index(name)]) for name in objectives]
    if any(map(math.isnan, wanted)):  # worse than all others to a sampler, which a failure is not
        trial.set_user_attr(ENDED, "undefined")
        study.tell(trial, state=TrialState.PRUNED)
        return
    trial.set_user_attr(ENDED, "complete")
    study.tell(trial, wanted)


def _give_up(study: Study, trial: Trial) -> None:
    """Leave no trial behind that seems to run for ever."""
    from optuna.trial import TrialState

    study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def _best(study: Study) -> float | None:
    try:
        return float(study.best_value)
    except ValueError:  # no trial has a value yet
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling every trial, and from warning of what is meant so; what a search comes to is returned."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
