"""Sweep: one strategy over many combinations of values, on all cores, kept on disk from the first second on."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sptrader_lab.backtesting.admission import as_capital, check_store
from sptrader_lab.backtesting.traded import TradeOn
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError
from sptrader_lab.kernel.summary import BLOCK_SUMS, BLOCKS, SUMMARY
from sptrader_lab.research.constraints import Constraint
from sptrader_lab.research.grid import Combinations, Sample, combinations
from sptrader_lab.research.orders import check_metric
from sptrader_lab.research.running import Dealer, submit_to, threads
from sptrader_lab.research.setting import Setting, find_worlds
from sptrader_lab.research.store import Done, Ledger, writing
from sptrader_lab.research.table import Sweep
from sptrader_lab.research.watch import Watch
from sptrader_lab.research.work import compute, setting_text
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time


def sweep(
    strategy: Strategy | str | Path,
    candles: Candles | Sequence[Candles] | None = None,
    grid: Mapping[str, Iterable[object]] | None = None,
    *,
    constraints: Sequence[Constraint] | str = (),
    sample: Sample = "grid",
    n: int | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    top: int = 10,
    objective: str = "sharpe_ratio",
    store: CandleStore | None = None,
    folder: str | Path = "data/sweeps",
    progress: bool = True,
    resume: bool = True,
    statistics: bool = True,
    capital: float | None = None,
    start: object = None,
    trade_on: TradeOn = None,
    parameters: Mapping[str, object] | None = None,
) -> Sweep:
    """Run a strategy with every combination of a grid and say which is best, and what that is worth.

    Each combination is the backtest that `lab.backtest` would run with these values, to the last byte; only its metrics
    are kept, and `result(number)` gives the whole of it back. Ctrl-C returns what is done, and the same call goes on from
    there, also after the process was killed.

    Parameters
    ----------
    strategy : Strategy, str or Path
    candles : Candles or sequence of Candles, optional
        Of one symbol, or of several that share the account; those that a grid of symbols or timeframes chooses among.
    grid, constraints, sample, n, seed
        What is tried, see `research.grid.combinations`. `backtest.optimization` of the strategy unless a grid is given.
    executor : concurrent.futures.Executor, optional
        What runs the combinations: a thread per core unless given. Processes, here or elsewhere, read the candles
        from `folder` themselves and are sent text and numbers; the rows are the same bytes.
    top : int
        How many of the best are shown; the statistics look into the best three.
    objective : str
        The metric that best is meant by.
    store : CandleStore, optional
        Where symbols and timeframes come from that `candles` lacks, and what `lab.backtest` takes from a store.
    folder : str or Path
        Where sweeps are kept, each in a folder named by its inputs.
    progress : bool
        Show a bar, and in a notebook the best so far.
    resume : bool
        Take the rows of the same sweep that are on disk; else compute all anew.
    statistics : bool
        Say at once what the best is worth; `significance` says it when asked, too.
    capital, start, trade_on
        As in `lab.backtest`.
    parameters : mapping, optional
        Other values, by name or path, that all combinations share.

    Returns
    -------
    Sweep
        It shows itself in a notebook cell.

    Raises
    ------
    InputError, StrategyError, CandleError
        Before anything runs, for any mistake in grid, constraints, strategy or candles. A combination that fails later
        is a row with its error; so is one whose components look ahead (S2), which is tested once for each set of components.
    RunError
        When another process runs the same sweep in `folder`, or a worker died.
    """
    check_store(store)
    check_metric(objective)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InputError(f"top={top!r} must be a whole number, at least 1")
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    loaded = loaded.with_values(dict(parameters or {}))
    chosen = combinations(loaded, grid, constraints=constraints, sample=sample, n=n, seed=seed)
    setting = Setting(
        loaded,
        find_worlds(candles, loaded, chosen, store),
        None if capital is None else as_capital(capital),
        None if start is None else parse_time(start),
        trade_on,
        store,
    )
    document = _document(setting, chosen, objective, top)
    path = Path(folder) / document["sweep_id"]
    kept = Path(folder) / "candles"
    setting.keep(kept)
    started = time.perf_counter()
    with writing(path, document, chosen, resume=resume) as ledger:
        before = int(ledger.done.sum())
        complete = _run(setting, ledger, executor, setting_text(setting, kept), objective, top, shown=progress)
        ledger.finish()
        computed = int(ledger.done.sum()) - before
    seconds = time.perf_counter() - started
    found = Sweep(path, document, chosen, setting, computed=computed, seconds=seconds)
    if statistics and complete and found.ranking().size:
        found.significance  # noqa: B018 - computed now, so that it is shown
    return found


def _run(
    setting: Setting, ledger: Ledger, executor: Executor | None, text: str, objective: str, top: int, *, shown: bool
) -> bool:
    """Run what is not done yet; return whether all is done."""
    if ledger.done.all():
        return True
    pool = executor or threads()
    try:
        here = partial(compute, setting)
        if executor is None or isinstance(executor, ThreadPoolExecutor):
            setting.prepare(ledger.combinations)
        with Watch(ledger.combinations, int(ledger.done.sum()), objective=objective, top=top, shown=shown) as watch:
            if ledger.done.any():
                watch.see(_known(ledger), new=0)
            return Dealer(ledger, watch, submit_to(pool, ledger, here, text), pool).run()
    finally:
        if executor is None:
            pool.shutdown(wait=False, cancel_futures=True)


def _known(ledger: Ledger) -> Done:
    """Return the rows that are on disk already, without what nobody looks at."""
    numbers = ledger.numbers()
    metrics = np.stack(list(ledger.columns(SUMMARY).values()), axis=1)
    return Done(numbers, metrics, np.zeros((len(numbers), BLOCKS, len(BLOCK_SUMS))), [])


def _document(setting: Setting, chosen: Combinations, objective: str, top: int) -> dict[str, Any]:
    """Return what `sweep.json` says."""
    inputs = [setting.sha256, setting.components(chosen.levels), chosen.sha256]
    return {
        "sweep_id": hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest(),
        "saved": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "strategy": setting.strategy.name,
        "symbols": list(dict.fromkeys(one.symbol for world in setting.worlds.values() for one in world)),
        "timeframes": list(dict.fromkeys(one.timeframe for world in setting.worlds.values() for one in world)),
        "grid": [[name, list(values)] for name, values in chosen.levels.items()],
        "combinations": len(chosen),
        "objective": objective,
        "top": top,
        "setting_sha256": setting.sha256,
        "setting": setting.document(),
    }
