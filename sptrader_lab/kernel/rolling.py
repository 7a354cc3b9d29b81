"""Columns from columns: comparisons and crossings of S22, moving windows.

Every function is prefix-stable (S2): value i depends on values 0..i only and has the same bits whatever comes later.
NaN means undefined; windows are NaN until they are full of defined values.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.kernel.compile import compiled, formula

Column = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Relative difference below which two floats count as equal (S22).
TOLERANCE: Final = 1e-10


@formula
def almost_equal(a: float, b: float) -> bool:
    """Say whether `a` and `b` count as equal: |a - b| <= 1e-10 |b| (S22)."""
    return abs(a - b) <= TOLERANCE * abs(b) < np.inf  # nothing finite is almost infinite


@formula
def is_above(a: float, b: float) -> bool:
    """Say whether `a` is above `b` and not almost equal; False when either is NaN."""
    return a > b and not almost_equal(a, b)


@formula
def is_below(a: float, b: float) -> bool:
    """Say whether `a` is below `b` and not almost equal; False when either is NaN."""
    return a < b and not almost_equal(a, b)


@formula
def reaches_up(a: float, b: float) -> bool:
    """Say whether `a` is above or almost equal to `b`."""
    return a >= b or almost_equal(a, b)


@formula
def reaches_down(a: float, b: float) -> bool:
    """Say whether `a` is below or almost equal to `b`."""
    return a <= b or almost_equal(a, b)


@compiled
def above(a: Column, b: Column) -> Flags:
    """Return where `a` > `b`, beyond the tolerance of S22; False where undefined."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = is_above(a[i], b[i])
    return out


@compiled
def below(a: Column, b: Column) -> Flags:
    """Return where `a` < `b`, beyond the tolerance of S22; False where undefined."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = is_below(a[i], b[i])
    return out


@compiled
def at_least(a: Column, b: Column) -> Flags:
    """Return where `a` >= `b` within the tolerance of S22; False where undefined."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = reaches_up(a[i], b[i])
    return out


@compiled
def at_most(a: Column, b: Column) -> Flags:
    """Return where `a` <= `b` within the tolerance of S22; False where undefined."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = reaches_down(a[i], b[i])
    return out


@compiled
def equal(a: Column, b: Column) -> Flags:
    """Return where `a` and `b` are almost equal (S22); False where undefined."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = almost_equal(a[i], b[i])
    return out


@compiled
def crosses_above(a: Column, b: Column) -> Flags:
    """Return where `a` is above `b` and was not one bar before, both defined on both bars (S22)."""
    out = np.zeros(len(a), np.bool_)
    for i in range(1, len(a)):
        defined = not (np.isnan(a[i - 1]) or np.isnan(b[i - 1]))
        out[i] = defined and is_above(a[i], b[i]) and not is_above(a[i - 1], b[i - 1])
    return out


@compiled
def crosses_below(a: Column, b: Column) -> Flags:
    """Return where `a` is below `b` and was not one bar before, both defined on both bars (S22)."""
    out = np.zeros(len(a), np.bool_)
    for i in range(1, len(a)):
        defined = not (np.isnan(a[i - 1]) or np.isnan(b[i - 1]))
        out[i] = defined and is_below(a[i], b[i]) and not is_below(a[i - 1], b[i - 1])
    return out


@compiled
def shift(values: Column, bars: int) -> Column:
    """Return the value of `bars` bars ago; NaN where there was none. `bars` must not be negative."""
    out = np.full(len(values), np.nan)
    for i in range(bars, len(values)):
        out[i] = values[i - bars]
    return out


@compiled
def rolling_sum(values: Column, window: int) -> Column:
    """Return the sum of the last `window` values, added afresh per bar so that no error drifts along.

    A running sum would be faster, but its bits would depend on where the history starts (S19).
    """
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j]
        out[i] = total
    return out


@compiled
def rolling_mean(values: Column, window: int) -> Column:
    """Return the mean of the last `window` values."""
    out = rolling_sum(values, window)
    for i in range(len(out)):
        out[i] /= window
    return out


@compiled
def rolling_std(values: Column, window: int, ddof: int) -> Column:
    """Return the standard deviation of the last `window` values, two passes per bar; NaN when window <= ddof."""
    out = np.full(len(values), np.nan)
    if window <= ddof:
        return out
    for i in range(window - 1, len(values)):
        mean = 0.0
        for j in range(i - window + 1, i + 1):
            mean += values[j]
        mean /= window
        squares = 0.0
        for j in range(i - window + 1, i + 1):
            squares += (values[j] - mean) ** 2
        out[i] = np.sqrt(squares / (window - ddof))
    return out


@compiled
def rolling_max(values: Column, window: int) -> Column:
    """Return the largest of the last `window` values; NaN when one of them is undefined."""
    out = np.full(len(values), np.nan)
    best = -1  # position of the largest; looked up afresh only when it leaves the window
    undefined = -1  # position of the newest undefined value
    for i in range(len(values)):
        if np.isnan(values[i]):
            undefined = i
            best = -1
            continue
        first = max(i - window + 1, undefined + 1)
        if best < first:
            best = first
            for j in range(first + 1, i + 1):
                if values[j] >= values[best]:
                    best = j
        elif values[i] >= values[best]:
            best = i
        if i - window + 1 > undefined and i >= window - 1:
            out[i] = values[best]
    return out


def rolling_min(values: Column, window: int) -> Column:
    """Return the smallest of the last `window` values; NaN when one of them is undefined."""
    return -rolling_max(-values, window)
