"""Answers: what came of each candle of a script, as columns, notes and a log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components import events as signals
from sptrader_lab.components.scripts.calls import Reply
from sptrader_lab.components.scripts.protocol import (
    MARKERS,
    Printed,
    ProtocolError,
    Series,
    find,
    parse_indicator,
    parse_signals,
)
from sptrader_lab.components.spec import ComponentKind, Output
from sptrader_lab.components.words import Column
from sptrader_lab.errors import nearest

#: Logs kept: of the first candles, of the first failures, and characters of all of them.
_FIRST: Final = 3
_FAILURES: Final = 20
_LOG: Final = 200_000
_TAIL: Final = 300


class Told(NamedTuple):
    """What a script said at one candle: outputs by name, or events."""

    printed: Printed
    series: dict[str, Series]
    events: list[dict[str, Any]]


def read(kind: ComponentKind, reply: Reply) -> Told:
    """Read what was printed.

    Raises
    ------
    ProtocolError
        With the reason why there is no answer, a process that ended badly being one.
    """
    if reply.why:
        raise ProtocolError(reply.why)
    printed = find(reply.out, kind)
    if kind == "signal":  # one that prints nothing has nothing to tell
        return Told(printed, {}, [] if printed.block is None else parse_signals(printed.block))
    if printed.block is None:
        raise ProtocolError(f"it printed no {MARKERS[kind][0]}")
    return Told(printed, parse_indicator(printed.block), [])


def chosen(series: Mapping[str, Series], outputs: Sequence[Output], bare: str, sole: str) -> list[Series]:
    """Return the series of each output.

    Parameters
    ----------
    series : mapping of str to Series
        What was printed; one without a name is called "".
    bare : str
        What the file is called: whoever asks for that asks for the only series there is, whatever its name.
    sole : str
        The only output that the script declares, "" when there is none: a series without a name is that one, too.

    Raises
    ------
    ProtocolError
        When one was not printed.
    """
    found = []
    for output in outputs:
        name = output.name
        if name not in series and len(series) == 1 and (name == bare or ("" in series and name == sole)):
            (name,) = series
        if name not in series:
            near = nearest(name, series)
            hint = f" (did it mean {near!r}?)" if near else ""
            raise ProtocolError(f"it printed {', '.join(series) or 'values without a name'}, not {name!r}{hint}")
        found.append(series[name])
    return found


class Record:
    """Keeps what comes of a script's candles, in whatever order it comes.

    Parameters
    ----------
    opens, closes : numpy.ndarray of int64, shape (bars,)
        Opening and closing instants, ns UTC; indicators need no closing ones.
    batch : bool
        One answer stands for all candles.
    sole : str
        As `chosen` takes it.
    """

    def __init__(
        self,
        name: str,
        kind: ComponentKind,
        outputs: Sequence[Output],
        opens: NDArray[np.int64],
        closes: NDArray[np.int64],
        *,
        batch: bool,
        sole: str = "",
    ) -> None:
        self.answers: list[Any] = [None] * (min(1, len(opens)) if batch else len(opens))
        self.logs: dict[int, str] = {}
        self.failures: dict[int, tuple[str, str]] = {}
        self.helpers: set[str] = set()
        self.unsure: set[int] = set()  # answers that nobody can say which files they depend on
        self._name = name
        self._kind = kind
        self._outputs = outputs
        self._opens = opens
        self._closes = closes
        self._batch = batch
        self._sole = sole

    def take(self, index: int, reply: Reply) -> None:
        """Keep what came of the candle at `index`."""
        place = 0 if self._batch else index
        if reply.helpers is None:
            self.unsure.add(place)
        else:
            self.helpers.update(reply.helpers)
        log = reply.out
        try:
            told = read(self._kind, reply)
            log = told.printed.log
            self.answers[place] = self._placed(index, told)
            self.check(place)
        except ProtocolError as error:
            self.answers[place] = None
            self.failures[index] = str(error), reply.err
            if len(self.failures) > _FAILURES:
                return
        if index in self.failures or self._batch or index < _FIRST:
            self.logs[index] = "\n".join(part.rstrip() for part in (log, reply.err) if part.strip())

    def _placed(self, index: int, told: Told) -> Any:
        """Return an answer as JSON can keep it."""
        if self._kind == "indicator":
            if not self._batch:
                return {name: series.current for name, series in told.series.items()}
            return {name: list(series.values) for name, series in told.series.items()}
        which = slice(None) if self._batch else slice(index, index + 1)
        placed = signals.place(told.events, self._opens[which], self._closes[which])
        first = 0 if self._batch else index
        return {
            "events": {str(first + bar): events for bar, events in placed.bars.items()},
            "crowded": [first + bar for bar in placed.crowded],
            "outside": len(placed.outside),
            "first": str(placed.outside[0]["timestamp"]) if placed.outside else "",
            "silent": told.printed.block is None,
        }

    def check(self, place: int) -> None:
        """See whether an answer has every output that is asked for.

        Raises
        ------
        ProtocolError
            When it has not, or a batch has another number of values than there are candles.
        """
        if self._kind == "indicator":
            for series in self._series(place):
                if self._batch and len(series.values) != len(self._opens):
                    counts = f"{len(series.values):,} values for {len(self._opens):,} candles"
                    raise ProtocolError(
                        f"a batch prints one value for every candle, null where there is none; got {counts}"
                    )

    def _series(self, place: int) -> list[Series]:
        answer = self.answers[place]
        if self._batch:
            series = {name: Series(tuple(values), math.nan) for name, values in answer.items()}
        else:
            series = {name: Series((), current) for name, current in answer.items()}
        return chosen(series, self._outputs, self._name, self._sole)

    def recall(self, answers: Sequence[Any], logs: Mapping[int, str]) -> int:
        """Take over what an earlier run found out; return for how many bars.

        An answer that lacks an output which is asked for now is no answer.
        """
        for place, answer in enumerate(answers):
            self.answers[place] = answer
            try:
                if answer is not None:
                    self.check(place)
            except ProtocolError:
                self.answers[place] = None
        self.logs.update({bar: text for bar, text in logs.items() if self._batch or self.answers[bar] is not None})
        found = sum(answer is not None for answer in self.answers)
        return found * len(self._opens) if self._batch else found

    @property
    def failed(self) -> int:
        """Bars without an answer, those given up among them."""
        missing = sum(answer is None for answer in self.answers)
        return missing * len(self._opens) if self._batch else missing

    def columns(self) -> tuple[Column, ...]:
        """Return one column per output, undefined or silent where there is no answer."""
        bars = len(self._opens)
        if self._kind == "signal":
            found = {int(bar): told for answer in self.answers if answer for bar, told in answer["events"].items()}
            return signals.fill(found, bars, self._outputs, self._name)
        columns = [np.full(bars, math.nan) for _ in self._outputs]
        for place, answer in enumerate(self.answers):
            if answer is not None:
                for column, series in zip(columns, self._series(place), strict=True):
                    if self._batch:
                        column[:] = series.values
                    else:
                        column[place] = series.current
        return tuple(columns)

    def notes(self) -> tuple[str, ...]:
        """Return what is worth a warning, one line each."""
        said = [self._failure_note()] if self.failed else []
        told = [answer for answer in self.answers if answer and self._kind == "signal"]
        outside = sum(answer["outside"] for answer in told)
        if outside:
            first = next(answer["first"] for answer in told if answer["outside"])
            said.append(f"{self._name}: {signals.outside_note(outside, first)}")
        crowded = [bar for answer in told for bar in answer["crowded"]]
        if crowded:
            said.append(f"{self._name}: {signals.crowded_note(len(crowded), self._opens[crowded[0]])}")
        if told and all(answer["silent"] for answer in told):
            said.append(
                f"{self._name}: it never printed {MARKERS['signal'][0]}, on none of {len(self._opens):,} candles"
            )
        return tuple(said)

    def _failure_note(self) -> str:
        bars = len(self._opens)
        if not self.failures:  # pragma: no cover - nothing is given up without a first failure
            return f"{self._name}: {self.failed:,} of {bars:,} candles have no answer"
        first = min(self.failures)
        why, err = self.failures[first]
        lines = [line.strip() for line in err.strip().splitlines() if line.strip()]
        tail = " / ".join(lines)[-_TAIL:]
        when = "run over all candles" if self._batch else f"on the candle of {signals.instant_text(self._opens[first])}"
        skipped = 0 if self._batch else self.failed - len(self.failures)
        rest = f"; {skipped:,} of them were not asked for after so many time-outs in a row" if skipped else ""
        count = f"{self.failed:,} of {bars:,} candles failed"
        return f"{self._name}: {count}, first {when}: {why}{rest}" + (f"; stderr: {tail}" if tail else "")

    def log(self) -> str:
        """Return what was printed at the first candles and at failures, in order of time."""
        parts = []
        for bar in sorted(self.logs):
            if self.logs[bar]:
                head = "" if self._batch else f"[{signals.instant_text(self._opens[bar])}, candle {bar}]\n"
                parts.append(f"{head}{self.logs[bar]}\n")
        text = "".join(parts)
        return text if len(text) <= _LOG else f"{text[:_LOG]}\n[{len(text) - _LOG:,} characters more]\n"
