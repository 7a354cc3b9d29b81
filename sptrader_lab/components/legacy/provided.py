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
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sptrader_lab.components.modules import unchanged

#: The package that old files import from.
ROOT: Final = "core"
_HOMES: Final = {
    "core.data.loader": "sptrader_lab.candles.environment",
    "core.data.signal_publisher": "sptrader_lab.streams.publisher",
    "core.base.indicator": "sptrader_lab.components.legacy.indicator",
    "core.base.signal": "sptrader_lab.components.legacy.signal",
}
_PACKAGES: Final = ("core", "core.data", "core.base")
_PACKAGE: Final = Path(__file__).resolve().parents[2]
#: What lies there is installed, also where a workspace holds its own environment, and stays loaded.
_INSTALLED: Final = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
#: Modules by file, each with the files that it was made from.
_modules: dict[Path, tuple[ModuleType, dict[str, str]]] = {}
_running: dict[Path, ModuleType] = {}
_importing: Final = threading.RLock()  # of its own, for threads that a component starts and waits for


def workspace_of(path: Path) -> Path | None:
    """Return the nearest folder above `path` that holds `core/` or `components/`, or None."""
    for folder in path.resolve().parents:
        if folder != _PACKAGE and any((folder / name).is_dir() for name in (ROOT, "components")):
            return folder
    return None


def importer(workspace: Path | None, used: dict[str, str], path: Path) -> Callable[..., Any]:
    """Return an `__import__` for one module of a workspace: `core.*`, and what begins with a dot, is the workspace's own.

    Parameters
    ----------
    used : dict
        Is told every file of the workspace that an import runs, with its SHA-256.
    path : Path
        The module's file; what begins with a dot is looked up beside it.
    """
    inside = path.relative_to(workspace).parts[:-1] if workspace is not None and path.is_relative_to(workspace) else ()
    return _Importer(workspace, used, ".".join(inside))


@contextlib.contextmanager
def undisturbed(workspace: Path | None, used: dict[str, str]) -> Iterator[None]:
    """Put sys.path back as it was, and forget modules of the workspace that were imported by way of it.

    Inside, `importlib.import_module("core.x")` finds what the statement finds, and no byte code is written into anyone's
    folders.

    Parameters
    ----------
    used : dict
        Is told every file of the workspace that an import ran, with its SHA-256.
    """
    path, known, writes = list(sys.path), set(sys.modules), sys.dont_write_bytecode
    others = {name: sys.modules.pop(name) for name in known if name.split(".", maxsplit=1)[0] == ROOT}
    finder = _Finder(workspace, _Importer(workspace, used))
    sys.meta_path.insert(0, finder)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        sys.path[:] = path
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
        for name in [each for each in sys.modules if each not in known or each.split(".", maxsplit=1)[0] == ROOT]:
            if name.split(".", maxsplit=1)[0] == ROOT or _is_plain(workspace, name):
                _note(workspace, name, used)
                del sys.modules[name]
        sys.modules.update(others)


def _is_plain(workspace: Path | None, name: str) -> bool:
    """Say whether a loaded module is the workspace's own, found by way of sys.path: a file, or a folder without one."""
    module = sys.modules.get(name)
    if workspace is None or module is None or _ours(name):
        return False
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", None) or ())
    return any(isinstance(each, str) and _inside(Path(each), workspace) for each in places)


def _inside(path: Path, workspace: Path) -> bool:
    installed = (each for each in _INSTALLED if not workspace.is_relative_to(each))
    return not any(path.is_relative_to(each) for each in installed) and path.resolve().is_relative_to(workspace)


