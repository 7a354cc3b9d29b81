"""Look-ahead: on every run, components are run again on fewer candles, and nothing earlier may move (S2).

A component that peeks gives itself away at the last bars before a cut. Most peek everywhere, and any cut shows it; those that
peek seldom, before large moves, in one hour, where a signal fires, need the right one. So besides prefixes of all sizes, drawn
from a seed, stretches from all over the candles are run again whole and cut: where outputs jump, where a rule begins to hold,
before the largest moves, where a peek would pay, and at random; where a component counts days, in as many hours of the day as
can be. `exhaustive` takes every bar with an order besides.

Out of an ordinary run's reach, by construction: a peek on few bars that stands out in no output, rule or move around it, such as
a signal kept silent before rare losses; one on few bars that reaches further than what follows the cut (about 250 bars); one that
waits for more history than a stretch has; and a future known without later bars, as by a model fitted to these candles elsewhere.

Each call is given the run's own inputs, cut, so that the one that peeks is accused and not those behind it. Conditions and filters
are the laboratory's own and take no later bar. A component that fails on a part proves nothing there; that is counted.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from sptrader_lab.backtesting import cuts
from sptrader_lab.backtesting.cuts import Stretch
from sptrader_lab.candles.progress import bar as progress_bar
from sptrader_lab.components.exam import first_moved
from sptrader_lab.components.run import run
from sptrader_lab.components.words import Column
from sptrader_lab.errors import ComponentFailed, LookaheadError
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.plan import Computed, Plan
from sptrader_lab.types.candles import Candles

Mode = Literal["check", "exhaustive", "off"]

#: Of the candles, the part that prefixes may add up to, about, and the bars that they get anyway.
_SHARE: Final = 0.02
_LEAST: Final = 6_000
#: Seconds of work behind which progress is shown.
_PATIENCE: Final = 2.0


def prefix_lengths(bars: int, seed: str) -> list[int]:
    """Return ascending lengths of prefixes of all sizes, drawn from `seed`; they add up to 3 % of many bars at most."""
    if bars < 3:
        return []
    longest = min(bars - 1, max(_LEAST, int(bars * _SHARE)) // 2)
    sizes = 3.0 ** np.arange(np.log(longest) / np.log(3.0) - 1.0)
    drawn = sizes * cuts.seeded(f"{seed}|{bars}").uniform(1.0, 3.0, len(sizes))
    return sorted({longest, *(int(length) for length in drawn)})


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
                work += _compare(call, candles, computed, Stretch(0, bars, bars), {length - 1})
            shown.update()
    random = cuts.generator(plan, candles)
    stretches = cuts.stretches(plan, candles, computed)
    wanted = -(-24 // len(stretches)) if cuts.counts_days(plan) else 2
    hours, begun, ended = set[int](), set[int](), set[int]()
    for stretch in stretches:
        begins = cuts.begins(plan, computed, stretch)
        chosen = cuts.paying(candles, stretch, begins)
        chosen |= cuts.drawn(candles, stretch, wanted, hours, random)
        begun, ended = begun | set(begins.tolist()), ended | chosen
        for call in calls:
            work += _compare(call, candles, computed, stretch, chosen)
    failed = f"; {work[1]:,} of the runs failed for want of candles and prove nothing" if work[1] else ""
    return (
        f"{symbol}: no value moved when components ran again on fewer candles ({len(calls)} on {len(lengths)} prefixes and "
        f"{len(stretches)} stretches, cut at {len(ended)} bars, {len(begun & ended)} of them where a rule begins to hold; "
        f"{work[0] / bars / len(calls):,.1%} of the components' work){failed}"
    )


def _compare(call: Call, candles: Candles, computed: Computed, stretch: Stretch, ends: set[int]) -> tuple[int, int]:
    """Run a call on a stretch whole and as known at the close of each cut; return how many bars ran and how often it failed."""
    start, first, stop = stretch
    # From the first candle on, the run itself is the whole.
    whole = _run(call, computed, start, stop) if start else tuple(computed.outputs[call.key].values())
    worked = stop - start if start else 0
    if whole is None:
        return worked, 1
    failed = 0
    jumps = {cuts.jump(whole[first % len(whole)], stretch)} if first < stop else set[int]()
    for last in sorted(ends | jumps):
        parts = _run(call, computed, start, last + 1)
        worked += last + 1 - start
        failed += parts is None
        for output, full, part in zip(call.spec.outputs, whole, parts or (), strict=False):
            bar = first_moved(full, part)
            if bar is not None:
                raise LookaheadError(_moved(call, output.name, candles, stretch, last, bar, full[bar], part[bar]))
    return worked, failed


def _run(call: Call, computed: Computed, start: int, stop: int) -> tuple[Column, ...] | None:
    """Return what a call gives for bars start..stop-1, None when it fails."""
    try:
        return run(call.spec, [computed.columns[name][start:stop] for name in call.inputs], call.parameters)
    except ComponentFailed:
        return None


def _moved(
    call: Call, output: str, candles: Candles, stretch: Stretch, last: int, bar: int, full: float, part: float
) -> str:
    at = stretch.start + bar
    when = str(candles.time[at : at + 1].view("datetime64[ns]")[0])[:19]
    return (
        f"{call.key} looks ahead: output {output!r} at bar {at} ({when} UTC) is {float(full)!r} when bars {stretch.start:,} to "
        f"{stretch.stop - 1:,} are known, but {float(part)!r} when only those up to {last:,} are (S2). "
        f"See {call.spec.path or 'the component'}; a value may use bars up to its own only."
    )
