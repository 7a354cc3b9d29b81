"""Table: a sweep's rows, and the questions that are asked of them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.errors import InputError, RunError
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.grid import Combinations, strategy_values
from sptrader_lab.research.levels import Value
from sptrader_lab.research.orders import check_metric, goodness, matching, neighbourhoods, ranked, unbeaten
from sptrader_lab.research.setting import Setting
from sptrader_lab.research.store import Rows, column_of
from sptrader_lab.research.watch import BESIDE, best_table, shown, told
from sptrader_lab.results import faces
from sptrader_lab.results.document import plain

if TYPE_CHECKING:
    from sptrader_lab.research.significance import Significance
    from sptrader_lab.results.result import Result


#: How many of the best the statistics look into.
_EXAMINED: Final = 3


class Sweep:
    """What a sweep found. Rows are read from disk when they are asked for; it shows itself in a notebook cell.

    Attributes
    ----------
    path : Path
        Its folder.
    sweep_id : str
        SHA-256 of everything that shapes its rows.
    combinations : Combinations
        What was to be tried.
    objective : str
        The metric that best is meant by.
    top : int
        How many of the best are shown.
    computed : int
        How many combinations were computed by the call that returned this; the others were on disk already.
    seconds : float
        How long that took.
    """

    def __init__(
        self,
        path: Path,
        document: Mapping[str, Any],
        combinations: Combinations,
        setting: Setting | None = None,
        *,
        computed: int = 0,
        seconds: float = 0.0,
    ) -> None:
        self.path = path
        self.document = document
        self.combinations = combinations
        self.sweep_id: str = document["sweep_id"]
        self.objective: str = document["objective"]
        self.top: int = document["top"]
        self.computed = computed
        self.seconds = seconds
        self._given = setting
        self._rows = Rows(path, combinations)
        self._results: dict[int, Result] = {}

    # -- rows

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """The combinations that are done, ascending."""
        return self._rows.numbers()

    @property
    def complete(self) -> bool:
        """Whether every combination is done; an interrupted sweep is not, and the same call goes on with it."""
        return len(self.numbers) == len(self.combinations)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per finished combination: its values, every metric, and `error`, '' where it ran. The index is its number.

        A parameter that is called like a metric has the column `parameters.NAME`.
        """
        return self._some(None)

    def metric(self, name: str) -> NDArray[np.float64]:
        """Return one metric of all finished combinations, in the order of `numbers`; NaN where it is undefined."""
        return np.asarray(self._rows.columns([check_metric(name)])[name], np.float64)

    def ranking(self, by: str | None = None) -> NDArray[np.int64]:
        """Return the numbers of the combinations, the best first; those without a value are left out."""
        name = check_metric(self.objective if by is None else by)
        return self.numbers[ranked(goodness(name, self.metric(name)))]

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of combinations that failed, with their errors."""
        errors = self._rows.columns(["error"])["error"]
        return self._some(self.numbers[errors != ""])

    # -- questions

    def best(self, n: int = 1, by: str | None = None) -> pd.DataFrame:
        """Return the rows of the `n` best combinations.

        Parameters
        ----------
        n : int
        by : str, optional
            A metric, the objective unless given. Of drawdowns, volatility, costs, turnover, exposure, kurtosis, losing and
            ambiguous trades less is better, of all others more.
        """
        return self._some(self.ranking(by)[: _count(n)])

    def values(self, number: int) -> dict[str, Value]:
        """Return one combination, to be given to `lab.backtest` as parameters or to `strategy.with_values`."""
        return self.combinations[number]

    def slice(self, fixed: Mapping[str, object] | None = None, /, **more: object) -> pd.DataFrame:
        """Return the rows with these values, such as ``slice(ma_fast_period=10)`` or ``slice({"execution.slippage": 0.0})``.

        Raises
        ------
        InputError
            When a name is not swept, or never took the value.
        """
        held = matching(self.combinations.levels, self._digits, {**(fixed or {}), **more})
        return self._some(self.numbers[held])

    def plateau(self, by: str | None = None) -> pd.DataFrame:
        """Return values, metric, the mean over each cell and its neighbours, and of how many; the best mean first.

        A peak among bad neighbours is luck more often than a plateau is. Neighbours differ by at most one step in every
        name, see `research.orders.neighbourhoods`.

        Raises
        ------
        InputError
            Of a sample, whose combinations have no neighbours.
        """
        if self.combinations.sampled:
            raise InputError("the combinations of a sample have no neighbours; a plateau needs sample='grid'")
        name = check_metric(self.objective if by is None else by)
        mean, count = neighbourhoods(self.combinations.levels, self._digits, self.metric(name))
        found = self.frame[[*map(column_of, self.combinations.names), name]].copy()
        found["plateau"], found["neighbourhood"] = mean, count
        return found.iloc[ranked(goodness(name, mean))]

    def pareto(self, a: str = "total_return", b: str = "max_drawdown") -> pd.DataFrame:
        """Return the rows that no other row beats in both metrics, the best in `a` first."""
        columns = [goodness(check_metric(name), self.metric(name)) for name in (a, b)]
        return self._some(self.numbers[unbeaten(columns)])

    def result(self, number: int | None = None) -> Result:
        """Return one combination's backtest, as `lab.backtest` gives it; of the best one unless a number is given.

        Raises
        ------
        InputError
            When there is no such combination.
        RunError
            When nothing ran, or components, candles or the engine are no longer those of the sweep.
        """
        if number is None:
            ranking = self.ranking()
            if not len(ranking):
                raise RunError("no combination has a value of the objective; `failed` holds errors")
            number = int(ranking[0])
        if (
            isinstance(number, bool)
            or not isinstance(number, (int, np.integer))
            or not 0 <= number < len(self.combinations)
        ):
            raise InputError(f"there is no combination {number!r}; numbers go from 0 to {len(self.combinations) - 1:,}")
        if number not in self._results:
            while len(self._results) >= self.top:
                del self._results[next(iter(self._results))]
            values = self.combinations[int(number)]
            self._results[int(number)] = self._setting.engine(values).result(strategy_values(values))
        return self._results[int(number)]

    @cached_property
    def significance(self) -> Significance:
        """What the best is worth, all that were tried counted; printing it says so in sentences.

        Raises
        ------
        RunError
            When no combination has a value of the objective.
        """
        from sptrader_lab.research.significance import assess
        from sptrader_lab.research.significance.assess import NEEDED

        leading = [self.result(int(number)) for number in self.ranking()[:_EXAMINED]]
        if not leading:
            raise RunError("no combination has a value of the objective, so there is nothing to judge")
        blocks = self._rows.blocks()
        return assess(
            {name: self.metric(name) for name in NEEDED},
            blocks if self.complete else blocks[self.numbers],
            [np.array(one.daily_returns, np.float64) for one in leading],
            [np.asarray(one.outcome.trades["pnl"], np.float64) for one in leading],
            days_per_year=leading[0].days_per_year,
            trials=len(self.numbers),
        )

    # -- faces

    def heatmap(self, x: str | None = None, y: str | None = None, **options: Any) -> Any:
        """Return a heatmap over two names, see `charts.heatmap.sweep_heatmap`."""
        return faces.face("heatmap")(self, x, y, **options)

    def parallel(self, **options: Any) -> Any:
        """Return parallel coordinates of all names, see `charts.parallel.sweep_parallel`."""
        return faces.face("parallel")(self, **options)

    def describe(self) -> str:
        """Return as text what was swept, how far it came, the best, and what that is worth where it is known."""
        lines = [self._headline()]
        best = self.ranking()[:1]
        if len(best):
            value = float(self.metric(self.objective)[np.searchsorted(self.numbers, best[0])])
            lines.append(f"best {self.objective} {shown(value)}: {told(self.values(int(best[0])))}")
        undefined = len(self.numbers) - len(self.ranking())
        if undefined:
            lines.append(f"{undefined:,} have no {self.objective}: they failed, or traded too little for one")
        failed = self.failed
        if len(failed):
            lines.append(f"{len(failed):,} failed, the first with: {failed['error'].iloc[0].splitlines()[0]}")
        if len(best):
            shown_columns = [*map(column_of, self.combinations.names), *dict.fromkeys((self.objective, *BESIDE))]
            lines += ["", self.best(self.top)[shown_columns].to_string(float_format=shown)]
        if self.judged:
            lines += ["", str(self.significance)]
        return "\n".join(lines)

    @property
    def judged(self) -> bool:
        """Whether `significance` has been computed."""
        return "significance" in self.__dict__

    def to_dict(self) -> dict[str, Any]:
        """Return what was swept, the best and what that is worth where it is known, as JSON-able data; NaN becomes None."""
        best = self.best(self.top)
        return {
            "sweep_id": self.sweep_id,
            "strategy": self.document["strategy"],
            "symbols": self.document["symbols"],
            "timeframes": self.document["timeframes"],
            "objective": self.objective,
            "combinations": len(self.combinations),
            "done": len(self.numbers),
            "complete": self.complete,
            "failed": len(self.failed),
            "computed": self.computed,
            "seconds": self.seconds,
            "best": [
                {"combination": number, "values": self.values(number), "metrics": plain(metrics)}
                for number, metrics in zip(best.index.tolist(), best[list(SUMMARY)].to_dict("records"), strict=True)
            ],
            "significance": plain(asdict(self.significance)) if self.judged else None,
            "sentences": self.significance.sentences if self.judged else [],
        }

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return f"<Sweep {self._headline()}>"

    def _repr_html_(self) -> str:
        numbers = self.ranking()[: self.top].tolist()
        metrics = self.best(self.top)[list(SUMMARY)].to_numpy()
        rows = [(self.values(number), tuple(found)) for number, found in zip(numbers, metrics.tolist(), strict=True)]
        text = "".join(f"<p>{html.escape(each)}</p>" for each in (self.significance.sentences if self.judged else ()))
        said = self.describe().split("\n\n", 1)[0]
        return f"<div>{html.escape(said).replace(chr(10), '<br>')}</div>{best_table(rows, self.objective)}{text}"

    # -- within

    def _headline(self) -> str:
        about = self.document
        many = f"{len(self.numbers):,} combinations"
        if not self.complete:
            many = f"{len(self.numbers):,} of {len(self.combinations):,} combinations, interrupted"
        candles = f"{', '.join(about['symbols'])} {', '.join(about['timeframes'])}"
        return f"{self.sweep_id[:12]}: {about['strategy']} on {candles}, {many} of {', '.join(self.combinations.names)}"

    def _some(self, numbers: NDArray[np.int64] | None) -> pd.DataFrame:
        """Return the rows of these combinations, in this order, or all of them; only they are brought into memory."""
        names = [*map(column_of, self.combinations.names), *SUMMARY, "error"]
        columns = self._rows.columns(names, numbers)
        index = pd.Index(self.numbers if numbers is None else np.sort(numbers), name="combination")
        frame = pd.DataFrame(columns, index=index)
        return frame if numbers is None else frame.loc[numbers]

    @cached_property
    def _digits(self) -> NDArray[np.int64]:
        return self.combinations.digits(self.numbers)

    @cached_property
    def _setting(self) -> Setting:
        if self._given is not None:
            return self._given
        try:
            found = Setting.load(self.document["setting"], self.path.parent / "candles")
        except OSError as error:
            raise RunError(f"sweep {self.sweep_id[:12]} can't be run again: {error}") from error
        if found.sha256 != self.document["setting_sha256"]:
            raise RunError(
                f"sweep {self.sweep_id[:12]} was run with another version of the engine or of its components, so its "
                "combinations can't be run again to the same bytes; run the sweep anew"
            )
        return found


def _count(n: object) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise InputError(f"n={n!r} must be a whole number, at least 1")
    return n
