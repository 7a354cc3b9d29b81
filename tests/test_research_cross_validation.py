"""Combinatorial purged cross-validation: the paper's counts, what is trained on, and what the paths hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from research_cases import clock, hourly, hours_of_day, paying

import sptrader_lab as lab
from sptrader_lab.charts.walk import paths_figure
from sptrader_lab.errors import InputError, RunError
from sptrader_lab.research.splits import day_groups, paths_of, pooled, splits_of
from sptrader_lab.research.stretches import Stretch, Timeline
from sptrader_lab.results import ratios

DAYS = 60
GRID = {"level": [4.0, 10.0, 16.0]}


def validated(candles, **options):
    given_ = {"progress": False, **options}
    return lab.cross_validate(clock(), candles, given_.pop("grid", GRID), **given_)


@pytest.fixture(scope="module")
def candles():
    return paying(24 * DAYS, np.full(24 * DAYS, 10.0), gain=0.0015)


@pytest.fixture(scope="module")
def found(candles):
    return validated(candles, purge=6, embargo=3)


# -- splits and paths


def test_six_groups_of_which_two_are_tested_make_fifteen_splits_and_five_paths(found):
    """Lopez de Prado (2018), figures 12.1 and 12.2: every group is tested in five splits, path 1 takes the first of each."""
    assert len(found.splits) == 15
    assert len(found.returns.columns) == 5
    paths = paths_of(found.splits, 6)
    assert [found.splits[number].tested for number in paths[0]] == [(0, 1), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
    assert [found.splits[number].tested for number in paths[4]] == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (4, 5)]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9), st.data())
def test_counts_are_those_of_the_formula_and_paths_use_every_test_once(count, data):
    tests = data.draw(st.integers(1, count - 1))
    groups = [Stretch(10 * place, 10 * place + 10) for place in range(count)]
    splits = splits_of(groups, tests, purge=0, embargo=0)
    assert len(splits) == math.comb(count, tests)
    paths = paths_of(splits, count)
    assert paths.shape == (math.comb(count, tests) * tests // count, count)
    used = [(int(number), group) for row in paths for group, number in enumerate(row)]
    assert sorted(used) == sorted((number, group) for number, split in enumerate(splits) for group in split.tested)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 7), st.integers(0, 20), st.integers(0, 19), st.data())
def test_no_training_lies_within_test_purge_or_embargo_and_nothing_else_is_lost(count, purge, embargo, data):
    tests = data.draw(st.integers(1, count - 1))
    sizes = data.draw(st.lists(st.integers(40, 60), min_size=count, max_size=count))
    borders = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    groups = [Stretch(first, last) for first, last in itertools.pairwise(borders)]
    for split in splits_of(groups, tests, purge=purge, embargo=embargo):
        wanted = np.ones(borders[-1], np.bool_)
        for place in split.tested:
            first, last = groups[place]
            wanted[max(0, first - purge) : last + embargo] = False
        trained = np.zeros(borders[-1], np.bool_)
        for first, last in split.trained:
            trained[first:last] = True
        assert np.array_equal(trained, wanted)


def test_groups_are_whole_trading_days(candles):
    line = Timeline([candles])
    groups = day_groups(line, 7)
    assert groups[0].first == 0
    assert groups[-1].last == len(line)
    assert all(one.last == other.first and one.last % 24 == 0 for one, other in itertools.pairwise(groups))
    assert {(last - first) // 24 for first, last in groups} == {DAYS // 7, DAYS // 7 + 1}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=20), min_size=1, max_size=4))
def test_pooled_ratios_are_those_of_the_returns_put_together(parts):
    every = np.concatenate(parts)
    sums = np.sum([[len(part), np.sum(part), np.sum(np.square(part))] for part in parts], axis=0)[None, :]
    assert pooled(sums, "mean_return", 365)[0] == pytest.approx(every.mean(), abs=1e-15)
    ratio = pooled(sums, "sharpe_ratio", 365)[0]
    if every.std() > 1e-6:
        assert ratio == pytest.approx(ratios.sharpe(ratios.moments(every), 365), rel=1e-6, abs=1e-9)


def test_returns_that_never_change_have_no_ratio():
    sums = np.array([[30.0, 30 * 0.001, 30 * 0.001**2], [0.0, 0.0, 0.0], [1.0, 0.1, 0.01]])
    assert np.isnan(pooled(sums, "sharpe_ratio", 252)).all()


# -- choosing and testing


def test_every_split_chooses_what_was_best_on_its_training(found, candles):
    """An oracle: run each value on each stretch with lab.backtest, put the daily returns together, take the best."""
    split = found.splits[7]
    scores = []
    for level in GRID["level"]:
        returns = [
            lab.backtest(
                clock(), candles.rows(0, last), parameters={"level": level}, start=int(candles.time[first])
            ).daily_returns.to_numpy()
            for first, last in split.trained
        ]
        scores.append(ratios.sharpe(ratios.moments(np.concatenate(returns)), 365))
    assert found.values(7) == {"level": GRID["level"][int(np.argmax(scores))]}
    assert found.in_sample[7] == pytest.approx(max(scores), rel=1e-9)
    assert list(found.frame["level"]) == [found.values(number)["level"] for number in range(15)]


def test_paths_hold_the_daily_returns_of_what_was_chosen_without_the_group(found, candles):
    paths = paths_of(found.splits, 6)
    for path, row in enumerate(paths.tolist()):
        returns = [
            lab.backtest(
                clock(), candles.rows(0, last), parameters=found.values(split), start=int(candles.time[first])
            ).daily_returns.to_numpy()
            for split, (first, last) in zip(row, found.groups, strict=True)
        ]
        assert np.array_equal(found.returns.iloc[:, path].to_numpy(), np.concatenate(returns))
    assert found.returns.index.is_unique
    assert len(found.returns) == DAYS


def test_what_pays_is_chosen_and_earns_along_every_path(found):
    assert set(found.frame["level"]) == {10.0}
    assert (found.sharpe_ratios > 2).all()
    assert "along every path" in found.sentences[0]
    assert (found.equity.iloc[-1] > 1).all()


def test_noise_neither_earns_nor_says_so():
    candles = hourly(np.random.default_rng(5).normal(0.0, 0.002, 24 * 90), hours_of_day(24 * 90))
    noise = validated(candles, grid={"level": list(map(float, range(0, 24, 3)))})
    assert noise.sharpe_ratios.median() < np.mean(noise.in_sample) - 1
    assert "along every path" not in noise.sentences[0]


def test_a_group_that_pays_something_else_does_not_choose_for_itself():
    """Four pays on the third group only, much; the splits that test it must not choose four because of it."""
    count = 24 * DAYS
    hour, day = hours_of_day(count), np.arange(count) // 24
    noise = np.random.default_rng(6).normal(0.0, 0.0005, count)
    usual = np.where((hour == 11) | (hour == 12), 0.002, 0.0)
    odd = np.where((day >= 20) & (day < 30) & ((hour == 5) | (hour == 6)), 0.03, 0.0)
    one = validated(hourly(noise + usual + odd, hour), objective="mean_return")
    for number, split in enumerate(one.splits):
        assert one.values(number)["level"] == (10.0 if 2 in split.tested else 4.0), split.tested


def test_the_purge_is_at_least_the_longest_holding(candles):
    one = validated(candles, parameters={"hold": 9})
    assert one.purge == 10  # nine candles, and the one at whose open it leaves
    assert validated(candles, parameters={"hold": 9}, purge="1d").purge == 24
    for split in one.splits:
        for first, last in split.trained:
            for place in split.tested:
                assert last + 10 <= one.groups[place].first or first >= one.groups[place].last


def test_what_comes_out_says_itself(found):
    assert "15 splits of 6 groups, 5 paths over 60 days" in str(found)
    assert "Purged 6 candles before each test, embargo 3 after it." in str(found)
    assert "<table" in found._repr_html_()
    assert "15 splits, 5 paths" in repr(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"groups": 1, "test_groups": 1}, "leave nothing to choose on"),
        ({"groups": 0}, "groups=0 must be a whole number"),
        ({"groups": 70}, "groups=70 of 60 trading days"),
        ({"groups": 30, "test_groups": 15}, "155,117,520 splits"),
        ({"purge": "10d"}, "leave nothing of a group of 240"),
        ({"objective": "profit_factor"}, "objective of cross_validate"),
        ({"grid": {"level": []}}, "level has no values"),
    ],
)
def test_mistakes_are_said(candles, options, said):
    with pytest.raises(InputError, match=said):
        validated(candles, **options)


def test_values_that_never_trade_leave_nothing_to_choose_by(candles):
    with pytest.raises(RunError, match="nothing to choose by"):
        validated(candles, grid={"level": [24.5, 25.5]})


def test_the_figure_shows_every_path(found):
    (lines,) = (each.data_source.data for each in paths_figure(found, theme="light").renderers)
    assert sorted(lines["path"]) == [f"path {number}" for number in range(1, 6)]
    last = dict(zip(lines["path"], [growth[-1] for growth in lines["growth"]], strict=True))
    assert last["path 3"] == pytest.approx(found.equity["path 3"].iloc[-1] - 1)
    assert found.plot().figure is not None
