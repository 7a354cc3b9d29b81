"""Optimising: reproducible, resumable, shared, pruned, constrained, for one objective and for several."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import numpy as np
import optuna
import pandas as pd
import pytest
from research_cases import clock, hourly, hours_of_day, paying

import sptrader_lab as lab
from sptrader_lab.charts.study import importances_figure, trials_figure
from sptrader_lab.errors import InputError, RunError
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research import optimize as searching
from sptrader_lab.research.draws import study_storage
from sptrader_lab.research.space import Choices, Range, read_space
from tests.conftest import ROOT

CROSSOVER = ROOT / "strategies" / "ma_crossover.yaml"
GRID = {"ma_fast_period": (3, 20), "ma_slow_period": (10, 60, 5), "exit.stop_loss": (0.004, 0.03)}
RULE = "ma_fast_period < ma_slow_period"


@pytest.fixture(scope="module")
def candles():
    return paying(24 * 60, np.full(24 * 60, 10.0))


@pytest.fixture(scope="module")
def wander():
    steps = np.random.default_rng(4).normal(0.0, 0.003, 24 * 60)
    return hourly(steps, hours_of_day(len(steps)))


def search(candles, **options):
    given = {"grid": GRID, "constraints": RULE, "n": 30, "progress": False, **options}
    return lab.optimize(given.pop("strategy", CROSSOVER), candles, given.pop("grid"), **given)


@pytest.fixture(scope="module")
def found(wander):
    return search(wander, n=40)


# -- the same again


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "random"])
def test_the_same_seed_makes_the_same_trials_also_when_it_went_on_from_its_file(wander, tmp_path, sampler):
    whole = search(wander, sampler=sampler)
    file = tmp_path / "there" / "study.log"
    for n in (7, 18, 30):
        parts = search(wander, sampler=sampler, storage=file, n=n)
        assert len(parts.frame) == n
    pd.testing.assert_frame_equal(parts.frame, whole.frame)
    assert len(search(wander, sampler=sampler, storage=file, n=10).frame) == 30  # all that it holds, nothing run
    assert not search(wander, sampler=sampler, seed=1).frame.equals(whole.frame)


def test_a_study_is_shared_by_processes_that_draw_different_values(tmp_path):
    file = tmp_path / "study.log"
    code = f"""
