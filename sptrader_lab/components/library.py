"""Library: the components of some folders, found when asked and never before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sptrader_lab.components.reading import read
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError, unknown

KIND_FOLDERS = ("indicators", "signals")
_PACKAGE = Path(__file__).resolve().parent.parent
_TALIB = "talib."


@dataclass(frozen=True)
class Broken:
    """A component file that can't be used; `error` says why, with file, line and rule."""

    path: str
    error: ComponentError

    @property
    def name(self) -> str:
        """The name that the file would have had."""
        return Path(self.path).stem


@dataclass(frozen=True)
class Library:
    """Components by name; of equal names the first folder's wins, even when its file is broken.

    Attributes
    ----------
    folders : tuple of Path
        What was scanned, in order of precedence.
    entries : tuple of Spec or Broken
        Every file, in order of precedence.
    specs : mapping of str to Spec
        What can be used, by bare name.
    broken : tuple of Broken
        What can't, and why.
    """

    folders: tuple[Path, ...]
    entries: tuple[Spec | Broken, ...]
    specs: Mapping[str, Spec] = field(init=False)
    broken: tuple[Broken, ...] = field(init=False)

    def __post_init__(self) -> None:
        first: dict[str, Spec | Broken] = {}
        for entry in self.entries:
            first.setdefault(entry.name, entry)
        usable = {name: entry for name, entry in first.items() if isinstance(entry, Spec)}
        object.__setattr__(self, "specs", MappingProxyType(usable))
        object.__setattr__(self, "broken", tuple(entry for entry in self.entries if isinstance(entry, Broken)))

    def find(self, name: str) -> Spec:
        """Return the component called `name`.

        Parameters
        ----------
        name : str
            Bare (`sma`), dotted (`core.indicators.trend.sma`), a file's path, or `talib.NAME`. A dotted name or path
            that matches no file exactly falls back to its last element.

        Raises
        ------
        ComponentError
            When there is none (with the nearest name), or when its file is broken (with the file's own error).
        """
        if name.lower().startswith(_TALIB):
            from sptrader_lab.components.talib_adapter import talib_spec

            return talib_spec(name)
        entry = self._match(name.strip())
        if entry is None:
            known = [*self.specs, *(broken.name for broken in self.broken)]
            raise ComponentError(unknown("component", name, known) + " TA-Lib's functions are called talib.NAME.")
        if isinstance(entry, Broken):
            raise entry.error
        return entry

    def _match(self, name: str) -> Spec | Broken | None:
        is_path = name.endswith(".py") or "/" in name or "\\" in name
        plain = name.removesuffix(".py").replace("\\", "/")
        wanted = tuple((plain if is_path else plain.replace(".", "/")).split("/"))
        wanted = tuple(part for part in wanted if part not in ("", "."))
        for entry in self.entries:
            if Path(entry.path).with_suffix("").parts[-len(wanted) :] == wanted:
                return entry
        if is_path and Path(name).is_file():
            return _read(Path(name))
        last = wanted[-1] if wanted else ""
        return next((entry for entry in self.entries if entry.name == last), None)


def scan(*folders: Path | str) -> Library:
    """Read every component file of `folders`; a broken one is listed and hides no other.

    Parameters
    ----------
    folders : Path or str
        Those that hold `indicators/` or `signals/` are searched there, others as a whole; deeper folders too. Files
        whose names begin with an underscore are not components. The first folder wins on equal names.

    Notes
    -----
    Components are code: reading a file runs it. Only scan folders whose files you would run. An unchanged file is
    run once per process.
    """
    chosen = tuple(dict.fromkeys(Path(folder).resolve() for folder in folders))
    paths = dict.fromkeys(path for folder in chosen for path in component_files(folder))
    return Library(chosen, tuple(_read(path) for path in paths))


def standard_folders(near: Path | None = None) -> tuple[Path, ...]:
    """Return where components are looked up: the workspace around `near` first, then the project's own library.

    Parameters
    ----------
    near : Path, optional
        A strategy file or a folder; the current folder unless given. The workspace is the nearest folder at or above it
        that holds `components/` or `core/`.
    """
    start = (near or Path.cwd()).resolve()
    found: tuple[Path, ...] = ()
    for folder in (start, *start.parents):
        found = tuple(folder / name for name in ("components", "core") if _holds_components(folder / name))
        if found:
            break
    return tuple(dict.fromkeys((*found, own_library())))


def own_library() -> Path:
    """Return the project's library of components, from a checkout or from an installed package.

    Raises
    ------
    ComponentError
        When neither place has it, which means a damaged installation.
    """
    places = (_PACKAGE.parent / "components", _PACKAGE / "_library")
    for place in places:
        if (place / KIND_FOLDERS[0]).is_dir():
            return place
    raise ComponentError(f"the library of components is missing; looked in {' and '.join(map(str, places))}")


def _holds_components(folder: Path) -> bool:
    if not folder.is_dir() or folder.parent == _PACKAGE:  # the laboratory's own package has a room of that name
        return False
    return folder.name == "components" or any((folder / name).is_dir() for name in KIND_FOLDERS)


def component_files(folder: Path) -> Iterator[Path]:
    """Return every component file of a folder, in order; none of them is run."""
    roots = [folder / name for name in KIND_FOLDERS if (folder / name).is_dir()] or [folder]
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            inner = path.relative_to(folder).parts
            if not any(part.startswith(("_", ".")) for part in inner):
                yield path


def _read(path: Path) -> Spec | Broken:
    try:
        return read(path)
    except ComponentError as error:
        return Broken(str(path), error)
