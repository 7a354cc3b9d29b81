"""Walk forward: values chosen on candles of the past, tested on the next ones, over and over (Pardo, 1992 and 2008)."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.backtesting.admission import as_candles, as_capital, check_store
from sptrader_lab.candles.progress import bar
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError
from sptrader_lab.research.constraints import Constraint
from sptrader_lab.research.grid import Sample, combinations
from sptrader_lab.research.levels import Value
from sptrader_lab.research.orders import check_metric
from sptrader_lab.research.stitching import Stitched, stitch
from sptrader_lab.research.stretches import Length, Segment, Stretch, Timeline, read_places, segments
from sptrader_lab.research.training import Trainer, best_of, threads
from sptrader_lab.results import faces, ratios
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

#: Metrics that the table of segments shows of both sides, beside the objective.
SHOWN: Final = ("sharpe_ratio", "total_return", "max_drawdown", "total_trades")


class Step(NamedTuple):
    """One segment when it has been walked.

    Attributes
    ----------
    train, test : Stretch
        On the walk's timeline; what lies between them was left out.
    values : dict or None
        The chosen combination; None where no combination had a value of the objective, so nothing was traded.
    trained, tested : Result or None
        The chosen combination's backtests.
    """

    train: Stretch
    test: Stretch
    values: dict[str, Value] | None
    trained: Result | None
    tested: Result | None


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What a walk came to. It shows itself in a notebook cell.

    Attributes
    ----------
    steps : tuple of Step
    line : Timeline
    objective : str
        What values were chosen by.
    combinations : int
        How many were tried in each training.
    embargo : int
        Candles left out between purge and test.
    out_of_sample : Stitched
        The tests behind each other.
    """

    steps: tuple[Step, ...]
    line: Timeline
    objective: str
    combinations: int
    embargo: int
    out_of_sample: Stitched

    @property
    def equity(self) -> pd.Series[float]:
        """Out-of-sample equity at each closing instant; every segment goes on from where the one before ended."""
        return self.out_of_sample.equity

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the stitched equity and of all trades of the tests, as `results.metrics.METRICS` defines them."""
        return self.out_of_sample.metrics

    @cached_property
    def segments(self) -> pd.DataFrame:
        """A row per segment: its instants, candles left out, chosen values, metrics of training and test, efficiency.

        Columns that begin with `in_` are of the training, with `out_` of the test. `efficiency` is the test's return per year
        over the training's (Pardo), undefined where the training did not earn.
        """
        shown = tuple(dict.fromkeys((self.objective, *SHOWN)))
        return pd.DataFrame([self._row(step, shown) for step in self.steps]).rename_axis("segment")

    @property
    def efficiency(self) -> float:
        """Mean return per year of the tests over that of the trainings; NaN where the trainings did not earn."""
        walked = [step for step in self.steps if step.trained is not None]
        earned = [_yearly(step.trained) for step in walked], [_yearly(step.tested) for step in walked]
        before, after = (float(np.mean(each)) if walked else np.nan for each in earned)
        return ratios.quotient(after, before) if before > 0 else float("nan")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """All trades of the tests, with their segment; profits are of an account that begins each segment anew."""
        parts = {number: step.tested.trades for number, step in enumerate(self.steps) if step.tested is not None}
        return pd.concat(parts, names=["segment"]).reset_index("segment") if parts else pd.DataFrame()

    @property
    def sentences(self) -> list[str]:
        """What the walk says and what it does not, the verdict first."""
        found, days = self.metrics, int(self.metrics["trading_days"])
        sharpe, known = found["sharpe_ratio"], found["probabilistic_sharpe_ratio"]
        earned = sum(step.tested is not None and step.tested.metrics["total_return"] > 0 for step in self.steps)
        inside = [step.trained.metrics["sharpe_ratio"] for step in self.steps if step.trained is not None]
        if np.isnan(sharpe):
            verdict = "Nothing to judge: the tests never moved, or are too few days."
        elif known >= 0.95:
            verdict = "Choosing on the past has paid out of sample, and luck alone is an unlikely explanation."
        elif found["total_return"] > 0:
            verdict = "Choosing on the past has earned out of sample, no more than luck could have."
        else:
            verdict = "Choosing on the past has not paid out of sample."
        return [
            verdict,
            (
                f"{len(self.steps)} segments over {days:,} days never used for choosing: return {found['total_return']:.2%}, Sharpe "
                f"ratio {sharpe:.2f} a year, deepest fall {found['max_drawdown']:.2%}; {earned} of {len(self.steps)} segments earned. "
                f"The probability that the true Sharpe ratio is above 0 is {known:.1%} (95 % is the usual bar)."
            ),
            (
                f"In their trainings the chosen values had a Sharpe ratio of {_mean(inside):.2f} on average, the best of "
                f"{self.combinations:,}; efficiency {self.efficiency:.0%} of the return per year was left in the tests."
            ),
            (
                "It judges this way of choosing, not one set of values. It does not know what was looked at before the walk: the rules, "
                "the ranges, lengths of training and test, or walks tried earlier on the same candles."
            ),
        ]

    def __repr__(self) -> str:
        return (
            f"<WalkForward {len(self.steps)} segments, out-of-sample Sharpe ratio {self.metrics['sharpe_ratio']:.2f}>"
        )

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{html.escape(line)}</p>" for line in self.sentences)
        return said + self.segments.to_html(float_format=lambda value: f"{value:.4g}", na_rep="\N{EN DASH}")

    def plot(self, **options: Any) -> Any:
        """Return the stitched equity with its segments, see `charts.walk.walk_figure`."""
        return faces.face("walk")(self, **options)

    def _row(self, step: Step, shown: Sequence[str]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "train_start": _stamp(self.line.instant(step.train.first)),
            "train_end": _stamp(self.line.instant(step.train.last)),
            "test_start": _stamp(self.line.instant(step.test.first)),
            "test_end": _stamp(self.line.instant(step.test.last)),
            "left_out": step.test.first - step.train.last,
            **(step.values or {}),
        }
        for side, result in (("in", step.trained), ("out", step.tested)):
            row |= {f"{side}_{name}": np.nan if result is None else result.metrics[name] for name in shown}
        before = np.nan if step.trained is None else _yearly(step.trained)
        row["efficiency"] = ratios.quotient(_yearly(step.tested), before) if before > 0 else np.nan
        return row


def walk_forward(
    strategy: Strategy | str | Path,
    candles: Candles | Sequence[Candles],
    grid: Mapping[str, Iterable[object]] | None = None,
    *,
    train: Length,
    test: Length | Sequence[object],
    anchored: bool = False,
    purge: Length | None = None,
    embargo: Length = 0,
    objective: str = "sharpe_ratio",
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
) -> WalkForward:
    """Choose values on some candles, test them on the next, move on, and put the tests behind each other.

    A training knows no candle beyond its end. A test starts flat, with indicators that are warm from the candles before it;
    what is open when it ends is valued at the last close and not carried on.

    Parameters
    ----------
    strategy : Strategy, str or Path
    candles : Candles or sequence of Candles
        Of one symbol, or of several that share the account.
    grid, constraints, sample, n, seed
        What is tried in each training, see `research.grid.combinations`.
    train : int, str or timedelta
        How much is chosen on: candles, or a length of time such as ``"180d"``. Of an anchored walk, in the first segment.
    test : int, str, timedelta or sequence of instants
        How much each segment tests; the last may be shorter. Or the borders of the tests, two instants or more.
    anchored : bool
        Every training begins at the first candle.
    purge : int, str or timedelta, optional
        How much at least is left out between training and test. It is never less than the longest holding of the values
        chosen, in candles: where that is longer, the training is cut further and repeated.
    embargo : int, str or timedelta
        How much is left out besides.
    objective : str
        The metric that is chosen by.
    capital, start, store, trade_on
        As in `lab.backtest`; `trade_on` as a timeframe.
    parameters : mapping, optional
        Other values that all combinations share.
    progress : bool
        Show a bar.

    Returns
    -------
    WalkForward

    Raises
    ------
    InputError, StrategyError, CandleError
        For any mistake, before anything runs; or when purge and embargo leave nothing to train on.
    RunError
        When every combination fails on some training.
    LookaheadError
        When a component uses later bars.
    """
    check_store(store)
    check_metric(objective)
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    loaded = loaded.with_values(dict(parameters or {}))
    chosen = combinations(loaded, grid, constraints=constraints, sample=sample, n=n, seed=seed)
    line = Timeline(as_candles(candles), None if start is None else parse_time(start))
    walk = segments(line, train, test, anchored=anchored)
    least, apart = read_places(line, purge, "purge"), read_places(line, embargo, "embargo")
    money = None if capital is None else as_capital(capital)
    trainer = Trainer(loaded, chosen, line, capital=money, store=store, trade_on=trade_on)
    steps = []
    with threads() as pool, bar(len(walk) if progress else 0, "walk forward", unit=" segments") as seen:
        for segment in walk:
            step, least = _walk(trainer, segment, least, apart, objective, pool)
            steps.append(step)
            seen.update()
    tests = [(step.tested, line.closes(step.test.first, step.test.last)) for step in steps]
    return WalkForward(
        tuple(steps), line, objective, len(chosen), apart, stitch(tests, line.instant(walk[0].test.first))
    )


def _walk(
    trainer: Trainer, segment: Segment, purge: int, embargo: int, objective: str, pool: ThreadPoolExecutor
) -> tuple[Step, int]:
    """Walk one segment; return it and the purge that it took, with which the next begins."""
    asked = purge
    while True:
        train = Stretch(segment.train.first, segment.train.last - embargo - purge)
        number = best_of(trainer.run(train, pool), objective) if train else None
        if not train or (number is None and purge > asked):
            raise InputError(
                f"a purge of {purge:,} candles (at least the longest holding) and an embargo of {embargo:,} leave too little of a "
                f"training of {segment.train.last - segment.train.first:,}; train on more, or bound the holding with "
                "max_holding_period"
            )
        if number is None:
            return Step(train, segment.test, None, None, None), purge
        trained = trainer.result(number, train)
        longest = trainer.holding(trained)
        if longest <= purge:
            tested = trainer.result(number, segment.test)
            return Step(train, segment.test, trainer.combinations[number], trained, tested), purge
        purge = longest


def _yearly(result: Result | None) -> float:
    """Return the return per year, without compounding, which a short segment would blow up."""
    if result is None or not len(result.outcome.time):
        return float("nan")
    elapsed = int(result.outcome.time[-1]) - result.span[0]
    return float(result.metrics["total_return"]) / ratios.years(elapsed)


def _mean(values: Sequence[float]) -> float:
    defined: NDArray[np.float64] = np.array([value for value in values if not np.isnan(value)])
    return float(defined.mean()) if len(defined) else float("nan")


def _stamp(instant: int) -> pd.Timestamp:
    return pd.Timestamp(instant, unit="ns", tz="UTC")
