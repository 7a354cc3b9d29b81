"""Exam: what every component must pass before a strategy may lean on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sptrader_lab.components.library import Library
from sptrader_lab.components.run import ask, candle_columns, run
from sptrader_lab.components.spec import Output, Spec
from sptrader_lab.components.vocabulary import word
from sptrader_lab.components.words import Column, Requires
from sptrader_lab.errors import ComponentError, ComponentFailed
from sptrader_lab.types.calendar import DAY, HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.market import Market

#: Bars without a value put before the candles, as another component's warm-up would.
_UNDEFINED: Final = 37
_PREFIXES: Final = 24


@dataclass(frozen=True)
class Finding:
    """One question of the exam: what is asked, whether it is passed, and what was seen."""

    question: str
    passed: bool
    seen: str = ""

    def __str__(self) -> str:
        seen = ": " + self.seen.replace("\n", "\n       ") if self.seen else ""
        return f"{'ok  ' if self.passed else 'FAIL'} {self.question}{seen}"


@dataclass(frozen=True)
class Exam:
    """A component's answers.

    Attributes
    ----------
    findings : tuple of Finding
        In the order asked; a component that raises is asked nothing more.
    warmup : dict of str to int
        Undefined bars at the beginning, by output.
    """

    name: str
    bars: int
    findings: tuple[Finding, ...]
    warmup: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether every question is passed."""
        return all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        head = f"{self.name}: {'passed' if self.passed else 'FAILED'} on {self.bars:,} candles"
        return "\n  ".join([head, *map(str, self.findings)])


NO_LOOKAHEAD: Final = "no value moves when later bars are taken away"


def first_moved(full: Column, prefix: Column) -> int | None:
    """Return the first bar of `prefix` whose bits differ from `full`, or None (S2); NaN equals NaN.

    Parameters
    ----------
    full : numpy.ndarray of float64, shape (bars,)
        Computed over all bars.
    prefix : numpy.ndarray of float64, shape (fewer,)
        The same, computed over the first bars only.
    """
    begin = np.ascontiguousarray(full[: len(prefix)])
    rest = np.ascontiguousarray(prefix)
    differs = begin.view(np.int64) != rest.view(np.int64)
    if not differs.any():
        return None
    moved = np.flatnonzero(differs & ~(np.isnan(begin) & np.isnan(rest)))
    return int(moved[0]) if len(moved) else None


def gather(spec: Spec, candles: Candles, library: Library, asked_by: tuple[str, ...] = ()) -> list[Column]:
    """Return what a component's inputs are unless a strategy says otherwise.

    Raises
    ------
    ComponentError
        When a required component is unknown, broken, fails, or requires in a circle.
    InputError
        When the candles lack a column.
    """
    if spec.name in asked_by:
        raise ComponentError(f"components require each other in a circle: {' -> '.join((*asked_by, spec.name))}")
    columns = candle_columns(candles)
    arrays: list[Column] = []
    for each in spec.inputs:
        if each.requires is None:
            arrays.append(columns[each.name])
            continue
        needed = library.find(each.requires.component)
        wanted = needed.outputs.index(needed.output(each.requires.output))
        inner = gather(needed, candles, library, (*asked_by, spec.name))
        given = _rebound(needed, each.requires, columns, inner)
        arrays.append(run(needed, inner, needed.resolve(given), market_of(candles))[wanted])
    return arrays


def market_of(candles: Candles) -> Market:
    """Return what components of the older styles are told of their candles."""
    return Market(candles.symbol, candles.timeframe, candles.day_end)


def _rebound(needed: Spec, requires: Requires, columns: Mapping[str, Column], inner: list[Column]) -> dict[str, Any]:
    """Return the parameters of a requirement; a `source` that is no parameter replaces the close in `inner`."""
    given = dict(requires.parameters)
    rebinds = "source" not in {each.name for each in needed.parameters} and needed.inputs[0].name == "close"
    if "source" in given and rebinds and not needed.takes_market:
        inner[0] = columns[str(given.pop("source"))]
    return given


