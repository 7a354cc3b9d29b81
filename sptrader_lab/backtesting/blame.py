"""Blame: which parameter makes a component look ahead, found by setting one at a time to another value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from sptrader_lab.backtesting.cuts import Stretch
from sptrader_lab.components.exam import first_moved
from sptrader_lab.components.run import run
from sptrader_lab.components.spec import Output, Parameter, Value
from sptrader_lab.components.words import Column
from sptrader_lab.errors import ComponentFailed
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.compute import Computed, market_of
from sptrader_lab.types.candles import Candles

#: Bars at which a component with another parameter is asked what it knew.
_CUTS: Final = 16
#: Other words that a text parameter is tried with.
_WORDS: Final = 3


class Moved(NamedTuple):
    """A value that moved: which output, at which bar of the stretch, and what it is with and without the bars after `last`."""

    output: Output
    bar: int
    full: float
    part: float
    stretch: Stretch
    last: int


def run_part(
    call: Call, candles: Candles, computed: Computed, start: int, stop: int, changed: Mapping[str, Any] | None = None
) -> tuple[Column, ...] | None:
    """Return what a call gives for bars start..stop-1, with some parameters changed; None when it fails."""
    arrays = [computed.columns[name][start:stop] for name in call.inputs]
    try:
        return run(call.spec, arrays, {**call.parameters, **(changed or {})}, market_of(candles))
    except ComponentFailed:
        return None


def first_difference(
    call: Call, whole: Sequence[Column], part: Sequence[Column]
) -> tuple[Output, int, float, float] | None:
    """Return output, bar and both values of the first output that differs where both have bars, None when none does."""
    for output, full, short in zip(call.spec.outputs, whole, part, strict=True):
        bar = first_moved(full, short)
        if bar is not None:
            return output, bar, float(full[bar]), float(short[bar])
    return None


def responsible(call: Call, candles: Candles, computed: Computed, moved: Moved) -> str:
    """Say which parameter is responsible, "" when none alone is: with another value nothing moves, and something is still said."""
    for parameter, other in _others(call):
        if _is_honest(call, candles, computed, moved, {parameter.name: other}):
            default = " (its default)" if other == parameter.default else ""
            now = call.parameters[parameter.name]
            return f" Responsible is {parameter.name}={now}: with {parameter.name}={other}{default} no value moves."
    return ""


def _others(call: Call) -> Iterator[tuple[Parameter, Value]]:
    """Yield each parameter with a value to try: first the default where it has another; a flag's opposite, the least, a word."""
    changed = [each for each in call.spec.parameters if call.parameters[each.name] != each.default]
    yield from ((each, each.default) for each in changed)
    kinds = {"bool": 0, "int": 1, "str": 2, "float": 3}
    for each in sorted(call.spec.parameters, key=lambda one: kinds[one.kind]):
        tried = (call.parameters[each.name], each.default)
        if each.kind == "bool" and each not in changed:
            yield each, not each.default
        elif each.kind == "str":
            yield from ((each, word) for word in [one for one in each.choices if one not in tried][:_WORDS])
        elif each.kind in ("int", "float") and each.low is not None and each.low not in tried:
            yield each, int(each.low) if each.kind == "int" else each.low


def _is_honest(call: Call, candles: Candles, computed: Computed, moved: Moved, changed: Mapping[str, Any]) -> bool:
    """Say whether a call with other parameters moves nowhere in the stretch, cut where it says something new."""
    start, first, stop = moved.stretch
    whole = run_part(call, candles, computed, start, stop, changed)
    if whole is None:
        return False
    line = whole[call.spec.outputs.index(moved.output)]
    new = np.flatnonzero(np.diff(np.nan_to_num(line)) != 0.0) + 1 + start
    # A prefix has no zone of its own: what lies up to its end is looked at.
    low, high = (first, stop - 2) if first < stop else (start, moved.last)
    new = new[(new >= low) & (new <= high)]
    if not len(new):
        return False  # silent here, which proves nothing
    ends = {moved.last, *new[np.linspace(0, len(new) - 1, min(_CUTS, len(new))).astype(int)].tolist()}
    parts = (run_part(call, candles, computed, start, last + 1, changed) for last in sorted(ends))
    return all(part is not None and first_difference(call, whole, part) is None for part in parts)
