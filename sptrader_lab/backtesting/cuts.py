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

from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.compute import Computed
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.filters import local_minutes
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.told import telling_outputs
from sptrader_lab.types.calendar import DAY
from sptrader_lab.types.candles import Candles

Column = NDArray[np.float64]

#: What stretches may add up to per component: a part of the candles, and the bars that they get anyway.
_SHARE, _LEAST = 0.042, 42_000
#: Bars of a stretch that may be cut at, those before them that components warm up on (or more), cuts in it, about.
_ZONE, _WARM, _CUTS = 500, 500, 11
#: Bars in which a stretch is looked for, and bars that it may begin earlier to begin with a day (two days of minutes).
_SEARCHED, _FAR = 8_192, 2_880
#: Minutes of a day.
_DAY = 1_440


class Stretch(NamedTuple):
    """Bars start..stop-1; those from `first` on may be the last known ones."""

    start: int
    first: int
    stop: int


def stretches(plan: Plan, candles: Candles, computed: Computed, calls: Sequence[Call]) -> list[Stretch]:
    """Return stretches, one from each of as many equal parts of the candles, around the sharpest jump of some call's output.

    Where a component counts days, they lie on different weekdays and at different hours, for they may be shorter than a day.
    """
    bars, random = len(candles), generator(plan, candles)
    budget = max(_LEAST, int(bars * _SHARE))
    lines = [computed.outputs[call.key][each.name] for call in calls for each in telling_outputs(call.spec)]
    undefined = max(int(np.isnan(line[:_SEARCHED]).argmin()) for line in lines)
    warm = max(_WARM, min(3 * undefined, budget // (2 * _CUTS)))
    count = max(1, min(bars // _ZONE, budget // (_CUTS * (warm + _ZONE // 2))))
    order = random.permutation(len(lines))
    last_week = int(np.searchsorted(candles.time, candles.time[-1] - 7 * DAY))
    taken: list[int] = []
    found = []
    for number, (low, high) in enumerate(pairwise(np.linspace(0, bars, count + 1).astype(int).tolist())):
        begin = min(int(random.integers(low, max(low + 1, high - _SEARCHED))), last_week)
        week_later = int(np.searchsorted(candles.time, candles.time[begin] + 7 * DAY))
        part = slice(begin, min(max(high, week_later), begin + _SEARCHED))
        where = _another_time(candles, part, count, taken) if counts_days(plan) else None
        place = sharpest(lines[order[number % len(lines)]][part], where)
        first = max(0, min(begin + place - _ZONE // 2, bars - _ZONE))
        taken.append(begin + place)
        found.append(Stretch(_day_began(plan, computed, max(0, first - warm)), first, min(bars, first + _ZONE)))
    return found


def _another_time(candles: Candles, part: slice, bands: int, taken: list[int]) -> NDArray[np.bool_]:
    """Return the bars of `part` on other weekdays than those taken, and at other times of the day where there are some."""
    end = candles.day_end

    def clock(times: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        minutes = local_minutes(times, end.zone) - (end.hour * 60 + end.minute)  # since some trading day began
        return minutes // _DAY % 7, minutes % _DAY * bands // _DAY

    weekday, band = clock(candles.time[part])
    weekdays, others = clock(candles.time[sorted(taken)])
    another = ~np.isin(weekday, weekdays)
    best = another & ~np.isin(band, others)
    return best if best.any() else another


def counts_days(plan: Plan) -> bool:
    """Say whether some component takes `day` or `time`; without them none can tell the hour or the weekday."""
    return any("day" in call.inputs or "time" in call.inputs for call in plan.calls)


def _day_began(plan: Plan, computed: Computed, bar: int) -> int:
    """Return where the trading day of `bar` began, if some component knows it and that is not far back; else `bar`."""
    if not counts_days(plan):
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


def drawn(candles: Candles, stretch: Stretch, wanted: int, hours: set[int], random: np.random.Generator) -> set[int]:
    """Return `wanted` bars at random, first those in hours of the day not in `hours` yet, and note theirs there."""
    clock = local_minutes(candles.time[stretch.first : stretch.stop - 1], candles.day_end.zone) // 60 % 24
    order = random.permutation(len(clock))
    found, places = np.unique(clock[order], return_index=True)
    new = places[[hour not in hours for hour in found.tolist()]][:wanted]
    chosen = np.concatenate([order[new], order[: wanted - len(new)]])
    hours.update(clock[chosen].tolist())
    return set((stretch.first + chosen).tolist())


def jump(line: Column, stretch: Stretch) -> int:
    """Return the bar at which an output over a whole stretch jumps most, the stretch's first bars left out."""
    begin = (stretch.start + stretch.first) // 2
    return begin + sharpest(line[begin - stretch.start : stretch.stop - 1 - stretch.start])


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
