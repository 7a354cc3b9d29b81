"""Explain: what a strategy saw at one close: signals, indicators, filters, and its rules condition by condition.

The truth of a condition is the Evaluator's own, asked on the few bars that the condition looks back on, so what is explained
can't differ from the column that was decided by. Rules are walked twice at once: as they were written, for texts and lines, and
as they were bound to columns, for truth and numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components import vocabulary
from sptrader_lab.components.spec import slotted
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.compute import Computed
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.filters import blocked, local_minutes
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.told import called, own_outputs, shown, signal_tables
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
    Silent,
    Value,
)
from sptrader_lab.strategy.written import condition_text, value_text
from sptrader_lab.types.candles import Candles

Column = NDArray[np.float64]
#: A value of a column: a number (NaN: undefined), or the word that a label gives it.
Shown = float | str

_GROUPS: Final = {All: "all of", Either: "any of", Not: "not", Held: "for"}
_FILTERS: Final = ("trading_hours", "trading_days", "min_volume_usd", "max_spread_bps")


@dataclass(frozen=True)
class Reading:
    """A value at a close as the file writes it, and one bar before where that matters."""

    text: str
    now: Shown
    before: Shown | None = None


@dataclass(frozen=True)
class Judged:
    """A condition at one close.

    Attributes
    ----------
    text : str
        As the file writes it; of a group what joins its parts.
    truth : bool or None
        None: undefined, a value that it needs is not there yet.
    line : int
        Of the file; 0 where nothing in the condition has a line.
    readings : tuple of Reading
        Both sides of a comparison or a crossing.
    parts : tuple of Judged
        What a group is made of.
    note : str
        What the numbers don't say.
    """

    text: str
    truth: bool | None
    line: int = 0
    readings: tuple[Reading, ...] = ()
    parts: tuple[Judged, ...] = ()
    note: str = ""

    def decisive(self) -> Judged:
        """Return the first part, down to a single condition, that is as true, false or undefined as the whole."""
        same = [part for part in self.parts if part.truth is self.truth]
        return same[0].decisive() if same else self


@dataclass(frozen=True)
class Seen:
    """What a signal component said at one close, words for labels."""

    name: str
    fired: bool
    outputs: Mapping[str, Shown]


@dataclass(frozen=True)
class Verdict:
    """One filter at one close: what the file asks for, what was there, and whether that is enough."""

    name: str
    asked: str
    found: str
    passed: bool


def rules_at(plan: Plan, computed: Computed, bar: int) -> dict[str, Judged]:
    """Return every rule of the strategy at the close of `bar`, by ``entry.long``, ``exit.long`` and so on."""
    found = {}
    for name, bound in plan.bound.rules.items():
        action, side = name.split("_")
        written = getattr(getattr(plan.strategy, action), side)
        found[f"{action}.{side}"] = _Judge(plan, computed, bar, reach(bound)).judge(written, bound)
    return found


def signals_at(plan: Plan, computed: Computed, bar: int) -> tuple[Seen, ...]:
    """Return what each signal that a condition uses said at the close of `bar`."""
    found = []
    for name, call in signal_tables(plan.bound):
        outputs, event = computed.outputs[call.key], call.spec.outputs[0].name
        slots = [slot for slot in range(call.spec.slots) if abs(outputs[slotted(event, slot)][bar]) > 0.0]
        told = {
            slotted(each.name, slot): shown(float(outputs[slotted(each.name, slot)][bar]), each)
            for slot in slots or [0]
            for each in own_outputs(call.spec)
            if slot == 0 or not np.isnan(outputs[slotted(each.name, slot)][bar])
        }
        found.append(Seen(name, bool(slots), told))
    return tuple(found)


def indicators_at(plan: Plan, computed: Computed, bar: int) -> tuple[Reading, ...]:
    """Return every indicator at the close of `bar` and one bar before, called as in a chart."""
    found = []
    for call in plan.calls:
        if call.spec.kind != "indicator":
            continue
        for each in call.spec.outputs:
            column = computed.outputs[call.key][each.name]
            label = called(call) + (f".{each.name}" if len(call.spec.outputs) > 1 else "")
            now, before = (shown(float(column[at]), each) if at >= 0 else np.nan for at in (bar, bar - 1))
            found.append(Reading(label, now, before))
    return tuple(found)


def filters_at(plan: Plan, candles: Candles, bar: int) -> tuple[Verdict, ...]:
    """Return each filter of the file at the close of `bar`, as if it stood alone (S4)."""
    filters, one = plan.strategy.filters, candles.rows(bar, bar + 1)
    minutes = int(local_minutes(one.close_time, filters.trading_zone)[0])
    clock = dt.datetime.fromtimestamp(60 * minutes, dt.UTC)  # what a clock on the wall of that zone shows
    found = {
        "trading_hours": f"{clock:%H:%M} {filters.trading_zone}",
        "trading_days": f"{clock:%a} {filters.trading_zone}",
        "min_volume_usd": f"{one.volume[0] * one.close[0]:,.0f}",
        "max_spread_bps": "no spread in these candles"
        if one.spread is None
        else f"{1e4 * one.spread[0] / one.close[0]:.3g}",
    }
    verdicts = []
    for name in _FILTERS:
        asked = getattr(filters, name)
        if asked is not None:
            alone = filters.model_copy(update={other: None for other in _FILTERS if other != name})
            verdicts.append(Verdict(name, str(asked), found[name], not blocked(alone, one)[0]))
    return tuple(verdicts)


def reach(node: Condition | Value) -> int:
    """Return how many bars before the present one a condition or value looks back on."""
    before = 0
    if isinstance(node, (Shift, Rolling)):
        before = node.bars if isinstance(node, Shift) else node.window - 1
    elif isinstance(node, (Held, Cross)):
        before = node.bars - 1 if isinstance(node, Held) else 1
    return before + max((reach(inner) for inner in _inner(node)), default=0)


def _inner(node: Condition | Value) -> tuple[Any, ...]:
    """Return what a node is made of."""
    if isinstance(node, (All, Either)):
        return node.items
    if isinstance(node, (Not, Held)):
        return (node.item,)
    if isinstance(node, (Compare, Cross)):
        return (node.left, node.right)
    if isinstance(node, Arithmetic):
        return node.operands
    return (node.operand,) if isinstance(node, (Shift, Rolling)) else ()


class _Judge:
    """Judges the conditions of one rule at one bar."""

    def __init__(self, plan: Plan, computed: Computed, bar: int, before: int) -> None:
        first = max(0, bar - before - 1)  # one more, for the value before a crossing's values
        part = slice(first, bar + 1)
        self.signals: Mapping[str, Call] = plan.bound.signals
        columns = {name: computed.columns[name][part] for name in plan.bound.columns}
        self.evaluator = Evaluator(columns, bar + 1 - first)

    def judge(self, written: Condition, bound: Condition) -> Judged:
        """Judge a condition and all its parts."""
        if isinstance(written, Event):
            return self.event(written, bound)
        if isinstance(written, (All, Either)):
            assert isinstance(bound, (All, Either))
            pairs = zip(written.items, bound.items, strict=True)
            return self.group(_GROUPS[type(written)], bound, tuple(self.judge(*pair) for pair in pairs))
        if isinstance(written, (Not, Held)):
            assert isinstance(bound, (Not, Held))
            return self.around(written, bound, self.judge(written.item, bound.item))
        assert isinstance(written, (Compare, Cross))
        assert isinstance(bound, (Compare, Cross))
        sides = ((written.left, bound.left), (written.right, bound.right))
        readings = tuple(self.reading(*side, before=isinstance(bound, Cross)) for side in sides)
        return Judged(condition_text(written), self.truth(bound), _line(written), readings)

    def truth(self, bound: Condition) -> bool | None:
        if self.evaluator.holds(bound)[-1]:
            return True
        return False if self.evaluator.fails(bound)[-1] else None

    def group(self, text: str, bound: Condition, parts: tuple[Judged, ...]) -> Judged:
        return Judged(text, self.truth(bound), min((part.line for part in parts if part.line), default=0), (), parts)

    def around(self, written: Not | Held, bound: Not | Held, inner: Judged) -> Judged:
        """Judge `not` and `for n bars`: around a single condition they stay one line."""
        note = ""
        if isinstance(bound, Held):
            missed = np.flatnonzero(~self.evaluator.holds(bound.item)[::-1])
            held = min(int(missed[0]) if len(missed) else self.evaluator.bars, bound.bars)
            note = f"held on {held} of {bound.bars} bars"
        text = f"for {bound.bars} bars" if isinstance(bound, Held) else "not"
        if inner.parts:
            return Judged(text, self.truth(bound), inner.line, (), (inner,), note)
        whole = f"{inner.text} {text}" if isinstance(written, Held) else f"not {inner.text}"
        return Judged(whole, self.truth(bound), inner.line, inner.readings, (), note or inner.note)

    def event(self, written: Event, bound: Condition) -> Judged:
        """Judge a signal: that it fires, and each of its outputs; of several events on a bar the one that says most."""
        call = self.signals[written.signal]
        chosen = self.telling(bound.items) if isinstance(bound, Either) else bound
        conditions = chosen.items if isinstance(chosen, All) else (chosen,)
        parts = []
        if isinstance(conditions[0], Fires):
            text, fires = f"{written.signal} fires", conditions[0].event.text
            readings = (self.output(call, self.named(call)[fires]),)
            parts.append(Judged(text, self.truth(conditions[0]), written.line, readings))
        for condition in conditions[len(parts) : len(conditions) - len(written.tests)]:
            named = OutputTest("signal_name", "==", written.signal, written.line)
            parts.append(self.test(named, condition, call, call.spec.name))
        for test, condition in zip(written.tests, conditions[len(parts) :], strict=True):
            parts.append(self.test(test, condition, call, written.signal))
        return parts[0] if len(parts) == 1 else self.group(f"signal {written.signal}, all of", bound, tuple(parts))

    def telling(self, slots: tuple[Condition, ...]) -> Condition:
        """Return the event that comes nearest to what is wanted: of most conditions true; the first of equals."""

        def count(slot: Condition) -> int:
            items = slot.items if isinstance(slot, All) else (slot,)
            # An empty slot is no event, whatever its other columns say.
            return sum(bool(self.truth(item)) for item in items) if self.truth(items[0]) else 0

        return max(slots, key=count)

    def named(self, call: Call) -> dict[str, str]:
        """Return the outputs of a call by their columns."""
        return {call.column(each.name): each.name for each in call.spec.outputs}

    def test(self, test: OutputTest, bound: Condition, call: Call, signal: str) -> Judged:
        whole = bound
        if isinstance(bound, All):  # a number where words may stand
            bound = bound.items[0]
        if isinstance(bound, Silent):
            silence = self.output(call, self.named(call)[bound.kind.text])
            return Judged(f"{signal}.{test.output} == {test.wanted}", self.truth(bound), test.line, (silence,))
        assert isinstance(bound, Compare)
        assert isinstance(bound.left, Name)
        found = self.output(call, self.named(call)[bound.left.text])
        wanted = test.wanted if isinstance(test.wanted, str) else value_text(test.wanted)
        readings = [found]
        if not isinstance(found.now, str) and not _is_word(bound.right):  # a number is compared with a number
            right = test.wanted if not isinstance(test.wanted, str) else bound.right
            readings.append(self.reading(right, bound.right, before=False))
        text = f"{signal}.{test.output} {test.operator} {wanted}"
        return Judged(text, self.truth(whole), test.line, tuple(readings))

    def output(self, call: Call, name: str) -> Reading:
        """Read an output of a signal, its first one without a name."""
        output = call.spec.output(name)
        value = float(self.evaluator.columns[call.column(output.name)][-1])
        return Reading(output.name.partition("#")[0], shown(value, output))

    def reading(self, written: Value, bound: Value, *, before: bool) -> Reading:
        values = self.evaluator.value(bound)
        earlier = float(values[-2]) if len(values) > 1 else np.nan
        return Reading(value_text(written), float(values[-1]), earlier if before else None)


def _is_word(node: Value) -> bool:
    return isinstance(node, Number) and bool(vocabulary.word(node.value))


def _line(node: Any) -> int:
    return next((name.line for name in _names(node) if name.line), 0)


def _names(node: Any) -> Iterator[Name]:
    if isinstance(node, Name):
        yield node
    for inner in _inner(node):
        yield from _names(inner)