def examine(
    spec: Spec,
    candles: Candles,
    *,
    library: Library | None = None,
    parameters: Mapping[str, Any] | None = None,
    arrays: Sequence[Column] | None = None,
) -> Exam:
    """Ask a component everything it must answer.

    It gives one float64 column of the candles' length per output, leaves its inputs alone, gives the same bits twice,
    moves nothing when later bars are taken away (S2), bears undefined bars before its inputs begin, says nothing about
    those, and codes only what it has labels for. Components of the older styles know candles, which are never undefined, so
    only their required indicators begin late, and of their signals only the event must be silent there.

    Parameters
    ----------
    library : Library, optional
        Where a signal's requirements are found.
    parameters : mapping, optional
        Other than the defaults.
    arrays : sequence of numpy.ndarray, optional
        The inputs themselves, when candles and requirements don't give them.

    Raises
    ------
    ComponentError
        When a requirement can't be found or fails; the component's own failures are findings.
    """
    inputs = list(arrays) if arrays is not None else gather(spec, candles, library or Library((), ()))
    asked = _Asked(spec, spec.resolve(parameters or {}), market_of(candles))
    copies = [array.copy() for array in inputs]
    findings: list[Finding] = []
    warmup: dict[str, int] = {}
    try:
        answer = ask(spec, inputs, asked.parameters, asked.market)
        full = answer.columns
        question = "one float64 column of the candles' length per output"
        findings.append(Finding(question, passed=not answer.failed, seen="\n".join(answer.notes)))
        untouched = all(first_moved(old, new) is None for old, new in zip(copies, inputs, strict=True))
        findings.append(Finding("its inputs are left alone", untouched))
        warmup = {each.name: _undefined(column) for each, column in zip(*_told(spec, full), strict=True)}
        findings.append(_same_twice(spec, full, asked.about(inputs)))
        findings.append(_no_lookahead(asked, inputs, full))
        findings.append(_bears_undefined(asked, inputs, full))
        findings.append(_codes(spec, full))
    except ComponentFailed as error:
        findings.append(Finding("it runs", passed=False, seen=str(error)))
    return Exam(spec.name, len(candles), tuple(findings), warmup)


@dataclass(frozen=True)
class _Asked:
    """A component, with everything but its inputs."""

    spec: Spec
    parameters: Mapping[str, Any]
    market: Market

    def about(self, inputs: Sequence[Column]) -> tuple[Column, ...]:
        return run(self.spec, inputs, self.parameters, self.market)


def _told(spec: Spec, full: Sequence[Column]) -> tuple[Sequence[Output], Sequence[Column]]:
    """Return the outputs that must say something or nothing: of an old signal the event, which the others describe."""
    count = 1 if spec.takes_market and spec.kind == "signal" else len(spec.outputs)
    return spec.outputs[:count], full[:count]


def _undefined(column: Column) -> int:
    """Return how many bars at the beginning have no value."""
    defined = ~np.isnan(column)
    return int(defined.argmax()) if defined.any() else len(column)


def _same_twice(spec: Spec, first: Sequence[Column], second: Sequence[Column]) -> Finding:
    question = "the same question gets the same bits"
    for output, one, two in zip(spec.outputs, first, second, strict=True):
        bar = first_moved(one, two)
        if bar is not None:
            return Finding(question, passed=False, seen=f"{output.name} at bar {bar}: {one[bar]!r}, then {two[bar]!r}")
    return Finding(question, passed=True)


def prefix_lengths(bars: int) -> list[int]:
    """Return the lengths of the exam's prefixes: one bar, two, some spread evenly, all but one."""
    spread = np.linspace(0, bars, _PREFIXES + 1)[1:-1].astype(int).tolist()
    return sorted({length for length in (1, 2, *spread, bars - 1) if 0 < length < bars})


def _no_lookahead(asked: _Asked, inputs: Sequence[Column], full: Sequence[Column]) -> Finding:
    if _sees_only_its_past(asked.spec):
        return Finding(NO_LOOKAHEAD, passed=True, seen="it is run for each candle alone and handed none after it")
    lengths = prefix_lengths(len(inputs[0]))
    for length in lengths:
        part = asked.about([array[:length] for array in inputs])
        for output, whole, prefix in zip(asked.spec.outputs, full, part, strict=True):
            bar = first_moved(whole, prefix)
            if bar is not None:
                values = f"{_shown(whole[bar])} with all {len(whole):,} bars, {_shown(prefix[bar])} with the first {length:,}"
                return Finding(NO_LOOKAHEAD, passed=False, seen=f"{output.name} at bar {bar} is {values}")
    return Finding(NO_LOOKAHEAD, passed=True, seen=f"{len(lengths)} prefixes")


