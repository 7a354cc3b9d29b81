"""Bind conditions: names become columns, labels become their codes."""

from __future__ import annotations

from typing import Final, NamedTuple

from sptrader_lab.components import vocabulary
from sptrader_lab.components.spec import Output, slotted
from sptrader_lab.errors import InputError
from sptrader_lab.strategy.bind_signals import Expected, SignalBinder, type_output
from sptrader_lab.strategy.binder import Binder, Call
from sptrader_lab.strategy.tree import (
    All,
    Arithmetic,
    Compare,
    Comparison,
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
    Silent,
    Value,
)

#: What older components say where they have nothing to say.
_NOTHING: Final = "none"
_ZERO: Final = Number(0.0)


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


class _Bound(NamedTuple):
    """A test of an output, with the label or word that it waits for as a number."""

    operator: Comparison
    output: Output
    wanted: Value

    @property
    def is_word(self) -> bool:
        """Whether it waits for a word."""
        return isinstance(self.wanted, Number) and self.wanted.value < vocabulary.CEILING


def _joined(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


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
        """Return that the signal fires as wanted; where it can tell several events on a bar, that one of them is."""
        call = self.signals.signal(node.signal, node.line)
        if call is None:
            raise _UnboundError
        self.signals.used.add(node.signal)
        self.binder.used.update(call.column(output.name) for output in call.spec.outputs)
        event = call.spec.outputs[0]
        tests = [self._test(test, call, node) for test in node.tests]
        whole = [test for test in tests if test is not None]
        if len(whole) < len(tests):
            raise _UnboundError
        if any(test.operator == "==" and test.output == event and test.wanted == _ZERO for test in whole):
            # Only a test for "nothing happened" holds where the signal does not fire; events fill the slots in order.
            return _joined([self._compared(call, test, 0) for test in whole])
        slots = [self._slot(call, node, whole, slot) for slot in range(call.spec.slots)]
        if whole and self._is_silence(whole[0], call, node):
            kind = Name(call.column(whole[0].output.name))
            slots[0] = Silent(Name(call.column(event.name)), kind, Number(vocabulary.code(_NOTHING), _NOTHING))
        return slots[0] if len(slots) == 1 else Either(tuple(slots))

    def _slot(self, call: Call, node: Event, tests: list[_Bound], slot: int) -> Condition:
        """Return that the event number `slot` of a bar is there and as wanted."""
        parts: list[Condition] = [Fires(Name(call.column(slotted(call.spec.outputs[0].name, slot))))]
        called = self.signals.events.get(node.signal, "")
        if called:
            named = _Bound("==", call.spec.output("signal_name"), self._code(called, node.line))
            self._expect(call, named, called, f"an event of {call.spec.name}", node.line)
            parts.append(self._compared(call, named, slot))
        return _joined([*parts, *(self._compared(call, test, slot) for test in tests)])

    def _test(self, test: OutputTest, call: Call, node: Event) -> _Bound | None:
        output = self.signals.output(call, test.output, node.signal, test.line)
        if output is None:
            return None
        shown = f"{node.signal}.{output.name}"
        try:
            bound = _Bound(test.operator, output, self._wanted(test, output, shown))
        except _UnboundError:
            return None
        if isinstance(test.wanted, str) and bound.is_word and test.operator == "==":
            if not self._is_silence(bound, call, node):
                self._expect(call, bound, test.wanted, shown, test.line)
        elif output.mixed and isinstance(bound.wanted, Number):
            self.signals.numbers.append(self._expected(call, bound, f"{bound.wanted.value:g}", shown, test.line))
        return bound

    def _is_silence(self, test: _Bound, call: Call, node: Event) -> bool:
        """Say whether an event's own type is asked for the word `none` and nothing else is; any other `none` is a word."""
        if len(node.tests) > 1 or self.signals.events.get(node.signal) or test.operator != "==":
            return False
        is_type = test.output.mixed and test.output == type_output(call.spec)
        return is_type and isinstance(test.wanted, Number) and test.wanted.value == vocabulary.code(_NOTHING)

    def _compared(self, call: Call, test: _Bound, slot: int) -> Condition:
        """Return a test over the columns of one slot; where words may stand, a number is compared with numbers only."""
        column = Name(call.column(slotted(test.output.name, slot)))
        compared = Compare(test.operator, column, test.wanted)
        if test.output.mixed and not test.is_word:
            return All((compared, Compare(">", column, Number(vocabulary.CEILING))))
        return compared

    def _expect(self, call: Call, test: _Bound, word: str, shown: str, line: int) -> None:
        self.signals.expected[shown, word] = self._expected(call, test, word, shown, line)

    def _expected(self, call: Call, test: _Bound, word: str, shown: str, line: int) -> Expected:
        columns = tuple(call.column(slotted(test.output.name, slot)) for slot in range(call.spec.slots))
        return Expected(shown, columns, word, line)

    def _code(self, word: str, line: int) -> Number:
        try:
            return Number(vocabulary.code(word), word)
        except InputError as error:
            self.binder.problems.add(line, str(error))
            raise _UnboundError from None

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
        if output.mixed and test.operator in ("==", "!="):
            return self._code(wanted, test.line)
        if test.operator in ("==", "!="):
            problems.add(test.line, f"{shown}: {wanted!r}", f"{shown} holds numbers, not labels")
            raise _UnboundError
        return self.value(Name(wanted, test.line))