def _note(workspace: Path | None, name: str, used: dict[str, str]) -> None:
    """Tell `used` the file of a loaded module, if it is one of the workspace's own."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file and file.endswith(".py") and _is_plain(workspace, name):
        with contextlib.suppress(OSError):
            used.setdefault(str(Path(file).resolve()), hashlib.sha256(Path(file).read_bytes()).hexdigest())


def _ours(name: str) -> bool:
    return name.startswith(("sptrader_component_", "sptrader_workspace_", "sptrader_lab"))


class _Importer:
    """`__import__` as one module sees it."""

    def __init__(self, workspace: Path | None, used: dict[str, str], package: str = "") -> None:
        self.workspace = workspace
        self.used = used
        self.package = package

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
            full = importlib.util.resolve_name("." * level + name, self.package) if self.package else ""
        if not full or (not level and full.split(".", maxsplit=1)[0] != ROOT):
            given = builtins.__import__(name, globals, locals, fromlist, level)
            for each in (full, *(f"{full}.{part}" for part in fromlist or ())):
                _note(self.workspace, each, self.used)
            return given
        with _importing:
            module = self._module(full)
            for each in fromlist or ():
                if each != "*" and hasattr(module, "__path__") and _is_module(getattr(module, each, None)):
                    self._submodule(f"{full}.{each}")
            return module if fromlist or level else self._module(ROOT)

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
        home = _home(self.workspace, full)
        if isinstance(home, str):
            return importlib.import_module(home)
        return self._run(home, full) if home is not None else _empty_package(self.workspace, full)

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
            importing = _Importer(self.workspace, files, full if is_package else full.rpartition(".")[0])
            module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importing}
            sys.modules[module.__name__] = _running[file] = module  # dataclasses and pickle look there
            before = set(sys.modules)
            try:
                exec(compile(content, str(file), "exec"), module.__dict__)  # noqa: S102 - the workspace's own file
            except BaseException:
                del sys.modules[module.__name__]
                raise
            finally:
                del _running[file]
            for each in set(sys.modules) - before:  # what a helper that was found by way of sys.path imports in turn
                _note(self.workspace, each, files)
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


def _home(workspace: Path | None, full: str) -> str | Path | None:
    """Return where a module comes from: the name of ours, the workspace's file, or None for a package without a file.

    Raises
    ------
    ModuleNotFoundError
        When there is none.
    """
    file = _own_file(workspace, full)
    if full in _HOMES and (file is None or full.startswith("core.data.")):
        return _HOMES[full]
    folder = workspace / full.replace(".", "/") if workspace else None
    if file is None and full not in _PACKAGES and (folder is None or not folder.is_dir()):
        raise ModuleNotFoundError(_missing(workspace, full), name=full)
    return file


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


def preload(source: str) -> None:
    """Load the laboratory's modules that a text names, so that processes forked later need not."""
    for name, home in _HOMES.items():
        if name in source:
            importlib.import_module(home)


def install(workspace: Path | None) -> None:
    """Answer imports of these names in this whole process: for children that run one component and end."""
    sys.meta_path.insert(0, _Finder(workspace))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `core` and what is below it, by the same rules as `importer`; its very modules where one is given."""

    def __init__(self, workspace: Path | None, shared: _Importer | None = None) -> None:
        self.workspace = workspace
        self.shared = shared

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how a module is loaded, None for names of others."""
        if fullname.split(".", maxsplit=1)[0] != ROOT:
            return None
        home = _home(self.workspace, fullname)
        if self.shared is not None:
            return importlib.machinery.ModuleSpec(fullname, _Shared(self.shared))
        if isinstance(home, str):
            return importlib.machinery.ModuleSpec(fullname, _Given(home))
        if home is not None:
            inner = [str(home.parent)] if home.name == "__init__.py" else None
            return importlib.util.spec_from_file_location(fullname, home, submodule_search_locations=inner)
        package = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        folder = self.workspace / fullname.replace(".", "/") if self.workspace else None
        package.submodule_search_locations = [str(folder)] if folder else []
        return package


class _Shared(importlib.abc.Loader):
    """Gives the very module that the components of a workspace share, in the place of a new one."""

    def __init__(self, shared: _Importer) -> None:
        self.shared = shared

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Let Python make one that is thrown away."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the shared one where Python looks for it."""
        name = module.__name__
        sys.modules[name] = self.shared(name, fromlist=("*",))


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
