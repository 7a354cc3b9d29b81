"""Explain: what each strategy of a run knew at one close, from the plan and the columns that it was decided with.

Decisions are never made again here. Rules are asked of the evaluator that made their columns, quantities of the kernel's own
sizing; an order whose quantity doesn't come out the same is told so instead of an account of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sptrader_lab.backtesting.explain_limits import levels, limits
from sptrader_lab.backtesting.explain_sizes import sizings
from sptrader_lab.backtesting.past import Past
from sptrader_lab.backtesting.prepare import Prepared
from sptrader_lab.backtesting.world import World
from sptrader_lab.results.explain import iso
from sptrader_lab.results.explanation import Reasons, Sizing, clock
from sptrader_lab.strategy.explain import filters_at, indicators_at, rules_at, signals_at
from sptrader_lab.types import reasons
from sptrader_lab.types.outcome import Outcome


class Explainer:
    """Says what a strategy knew at a close; it keeps the plans and all computed columns of the run alive.

    Parameters
    ----------
    outcome : Outcome
    world : World
    prepared : sequence of Prepared
        One per leg.
    rules : numpy.recarray of RULES, shape (strategies,)
        As the run had them, with each strategy's allocation.
    """

    def __init__(self, outcome: Outcome, world: World, prepared: Sequence[Prepared], rules: Any) -> None:
        self.outcome = outcome
        self.world = world
        self.rules = rules
        self.prepared = {(one.leg.strategy, one.leg.symbol): one for one in prepared}

    def __call__(self, strategy: int, symbol: int, bar: int) -> Reasons | None:
        """Return what the strategy knew of the symbol at the close of its traded candle `bar`.

        None when it does not trade the symbol.
        """
        one = self.prepared.get((strategy, symbol))
        if one is None:
            return None
        past = Past(self.outcome, self.world, int(self.world.traded[symbol].close_time[bar]))
        read = bar if one.pacing is None else _signal_bar(one, bar)
        if read is None:
            return self._between(one, past)
        sized = list(sizings(past, self.rules, one.leg, bar))
        plan, computed = one.member.plan, one.computed
        return Reasons(
            signals=signals_at(plan, computed, read),
            indicators=indicators_at(plan, computed, read),
            rules=rules_at(plan, computed, read),
            filters=filters_at(plan, one.candles, read),
            blocked=reasons.REASONS[one.leg.decisions.blocked[bar]],
            sizings=tuple(each for each in sized if isinstance(each, Sizing)),
            limits=tuple(limits(past, self.rules, one.leg)),
            levels=tuple(levels(past, self.rules, one.leg)),
            signal_candle="" if one.pacing is None else _span(one, read),
            notes=tuple(each for each in sized if isinstance(each, str)),
        )

    def _between(self, one: Prepared, past: Past) -> Reasons:
        """Return what is known at a traded close at which no decision of a longer candle is taken (S13)."""
        closed = int(np.searchsorted(one.candles.close_time, past.now, side="right")) - 1
        last = f"the last was {_span(one, closed)}" if closed >= 0 else "none has closed yet"
        return Reasons(
            signals=(),
            indicators=(),
            rules={},
            filters=(),
            blocked="",
            sizings=(),
            limits=tuple(limits(past, self.rules, one.leg)),
            levels=tuple(levels(past, self.rules, one.leg)),
            notes=(f"no {one.candles.timeframe} candle, which its signals come from, closes here; {last}",),
        )


def _signal_bar(one: Prepared, bar: int) -> int | None:
    """Return the signal candle whose decision is taken at the close of the traded candle `bar`, if one is."""
    assert one.pacing is not None
    found = np.flatnonzero(one.pacing.rows == bar)
    return int(found[0]) if len(found) else None


def _span(one: Prepared, bar: int) -> str:
    opened, closed = (clock(iso(int(times[bar]))) for times in (one.candles.time, one.candles.close_time))
    return f"the {one.candles.timeframe} candle {opened} .. {closed} UTC"
