"""The environment protocol: what a script is told in its environment, and what it prints between markers.

Pure functions; `docs/components.md` has the contract.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sptrader_lab.components.events import checked
from sptrader_lab.components.spec import ComponentKind
from sptrader_lab.components.words import Column
from sptrader_lab.errors import InputError
from sptrader_lab.types.publishing import NO_PUBLISHING

MARKERS: Final[dict[ComponentKind, tuple[str, str]]] = {
    "indicator": ("INDICATOR_START", "INDICATOR_END"),
    "signal": ("SIGNAL_START", "SIGNAL_END"),
}
#: Candle columns in the order of a row.
ROW: Final = ("time", "open", "high", "low", "close", "volume")
#: Variables that choose other data than the script's own candles, or speak to the world: not for a script in a backtest.
DROPPED: Final = ("DATA_SOURCE", "TEST_DATASET", "CACHE_KEY", "PUBLISH_LIVE", "BATCH", "CANDLE_DATA", "INDICATOR_DATA")
_DROPPED_FAMILIES: Final = ("LIVE_", "REALTIME_")
_FIELDS: Final = frozenset(("values", "current"))


class ProtocolError(ValueError):
    """What was printed is not what the protocol asks for; the text is the reason."""


class Printed(NamedTuple):
    """What a script printed: the text of its last block (None when there is none), and everything else."""

    block: str | None
    log: str


class Series(NamedTuple):
    """One output that an indicator printed; NaN where it gave nothing."""

    values: tuple[float, ...]
    current: float


def environment(
    base: Mapping[str, str],
    kind: ComponentKind,
    symbol: str,
    timeframe: str,
    parameters: Mapping[str, Any],
    *,
    batch: bool,
) -> dict[str, str]:
    """Return the variables that are the same for all candles; the candles themselves are added in the child."""
    told = {
        "COMPONENT_TYPE": kind,
        "SYMBOL": symbol,
        "TIMEFRAME": timeframe,
        "PARAMETERS": json.dumps(dict(parameters)),
        NO_PUBLISHING: "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # a workspace is the user's; its folders stay as they are
    }
    return {**kept(base), **told, **({"BATCH": "true"} if batch else {})}


def kept(base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that a component of a backtest may see, whatever its style."""
    return {
        name: value for name, value in base.items() if name not in DROPPED and not name.startswith(_DROPPED_FAMILIES)
    }


def number(value: float) -> str:
    """Return a float as JSON that reads back to the same bits; null where JSON has no word for it."""
    return repr(value) if math.isfinite(value) else "null"


def rows(columns: Sequence[Column], start: int, stop: int) -> list[str]:
    """Return the candles start..stop-1 as JSON objects; `columns` are those of `ROW`, time in seconds."""
    parts = [column[start:stop].tolist() for column in columns]
    return [
        f'{{"time": {number(time) if time % 1 else int(time)}, "open": {number(open)}, "high": {number(high)}, '
        f'"low": {number(low)}, "close": {number(close)}, "volume": {number(volume)}}}'
        for time, open, high, low, close, volume in zip(*parts, strict=True)
    ]


def find(text: str, kind: ComponentKind) -> Printed:
    """Find the block between markers that stand on lines of their own.

    The last block counts; earlier ones, and a start that another start follows, are log like any other line.

    Raises
    ------
    ProtocolError
        When the last start has no end, or a marker stands inside a line and there is no block.
    """
    start, end = MARKERS[kind]
    lines = text.split("\n")  # not splitlines: JSON may hold other line ends in its texts
    words = [line.strip() for line in lines]
    first = next((row for row in range(len(words) - 1, -1, -1) if words[row] == start), None)
    if first is None:
        inside = next((row for row, line in enumerate(words) if start in line), None)
        if inside is not None:
            raise ProtocolError(
                f"{start} must stand on a line of its own; line {inside + 1} is {_short(lines[inside])}"
            )
        return Printed(None, text)
    last = next((row for row in range(first + 1, len(words)) if words[row] == end), None)
    if last is None:
        raise ProtocolError(f"{start} on line {first + 1} is not followed by {end} on a line of its own")
    log = [*lines[:first], *lines[last + 1 :]]
    return Printed("\n".join(lines[first + 1 : last]), "\n".join(log))


def parse_json(block: str) -> Any:
    """Read JSON; NaN and Infinity, which Python writes, are numbers.

    Raises
    ------
    ProtocolError
        When it is none.
    """
    try:
        return json.loads(block)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise ProtocolError(f"not JSON: {error.msg} at {place} of {_short(block)}") from None
    except (RecursionError, ValueError) as error:  # nested too deep, or an integer of thousands of digits
        raise ProtocolError(f"not JSON that can be read: {error}") from None


def parse_indicator(block: str) -> dict[str, Series]:
    """Read ``{"values": [...], "current": x}``, called "" , or several of them by name.

    `current` is the last value where it is not given.

    Raises
    ------
    ProtocolError
        When it is no such thing.
    """
    told = parse_json(block)
    if not isinstance(told, dict) or not told:
        raise ProtocolError(f'{_short(block)} is not {{"values": [...], "current": x}}')
    if _FIELDS & told.keys() and not any(isinstance(told.get(field), dict) for field in _FIELDS):
        return {"": _series(told, "")}
    found = {}
    for name, part in told.items():
        if not isinstance(part, dict) or not _FIELDS & part.keys():
            raise ProtocolError(f'output {name!r} is {_shown(part)}, not {{"values": [...], "current": x}}')
        found[name] = _series(part, f" of output {name!r}")
    return found


def _series(told: Mapping[str, Any], where: str) -> Series:
    values = told.get("values")
    if values is None:
        values = []
    if not isinstance(values, list):
        raise ProtocolError(f"values{where} are {_shown(values)}, not a list")
    series = tuple(_float(value, f"value {place}{where}") for place, value in enumerate(values))
    if "current" in told:
        return Series(series, _float(told["current"], f"current{where}"))
    return Series(series, series[-1] if series else math.nan)


def _float(value: object, what: str) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, (bool, int, float)):
        raise ProtocolError(f"{what} is {_shown(value)}, not a number")
    try:
        return float(value)
    except OverflowError:
        raise ProtocolError(f"{what} is too large a number") from None


def parse_signals(block: str) -> list[dict[str, Any]]:
    """Read a list of events.

    Raises
    ------
    ProtocolError
        When it is none, or an event has no readable timestamp.
    """
    try:
        return checked(parse_json(block))
    except InputError as error:
        raise ProtocolError(str(error)) from None


def _shown(value: object) -> str:
    try:
        return _short(json.dumps(value))
    except RecursionError:
        return "nested deeply"


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")
