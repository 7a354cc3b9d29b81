"""Prepare: what every strategy of a run computes and decides on every one of its symbols."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sptrader_lab.backtesting import lookahead as looking
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.pacing import Pacing, pace
from sptrader_lab.backtesting.shelf import covered
from sptrader_lab.backtesting.world import World
from sptrader_lab.candles.gaps import coverage
from sptrader_lab.errors import InputError
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.strategy.compute import Computed
from sptrader_lab.strategy.told import logs
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instruments import Instrument, plain
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import TARGET, records
from sptrader_lab.types.signals import Overlay, SignalEvents

#: How a warning begins that no reader may miss.
_LOOKS_AHEAD: Final = "LOOKS AHEAD"
_NOT_CHECKED: Final = "NOT CHECKED FOR LOOK-AHEAD"


@dataclass(frozen=True, eq=False)
class Prepared:
    """One leg of a run: one strategy on one symbol.

    Attributes
    ----------
    member : Member
    candles : Candles
        Those that its signals come from.
    computed : Computed
        What the components gave for them.
    own : Decisions
        What the strategy decides on them.
    leg : Leg
        The same, on the candles that are traded.
    pacing : Pacing or None
        How the two belong together, where they are not the same.
    """

    member: Member
    candles: Candles
    computed: Computed
    own: Decisions
    leg: Leg
    pacing: Pacing | None

    def events(self) -> list[SignalEvents]:
        """Return where its signals fired, by traded candle."""
        found = self.member.plan.signals(self.computed, self.leg.symbol)
        mine = [events._replace(strategy=self.leg.strategy) for events in found]
        return mine if self.pacing is None else [self.pacing.events(events) for events in mine]

    def overlays(self) -> list[Overlay]:
        """Return its indicators' lines on the traded candles."""
        found = self.member.plan.overlays(self.computed)
        return list(found) if self.pacing is None else [self.pacing.overlay(line) for line in found]

    def order_lengths(self, outcome: Outcome) -> list[int]:
        """Return the lengths of the prefixes of its signal candles that end where an order was decided."""
        orders = outcome.orders
        bars = orders.bar[(orders.symbol == self.leg.symbol) & (orders.strategy == self.leg.strategy)]
        if self.pacing is not None and len(self.candles):
            bars = self.pacing.signal_bars(bars)
        return sorted({int(bar) + 1 for bar in bars if bar + 1 < len(self.candles)})

    def warnings(self, start: int | None) -> list[str]:
        """Say what the candles can't give, why nothing was entered, what failed, which decisions were lost."""
        plan = self.member.plan
        found = list(plan.notes(self.candles))
        found += plan.silence(self.candles, self.computed, self.own)
        found += plan.remarks(self.candles, self.computed)
        if self.pacing is not None:
            found.append(self.pacing.lost(self.own, start))
        return found


def prepare(world: World, on_error: Literal["raise", "continue"]) -> list[Prepared]:
    """Compute and decide every leg of a run, in the order of strategies and their symbols."""
    traded = {one.symbol: (number, one) for number, one in enumerate(world.traded)}
    found = []
    for strategy, member in enumerate(world.members):
        for candles in member.candles:
            symbol, traded_on = traded[candles.symbol]
            computed = member.plan.compute(candles, on_error)
            own = member.plan.decide(candles, computed)
            pacing = None if traded_on.timeframe == candles.timeframe else pace(candles, traded_on)
            decisions = own
            if pacing is not None:
                refuse_close(member, candles, traded_on)
                decisions = pacing.decisions(own)._replace(session_exit=member.plan.session_exit(traded_on))
            found.append(Prepared(member, candles, computed, own, Leg(strategy, symbol, decisions), pacing))
    return found


def refuse_close(member: Member, signals: Candles, traded: Candles) -> None:
    """Refuse fills at the close where signals are longer: the last traded close may be older than the signal (S2, S3)."""
    if member.plan.rules[0].fill_close:
        raise InputError(
            f"{member.name} asks for fill: close and reads signals from {signals.timeframe} candles that trade on {traded.timeframe} "
            "ones, whose last close may come before the signal is known; write fill: next_open (S3)"
        )


def joined_rules(members: Sequence[Member]) -> tuple[np.recarray[Any, Any], np.recarray[Any, Any]]:
    """Return the rules of all strategies and the targets that they point into, each with its allocation."""
    rules = np.concatenate([member.plan.rules for member in members]).view(np.recarray)
    tables = [member.plan.targets for member in members]
    before = 0
    for rule, member, table in zip(rules, members, tables, strict=True):
        rule.allocation = member.allocation
        rule.first_target += before
        before += len(table)
    return rules, np.concatenate([records(0, TARGET), *tables]).view(np.recarray)


class Seen(NamedTuple):
    """What the look-ahead check covered, and a warning for each component that failed it or could not be checked."""

    covered: str
    warnings: tuple[str, ...]


