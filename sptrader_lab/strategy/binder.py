"""Binder: finds components by every kind of name and notes the calls they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sptrader_lab.components.library import Library
from sptrader_lab.components.spec import Input, Parameter, Spec
from sptrader_lab.errors import ComponentError, InputError
from sptrader_lab.strategy.finder import Finder, Place
from sptrader_lab.strategy.parameters import typed, unresolved
from sptrader_lab.strategy.schema.sections import Indicator
from sptrader_lab.strategy.source import Mapped, Problems, Scalar, node_at
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.tree import Name

#: Columns that an expression or a `source` may name.
COLUMNS: Final = ("open", "high", "low", "close", "volume", "spread", "hl2", "hlc3", "ohlc4")
#: Columns that a component may take besides.
_INNER: Final = ("day", "time")
#: Columns that every component of the older styles takes, and that its calls therefore don't show.
_MARKET: Final = ("time", "open", "high", "low", "close", "volume")
MISSING: Final = object()


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


class Binder(Finder):
    """Finds components and notes the calls they make."""

    def __init__(self, strategy: Strategy, library: Library, tree: Mapped, problems: Problems) -> None:
        super().__init__(strategy, library, tree, problems)
        self.calls: dict[str, Call] = {}
        self.lines: dict[str, int] = {}
        self.used: set[str] = set()
        self.named: dict[str, Call | None] = {}
        self.open: list[str] = []

    def name(self, name: Name) -> str | None:
        """Return the column that a name in an expression stands for."""
        return name.text if name.text in COLUMNS else self._column(name.text, name.line)

    def _column(self, text: str, line: int) -> str | None:
        head, _, rest = text.partition(".")
        if head in self.places:
            path = self.places[head]
            return self.output(self.declared(path), rest or self.meant(self.at(path).type), line)
        if head in self.offered and not self.is_own_file(head):
            spec, output = self.indicator_of(head, line) or (None, "")
            return self.output(self.component(spec, {}, line), rest or output, line) if spec else None
        if head in self.library.specs and self.library.specs[head].kind == "signal":
            self.problems.add(line, f"{text!r} is a signal, not a value", f"write {{signal: {head}, outputs: {{...}}}}")
            return None
        if head in self.library.specs:
            spec = self.find(head, line)
            return self.output(self.component(self.shaped(spec), {}, line), rest, line) if spec else None
        if head == "talib":
            name, _, rest = rest.partition(".")
            spec = self.find(f"talib.{name}", line)
            return self.output(self.component(spec, {}, line), rest, line) if spec else None
        try:
            spec = self.library.find(text)
            self.found[spec.path] = spec
            return self.output(self.component(self.shaped(spec), {}, line), "", line)
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

    def declared(self, path: Place) -> Call | None:
        """Return the call of an indicator declared under `indicators` or `required_indicators`."""
        key = ".".join(map(str, path))
        if key not in self.named:
            self.named[key] = self.indicator(self.at(path), path)
        return self.named[key]

    def indicator(self, indicator: Indicator, path: Place, extra: Mapping[str, Any] | None = None) -> Call | None:
        """Return the call that a declaration makes; `extra` parameters replace its own."""
        line = self.line(*path)
        means = self.indicator_of(indicator.type, self.line(*path, "type"))
        if means is None:
            return None
        spec = means[0]
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
            if spec.takes_market:
                what, rule = (
                    f"source: {source!r}",
                    f"{spec.name} reads the candles itself and has no parameter 'source'",
                )
                if source == "close":
                    self.warn(line, f"{what} has no effect", rule)
                    return {}
                self.problems.add(line, what, f"{rule}; {spec.path}")
                return None
            if source == "close":
                takes = ", ".join(each.name for each in spec.inputs)
                self.warn(line, "source: close has no effect", f"{spec.name} takes {takes}")
                return {}
            self.problems.add(line, f"source: {source!r}", f"{spec.name} takes {', '.join(columns)} and no one source")
            return None
        found = self.name(Name(source, line))
        return None if found is None else {columns[0]: found}

    def parameter(self, spec: Spec, name: str, text: str, path: Place) -> Any:
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
        shown = [*_shown_inputs(spec, columns), *(f"{name}={value}" for name, value in parameters.items())]
        key = f"{spec.name}({', '.join(shown)})"
        known = self.calls.get(key)
        if known is not None and known.spec.path != spec.path:  # of two files of a name one may be used
            key = f"{key} {spec.sha256[:8]}"
        self.lines.setdefault(key, line)
        return self.calls.setdefault(key, Call(key, spec, columns, parameters))

    def check_names(self, calls: Iterable[Call]) -> None:
        """Note components of one name in two files: calls, the run id and saved sources know them by their names."""
        files: dict[str, str] = {}
        for call in calls:
            other = files.setdefault(call.spec.name, call.spec.path)
            if other != call.spec.path:
                what = f"two components are called {call.spec.name!r}: {other} and {call.spec.path}"
                self.problems.add(self.lines[call.key], what, "a strategy uses one file of a name; rename the other")

    def atr(self, period: int, line: int) -> str | None:
        """Return the column of the ATR that levels and sizes count in."""
        spec = self.find("atr", line, "indicator")
        call = self.component(spec, {"period": period}, line) if spec else None
        return call.key if call else None

    def _input(self, each: Input, spec: Spec, line: int) -> str | None:
        if each.requires is not None:
            needed, output = self.indicator_of(each.requires.component, line) or (None, "")
            call = self.component(needed, each.requires.parameters, line) if needed else None
            return self.output(call, each.requires.output or output, line)
        if each.name in COLUMNS or each.name in _INNER:
            return each.name
        self.problems.add(
            line, f"component {spec.name!r} takes {each.name!r}", f"columns are {', '.join(COLUMNS)}, day"
        )
        return None


def _shown_inputs(spec: Spec, columns: tuple[str, ...]) -> list[str]:
    """Return a call's inputs as its key shows them; the candles that every component of the older styles takes are left out."""
    if not spec.takes_market:
        return list(columns)
    filled = zip(spec.inputs, columns, strict=True)
    return [f"{each.name}={column}" for each, column in filled if each.name not in _MARKET]


def _plain(parameter: Parameter, text: str) -> Any:
    if parameter.kind == "str":
        return str(text)
    if parameter.kind == "bool" and text.lower() in ("yes", "on", "no", "off"):
        return text.lower() in ("yes", "on")
    return typed(text)


def _scalar(tree: Mapped, path: Place) -> Scalar | None:
    node = node_at(tree, path)
    return node if isinstance(node, Scalar) else None
