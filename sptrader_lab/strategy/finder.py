"""Finder: the component behind every kind of name that a strategy may write."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

from sptrader_lab.components.library import Library, own_library
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError, Problem, nearest
from sptrader_lab.strategy.asked import Asked
from sptrader_lab.strategy.schema.sections import Indicator
from sptrader_lab.strategy.source import Mapped, Problems, line_at
from sptrader_lab.strategy.strategy import Strategy

#: What stands where a file names no component; that it is missing is a problem already.
UNNAMED: Final = "?"
Place = tuple[int | str, ...]


class Finder:
    """Finds components, notes which, and notes what is wrong.

    Attributes
    ----------
    found : dict of str to Spec
        Every component that was found, by its path.
    places : dict of str to Place
        Where each named indicator is declared.
    """

    def __init__(self, strategy: Strategy, library: Library, tree: Mapped, problems: Problems) -> None:
        self.strategy = strategy
        self.library = library
        self.tree = tree
        self.problems = problems
        self.warnings: list[Problem] = []
        self.found: dict[str, Spec] = {}
        self.asked = Asked(strategy)
        self.places = self._places()

    def line(self, *path: int | str) -> int:
        """Return the line of what stands at `path`."""
        return line_at(self.tree, path)

    def warn(self, line: int, what: str, rule: str) -> None:
        """Note something that has no effect."""
        self.warnings.append(Problem(what, rule, "", self.problems.file, line))

    def _places(self) -> dict[str, Place]:
        """Return where each named indicator is declared; of equal names under several signals, none."""
        found: dict[str, Place] = {}
        unclear: set[str] = set()
        for signal, config in self.strategy.signal_config.items():
            for place, indicator in enumerate(config.required_indicators):
                path = ("signal_config", signal, "required_indicators", place)
                if self.at(found.setdefault(indicator.name, path)) != indicator:
                    unclear.add(indicator.name)
        clear = {name: path for name, path in found.items() if name not in unclear}
        return {**clear, **{name: ("indicators", name) for name in self.strategy.indicators}}

    def at(self, path: Place) -> Indicator:
        """Return the declared indicator at `path`."""
        if path[0] == "indicators":
            return self.strategy.indicators[str(path[1])]
        return self.strategy.signal_config[str(path[1])].required_indicators[int(path[3])]

    def find(self, name: str, line: int, kind: str = "component") -> Spec | None:
        """Return the component called `name`; a missing or broken one is a problem."""
        if name == UNNAMED:
            return None
        try:  # the common case is the first, and searching paths takes 0.1 ms
            spec = self.library.specs.get(name) or self.library.find(name)
        except ComponentError as error:
            known = [spec.name for spec in self.library.specs.values() if kind in ("component", spec.kind)]
            last = last_part(name)
            broken = last in [broken.name for broken in self.library.broken]
            if broken or name.lower().startswith("talib."):
                self.problems.add(line, " ".join(str(error).splitlines()[:1]), "the component can't be used")
            else:
                listed, besides = (
                    ", ".join(sorted(known)) or "none",
                    "" if kind == "signal" else "; TA-Lib's as talib.NAME",
                )
                self.problems.add(
                    line, f"unknown {kind} {str(name)!r}", f"known: {listed}{besides}", nearest(last, known)
                )
            return None
        self.found[spec.path] = spec
        return spec

    def indicator_of(self, name: str, line: int) -> tuple[Spec, str] | None:
        """Return the component that a type or a name means, and which of its outputs; "" for the first.

        In older files it may be an output of a component listed under `dependencies`, such as `rsi` of `simple_rsi`. That
        comes after the workspace's own files and before the project's library.
        """
        offered = self.offered.get(name)
        if offered is not None and not self.is_own_file(name):
            self.found[offered.path] = offered
            return self.shaped(offered), name
        spec = self.find(name, line, "indicator")
        return None if spec is None else (self.shaped(spec), "")

    @cached_property
    def offered(self) -> dict[str, Spec]:
        """Indicators listed under `dependencies` by the names of their outputs; of equal outputs the first listed."""
        found: dict[str, Spec] = {}
        for name in self.strategy.dependencies.indicators:
            try:
                spec = self.library.find(name)
            except ComponentError:  # a problem already
                continue
            for output in spec.outputs:
                if output.name != spec.name:
                    found.setdefault(output.name, spec)
        return found

    def is_own_file(self, name: str) -> bool:
        """Say whether a file of the workspace, and not only of the project's library, has this name; broken ones count."""
        same = [spec.path for spec in (self.library.specs.get(name),) if spec is not None]
        same += [broken.path for broken in self.library.broken if broken.name == name]
        return any(not Path(path).is_relative_to(self._shared) for path in same)

    @cached_property
    def _shared(self) -> Path:
        """The project's own library."""
        return own_library()

    def shaped(self, spec: Spec) -> Spec:
        """Return an indicator whose outputs are known only when it runs with those that the strategy asks for."""
        if spec.reshape is None or spec.kind == "signal":
            return spec
        declared = [name for name, path in self.places.items() if last_part(self.at(path).type) == spec.name]
        asked = self.asked.outputs_of_indicator({spec.name, *declared})
        asked |= {self.at(path).output for path in self.places.values() if last_part(self.at(path).type) == spec.name}
        named = tuple(sorted(asked - {"", *(output.name for output in spec.outputs)}))
        return spec.reshape(named, ()) if named else spec

    def meant(self, kind: str) -> str:
        """Return the output that a declared type means: "" for the first, else that of a listed dependency."""
        return kind if kind in self.offered and not self.is_own_file(kind) else ""


def last_part(name: str) -> str:
    """Return the last element of a dotted name or a path: `sma` of `core.indicators.trend.sma`."""
    return name.replace("\\", "/").removesuffix(".py").replace("/", ".").rsplit(".", 1)[-1]
