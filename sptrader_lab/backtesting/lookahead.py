"""Look-ahead: on every run, components are run again on fewer candles, and nothing earlier may move (S2).

A component that peeks gives itself away at the last bars before a cut. Most peek everywhere, and any cut shows it; those that
peek seldom, before large moves, in one hour, where a signal fires, need the right one. So besides prefixes of all sizes, drawn
from a seed, stretches from all over the candles are run again whole and cut: where outputs jump, where a rule begins to hold,
before the largest moves, where a peek would pay, and in all hours of the day. `exhaustive` takes the bars with an order besides.

Out of an ordinary run's reach, by construction: a peek on few bars that stands out in no output, rule or move around it, such as
a signal kept silent before rare losses; one on few bars that reaches further than what follows the cut (about 250 bars); one that
waits for more history than a stretch has; and a future known without later bars, as by a model fitted to these candles elsewhere.

Each call is given the run's own inputs, cut, so that the one that peeks is accused and not those behind it. Conditions and filters
are the laboratory's own and take no later bar. A component that fails on a part proves nothing there; that is counted.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.candles.progress import bar as progress_bar
from sptrader_lab.components.exam import first_moved
from sptrader_lab.components.run import run
from sptrader_lab.errors import ComponentFailed, LookaheadError
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.filters import local_minutes
from sptrader_lab.strategy.plan import Computed, Plan
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.outcome import Outcome

Mode = Literal["check", "exhaustive", "off"]
Column = NDArray[np.float64]

#: What prefixes and stretches may add up to per component: a part of the candles, and the bars that they get anyway.
_PREFIX_SHARE, _PREFIX_LEAST = 0.02, 6_000
_STRETCH_SHARE, _STRETCH_LEAST = 0.042, 42_000
#: Bars of a stretch that may be cut at, those before them that components warm up on (or more), cuts in it, about.
_ZONE, _WARM, _CUTS = 500, 500, 11
#: Bars in which a stretch is looked for, and seconds of work behind which progress is shown.
_SEARCHED, _PATIENCE = 8_192, 2.0


class _Stretch(NamedTuple):
    """Bars start..stop-1; those from `first` on may be the last known ones."""

    start: int
    first: int
    stop: int


def prefix_lengths(bars: int, seed: str) -> list[int]:
    """Return ascending lengths of prefixes of all sizes, drawn from `seed`; they add up to 3 % of many bars at most."""
    if bars < 3:
        return []
    longest = min(bars - 1, max(_PREFIX_LEAST, int(bars * _PREFIX_SHARE)) // 2)
    sizes = 3.0 ** np.arange(np.log(longest) / np.log(3.0) - 1.0)
    drawn = sizes * _random(f"{seed}|{bars}").uniform(1.0, 3.0, len(sizes))
    return sorted({longest, *(int(length) for length in drawn)})


def order_bars(outcome: Outcome, symbol: int, bars: int) -> list[int]:
    """Return the lengths of the prefixes that end on a bar of `symbol` on which an order was decided."""
    decided = outcome.orders.bar[outcome.orders.symbol == symbol]
    return sorted({int(bar) + 1 for bar in decided if bar + 1 < bars})


def check(plan: Plan, candles: Candles, computed: Computed, lengths: list[int]) -> str:
    """Run the plan's components on prefixes and on stretches, compare bit for bit; return what that covered.

    Raises
    ------
    LookaheadError
        Naming component, parameters, output, bar and both values of the first one that moved.
    """
    bars, symbol = len(candles), f"{candles.symbol} {candles.timeframe}"
    calls = [call for call in plan.calls if call.key not in computed.failures]
    if not lengths or not calls:
        return f"{symbol}: nothing to check"
    work = np.zeros(2, np.int64)  # bars, failures
    expected = sum(computed.seconds.values()) * sum(lengths) / bars
    with progress_bar(len(lengths) if expected > _PATIENCE else 0, f"{symbol}: look-ahead") as shown:
        for length in lengths:
            for call in calls:
                work += _compare(call, candles, computed, _Stretch(0, 0, bars), {length - 1})
            shown.update()
    random = _random(f"{plan.strategy.sha256}|{symbol}|{bars}|{candles.time[0]}|{candles.close[-1]!r}")
    stretches = _stretches(calls, computed, bars, random)
    hours: set[int] = set()
    begun, cuts = set[int](), set[int]()
    for stretch in stretches:
        begins = _begins(plan, computed, stretch)
        drawn = _drawn(candles, stretch, hours, -(-24 // len(stretches)), random)
        chosen = _paying(candles, stretch, begins) | drawn
        begun, cuts = begun | set(begins.tolist()), cuts | chosen
        for call in calls:
            lines = [line[stretch.first : stretch.stop - 1] for line in computed.outputs[call.key].values()]
            jumps = {stretch.first + _sharpest(line) for line in lines}
            work += _compare(call, candles, computed, stretch, chosen | jumps)
    failed = f". {work[1]:,} of the runs failed for want of candles and prove nothing" if work[1] else ""
    return (
        f"{symbol}: no value moved when {len(calls)} components ran again on {len(lengths)} prefixes ({min(lengths):,} to "
        f"{max(lengths):,} of {bars:,} candles) and on {len(stretches)} stretches, cut at {len(cuts)} bars and where their outputs "
        f"jump; a rule begins to hold on {len(begun)} bars there, {len(begun & cuts)} of which ended a cut "
        f"({work[0] / bars / len(calls):.1%} of the components' work){failed}"
    )


def _compare(call: Call, candles: Candles, computed: Computed, stretch: _Stretch, cuts: set[int]) -> tuple[int, int]:
    """Run a call on a stretch whole and as known at the close of each cut; return how many bars ran and how often it failed."""
    start, stop = stretch.start, stretch.stop
    inputs = [computed.columns[name][start:stop] for name in call.inputs]
    whole = tuple(computed.outputs[call.key].values())  # from the first candle on, the run itself is the whole
    worked = failed = 0
    for last in [stop - 1, *sorted(cuts)] if start else sorted(cuts):
        worked += last + 1 - start
        try:
            parts = run(call.spec, [array[: last + 1 - start] for array in inputs], call.parameters)
        except ComponentFailed:
            failed += 1
            if last == stop - 1:
                break
            continue
        whole = parts if last == stop - 1 else whole
        for output, full, part in zip(call.spec.outputs, whole, parts, strict=True):
            bar = first_moved(full, part)
            if bar is not None:
                raise LookaheadError(_moved(call, output.name, candles, stretch, last, bar, full[bar], part[bar]))
    return worked, failed


def _stretches(calls: list[Call], computed: Computed, bars: int, random: np.random.Generator) -> list[_Stretch]:
    """Return stretches, one from each of as many equal parts of the candles, around the sharpest jump of some output."""
    budget = max(_STRETCH_LEAST, int(bars * _STRETCH_SHARE))
    lines = [line for call in calls for line in computed.outputs[call.key].values()]
    undefined = max(int(np.isnan(line[:_SEARCHED]).argmin()) for line in lines)
    warm = max(_WARM, min(3 * undefined, budget // (2 * _CUTS)))
    count = max(1, min(bars // _ZONE, budget // (_CUTS * (warm + _ZONE // 2))))
    order = random.permutation(len(lines))
    found = []
    for number, (low, high) in enumerate(pairwise(np.linspace(0, bars, count + 1).astype(int).tolist())):
        begin = int(random.integers(low, max(low + 1, high - _SEARCHED)))
        line = lines[order[number % len(lines)]]
        middle = begin + _sharpest(line[begin : min(high, begin + _SEARCHED)])
        first = max(0, min(middle - _ZONE // 2, bars - _ZONE))
        found.append(_Stretch(max(0, first - warm), first, min(bars, first + _ZONE)))
    return found


def _begins(plan: Plan, computed: Computed, stretch: _Stretch) -> NDArray[np.intp]:
    """Return the bars of a stretch on which a rule holds that did not hold one bar before."""
    part = slice(stretch.first, stretch.stop)
    made = [call.column(output.name) for call in plan.calls for output in call.spec.outputs]
    columns = {name: computed.columns[name][part] for name in (*made, *plan.bound.columns)}
    evaluator = Evaluator(columns, stretch.stop - stretch.first)
    begins = np.zeros(evaluator.bars, np.bool_)
    for rule in plan.bound.rules.values():
        begins[1:] |= np.diff(evaluator.holds(rule).view(np.int8)) > 0
    return np.flatnonzero(begins[:-1]) + stretch.first


def _paying(candles: Candles, stretch: _Stretch, begins: NDArray[np.intp]) -> set[int]:
    """Return where knowing the next close is worth most: before the largest moves, and where rules began before one."""
    moves = np.diff(candles.close[stretch.first : stretch.stop])
    before = begins[np.argsort(-np.abs(moves[begins - stretch.first]), kind="stable")[:2]]
    return {stretch.first + int(moves.argmax()), stretch.first + int(moves.argmin()), *before.tolist()}


def _drawn(candles: Candles, stretch: _Stretch, hours: set[int], wanted: int, random: np.random.Generator) -> set[int]:
    """Return `wanted` bars at random, first those in hours of the trading day not in `hours` yet, and note theirs."""
    clock = local_minutes(candles.time[stretch.first : stretch.stop - 1], candles.day_end.zone) // 60 % 24
    order = random.permutation(len(clock))
    found, places = np.unique(clock[order], return_index=True)
    new = places[[hour not in hours for hour in found.tolist()]][:wanted]
    chosen = np.concatenate([order[new], order[: wanted - len(new)]])
    hours.update(clock[chosen].tolist())
    return set((stretch.first + chosen).tolist())


def _sharpest(line: Column) -> int:
    """Return the position to which `line` jumps most, the more so when it jumps back."""
    with np.errstate(invalid="ignore"):  # infinity less infinity
        steps = np.abs(np.diff(line, prepend=line[:1]))
    steps[np.isnan(steps)] = 0.0
    steps[:-1] += 0.5 * steps[1:]
    return int(steps.argmax())


def _random(seed: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little"))


def _moved(
    call: Call, output: str, candles: Candles, stretch: _Stretch, last: int, bar: int, full: float, part: float
) -> str:
    at = stretch.start + bar
    when = str(candles.time[at : at + 1].view("datetime64[ns]")[0])[:19]
    return (
        f"{call.key} looks ahead: output {output!r} at bar {at} ({when} UTC) is {float(full)!r} when bars {stretch.start:,} to "
        f"{stretch.stop - 1:,} are known, but {float(part)!r} when only those up to {last:,} are (S2). "
        f"See {call.spec.path or 'the component'}; a value may use bars up to its own only."
    )
