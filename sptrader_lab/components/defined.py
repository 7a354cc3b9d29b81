"""Gaps: apply a function to the stretches of bars where its inputs are defined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.words import Column

Columns = Column | tuple[Column, ...]


def where_defined(function: Callable[..., Columns], *columns: Column, outputs: int = 1) -> tuple[Column, ...]:
    """Apply `function` to each unbroken stretch of bars at which every column is defined, NaN elsewhere.

    An input that comes from another component begins with NaN, its warm-up, and may hold one later; sums and smoothings
    would carry it to the end (TA-Lib's do). Here it ends what came before, and behind it the function warms up again.
    That keeps S2: no stretch depends on a later one.

    Parameters
    ----------
    function : callable
        Takes as many columns and returns `outputs` columns of the same length.

    Returns
    -------
    tuple of numpy.ndarray, shape (bars,)
    """
    undefined = np.isnan(columns[0])
    for column in columns[1:]:
        undefined |= np.isnan(column)
    if not undefined.any():
        return _as_tuple(function(*columns))
    results = tuple(np.full(len(undefined), np.nan) for _ in range(outputs))
    for start, stop in stretches(~undefined):
        parts = _as_tuple(function(*(column[start:stop] for column in columns)))
        for result, part in zip(results, parts, strict=True):
            result[start:stop] = part
    return results


def stretches(defined: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, stop) of every unbroken run of True."""
    padded = np.zeros(len(defined) + 2, np.int8)
    padded[1:-1] = defined
    edges = np.flatnonzero(np.diff(padded)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _as_tuple(result: Columns) -> tuple[Column, ...]:
    return result if isinstance(result, tuple) else (result,)
