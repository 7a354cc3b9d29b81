"""One background thread for what widgets do later: send collected patches, draw another stretch of a chart.

Callbacks of widgets run on the kernel's own threads and must return at once, so they only leave a job here. A job that
comes again under the same key before it ran replaces the one that waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable

_LOG = logging.getLogger(__name__)


class Worker:
    """Runs jobs one after the other, each some time after it was first asked for."""

    def __init__(self) -> None:
        self._jobs: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def later(self, key: Hashable, seconds: float, job: Callable[[], None]) -> None:
        """Run `job` in `seconds`; under a key that waits already, at the moment that was promised first."""
        with self._changed:
            due = self._jobs[key][0] if key in self._jobs else time.monotonic() + seconds
            self._jobs[key] = (due, job)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="sptrader-widgets", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, key: Hashable) -> None:
        """Drop the job that waits under `key`, if there is one."""
        with self._changed:
            self._jobs.pop(key, None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001 - the thread serves every widget and must outlive the failure of one
                _LOG.exception("a widget's background job failed")

    def _next(self) -> Callable[[], None] | None:
        """Wait for a job that is due; None after a while without any, so that no thread idles for ever."""
        with self._changed:
            while True:
                now = time.monotonic()
                if not self._jobs:
                    if not self._changed.wait(_PATIENCE) and not self._jobs:
                        self._thread = None
                        return None
                    continue
                key = min(self._jobs, key=lambda each: self._jobs[each][0])
                due, job = self._jobs[key]
                if due <= now:
                    del self._jobs[key]
                    return job
                self._changed.wait(due - now)


_PATIENCE = 5.0
WORKER = Worker()
