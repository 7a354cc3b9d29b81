"""Crossings as signal files report them: the side that one column crossed to, confirmed, with a strength."""

from __future__ import annotations

from typing import Final

import numpy as np

from sptrader_lab.components.words import Column
from sptrader_lab.kernel.compile import compiled
from sptrader_lab.kernel.rolling import is_above, is_below, reaches_up

#: Bars over which the usual change of the gap is taken.
USUAL: Final = 20
_ABOVE: Final = 1
_BELOW: Final = -1
_EQUAL: Final = 0
_UNDEFINED: Final = 2


@compiled
def crossing(a: Column, b: Column, bars: int, min_separation: float) -> tuple[Column, Column]:
    """Return where `a` crosses `b`, and how strongly.

    The event comes on the bar at which `a` has been on its new side for `bars` bars in a row, the crossing bar being
    the first (S22); nothing later is looked at. It needs |a - b| >= min_separation x |b| on that same bar, else there
    is no event at all for this crossing.

    Parameters
    ----------
    a, b : numpy.ndarray of float64, shape (n,)
    bars : int
        1 or more; 1 is the crossing bar itself.
    min_separation : float
        Fraction of `b`.

    Returns
    -------
    codes : numpy.ndarray of float64, shape (n,)
        1 where `a` crossed above `b`, 2 where it crossed below, else 0.
    strength : numpy.ndarray of float64, shape (n,)
        At events |a - b| over twice the usual change of a - b per bar (its mean size over the last 20 bars), at most 1;
        else 0. Free of units: 0.5 says that the gap is as wide as it usually moves in one bar.
    """
    codes = np.zeros(len(a))
    strength = np.zeros(len(a))
    side = _UNDEFINED
    streak = 0  # bars on this side since a crossing that was seen; 0 while there is none
    for i in range(len(a)):
        before, side = side, _side(a[i], b[i])
        if side in (_EQUAL, _UNDEFINED):
            streak = 0
        elif side == before:
            streak += streak > 0
        else:
            streak = 1 if before != _UNDEFINED else 0
        if streak == bars and reaches_up(abs(a[i] - b[i]), min_separation * abs(b[i])):
            codes[i] = 1.0 if side == _ABOVE else 2.0
            strength[i] = _strength(a, b, i)
    return codes, strength


@compiled
def _side(a: float, b: float) -> int:
    if np.isnan(a) or np.isnan(b):
        return _UNDEFINED
    if is_above(a, b):
        return _ABOVE
    return _BELOW if is_below(a, b) else _EQUAL


@compiled
def _strength(a: Column, b: Column, i: int) -> float:
    """Return the gap at bar `i` over twice its usual change per bar, at most 1."""
    total = 0.0
    count = 0
    for j in range(max(1, i - USUAL + 1), i + 1):
        change = abs((a[j] - b[j]) - (a[j - 1] - b[j - 1]))
        if not np.isnan(change):
            total += change
            count += 1
    if total == 0.0:
        return 1.0
    return float(min(1.0, abs(a[i] - b[i]) / (2.0 * total / count)))


@compiled
def one_sided(up: Column, up_strength: Column, down: Column, down_strength: Column) -> tuple[Column, Column]:
    """Join two crossings: code 1 where `up` has crossed above, else 2 where `down` has crossed below, else 0."""
    codes = np.zeros(len(up))
    strength = np.zeros(len(up))
    for i in range(len(up)):
        if up[i] == 1.0:
            codes[i] = 1.0
            strength[i] = up_strength[i]
        elif down[i] == 2.0:
            codes[i] = 2.0
            strength[i] = down_strength[i]
    return codes, strength
