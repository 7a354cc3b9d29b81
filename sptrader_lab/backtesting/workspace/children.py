"""Children: each file is tried in a process of its own, so that one which hangs, exits or crashes ends nothing but itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

#: Seconds that a child may take beyond those of its own clock, before it is ended from outside.
_GRACE: Final = 20.0
#: Seconds in which it ends what it has started.
_ENDING: Final = 8.0
_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')
_TAIL: Final = 12


class Reply(NamedTuple):
    """What came back: the child's answer, or why there is none.

    Attributes
    ----------
    answer : dict or None
        None when the child ended without one.
    why : str
        What happened instead, with the file's own line where it is known.
    log : str
        The end of what it printed.
    """

    answer: dict[str, Any] | None
    why: str = ""
    log: str = ""


class Children:
    """Runs children, a few at a time; leaving the block ends those that still run."""

    def __init__(self, module: str, limit: float) -> None:
        self.module = module
        self.limit = limit
        self.running: set[subprocess.Popen[bytes]] = set()
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True
        for process in tuple(self.running):
            _end(process)

    def ask(
        self, requests: Sequence[dict[str, Any]], begun: Callable[[str], None], done: Callable[[], None]
    ) -> list[Reply]:
        """Return the reply to each request, in their order.

        `begun` is told a file's path when its turn comes, from a thread; `done` is called whenever a reply has come.
        """

        def one(request: dict[str, Any]) -> Reply:
            begun(str(request["path"]))
            return self._one(request)

        found: dict[Future[Reply], int] = {}
        with ThreadPoolExecutor(max_workers=max(1, os.cpu_count() or 1)) as threads:
            try:
                found = {threads.submit(one, request): place for place, request in enumerate(requests)}
                for _ in as_completed(found):
                    done()
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                self.__exit__()
                raise
        return [future.result() for future in sorted(found, key=found.__getitem__)]

    def _one(self, request: dict[str, Any]) -> Reply:
        with tempfile.TemporaryDirectory(prefix="sptrader_check_") as place, Path(place, "log").open("w+b") as log:
            asked, answered = Path(place, "request.json"), Path(place, "answers")
            asked.write_text(json.dumps({**request, "limit": self.limit}), encoding="utf-8")
            # What is tried here is no run of the user's, and leaves nothing in the user's cache and folders.
            environment = {
                **os.environ,
                "SPTRADER_CACHE": place,
                "PYTHONWARNINGS": "default",
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            command = [sys.executable, "-m", self.module, str(asked), str(answered)]
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self.running.add(process)
            hung = False
            try:
                if not self.closed:
                    process.wait(self.limit * 3 + _GRACE)
            except subprocess.TimeoutExpired:
                hung = True
            finally:
                _end(process)
                self.running.discard(process)
            log.seek(0)
            said = log.read().decode("utf-8", "replace")
            return _reply(answered, said, process.returncode, hung=hung, path=str(request["path"]))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a child and everything that it started: it does so itself, in time, or at least its group ends."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:  # pragma: no cover - Windows has no groups of processes
            process.kill()
    process.wait()


def _reply(answered: Path, said: str, code: int, *, hung: bool, path: str) -> Reply:
    lines = answered.read_text(encoding="utf-8").splitlines() if answered.is_file() else []
    known = [json.loads(line) for line in lines]
    answer = next((each["answer"] for each in known if "answer" in each), None)
    doing = next((each["doing"] for each in reversed(known) if "doing" in each), "starting")
    printed = re.split(
        r"^(?:Timeout \(|Fatal Python error|Thread 0x|Current thread)", said, maxsplit=1, flags=re.MULTILINE
    )
    tail = "\n".join(printed[0].splitlines()[-_TAIL:])
    if answer is not None:
        return Reply(answer, log=tail)
    frames = [(file, line) for file, line, _ in _FRAME.findall(said)]
    own = next((f", at {file}:{line}" for file, line in frames if file == path), "")
    if "Timeout (" in said or hung:
        return Reply(None, f"hangs while {doing}{own}", tail)
    if code < 0:
        return Reply(None, f"crashes while {doing} ({signal.Signals(-code).name}){own}", tail)
    return Reply(None, f"ends the process (exit code {code}) while {doing}{own}", tail)
