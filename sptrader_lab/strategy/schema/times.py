"""Times: hours, days, clocks, lengths of time and zones as texts from the YAML, with the rule when they can't be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import BeforeValidator

from sptrader_lab.errors import InputError, nearest
from sptrader_lab.strategy.schema.section import Shape, refused
from sptrader_lab.strategy.schema.values import text
from sptrader_lab.types.calendar import parse_day_end, timeframe
from sptrader_lab.types.instants import parse_time

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")
_DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
#: A hundred years: longer than any candles, and far from where instants in ns end.
_LONGEST: Final = 36_525 * 86_400


def _through(parse: Callable[[str], object]) -> Callable[[object], str]:
    """Return a reader that keeps the text once `parse` accepts it."""

    def read(value: object) -> str:
        word = text(value)
        try:
            parse(word)
        except InputError as error:
            raise refused(value, str(error)) from None
        return word

    return read


def parse_hours(value: str) -> tuple[int, int]:
    """Return the first and last minute of the day of `HH:MM-HH:MM`; last below first wraps midnight.

    Raises
    ------
    InputError
        When the text is no such range.
    """
    match = _HOURS.fullmatch(value.strip())
    if match:
        hours, minutes = (int(match[1]), int(match[3])), (int(match[2]), int(match[4]))
        first, last = (hour * 60 + minute for hour, minute in zip(hours, minutes, strict=True))
        if max(minutes) < 60 and first < 1440 and last <= 1440:
            return first, min(last, 1439)
    raise InputError("must be a range of times like 08:00-16:30 or 22:00-06:00")


def parse_clock(value: str) -> int:
    """Return the minute of the day of `HH:MM`.

    Raises
    ------
    InputError
        When the text is no time of the day.
    """
    match = _CLOCK.fullmatch(value.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise InputError("must be a time of the day like 16:45")
    return int(match[1]) * 60 + int(match[2])


def parse_days(value: str) -> tuple[bool, ...]:
    """Return which of Monday ... Sunday `Mon-Fri` or `Mon, Wed, Fri` names; a range may wrap the week.

    Raises
    ------
    InputError
        When a day is not known.
    """
    chosen = [False] * 7
    for part in value.split(","):
        ends = [_day(word) for word in part.split("-")]
        if len(ends) > 2:
            raise InputError("must be days like Mon-Fri or Mon,Wed,Fri")
        day = ends[0]
        chosen[day] = True
        while day != ends[-1]:
            day = (day + 1) % 7
            chosen[day] = True
    return tuple(chosen)


def _day(word: str) -> int:
    short = word.strip()[:3].capitalize()
    if short not in _DAYS:
        near = nearest(short, _DAYS)
        raise InputError("must be days like Mon-Fri or Mon,Wed,Fri" + (f"; did you mean {near}?" if near else ""))
    return _DAYS.index(short)


def weekday(value: object) -> int:
    """Read a weekday, Monday 0; `none` is -1."""
    word = text(value).strip().capitalize()
    if word == "None":
        return -1
    for day, name in enumerate(_WEEKDAYS):
        if len(word) >= 3 and name.startswith(word):
            return day
    raise refused(value, "must be a weekday such as Wed, or none", nearest(word[:3], (*_DAYS, "none")))


def duration(value: object) -> int:
    """Read a length of time such as `30m`, `4h` or `2d`, in ns."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > 6 or int(match[1]) < 1:
        raise refused(value, "must be a length of time like 30m, 4h or 2d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise refused(value, "must be a length of time of at most a hundred years, 36525d")
    return seconds * 1_000_000_000


def _zone(word: str) -> None:
    try:
        parse_day_end(word.strip().replace(" ", "_"))
    except InputError:
        raise InputError("must be a time zone like UTC, Europe/London or America/New_York") from None


_WORD: Final = {"type": "string"}

Hours = Annotated[
    str,
    BeforeValidator(_through(parse_hours)),
    Shape("`HH:MM-HH:MM`", {**_WORD, "pattern": r"^\s*\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}\s*$"}),
]
Clock = Annotated[
    str, BeforeValidator(_through(parse_clock)), Shape("`HH:MM`", {**_WORD, "pattern": r"^\s*\d{1,2}:\d{2}\s*$"})
]
Days = Annotated[str, BeforeValidator(_through(parse_days)), Shape("days such as `Mon-Fri`", _WORD)]
Weekday = Annotated[int, BeforeValidator(weekday), Shape("weekday such as `Wed`, or `none`", _WORD)]
Duration = Annotated[
    int,
    BeforeValidator(duration),
    Shape("length of time such as `30m`, `4h`, `2d`", {**_WORD, "pattern": r"^\s*\d+\s*[smhdw]\s*$"}),
]
Zone = Annotated[str, BeforeValidator(_through(_zone)), Shape("time zone", _WORD)]
DayEndText = Annotated[
    str, BeforeValidator(_through(parse_day_end)), Shape("time and zone, `17:00 America/New_York`", _WORD)
]
TimeText = Annotated[str, BeforeValidator(_through(parse_time)), Shape("date or time", {"type": ["string", "integer"]})]
TimeframeText = Annotated[str, BeforeValidator(_through(timeframe)), Shape("timeframe such as `1h`", _WORD)]
