"""Conditions: the YAML forms in which one may be written, read into the tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sptrader_lab.components.library import Library
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError, nearest
from sptrader_lab.strategy.expression import (
    FUNCTIONS,
    ExpressionError,
    UnknownFunctionError,
    parse_condition,
    parse_value,
)
from sptrader_lab.strategy.parameters import Parameters
from sptrader_lab.strategy.schema.section import described
from sptrader_lab.strategy.slips import declaration
from sptrader_lab.strategy.source import Listed, Mapped, Problems, Scalar, line_of
from sptrader_lab.strategy.tree import (
    All,
    Comparison,
    Condition,
    Cross,
    Either,
    Event,
    Held,
    Not,
    OutputTest,
    Value,
)

GROUPS: Final = ("all", "any", "not")
SIGNAL_KEYS: Final = ("signal", "outputs")
INDICATOR_KEYS: Final = ("indicator", "condition", "min_bars", "description")
_OPERATOR: Final = re.compile(r"\s*(>=|<=|==|!=|>|<)(.*)", re.DOTALL)
_CROSSING: Final = re.compile(r"\s*crosses?[_ ](above|below)\s+(.+)", re.DOTALL)
T = TypeVar("T")
_LABEL: Final = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True)
class ConditionReader:
    """Reads conditions; what is wrong goes to `problems`, and a condition that can't be read comes back as None."""

    parameters: Parameters
    problems: Problems
    library: Library | None = None

    def read(self, node: Any, line: int) -> Condition | None:
        """Read a condition in any form: a text, a mapping, or a list of which all must hold."""
        line = line_of(node, line)
        if isinstance(node, Scalar):
            return self._guarded(line, lambda: parse_condition(str(node), self.parameters.text, line))
        if isinstance(node, Listed):
            return self.group(node, line, All)
        if isinstance(node, Mapped):
            return self._mapping(node, line)
        self.problems.add(
            line, "a condition is missing", "write a text like 'close > sma', a signal, or a list of them"
        )
        return None

    def value(self, node: Any, line: int) -> Value | None:
        """Read a number per bar: an expression over columns and indicators."""
        if isinstance(node, Scalar):
            return self._guarded(
                line_of(node, line), lambda: parse_value(str(node), self.parameters.text, line_of(node, line))
            )
        rule = "write an expression such as close - 0.5 * atr"
        self.problems.add(line_of(node, line), f"a level holds {described(node)}", rule)
        return None

    def group(self, node: Listed, line: int, kind: type[All | Either]) -> Condition | None:
        """Read a list; every item is read, so that all problems show at once."""
        if not node:
            self.problems.add(
                line, "a list of conditions is empty", "name at least one condition, or leave the key out"
            )
            return None
        items = [self.read(item, line) for item in node]
        whole = tuple(item for item in items if item is not None)
        if not whole:  # what can be read of the others is kept, for the checks that follow
            return None
        return whole[0] if len(whole) == 1 else kind(whole)

    def _mapping(self, node: Mapped, line: int) -> Condition | None:
        if "signal" in node:
            return self._signal(node, line)
        if "indicator" in node:
            return self._indicator(node, line)
        known = (*GROUPS, *SIGNAL_KEYS, *INDICATOR_KEYS)
        for key in node:
            if key not in GROUPS:
                where = "a condition holds signal (outputs), indicator (condition, min_bars), or all, any, not"
                self.problems.unknown(node.line_of(key), "key", key, known, where)
        parts = [self._grouped(key, node[key], node.line_of(key)) for key in node if key in GROUPS]
        if not parts and not node:
            self.problems.add(line, "a condition is empty", "write a text like 'close > sma', or a signal")
        whole = tuple(part for part in parts if part is not None)
        if not whole:
            return None
        return whole[0] if len(whole) == 1 else All(whole)

    def _grouped(self, key: str, node: Any, line: int) -> Condition | None:
        if key == "not":
            item = self.read(node, line)
            return None if item is None else Not(item)
        if not isinstance(node, Listed):
            self.problems.add(line, f"{key!r} holds {described(node)}", "it holds a list of conditions")
            return None
        return self.group(node, line, Either if key == "any" else All)

    def _signal(self, node: Mapped, line: int) -> Condition | None:
        self._keys(node, SIGNAL_KEYS, "a signal condition")
        name, outputs = node["signal"], node.get("outputs")
        if not isinstance(name, Scalar):
            self.problems.add(line, f"'signal' holds {described(name)}", "it holds the name of one signal")
            return None
        if outputs is None:
            return Event(str(name), (), line_of(name, line))
        if not isinstance(outputs, Mapped):
            self.problems.add(
                line, f"'outputs' holds {described(outputs)}", "it maps output names to what they must be"
            )
            return None
        tests = [self._output(key, outputs[key], outputs.line_of(key)) for key in outputs]
        # A test that can't be read leaves the others to be checked against the signal.
        return Event(str(name), tuple(test for test in tests if test is not None), line_of(name, line))

    def _output(self, output: str, wanted: Any, line: int) -> OutputTest | None:
        if not isinstance(wanted, Scalar):
            self.problems.add(
                line, f"output {output!r} holds {described(wanted)}", "write a value, or a comparison like '> 0.1'"
            )
            return None
        match = _OPERATOR.fullmatch(wanted)
        operator: Comparison = match[1] if match else "=="  # type: ignore[assignment]
        text = (match[2] if match else str(wanted)).strip()
        if text.startswith("parameters."):  # "> parameters.x" may hold a label as well as a number
            found = self._guarded(line, lambda: self._parameter_or_expression(text))
        else:
            found = text
        if found is None:
            return None
        if isinstance(found, str) and not _LABEL.fullmatch(found):
            value = self._guarded(line, lambda: parse_value(found, self.parameters.text, line))
            return None if value is None else OutputTest(output, operator, value, line)
        return OutputTest(output, operator, found, line)

    def _parameter_or_expression(self, text: str) -> str:
        name = text.removeprefix("parameters.")
        return self.parameters.text(name) if name.isidentifier() else text

    def _indicator(self, node: Mapped, line: int) -> Condition | None:
        self._keys(node, INDICATOR_KEYS, "an indicator condition")
        name, text = node["indicator"], node.get("condition")
        if not isinstance(name, Scalar) or not isinstance(text, Scalar):
            self.problems.add(line, "an indicator condition is incomplete", "write {indicator: rsi, condition: '< 30'}")
            return None
        condition = self._guarded(line_of(text, line), lambda: self._compared(name, text))
        bars = self._min_bars(node, line)
        if condition is None or bars is None:
            return None
        return condition if bars == 1 else Held(condition, bars)

    def _compared(self, name: Scalar, text: Scalar) -> Condition:
        """Read `< 30` or `crosses_above sma` as the right side of a comparison whose left side is `name`."""
        line = line_of(text)
        crossing = _CROSSING.fullmatch(text)
        if crossing:
            sides = [parse_value(part, self.parameters.text, line) for part in (str(name), crossing[2])]
            return Cross(crossing[1] == "above", *sides)
        if not _OPERATOR.fullmatch(text):
            raise ExpressionError(
                f"condition {str(text)!r}", "it begins with > >= < <= == != or with crosses_above, crosses_below"
            )
        return parse_condition(f"{name} {text}", self.parameters.text, line)

    def _min_bars(self, node: Mapped, line: int) -> int | None:
        given = node.get("min_bars")
        if given is None:
            return 1
        if isinstance(given, Scalar) and re.fullmatch(r"\d{1,6}", given) and int(given) >= 1:
            return int(given)
        self.problems.add(line_of(given, line), f"min_bars: {given!r}", "it is a whole number of bars, at least 1")
        return None

    def _keys(self, node: Mapped, known: tuple[str, ...], kind: str) -> None:
        for key in node:
            if key not in known:
                self.problems.unknown(node.line_of(key), "key", key, known, f"{kind} holds {', '.join(known)}")

    def _guarded(self, line: int, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except UnknownFunctionError as error:
            spec = self._component(error.name)
            known = (*FUNCTIONS, *(self.library.specs if self.library else ()))
            near = "" if spec else nearest(error.name, known)
            self.problems.add(line, error.what, declaration(spec, error.call) if spec else error.rule, near)
        except ExpressionError as error:
            self.problems.add(line, error.what, error.rule, error.near)
        return None

    def _component(self, name: str) -> Spec | None:
        """Return the component that an expression uses like a function, None when there is none of that name."""
        if self.library is None or not (name in self.library.specs or name.lower().startswith("talib.")):
            return None
        try:
            return self.library.find(name)
        except ComponentError:
            return None
