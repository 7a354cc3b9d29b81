"""Modules: component files as bytes, as syntax trees and as modules that have run, whatever style they are written in."""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib.util
import io
import sys
import threading
import tokenize
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError

_loaded: dict[tuple[str, str, str], tuple[Spec, dict[str, str]]] = {}
#: Held while files are looked up and run, so that two threads don't run one twice, and while old components are called.
LOCK: Final = threading.RLock()


def broken(path: Path, line: int, what: str) -> ComponentError:
    """Return the error of a file that can't be used, with its place."""
    return ComponentError(f"{path}:{line}: {what}")


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises
    ------
    ComponentError
        When it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ComponentError(f"{path}: can't be read: {error.strerror}") from None


def source_text(path: Path, content: bytes) -> str:
    """Return a Python file as the text that `source_bytes` makes the same bytes of, in the coding that its first lines name.

    Raises
    ------
    ComponentError
        When there is none, as with a coding that other bytes come to the same text in.
    """
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        text = content.decode("utf-8" if encoding == "utf-8-sig" else encoding)
        if source_bytes(text) == content:
            return text
    except (SyntaxError, ValueError, LookupError):
        pass
    rule = "it can't be kept with a run: save it as UTF-8, and leave out a first line that names another coding"
    raise broken(path, 1, f"its text can't be decoded and written again; {rule}")


def source_bytes(text: str) -> bytes:
    """Return the file that a Python text was read from, in the coding that its first lines name."""
    encoding = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)[0]
    return text.encode("utf-8" if encoding == "utf-8-sig" else encoding)


def syntax_tree(path: Path, content: bytes) -> ast.Module:
    """Return what a file says, before any of it runs.

    Raises
    ------
    ComponentError
        When it is not valid Python, or a text that can't be kept with a run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come again where the file is compiled
            tree = ast.parse(content, str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise broken(path, line, f"not valid Python: {getattr(error, 'msg', error)}") from None
    source_text(path, content)
    return tree


def once(style: str, path: Path, build: Callable[[Path, bytes, str], tuple[Spec, dict[str, str]]]) -> Spec:
    """Return what `build` made of this file as it is now; an unchanged file is built once per process.

    Parameters
    ----------
    build : callable
        Takes the resolved path, its content and the content's SHA-256; returns the component, and the other files that it
        was built from with their SHA-256 then.
    """
    path = path.resolve()
    content = read_bytes(path)
    sha256 = hashlib.sha256(content).hexdigest()
    key = style, str(path), sha256
    with LOCK:
        known = _loaded.get(key)
        if known is None or not unchanged(known[1]):
            known = _loaded[key] = build(path, content, sha256)
        return known[0]


def unchanged(files: dict[str, str]) -> bool:
    """Return whether files, by path, still hold what these SHA-256 name."""
    try:
        return all(hashlib.sha256(Path(path).read_bytes()).hexdigest() == sha256 for path, sha256 in files.items())
    except OSError:
        return False


def run_file(path: Path, content: bytes, sha256: str, importer: Callable[..., Any] | None = None) -> ModuleType:
    """Run the file as a module of its own; sys.path stays as it is.

    The name is the same in every process, and registered, because numba's disk cache looks the module up.

    Parameters
    ----------
    importer : callable, optional
        Answers this module's own import statements in the place of Python's `__import__`.

    Raises
    ------
    ComponentError
        When it raises while loading, or wants to end the process; with the line.
    """
    place = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"sptrader_component_{path.stem}_{place}_{sha256[:12]}"
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None:  # pragma: no cover - importlib gives one for every .py file
        raise broken(path, 1, "is no Python file")
    module = importlib.util.module_from_spec(module_spec)
    if importer is not None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importer}
    sys.modules[name] = module
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)  # noqa: S102 - these bytes are what sha256 names
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = frames[-1].lineno or 1 if frames else 1
        raise broken(path, line, f"raises while loading: {type(error).__name__}: {error}") from error
    return module
