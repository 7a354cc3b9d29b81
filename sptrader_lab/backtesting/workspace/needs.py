"""Needs: the components that one component or strategy is bound to, read without touching the rest of the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sptrader_lab.components import reading
from sptrader_lab.components.library import Broken, Library, component_files, own_library
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError, nearest


def entries_of(paths: Iterable[Path], bad: Mapping[str, str]) -> tuple[Spec | Broken, ...]:
    """Read components and the project's own library; those in `bad` are not touched, and broken for the reason given."""
    own = component_files(own_library())
    return tuple(_entry(path, bad) for path in dict.fromkeys((*paths, *own)))


def _entry(path: Path, bad: Mapping[str, str]) -> Spec | Broken:
    if str(path) in bad:
        return Broken(str(path), ComponentError(f"{path}: {bad[str(path)]}"))
    try:
        return reading.read(path)
    except ComponentError as error:
        return Broken(str(path), error)


def needed_library(spec: Spec, paths: Iterable[Path], bad: Mapping[str, str]) -> Library:
    """Return what a component requires, directly or through others, out of the workspace or the project's library.

    Raises
    ------
    ComponentError
        When a required component is not there, with the nearest name.
    """
    known = list(dict.fromkeys((*paths, *component_files(own_library()))))
    found: dict[Path, Spec | Broken] = {}
    waiting = [spec]
    while waiting:
        asking = waiting.pop()
        for each in asking.inputs:
            if each.requires is None or each.requires.component.lower().startswith("talib."):
                continue
            last = each.requires.component.replace("\\", "/").removesuffix(".py").replace(".", "/").split("/")[-1]
            named = [path for path in known if path.stem == last]
            if not named:
                raise ComponentError(_missing(asking, each.name, each.requires.component, known))
            for path in (path for path in named if path not in found):
                found[path] = entry = _entry(path, bad)
                waiting += [entry] if isinstance(entry, Spec) else []
    return Library((), tuple(found[path] for path in known if path in found))


def _missing(spec: Spec, name: str, component: str, known: Iterable[Path]) -> str:
    near = nearest(component.rsplit(".", 1)[-1], sorted({path.stem for path in known}))
    hint = f" Did you mean {near!r}?" if near else ""
    called = f" (called {name!r} there)" if name != component else ""
    return (
        f"{spec.path}: it requires {component!r}{called}, which is neither in the workspace nor in the library.{hint}"
    )
