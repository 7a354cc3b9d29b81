"""Values: texts from the YAML converted by the type that their place declares, with the rule when they can't be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from sptrader_lab.errors import InputError, nearest
from sptrader_lab.strategy import unavailable
from sptrader_lab.types.calendar import parse_day_end, timeframe
from sptrader_lab.types.instants import parse_time

_TRUE: Final = ("true", "yes", "on")
_FALSE: Final = ("false", "no", "off")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def described(value: object) -> str:
    """Return how an error shows a value."""
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else "nothing" if value is None else repr(value)


def refused(value: object, rule: str, near: str = "") -> PydanticCustomError:
    """Return the error that says which value breaks which rule."""
    return PydanticCustomError("lab", "{rule}", {"rule": rule, "near": near, "shown": described(value)})


class Section(BaseModel):
    """One section: frozen, unknown keys refused, an empty value counts as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return {} if data is None else data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


def number(value: object) -> float:
    """Read a finite number."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if math.isfinite(found) and "_" not in str(value):
            return found
    percent = isinstance(value, str) and value.strip().endswith("%")
    raise refused(value, "must be a number" + (": 2 % is written 0.02" if percent else ""))


def positive(value: object) -> float:
    """Read a number above 0."""
    found = number(value)
    if found <= 0:
        raise refused(value, "must be above 0")
    return found


def not_negative(value: object) -> float:
    """Read a number of 0 or more."""
    found = number(value)
    if found < 0:
        raise refused(value, "must be 0 or more")
    return found


def fraction(value: object) -> float:
    """Read a fraction above 0 and up to 1."""
    found = number(value)
    if found <= 0:
        raise refused(value, "must be above 0; leave the key out for none")
    if found > 1:
        raise refused(value, "must be a fraction up to 1: 0.02 means 2 %", f"{found / 100:g}")
    return found


def cost(value: object) -> float:
    """Read a fraction of the price from 0 to below 1."""
    found = number(value)
    if not 0 <= found < 1:
        raise refused(value, "must be a fraction from 0 to below 1: 0.0001 means 1 basis point")
    return found


def whole(value: object) -> int:
    """Read a whole number of at least 1."""
    found = number(value)
    if found != math.floor(found) or not 1 <= found <= 1_000_000_000:
        raise refused(value, "must be a whole number, at least 1")
    return int(found)


def flag(value: object) -> bool:
    """Read true or false (also yes, no, on, off)."""
    word = str(value).lower()
    if isinstance(value, (bool, str)) and word in (*_TRUE, *_FALSE):
        return word in _TRUE
    raise refused(value, "must be true or false")


def text(value: object) -> str:
    """Read a text as it stands in the file."""
    if not isinstance(value, str):
        raise refused(value, "must be one value, not a list or a mapping")
    return str(value)


def texts(value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if isinstance(value, str):
        return (str(value),)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise refused(value, "must be a list")
    return tuple(str(item) for item in value)


def one_of(*choices: str, later: Mapping[str, str] | None = None) -> Callable[[object], str]:
    """Return a reader that accepts one of `choices`; a word in `later` is refused as not available yet."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return str(value)
        asked = (later or {}).get(str(value).lower().replace("-", "_").replace(" ", "_"))
        if asked is not None:
            raise refused(value, f"{unavailable.rule(asked)}; it is one of {', '.join(choices)}")
        raise refused(value, f"must be one of {', '.join(choices)}", nearest(str(value), choices))

    return read


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


def duration(value: object) -> int:
    """Read a length of time such as `30m`, `4h` or `2d`, in ns."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > 6 or int(match[1]) < 1:
        raise refused(value, "must be a length of time like 30m, 4h or 2d")
    return int(match[1]) * _UNITS[match[2]] * 1_000_000_000


def _zone(word: str) -> None:
    try:
        parse_day_end(word.strip().replace(" ", "_"))
    except InputError:
        raise InputError("must be a time zone like UTC, Europe/London or America/New_York") from None


Number = Annotated[float, BeforeValidator(number)]
Positive = Annotated[float, BeforeValidator(positive)]
NotNegative = Annotated[float, BeforeValidator(not_negative)]
Fraction = Annotated[float, BeforeValidator(fraction)]
Cost = Annotated[float, BeforeValidator(cost)]
Whole = Annotated[int, BeforeValidator(whole)]
Flag = Annotated[bool, BeforeValidator(flag)]
Text = Annotated[str, BeforeValidator(text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(texts)]
Hours = Annotated[str, BeforeValidator(_through(parse_hours))]
Days = Annotated[str, BeforeValidator(_through(parse_days))]
Duration = Annotated[int, BeforeValidator(duration)]
Zone = Annotated[str, BeforeValidator(_through(_zone))]
DayEndText = Annotated[str, BeforeValidator(_through(parse_day_end))]
TimeText = Annotated[str, BeforeValidator(_through(parse_time))]
TimeframeText = Annotated[str, BeforeValidator(_through(timeframe))]
