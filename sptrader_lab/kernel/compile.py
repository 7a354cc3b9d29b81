"""The one way to compile: numba without the GIL, cached in a folder that can always be written.

numba keys its cache on the file of the compiled function alone, so a change in `match` would leave a stale `loop`.
Therefore the cache folder's name is a hash over all kernel sources and the versions that matter.
"""

from __future__ import annotations

import getpass
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
import numpy as np
import platformdirs

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("sptrader_lab")
_settings: Any = numba.config
_compiling = threading.Lock()
_NO_DOORS: Final = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` on its first call; later processes load it from the cache.

    Strict IEEE arithmetic (no fast-math), so that compiled and interpreted runs give the same bytes (S17). Components
    may use it too.
    """
    return _njit(function)


def entry_point(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that Python calls and that only works on the arrays it is given: it must not allocate.

    Its loops are short (legs, symbols, positions), and vectorising them costs a third of the speed.
    """
    run = _njit(function, _nrt=False)

    def called(*arguments: P.args, **options: P.kwargs) -> R:
        if getattr(run, "overloads", True):  # compiled already, or never (interpreted)
            return run(*arguments, **options)
        with _compiling:
            before = _settings.LOOP_VECTORIZE
            _settings.LOOP_VECTORIZE = 0  # numba reads it when it compiles, which is at the first call
            try:
                return run(*arguments, **options)
            finally:
                _settings.LOOP_VECTORIZE = before

    return called


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part of the kernel into its callers: as fast as if it stood there.

    Without it numba copies the grouped arrays (Market, Book, ...) on every call, 2 kB each time, and counts references
    to arrays that nobody frees: a bar took 1,100 ns instead of 20. The function must not allocate, and only compiled code calls
    it: a door for Python costs more time to compile than all the rest.
    """
    return _njit(function, forceinline=True, _nrt=False, **_NO_DOORS)


def formula(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a small formula on numbers and records into its callers; Python may call it, too."""
    return _njit(function, forceinline=True, _nrt=False)


def apart(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part of the kernel by itself, to be called: for what is rare or heavy.

    A call copies the grouped arrays, some 100 ns; inlining everything took the compiler minutes. The function must not allocate.
    """
    return _njit(function, _nrt=False, **_NO_DOORS)


def _njit(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    before = _settings.CACHE_DIR
    # numba reads the setting while it decorates; other libraries in this process keep their own.
    _settings.CACHE_DIR = str(cache_folder())
    try:
        return cast("Callable[P, R]", numba.njit(cache=True, nogil=True, **options)(function))
    finally:
        _settings.CACHE_DIR = before


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """Return the folder of compiled code for this version of the kernel, made if need be.

    NUMBA_CACHE_DIR when set, else the user's cache folder, else a temporary folder: the first that can be written.
    """
    # numba also tells copies of the project apart by their path, so each gets a folder and a notice of its own.
    copy = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:8]
    name = f"kernel-{source_hash()}-{copy}"
    asked = os.environ.get("NUMBA_CACHE_DIR")
    parents = [Path(asked)] if asked else []
    parents += [
        platformdirs.user_cache_path("sptrader_lab"),
        Path(tempfile.gettempdir()) / f"sptrader_lab-{getpass.getuser()}",
    ]
    for parent in parents:
        folder = parent / name
        if _writable(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix="sptrader_lab-"))


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@lru_cache(maxsize=1)
def source_hash() -> str:
    """Return a hash over the kernel's sources and the versions that shape its bytes."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for path in sorted([*(package / "kernel").glob("*.py"), *(package / "types").glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def notice_first_use() -> None:
    """Tell, once, that the kernel compiles now when no compiled code is there yet."""
    if not _settings.DISABLE_JIT and not any(cache_folder().rglob("loop.run_bars*.nbc")):
        log.warning(
            "compiling the kernel for this machine: once, about a minute; later runs load it from %s",
            cache_folder(),
        )
