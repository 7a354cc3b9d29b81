"""Rows: candles before anyone has said that they are right, and what can be wrong with one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.candles import COLUMNS, Candles

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
_HUGE: Final = 1e20  # beyond what sums as decimals can hold, and beyond any market
NO_TIME: Final = np.iinfo(np.int64).min


class Rows(NamedTuple):
    """Columns of equal length, in the order of their origin.

    Attributes
    ----------
    time : numpy.ndarray of int64
        Opening instants, ns UTC; `NO_TIME` where there is none.
    spread : numpy.ndarray
        NaN where it is not known; other columns are NaN where a value is missing.
    """

    time: NDArray[np.int64]
    open: Floats
    high: NDArray[np.float64]
    low: Floats
    close: Floats
    volume: Floats
    spread: Floats

    @property
    def prices(self) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """All columns but the time."""
        return self.open, self.high, self.low, self.close, self.volume, self.spread

    def take(self, which: NDArray[Any] | slice) -> Rows:
        """Return the rows at these positions (or where a mask holds)."""
        return Rows(self.time[which], *(values[which] for values in self.prices))

    def same(self, other: Rows) -> Mask:
        """Say which rows hold the same candle; a spread that one side does not know is no difference."""
        equal: Mask = np.logical_and.reduce(
            [getattr(self, name) == getattr(other, name) for name in ("time", *COLUMNS)]
        )
        spread: Mask = (self.spread == other.spread) | np.isnan(self.spread) | np.isnan(other.spread)
        return equal & spread


def from_candles(candles: Candles) -> Rows:
    """Return the arrays of `candles` as rows."""
    spread = np.full(len(candles), np.nan) if candles.spread is None else candles.spread
    return Rows(candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume, spread)


def to_candles(rows: Rows, symbol: str, timeframe: str, *, source: str, price: str, spread: bool) -> Candles:
    """Return checked candles, with or without the spread."""
    prices = {name: getattr(rows, name) for name in COLUMNS}
    known = rows.spread if spread else None
    return Candles(symbol, timeframe, rows.time, **prices, spread=known, source=source, price=price)


def join(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, one after the other."""
    return parts[0] if len(parts) == 1 else Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def flaws(rows: Rows) -> dict[str, Mask]:
    """Say which rows can't be candles, by rule; a row stands under the first rule it breaks.

    Returns
    -------
    dict of str to mask
        Rules in the order they are tested; only rules that some row breaks.
    """
    prices = np.stack([rows.open, rows.high, rows.low, rows.close])
    with np.errstate(invalid="ignore"):
        tests = {
            "no time": rows.time == NO_TIME,
            "a price is missing or not a number": ~np.isfinite(prices).all(axis=0),
            "a price is not above zero": (prices <= 0).any(axis=0),
            "high is below low": rows.high < rows.low,
            "open or close lies outside low..high": (prices[[0, 3]] > rows.high).any(axis=0)
            | (prices[[0, 3]] < rows.low).any(axis=0),
            "volume is missing, negative or not a number": ~((rows.volume >= 0) & (rows.volume < _HUGE)),
            "spread is negative or not a number": (rows.spread >= _HUGE) | (rows.spread < 0),
        }
    found, before = {}, np.zeros(len(rows.time), np.bool_)
    for rule, mask in tests.items():
        fresh = mask & ~before
        if fresh.any():
            found[rule] = fresh
        before |= mask
    return found
