"""Ahead: whether a component looks ahead at the bars where it says something, whatever its parameters are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from sptrader_lab.components.exam import first_moved, market_of
from sptrader_lab.components.run import run
from sptrader_lab.components.spec import Spec
from sptrader_lab.components.vocabulary import word
from sptrader_lab.components.words import Column
from sptrader_lab.types.candles import Candles

#: Cuts tried; a peek shows itself where the last bar of a shorter history has just said something.
_CUTS: Final = 40


def peek(spec: Spec, inputs: Sequence[Column], parameters: Mapping[str, Any], candles: Candles) -> str:
    """Return the first value that moves when later bars are taken away, '' when none does.

    Histories are cut behind bars at which an output changes, and one bar before.

    Raises
    ------
    ComponentFailed
        When the component raises.
    """
    market = market_of(candles)
    full = run(spec, inputs, parameters, market)
    for length in _lengths(full):
        part = run(spec, [array[:length] for array in inputs], parameters, market)
        for output, whole, prefix in zip(spec.outputs, full, part, strict=True):
            bar = first_moved(whole, prefix)
            if bar is not None:
                values = f"{_shown(whole[bar])} with all {len(whole):,} bars, {_shown(prefix[bar])} with the first {length:,}"
                return f"{output.name} at bar {bar} is {values}"
    return ""


def _lengths(full: Sequence[Column]) -> list[int]:
    """Return lengths of histories that end at, or one bar before, bars at which something is said."""
    bars = len(full[0])
    changed = np.zeros(bars, np.bool_)
    for column in full:
        filled = np.nan_to_num(column)
        # Lines change on every bar, events seldom; what seldom changes says where to look.
        moved = np.diff(filled, prepend=filled[:1]) != 0.0
        changed |= moved if moved.sum() < bars // 4 else False
    places = np.flatnonzero(changed) if changed.any() else np.arange(bars)
    chosen = places[np.unique(np.linspace(0, len(places) - 1, _CUTS // 2).astype(np.int64))]
    return sorted({int(length) for place in chosen for length in (place, place + 1) if 0 < length < bars})


def _shown(value: float) -> str:
    return repr(word(float(value)) or float(value))
