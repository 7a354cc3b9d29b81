"""Bind conditions: names become columns, labels become their codes."""

from __future__ import annotations

from sptrader_lab.components.spec import Output
from sptrader_lab.strategy.bind_signals import SignalBinder
from sptrader_lab.strategy.binder import Binder, Call
from sptrader_lab.strategy.tree import (
    All,
    Arithmetic,
    Compare,
    Condition,
    Cross,
    Either,
    Event,
    Fires,
    Held,
    Name,
    Not,
    Number,
    OutputTest,
    Rolling,
    Shift,
    Value,
)


class _UnboundError(Exception):
    """A part could not be bound; what is wrong is among the problems already."""


def bind_condition(node: Condition, binder: Binder, signals: SignalBinder) -> Condition | None:
    """Return the condition over columns, None when a part of it is not known; all parts are looked at."""
    try:
        return _ConditionBinder(binder, signals).condition(node)
    except _UnboundError:
        return None


def bind_value(node: Value, binder: Binder, signals: SignalBinder) -> Value | None:
    """Return the value over columns, None when a part of it is not known."""
    try:
        return _ConditionBinder(binder, signals).value(node)
    except _UnboundError:
        return None


class _ConditionBinder:
    def __init__(self, binder: Binder, signals: SignalBinder) -> None:
        self.binder = binder
        self.signals = signals

    def condition(self, node: Condition) -> Condition:
        if isinstance(node, (All, Either)):
            return type(node)(tuple(self._every(node.items)))
        if isinstance(node, Not):
            return Not(self.condition(node.item))
        if isinstance(node, Held):
            return Held(self.condition(node.item), node.bars)
        if isinstance(node, Event):
            return self._event(node)
        if isinstance(node, Cross):
            return Cross(node.above, *self._values((node.left, node.right)))
        assert isinstance(node, Compare)
        return Compare(node.operator, *self._values((node.left, node.right)))

    def value(self, node: Value) -> Value:
        if isinstance(node, Name):
            column = self.binder.name(node)
            if column is None:
                raise _UnboundError
            self.binder.used.add(column)
            return Name(column, node.line)
        if isinstance(node, Arithmetic):
            return Arithmetic(node.operator, tuple(self._values(node.operands)))
        if isinstance(node, Shift):
            return Shift(self.value(node.operand), node.bars)
        if isinstance(node, Rolling):
            return Rolling(node.kind, self.value(node.operand), node.window)
        return node

    def _every(self, items: tuple[Condition, ...]) -> list[Condition]:
        """Bind all items before giving up on any, so that all problems show."""
        bound = [bind_condition(item, self.binder, self.signals) for item in items]
        whole = [item for item in bound if item is not None]
        if len(whole) < len(bound):
            raise _UnboundError
        return whole

    def _values(self, items: tuple[Value, ...]) -> list[Value]:
        bound: list[Value] = []
        for item in items:
            try:
                bound.append(self.value(item))
            except _UnboundError:
                continue
        if len(bound) < len(items):
            raise _UnboundError
        return bound

    def _event(self, node: Event) -> Condition:
        call = self.signals.signal(node.signal, node.line)
        if call is None:
            raise _UnboundError
        self.signals.used.add(node.signal)
        event = call.spec.outputs[0]
        tests = [self._test(test, call, node.signal) for test in node.tests]
        whole = [test for test in tests if test is not None]
        if len(whole) < len(tests):
            raise _UnboundError
        silent = Compare("==", Name(call.column(event.name)), Number(0.0))
        # Only a test for "nothing happened" holds where the signal does not fire.
        parts = whole if silent in whole else [Fires(Name(call.column(event.name))), *whole]
        self.binder.used.update(call.column(output.name) for output in call.spec.outputs)
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _test(self, test: OutputTest, call: Call, signal: str) -> Condition | None:
        output = self.signals.output(call, test.output, signal, test.line)
        if output is None:
            return None
        try:
            wanted = self._wanted(test, output, f"{signal}.{output.name}")
        except _UnboundError:
            return None
        return Compare(test.operator, Name(call.column(output.name)), wanted)

    def _wanted(self, test: OutputTest, output: Output, shown: str) -> Value:
        problems, wanted = self.binder.problems, test.wanted
        if not isinstance(wanted, str):
            return self.value(wanted)
        if output.labels:
            if test.operator not in ("==", "!="):
                problems.add(test.line, f"{shown} {test.operator} {wanted!r}", "labels are compared with == or !=")
                raise _UnboundError
            if wanted not in output.labels:
                problems.unknown(test.line, f"label of {shown}", wanted, output.labels)
                raise _UnboundError
            return Number(float(output.labels.index(wanted)))
        if wanted.lower() in ("true", "false"):
            return Number(float(wanted.lower() == "true"))
        if test.operator in ("==", "!="):
            problems.add(test.line, f"{shown}: {wanted!r}", f"{shown} holds numbers, not labels")
            raise _UnboundError
        return self.value(Name(wanted, test.line))
