"""Pool: warm workers, one for each core, started when first needed and ended with this process."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from sptrader_lab.errors import ComponentError

#: Seconds that a worker gets to start, and to end, before it is ended.
_START: Final = 120.0
_END: Final = 8.0
_ROOT: Final = str(Path(__file__).resolve().parents[3])
_BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from sptrader_lab.components.scripts.worker import main; main()"
)
#: One candle is one process; threads inside it would only take cores from other candles.
_ENVIRONMENT: Final = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a fork copies one thread, and expects no other
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONHASHSEED": "0",  # sets and dicts in the same order in every worker: same bytes (S17)
}


class WorkerDied(Exception):
    """A worker ended, or fell silent, while it was asked; the text says how."""


class Cancelled(KeyboardInterrupt):
    """Ctrl-C, as a call on another thread than the interrupted one hears of it; no failure of any component."""


class WorkerProcess:
    """The near end of one worker; it starts meanwhile, `wait_until_ready` says when it has."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self._socket = near
        self._connection = Connection(os.dup(near.fileno()))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self.folder = tempfile.TemporaryDirectory(prefix="sptrader-", ignore_cleanup_errors=True)
        command = [sys.executable, "-P", "-c", _BOOT, _ROOT, self.folder.name, str(far.fileno())]
        with far:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(far.fileno(),),
                env={**os.environ, **_ENVIRONMENT},
                start_new_session=True,
            )
        self._ready = False

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait until the worker has started.

        Raises
        ------
        WorkerDied
            When it doesn't.
        """
        self._receive(_START)
        self._ready = True

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and return the answer.

        Raises
        ------
        WorkerDied
            When none comes within `seconds`.
        """
        try:
            self._connection.send_bytes(json.dumps(message).encode())
        except OSError:
            raise WorkerDied(self._end()) from None
        return self._receive(seconds)

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            if not self._connection.poll(seconds):
                raise WorkerDied(f"its worker said nothing for {seconds:g} s")
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise WorkerDied(self._end()) from None
        return answer

    def _end(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END)
        code = self._process.returncode
        how = f"ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
        self._errors.seek(0)
        said = self._errors.read()[-2000:].decode(errors="replace").strip()
        return f"its worker was {how}" + (f": {said}" if said else "")

    def interrupt(self) -> None:
        """Hang up: the worker ends its child and itself, whoever waits for its answer learns that it died."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the worker and everything it runs, and wait until it is gone."""
        self.interrupt()
        if not self._ready:  # it runs nothing yet, and hears of nothing before its imports are done
            with contextlib.suppress(OSError):
                self._process.kill()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
        self._connection.close()
        self._socket.close()
        self._errors.close()
        self.folder.cleanup()  # here, because a worker may be killed


class Pool:
    """Workers that calls of several threads share.

    Parameters
    ----------
    size : int
        Most workers at a time.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._changed = threading.Condition()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._waiting = 0
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """How often all calls were cancelled."""
        return self._epoch

    @property
    def wanted(self) -> bool:
        """Whether someone waits for a worker."""
        return self._waiting > 0

    @contextmanager
    def worker(self, epoch: int) -> Iterator[WorkerProcess]:
        """Lend a worker; one that died or is left by an exception is ended, and the next call starts another.

        Parameters
        ----------
        epoch : int
            `epoch` when the call began.

        Raises
        ------
        Cancelled
            When all calls were cancelled since.
        ComponentError
            When no worker can be started.
        """
        worker = self._take(epoch)
        try:
            yield worker
        except BaseException:
            worker.close()
            with self._changed:
                self._busy.discard(worker)
                self._changed.notify()
            raise
        with self._changed:
            self._busy.discard(worker)
            keep = epoch == self._epoch
            if keep:
                self._idle.append(worker)
            self._changed.notify()
        if not keep:
            worker.close()

    def _take(self, epoch: int) -> WorkerProcess:
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: epoch != self._epoch or self._idle or len(self._busy) < self.size)
            finally:
                self._waiting -= 1
            self.check(epoch)
            if self._idle:
                worker = self._idle.pop()
                self._busy.add(worker)
                return worker
            # Started and known to be busy at once, so that whoever cancels finds it; starting is left to it.
            worker = WorkerProcess()
            self._busy.add(worker)
        try:
            worker.wait_until_ready()
            self.check(epoch)
        except BaseException as error:
            worker.close()
            with self._changed:
                self._busy.discard(worker)
                self._changed.notify()
            if isinstance(error, WorkerDied):
                self.check(epoch)
                raise ComponentError(f"scripts can't be run: {error}") from None
            raise
        return worker

    def check(self, epoch: int) -> None:
        """Raise `Cancelled` when all calls were cancelled since `epoch`."""
        if epoch != self._epoch:
            raise Cancelled("cancelled: every script was told to stop")

    def cancel(self) -> None:
        """End every call that runs now, in whichever thread; calls that begin later work as ever."""
        with self._changed:
            self._epoch += 1
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.interrupt()
            self._changed.notify_all()
        for worker in idle:
            worker.close()

    def close(self) -> None:
        """End all workers and whatever they run, and wait until the busy ones are given back."""
        self.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, _END + 2.0)


@lru_cache(maxsize=1)
def shared() -> Pool:
    """Return the pool of this process, of as many workers as it may use cores."""
    if not hasattr(os, "fork"):
        raise ComponentError("script components need a system that can fork: Linux, macOS, or WSL on Windows")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pool = Pool(cores)
    atexit.register(pool.close)
    os.register_at_fork(after_in_child=shared.cache_clear)  # a forked copy of this process starts its own
    return pool


def cancel_all() -> None:
    """End every script that runs in this process now; their calls raise `Cancelled`, nothing is left behind."""
    if shared.cache_info().currsize:
        shared().cancel()
