"""Gaps: which candles the trading calendar expects and a series does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.candles.sessions import TradingDays, trading_days
from sptrader_lab.types.calendar import FX_DAY_END, Timeframe, close_times, period_ends
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import Instrument, instrument

#: From this share of missing candles on, a reader is warned: quiet minutes of sound data stay below it.
NOTICED: Final = 0.05


class Gap(NamedTuple):
    """Candles that the trading calendar expects between two neighbours: the hole's bounds, ns UTC, and how many."""

    start: int
    stop: int
    missing: int

    def __str__(self) -> str:
        return f"{when(self.start)} .. {when(self.stop)} ({self.missing:,})"


@dataclass(frozen=True)
class Coverage:
    """How many candles the trading calendar expects from the first to the last, and how many of them are missing.

    Attributes
    ----------
    rows, missing : int
        Candles that are there, and that are not; `rows + missing == expected`.
    longest : Gap or None
        The longest hole.
    """

    symbol: str
    timeframe: str
    rows: int
    missing: int = 0
    longest: Gap | None = None

    @property
    def expected(self) -> int:
        """Candles that the calendar expects from first to last."""
        return self.rows + self.missing

    @property
    def share(self) -> float:
        """Fraction of the expected candles that are missing."""
        return self.missing / self.expected if self.expected else 0.0

    @property
    def warning(self) -> str:
        """What to tell a reader; empty when less than `NOTICED` is missing."""
        return str(self) if self.share >= NOTICED else ""

    def __str__(self) -> str:
        longest = "" if self.longest is None else f"; the longest gap is {self.longest}"
        return (
            f"{self.symbol} {self.timeframe}: {100 * self.share:.1f} % of the expected candles are missing "
            f"({self.missing:,} of {self.expected:,}){longest}"
        )


def coverage(candles: Candles) -> Coverage:
    """Return how much of what the trading calendar expects is there; cheap enough for every run.

    Notes
    -----
    Only from the first candle to the last. A coarser candle counts as there when one finer candle made it.
    """
    time = candles.time
    if not len(time):
        return Coverage(candles.symbol, candles.timeframe, 0)
    facts = instrument(candles.symbol)
    gaps = find_gaps(time, candles.period, facts, trading_days(int(time[0]), int(time[-1]), facts))
    return cover(candles.symbol, candles.timeframe, len(time), gaps)


def cover(symbol: str, timeframe: str, rows: int, gaps: tuple[Gap, ...]) -> Coverage:
    """Sum up gaps."""
    longest = max(gaps, key=lambda gap: gap.missing, default=None)
    return Coverage(symbol, timeframe, rows, sum(gap.missing for gap in gaps), longest)


def find_gaps(time: NDArray[np.int64], frame: Timeframe, facts: Instrument, days: TradingDays) -> tuple[Gap, ...]:
    """Return the holes between neighbours, in order.

    Parameters
    ----------
    time : numpy.ndarray of int64
        Opening instants, strictly ascending.
    days : TradingDays
        Those that cover `time`.
    """
    if len(time) < 2:
        return ()
    closes = close_times(time, frame, facts.day_end)
    apart = np.flatnonzero(time[1:] > closes[:-1])  # most candles begin where the one before is closed
    begin, end = closes[apart], time[apart + 1]
    if frame.intraday:
        missing = (days.open_before(end) - days.open_before(begin)) // frame.ns
        if not (facts.every_day or facts.day_end == FX_DAY_END):
            # The hours of an exchange are not known, so only what is missing within one day counts.
            missing[days.number(end) > days.number(time[apart])] = 0
    elif frame.unit == "d":
        before = np.concatenate([[0], np.cumsum(days.open)])
        missing = before[days.number(end)] - before[days.number(time[apart]) + 1]
    else:
        ends = period_ends(int(time[0]), int(time[-1]), frame, facts.day_end)
        missing = np.searchsorted(ends, end, side="right") - np.searchsorted(ends, time[apart], side="right") - 1
    holes = np.flatnonzero(missing > 0)
    return tuple(Gap(int(begin[hole]), int(end[hole]), int(missing[hole])) for hole in holes)


def when(instant: int) -> str:
    """Return an instant as a person reads it, to the minute."""
    return str(np.datetime64(instant, "ns"))[:16].replace("T", " ")
