"""Walking forward: what is chosen on, what is tested on, that neither knows the other, and how tests become one equity."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from research_cases import clock, hourly, hours_of_day, paying

import sptrader_lab as lab
from sptrader_lab.charts.walk import walk_figure
from sptrader_lab.errors import InputError
from sptrader_lab.research import training
from sptrader_lab.research.stretches import Stretch, Timeline, segments
from sptrader_lab.research.training import Trainer
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles

DAYS = 100
GRID = {"level": [4.0, 10.0, 16.0]}


def walked(candles: Candles, **options):
    given_ = {"train": "20d", "test": "10d", "progress": False, **options}
    return lab.walk_forward(clock(), candles, given_.pop("grid", GRID), **given_)


@pytest.fixture(scope="module")
def regimes() -> Candles:
    """Ten in the morning pays for fifty days, then four in the afternoon."""
    hours = np.where(np.arange(24 * DAYS) < 24 * 50, 10.0, 16.0)
    return paying(24 * DAYS, hours)


@pytest.fixture(scope="module")
def walk(regimes):
    return walked(regimes)


# -- stretches


def line_of(count: int) -> Timeline:
    return Timeline([hourly(np.zeros(count), hours_of_day(count))])


@settings(max_examples=200, deadline=None)
@given(st.integers(3, 400), st.integers(1, 200), st.integers(1, 100), st.booleans())
def test_tests_cover_everything_after_the_first_training_once(count, train, test, anchored):
    line = line_of(count)
    if train >= count:
        with pytest.raises(InputError, match="nothing is left to test on"):
            segments(line, train, test, anchored=anchored)
        return
    found = segments(line, train, test, anchored=anchored)
    assert found[0].test.first == train
    assert found[-1].test.last == count
    for one, other in itertools.pairwise(found):
        assert one.test.last == other.test.first
        assert one.test.last - one.test.first == test
    for train_, test_ in found:
        assert train_.last == test_.first
        assert train_.first == (0 if anchored else test_.first - train)


def test_lengths_of_time_and_numbers_of_candles_mean_the_same_where_no_candle_lacks():
    line = line_of(24 * 30)
    wanted = segments(line, 240, 72, anchored=False)
    for train, test in (("10d", "3d"), (dt.timedelta(10), "72h"), (np.timedelta64(240, "h"), dt.timedelta(hours=72))):
        assert segments(line, train, test, anchored=False) == wanted


def test_dates_are_the_borders_of_the_tests():
    found = segments(line_of(24 * 30), "5d", ["2024-01-10", "2024-01-13", dt.date(2024, 1, 20)], anchored=False)
    assert found == [
        (Stretch(24 * 4, 24 * 9), Stretch(24 * 9, 24 * 12)),
        (Stretch(24 * 7, 24 * 12), Stretch(24 * 12, 24 * 19)),
    ]


def test_a_length_of_time_without_a_candle_is_no_segment():
    full = hourly(np.zeros(24 * 20), hours_of_day(24 * 20))
    days = np.arange(24 * 20) // 24
    kept = ~np.isin(days, (12, 13))
    gappy = Candles(
        "BTCUSDT",
        "1h",
        full.time[kept],
        *(getattr(full, name)[kept] for name in ("open", "high", "low", "close", "volume")),
    )
    found = segments(Timeline([gappy]), "10d", "1d", anchored=True)
    assert [test.last - test.first for _, test in found] == [24] * 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "20x"}, r"train='20x' is no length; give a number of candles, or a length of time such as '90d'"),
        ({"train": 0}, "train=0 must be at least 1 candle"),
        ({"test": True}, "test=True is no length"),
        ({"train": "200d"}, "train takes all 2,400 candles"),
        ({"test": ["2024-02-01"]}, "needs two borders or more"),
        ({"test": ["2024-02-10", "2024-02-01"]}, "no candle opens from '2024-02-10' to before '2024-02-01'"),
        ({"test": ["2024-01-10", "2024-02-01"]}, "reaches further back than the candles do before 2024-01-10"),
        ({"embargo": -1}, "embargo=-1 must be at least 1"),
        ({"purge": "1d", "train": "1d"}, "leave too little of a training of 24"),
        ({"objective": "sharp_ratio"}, "did you mean 'sharpe_ratio'"),
        ({"grid": {"levle": [1.0]}}, "level"),
        ({"grid": {"symbol": ["BTCUSDT"]}}, "leave symbol out"),
        ({"start": "2030-01-01"}, "beyond start"),
    ],
)
def test_mistakes_are_said_before_anything_runs(regimes, options, said):
    with pytest.raises(InputError, match=f"(?i){said}"):
        walked(regimes, **options)


# -- choosing


def test_values_follow_what_paid_in_the_training(walk, regimes):
    assert len(walk.segments) == 8
    # Trainings of twenty days: the first three see the morning only, the last three the afternoon only.
    assert list(walk.segments["level"][:4]) == [10.0] * 4
    assert list(walk.segments["level"][-3:]) == [16.0] * 3
    # The test that begins when the afternoon begins to pay was chosen on the morning, and so it earns little.
    assert walk.segments["level"][3] == 10.0
    assert walk.segments["out_total_return"][3] < 0.02 < walk.segments["out_total_return"][2]


def test_an_optimum_of_the_future_is_not_found():
    """Sixteen pays in the tests only; whoever knows any of it chooses it."""
    count = 24 * 60
    hour, day = hours_of_day(count), np.arange(count) // 24
    noise = np.random.default_rng(3).normal(0.0, 0.0005, count)
    after = hour - 10
    base = noise + np.where((after == 1) | (after == 2), 0.002, 0.0)
    future = base + np.where((day >= 30) & ((hour - 16 == 1) | (hour - 16 == 2)), 0.05, 0.0)
    found = walked(hourly(future, hour), train="30d", test="30d")
    assert list(found.segments["level"]) == [10.0]
    assert found.metrics["total_return"] < 0.5  # sixteen would have made the money ten times over


@pytest.mark.parametrize("anchored", [False, True])
def test_candles_behind_the_training_change_nothing_that_is_chosen(anchored):
    """Everything from purge on is replaced: what was chosen and how it did in training are the same bytes."""
    options = {"train": "20d", "test": ["2024-02-10", "2024-03-01"], "embargo": 7, "purge": 5, "anchored": anchored}
    steps = np.random.default_rng(2).normal(0.0, 0.002, 24 * DAYS)
    one = walked(hourly(steps, hours_of_day(len(steps))), **options)
    train = one.steps[0].train
    assert train.last == one.steps[0].test.first - 12
    steps[train.last :] = np.random.default_rng(9).normal(0.0, 0.02, len(steps) - train.last)
    other = walked(hourly(steps, hours_of_day(len(steps))), **options)
    assert other.steps[0].values == one.steps[0].values
    assert other.steps[0].trained.digest == one.steps[0].trained.digest
    assert other.steps[0].tested.digest != one.steps[0].tested.digest


def test_no_training_reads_a_candle_of_purge_embargo_or_test(regimes, monkeypatch):
    read = []

    class Noting(training.Engine):
        def __init__(self, strategy, candles, **options):
            read.append((options["start"], int(candles[0].close_time[-1])))
            super().__init__(strategy, candles, **options)

    monkeypatch.setattr(training, "Engine", Noting)
    found = walked(regimes, embargo="6h", purge="12h")
    assert len(read) == len(found.steps)
    for (start, last), (train, test, *_) in zip(read, found.steps, strict=True):
        assert start == regimes.time[train.first]
        assert last <= regimes.time[test.first] - 18 * HOUR


def test_the_purge_is_at_least_the_longest_holding(regimes):
    """A trade of `hold` hours stays that long; with no purge asked for, each training ends as long before its test."""
    found = walked(regimes, parameters={"hold": 30})
    holdings = [int(step.trained.trades["bars"].max()) for step in found.steps]
    assert all(longest >= 30 for longest in holdings)
    for step, longest in zip(found.steps, holdings, strict=True):
        assert step.test.first - step.train.last >= longest
    assert (found.segments["left_out"] >= holdings).all()
    wide = walked(regimes, purge=100)
    assert (wide.segments["left_out"] == 100).all()


def test_a_holding_without_an_end_says_what_to_do():
    count = 24 * 40
    forever = lab.load_strategy(
        "name: forever\nparameters: {level: 10.0}\nentry: {when: ['volume == parameters.level'], action: buy, size: 0.5}\n"
    )
    candles = hourly(np.random.default_rng(1).normal(0.0, 0.001, count), hours_of_day(count))
    with pytest.raises(InputError, match="bound the holding with max_holding_period"):
        lab.walk_forward(forever, candles, {"level": [4.0, 10.0]}, train="10d", test="5d", progress=False)


# -- tests


def test_a_test_is_the_backtest_of_its_values_flat_at_its_start_and_warm_before_it(eurusd_1h):
    grid = {"ma_fast_period": [5, 10], "ma_slow_period": [30, 60]}
    found = lab.walk_forward("strategies/ma_crossover.yaml", eurusd_1h, grid, train="90d", test="40d", progress=False)
    for step in found.steps:
        until = eurusd_1h.rows(0, step.test.last)
        alone = lab.backtest(
            "strategies/ma_crossover.yaml", until, parameters=step.values, start=int(eurusd_1h.time[step.test.first])
        )
        assert step.tested.digest == alone.digest
        assert step.tested.trades.empty or (step.tested.trades["entry_time"].min() >= found.equity.index[0])


def test_equity_is_stitched_without_a_jump_and_compounds(walk, regimes):
    equity = walk.equity
    assert equity.index.is_monotonic_increasing
    assert equity.index.is_unique
    assert len(equity) == len(regimes) - walk.steps[0].test.first
    product, level = 1.0, [1.0]
    for step in walk.steps:
        own = step.tested.equity.to_numpy() / 10_000.0
        level += list(product * own)
        product *= own[-1]
    assert np.allclose(equity.to_numpy(), 10_000.0 * np.array(level[1:]), rtol=1e-12)
    assert walk.metrics["total_return"] == pytest.approx(product - 1.0, rel=1e-12)
    # A border is an ordinary candle: nothing is held there, so equity stands still or pays one trade.
    changes = equity.pct_change()
    for step in walk.steps[1:]:
        border = pd.Timestamp(walk.line.instant(step.test.first) + HOUR, unit="ns", tz="UTC")
        assert changes[border] == pytest.approx(0.0, abs=1e-12)


def test_metrics_of_a_single_test_are_those_of_its_backtest(regimes):
    found = walked(regimes, train="40d", test="60d")
    alone = found.steps[0].tested.metrics
    for name, value in found.metrics.items():
        assert value == pytest.approx(alone[name], rel=1e-9, nan_ok=True), name


def test_efficiency_compares_returns_per_year(regimes):
    found = walked(regimes, train="40d", test="60d", purge=0)
    step = found.steps[0]
    before = step.trained.metrics["total_return"] / ((step.train.last - step.train.first) / 24 / 365.25)
    after = step.tested.metrics["total_return"] / ((step.test.last - step.test.first) / 24 / 365.25)
    assert found.segments["efficiency"][0] == pytest.approx(after / before, rel=1e-9)
    assert found.efficiency == pytest.approx(after / before, rel=1e-9)


def test_a_training_that_never_trades_tests_nothing_and_stays_flat(regimes):
    silent = replace(regimes, volume=np.where(np.arange(len(regimes)) < 24 * 25, 23.5, regimes.volume))
    found = walked(silent)
    assert found.steps[0].values is None
    assert np.isnan(found.segments["level"][0])
    first = found.equity[: pd.Timestamp(found.line.instant(found.steps[0].test.last), unit="ns", tz="UTC")]
    assert (first == 10_000.0).all()
    assert len(found.equity) == len(silent) - found.steps[0].test.first


def test_what_comes_out_says_itself(walk):
    assert "8 segments" in str(walk)
    assert "paid out of sample" in walk.sentences[0]
    assert "95 % is the usual bar" in str(walk)
    assert "<table" in walk._repr_html_()
    assert set(walk.trades["segment"]) == set(range(8))
    assert len(walk.trades) == walk.metrics["total_trades"]


def test_noise_does_not_pay():
    count = 24 * 120
    candles = hourly(np.random.default_rng(11).normal(0.0, 0.002, count), hours_of_day(count))
    found = walked(candles, grid={"level": list(map(float, range(0, 24, 2)))}, train="40d")
    assert found.segments["in_sharpe_ratio"].mean() > found.metrics["sharpe_ratio"] + 1
    assert "and luck alone is an unlikely explanation" not in str(found)


def test_the_same_walk_twice_is_the_same(walk, regimes):
    again = walked(regimes)
    assert again.segments.equals(walk.segments)
    assert again.equity.equals(walk.equity)


def test_holding_counts_candles_from_entry_to_exit(regimes):
    from sptrader_lab.research.grid import combinations

    line = Timeline([regimes])
    trainer = Trainer(clock(), combinations(clock(), {"hold": [3, 9]}), line)
    for number in (0, 1):
        result = trainer.result(number, Stretch(240, 1000))
        assert trainer.holding(result) == result.trades["bars"].max()


def test_the_figure_shows_the_stitched_equity_and_the_values_of_each_segment(walk):
    figure = walk_figure(walk, theme="light")
    (line,) = (each.data_source.data for each in figure.renderers)
    assert list(line["equity"]) == list(walk.equity)
    assert line["values"][0] == "level=10.0"
    assert sorted(set(line["segment"])) == list(range(8))
    assert walk.plot().figure is not None
