"""Binder: finds components by every kind of name and notes the calls they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sptrader_lab.components.library import Library
from sptrader_lab.components.spec import Input, Parameter, Spec
from sptrader_lab.errors import ComponentError, InputError, Problem, nearest
from sptrader_lab.strategy.parameters import typed, unresolved
from sptrader_lab.strategy.schema.sections import Indicator
from sptrader_lab.strategy.source import Mapped, Problems, Scalar, line_at, node_at
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.tree import Name

#: Columns that an expression or a `source` may name.
COLUMNS: Final = ("open", "high", "low", "close", "volume", "spread", "hl2", "hlc3", "ohlc4")
#: Columns that a component may take besides.
_INNER: Final = ("day",)
MISSING: Final = object()
#: What stands where a file names no component; that it is missing is a problem already.
UNNAMED: Final = "?"
Path = tuple[int | str, ...]


@dataclass(frozen=True)
class Call:
    """One component with its parameters over its inputs; `key` is its stable, readable name.

    An input is a candle column, another call's key, or `key.output` of a call with several outputs.
    """

    key: str
    spec: Spec
    inputs: tuple[str, ...]
    parameters: dict[str, Any] = field(hash=False)

    def column(self, output: str = "") -> str:
        """Return how the column of `output` is called; without a name that of the first."""
        found = self.spec.output(output).name
        return self.key if len(self.spec.outputs) == 1 else f"{self.key}.{found}"


class Binder:
    """Finds components and notes the calls they make."""

    def __init__(self, strategy: Strategy, library: Library, tree: Mapped, problems: Problems) -> None:
        self.strategy = strategy
        self.library = library
        self.tree = tree
        self.problems = problems
        self.calls: dict[str, Call] = {}
        self.files: dict[str, str] = {}
        self.used: set[str] = set()
        self.warnings: list[Problem] = []
        self.named: dict[str, Call | None] = {}
        self.open: list[str] = []
        self.places = self._places()

    def _places(self) -> dict[str, Path]:
        """Return where each named indicator is declared; of equal names under several signals, none."""
        found: dict[str, Path] = {}
        unclear: set[str] = set()
        for signal, config in self.strategy.signal_config.items():
            for place, indicator in enumerate(config.required_indicators):
                path = ("signal_config", signal, "required_indicators", place)
                if self.at(found.setdefault(indicator.name, path)) != indicator:
                    unclear.add(indicator.name)
        clear = {name: path for name, path in found.items() if name not in unclear}
        return {**clear, **{name: ("indicators", name) for name in self.strategy.indicators}}

    def at(self, path: Path) -> Indicator:
        """Return the declared indicator at `path`."""
        if path[0] == "indicators":
            return self.strategy.indicators[str(path[1])]
        return self.strategy.signal_config[str(path[1])].required_indicators[int(path[3])]

    def line(self, *path: int | str) -> int:
        """Return the line of what stands at `path`."""
        return line_at(self.tree, path)

    def warn(self, line: int, what: str, rule: str) -> None:
        """Note something that has no effect."""
        self.warnings.append(Problem(what, rule, "", self.problems.file, line))

    def find(self, name: str, line: int, kind: str = "component") -> Spec | None:
        """Return the component called `name`; a missing or broken one is a problem."""
        if name == UNNAMED:
            return None
        if name in self.library.specs:  # the common case, and searching paths takes 0.1 ms
            return self.library.specs[name]
        try:
            return self.library.find(name)
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

    def name(self, name: Name) -> str | None:
        """Return the column that a name in an expression stands for."""
        return name.text if name.text in COLUMNS else self._column(name.text, name.line)

    def _column(self, text: str, line: int) -> str | None:
        head, _, rest = text.partition(".")
        if head in self.places:
            return self.output(self.declared(self.places[head]), rest, line)
        if head in self.library.specs and self.library.specs[head].kind == "signal":
            self.problems.add(line, f"{text!r} is a signal, not a value", f"write {{signal: {head}, outputs: {{...}}}}")
            return None
        if head in self.library.specs:
            return self.output(self.component(self.library.specs[head], {}, line), rest, line)
        if head == "talib":
            name, _, rest = rest.partition(".")
            spec = self.find(f"talib.{name}", line)
            return self.output(self.component(spec, {}, line), rest, line) if spec else None
        try:
            return self.output(self.component(self.library.find(text), {}, line), "", line)
        except ComponentError as error:
            if head in [broken.name for broken in self.library.broken]:
                self.problems.add(line, " ".join(str(error).splitlines()[:1]), "the component can't be used")
                return None
        known = [*COLUMNS, *self.places, *self.library.specs]
        rule = "a name is a candle column, an indicator declared under `indicators`, or a component"
        self.problems.unknown(line, "name", text, known, rule)
        return None

    def output(self, call: Call | None, output: str, line: int) -> str | None:
        """Return the column of one output of a call."""
        if call is None:
            return None
        try:
            return call.column(output)
        except InputError:
            self.problems.unknown(
                line, f"output of {call.spec.name}", output, [each.name for each in call.spec.outputs]
            )
            return None

    def declared(self, path: Path) -> Call | None:
        """Return the call of an indicator declared under `indicators` or `required_indicators`."""
        key = ".".join(map(str, path))
        if key not in self.named:
            self.named[key] = self.indicator(self.at(path), path)
        return self.named[key]

    def indicator(self, indicator: Indicator, path: Path, extra: Mapping[str, Any] | None = None) -> Call | None:
        """Return the call that a declaration makes; `extra` parameters replace its own."""
        line = self.line(*path)
        spec = self.find(indicator.type, self.line(*path, "type"), "indicator")
        if spec is None:
            return None
        given: dict[str, Any] = {}
        for name in indicator.params:
            if name != "source" or any(parameter.name == "source" for parameter in spec.parameters):
                given[name] = self.parameter(spec, name, indicator.params[name], (*path, "params", name))
        # A value that is wrong is a problem already; its default lets the rest be checked.
        given = {name: value for name, value in {**given, **(extra or {})}.items() if value is not MISSING}
        key = ".".join(map(str, path))
        if key in self.open:
            self.problems.add(
                line, f"indicator {path[-1]!r} is its own source", "a source comes from another indicator"
            )
            return None
        self.open.append(key)
        try:
            source = indicator.params.get("source") if "source" not in given else None
            sources = self._source(spec, source, self.line(*path, "params", "source")) if source else {}
            return None if sources is None else self.component(spec, given, line, sources)
        finally:
            self.open.pop()

    def _source(self, spec: Spec, source: str, line: int) -> dict[str, str] | None:
        """Return which input `source` rebinds: the first when it is the close or the only column."""
        columns = [each.name for each in spec.inputs if each.requires is None]
        if not columns or (columns[0] != "close" and len(spec.inputs) > 1):
            if source == "close":
                takes = ", ".join(each.name for each in spec.inputs)
                self.warn(line, "source: close has no effect", f"{spec.name} takes {takes}")
                return {}
            self.problems.add(line, f"source: {source!r}", f"{spec.name} takes {', '.join(columns)} and no one source")
            return None
        found = self.name(Name(source, line))
        return None if found is None else {columns[0]: found}

    def parameter(self, spec: Spec, name: str, text: str, path: Path) -> Any:
        """Return a parameter's value, `MISSING` after noting what is wrong with it."""
        known = {parameter.name: parameter for parameter in spec.parameters}
        if name not in known:
            self.problems.unknown(self.line(*path), f"parameter of {spec.name}", name, known)
            return MISSING
        try:
            return known[name].check(_plain(known[name], text))
        except InputError as error:
            scalar = _scalar(self.tree, path)
            if unresolved(scalar):
                return MISSING
            origin = f" (from {scalar.origin})" if scalar is not None and scalar.origin else ""
            self.problems.add(self.line(*path), f"{spec.name}: {error}{origin}")
            return MISSING

    def component(
        self, spec: Spec, given: Mapping[str, Any], line: int, filled: Mapping[str, str] | None = None
    ) -> Call | None:
        """Return the call of a component; `filled` names the columns of inputs that are given."""
        if len(self.open) > 30 or f"component {spec.name}" in self.open:
            self.problems.add(line, f"component {spec.name!r} requires itself", "an input comes from another component")
            return None
        self.open.append(f"component {spec.name}" if not filled else "")
        try:
            inputs = [(filled or {}).get(each.name) or self._input(each, spec, line) for each in spec.inputs]
        finally:
            self.open.pop()
        columns = tuple(column for column in inputs if column is not None)
        if len(columns) < len(inputs):
            return None
        try:
            parameters = spec.resolve(given)
        except InputError as error:
            self.problems.add(line, str(error))
            return None
        other = self.files.setdefault(spec.name, spec.path)
        if other != spec.path:  # calls, the run id and saved sources know a component by its name alone
            what = f"two components are called {spec.name!r}: {other} and {spec.path}"
            self.problems.add(line, what, "a strategy uses one file of a name; rename the other")
            return None
        shown = [*columns, *(f"{name}={value}" for name, value in parameters.items())]
        call = Call(f"{spec.name}({', '.join(shown)})", spec, columns, parameters)
        return self.calls.setdefault(call.key, call)

    def atr(self, period: int, line: int) -> str | None:
        """Return the column of the ATR that levels and sizes count in."""
        spec = self.find("atr", line, "indicator")
        call = self.component(spec, {"period": period}, line) if spec else None
        return call.key if call else None

    def _input(self, each: Input, spec: Spec, line: int) -> str | None:
        if each.requires is not None:
            needed = self.find(each.requires.component, line)
            call = self.component(needed, each.requires.parameters, line) if needed else None
            return self.output(call, each.requires.output, line)
        if each.name in COLUMNS or each.name in _INNER:
            return each.name
        self.problems.add(
            line, f"component {spec.name!r} takes {each.name!r}", f"columns are {', '.join(COLUMNS)}, day"
        )
        return None


def last_part(name: str) -> str:
    """Return the last element of a dotted name or a path: `sma` of `core.indicators.trend.sma`."""
    return name.replace("\\", "/").removesuffix(".py").replace("/", ".").rsplit(".", 1)[-1]


def _plain(parameter: Parameter, text: str) -> Any:
    if parameter.kind == "str":
        return str(text)
    if parameter.kind == "bool" and text.lower() in ("yes", "on", "no", "off"):
        return text.lower() in ("yes", "on")
    return typed(text)


def _scalar(tree: Mapped, path: Path) -> Scalar | None:
    node = node_at(tree, path)
    return node if isinstance(node, Scalar) else None