import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from test_research_optimize import hourly, hours_of_day, search
import numpy as np
steps = np.random.default_rng(4).normal(0.0, 0.003, 24 * 60)
search(hourly(steps, hours_of_day(len(steps))), sampler="random", prune=False, n=25, storage={str(file)!r})
"""
    both = [subprocess.Popen([sys.executable, "-W", "error", "-c", code]) for _ in range(2)]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    steps = np.random.default_rng(4).normal(0.0, 0.003, 24 * 60)
    together = search(hourly(steps, hours_of_day(len(steps))), sampler="random", prune=False, n=25, storage=file)
    assert 25 <= len(together.frame) <= 26  # both may be at the last one
    assert not together.frame.duplicated(["exit.stop_loss"]).any()


def test_other_candles_or_ranges_are_another_study_in_the_same_file(wander, candles, tmp_path):
    file = tmp_path / "study.log"
    names = {
        search(wander, storage=file, n=2).study.study_name,
        search(candles, storage=file, n=2).study.study_name,
        search(wander, storage=file, n=2, grid={**GRID, "ma_fast_period": (3, 21)}).study.study_name,
        search(wander, storage=file, n=2, objective="total_return").study.study_name,
    }
    assert len(names) == 4
    assert len(optuna.get_all_study_summaries(study_storage(file))) == 4


# -- what is found


def test_what_pays_is_found_with_few_trials(candles):
    """Of 24 hours one pays; its neighbours share a part of it, so there is something to follow."""
    one = lab.optimize(clock(), candles, {"level": (0.0, 23.0, 1.0), "hold": (1, 6)}, n=60, prune=False, progress=False)
    best = one.values(int(one.ranking()[0]))
    assert best["level"] in (9.0, 10.0)
    assert one.importances().index[0] == "level"
    assert one.importances().sum() == pytest.approx(1.0)
    assert one.result().metrics["sharpe_ratio"] == one.best()["sharpe_ratio"].iloc[0]


def test_every_row_is_the_backtest_of_its_values(found, wander):
    complete = found.frame[found.frame["ended"] == "complete"]
    assert len(complete) > 5
    for number in complete.index[:3]:
        alone = lab.backtest(lab.load_strategy(CROSSOVER).with_values(found.values(int(number))), wander)
        assert found.result(int(number)).digest == alone.digest
        for name in SUMMARY:
            assert complete.loc[number, name] == pytest.approx(alone.metrics[name], rel=1e-12, nan_ok=True), name


def test_a_metric_of_which_less_is_better_is_made_small(wander):
    one = search(wander, objective="max_drawdown", n=25)
    assert one.study.direction == optuna.study.StudyDirection.MINIMIZE
    complete = one.frame["max_drawdown"].dropna()
    assert one.best()["max_drawdown"].iloc[0] == complete.min()
    assert (one.history()["best"].dropna().diff().dropna() <= 0).all()


def test_several_objectives_give_their_pareto_front(wander):
    one = search(wander, objective=("total_return", "max_drawdown"), n=30)
    assert (one.frame["ended"] == "complete").all()  # with several objectives nothing is given up early
    rows = one.frame[["total_return", "max_drawdown"]].to_numpy()
    front = one.pareto()
    for gain, fall in front[["total_return", "max_drawdown"]].to_numpy():
        better = (rows[:, 0] >= gain) & (rows[:, 1] <= fall) & ((rows[:, 0] > gain) | (rows[:, 1] < fall))
        assert not better.any()
    tried = {tuple(trial.params.values()) for trial in one.study.best_trials}
    assert {tuple(one.values(int(number)).values()) for number in front.index} == tried
    assert "on the Pareto front of total_return, max_drawdown" in str(one)


# -- trials that end otherwise


def test_a_trial_is_given_up_where_it_is_worse_early_than_the_median_before_it(found):
    pruned = found.frame[found.frame["ended"].str.startswith("pruned")]
    assert len(pruned) > 3
    assert pruned["sharpe_ratio"].isna().all()
    trials = {trial.number: trial for trial in found.study.trials}
    for number in pruned.index:
        step, value = max(trials[number].intermediate_values.items())
        before = [
            each.intermediate_values[step]
            for each in found.trials
            if each.number < number
            and each.state == optuna.trial.TrialState.COMPLETE
            and step in each.intermediate_values
        ]
        assert max(trials[number].intermediate_values.values()) < np.median(before)
        assert found.frame.loc[number, "ended"] == f"pruned after {(25, 50)[step]}% of the candles"
        assert value <= max(trials[number].intermediate_values.values())


def test_early_parts_are_backtests_of_the_first_candles(found, wander):
    trial = next(one for one in found.trials if len(one.intermediate_values) == 2)
    strategy = lab.load_strategy(CROSSOVER).with_values(found.values(trial.number))
    for step, share in enumerate((0.25, 0.5)):
        alone = lab.backtest(strategy, wander.rows(0, int(share * len(wander))))
        assert trial.intermediate_values[step] == pytest.approx(alone.metrics["sharpe_ratio"], rel=1e-12)


def test_every_trial_counts_for_the_verdict_the_pruned_and_the_failed_too(wander, monkeypatch):
    engine = searching.Setting.engine

    class Failing:
        def __init__(self, inner):
            self.inner = inner
            self.result = inner.result

        def run(self, rows):
            batch = self.inner.run(rows)
            if rows[0]["ma_fast_period"] % 5 == 0:
                batch.errors[0] = "the component broke"
                batch.metrics[0], batch.blocks[0] = np.nan, 0.0
            return batch

    monkeypatch.setattr(searching.Setting, "engine", lambda self, values: Failing(engine(self, values)))
    one = search(wander, n=40)
    ended = one.frame["ended"]
    failed, pruned = ended == "failed: the component broke", ended.str.startswith("pruned")
    assert failed.any()
    assert pruned.any()
    assert len(one.frame) == one.significance.trials == 40
    assert one.significance.measured == 40 - failed.sum() - pruned.sum() - (ended == "undefined").sum()
    assert "failed, were pruned or have no ratio, and count all the same" in str(one.significance)


def test_what_a_constraint_refuses_is_never_run_and_no_trial(wander, monkeypatch):
    seen = []
    run = searching._try

    def noting(study, trial, values, *rest):
        seen.append(dict(values))
        run(study, trial, values, *rest)

    monkeypatch.setattr(searching, "_try", noting)
    grid = {"ma_fast_period": (3, 40), "ma_slow_period": (10, 60)}
    one = search(
        wander, grid=grid, constraints=["ma_fast_period + 5 <= ma_slow_period", lambda one: one["ma_fast_period"] != 7]
    )
    assert len(seen) == len(one.frame) == 30 < len(one.study.trials)
    assert all(values["ma_fast_period"] + 5 <= values["ma_slow_period"] for values in seen)
    assert all(values["ma_fast_period"] != 7 for values in seen)


def test_values_that_never_trade_have_nothing_to_judge(candles):
    one = lab.optimize(clock(), candles, {"level": [24.5, 25.5]}, n=3, progress=False)
    assert list(one.frame["ended"]) == ["undefined"] * 3
    assert not len(one.ranking())
    with pytest.raises(RunError, match="no trial has a value"):
        one.result()
    with pytest.raises(RunError, match="nothing to judge"):
        _ = one.significance


def test_ctrl_c_returns_what_is_done_and_the_same_call_goes_on(wander, tmp_path, monkeypatch):
    run, count = searching._try, []

    def interrupted(*arguments):
        count.append(1)
        if len(count) == 5:
            raise KeyboardInterrupt
        run(*arguments)

    file = tmp_path / "study.log"
    monkeypatch.setattr(searching, "_try", interrupted)
    assert len(search(wander, storage=file).frame) == 4
    monkeypatch.undo()
    assert len(search(wander, storage=file).frame) == 30


# -- the space


def test_ranges_lists_and_choices():
    strategy = lab.load_strategy(CROSSOVER)
    grid = {
        "ma_fast_period": (3, 20),
        "ma_slow_period": [60, 40, 50],
        "position_size": (0.1, 0.55, 0.2),
        "exit.stop_loss": (0.01, 0.03),
        "take_profit": [0.02, 0.05, 0.1],
    }
    axes = read_space(strategy, grid, ()).axes
    assert axes["ma_fast_period"] == Range(3, 20, 1)
    assert axes["ma_slow_period"] == Range(40, 60, 10)
    assert axes["position_size"] == Range(0.1, pytest.approx(0.5), 0.2)
    assert axes["exit.stop_loss"] == Range(0.01, 0.03, 0)
    assert axes["take_profit"] == Choices((0.02, 0.05, 0.1))
    assert [axes[name].whole for name in ("ma_fast_period", "exit.stop_loss", "position_size")] == [True, False, False]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"grid": {"ma_fast": (3, 9)}}, "ma_fast_period"),
        ({"grid": {"ma_fast_period": (9, 3)}}, "is empty: 9 is above 3"),
        ({"grid": {"ma_fast_period": (3, 9, 0)}}, "a step must be above 0"),
        ({"grid": {"ma_fast_period": (3,)}}, "is no range; write"),
        ({"grid": {"ma_fast_period": (0, 9)}}, "ma_fast_period = 0 can't be tried"),
        ({"grid": {"ma_fast_period": []}}, "no values"),
        ({"grid": {}}, "the grid is empty"),
        ({"grid": {"symbol": ["EURUSD"]}}, "symbol chooses other candles"),
        ({"n": 0}, "n=0 must be"),
        ({"sampler": "tpee"}, "tpe"),
        ({"objective": "sharpe"}, "sharpe_ratio"),
        ({"objective": ("sqn", "sqn")}, "several different ones"),
        ({"objective": ("sqn", "cagr"), "sampler": "cmaes"}, "cmaes seeks one objective"),
        ({"constraints": "ma_fast_period <"}, "can't be read"),
        ({"constraints": ["ma_fast_period > 90"], "sampler": "random"}, "1,000 proposals in a row"),
    ],
)
def test_mistakes_are_said(wander, options, said):
    with pytest.raises(InputError, match=said):
        search(wander, **options)


def test_importances_need_trials(wander):
    with pytest.raises(InputError, match="importances need at least 20"):
        search(wander, n=5).importances()


# -- faces


def test_figures_show_each_trial_the_best_so_far_and_what_matters(wander):
    one = search(wander, n=25, prune=False)
    figure = trials_figure(one, theme="light")
    dots, line = (each.data_source.data for each in figure.renderers)
    assert list(dots["value"]) == list(one.frame["sharpe_ratio"].dropna())
    assert list(line["y"]) == list(np.maximum.accumulate(dots["value"]))
    bars = importances_figure(one, theme="light").renderers[0].data_source.data
    assert sorted(bars["share"]) == list(bars["share"])
    assert set(bars["name"]) == set(GRID)
    assert "<table" in one._repr_html_()
    assert one.plot_history().figure is not None
    assert one.plot_importances().figure is not None


def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "optimize.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "strategies", tmp_path / "strategies")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert len(names["found"].frame) == 60
    assert len(names["walk"].segments) == 9
    assert len(names["check"].sharpe_ratios) == 5
