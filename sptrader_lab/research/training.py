"""Training: every combination run on one stretch of candles, flat at its start, with what came before to warm up on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from sptrader_lab.backtesting.run import backtest
from sptrader_lab.backtesting.traded import TradeOn
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError, RunError
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.engine import Batch, Engine
from sptrader_lab.research.grid import CHOOSING, Combinations
from sptrader_lab.research.orders import goodness
from sptrader_lab.research.stretches import Stretch, Timeline
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.strategy import Strategy

#: Combinations that a thread takes at once.
_CHUNK: Final = 64


class Trainer:
    """A strategy, its combinations and candles; runs combinations on stretches of the candles.

    Parameters
    ----------
    strategy : Strategy
    combinations : Combinations
    line : Timeline
    capital, store, trade_on
        As in `lab.backtest`.
    """

    def __init__(
        self,
        strategy: Strategy,
        combinations: Combinations,
        line: Timeline,
        *,
        capital: float | None = None,
        store: CandleStore | None = None,
        trade_on: TradeOn = None,
    ) -> None:
        for name in CHOOSING:
            if name in combinations.names:
                raise InputError(f"grid: {name} chooses other candles; segments need the same, so leave {name} out")
        if trade_on is not None and not isinstance(trade_on, str):
            raise InputError(
                "trade_on: give a timeframe here, such as '1m', so that segments cut the traded candles, too"
            )
        self.strategy = strategy
        self.combinations = combinations
        self.line = line
        self.capital = capital
        self.store = store
        self.trade_on = trade_on

    def engine(self, stretch: Stretch) -> Engine:
        """Return an engine that knows no candle after the stretch, and decides nothing before it."""
        return Engine(
            self.strategy,
            self.line.until(stretch.last),
            capital=self.capital,
            start=self.line.instant(stretch.first),
            store=self.store,
            trade_on=self.trade_on,
        )

    def run(self, stretch: Stretch, pool: ThreadPoolExecutor) -> Batch:
        """Run every combination on a stretch, in their order.

        Raises
        ------
        RunError
            When every combination failed.
        """
        engine, rows = self.engine(stretch), _All(self.combinations)
        engine.prepare(rows)
        parts = [range(first, min(first + _CHUNK, len(rows))) for first in range(0, len(rows), _CHUNK)]
        batches = list(pool.map(lambda part: engine.run(self.combinations.rows(np.array(part))), parts))
        found = Batch(
            np.concatenate([one.metrics for one in batches]),
            np.concatenate([one.blocks for one in batches]),
            [error for one in batches for error in one.errors],
        )
        if all(found.errors):
            raise RunError(f"every combination failed, the first with: {found.errors[0]}")
        return found

    def result(self, number: int, stretch: Stretch) -> Result:
        """Return the whole backtest of one combination on a stretch."""
        return backtest(
            self.strategy.with_values(self.combinations[number]),
            self.line.until(stretch.last),
            capital=self.capital,
            start=self.line.instant(stretch.first),
            store=self.store,
            trade_on=self.trade_on,
        )

    def holding(self, result: Result) -> int:
        """Return the most candles from an entry to its exit, both counted; of an open position, to the last candle."""
        trades, still = result.outcome.trades, result.outcome.positions
        opened = np.concatenate([trades.entry_time, still.entry_time])
        left = np.concatenate([trades.exit_time, np.full(len(still), result.span[1])])
        first, last = (np.searchsorted(self.line.opens, each, side="right") for each in (opened, left))
        return int((last - first).max(initial=-1)) + 1


def best_of(batch: Batch, objective: str) -> int | None:
    """Return the number of the best combination, the earlier of equals; None where none has a value."""
    good = goodness(objective, batch.metrics[:, SUMMARY.index(objective)])
    return None if np.isnan(good).all() else int(np.nanargmax(good))


def threads() -> ThreadPoolExecutor:
    """Return a thread per core: what runs trainings."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="train")


class _All(Sequence[Any]):
    """All combinations, each made when it is asked for."""

    def __init__(self, combinations: Combinations) -> None:
        self.combinations = combinations

    def __len__(self) -> int:
        return len(self.combinations)

    def __getitem__(self, place: Any) -> Any:
        return self.combinations[place]