def check_lookahead(
    prepared: Sequence[Prepared], outcome: Outcome, mode: looking.Mode, on_found: looking.OnFound
) -> Seen:
    """Look for values that move when later bars are taken away, and say what that covered (S2).

    Raises
    ------
    LookaheadError
        When some do, or can't be looked at, unless `on_found` is ``warn``; each component is reported once then, on the first
        symbol where it shows.
    """
    if mode == "off":
        return Seen("not checked: switched off by the caller", ())
    several = len({one.leg.strategy for one in prepared}) > 1
    covered = []
    moved: dict[str, str] = {}
    unchecked: dict[str, str] = {}
    for one in prepared:
        lengths = looking.prefix_lengths(len(one.candles), one.member.plan.strategy.sha256)
        if mode == "exhaustive":
            lengths = sorted({*lengths, *one.order_lengths(outcome)})
        said = looking.check(one.member.plan, one.candles, one.computed, lengths, on_found)
        covered.append(f"{one.member.name} on {said.covered}" if several else said.covered)
        moved = {**said.moved, **moved}
        unchecked = {**said.unchecked, **unchecked}
    heads = [f"{_LOOKS_AHEAD}: {'; '.join(moved)}. "] if moved else []
    heads += [f"{_NOT_CHECKED}: {'; '.join(unchecked)}. "] if unchecked else []
    warnings = [f"{_LOOKS_AHEAD}: {text.replace(' looks ahead: ', ': ', 1)}" for text in moved.values()]
    warnings += [
        f"{_NOT_CHECKED}: {text.replace(' could not be checked for look-ahead: ', ': ', 1)}"
        for text in unchecked.values()
    ]
    return Seen("".join(heads) + "; ".join(covered), tuple(warnings))


def all_logs(prepared: Sequence[Prepared]) -> dict[str, str]:
    """Return what components printed, by their calls; where there are several legs, with strategy and symbol before."""
    found = {}
    several = len({one.leg.strategy for one in prepared}) > 1
    for one in prepared:
        who = f"{one.member.name} " if several else ""
        place = f"{who}{one.candles.symbol} " if len(prepared) > 1 else ""
        found.update({f"{place}{key}": text for key, text in logs(one.computed).items()})
    return found


def all_warnings(world: World, prepared: Sequence[Prepared]) -> tuple[str, ...]:
    """Return what the files say without effect, and what a reader should know about the candles and each leg."""
    found = [str(warning) for member in world.members for warning in member.plan.strategy.warnings]
    found += [*world.notes, *world.old_rates, *_unused(world)]
    found += [text for facts, one in zip(world.instruments, world.traded, strict=True) for text in _splits(facts, one)]
    found += [_finer_gaps(one, world.finer[one.symbol]) for one in world.traded if one.symbol in world.finer]
    found += [coverage(one).warning for one in (*world.traded, *world.references)]
    several = len(world.members) > 1
    for one in prepared:
        said = filter(None, one.warnings(world.start))
        found += [f"{one.member.name}: {text}" if several else text for text in said]
    return tuple(dict.fromkeys(filter(None, found)))


def _unused(world: World) -> list[str]:
    """Say of which symbols a file states facts that the run has nothing to do with."""
    found = []
    for member in world.members:
        own = {plain(one.symbol) for one in member.candles}
        stated = [name for name in member.plan.strategy.instruments if plain(name) not in own]
        if stated:
            traded = ", ".join(one.symbol for one in member.candles)
            found.append(
                f"{member.name}: instruments.{', instruments.'.join(stated)} have no effect: it trades {traded}"
            )
    return found


def _splits(facts: Instrument, candles: Candles) -> Iterator[str]:
    """Say what splits do to what components read, and which ones the candles don't show (S12)."""
    for time, ratio in facts.splits:
        bar = int(np.searchsorted(candles.time, time))
        if not 0 < bar < len(candles) or ratio == 1.0:
            continue
        day, moved = str(np.datetime64(time, "ns"))[:16], candles.close[bar - 1] / candles.open[bar]
        if abs(math.log(moved)) < abs(math.log(ratio)) / 2:
            yield (
                f"{facts.symbol}: the price does not move by the split of {ratio:g} at {day} UTC; where candles are adjusted "
                "already, the split must not be stated"
            )
        else:
            yield (
                f"{facts.symbol}: components read raw prices across the split of {ratio:g} at {day} UTC; averages and ranges over it "
                "are of both prices"
            )


def _finer_gaps(traded: Candles, finer: Candles) -> str:
    """Say how many traded candles have no finer ones within them, for which `intrabar: finer` counts the worst (S7)."""
    bare = len(traded) - covered(traded, finer)
    if not bare:
        return ""
    return (
        f"{traded.symbol}: {bare:,} of {len(traded):,} {traded.timeframe} candles have no {finer.timeframe} candle within them; "
        "where the choice matters there, the worst is counted"
    )
