"""Cuts: where a run's components are asked what they knew (S2).

Everything is drawn from a seed, strategy and candles, so a run is checked at the same bars every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.filters import local_minutes
from sptrader_lab.strategy.plan import Computed, Plan
from sptrader_lab.types.candles import Candles

Column = NDArray[np.float64]

#: What stretches may add up to per component: a part of the candles, and the bars that they get anyway.
_SHARE, _LEAST = 0.042, 42_000
#: Bars of a stretch that may be cut at, those before them that components warm up on (or more), cuts in it, about.
_ZONE, _WARM, _CUTS = 500, 500, 11
#: Bars in which a stretch is looked for, and bars that it may begin earlier to begin with a day (two days of minutes).
_SEARCHED, _FAR = 8_192, 2_880


class Stretch(NamedTuple):
    """Bars start..stop-1; those from `first` on may be the last known ones."""

    start: int
    first: int
    stop: int


def stretches(plan: Plan, candles: Candles, computed: Computed) -> list[Stretch]:
    """Return stretches, one from each of as many equal parts of the candles, around the sharpest jump of some output.

    They begin on different weekdays and at different hours as far as can be, for they may be shorter than a day.
    """
    bars, random = len(candles), generator(plan, candles)
    budget = max(_LEAST, int(bars * _SHARE))
    lines = [line for call in plan.calls for line in computed.outputs[call.key].values()]
    undefined = max(int(np.isnan(line[:_SEARCHED]).argmin()) for line in lines)
    warm = max(_WARM, min(3 * undefined, budget // (2 * _CUTS)))
    count = max(1, min(bars // _ZONE, budget // (_CUTS * (warm + _ZONE // 2))))
    order = random.permutation(len(lines))
    end, weekdays, bands = candles.day_end, set[int](), set[int]()
    found = []
    for number, (low, high) in enumerate(pairwise(np.linspace(0, bars, count + 1).astype(int).tolist())):
        begin = int(random.integers(low, max(low + 1, high - _SEARCHED)))
        part = slice(begin, min(high, begin + _SEARCHED))
        minutes = local_minutes(candles.time[part], end.zone) - end.hour * 60 - end.minute  # since a trading day began
        weekday, band = minutes // 1_440 % 7, minutes % 1_440 * count // 1_440
        another = ~np.isin(weekday, [*weekdays])
        best = another & ~np.isin(band, [*bands])
        place = sharpest(lines[order[number % len(lines)]][part], best if best.any() else another)
        weekdays.add(int(weekday[place]))
        bands.add(int(band[place]))
        first = max(0, min(begin + place - _ZONE // 2, bars - _ZONE))
        found.append(Stretch(_day_began(plan, computed, max(0, first - warm)), first, min(bars, first + _ZONE)))
    return found


def _day_began(plan: Plan, computed: Computed, bar: int) -> int:
    """Return where the trading day of `bar` began, if some component counts days and that is not far back; else `bar`."""
    if all("day" not in call.inputs for call in plan.calls):
        return bar
    day = computed.columns["day"]
    began = int(np.searchsorted(day, day[bar]))
    return began if bar - began <= _FAR else bar


def begins(plan: Plan, computed: Computed, stretch: Stretch) -> NDArray[np.intp]:
    """Return the bars of a stretch on which a rule holds that did not hold one bar before."""
    part = slice(stretch.first, stretch.stop)
    made = [call.column(output.name) for call in plan.calls for output in call.spec.outputs]
    columns = {name: computed.columns[name][part] for name in (*made, *plan.bound.columns)}
    evaluator = Evaluator(columns, stretch.stop - stretch.first)
    found = np.zeros(evaluator.bars, np.bool_)
    for rule in plan.bound.rules.values():
        found[1:] |= np.diff(evaluator.holds(rule).view(np.int8)) > 0
    return np.flatnonzero(found[:-1]) + stretch.first


def paying(candles: Candles, stretch: Stretch, begun: NDArray[np.intp]) -> set[int]:
    """Return where knowing the next close is worth most: before the largest moves, and where rules began before one."""
    moves = np.diff(candles.close[stretch.first : stretch.stop])
    before = begun[np.argsort(-np.abs(moves[begun - stretch.first]), kind="stable")[:2]]
    return {stretch.first + int(moves.argmax()), stretch.first + int(moves.argmin()), *before.tolist()}


def drawn(candles: Candles, stretch: Stretch, hours: set[int], wanted: int, random: np.random.Generator) -> set[int]:
    """Return `wanted` bars at random, first those in hours of the trading day not in `hours` yet, and note theirs."""
    clock = local_minutes(candles.time[stretch.first : stretch.stop - 1], candles.day_end.zone) // 60 % 24
    order = random.permutation(len(clock))
    found, places = np.unique(clock[order], return_index=True)
    new = places[[hour not in hours for hour in found.tolist()]][:wanted]
    chosen = np.concatenate([order[new], order[: wanted - len(new)]])
    hours.update(clock[chosen].tolist())
    return set((stretch.first + chosen).tolist())


def jumps(whole: Sequence[Column], stretch: Stretch) -> set[int]:
    """Return where the outputs of a call that ran on a whole stretch jump most, its first bars left out."""
    begin, stop = (stretch.start + stretch.first) // 2, stretch.stop - 1
    return {begin + sharpest(line[begin - stretch.start : stop - stretch.start]) for line in whole}


def sharpest(line: Column, where: NDArray[np.bool_] | None = None) -> int:
    """Return the position to which `line` jumps most, the more so when it jumps back, of those `where` allows, if any."""
    with np.errstate(invalid="ignore"):  # infinity less infinity
        steps = np.abs(np.diff(line, prepend=line[:1]))
    steps[np.isnan(steps)] = 0.0
    steps[:-1] += 0.5 * steps[1:]
    if where is not None and where.any():
        steps[~where] = -1.0
    return int(steps.argmax())


def generator(plan: Plan, candles: Candles) -> np.random.Generator:
    """Return the random numbers that belong to this strategy over these candles."""
    facts = f"{len(candles)}|{candles.time[0]}|{candles.time[-1]}|{candles.close[-1]!r}"
    return seeded(f"{plan.strategy.sha256}|{candles.symbol}|{candles.timeframe}|{facts}")


def seeded(text: str) -> np.random.Generator:
    """Return the random numbers that belong to a text."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))
