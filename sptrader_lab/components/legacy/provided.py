"""Provided: the modules that old component files import, under the names they import them by.

`core.data.loader` and `core.data.signal_publisher` are the laboratory's own; `core.base.indicator` and `core.base.signal` are
the workspace's files where it has them; every other `core.*` is a file of the workspace. In this process only the component
that asks gets them: sys.modules and sys.path know none of these names, so two workspaces can't take each other's.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sptrader_lab.components.modules import unchanged

_ROOT: Final = "core"
_HOMES: Final = {
    "core.data.loader": "sptrader_lab.candles.environment",
    "core.data.signal_publisher": "sptrader_lab.streams.publisher",
    "core.base.indicator": "sptrader_lab.components.legacy.indicator",
    "core.base.signal": "sptrader_lab.components.legacy.signal",
}
_PACKAGES: Final = ("core", "core.data", "core.base")
_PACKAGE: Final = Path(__file__).resolve().parents[2]
#: Modules by file, each with the files that it was made from.
_modules: dict[Path, tuple[ModuleType, dict[str, str]]] = {}
_running: dict[Path, ModuleType] = {}
_importing: Final = threading.RLock()  # of its own, for threads that a component starts and waits for


def workspace_of(path: Path) -> Path | None:
    """Return the nearest folder above `path` that holds `core/` or `components/`, or None."""
    for folder in path.resolve().parents:
        if folder != _PACKAGE and any((folder / name).is_dir() for name in (_ROOT, "components")):
            return folder
    return None


def importer(workspace: Path | None, used: dict[str, str] | None = None) -> Callable[..., Any]:
    """Return an `__import__` for one module of a workspace; names that don't begin with `core` are imported as ever.

    Parameters
    ----------
    used : dict, optional
        Is told every file of the workspace that an import runs, with its SHA-256.
    """
    return _Importer(workspace, {} if used is None else used)


@contextlib.contextmanager
def undisturbed(workspace: Path | None) -> Iterator[None]:
    """Put sys.path back as it was, and forget modules of the workspace that were imported by way of it."""
    path, known = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - known:
            file = getattr(sys.modules[name], "__file__", None)
            if workspace is not None and file and Path(file).is_relative_to(workspace) and not _ours(name):
                del sys.modules[name]


def _ours(name: str) -> bool:
    return name.startswith(("sptrader_component_", "sptrader_workspace_", "sptrader_lab"))


class _Importer:
    """`__import__` as one module sees it."""

    def __init__(self, workspace: Path | None, used: dict[str, str]) -> None:
        self.workspace = workspace
        self.used = used

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        full = name
        if level:
            here = str((globals or {}).get("__old_package__") or "")
            full = importlib.util.resolve_name("." * level + name, here) if here else ""
        if full.split(".", maxsplit=1)[0] != _ROOT:
            return builtins.__import__(name, globals, locals, fromlist, level)
        with _importing:
            module = self._module(full)
            for each in fromlist or ():
                if each != "*" and hasattr(module, "__path__") and _is_module(getattr(module, each, None)):
                    self._submodule(f"{full}.{each}")
            return module if fromlist or level else self._module(_ROOT)

    def _submodule(self, full: str) -> None:
        """Import what may be a module of a package; the statement itself says so when it is nothing."""
        try:
            self._module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise

    def _module(self, full: str) -> ModuleType:
        """Return the module of this name after its parents, and bind it in the innermost of them."""
        parent_name, _, last = full.rpartition(".")
        parent = self._module(parent_name) if parent_name else None
        module = self._found(full)
        if parent is not None and _is_module(getattr(parent, last, None)):
            setattr(parent, last, module)
        return module

    def _found(self, full: str) -> ModuleType:
        file = _own_file(self.workspace, full)
        if full in _HOMES and (file is None or full.startswith("core.data.")):
            return importlib.import_module(_HOMES[full])
        if file is not None:
            return self._run(file, full)
        folder = self.workspace / full.replace(".", "/") if self.workspace else None
        if full in _PACKAGES or (folder is not None and folder.is_dir()):
            return _empty_package(self.workspace, full)
        raise ModuleNotFoundError(_missing(self.workspace, full), name=full)

    def _run(self, file: Path, full: str) -> ModuleType:
        """Run a file of the workspace as a module; an unchanged one, from unchanged ones, once per process."""
        if file in _running:
            return _running[file]
        known = _modules.get(file)
        if known is None or not unchanged(known[1]):
            content = file.read_bytes()
            files = {str(file): hashlib.sha256(content).hexdigest()}
            module = ModuleType(_private(self.workspace, full))
            is_package = file.name == "__init__.py"
            module.__file__ = str(file)
            if is_package:
                module.__path__ = [str(file.parent)]
            importing = _Importer(self.workspace, files)
            module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importing}
            module.__dict__["__old_package__"] = full if is_package else full.rpartition(".")[0]
            sys.modules[module.__name__] = _running[file] = module  # dataclasses and pickle look there
            try:
                exec(compile(content, str(file), "exec"), module.__dict__)  # noqa: S102 - the workspace's own file
            except BaseException:
                del sys.modules[module.__name__]
                raise
            finally:
                del _running[file]
            known = _modules[file] = module, files
        self.used.update(known[1])
        return known[0]


def _is_module(bound: object) -> bool:
    """Whether a name of a package stands for a module, or may; a package may give it to something else."""
    return bound is None or isinstance(bound, ModuleType)


def _own_file(workspace: Path | None, full: str) -> Path | None:
    if workspace is None:
        return None
    base = workspace / full.replace(".", "/")
    return next((each for each in (base / "__init__.py", base.with_name(base.name + ".py")) if each.is_file()), None)


def _empty_package(workspace: Path | None, full: str) -> ModuleType:
    name = _private(workspace, full)
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(workspace / full.replace(".", "/"))] if workspace else []
        sys.modules[name] = package
    return sys.modules[name]


def _private(workspace: Path | None, full: str) -> str:
    """Return a name that no other workspace's module has, and nobody imports."""
    return f"sptrader_workspace_{hashlib.sha256(str(workspace).encode()).hexdigest()[:12]}_{full.replace('.', '_')}"


