"""Running: combinations dealt out to an executor, in chunks small enough to watch, to stop and to lose."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import RunError
from sptrader_lab.research.store import Done, Ledger
from sptrader_lab.research.watch import Watch
from sptrader_lab.research.work import compute_job

#: Hands some combinations, by number, to an executor.
Submit: TypeAlias = Callable[[NDArray[np.int64]], "Future[tuple[Done, float]]"]

#: How long a chunk should take: a quarter of what a killed sweep may lose.
_CHUNK_SECONDS: Final = 0.2
_LARGEST: Final = 4096
#: Chunks in flight where an executor does not say how many workers it has.
_UNKNOWN_WORKERS: Final = 32
#: How long an interrupted sweep waits for chunks that are being computed.
_LAST_SECONDS: Final = 2.0


def threads() -> ThreadPoolExecutor:
    """Return what runs a sweep unless something else is asked for: a thread per core."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="sweep")


def submit_to(executor: Executor, ledger: Ledger, compute: Callable[..., Any], setting: str) -> Submit:
    """Return what hands chunks to `executor`: to threads of this process as they are, to all others as text and numbers."""
    combinations = ledger.combinations

    def here(numbers: NDArray[np.int64]) -> Future[tuple[Done, float]]:
        return executor.submit(compute, numbers.tolist(), combinations.rows(numbers))

    def there(numbers: NDArray[np.int64]) -> Future[tuple[Done, float]]:
        rows = json.dumps(combinations.rows(numbers), separators=(",", ":"))
        return executor.submit(compute_job, setting, numbers.tolist(), rows)

    return here if isinstance(executor, ThreadPoolExecutor) else there


@dataclass
class Dealer:
    """Deals out what is not done yet and writes down what comes back.

    Attributes
    ----------
    ledger : Ledger
    watch : Watch
    submit : callable
    executor : Executor
    """

    ledger: Ledger
    watch: Watch
    submit: Submit
    executor: Executor
    _size: int = 1
    _flying: set[Future[tuple[Done, float]]] = field(default_factory=set)

    def run(self) -> bool:
        """Run all that is not done; return False when it was interrupted, with all that is done on disk.

        Raises
        ------
        RunError
            When a worker died; what was done by then is on disk, and another call goes on from there.
        Exception
            Whatever else a chunk raised: a mistake of the whole sweep, such as a component that looks ahead.
        """
        todo = np.flatnonzero(~self.ledger.done)
        place = 0
        with _interruptions() as interrupted:
            try:
                while (place < len(todo) or self._flying) and not interrupted.is_set():
                    while place < len(todo) and len(self._flying) < 2 * _workers(self.executor):
                        self._flying.add(self.submit(todo[place : place + self._size]))
                        place += self._size
                    self._collect(0.1)
            except KeyboardInterrupt:  # Ctrl-C reaches worker processes, too
                interrupted.set()
            except BrokenExecutor as error:
                self.ledger.flush()
                if not interrupted.is_set():
                    kept = f"{int(self.ledger.done.sum()):,} of {len(self.ledger.done):,} combinations are kept"
                    raise RunError(f"a worker died: {error} {kept}; the same call goes on from there") from error
            finally:
                for future in self._flying:
                    future.cancel()
                if interrupted.is_set():
                    self._rescue()
                self.ledger.flush()
        return bool(self.ledger.done.all())

    def _collect(self, seconds: float) -> None:
        """Take in what is finished, waiting up to `seconds` for the first."""
        finished, _ = wait(self._flying, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in finished:
            self._flying.remove(future)
            done, taken = future.result()
            self.ledger.add(done)
            self.watch.see(done)
            fitting = int(_CHUNK_SECONDS * len(done.numbers) / max(taken, 1e-9))
            self._size = max(1, min(4 * self._size, fitting, _LARGEST))

    def _rescue(self) -> None:
        """Take in what running chunks still give, as far as it comes soon."""
        running = [future for future in self._flying if not future.cancelled()]
        finished, _ = wait(running, timeout=_LAST_SECONDS)
        for future in finished:
            if future.exception() is None:
                self.ledger.add(future.result()[0])
        self._flying.clear()


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """Note a first Ctrl-C instead of letting it strike anywhere; a second one strikes."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears of signals
        yield noted
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        if noted.is_set() and callable(before):
            before(number, frame)
        noted.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _workers(executor: Executor) -> int:
    """Return how many chunks an executor works on at once; of Dask's asked anew, because workers come and go."""
    known = getattr(executor, "_max_workers", None)
    if isinstance(known, int):
        return known
    client: Any = getattr(executor, "_client", None)
    cores = client.ncores() if hasattr(client, "ncores") else None
    return max(1, sum(cores.values())) if cores else _UNKNOWN_WORKERS
