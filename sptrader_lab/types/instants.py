"""Instants: what a person writes as a date or time, as int64 nanoseconds UTC (S1)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from sptrader_lab.errors import InputError
from sptrader_lab.types.calendar import DAY


def parse_time(value: object, *, end: bool = False) -> int:
    """Read an instant as int64 ns UTC.

    Parameters
    ----------
    value : str, datetime, date, numpy.datetime64, pandas.Timestamp or int
        Text is ISO-8601; without a zone it is UTC. An int is nanoseconds already.
    end : bool
        The value ends a half-open range, so a bare date is included whole (S1).

    Raises
    ------
    InputError
        When the value is no instant.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, (dt.date, np.datetime64)) and value != value:  # noqa: PLR0124 - NaT does not equal itself
        raise _no_instant(value)
    bare = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    if isinstance(value, str):
        text = value.strip()
        if len(text) == 4 and text.isdigit():
            return _year_start(int(text) + end)
        if len(text) == 7 and text[4] == "-":
            text += "-01"
            year, month = int(text[:4]), int(text[5:7])
            if end and 1 <= month <= 12:
                text = f"{year + month // 12:04d}-{month % 12 + 1:02d}-01"
                end = False
        bare = len(text) <= 10  # 2025-03-01 or 20250301: the shortest text with a clock has 11
        try:
            value = dt.datetime.fromisoformat(text)
        except ValueError:
            raise _no_instant(value) from None
    if isinstance(value, np.datetime64):
        unit = np.datetime_data(value.dtype)[0]
        whole = value + 1 if end and unit in {"Y", "M", "W", "D"} else value  # one of its unit
        return int(whole.astype("datetime64[ns]").astype(np.int64))
    if hasattr(value, "as_unit"):  # pandas keeps nanoseconds that datetime would lose
        stamp: Any = value if value.tzinfo is not None else value.tz_localize("UTC")  # type: ignore[attr-defined]
        return int(stamp.as_unit("ns").value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if not isinstance(value, dt.datetime):
        raise _no_instant(value)
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    since = aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000 + DAY * (bare and end)


def _no_instant(value: object) -> InputError:
    return InputError(f"{value!r} is not a date or time; write it like 2025-03-01 or 2025-03-01T14:30")


def _year_start(year: int) -> int:
    return int(np.datetime64(f"{year:04d}-01-01", "ns").astype(np.int64))
