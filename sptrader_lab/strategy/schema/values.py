"""Values: texts from the YAML converted by the type that their place declares, with the rule when they can't be."""

from __future__ import annotations

import math
import re
from typing import Annotated, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from sptrader_lab.errors import nearest
from sptrader_lab.strategy.schema.section import Shape, refused

TRUE: Final = ("true", "yes", "on")
FALSE: Final = ("false", "no", "off")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3,10}")


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
    if isinstance(value, (bool, str)) and word in (*TRUE, *FALSE):
        return word in TRUE
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


def spread(value: object) -> float | str:
    """Read a spread: `column`, or price units from 0 up."""
    if isinstance(value, str) and value == "column":
        return "column"
    try:
        found = number(value)
    except PydanticCustomError:
        found = -1.0
    if found < 0:
        rule = "must be price units such as 0.0002, or column for the candles' own"
        raise refused(value, rule, nearest(str(value), ["column"]))
    return found


def currency(value: object) -> str:
    """Read a currency's letters."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise refused(value, "must be a currency such as USD")
    return value.upper()


_ABOVE_0: Final = {"type": "number", "exclusiveMinimum": 0}
_PLAIN: Final = {"type": ["string", "number", "boolean"]}

Number = Annotated[float, BeforeValidator(number), Shape("number", {"type": "number"})]
Positive = Annotated[float, BeforeValidator(positive), Shape("number above 0", _ABOVE_0)]
NotNegative = Annotated[
    float, BeforeValidator(not_negative), Shape("number, 0 or more", {"type": "number", "minimum": 0})
]
Fraction = Annotated[float, BeforeValidator(fraction), Shape("fraction up to 1", {**_ABOVE_0, "maximum": 1})]
Cost = Annotated[
    float, BeforeValidator(cost), Shape("fraction below 1", {"type": "number", "minimum": 0, "exclusiveMaximum": 1})
]
Whole = Annotated[int, BeforeValidator(whole), Shape("whole number from 1", {"type": "integer", "minimum": 1})]
Flag = Annotated[bool, BeforeValidator(flag), Shape("`true`, `false`", {"enum": [True, False, *TRUE, *FALSE]})]
Text = Annotated[str, BeforeValidator(text), Shape("text", _PLAIN)]
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(texts),
    Shape("list of texts", {"anyOf": [_PLAIN, {"type": "array", "items": _PLAIN}]}),
]
Spread = Annotated[
    float | str,
    BeforeValidator(spread),
    Shape("price units, or `column`", {"anyOf": [{"const": "column"}, {"type": "number", "minimum": 0}]}),
]
Currency = Annotated[
    str, BeforeValidator(currency), Shape("currency such as `USD`", {"type": "string", "pattern": "^[A-Za-z]{3,10}$"})
]