def _missing(workspace: Path | None, full: str) -> str:
    where = (
        f"the workspace {workspace} has no {full.replace('.', '/')}.py" if workspace else "no workspace is around it"
    )
    return f"No module named {full!r}: {where}; given to every component are {', '.join(_HOMES)}"


def install(workspace: Path | None) -> None:
    """Answer imports of these names in this whole process: for children that run one component and end."""
    sys.meta_path.insert(0, _Finder(workspace))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `core` and what is below it, by the same rules as `importer`."""

    def __init__(self, workspace: Path | None) -> None:
        self.workspace = workspace

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how a module is loaded, None for names of others."""
        if fullname.split(".", maxsplit=1)[0] != _ROOT:
            return None
        own = _own_file(self.workspace, fullname)
        if fullname in _HOMES and (own is None or fullname.startswith("core.data.")):
            return importlib.machinery.ModuleSpec(fullname, _Given(_HOMES[fullname]))
        if own is not None:
            inner = [str(own.parent)] if own.name == "__init__.py" else None
            return importlib.util.spec_from_file_location(fullname, own, submodule_search_locations=inner)
        folder = self.workspace / fullname.replace(".", "/") if self.workspace else None
        if fullname in _PACKAGES or (folder is not None and folder.is_dir()):
            package = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            package.submodule_search_locations = [str(folder)] if folder else []
            return package
        raise ModuleNotFoundError(_missing(self.workspace, fullname), name=fullname)


class _Given(importlib.abc.Loader):
    """Gives a module the names of one of ours."""

    def __init__(self, home: str) -> None:
        self.home = home

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Let Python make it."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill it."""
        names = vars(importlib.import_module(self.home))
        module.__dict__.update({name: value for name, value in names.items() if not name.startswith("__")})
