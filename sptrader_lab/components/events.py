"""Events: what signals of the older system tell, `{timestamp, signal_name, signal_type, strength, metadata}`, as columns."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.spec import Output, slotted
from sptrader_lab.components.vocabulary import code
from sptrader_lab.components.words import Column
from sptrader_lab.errors import InputError
from sptrader_lab.types.calendar import SECOND, close_times, timeframe
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.market import Market

#: Events that one candle can tell.
SLOTS: Final = 4
#: What every event offers; the first one says that an event stands there.
OWN: Final = ("signal", "signal_name", "signal_type", "strength")
_ALIASES: Final = {"signal_strength": "strength", "strength": "signal_strength"}
#: Unix seconds beyond this are no instant that int64 nanoseconds can hold.
_LATEST: Final = 9.2e9

Event = Mapping[str, Any]


class Placed(NamedTuple):
    """Events by candle.

    Attributes
    ----------
    bars : dict of int to list of events
        At most `SLOTS` for each candle that has any, in the order told.
    crowded : list of int
        Candle of each event that found no slot.
    outside : list of events
        Those whose timestamp lies in none of the candles.
    """

    bars: dict[int, list[Event]]
    crowded: list[int]
    outside: list[Event]


def parse_timestamp(value: object) -> int:
    """Read an event's instant as int64 ns UTC.

    Parameters
    ----------
    value : str, float, datetime or pandas.Timestamp
        Text is ISO-8601; without a zone it is UTC. Numbers are seconds since 1970.

    Raises
    ------
    InputError
        When it is no instant.

    Examples
    --------
    >>> parse_timestamp("1970-01-01T00:00:01Z"), parse_timestamp("1970-01-01T01:00:00+01:00"), parse_timestamp(2.5)
    (1000000000, 0, 2500000000)
    """
    number = value.item() if isinstance(value, np.number) else value
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        if not abs(number) <= _LATEST:  # NaN is no instant either
            raise InputError(f"timestamp {value!r} is no instant in seconds since 1970")
        return int(number) * SECOND if number % 1 == 0 else round(number * 1e6) * 1000
    if isinstance(value, str):
        text = value.strip()
        # An aware instant's isoformat() with a Z put behind it says UTC twice.
        plain = text.removesuffix("Z") if text.endswith("+00:00Z") else text
        try:
            return _bounded(parse_time(dt.datetime.fromisoformat(plain)))
        except (ValueError, OverflowError):
            raise InputError(f"timestamp {value!r} is not ISO-8601, such as 2025-03-01T12:00:00Z") from None
    if isinstance(value, (dt.datetime, np.datetime64)):
        return _bounded(parse_time(value))
    raise InputError(f"timestamp {value!r} is not ISO-8601, such as 2025-03-01T12:00:00Z, nor seconds since 1970")


def _bounded(instant: int) -> int:
    if abs(instant) > _LATEST * SECOND:
        raise InputError("an instant lies between the years 1678 and 2261")
    return instant


def checked(events: object) -> list[dict[str, Any]]:
    """Return a list of events whose shape is right.

    Raises
    ------
    InputError
        When it is no list of mappings with a timestamp and, where there is one, a mapping as metadata.
    """
    if not isinstance(events, Sequence) or isinstance(events, (str, bytes)):
        raise InputError(f"the signals are {_shown(events)}, not a list of events")
    for number, event in enumerate(events):
        if not isinstance(event, Mapping):
            raise InputError(f"event {number} is {_shown(event)}, not a mapping with a timestamp")
        if "timestamp" not in event:
            raise InputError(f"event {number} has no timestamp; it has {', '.join(map(str, event)) or 'nothing'}")
        if not isinstance(event.get("metadata") or {}, Mapping):
            raise InputError(f"metadata of event {number} is {_shown(event['metadata'])}, not a mapping")
        try:
            parse_timestamp(event["timestamp"])
        except InputError as error:
            raise InputError(f"event {number}: {error}") from None
    return [dict(event) for event in events]


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        return "nested deeply"
    return f"{text[:60]}..." if len(text) > 60 else text


def place(events: Sequence[Event], time_ns: NDArray[np.int64], close_ns: NDArray[np.int64]) -> Placed:
    """Put each event on the candle whose [open, close) holds its timestamp.

    Parameters
    ----------
    time_ns, close_ns : numpy.ndarray of int64, shape (bars,)
        Opening and closing instants, ascending.
    """
    placed = Placed({}, [], [])
    instants = np.array([parse_timestamp(event["timestamp"]) for event in events], dtype=np.int64)
    bars = np.searchsorted(time_ns, instants, side="right") - 1
    for event, instant, bar in zip(events, instants.tolist(), bars.tolist(), strict=True):
        if bar < 0 or instant >= close_ns[bar]:
            placed.outside.append(event)
        elif len(placed.bars.setdefault(bar, [])) < SLOTS:
            placed.bars[bar].append(event)
        else:
            placed.crowded.append(bar)
    return placed


def event_outputs(asked: Sequence[str] = ()) -> tuple[Output, ...]:
    """Return the outputs of a component that tells events: its own and those asked for, once for each slot."""
    names = dict.fromkeys((*OWN, *asked))
    return tuple(Output(slotted(name, slot), mixed=name != "signal") for slot in range(SLOTS) for name in names)


def event_columns(
    events: Sequence[Event], market: Market, time: Column, outputs: Sequence[Output], name: str
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Return events as columns.

    Parameters
    ----------
    events : sequence of mappings
        In any order of time; those of one candle stay in the order given.
    time : numpy.ndarray of float64, shape (bars,)
        Opening instants in seconds since 1970, ascending.
    outputs : sequence of Output
        As `event_outputs` gives them.
    name : str
        What an event without a signal_name is called.

    Returns
    -------
    columns : tuple of numpy.ndarray of float64, shape (bars,)
        ``signal`` is 1 where an event stands in that slot, else 0; the others are NaN where there is none.
    notes : tuple of str
        Events that count nowhere.

    Raises
    ------
    InputError
        When an event is malformed.
    """
    opens, closes = spans(time, market)
    placed = place(checked(events), opens, closes)
    return fill(placed.bars, len(time), outputs, name), notes(name, placed, opens)


