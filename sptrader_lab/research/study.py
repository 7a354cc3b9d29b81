"""Study: what an optimisation found, and the questions that are asked of it."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.errors import InputError, RunError
from sptrader_lab.kernel.summary import BLOCK_SUMS, BLOCKS, SUMMARY
from sptrader_lab.research.levels import Value
from sptrader_lab.research.orders import LOWER, check_metric, goodness, ranked
from sptrader_lab.research.setting import Setting
from sptrader_lab.research.store import column_of
from sptrader_lab.research.watch import shown, told
from sptrader_lab.results import faces

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from sptrader_lab.research.significance import Significance
    from sptrader_lab.results.result import Result

#: What a trial's user attributes are called: how it ended, its metrics in the order of SUMMARY, its block sums.
ENDED: Final = "ended"
METRICS_KEY: Final = "metrics"
BLOCKS_KEY: Final = "blocks"
#: Trials with a value before importances say anything.
_FEWEST: Final = 20


def ran(trial: FrozenTrial) -> bool:
    """Say whether a trial has looked at candles: not one that a constraint refused, nor one that was interrupted."""
    return str(trial.user_attrs.get(ENDED, "refused")) != "refused"


class Optimization:
    """What an optimisation found. It shows itself in a notebook cell.

    Attributes
    ----------
    study : optuna.Study
        For all that Optuna can do besides.
    objectives : tuple of str
    names : tuple of str
        What was varied.
    top : int
        How many of the best the statistics look into.
    """

    def __init__(
        self, study: Study, setting: Setting, objectives: tuple[str, ...], names: tuple[str, ...], top: int
    ) -> None:
        self.study = study
        self.objectives = objectives
        self.names = names
        self.top = top
        self._setting = setting
        self._results: dict[int, Result] = {}

    @cached_property
    def trials(self) -> list[FrozenTrial]:
        """Every trial that has looked at candles, in order, the pruned and the failed ones too."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if ran(trial)]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per trial: its values, every metric, how it ended. The index is its number in the study.

        Metrics of what was pruned or failed are NaN.
        """
        rows = [
            {
                **{column_of(name): trial.params[name] for name in self.names},
                **dict(zip(SUMMARY, self._metrics(trial), strict=True)),
                "ended": trial.user_attrs[ENDED],
            }
            for trial in self.trials
        ]
        columns = [*map(column_of, self.names), *SUMMARY, "ended"]
        return pd.DataFrame(
            rows, index=pd.Index([trial.number for trial in self.trials], name="trial"), columns=columns
        )

    def ranking(self, by: str | None = None) -> NDArray[np.int64]:
        """Return the numbers of the trials with a value, the best first; of trials with the same values the first."""
        name = check_metric(self.objectives[0] if by is None else by)
        good = goodness(name, self.frame[name].to_numpy(np.float64))
        good = np.where(self._repeated, np.nan, good)
        return np.asarray(self.frame.index.to_numpy(np.int64)[ranked(good)])

    def best(self, n: int = 1, by: str | None = None) -> pd.DataFrame:
        """Return the rows of the `n` best trials; by the first of several objectives unless `by` names a metric."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise InputError(f"n={n!r} must be a whole number, at least 1")
        return self.frame.loc[self.ranking(by)[:n]]

    def pareto(self) -> pd.DataFrame:
        """Return the rows that no other row is as good as in every objective and better in one, the best in the first first.

        Of trials with the same values the first stands.
        """
        columns = [goodness(name, self.frame[name].to_numpy(np.float64)) for name in self.objectives]
        points = np.stack(columns, axis=1)
        kept = [
            place
            for place, point in enumerate(points)
            if not (np.isnan(point).any() or self._repeated[place])
            and not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any()
        ]
        order = np.argsort(-points[kept, 0], kind="stable")
        return self.frame.iloc[np.array(kept, np.int64)[order]]

    def values(self, number: int) -> dict[str, Value]:
        """Return one trial's combination, to be given to `lab.backtest` as parameters or to `strategy.with_values`."""
        for trial in self.trials:
            if trial.number == number:
                return {name: trial.params[name] for name in self.names}
        raise InputError(f"trial {number!r} is not in this study, or was refused before it ran")

    def result(self, number: int | None = None) -> Result:
        """Return one trial's backtest, as `lab.backtest` gives it; of the best one unless a number is given.

        Raises
        ------
        InputError
            When there is no such trial.
        RunError
            When no trial has a value.
        """
        if number is None:
            ranking = self.ranking()
            if not len(ranking):
                raise RunError("no trial has a value of the objective; `frame` says how each ended")
            number = int(ranking[0])
        if number not in self._results:
            values = self.values(number)
            self._results[number] = self._setting.engine(values).result(values)
        return self._results[number]

    @cached_property
    def significance(self) -> Significance:
        """What the best is worth, every trial counted, the pruned and the failed ones too; printing it says so in sentences.

        A search looks where it was good before, so its trials resemble each other more than those of a grid, which makes the spread
        of their ratios too small or too large for the deflated Sharpe ratio to be exact.

        Raises
        ------
        RunError
            When no trial has a value.
        """
        from sptrader_lab.research.significance import assess
        from sptrader_lab.research.significance.assess import NEEDED

        leading = [self.result(int(number)) for number in self.ranking()[: self.top]]
        if not leading:
            raise RunError("no trial has a value of the objective, so there is nothing to judge")
        blocks = np.zeros((len(self.trials), BLOCKS, len(BLOCK_SUMS)))
        for place, trial in enumerate(self.trials):
            blocks[place] = trial.user_attrs.get(BLOCKS_KEY, 0.0)
        return assess(
            {name: self.frame[name].to_numpy(np.float64) for name in NEEDED},
            blocks,
            [np.asarray(one.daily_returns, np.float64) for one in leading],
            [np.asarray(one.outcome.trades["pnl"], np.float64) for one in leading],
            days_per_year=leading[0].days_per_year,
            trials=len(self.trials),
        )

    def importances(self) -> pd.Series[float]:
        """Return how much each name matters for reaching the best tenth of the trials, the largest first, 1 in all.

        PED-ANOVA (Watanabe et al., 2023); of several objectives, for reaching their Pareto front. Fifty trials with a value say
        something, fewer little.

        Raises
        ------
        InputError
            When fewer than twenty trials have a value.
        """
        from optuna.importance import get_param_importances

        complete = int((self.frame["ended"] == "complete").sum())
        if complete < _FEWEST:
            raise InputError(f"{complete} trials have a value; importances need at least {_FEWEST}")
        return pd.Series(get_param_importances(self.study), name="importance", dtype=np.float64)

    def history(self, by: str | None = None) -> pd.DataFrame:
        """Return an objective trial by trial, and the best so far.

        Raises
        ------
        InputError
            When `by` is no metric that is kept.
        """
        name = check_metric(self.objectives[0] if by is None else by)
        values = self.frame[name]
        best = values.cummin() if name in LOWER else values.cummax()
        return pd.DataFrame({name: values, "best": best.ffill(), "ended": self.frame["ended"]})

    # -- faces

    def plot_history(self, **options: Any) -> Any:
        """Return the objective trial by trial, see `charts.study.trials_figure`."""
        return faces.face("trials")(self, **options)

    def plot_importances(self, **options: Any) -> Any:
        """Return the importances as bars, see `charts.study.importances_figure`."""
        return faces.face("importances")(self, **options)

    def describe(self) -> str:
        """Return how many trials ended how, the best, and what that is worth where it is known."""
        ended = self.frame["ended"].str.split(" after|:").str[0].value_counts()
        lines = [
            f"{self.study.study_name}: {len(self.trials):,} trials, {', '.join(f'{n:,} {how}' for how, n in ended.items())}"
        ]
        best = self.ranking()[:1]
        if len(best):
            value = float(self.frame.loc[best[0], self.objectives[0]])
            lines.append(f"best {self.objectives[0]} {shown(value)}: {told(self.values(int(best[0])))}")
        if len(self.objectives) > 1:
            lines.append(f"{len(self.pareto()):,} on the Pareto front of {', '.join(self.objectives)}")
        if "significance" in self.__dict__:
            lines += ["", str(self.significance)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Optimization {self.describe().splitlines()[0]}>"

    __str__ = describe

    def _repr_html_(self) -> str:
        rows = self.pareto() if len(self.objectives) > 1 else self.best(self.top)
        table = rows.drop(columns="ended").to_html(float_format=lambda value: f"{value:.4g}", na_rep="\N{EN DASH}")
        return f"<div>{html.escape(self.describe()).replace(chr(10), '<br>')}</div>{table}"

    @cached_property
    def _repeated(self) -> NDArray[np.bool_]:
        """Which trials had values that an earlier one had."""
        return np.asarray(self.frame.duplicated([*map(column_of, self.names)]), np.bool_)

    @staticmethod
    def _metrics(trial: FrozenTrial) -> list[float]:
        found = trial.user_attrs.get(METRICS_KEY)
        return [np.nan] * len(SUMMARY) if found is None else [np.nan if value is None else value for value in found]
