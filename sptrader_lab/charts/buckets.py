"""Fewer rows than candles: what a page can draw of a long series without losing a high or a low.

Bars are positions in a symbol's candles. A bucket is a run of `per` neighbouring bars; buckets start at multiples of
`per`, so that panning does not change what a drawn candle stands for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError
from sptrader_lab.types.candles import Candles

Bars = NDArray[np.intp]
_LADDER: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40)


class Window(NamedTuple):
    """Candles as drawn, each standing for the bars `first`..`last` (both included).

    Attributes
    ----------
    per : int
        Bars per drawn candle (the first and last may stand for fewer).
    first, last : numpy.ndarray of int, shape (rows,)
        Positions in the symbol's candles.
    time : numpy.ndarray of int64
        Opening instant of `first`, ns UTC.
    open, high, low, close, volume : numpy.ndarray of float64
        First open, highest high, lowest low, last close, summed volume.
    """

    per: int
    first: Bars
    last: Bars
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def row_of(self, bars: Bars) -> Bars:
        """Return the row that holds each bar; bars outside land on the nearest row."""
        rows = np.searchsorted(self.first, bars, side="right") - 1
        return np.clip(rows, 0, max(len(self.first) - 1, 0))


def bucket_size(start: int, stop: int, most: int) -> int:
    """Return the smallest of 1, 2, 3 ... 15, 20, 30, 40, 60, 120 ... bars that draws `start`..`stop` in `most` rows."""
    if most < 2:
        raise InputError(f"max_candles {most} is not enough to draw anything; the smallest is 2")
    scale = 1
    while True:
        for step in _LADDER:
            per = step * scale
            if -(-stop // per) - start // per <= most:
                return per
        scale *= 60


def window(candles: Candles, start_bar: int = 0, stop_bar: int | None = None, max_candles: int = 2000) -> Window:
    """Return the bars `start_bar`..`stop_bar` (half-open, clipped to what exists) in at most `max_candles` rows."""
    count = len(candles)
    start = min(max(start_bar, 0), count)
    stop = min(count if stop_bar is None else stop_bar, count)
    if stop <= start:
        nothing = np.empty(0)
        empty = np.empty(0, np.intp)
        return Window(1, empty, empty, np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)
    per = bucket_size(start, stop, max_candles)
    first, last = buckets(start, stop, per, count)
    base, end = int(first[0]), int(last[-1]) + 1
    inside = first - base
    return Window(
        per,
        first,
        last,
        candles.time[first],
        candles.open[first],
        np.maximum.reduceat(candles.high[base:end], inside),
        np.minimum.reduceat(candles.low[base:end], inside),
        candles.close[last],
        np.add.reduceat(candles.volume[base:end], inside),
    )


def buckets(start: int, stop: int, per: int, count: int) -> tuple[Bars, Bars]:
    """Return first and last bar of every bucket that touches `start`..`stop`; whole buckets, within `count` bars."""
    first = np.arange(start // per * per, stop, per, dtype=np.intp)
    return first, np.minimum(first + per, count) - 1


def outline(series: tuple[NDArray[np.float64], ...], start: int, stop: int, most: int) -> Bars:
    """Return positions that draw lines as if every value were there: ends, lowest and highest of each bucket.

    Parameters
    ----------
    series : tuple of numpy.ndarray, each of shape (n,)
        Lines that share the positions; NaN-free.
    start, stop : int
        Half-open range, clipped to what exists.
    most : int
        About how many positions to return.

    Returns
    -------
    numpy.ndarray of int
        Ascending, without repeats; all of them when there are at most `most`.
    """
    count = len(series[0])
    start, stop = min(max(start, 0), count), min(max(stop, 0), count)
    if stop - start <= most:
        return np.arange(start, stop, dtype=np.intp)
    per = bucket_size(start, stop, max(2, most // (2 + 2 * len(series))))
    first, last = buckets(start, stop, per, count)
    whole = first[last - first == per - 1]
    kept = [first, last]
    for values in series:
        block = values[whole[0] : whole[-1] + per].reshape(len(whole), per)
        kept += [whole + block.argmin(axis=1), whole + block.argmax(axis=1)]
        if len(whole) < len(first):
            rest = values[first[-1] :]
            kept.append(first[-1] + np.array([rest.argmin(), rest.argmax()]))
    return np.unique(np.concatenate(kept))
