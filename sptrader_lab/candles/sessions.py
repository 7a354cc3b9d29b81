"""When a market is open: the calendar that gaps are measured against and that sample candles keep.

Currency pairs trade from Sunday 17:00 to Friday 17:00 New York; crypto always; everything else on weekdays. The trading
days named 25 December and 1 January are closed (not for crypto).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.calendar import day_ends, trading_dates
from sptrader_lab.types.instruments import Instrument


class TradingDays(NamedTuple):
    """The trading days that cover a span of time.

    Attributes
    ----------
    start, stop : numpy.ndarray of int64
        Each day's bounds, ns UTC; `start[i + 1] == stop[i]`.
    name : numpy.ndarray of datetime64[D]
        The date that names the day.
    open : numpy.ndarray of bool
        Whether the market trades on it.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    name: NDArray[np.datetime64]
    open: NDArray[np.bool_]

    def number(self, time: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return which day (a position in these arrays) holds each instant."""
        return np.searchsorted(self.start, time, side="right") - 1

    def open_before(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how long the market has been open from the first day's start to each instant, in ns."""
        spans = np.where(self.open, self.stop - self.start, 0)
        before = np.concatenate([[0], np.cumsum(spans)])
        day = np.clip(self.number(time), 0, len(self.start) - 1)
        within = np.where(self.open[day], np.minimum(time, self.stop[day]) - self.start[day], 0)
        return np.asarray(before[day] + within, np.int64)


def trading_days(start: int, stop: int, instrument: Instrument) -> TradingDays:
    """Return the trading days from the one that holds `start` to the one that holds `stop`."""
    ends = day_ends(start, stop, instrument.day_end)
    names = trading_dates(ends[1:], instrument.day_end)
    is_open = np.ones(len(names), np.bool_)
    if not instrument.every_day:
        weekday = (names.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        text = np.char.lstrip(names.astype(str)) if len(names) else names.astype(str)
        holiday = np.array([day[5:] in {"12-25", "01-01"} for day in text], np.bool_)
        is_open = (weekday < 5) & ~holiday
    return TradingDays(ends[:-1], ends[1:], names, is_open)
