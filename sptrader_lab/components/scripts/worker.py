"""Worker: a process that keeps Python, numpy and pandas ready and forks a fresh child for each candle of a script.

It is told the candles one by one, and forks before it is told the next: no child can hold a later candle than its own.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import resource
import selectors
import shutil
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType
from typing import Any, Final, NoReturn

from sptrader_lab.components.scripts import child
from sptrader_lab.components.scripts.limits import Limits
from sptrader_lab.components.scripts.reaper import adopt_orphans, die_with_parent, end_all

#: Bytes of standard error that are kept, from its end.
_TAIL: Final = 20_000
_CHUNK: Final = 1 << 16


def main() -> NoReturn:
    """Serve whoever is at the other end of a socket, until it leaves; arguments end with a folder and the socket's number."""
    connection = Connection(int(sys.argv[-1]))
    folder = Path(sys.argv[-2])
    sys.dont_write_bytecode = True  # a workspace is the user's; its folders stay as they are
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it says when to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    adopt_orphans()
    _warm_up()
    with contextlib.suppress(EOFError, OSError):
        connection.send_bytes(b"{}")
        worker = Worker(connection, folder)
        while True:
            connection.send_bytes(json.dumps(worker.answer(json.loads(connection.recv_bytes()))).encode())
    shutil.rmtree(folder, ignore_errors=True)  # nobody else does when the other end was killed
    os._exit(0)


def _warm_up() -> None:
    """Load what scripts use and let it load what it needs itself, so that no child has to."""
    import pandas as pd

    frame = pd.DataFrame(json.loads('[{"time": 0, "close": 1.5}, {"time": 60, "close": 2.5}]'))
    frame["time"] = pd.to_datetime(frame["time"], unit="s")
    mean = frame.set_index("time")["close"].rolling(2).mean()
    json.dumps([*mean.dropna().tolist(), frame["time"].iloc[-1].isoformat()])
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page that is shared with the worker


def _address_space() -> int:
    """Return the bytes of this process's address space; 0 where the system doesn't tell, as macOS."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


class Worker:
    """One script at a time, and its candles so far."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection = connection
        self._path = folder / "candles.json"
        self._script: dict[str, Any] = {}
        self._code: CodeType | None = None
        self._trouble = ""

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take on a script, or run it for one more candle."""
        if "source" in message:
            self._take(message)
            return {}
        self._append(message["rows"], message["values"])
        if self._code is None:
            return {"out": "", "err": self._trouble, "why": "it is not valid Python", "helpers": []}
        return self._run(message["index"])

    def _take(self, script: dict[str, Any]) -> None:
        self._script = script
        self._limits = Limits(*script["limits"])
        self._rows = 0
        self._candles = bytearray(b"[")
        self._values = [bytearray() for _ in script["names"]]
        self._last = ["null"] * len(script["names"])
        self._write_whole()
        source = base64.b64decode(script["source"])
        child.prepare(script["path"], source, script["environment"])
        size = _address_space()
        self._memory = size + self._limits.memory_bytes if size else 0
        self._code, self._trouble = None, ""
        try:
            self._code = compile(source, script["path"], "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            self._trouble = f"{type(error).__name__}: {error}"

    def _append(self, rows: list[str], values: list[list[str]]) -> None:
        """Add candles; of the file only the last bracket is written over."""
        text = ", ".join(rows).encode()
        if text:
            added = b", " + text if self._rows else text
            self._candles += added
            if self._untouched():
                with self._path.open("r+b") as file:
                    file.seek(-1, os.SEEK_END)
                    file.write(added + b"]")
                self._stamp = self._path.stat()
            self._rows += len(rows)
        for whole, new in zip(self._values, values, strict=True):
            part = ", ".join(new).encode()
            whole.extend(b", " + part if whole and part else part)
        self._last = [new[-1] if new else old for new, old in zip(values, self._last, strict=True)]

    def _write_whole(self) -> None:
        self._path.unlink(missing_ok=True)
        self._path.write_bytes(bytes(self._candles) + b"]")
        self._stamp = self._path.stat()

    def _untouched(self) -> bool:
        """Say whether the file of candles is as it was left; what a script wrote there is put right."""
        with contextlib.suppress(OSError):
            now, then = self._path.stat(), self._stamp
            if (now.st_ino, now.st_size, now.st_mtime_ns) == (then.st_ino, then.st_size, then.st_mtime_ns):
                return True
        self._write_whole()
        return False

    def _told(self, index: int) -> dict[str, str]:
        """Return what the environment says of this candle and those before it."""
        told = {"CURRENT_INDEX": str(index), "CANDLE_DATA_FILE": str(self._path)}
        told["CANDLE_DATA"] = (self._candles + b"]").decode()
        if self._script["names"] or self._script["environment"]["COMPONENT_TYPE"] == "signal":
            parts = [
                f'{json.dumps(name)}: {{"values": [{values.decode()}], "current": {last}}}'
                for name, values, last in zip(self._script["names"], self._values, self._last, strict=True)
            ]
            told["INDICATOR_DATA"] = "{" + ", ".join(parts) + "}"
        return told

    def _run(self, index: int) -> dict[str, Any]:
        self._untouched()
        told = self._told(index)
        read, write = zip(*(os.pipe() for _ in range(3)), strict=True)
        pid = os.fork()
        if pid == 0:
            self._become(told, write)
        del told
        for end in write:
            os.close(end)
        try:
            return self._watch(pid, list(read))
        finally:
            for end in read:
                os.close(end)

    def _become(self, told: dict[str, str], write: tuple[int, ...]) -> NoReturn:
        """Be the child: leave the worker's session, close its connection, run the script."""
        try:
            os.setsid()
            die_with_parent()
            self._connection.close()
            with contextlib.suppress(OSError):
                os.chdir(self._script["folder"])
            assert self._code is not None
            out, err, report = write
            child.run(self._code, self._script["path"], told, self._memory, (out, err, report))
        finally:
            os._exit(1)

    def _watch(self, pid: int, pipes: list[int]) -> dict[str, Any]:
        """Read what the child prints until it ends or breaks a limit; then end all that it has started."""
        batch = self._script["batch"]
        seconds = self._limits.batch_seconds if batch else self._limits.seconds
        watch = _Watch(pid, pipes, self._connection.fileno(), self._limits.output(self._rows), seconds)
        try:
            why = watch.until_end()
        finally:
            clean = end_all(pid)
        watch.drain()
        out, err, report = (bytes(part) for part in watch.printed)
        if not clean:
            why = why or "it left processes behind that can't be ended"
        why = why or _ending(watch.status)
        if why.startswith("it printed"):
            out = b""
        return {
            "out": out.decode(errors="replace"),
            "err": err[-_TAIL:].decode(errors="replace"),
            "why": why,
            "helpers": [] if why else _helpers(report),
        }


