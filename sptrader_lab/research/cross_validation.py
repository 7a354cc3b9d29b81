"""Cross-validation: combinatorial, purged (Lopez de Prado, 2018, "Advances in Financial Machine Learning", ch. 7 and 12).

The candles' days are cut into N groups. In each of the C(N, k) splits k groups are tested with what was best on the others; the
tests make up C(N, k) k / N paths, each of them through all groups. A group is a backtest of its own: it starts flat, with
indicators warm from the candles before it. Purge and embargo cut the training groups that lie beside a test.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.backtesting.admission import as_candles, as_capital, check_store
from sptrader_lab.candles.progress import bar
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError, RunError, unknown
from sptrader_lab.research.constraints import Constraint
from sptrader_lab.research.grid import Combinations, Sample, combinations
from sptrader_lab.research.levels import Value
from sptrader_lab.research.splits import Split, day_groups, paths_of, pooled, splits_of
from sptrader_lab.research.stretches import Length, Stretch, Timeline, read_places
from sptrader_lab.research.training import Trainer, threads
from sptrader_lab.results import faces, ratios
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

Floats = NDArray[np.float64]
Objective = Literal["sharpe_ratio", "mean_return"]

_OBJECTIVES: Final = ("sharpe_ratio", "mean_return")
_MOST_SPLITS: Final = 20_000


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What combinatorial purged cross-validation found. It shows itself in a notebook cell.

    Attributes
    ----------
    line : Timeline
    groups : tuple of Stretch
    splits : tuple of Split
    chosen : tuple of int
        The number of the combination that each split chose.
    in_sample : numpy.ndarray, shape (splits,)
        The objective of what was chosen, on what it was chosen on.
    combinations : Combinations
    objective : str
    purge, embargo : int
        In candles.
    returns : pandas.DataFrame
        Daily returns out of sample, a column per path, a row per day end.
    days_per_year : int
    """

    line: Timeline
    groups: tuple[Stretch, ...]
    splits: tuple[Split, ...]
    chosen: tuple[int, ...]
    in_sample: Floats
    combinations: Combinations
    objective: str
    purge: int
    embargo: int
    returns: pd.DataFrame
    days_per_year: int

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per split: its test groups, the chosen values, the objective on what they were chosen on."""
        rows: list[dict[str, Any]] = [
            {"tested": split.tested, **self.combinations[number], f"in_{self.objective}": value}
            for split, number, value in zip(self.splits, self.chosen, self.in_sample.tolist(), strict=True)
        ]
        return pd.DataFrame(rows).rename_axis("split")

    def values(self, split: int) -> dict[str, Value]:
        """Return the combination that a split chose."""
        return self.combinations[self.chosen[split]]

    @cached_property
    def sharpe_ratios(self) -> pd.Series[float]:
        """Sharpe ratio per year of each path."""
        found = [
            ratios.sharpe(ratios.moments(self.returns[path].to_numpy()), self.days_per_year) for path in self.returns
        ]
        return pd.Series(found, self.returns.columns, name="sharpe_ratio")

    @property
    def equity(self) -> pd.DataFrame:
        """Growth of 1 along each path, at the day ends."""
        return (1.0 + self.returns).cumprod()

    @property
    def sentences(self) -> list[str]:
        """What the paths say and what they do not, the verdict first."""
        found = self.sharpe_ratios.dropna()
        if found.empty:
            return ["Nothing to judge: no path ever moved."]
        low, middle, high = np.quantile(found, (0.05, 0.5, 0.95))
        under = float((found <= 0).mean())
        verdict = (
            "What is best on some of the days has earned on the others along every path."
            if under == 0
            else "What is best on some of the days has lost on the others along most paths."
            if under > 0.5
            else "What is best on some of the days has earned on the others along most paths, not along all."
        )
        return [
            verdict,
            (
                f"{len(self.splits):,} splits of {len(self.groups)} groups, {len(self.returns.columns):,} paths over {len(self.returns):,} "
                f"days: Sharpe ratio {middle:.2f} a year in the middle, {low:.2f} to {high:.2f} for nine paths in ten, {under:.0%} of "
                f"them at 0 or below. Chosen on the others, the values had {float(np.nanmean(self.in_sample)):.2f} "
                f"({self.objective.replace('_', ' ')}) on average, the best of {len(self.combinations):,}."
            ),
            (f"Purged {self.purge:,} candles before each test, embargo {self.embargo:,} after it."),
            (
                "Paths share days and most of what they were chosen on, so they are not as many independent trials. Values for early "
                "days were chosen on later ones, too, which nobody could have done; walking forward says what could have been."
            ),
        ]

    def plot(self, **options: Any) -> Any:
        """Return the growth along every path, see `charts.walk.paths_figure`."""
        return faces.face("paths")(self, **options)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return f"<CrossValidation {len(self.splits)} splits, {len(self.returns.columns)} paths, objective {self.objective}>"

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{html.escape(line)}</p>" for line in self.sentences)
        return said + self.sharpe_ratios.to_frame().T.to_html(
            float_format=lambda value: f"{value:.2f}", na_rep="\N{EN DASH}"
        )


def cross_validate(
    strategy: Strategy | str | Path,
    candles: Candles | Sequence[Candles],
    grid: Mapping[str, Iterable[object]] | None = None,
    *,
    groups: int = 6,
    test_groups: int = 2,
    purge: Length | None = None,
    embargo: Length = 0,
    objective: Objective = "sharpe_ratio",
    constraints: Sequence[Constraint] | str = (),
    sample: Sample = "grid",
    n: int | None = None,
    seed: int = 0,
    capital: float | None = None,
    start: object = None,
    store: CandleStore | None = None,
    trade_on: str | None = None,
    parameters: Mapping[str, object] | None = None,
    progress: bool = True,
) -> CrossValidation:
    """Choose on all ways of leaving out some groups of days, test on those left out, and follow the paths through them.

    Parameters
    ----------
    strategy : Strategy, str or Path
    candles : Candles or sequence of Candles
    grid, constraints, sample, n, seed
        What is tried, see `research.grid.combinations`.
    groups, test_groups : int
        N and k: 6 and 2 give 15 splits and 5 paths.
    purge : int, str or timedelta, optional
        How much at least is taken off the end of training that lies before a test. It is never less than the longest
        holding of the values chosen, in candles: where that is longer, all is repeated with more.
    embargo : int, str or timedelta
        How much is taken off the beginning of training that lies after a test. Indicators of later days read the test's
        candles; as long as their memory is a good choice.
    objective : {"sharpe_ratio", "mean_return"}
        Of the daily returns on all training groups together; what is not made of daily returns can't be put together.
    capital, start, store, trade_on
        As in `lab.backtest`; `trade_on` as a timeframe.
    parameters : mapping, optional
        Other values that all combinations share.
    progress : bool
        Show a bar.

    Returns
    -------
    CrossValidation

    Raises
    ------
    InputError, StrategyError, CandleError
        For any mistake, before anything runs; or when purge and embargo leave nothing of a group.
    RunError
        When all combinations fail, or a split has none with a value of the objective.
    LookaheadError
        When a component uses later bars.
    """
    check_store(store)
    if objective not in _OBJECTIVES:
        raise InputError(unknown("objective of cross_validate", str(objective), _OBJECTIVES))
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    loaded = loaded.with_values(dict(parameters or {}))
    chosen = combinations(loaded, grid, constraints=constraints, sample=sample, n=n, seed=seed)
    line = Timeline(as_candles(candles), None if start is None else parse_time(start))
    _check_counts(groups, test_groups)
    money = None if capital is None else as_capital(capital)
    trainer = Trainer(loaded, chosen, line, capital=money, store=store, trade_on=trade_on)
    least, apart = read_places(line, purge, "purge"), read_places(line, embargo, "embargo")
    stretches = day_groups(line, groups)
    validator = _Validator(trainer, stretches, test_groups, objective, apart)
    with threads() as pool:
        return validator.run(least, pool, shown=progress)


class _Validator:
    """Runs the combinations on every stretch that any split trains on, each once, and puts splits and paths together."""

    def __init__(self, trainer: Trainer, groups: tuple[Stretch, ...], tests: int, objective: str, embargo: int) -> None:
        self.trainer = trainer
        self.groups = groups
        self.tests = tests
        self.objective = objective
        self.embargo = embargo
        self.results: dict[tuple[int, Stretch], Result] = {}

    def run(self, purge: int, pool: ThreadPoolExecutor, *, shown: bool) -> CrossValidation:
        sums: dict[Stretch, Floats] = {}
        while True:
            splits = splits_of(self.groups, self.tests, purge=purge, embargo=self.embargo)
            wanted = sorted({stretch for split in splits for stretch in split.trained} - set(sums))
            with bar(len(wanted) if shown else 0, "cross-validate", unit=" groups") as seen:
                for stretch in wanted:
                    sums[stretch] = self.trainer.run(stretch, pool).blocks.sum(axis=1)
                    seen.update()
            year = self._year()
            chosen = [self._choose(split, sums, year) for split in splits]
            longest = max(
                self.trainer.holding(self._result(number, stretch))
                for split, (number, _) in zip(splits, chosen, strict=True)
                for stretch in split.trained
            )
            if longest <= purge:
                break
            purge = longest
        numbers = tuple(number for number, _ in chosen)
        return CrossValidation(
            self.trainer.line,
            self.groups,
            splits,
            numbers,
            np.array([value for _, value in chosen]),
            self.trainer.combinations,
            self.objective,
            purge,
            self.embargo,
            self._paths(splits, numbers),
            year,
        )

    def _choose(self, split: Split, sums: Mapping[Stretch, Floats], year: int) -> tuple[int, float]:
        values = pooled(np.sum([sums[stretch] for stretch in split.trained], axis=0), self.objective, year)
        if np.isnan(values).all():
            raise RunError(
                f"no combination has a {self.objective} on the groups beside {split.tested}: nothing to choose by"
            )
        best = int(np.nanargmax(values))
        return best, float(values[best])

    def _paths(self, splits: Sequence[Split], chosen: Sequence[int]) -> pd.DataFrame:
        paths = paths_of(splits, len(self.groups))
        found = {
            f"path {number + 1}": pd.concat(
                [
                    self._result(chosen[split], stretch).daily_returns
                    for split, stretch in zip(row, self.groups, strict=True)
                ]
            )
            for number, row in enumerate(paths.tolist())
        }
        return pd.DataFrame(found)

    def _result(self, number: int, stretch: Stretch) -> Result:
        if (number, stretch) not in self.results:
            self.results[number, stretch] = self.trainer.result(number, stretch)
        return self.results[number, stretch]

    def _year(self) -> int:
        return self._result(0, self.groups[0]).days_per_year


def _check_counts(groups: object, tests: object) -> None:
    for name, value in (("groups", groups), ("test_groups", tests)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name}={value!r} must be a whole number, at least 1")
    assert isinstance(groups, int)
    assert isinstance(tests, int)
    if not tests < groups:
        raise InputError(
            f"test_groups={tests} of groups={groups} leave nothing to choose on; test at most {groups - 1}"
        )
    if math.comb(groups, tests) > _MOST_SPLITS:
        raise InputError(
            f"{math.comb(groups, tests):,} splits of {groups} groups, {tests} tested, are more than {_MOST_SPLITS:,}; take fewer groups"
        )