def _sees_only_its_past(spec: Spec) -> bool:
    """Whether a script is run once per candle, and so can't look ahead; in batches it can."""
    return spec.style == "script" and not getattr(spec.function, "batch", True)


def _shown(value: float) -> str:
    """Return a value as its component says it."""
    number = float(value)
    return repr(word(number) or number)


def _bears_undefined(asked: _Asked, inputs: Sequence[Column], full: Sequence[Column]) -> Finding:
    """Begin every input but the day with NaN: no value may come of it, and the others must still come."""
    spec = asked.spec
    question = "undefined bars before the inputs begin give nothing, and spoil nothing behind them"
    shifted = []
    for each, array in zip(spec.inputs, inputs, strict=True):
        late = array.copy()
        if each.requires is not None or (each.name != "day" and not spec.takes_market):
            late[:_UNDEFINED] = np.nan
        shifted.append(late)
    if spec.takes_market and not any(each.requires for each in spec.inputs):
        return Finding(question, passed=True, seen="not asked; it takes only candles, which are never undefined")
    columns = asked.about(shifted)
    for output, whole, column in zip(*_told(spec, full), _told(spec, columns)[1], strict=True):
        head = column[:_UNDEFINED]
        said = np.flatnonzero(head != 0.0 if spec.kind == "signal" else ~np.isnan(head))
        if len(said):
            bar = int(said[0])
            nothing = "0" if spec.kind == "signal" else "NaN"
            seen = f"{output.name} at bar {bar} is {_shown(head[bar])}, not {nothing}"
            return Finding(question, passed=False, seen=seen)
        needed = _undefined(whole) + _UNDEFINED
        if needed < len(whole) // 2 and np.isnan(column[needed:]).all():
            return Finding(question, passed=False, seen=f"{output.name} stays NaN to the end")
    return Finding(question, passed=True)


def _codes(spec: Spec, full: Sequence[Column]) -> Finding:
    question = "labelled outputs hold only codes that have a label"
    for output, column in zip(spec.outputs, full, strict=True):
        if output.labels:
            wrong = np.flatnonzero(~np.isin(column, np.arange(len(output.labels), dtype=np.float64)))
            if len(wrong):
                bar = int(wrong[0])
                known = ", ".join(f"{code} {label}" for code, label in enumerate(output.labels))
                seen = f"{output.name} at bar {bar} is {float(column[bar])!r}; codes are {known}"
                return Finding(question, passed=False, seen=seen)
    return Finding(question, passed=True)


def exam_candles(bars: int = 1500, seed: int = 7) -> Candles:
    """Return made-up hourly candles that ask awkward questions: weekends, ties, a flat stretch without volume."""
    random = np.random.default_rng(seed)
    start = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
    hours = start + np.arange(2 * bars + 120, dtype=np.int64) * HOUR
    weekday = (hours // DAY + 3) % 7  # 1970-01-01 was a Thursday
    time = hours[weekday < 5][:bars]
    close = np.round(1.1 + np.cumsum(random.normal(0.0, 0.0008, bars)) * 0.5, 4).clip(0.5)
    flat = slice(bars // 3, bars // 3 + min(60, bars // 10))
    close[flat] = close[flat][:1]
    opens = np.concatenate([close[:1], close[:-1]])
    opens[flat] = close[flat]
    reach = np.round(random.exponential(0.0004, (2, bars)), 4)
    reach[:, flat] = 0.0
    volume = random.integers(1, 500, bars).astype(np.float64)
    volume[flat] = 0.0
    high, low = np.maximum(opens, close) + reach[0], np.minimum(opens, close) - reach[1]
    spread = np.full(bars, 0.0001)
    return Candles("EURUSD", "1h", time, opens, high, low, close, volume, spread, source="exam")
