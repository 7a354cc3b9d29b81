"""Stretches: candles cut into parts to choose on and parts to test on, so that no part knows of a later one."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError
from sptrader_lab.strategy.schema.times import duration
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

#: A number of candles, or a length of time such as "90d", a timedelta or a numpy.timedelta64.
Length: TypeAlias = "int | str | dt.timedelta | np.timedelta64"

_HOW: Final = "give a number of candles, or a length of time such as '90d' or '12w'"


class Stretch(NamedTuple):
    """Places first..last-1 on a timeline."""

    first: int
    last: int

    def __bool__(self) -> bool:
        return self.first < self.last


class Segment(NamedTuple):
    """One step of a walk: where values are chosen, and where the chosen ones are tested."""

    train: Stretch
    test: Stretch


class Timeline:
    """The opening instants of all candles, each once: place 0 is the first. Lengths in candles are counted in places.

    Parameters
    ----------
    candles : sequence of Candles
        Of one or several symbols.
    start : int, optional
        Instant (ns UTC) of the first place; earlier candles only warm indicators up.
    """

    def __init__(self, candles: Sequence[Candles], start: int | None = None) -> None:
        self.candles = tuple(candles)
        opens = np.unique(np.concatenate([one.time for one in candles]))
        self.opens: NDArray[np.int64] = opens if start is None else opens[np.searchsorted(opens, start) :]
        if not len(self.opens):
            raise InputError("no candles to choose and to test on; give candles that reach beyond start")
        self.end = max(int(one.close_time[-1]) for one in candles if len(one))

    def __len__(self) -> int:
        return len(self.opens)

    def instant(self, place: int) -> int:
        """Return the instant at which a place opens, ns UTC; the last close for the place after the last."""
        return int(self.opens[place]) if place < len(self.opens) else self.end

    def until(self, place: int) -> tuple[Candles, ...]:
        """Return all candles that are closed when `place` opens: what was known then, from the first candle on."""
        now = self.instant(place)
        return tuple(one.rows(0, int(np.searchsorted(one.close_time, now, side="right"))) for one in self.candles)

    def closes(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the closing instants of what opens at places first..last-1, ns UTC, ascending."""
        now, end = self.instant(first), self.instant(last)
        return np.unique(
            np.concatenate([one.close_time[(one.time >= now) & (one.close_time <= end)] for one in self.candles])
        )


def read_length(value: object, name: str) -> int | np.timedelta64:
    """Return a number of candles, or a length of time in ns.

    Raises
    ------
    InputError
        When it is neither, or nothing.
    """
    wrong = InputError(f"{name}={value!r} is no length; {_HOW}")
    if isinstance(value, (dt.timedelta, np.timedelta64)):  # first: numpy's is a number to Python
        found = np.timedelta64(value, "ns")
        if not found > np.timedelta64(0, "ns"):
            raise wrong
        return found
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if value < 1:
            raise InputError(f"{name}={value!r} must be at least 1 candle; {_HOW}")
        return int(value)
    if isinstance(value, str):
        try:
            return np.timedelta64(duration(value), "ns")
        except ValueError as error:
            raise wrong from error
    raise wrong


def segments(line: Timeline, train: object, test: object, *, anchored: bool) -> list[Segment]:
    """Return the steps of a walk: test stretches behind each other to the last candle, each after what trains for it.

    Parameters
    ----------
    train : Length
        How much is chosen on; of an anchored walk, in the first step.
    test : Length or sequence of instants
        How much each step tests; or the borders of the test stretches, of which the last ends the walk.
    anchored : bool
        Every training begins at the first candle, instead of moving along.

    Raises
    ------
    InputError
        When lengths are none, borders do not ascend, or nothing is left to test on.
    """
    length = read_length(train, "train")
    borders = _dates(line, test) if _several(test) else _steps(line, length, read_length(test, "test"))
    found = []
    for first, last in itertools.pairwise(borders):
        begin = 0 if anchored else _before(line, first, length)
        if begin is None:
            raise InputError(f"train={train!r} reaches further back than the candles do before {_day(line, first)}")
        found.append(Segment(Stretch(begin, first), Stretch(first, last)))
    return found


def read_places(line: Timeline, value: object, name: str) -> int:
    """Return a length that may be nothing in places, a length of time as the most places that it ever spans."""
    if value in (None, 0) and not isinstance(value, bool):
        return 0
    length = read_length(value, name)
    if isinstance(length, int):
        return length
    ends = np.searchsorted(line.opens, line.opens + int(length.astype(np.int64)))
    return int((ends - np.arange(len(line))).max())


def _several(value: object) -> bool:
    return isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str)


def _steps(line: Timeline, train: int | np.timedelta64, test: int | np.timedelta64) -> list[int]:
    if isinstance(train, int):
        first, begin = train, line.instant(train)
    else:
        begin = line.instant(0) + int(train.astype(np.int64))
        first = int(np.searchsorted(line.opens, begin))
    if first >= len(line):
        raise InputError(
            f"train takes all {len(line):,} candles from {_day(line, 0)} to {_day(line, len(line) - 1)}; nothing is left to test on"
        )
    if isinstance(test, int):
        return [*range(first, len(line), test), len(line)]
    # Lengths of time without a candle, such as a weekend, are no tests.
    borders = np.searchsorted(line.opens, np.arange(begin, line.end, int(test.astype(np.int64))))
    return sorted({first, *borders.tolist(), len(line)})


def _dates(line: Timeline, test: object) -> list[int]:
    instants = [parse_time(each) for each in test]  # type: ignore[attr-defined]
    borders = [int(np.searchsorted(line.opens, each)) for each in instants]
    if len(borders) < 2:
        raise InputError(f"test={test!r} needs two borders or more: where testing begins, ..., where it ends")
    for place, (one, other) in enumerate(itertools.pairwise(borders)):
        if one >= other:
            raise InputError(f"test: no candle opens from {test[place]!r} to before {test[place + 1]!r}")  # type: ignore[index]
    return borders


def _before(line: Timeline, place: int, length: int | np.timedelta64) -> int | None:
    """Return where a training ends up beginning that ends at `place`; None where that is before the first candle."""
    if isinstance(length, int):
        return place - length if place >= length else None
    begin = line.instant(place) - int(length.astype(np.int64))
    return int(np.searchsorted(line.opens, begin)) if begin >= line.opens[0] else None


def _day(line: Timeline, place: int) -> str:
    return str(np.datetime64(line.instant(place), "ns"))[:16]
