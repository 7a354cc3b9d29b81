"""Compare: an old component and its native form, bit by bit, over candles that ask awkward questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from sptrader_lab.components.exam import exam_candles, first_moved, gather, market_of
from sptrader_lab.components.library import Library
from sptrader_lab.components.run import run
from sptrader_lab.components.spec import Output, Parameter, Spec
from sptrader_lab.components.vocabulary import coded, word
from sptrader_lab.components.words import Column
from sptrader_lab.errors import ComponentFailed
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.market import Market

_BARS: Final = 600
_OTHER: Final = 11
#: What a difference says where one of the two gives no answer at all.
FAILS: Final = " one fails: "


class Compared(NamedTuple):
    """How far two components were compared, and the first difference, '' when there is none."""

    bars: int
    settings: int
    difference: str


class Seen(NamedTuple):
    """What a component answered to one setting of its parameters; `failed` instead where it raised."""

    setting: dict[str, Any]
    columns: tuple[Column, ...]
    failed: str


def settings(spec: Spec) -> list[dict[str, Any]]:
    """Return parameters to try: the defaults, each alone at other values, and the same with the others at their least."""
    alone = [{each.name: value} for each in spec.parameters for value in _others(each) if value != each.default]
    least = {each.name: each.low for each in spec.parameters if each.low is not None and np.isfinite(each.low)}
    joined = [{**{name: low for name, low in least.items() if name not in one}, **one} for one in alone]
    return [{}, *alone, *(each for each in joined if len(each) > 1)]


def wild(candles: Candles) -> Candles:
    """Return candles that move ten times as far, so that thresholds are crossed and seldom signals fire."""
    first = candles.close[0]
    opens, high, low, close = (
        first * (column / first) ** 10.0 for column in (candles.open, candles.high, candles.low, candles.close)
    )
    volume, spread = candles.volume, candles.spread
    symbol, timeframe = candles.symbol, candles.timeframe
    return Candles(symbol, timeframe, candles.time, opens, high, low, close, volume, spread, source="made up")


def _others(each: Parameter) -> Iterator[Any]:
    if each.kind == "bool":
        yield not each.default
    elif each.kind == "str":
        yield from each.choices
    else:
        default = float(each.default)
        near = default + 1 if each.kind == "int" else default * 1.5 or 0.5
        for value in (each.low, each.high, near):
            inside = (
                value is not None
                and (each.low is None or value >= each.low)
                and (each.high is None or value <= each.high)
            )
            if inside and value is not None and np.isfinite(value) and abs(value) < _BARS:
                yield int(value) if each.kind == "int" else float(value)


def answers(spec: Spec, library: Library, asked: Sequence[dict[str, Any]]) -> list[list[Seen]]:
    """Return what a component says to every setting of its parameters, for each set of candles."""
    found = []
    for candles in (exam_candles(_BARS), wild(exam_candles(_BARS, _OTHER))):
        inputs = gather(spec, candles, library)
        found.append([_seen(spec, inputs, setting, market_of(candles)) for setting in asked])
    return found


def _seen(spec: Spec, inputs: list[Column], setting: dict[str, Any], market: Market) -> Seen:
    try:
        return Seen(setting, run(spec, inputs, spec.resolve(setting), market), "")
    except ComponentFailed as error:
        return Seen(setting, (), str(error).splitlines()[0])


def compare(old: Spec, new: Spec, library: Library) -> Compared:
    """Ask both the same questions; a word and the code of its label are the same answer."""
    asked = settings(old)
    for before, after in zip(answers(old, library, asked), answers(new, library, asked), strict=True):
        for one, other in zip(before, after, strict=True):
            difference = _difference(old, new, one, other)
            if difference:
                given = ", ".join(f"{name}={value!r}" for name, value in one.setting.items())
                return Compared(_BARS, len(asked), f"with {given or 'default parameters'}: {difference}")
    return Compared(2 * _BARS, len(asked), "")


def _difference(old: Spec, new: Spec, one: Seen, other: Seen) -> str:
    if one.failed and other.failed and one.setting:
        return ""
    if one.failed or other.failed:
        return f"the {'old' if one.failed else 'new'}{FAILS}{one.failed or other.failed}"
    for output, changed, before, after in zip(old.outputs, new.outputs, one.columns, other.columns, strict=True):
        wanted = _as_codes(before, changed) if changed.labels else before
        bar = first_moved(wanted, after)
        if bar is not None:
            return f"{output.name} at bar {bar} was {_shown(before[bar])}, became {_shown(after[bar], changed)}"
    return ""


def _as_codes(column: Column, output: Output) -> Column:
    """Return a column of words as codes of labels; nothing is the first label, which says so."""
    found = np.zeros(len(column))
    for bar in np.flatnonzero(coded(column)):
        said = word(float(column[bar]))
        found[bar] = output.labels.index(said) if said in output.labels else np.nan
    return found


def _shown(value: float, output: Output | None = None) -> str:
    if output is not None and output.labels and value in range(len(output.labels)):
        return repr(output.labels[int(value)])
    return repr(word(float(value)) or float(value))
