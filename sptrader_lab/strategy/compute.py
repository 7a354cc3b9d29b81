"""Compute: every call of a plan once, on some candles.

Components of this process run on the calling thread, in the order of the plan. Scripts run in processes of their own, so each is
waited for by a thread, as many at a time as can be, and what comes back is put together in the order of the plan again (S17).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.answer import Answer
from sptrader_lab.components.run import ask, candle_columns
from sptrader_lab.components.scripts.pool import cancel_all
from sptrader_lab.errors import ComponentFailed
from sptrader_lab.strategy.binder import Call
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.market import Market

Column = NDArray[np.float64]
OnError = Literal["raise", "continue"]
#: Scripts that are waited for at a time; the processes that do the work are far fewer.
_MOST: Final = 16


@dataclass(frozen=True, eq=False)
class Computed:
    """What the components of one plan gave for some candles.

    Attributes
    ----------
    outputs : dict
        Array by output name, by call key; float64, one value per candle.
    seconds : dict
        Time spent, by call key.
    failures : dict
        What went wrong, by call key; such a call's outputs are NaN everywhere.
    columns : mapping
        The same arrays beside the candles' own, by the name that conditions use.
    answers : dict
        The whole `Answer`, by call key, with its log and its notes; none of calls that failed.
    """

    outputs: dict[str, dict[str, Column]]
    seconds: dict[str, float]
    failures: dict[str, str]
    columns: Mapping[str, Column]
    answers: dict[str, Answer] = field(default_factory=dict)


class _Came(NamedTuple):
    """What came of a call: an answer, or why there is none."""

    answer: Answer | None
    failure: str
    seconds: float


def market_of(candles: Candles) -> Market:
    """Return what components of the older styles are told of candles beside their columns."""
    return Market(candles.symbol, candles.timeframe, candles.day_end)


def undefined(bars: int) -> Column:
    """Return a column without a value, read-only."""
    column = np.full(bars, np.nan)
    column.flags.writeable = False
    return column


def compute(calls: Sequence[Call], candles: Candles, on_error: OnError) -> Computed:
    """Run every call once.

    Parameters
    ----------
    calls : sequence of Call
        Each after everything it depends on.
    on_error : {"raise", "continue"}
        With ``continue`` a component that fails is recorded and undefined everywhere, and so is what needs it.

    Raises
    ------
    ComponentFailed
        With the component's own traceback.
    InputError
        When a component wants a column that these candles lack.
    """
    work = _Work(calls, candles, on_error)
    with _threads(sum(call.spec.style == "script" for call in calls)) as threads:
        work.run(threads)
    return work.computed()


class _Work:
    """The calls of a plan on their way."""

    def __init__(self, calls: Sequence[Call], candles: Candles, on_error: OnError) -> None:
        self.calls = calls
        self.bars = len(candles)
        self.market = market_of(candles)
        self.on_error = on_error
        self.made: dict[str, Column] = {}
        self.columns = _Columns(candle_columns(candles), self.made)
        self.owner = {call.column(output.name): call.key for call in calls for output in call.spec.outputs}
        self.came: dict[str, _Came] = {}

    def run(self, threads: ThreadPoolExecutor | None) -> None:
        """Start what is ready: scripts on threads of their own, the first other call here, until all is done."""
        waiting = list(self.calls)
        running: dict[Future[_Came], Call] = {}
        while waiting or running:
            ready = [call for call in waiting if all(self._is_there(name) for name in call.inputs)]
            for call in ready:
                if call.spec.style == "script" and threads is not None:
                    running[threads.submit(self._outcome, call)] = call
                    waiting.remove(call)
            here = next((call for call in ready if call.spec.style != "script"), None)
            if here is not None:
                waiting.remove(here)
                self._take(here, self._outcome(here))
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                self._take(running.pop(future), future.result())

    def computed(self) -> Computed:
        """Return everything in the order of the plan."""
        found = Computed({}, {}, {}, self.columns)
        for call in self.calls:
            came = self.came[call.key]
            found.outputs[call.key] = {each.name: self.made[call.column(each.name)] for each in call.spec.outputs}
            found.seconds[call.key] = came.seconds
            if came.answer is None:
                found.failures[call.key] = came.failure
            else:
                found.answers[call.key] = came.answer
        return found

    def _is_there(self, column: str) -> bool:
        return column not in self.owner or column in self.made

    def _outcome(self, call: Call) -> _Came:
        started = time.perf_counter()
        failed = next((name for name in call.inputs if self._has_failed(name)), None)
        if failed is not None:
            return _Came(None, f"its input {failed} failed", 0.0)
        try:
            answer = ask(call.spec, [self.columns[name] for name in call.inputs], call.parameters, self.market)
        except ComponentFailed as error:
            if self.on_error == "raise":
                raise
            return _Came(None, str(error), time.perf_counter() - started)
        return _Came(answer, "", time.perf_counter() - started)

    def _has_failed(self, column: str) -> bool:
        owner = self.owner.get(column)
        return owner is not None and self.came[owner].answer is None

    def _take(self, call: Call, came: _Came) -> None:
        """Keep what came of a call, so that what depends on it is ready."""
        columns = came.answer.columns if came.answer is not None else [undefined(self.bars) for _ in call.spec.outputs]
        self.came[call.key] = came
        self.made.update(
            {call.column(each.name): column for each, column in zip(call.spec.outputs, columns, strict=True)}
        )


@contextmanager
def _threads(scripts: int) -> Iterator[ThreadPoolExecutor | None]:
    """Return threads that wait for scripts, none where there are none; when something goes wrong, all scripts are ended."""
    if not scripts:
        yield None
        return
    pool = ThreadPoolExecutor(min(scripts, _MOST), thread_name_prefix="script")
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit):  # whoever interrupts does not want to wait for what is half done
        pool.shutdown(wait=False, cancel_futures=True)
        cancel_all()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Columns(Mapping[str, Column]):
    """Candle columns and computed ones as one mapping."""

    def __init__(self, base: Mapping[str, Column], made: Mapping[str, Column]) -> None:
        self.base = base
        self.made = made

    def __getitem__(self, name: str) -> Column:
        return self.made[name] if name in self.made else self.base[name]

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self.base), **dict.fromkeys(self.made)})

    def __len__(self) -> int:
        return len(self.base) + len(self.made)
