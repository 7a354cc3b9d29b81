"""What a column of times means: instants, or days, or an ambiguity that only the user can solve."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.candles.importing.formats import Layout
from sptrader_lab.candles.rows import NO_TIME, Mask
from sptrader_lab.candles.sessions import trading_days
from sptrader_lab.errors import ImportRefused
from sptrader_lab.types.calendar import DAY, HOUR, MINUTE, SECOND
from sptrader_lab.types.instruments import Instrument

_CLOCK: Final = r"(?:[T ]+(\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?))?"
_ZONE: Final = r"\s*(Z|UTC|GMT|(?:GMT|UTC)?[+-]\d\d:?\d\d)?"
_YEAR_FIRST: Final = rf"(\d{{4}})[-./](\d{{1,2}})[-./](\d{{1,2}}){_CLOCK}{_ZONE}"
_YEAR_LAST: Final = rf"(\d{{1,2}})[-./](\d{{1,2}})[-./](\d{{4}}){_CLOCK}{_ZONE}"
_SOLID: Final = r"(\d{4})(\d\d)(\d\d)(?:[ T]?(\d{4}(?:\d\d)?))?()"
_YEARS: Final = (1800, 2099)
_LATEST: Final = 4_102_444_800 * SECOND  # 2100-01-01
_PIECE: Final = 1 << 16
_EPOCHS: Final = ((9, 11, 10**9), (12, 13, 10**6), (15, 16, 1000), (18, 19, 1))


class Times(NamedTuple):
    """Instants (ns UTC, `NO_TIME` where a row has none), why rows have none, and the zone the times were taken in."""

    time: NDArray[np.int64]
    wrong: dict[str, Mask]
    zone: str


class Place(NamedTuple):
    """Where times stand, for messages: the file, and the column as `--columns` would name it."""

    path: Path
    column: str

    def __str__(self) -> str:
        return str(self.path)

    def told(self, pattern: str) -> str:
        """Return the option that says how the times are written."""
        return f'--columns "time={self.column}:{pattern}"'


class _Naive(NamedTuple):
    """Wall-clock times (ns, `NO_TIME` where unreadable), each row's own offset from UTC (ns), and which rows name one."""

    wall: NDArray[np.int64]
    offset: NDArray[np.int64]
    has_offset: Mask
    only_dates: bool


def read_times(values: pd.Series, layout: Layout, tz: str | None, facts: Instrument, place: Place) -> Times:
    """Read a column of times.

    Parameters
    ----------
    values : pandas.Series
        Text, numbers or timestamps.
    tz : str, optional
        The zone that the user names for times without one.

    Raises
    ------
    ImportRefused
        When the order of day and month, or the zone, can't be known.
    """
    naive = _wall_clock(values, layout, place)
    wall, known = naive.wall, naive.wall != NO_TIME
    if not known.any():
        raise ImportRefused(
            f"{place}: no time can be read; the first is {_first(values)!r}. "
            f"Say how they are written: {place.told('%d %b %Y %H:%M')} (or whatever fits)"
        )
    wrong = {"the time can't be read": ~known} if not known.all() else {}
    if naive.has_offset.any():
        mixed = known & ~naive.has_offset
        if mixed.any():
            wrong["the time names no zone where other rows do"] = mixed
        return Times(np.where(known & ~mixed, wall - naive.offset, NO_TIME), wrong, "as written in the file")
    if tz is None and layout.zone is None:
        if naive.only_dates:
            return Times(_days(wall, known, facts), wrong, f"dates name trading days ({facts.day_end})")
        raise ImportRefused(f"{place}: times like {_first(values)!r} name no time zone; {layout.zone_hint}")
    zone = tz or layout.zone or ""
    time, twice, never = _in_zone(wall, known, zone)
    if twice.any():
        wrong[f"the clock shows this time twice in {zone} (end of daylight saving)"] = twice
    if never.any():
        wrong[f"the clock never shows this time in {zone} (start of daylight saving)"] = never
    return Times(time, wrong, zone)


def _first(values: pd.Series) -> str:
    return str(values.iloc[0])


