"""Ground: what all combinations have in common that trade the same candles in the same world, and one of them bound to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.backtesting.pacing import Pacing, pace
from sptrader_lab.backtesting.prepare import refuse_close
from sptrader_lab.backtesting.world import World, marks_per_year
from sptrader_lab.kernel.layout import Leg, make_market
from sptrader_lab.kernel.state import Market
from sptrader_lab.kernel.summary import Yardstick
from sptrader_lab.results.metrics import day_marks
from sptrader_lab.strategy.compute import Computed
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.template import Flat, Shape, flatten
from sptrader_lab.strategy.tree import Number
from sptrader_lab.types.account import Account
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.records import RULES, TARGET, records

_RULES: Final = len(RULES.names or ())
_TARGET: Final = len(TARGET.names or ())
_ACCOUNT: Final = len(Account._fields)


class Terms(NamedTuple):
    """The numbers of one combination as the kernel reads them."""

    rules: np.recarray[Any, Any]
    targets: np.recarray[Any, Any]
    account: Account


class Ground:
    """One world laid out for the kernel when first asked for; nothing in it depends on the numbers of a combination."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.traded = world.traded
        self._yardstick: Yardstick | None = None

    @cached_property
    def market(self) -> Market:
        """The candles of all symbols as the kernel reads them."""
        world = self.world
        return make_market(world.traded, world.contracts, world.day_end, world.start, world.surroundings)

    def yardstick(self, time: NDArray[np.int64]) -> Yardstick:
        """Return what runs are measured by; every run here takes its steps at the same closing instants, `time`."""
        if self._yardstick is None:
            days = day_marks(time, self.world.day_end).step.astype(np.int64)
            multipliers = np.array([one.multiplier for one in self.world.instruments], np.float64)
            per_year = marks_per_year(self.traded, self.world.instruments)
            self._yardstick = Yardstick(days, self._elapsed(time), per_year, multipliers)
        return self._yardstick

    def _elapsed(self, time: NDArray[np.int64]) -> int:
        if not len(time):
            return 0
        bars = [(one, int(np.searchsorted(one.close_time, time[0]))) for one in self.traded]
        return int(time[-1]) - min((int(one.time[bar]) for one, bar in bars if bar < len(one)), default=0)


class Setup:
    """One combination, bound: its plan in its world, and what of its decisions no number changes.

    Attributes
    ----------
    deciding : slice
        The numbers that decisions depend on.
    number : int
        Of its shape, given by the engine; `root_numbers` are those of its roots' shapes.
    ground : Ground
        Shared by all setups of an engine that have the same world.
    """

    def __init__(self, plan: Plan, world: World) -> None:
        self.plan = plan
        self.world = world
        self.pacings: tuple[Pacing | None, ...] = tuple(self._paced(one) for one in world.members[0].candles)
        flat = flatten(plan)
        self.flat = Flat((flat.shape, _shape(world)), (*flat.numbers, *world.account), flat.roots, flat.specs)
        first = _RULES + _TARGET * len(plan.targets)
        self.deciding = slice(first, len(self.flat.numbers) - _ACCOUNT)
        self.ground = Ground(world)
        self.number = 0
        self.root_numbers: dict[str, int] = {}

    def terms(self, numbers: Sequence[Any]) -> Terms:
        """Return the numbers of a combination of this shape as the kernel reads them."""
        rules, targets = records(1, RULES), records(len(self.plan.targets), TARGET)
        rules[0] = tuple(numbers[:_RULES])
        for place in range(len(targets)):
            targets[place] = tuple(numbers[_RULES + _TARGET * place : _RULES + _TARGET * (place + 1)])
        return Terms(rules, targets, Account(*numbers[len(numbers) - _ACCOUNT :]))

    @cached_property
    def bare(self) -> tuple[Decisions, ...]:
        """By symbol, decisions without a condition, a level or an ATR: filters, the clock, and which columns there are."""
        nothing = {name: Number(0.0) for name in self.plan.bound.prices}
        bound = replace(self.plan.bound, rules={}, distances={}, prices=nothing)  # type: ignore[arg-type]
        plan = replace(self.plan, bound=bound)
        return tuple(plan.decide(one, Computed({}, {}, {}, {})) for one in self.world.members[0].candles)

    def leg(self, place: int, own: Decisions) -> Leg:
        """Return what is decided on the candles number `place` of the strategy as a leg on those that are traded."""
        candles, pacing = self.world.members[0].candles[place], self.pacings[place]
        symbols = [one.symbol for one in self.world.traded]
        symbol = symbols.index(candles.symbol)
        if pacing is not None:
            own = pacing.decisions(own)._replace(session_exit=self.plan.session_exit(self.world.traded[symbol]))
        return Leg(0, symbol, own)

    def _paced(self, candles: Candles) -> Pacing | None:
        traded = next(one for one in self.world.traded if one.symbol == candles.symbol)
        if traded.timeframe == candles.timeframe:
            return None
        refuse_close(self.world.members[0], candles, traded)
        return pace(candles, traded)


def _shape(world: World) -> Shape:
    """Return everything of a world but the numbers of its account."""
    used = [
        *world.members[0].candles,
        *world.traded,
        *(rate.candles for rate in world.rates.values()),
        *world.finer.values(),
    ]
    candles = tuple((one.symbol, one.timeframe, str(one.day_end), one.price, one.source, len(one)) for one in used)
    rates, finer = tuple(world.rates), tuple(world.finer)
    return (
        repr(world.instruments), world.contracts.tobytes(), world.account.currency, candles, rates, finer, world.start
    )  # fmt: skip
