"""Time: timeframes, trading days and closing instants (S1, S4).

Instants are int64 nanoseconds UTC everywhere. A trading day runs from one day end
(exclusive) to the next (inclusive, as a candle's closing instant) and is named after the local date of its last
nanosecond: the FX day that ends on Monday 17:00 New York is Monday.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "mo": 30 * DAY}
_ALIASES: Final = {"min": "m", "t": "m", "hour": "h", "day": "d", "week": "w", "month": "mo"}
_TIMEFRAME: Final = re.compile(r"(\d*)\s*([a-zA-Z]+)")


@dataclass(frozen=True)
class Timeframe:
    """A candle's length: `count` of `unit`, of about `ns` nanoseconds (exact within a day)."""

    text: str
    count: int
    unit: str
    ns: int

    @property
    def intraday(self) -> bool:
        """Shorter than a trading day, so that a fixed number of nanoseconds holds within a day."""
        return self.unit in {"s", "m", "h"}

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=64)
def timeframe(text: str) -> Timeframe:
    """Read `1m`, `15m`, `4h`, `1d`, `1w` or `1mo` (also `M15`, `H1`, `D1`, `1min`, `1hour`).

    Raises
    ------
    InputError
        When the text is no timeframe, an intraday one that does not divide a day evenly, or `1M`, which is a minute to
        some programs and a month to others.

    Examples
    --------
    >>> timeframe("H4").text, timeframe("90m").ns // MINUTE
    ('4h', 90)
    """
    word = text.strip()
    flipped = re.fullmatch(r"(MN|[SMHDW])(\d+)", word)  # MetaTrader writes M15, H1, MN1
    if flipped:
        word = flipped[2] + {"MN": "mo"}.get(flipped[1], flipped[1].lower())
    match = _TIMEFRAME.fullmatch(word)
    if match and match[2] == "M":
        raise InputError(f"timeframe {text!r} may mean minutes or months; write 1m or 1mo")
    unit = _ALIASES.get(match[2].lower().rstrip("s") or "s", match[2].lower()) if match else ""
    count = int(match[1] or 1) if match else 0
    if unit not in _UNITS or count < 1 or (unit in {"d", "w", "mo"} and count > 1):
        raise InputError(f"timeframe {text!r} is not known; write 1s, 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w or 1mo")
    length = count * _UNITS[unit]
    if unit in {"s", "m", "h"} and (length >= DAY or DAY % length):
        raise InputError(f"timeframe {text!r} does not divide a day evenly; nearest choices: 1m, 5m, 15m, 1h, 4h, 1d")
    return Timeframe(f"{count}{unit}", count, unit, length)


class DayEnd(NamedTuple):
    """When a trading day ends: a local wall-clock time in a zone (S4)."""

    hour: int
    minute: int
    zone: str

    def __str__(self) -> str:
        return f"{self.hour:02d}:{self.minute:02d} {self.zone}"


FX_DAY_END: Final = DayEnd(17, 0, "America/New_York")
UTC_MIDNIGHT: Final = DayEnd(0, 0, "UTC")


def parse_day_end(text: str) -> DayEnd:
    """Read `17:00 America/New_York`; a zone alone means its midnight.

    Raises
    ------
    InputError
        When the time or the zone is not known.
    """
    match = re.fullmatch(r"(?:(\d{1,2}):(\d{2})\s+)?(\S+)", text.strip())
    hour, minute = (int(match[1] or 0), int(match[2] or 0)) if match else (24, 0)
    if match is None or hour > 23 or minute > 59:
        raise InputError(f"day end {text!r} is not a time and a zone; write it like '17:00 America/New_York'")
    try:
        ZoneInfo(match[3])
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(
            f"time zone {match[3]!r} of day end {text!r} is not known; write it like 'Europe/London'"
        ) from None
    return DayEnd(hour, minute, match[3])


def day_ends(start: int, stop: int, end: DayEnd) -> NDArray[np.int64]:
    """Return every day end from the last at or before `start` to the first after `stop`.

    Parameters
    ----------
    start, stop : int
        Instants, ns UTC; `start <= stop`.

    Returns
    -------
    numpy.ndarray of int64
        Ascending instants, right across every change of the clocks.
    """
    first = start // DAY - 2
    last = stop // DAY + 3
    ends = _day_end_table(first, last, end)
    low = int(np.searchsorted(ends, start, side="right")) - 1
    high = int(np.searchsorted(ends, stop, side="right"))
    return ends[low : high + 1]


@lru_cache(maxsize=64)
def _day_end_table(first: int, last: int, end: DayEnd) -> NDArray[np.int64]:
    zone = ZoneInfo(end.zone)
    epoch = dt.date(1970, 1, 1)
    instants = [
        int(dt.datetime.combine(epoch + dt.timedelta(days=day), dt.time(end.hour, end.minute), zone).timestamp())
        for day in range(first, last + 1)
    ]
    table = np.array(instants, dtype=np.int64) * SECOND
    table.flags.writeable = False
    return table


def trading_dates(ends: NDArray[np.int64], end: DayEnd) -> NDArray[np.datetime64]:
    """Return the dates that name the days ending at `ends` (local date of the last nanosecond)."""
    zone = ZoneInfo(end.zone)
    names = [
        (dt.datetime.fromtimestamp(int(instant) // SECOND, zone) - dt.timedelta(microseconds=1)).date()
        for instant in ends
    ]
    return np.array(names, dtype="datetime64[D]")


def close_times(time: NDArray[np.int64], frame: Timeframe, end: DayEnd) -> NDArray[np.int64]:
    """Return when candles that open at `time` are closed (S1).

    Parameters
    ----------
    time : numpy.ndarray of int64
        Opening instants, ascending.

    Returns
    -------
    numpy.ndarray of int64
        `time + timeframe`, but never beyond the trading day's end; for 1d and longer the end of the day, week (Monday
        to Sunday) or month that holds the opening.
    """
    if not len(time):
        return np.empty(0, np.int64)
    if frame.intraday:
        closes = time + frame.ns
        ends = day_ends(int(time[0]), int(closes[-1]), end)
        # Only the last candles of a day can reach beyond it, so look at those alone.
        for instant in ends:
            behind = int(np.searchsorted(time, instant, side="left")) - 1
            while behind >= 0 and closes[behind] > instant:
                closes[behind] = instant
                behind -= 1
        return closes
    ends = period_ends(int(time[0]), int(time[-1]), frame, end)
    return _chosen(ends, np.searchsorted(ends, time, side="right"))


def period_ends(start: int, stop: int, frame: Timeframe, end: DayEnd) -> NDArray[np.int64]:
    """Return the ends of the days, weeks or months that cover `start`..`stop`, the first at or before `start`."""
    reach = {"d": 0, "w": 8 * DAY, "mo": 32 * DAY}[frame.unit]
    ends = day_ends(start - reach, stop + reach, end)
    if frame.unit == "d":
        return ends
    names = trading_dates(ends, end)
    following = names + 1
    if frame.unit == "w":  # 1970-01-01 was a Thursday: day number 4 is a Monday
        last_of_period = (following.astype(np.int64) - 4) % 7 == 0
    else:
        last_of_period = following.astype("datetime64[M]") != names.astype("datetime64[M]")
    chosen = ends[last_of_period]
    low = int(np.searchsorted(chosen, start, side="right")) - 1
    high = int(np.searchsorted(chosen, stop, side="right"))
    return _chosen(chosen, slice(max(low, 0), high + 1))


def _chosen(instants: NDArray[np.int64], which: slice | NDArray[np.intp]) -> NDArray[np.int64]:
    return np.asarray(instants[which], dtype=np.int64)