def _wall_clock(values: pd.Series, layout: Layout, place: Place) -> _Naive:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _typed(pd.DatetimeIndex(values))
    if pd.api.types.is_numeric_dtype(values.dtype):
        values = (
            pd.Series([f"{value:.0f}" for value in values.to_numpy(np.float64, na_value=np.nan)])
            if (values.dtype.kind == "f")
            else values.astype(str)
        )
    text = values.astype("str")
    if layout.time_pattern:
        return _by_pattern(text, layout.time_pattern)
    sample = text.iloc[:: max(1, len(text) // 2000)]
    if (
        sample.str.fullmatch(r"\d+").mean() > 0.5
        and not sample.str.fullmatch(r"(?:19|20)\d{6}(?:\d{4}|\d{6})?").mean() > 0.5
    ):
        return _epoch(text, wall_clock=layout.wall_clock)
    shapes: tuple[tuple[str, Callable[..., Any]], ...] = ((_YEAR_FIRST, _ymd), (_SOLID, _ymd), (_YEAR_LAST, _dmy))
    shape, order = max(shapes, key=lambda pair: float(sample.str.fullmatch(pair[0]).mean()))
    # In pieces: matching makes a Python object of every field, and a piece's are gone before the next.
    pieces = [text.iloc[low : low + _PIECE].str.extract(f"^{shape}$") for low in range(0, len(text), _PIECE)]
    parts = pd.concat(pieces)
    return _assemble(order(parts, layout, place), parts)


def _typed(stamps: pd.DatetimeIndex) -> _Naive:
    aware = stamps.tz is not None
    plain = stamps.tz_convert("UTC").tz_localize(None) if aware else stamps
    far = (plain.year < _YEARS[0]) | (plain.year > _YEARS[1])  # ns reach no further than 1678..2262
    plain = pd.DatetimeIndex(plain.where(~far))
    wall = np.array(plain.as_unit("ns").asi8, np.int64)  # NaT is the same number as NO_TIME
    return _naive(wall, np.zeros_like(wall), np.full(len(wall), aware))


def _by_pattern(text: pd.Series, pattern: str) -> _Naive:
    if "%z" in pattern:
        return _typed(pd.DatetimeIndex(pd.to_datetime(text, format=pattern, errors="coerce", utc=True)))
    return _typed(pd.DatetimeIndex(pd.to_datetime(text, format=pattern, errors="coerce")))


def _epoch(text: pd.Series, *, wall_clock: bool) -> _Naive:
    """Read seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their length."""
    numbers = text.where(text.str.fullmatch(r"\d{9,19}"), "0").astype(np.int64).to_numpy()
    digits = text.str.len().to_numpy()
    wall = np.full(len(text), NO_TIME)
    for low, high, unit in _EPOCHS:
        fits = (digits >= low) & (digits <= high) & (numbers > 0) & (numbers < _LATEST // unit)
        wall[fits] = numbers[fits] * unit
    return _naive(wall, np.zeros_like(wall), np.full(len(wall), not wall_clock))


def _ymd(parts: pd.DataFrame, layout: Layout, place: Place) -> tuple[pd.Series, pd.Series, pd.Series]:  # noqa: ARG001
    return parts[0], parts[1], parts[2]


def _dmy(parts: pd.DataFrame, layout: Layout, place: Place) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return year, month, day; a file in which every day is below 13 can't be told from its mirror."""
    one, two = (pd.to_numeric(parts[position], errors="coerce") for position in (0, 1))
    day_first = layout.day_first
    if day_first is None:
        first_is_day, second_is_day = bool((one > 12).any()), bool((two > 12).any())
        if first_is_day == second_is_day:
            row = parts.dropna(subset=[0]).iloc[0]
            why = "both orders appear" if first_is_day else "no day is above 12"
            clock = " %H:%M" if isinstance(row[3], str) else ""
            raise ImportRefused(
                f"{place}: dates like {row[0]}/{row[1]}/{row[2]} may mean day/month or month/day ({why}); say which: "
                f"{place.told('%d/%m/%Y' + clock)} or {place.told('%m/%d/%Y' + clock)}"
            )
        day_first = first_is_day
    return parts[2], parts[1 if day_first else 0], parts[0 if day_first else 1]


def _assemble(date: tuple[pd.Series, pd.Series, pd.Series], parts: pd.DataFrame) -> _Naive:
    year, month, day = date
    clock = parts[3].fillna("").str.replace(",", ".").replace("", "00:00")
    solid = clock.str.fullmatch(r"\d{4,6}")
    if solid.any():
        clock = clock.mask(solid, clock.str[:2] + ":" + clock.str[2:4] + ":" + clock.str[4:6].replace("", "00"))
    clock = clock.mask(clock.str[1] == ":", "0" + clock)
    joined = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + "T" + clock
    stamps = pd.DatetimeIndex(pd.to_datetime(joined, format="ISO8601", errors="coerce"))
    zones = parts[4].fillna("")
    offsets = {zone: _offset(zone) for zone in zones.unique()}
    found = _typed(stamps)
    only_dates = not parts[3].notna().any()
    has_offset = (zones != "").to_numpy()
    return found._replace(
        offset=zones.map(offsets).to_numpy(np.int64), has_offset=has_offset, only_dates=only_dates or found.only_dates
    )


def _naive(wall: NDArray[np.int64], offset: NDArray[np.int64], has_offset: Mask) -> _Naive:
    known = wall[wall != NO_TIME]
    daily = len(known) > 1 and bool(known.max() > known.min()) and not (known % DAY).any()
    return _Naive(wall, offset, has_offset, daily)


def _offset(zone: str) -> int:
    match = re.fullmatch(r"(?:GMT|UTC)?([+-])(\d\d):?(\d\d)", zone)
    if match is None:
        return 0
    return (1 if match[1] == "+" else -1) * (int(match[2]) * HOUR + int(match[3]) * MINUTE)


def _days(wall: NDArray[np.int64], known: Mask, facts: Instrument) -> NDArray[np.int64]:
    """Return the starts of the trading days that bear these dates (S4)."""
    dates = wall[known]
    days = trading_days(int(dates.min()) - 3 * DAY, int(dates.max()) + 3 * DAY, facts)
    time = np.full(len(wall), NO_TIME)
    time[known] = days.start[np.searchsorted(days.name, dates.view("datetime64[ns]").astype("datetime64[D]"))]
    return time


def _in_zone(wall: NDArray[np.int64], known: Mask, text: str) -> tuple[NDArray[np.int64], Mask, Mask]:
    """Return instants, and which wall-clock times exist twice or never in the zone."""
    zone, ahead = parse_zone(text)
    stamps = pd.DatetimeIndex(np.where(known, wall - ahead, NO_TIME).view("datetime64[ns]"))
    early, late = (
        stamps.tz_localize(zone, ambiguous=np.full(len(wall), summer), nonexistent="NaT") for summer in (True, False)
    )
    time = np.array(early.as_unit("ns").asi8, np.int64)
    never = known & (time == NO_TIME)
    twice = known & ~never & (time != np.asarray(late.as_unit("ns").asi8))
    time[twice] = NO_TIME
    return time, twice, never


def parse_zone(text: str) -> tuple[dt.tzinfo, int]:
    """Read `Europe/London`, `UTC+2`, `+05:30` or `America/New_York+7`: a zone, and how many ns its clock is set ahead.

    Raises
    ------
    ImportRefused
        When there is no such zone.
    """
    fixed = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?", text)
    if fixed:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        if minutes <= 14 * 60:
            return dt.timezone((1 if fixed[1] == "+" else -1) * dt.timedelta(minutes=minutes)), 0
    for name, hours in ((text, 0), _ahead(text)):
        try:
            return ZoneInfo(name), hours * HOUR
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    raise ImportRefused(
        f"time zone {text!r} is not known; write it like UTC, UTC+2, Europe/London or America/New_York+7"
    )


def _ahead(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\w+/[\w/]+)([+-]\d{1,2})", text)
    return (match[1], int(match[2])) if match else (text, 0)
