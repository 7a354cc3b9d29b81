"""Child: what happens in the fresh process that runs a script for one candle. It never returns."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import os
import resource
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, NoReturn

from sptrader_lab.components.legacy import provided

#: Longer variables make every exec of the script's own children fail, so those see only shorter ones.
_EXEC_LIMIT: Final = 100_000
#: What lies there changes with versions only, which the cache knows of, or is no part of what anyone works at.
_INSTALLED: Final = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).resolve().parents[2]),
)
_META_PATH: Final = tuple(sys.meta_path)


def prepare(path: str, source: bytes, environment: Mapping[str, str]) -> None:
    """Do in the worker, once for each script, what need not be done in every child."""
    provided.preload(source.decode(errors="replace"))
    os.environ.clear()
    os.environ.update(environment)
    sys.meta_path[:] = _META_PATH
    provided.install(provided.workspace_of(Path(path)))


def run(code: CodeType, path: str, told: Mapping[str, str], memory: int, pipes: tuple[int, int, int]) -> NoReturn:
    """Run a script as ``__main__`` and end the process.

    Parameters
    ----------
    told : mapping
        The variables that every candle has of its own; long values reach Python only.
    memory : int
        Bytes of address space, those that the worker takes included; 0 where that can't be bounded.
    pipes : tuple of int
        What becomes its standard output and standard error, and where the modules it loads are told.
    """
    status = 1
    try:
        _settle(path, told, memory, pipes)
        known = len(sys.modules)
        status = _execute(code, path)
        with contextlib.suppress(OSError), open(pipes[2], "wb", closefd=False) as report:
            report.write(json.dumps(_helpers(known, path)).encode())  # whole: the worker reads meanwhile
    finally:
        os._exit(status)


def _settle(path: str, told: Mapping[str, str], memory: int, pipes: tuple[int, int, int]) -> None:
    """Cut every tie to the worker: signals, files, streams, exit handlers; then take on the script's own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    atexit._clear()  # noqa: SLF001 - those of the worker are not the script's
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a file descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    os.dup2(pipes[0], 1)
    os.dup2(pipes[1], 2)
    top = pipes[2]
    os.closerange(3, top)
    os.closerange(top + 1, top + 256)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = _stream(1, "strict")
    sys.stderr = _stream(2, "backslashreplace")
    for name, value in told.items():
        if len(value) <= _EXEC_LIMIT:
            os.environ[name] = value
        else:
            data = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001 - what no exec is told
            data[os.environ.encodekey(name)] = os.environ.encodevalue(value)
    sys.argv = [path]
    sys.path.insert(0, str(Path(path).parent))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _stream(descriptor: int, errors: str) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=descriptor == 2)


def _execute(code: CodeType, path: str) -> int:
    """Return the exit status that Python itself would end with."""
    module = ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    status = 0
    try:
        exec(code, module.__dict__)  # noqa: S102 - running it is what a component is for
    except SystemExit as end:
        status = _status(end.code)
    except BaseException as error:  # noqa: BLE001 - reported as Python would
        own = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, own)
        status = 1
    threads_end: Any = threading._shutdown  # type: ignore[attr-defined]  # noqa: SLF001 - Python calls it at its end
    for finish in (threads_end, atexit._run_exitfuncs, module.__dict__.clear, gc.collect):  # noqa: SLF001 - so these
        with contextlib.suppress(Exception):  # what Python does at its end, files that nobody closed among it
            finish()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    return status


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _helpers(known: int, path: str) -> list[str]:
    """Return the files of modules loaded after the first `known`, on which the answers of the script at `path` depend.

    Only the new ones are touched: whatever the child touches of the worker's memory is copied first.
    """
    new = islice(reversed(sys.modules), max(0, len(sys.modules) - known))
    files = {getattr(sys.modules.get(name), "__file__", None) for name in list(new)}
    sources = {os.path.abspath(file) for file in files if isinstance(file, str) and file.endswith(".py")}  # noqa: PTH100
    workspace = str(provided.workspace_of(Path(path)) or Path(path).parent)
    return sorted(file for file in sources if not _installed(file, workspace))


def _installed(file: str, workspace: str) -> bool:
    """Say whether a file came with Python or a package; one of a workspace that lies among those did not."""
    return any(
        _below(file, folder) and not (_below(workspace, folder) and _below(file, workspace)) for folder in _INSTALLED
    )


def _below(file: str, folder: str) -> bool:
    return file.startswith(folder.rstrip(os.sep) + os.sep)
