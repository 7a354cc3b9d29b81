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
are the laboratory's own and take no later bar. A component that fails on a part proves nothing there; that is counted. One that
failed on all of them is asked on a few long prefixes, and one that fails there too could not be checked, which is no verdict but
ends the run like a bad one unless its caller goes on.

A script that is asked candle by candle runs in a process that was told no later one, so it is not run again.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np

from sptrader_lab.backtesting import cuts
from sptrader_lab.backtesting.blame import Moved, first_difference, responsible, run_part
from sptrader_lab.backtesting.cuts import Stretch
from sptrader_lab.candles.progress import bar as progress_bar
from sptrader_lab.components import vocabulary
from sptrader_lab.components.words import Column
from sptrader_lab.errors import LookaheadError
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.compute import Computed
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.told import telling_outputs
from sptrader_lab.types.candles import Candles

Mode = Literal["check", "exhaustive", "off"]
#: What becomes of a run in which something looks ahead.
OnFound = Literal["error", "warn"]

#: Of the candles, the part that prefixes may add up to, about, and the bars that they get anyway.
_SHARE: Final = 0.02
_LEAST: Final = 6_000
#: Seconds of work behind which progress is shown.
_PATIENCE: Final = 2.0
#: Long prefixes for what failed on everything shorter: this one and as many more, each with half of what the last one left out.
_LONG: Final = 4


