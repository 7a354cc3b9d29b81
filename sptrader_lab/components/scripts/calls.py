"""Calls: one script over many candles, shared out among warm workers."""

from __future__ import annotations

import base64
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sptrader_lab.components.scripts.limits import Limits
from sptrader_lab.components.scripts.pool import Pool, WorkerDied, WorkerProcess
from sptrader_lab.components.scripts.protocol import number, rows
from sptrader_lab.components.words import Column

#: Candles that a worker is given at a time; then others may have it.
_CHUNK: Final = 16
#: Seconds between two looks for Ctrl-C, which a thread that waits without end may not hear of.
_GLANCE: Final = 0.2
#: Seconds beyond a script's own limit until its worker is taken for dead.
_GRACE: Final = 60.0


class Reply(NamedTuple):
    """What came of one candle: what was printed, why there is no answer ("" when there is), which files it imported.

    `helpers` is None where that can't be known.
    """

    out: str
    err: str
    why: str
    helpers: tuple[str, ...] | None = ()
    timed_out: bool = False


class Script(NamedTuple):
    """What a worker is told of a script."""

    path: str
    source: bytes
    environment: dict[str, str]
    names: tuple[str, ...]
    batch: bool
    limits: Limits

    def message(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        return {
            **self._asdict(),
            "source": base64.b64encode(self.source).decode(),
            "limits": list(self.limits),
            "folder": os.getcwd(),  # noqa: PTH109 - a text is sent
        }


class Call:
    """One script, its candles, and the threads that ask for them.

    Parameters
    ----------
    columns : sequence of numpy.ndarray of float64, shape (bars,)
        The candles', as `protocol.ROW` orders them, then one for each of the script's names.
    """

    def __init__(self, pool: Pool, script: Script, columns: Sequence[Column]) -> None:
        self._pool = pool
        self._script = script
        self._columns = columns
        self._seconds = script.limits.batch_seconds if script.batch else script.limits.seconds
        self._lock = threading.Lock()
        self._todo: deque[list[int]] = deque()
        self._mine: set[WorkerProcess] = set()
        self._stopped = False
        self._replies: queue.SimpleQueue[tuple[int, Reply] | BaseException | None] = queue.SimpleQueue()
        self._epoch = pool.epoch

    def run(self, wanted: Sequence[int], take: Callable[[int, Reply], None]) -> None:
        """Ask for the candles at `wanted`, ascending, and hand over each reply as it comes, in this thread.

        Candles that are given up (`Limits.patience`) get no reply. An exception, Ctrl-C too, ends what runs and leaves
        no process behind.
        """
        self._todo.extend(list(wanted[at : at + _CHUNK]) for at in range(0, len(wanted), _CHUNK))
        threads = [
            threading.Thread(target=self._serve, name=f"script-{place}", daemon=True)
            for place in range(min(self._pool.size, len(self._todo)))
        ]
        for thread in threads:
            thread.start()
        try:
            with progress(len(wanted), self._script.path) as bar:
                left = len(threads)
                while left:
                    try:
                        reply = self._replies.get(timeout=_GLANCE)
                    except queue.Empty:
                        continue
                    if isinstance(reply, BaseException):
                        raise reply
                    if reply is None:
                        left -= 1
                    else:
                        take(*reply)
                        bar.update()
        finally:
            self._stop()
            for thread in threads:
                thread.join()

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._todo.clear()
            for worker in self._mine:
                worker.interrupt()

    def _next(self) -> list[int]:
        with self._lock:
            return self._todo.popleft() if self._todo else []

    def _serve(self) -> None:
        """Ask for one chunk after another, until there is none."""
        try:
            while chunk := self._next():
                self._with_worker(chunk)
            self._replies.put(None)
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self._replies.put(error)

    def _with_worker(self, chunk: list[int]) -> None:
        try:
            with self._pool.worker(self._epoch) as worker:
                with self._lock:
                    self._mine.add(worker)
                    if self._stopped:
                        return
                try:
                    self._ask_all(worker, chunk)
                finally:
                    with self._lock:
                        self._mine.discard(worker)
        except WorkerDied as error:
            self._pool.check(self._epoch)
            if self._stopped:
                return
            if chunk:
                self._replies.put((chunk.pop(0), Reply("", "", str(error))))
        if chunk:
            with self._lock:
                if not self._stopped:
                    self._todo.appendleft(chunk)

    def _ask_all(self, worker: WorkerProcess, chunk: list[int]) -> None:
        """Ask this worker until there is nothing left or someone else wants it; what is answered leaves `chunk`."""
        worker.ask(self._script.message(), _GRACE)
        told = timeouts = 0
        while chunk:
            if chunk[0] < told:  # a chunk that another worker left: this one knows later candles and must forget them
                worker.ask(self._script.message(), _GRACE)
                told = 0
            while chunk:
                self._pool.check(self._epoch)
                reply = self._ask(worker, told, chunk[0])
                told = chunk[0] + 1
                self._replies.put((chunk.pop(0), reply))
                timeouts = timeouts + 1 if reply.timed_out else 0
                if timeouts >= self._script.limits.patience:
                    with self._lock:
                        self._todo.clear()
                    chunk.clear()
            if not self._pool.wanted:
                chunk.extend(self._next())

    def _ask(self, worker: WorkerProcess, told: int, index: int) -> Reply:
        """Tell the candles told..index and ask for the answer at `index`; no later one leaves this process before."""
        values = [[number(value) for value in column[told : index + 1].tolist()] for column in self._columns[6:]]
        message = {"index": index, "rows": rows(self._columns[:6], told, index + 1), "values": values}
        answer = worker.ask(message, self._seconds + _GRACE)
        why = str(answer["why"])
        told_helpers = answer["helpers"]
        helpers = None if told_helpers is None else tuple(told_helpers)
        return Reply(answer["out"], answer["err"], why, helpers, why.startswith("no answer within"))


def progress(total: int, path: str) -> Any:
    """Return a bar for whoever watches, in a terminal or a notebook."""
    from tqdm.auto import tqdm

    watched = "ipykernel" in sys.modules or sys.stderr.isatty()
    text = path.replace("\\", "/").rpartition("/")[2]
    return tqdm(total=total, desc=text, unit="candle", leave=False, disable=not watched or total < 2)
