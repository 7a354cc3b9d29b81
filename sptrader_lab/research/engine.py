"""Engine: one strategy on one set of candles, run for any number of combinations of its values.

What combinations share is done once: columns by the component and its parameters, conditions by their numbers, candles laid out
for the kernel. The kernel is that of `lab.backtest`; of each run only its metrics are kept.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from itertools import combinations as pairs_of
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.backtesting import lookahead as looking
from sptrader_lab.backtesting.admission import as_candles, check_store
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.run import backtest
from sptrader_lab.backtesting.simulate import drive
from sptrader_lab.backtesting.traded import TradeOn
from sptrader_lab.backtesting.world import find_world
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.components.library import scan
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import LabError, LookaheadError
from sptrader_lab.kernel.compile import notice_first_use
from sptrader_lab.kernel.layout import make_journal, make_legs
from sptrader_lab.kernel.state import ORDERS, STEPS, Journal, Legs
from sptrader_lab.kernel.summary import BLOCK_SUMS, BLOCKS, SUMMARY, summarise
from sptrader_lab.research.columns import Column, Shelf, Source
from sptrader_lab.research.ground import Ground, Setup
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.parameters import plain_text
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.template import ROOTS, Flat, Root, Shape, Template, build
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instants import parse_time

Combination = Mapping[str, object]
#: Bytes of columns and decisions that are kept for later combinations.
_KEPT: Final = 128_000_000
#: Combinations drawn to compare their numbers with those of a full bind, and pairs of names whose ends are.
_DRAWN, _PAIRS = 16, 10
#: Combinations of a sweep whose values are looked at beforehand.
_SEEN: Final = 512
#: Combinations that share their structural values before a template of their own is worth its binds.
_WORTH: Final = 8
#: Records of each kind that a journal has room for at first.
_RECORDS: Final = 4_096


class Batch(NamedTuple):
    """What came of some combinations, in their order.

    Attributes
    ----------
    metrics : numpy.ndarray of float64, shape (combinations, len(SUMMARY))
        NaN where the run failed.
    blocks : numpy.ndarray of float64, shape (combinations, 16, 3)
        Count, sum and sum of squares of the daily returns in 16 equal stretches of the days; 0 where the run failed.
    errors : list of str
        Why a combination failed, "" where it did not.
    """

    metrics: NDArray[np.float64]
    blocks: NDArray[np.float64]
    errors: list[str]


class _Task(NamedTuple):
    """One combination ready to run."""

    place: int
    setup: Setup
    numbers: Sequence[Any]


class Engine:
    """One strategy on one set of candles.

    Any number of threads may call `run`; numpy and the kernel work without the GIL. Look-ahead is checked as `lab.backtest` checks
    it, once for every set of components, on the first combination that uses it; `lookahead` says what that covered.

    Parameters
    ----------
    strategy : Strategy, str or Path
    candles : Candles or sequence of Candles
        Of one symbol, or of several that share the account.
    capital, start, store, trade_on
        As `lab.backtest` takes them.

    Raises
    ------
    StrategyError, InputError, CandleError
        When the strategy does not fit its candles even with its own values.
    """

    def __init__(
        self,
        strategy: Strategy | str | Path,
        candles: Candles | Sequence[Candles],
        *,
        capital: float | None = None,
        start: object = None,
        store: CandleStore | None = None,
        trade_on: TradeOn = None,
    ) -> None:
        check_store(store)
        self.strategy = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
        self.candles = as_candles(candles)
        self.capital = capital
        self.start = None if start is None else parse_time(start)
        self.store = store
        self.trade_on = trade_on
        self.lookahead = ""
        self._library = scan(*self.strategy.component_folders)
        self._shelf = Shelf(_KEPT)
        self._lock = threading.RLock()
        self._scratch = threading.local()
        self._grounds: dict[Hashable, Ground] = {}
        self._sources: dict[Hashable, tuple[Source, ...]] = {}
        self._shapes: dict[Hashable, int] = {}
        self._verdicts: dict[Hashable, str] = {}
        self._templates: dict[tuple[str, ...], tuple[Template, Setup]] = {}
        self._asked: dict[tuple[str, ...], int] = {}
        self._structural: tuple[str, ...] = ()
        self._exact = False
        self._verified = 0

    # -- what a caller wants

    def prepare(self, combinations: Sequence[Combination]) -> None:
        """Find out how values become numbers, and compare with full binds, before anything is run.

        For a caller who knows all of them: sixteen combinations drawn from all, and the ends of pairs of names, must come out as a
        full bind has them, else nothing but full binds is used. Without it the first sixteen that are run are compared.
        """
        with self._lock:
            self._verified = _DRAWN
            if not len(combinations):
                return
            seeded = np.random.default_rng(len(combinations))
            last = len(combinations) - 1
            places = {0, last, *seeded.integers(last + 1, size=min(_SEEN, last + 1)).tolist()}
            seen = [combinations[place] for place in sorted(places)]
            self._study(seen)
            drawn = [seen[place] for place in seeded.choice(len(seen), min(_DRAWN, len(seen)), replace=False)]
            if any(not self._agrees(one) for one in drawn):
                self._exact = True
                return
            for template, _ in list(self._templates.values())[:1]:
                for one, other in list(pairs_of(sorted(template.ends), 2))[:_PAIRS]:
                    if not all(self._agrees(corner) for corner in _corners(template, one, other)):
                        self._split(one)
                        self._split(other)

    def _study(self, seen: Sequence[Combination]) -> None:
        """Let the first template see which values there are, so that of many only some need a bind."""
        for name in seen[0]:
            try:
                if self._from_template(seen[0]) is None:
                    return
                template, _ = next(iter(self._templates.values()))
                if name not in self._structural:
                    template.study(name, [one[name] for one in seen])
            except KeyError as error:
                self._split(str(error.args[0]))
            except LabError:  # the first combination is refused, and tells nothing about the others
                return

    def _verify(self, combinations: Sequence[Combination]) -> None:
        """Compare the first combinations with full binds where no one who knows all of them has called `prepare`."""
        with self._lock:
            for combination in combinations[: max(0, _DRAWN - self._verified)]:
                self._verified += 1
                if not self._exact and not self._agrees(combination):
                    self._exact = True

    def run(self, combinations: Sequence[Combination]) -> Batch:
        """Run combinations, each a mapping of names to values as `Strategy.with_values` takes them.

        Returns
        -------
        Batch
            In the order of `combinations`, whatever the order in which they were run.
        """
        notice_first_use()
        self._verify(combinations)
        count = len(combinations)
        batch = Batch(np.full((count, len(SUMMARY)), np.nan), np.zeros((count, BLOCKS, len(BLOCK_SUMS))), [""] * count)
        tasks = []
        for place in range(count):
            try:
                tasks.append(_Task(place, *self._bound(combinations[place])))
            except LabError as error:
                batch.errors[place] = str(error)
        tasks.sort(key=_decisions_first)
        for task in tasks:
            try:
                self._run(task, batch)
            except LabError as error:
                batch.errors[task.place] = str(error)
                batch.metrics[task.place] = math.nan
        return batch

    def result(self, combination: Combination) -> Result:
        """Return the whole result of one combination: `lab.backtest` with these values, the same bytes."""
        return backtest(
            self.strategy.with_values(combination),
            self.candles,
            capital=self.capital,
            start=None if self.start is None else np.datetime64(self.start, "ns"),
            store=self.store,
            trade_on=self.trade_on,
        )

    # -- from values to numbers

    def _bind(self, combination: Combination) -> Setup:
        """Bind a combination in full, as `lab.backtest` does."""
        strategy = self.strategy.with_values(combination)
        plan = make_plan(strategy, self._library)
        member = Member(strategy.name, plan, self.candles)
        world = find_world([member], capital=self.capital, start=self.start, trade_on=self.trade_on, store=self.store)
        setup = Setup(plan, world)
        with self._lock:  # numbers for shapes, which are quicker to look up
            known = self._shapes
            setup.number = known.setdefault(setup.flat.shape, len(known))
            setup.root_numbers = {
                name: known.setdefault(root.shape, len(known)) for name, root in setup.flat.roots.items()
            }
            setup.ground = self._grounds.setdefault(setup.flat.shape[1], setup.ground)
        return setup

    def _flat(self, combination: Combination) -> Flat:
        return self._bind(combination).flat

    def _bound(self, combination: Combination) -> tuple[Setup, Sequence[Any]]:
        """Return a setup of the combination's shape and its numbers: from a template, or by a full bind."""
        with self._lock:
            found = None if self._exact else self._from_template(combination)
        if found is not None:
            return found
        setup = self._bind(combination)
        return setup, setup.flat.numbers

    def _from_template(self, combination: Combination) -> tuple[Setup, Sequence[Any]] | None:
        while True:
            key = tuple(plain_text(name, combination[name]) for name in self._structural if name in combination)
            self._asked[key] = self._asked.get(key, 0) + 1
            if self._structural and self._asked[key] <= _WORTH:
                return None
            try:
                if key not in self._templates:
                    setup = self._bind(combination)
                    self._templates[key] = Template(self._flat, combination, LabError), setup
                template, setup = self._templates[key]
                numbers = template.numbers(
                    {name: combination[name] for name in template.base if name not in self._structural}
                )
            except KeyError as error:
                self._split(str(error.args[0]))
                continue
            return None if numbers is None else (setup, numbers)

    def _split(self, name: str) -> None:
        """Bind every value of a name apart from now on."""
        self._structural = tuple(sorted({*self._structural, name}))
        self._templates, self._asked = {}, {}

    def _agrees(self, combination: Combination) -> bool:
        """Say whether a template gives a combination the shape and the numbers that a full bind gives it."""
        try:
            found = self._from_template(combination)
        except LabError:  # its base is refused, and so will be the run
            return True
        if found is None:
            return True
        setup, numbers = found
        try:
            flat = self._flat(combination)
        except LabError:
            return False
        same = [type(number) for number in numbers] == [type(number) for number in flat.numbers]
        return same and flat.shape == setup.flat.shape and list(flat.numbers) == numbers

    # -- from numbers to metrics

    def _run(self, task: _Task, batch: Batch) -> None:
        setup, ground = task.setup, task.setup.ground
        self._look(setup)
        terms = setup.terms(task.numbers)
        legs = self._legs(setup, task.numbers)
        journal = self._journal(ground)
        book, journal = drive(ground.market, legs, *terms, journal=journal)
        self._scratch.journal = journal
        yardstick = ground.yardstick(journal.time[: journal.used[STEPS]])
        deepest = float(book.account[0].max_drawdown)
        summarise(
            journal, terms.account.capital, deepest, yardstick, batch.metrics[task.place], batch.blocks[task.place]
        )
        # Orders are not written whole, so what an earlier run left must not shine through.
        journal.orders[: journal.used[ORDERS]].view(np.uint8).fill(0)
        journal.used[:] = 0

    def _journal(self, ground: Ground) -> Journal:
        """Return this thread's journal: its memory is touched already, so no run waits for the system to hand it out."""
        steps = int((ground.market.last - ground.market.begin).sum())
        journal: Journal | None = getattr(self._scratch, "journal", None)
        if journal is None or len(journal.time) < steps:
            journal = make_journal(_RECORDS, steps, 1)
        return journal

    def _legs(self, setup: Setup, numbers: Sequence[Any]) -> Legs:
        """Return the decisions of all symbols as the kernel reads them."""
        key = self, setup.number, tuple(numbers[setup.deciding])
        last, legs = getattr(self._scratch, "legs", (None, None))
        if legs is None or last != key:  # the combinations of a batch are in the order of their decisions
            sources = self._of(setup)
            each = [setup.leg(place, self._decisions(setup, place, one, numbers)) for place, one in enumerate(sources)]
            legs = make_legs(setup.world.traded, sorted(each, key=lambda leg: leg.symbol))
            self._scratch.legs = key, legs
        return legs

    def _decisions(self, setup: Setup, place: int, source: Source, numbers: Sequence[Any]) -> Decisions:
        made: dict[str, tuple[Column, ...]] = {}
        changed = {}
        for name, root in setup.flat.roots.items():
            answer = partial(_answer, source, root, numbers, setup.flat.specs, made)
            key = name, source.number, setup.root_numbers[name], tuple(numbers[root.first : root.last])
            changed[ROOTS[name]] = self._shelf.get(key, answer, _bytes)
        return setup.bare[place]._replace(**changed)

    def _of(self, setup: Setup) -> tuple[Source, ...]:
        """Return the strategy's own candles, with what was computed on them."""
        own = setup.world.members[0].candles
        key = tuple((one.symbol, one.timeframe, str(one.day_end)) for one in own)
        with self._lock:
            if key not in self._sources:
                before = sum(len(sources) for sources in self._sources.values())
                self._sources[key] = tuple(Source(before + place, one, self._shelf) for place, one in enumerate(own))
            return self._sources[key]

    def _look(self, setup: Setup) -> None:
        """Check a set of components for looking ahead, once (S2).

        Raises
        ------
        LookaheadError
            Whenever the set is used.
        """
        components = frozenset(setup.flat.specs)
        with self._lock:
            if components not in self._verdicts:
                said = []
                for candles in setup.world.members[0].candles:
                    computed = setup.plan.compute(candles)
                    lengths = looking.prefix_lengths(len(candles), setup.plan.strategy.sha256)
                    try:
                        said.append(looking.check(setup.plan, candles, computed, lengths).covered)
                    except LookaheadError as error:
                        self._verdicts[components] = str(error)
                        raise
                self._verdicts[components] = ""
                self.lookahead = "; ".join(filter(None, (self.lookahead, *said)))
            if self._verdicts[components]:
                raise LookaheadError(self._verdicts[components])


def _corners(template: Template, one: str, other: str) -> list[dict[str, object]]:
    """Return the base with the ends of two names' values."""
    return [{**template.base, one: a, other: b} for a in template.ends[one] for b in template.ends[other]]


def _decisions_first(task: _Task) -> tuple[Any, ...]:
    """Order tasks so that those with the same decisions follow each other."""
    return task.setup.number, *map(str, task.numbers[task.setup.deciding])


def _answer(
    source: Source, root: Root, numbers: Sequence[Any], specs: Mapping[Shape, Spec], made: dict[str, tuple[Column, ...]]
) -> NDArray[Any]:
    return source.answer(build(root, numbers, specs), made)


def _bytes(column: NDArray[Any]) -> int:
    return column.nbytes