def _helpers(report: bytes) -> list[str] | None:
    """Return the files that a child says it imported; None when it said nothing that can be read.

    It says nothing when the script ended it by os._exit or closed what it speaks through.
    """
    try:
        told = json.loads(report)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, list) and all(isinstance(file, str) for file in told) else None


def _ending(status: int | None) -> str:
    """Say how a process ended; "" when it ended well."""
    if status is None:
        return "it ended in a way that can't be known"
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"exit code {code}" if code else ""


class _Watch:
    """The pipes of one child, its clock and its end."""

    def __init__(self, pid: int, pipes: list[int], control: int, most: int, seconds: float) -> None:
        self.printed = [bytearray() for _ in pipes]
        self.status: int | None = None
        self._pid = pid
        self._pipes = pipes
        self._control = control
        self._most = most
        self._seconds = seconds

    def until_end(self) -> str:
        """Wait until the child ends; return the limit that it broke, or ""."""
        until = time.monotonic() + self._seconds
        handle = os.pidfd_open(self._pid) if hasattr(os, "pidfd_open") else None
        try:
            with selectors.DefaultSelector() as selector:
                for place, pipe in enumerate(self._pipes):
                    selector.register(pipe, selectors.EVENT_READ, place)
                selector.register(self._control, selectors.EVENT_READ, "control")
                if handle is not None:
                    selector.register(handle, selectors.EVENT_READ, "end")
                return self._loop(selector, until, 0.005 if handle is None else None)
        finally:
            if handle is not None:
                os.close(handle)

    def _loop(self, selector: selectors.BaseSelector, until: float, step: float | None) -> str:
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return f"no answer within {self._seconds:g} s"
            for key, _ in selector.select(left if step is None else min(step, left)):
                if key.data == "control":  # nobody speaks to a busy worker, so whoever asked has left
                    raise EOFError
                if isinstance(key.data, int) and not self._read(key.data):
                    selector.unregister(key.fd)
            if sum(map(len, self.printed)) > self._most:
                return f"it printed more than {self._most:,} bytes"
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.status = status
                return ""

    def _read(self, place: int) -> bool:
        part = os.read(self._pipes[place], _CHUNK)
        self.printed[place] += part
        return bool(part)

    def drain(self) -> None:
        """Read what is left in the pipes, now that nobody writes to them any more."""
        for place, pipe in enumerate(self._pipes):
            os.set_blocking(pipe, False)  # somebody does where strays can't be found
            with contextlib.suppress(BlockingIOError):
                while self._read(place):
                    pass
