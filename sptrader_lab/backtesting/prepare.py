"""Prepare: what every strategy of a run computes and decides on every one of its symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sptrader_lab.backtesting import lookahead as looking
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.pacing import Pacing, pace
from sptrader_lab.backtesting.world import World
from sptrader_lab.candles.gaps import coverage
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.strategy.plan import Computed
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import TARGET, records
from sptrader_lab.types.signals import Overlay, SignalEvents


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
        found += [f"{key} failed and is undefined on every bar: {why}" for key, why in self.computed.failures.items()]
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
                decisions = pacing.decisions(own)._replace(session_exit=member.plan.session_exit(traded_on))
            found.append(Prepared(member, candles, computed, own, Leg(strategy, symbol, decisions), pacing))
    return found


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


def check_lookahead(prepared: Sequence[Prepared], outcome: Outcome, mode: looking.Mode) -> str:
    """Look for values that move when later bars are taken away, and say what that covered (S2)."""
    if mode == "off":
        return "not checked: switched off by the caller"
    several = len({one.leg.strategy for one in prepared}) > 1
    covered = []
    for one in prepared:
        lengths = looking.prefix_lengths(len(one.candles), one.member.plan.strategy.sha256)
        if mode == "exhaustive":
            lengths = sorted({*lengths, *one.order_lengths(outcome)})
        said = looking.check(one.member.plan, one.candles, one.computed, lengths)
        covered.append(f"{one.member.name} on {said}" if several else said)
    return "; ".join(covered)


def all_warnings(world: World, prepared: Sequence[Prepared]) -> tuple[str, ...]:
    """Return what the files say without effect, and what a reader should know about the candles and each leg."""
    found = [str(warning) for member in world.members for warning in member.plan.strategy.warnings]
    found += [*world.notes, *world.old_rates]
    found += [coverage(one).warning for one in (*world.traded, *world.references)]
    several = len(world.members) > 1
    for one in prepared:
        said = filter(None, one.warnings(world.start))
        found += [f"{one.member.name}: {text}" if several else text for text in said]
    return tuple(dict.fromkeys(filter(None, found)))