def spans(time: Column, market: Market) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the opening and closing instants (S1), ns UTC, of candles that open at `time`, in seconds."""
    opens = np.rint(time * 1e6).astype(np.int64) * 1000  # float64 seconds tell microseconds, no more
    return opens, close_times(opens, timeframe(market.timeframe), market.day_end)


def notes(name: str, placed: Placed, opens: NDArray[np.int64]) -> tuple[str, ...]:
    """Say which events count nowhere, in one line for each reason."""
    said = []
    if placed.outside:
        said.append(f"{name}: {outside_note(len(placed.outside), str(placed.outside[0]['timestamp']))}")
    if placed.crowded:
        said.append(f"{name}: {crowded_note(len(placed.crowded), opens[placed.crowded[0]])}")
    return tuple(said)


def outside_note(count: int, first: str) -> str:
    """Say that events lie in no candle that they could be of."""
    return f"{count:,} events lie outside of their candle and do not count; first {first}"


def crowded_note(count: int, first: int) -> str:
    """Say that candles tell more events than they can; `first` is the opening instant of the first one."""
    return f"{count:,} events dropped, a candle can tell {SLOTS}; first on the candle of {instant_text(first)}"


def instant_text(instant: int) -> str:
    """Return ns UTC as `2025-03-01 12:00`, with seconds where there are any."""
    text = str(np.datetime64(int(instant), "ns").astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(":00")


def fill(bars: Mapping[int, Sequence[Event]], count: int, outputs: Sequence[Output], name: str) -> tuple[Column, ...]:
    """Return one column per output out of events by candle."""
    columns = []
    for output in outputs:
        field, _, number = output.name.partition("#")
        slot = int(number) - 1 if number else 0
        silent = 0.0 if field == "signal" else math.nan
        column = np.full(count, silent)
        for bar, events in bars.items():
            if slot < len(events):
                column[bar] = 1.0 if field == "signal" else as_number(look_up(events[slot], field, name))
        columns.append(column)
    return tuple(columns)


def look_up(event: Event, field: str, name: str) -> object:
    """Return what an event says of `field`, or None.

    Its own words are its own fields; others are looked up in its metadata first. strength and signal_strength are the same.
    """
    metadata = event.get("metadata") or {}
    places = (event, metadata) if field in OWN else (metadata, event)
    for word in (field, _ALIASES.get(field, field)):
        for place in places:
            if place.get(word) is not None:
                return place[word]
    return name if field == "signal_name" else None


def as_number(value: object) -> float:
    """Return a number as it is, flags as 0 and 1, words coded, and NaN for anything else."""
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        try:
            return float(value)
        except OverflowError:
            return math.nan
    return code(value) if isinstance(value, str) else math.nan