def prefix_lengths(bars: int, seed: str) -> list[int]:
    """Return ascending lengths of prefixes of all sizes, drawn from `seed`; they add up to 3 % of many bars at most."""
    if bars < 3:
        return []
    longest = min(bars - 1, max(_LEAST, int(bars * _SHARE)) // 2)
    sizes = 3.0 ** np.arange(np.log(longest) / np.log(3.0) - 1.0)
    drawn = sizes * cuts.seeded(f"{seed}|{bars}").uniform(1.0, 3.0, len(sizes))
    return sorted({longest, *(int(length) for length in drawn)})


class Checked(NamedTuple):
    """What a check covered, and what it found: sentences by the keys of calls that moved, and of those never compared."""

    covered: str
    moved: dict[str, str]
    unchecked: dict[str, str]


def check(plan: Plan, candles: Candles, computed: Computed, lengths: list[int], on_found: OnFound = "error") -> Checked:
    """Run the plan's components on prefixes and on stretches, and compare bit for bit.

    Parameters
    ----------
    on_found : {"error", "warn"}
        With ``warn`` all components are looked at, each until it has moved once; those that could not be are returned.

    Raises
    ------
    LookaheadError
        Naming component, parameters, output, bar and both values of the first one that moved; or the first one that could
        not be checked, because it failed whenever candles were taken away.
    """
    bars, symbol = len(candles), f"{candles.symbol} {candles.timeframe}"
    calls = [call for call in plan.calls if call.key not in computed.failures]
    stepwise = [call for call in calls if sees_no_later_candle(call)]
    calls = [call for call in calls if call not in stepwise]
    aside = f"; {len(stepwise)} ran candle by candle and had nothing later, by construction" if stepwise else ""
    if not lengths or not calls:
        return Checked(f"{symbol}: nothing to check{aside}", {}, {})
    asking = Asking(candles, computed, on_found)
    expected = sum(computed.seconds[call.key] for call in calls) * sum(lengths) / bars
    with progress_bar(len(lengths) if expected > _PATIENCE else 0, f"{symbol}: look-ahead") as shown:
        for length in lengths:
            for call in calls:
                asking.compare(call, Stretch(0, bars, bars), {length - 1})
            shown.update()
    random = cuts.generator(plan, candles)
    stretches = cuts.stretches(plan, candles, computed, calls)
    wanted = -(-24 // len(stretches)) if cuts.counts_days(plan) else 2
    hours, begun, ended = set[int](), set[int](), set[int]()
    for stretch in stretches:
        begins = cuts.begins(plan, computed, stretch)
        chosen = cuts.paying(candles, stretch, begins)
        chosen |= cuts.drawn(candles, stretch, wanted, hours, random)
        begun, ended = begun | set(begins.tolist()), ended | chosen
        for call in calls:
            asking.compare(call, stretch, chosen)
    for call in calls:
        asking.insist(call)
    failed = f"; {asking.failed:,} of the runs failed for want of candles and prove nothing" if asking.failed else ""
    count = len(asking.moved)
    said = "no value moved" if not count else f"values of {count} of {len(calls)} moved, none of the others"
    if asking.unchecked:
        said = f"{len(asking.unchecked)} of {len(calls)} could not be checked, values of {count} others moved"
    return Checked(
        f"{symbol}: {said} when components ran again on fewer candles ({len(calls)} on {len(lengths)} prefixes and "
        f"{len(stretches)} stretch{'es' if len(stretches) != 1 else ''}, cut at {len(ended)} bars, {len(begun & ended)} of them where "
        f"a rule begins to hold; {asking.bars / bars / len(calls):,.1%} as much work as the run's own){failed}{aside}",
        asking.moved,
        asking.unchecked,
    )


def sees_no_later_candle(call: Call) -> bool:
    """Say whether a component is asked candle by candle, in a process that was never told a later one."""
    return call.spec.style == "script" and not call.spec.function.batch  # type: ignore[attr-defined]


class Asking:
    """Components asked again on parts of the candles of one run, and what that brought to light."""

    def __init__(self, candles: Candles, computed: Computed, on_found: OnFound) -> None:
        self.candles = candles
        self.computed = computed
        self.on_found = on_found
        self.moved: dict[str, str] = {}
        self.unchecked: dict[str, str] = {}
        self.compared: set[str] = set()
        self.bars = 0
        self.failed = 0

    def compare(self, call: Call, stretch: Stretch, ends: set[int]) -> None:
        """Run a call on a stretch whole and as known at the close of each cut, unless it has moved already."""
        if call.key in self.moved:
            return
        start, first, stop = stretch
        # From the first candle on, the run itself is the whole.
        whole = self._run(call, start, stop) if start else tuple(self.computed.outputs[call.key].values())
        if whole is None:
            return
        telling = whole[: len(telling_outputs(call.spec))]
        jumps = {cuts.jump(telling[first % len(telling)], stretch)} if first < stop else set[int]()
        for last in sorted(ends | jumps):
            parts = self._run(call, start, last + 1)
            if parts is not None:
                self.compared.add(call.key)
            moved = None if parts is None else first_difference(call, whole, parts)
            if moved is not None:
                self._found(call, Moved(*moved, stretch, last))
                return

    def insist(self, call: Call) -> None:
        """Ask a call that failed on every part on long prefixes; raise or note that it fails there too."""
        if call.key in self.compared:
            return
        bars = len(self.candles)
        self.compare(call, Stretch(0, bars, bars), {bars - 1 - max(1, bars >> step) for step in range(1, _LONG + 1)})
        self.compare(call, Stretch(0, bars, bars), {bars - 2})
        if call.key in self.compared:
            return
        text = (
            f"{call.key} could not be checked for look-ahead: it gives values for {bars:,} candles of {self.candles.symbol} and fails "
            f"on every part of them that it was asked about (S2). See {call.spec.path or 'the component'}; "
            "a value may use bars up to its own only, so fewer candles must do"
        )
        if self.on_found == "error":
            raise LookaheadError(f'{text}. To run it unchecked: on_lookahead="warn", or lookahead="off".')
        self.unchecked[call.key] = text

    def _run(self, call: Call, start: int, stop: int) -> tuple[Column, ...] | None:
        found = run_part(call, self.candles, self.computed, start, stop)
        self.bars += stop - start
        self.failed += found is None
        return found

    def _found(self, call: Call, moved: Moved) -> None:
        text = f"{_told(call, self.candles, moved)}{responsible(call, self.candles, self.computed, moved)}"
        if self.on_found == "error":
            raise LookaheadError(f'{text} To run it all the same: on_lookahead="warn", --on-lookahead warn.')
        self.moved[call.key] = text


def _told(call: Call, candles: Candles, moved: Moved) -> str:
    stretch = moved.stretch
    at = stretch.start + moved.bar
    when = str(candles.time[at : at + 1].view("datetime64[ns]")[0])[:19]
    full, part = (repr(vocabulary.word(value) or value) for value in (moved.full, moved.part))
    return (
        f"{call.key} looks ahead: output {moved.output.name!r} at bar {at} ({when} UTC) is {full} when bars {stretch.start:,} to "
        f"{stretch.stop - 1:,} are known, but {part} when only those up to {moved.last:,} are (S2). "
        f"See {call.spec.path or 'the component'}; a value may use bars up to its own only."
    )
