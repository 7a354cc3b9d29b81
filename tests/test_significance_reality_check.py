"""White's Reality Check from block sums, against every possible choice of signs and against daily returns."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from sptrader_lab.research.significance.blocks import block_sums
from sptrader_lab.research.significance.reality_check import DRAWS, reality_check

NO_SKEW = np.zeros(500)


def by_enumeration(returns: np.ndarray, blocks: int) -> float:
    """Try all signs, on sums of days; written for trials with a positive mean and without Hall's transformation."""
    sums = np.array([piece.sum(axis=1) for piece in np.array_split(returns, blocks, axis=1)])
    deviation = returns.std(axis=1, ddof=1) * math.sqrt(returns.shape[1])
    observed = stats.norm.isf(stats.t.sf((sums.sum(axis=0) / deviation).max(), returns.shape[1] - 1))
    largest = [(np.array(signs) @ sums / deviation).max() for signs in product((-1, 1), repeat=blocks)]
    return float(np.mean(np.array(largest) >= observed))


@pytest.mark.parametrize("seed", range(6))
def test_drawn_signs_come_to_what_all_signs_come_to(seed: int) -> None:
    random = np.random.default_rng(seed)
    returns = random.normal(0, 0.01, (5, 400))
    returns = returns - returns.mean(axis=1, keepdims=True) + random.uniform(0.0001, 0.0012, (5, 1))
    expected = by_enumeration(returns, 10)
    error = 4 * math.sqrt(expected * (1 - expected) / DRAWS) + 2 / DRAWS
    assert reality_check(block_sums(returns, 10), NO_SKEW, seed=1).p_value == pytest.approx(expected, abs=error)


def test_the_score_of_one_trial_is_students_t() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 800)
    value = stats.ttest_1samp(returns, 0.0, alternative="greater")
    found = reality_check(block_sums(returns)[None], NO_SKEW)
    assert found.statistic == pytest.approx(stats.norm.isf(value.pvalue), rel=1e-9)
    assert found.trials == 1


def test_the_size_of_the_position_does_not_matter() -> None:
    returns = np.random.default_rng(4).normal(0.0003, 0.01, (30, 640))
    scaled = returns * np.random.default_rng(5).uniform(0.01, 100, (30, 1))
    first, second = (reality_check(block_sums(each), NO_SKEW, seed=2) for each in (returns, scaled))
    assert first == pytest.approx(second, rel=1e-9)


def test_copies_of_a_trial_change_nothing_but_the_count() -> None:
    returns = np.random.default_rng(6).normal(0.0002, 0.01, (20, 640))
    once = reality_check(block_sums(returns), NO_SKEW)
    often = reality_check(block_sums(np.tile(returns, (20, 1))), NO_SKEW)
    assert often.p_value == pytest.approx(once.p_value, abs=1e-3)
    assert often.trials == 400


def test_losing_trials_do_not_hide_an_edge() -> None:
    random = np.random.default_rng(7)
    returns = random.normal(-0.004, 0.01, (300, 1250))  # costs eat these: yearly ratios around -6
    returns[17] += 0.004 + 0.01 * 3 / math.sqrt(252)
    assert reality_check(block_sums(returns), NO_SKEW).p_value < 0.01


def test_nothing_but_losers_is_no_alarm() -> None:
    returns = np.random.default_rng(8).normal(-0.002, 0.01, (50, 640))
    found = reality_check(block_sums(returns), NO_SKEW)
    assert found.statistic == 0.0
    assert found.p_value > 0.9


def test_the_lean_of_skewed_returns_is_taken_out() -> None:
    # Many small wins, few large losses: the luckiest look too good by their ratio.
    random, plain, corrected = np.random.default_rng(9), 0, 0
    for _ in range(100):
        returns = 0.01 * (1.0 - random.exponential(size=(50, 320)))
        blocks, skew = block_sums(returns), stats.skew(returns, axis=1)
        plain += reality_check(blocks, NO_SKEW).p_value <= 0.05
        corrected += reality_check(blocks, skew).p_value <= 0.05
    assert corrected <= 10 < plain


def test_halls_transformation_brings_skewed_means_back_to_normal() -> None:
    returns = 1.0 - np.random.default_rng(10).exponential(size=(600, 64))
    skew = stats.skew(returns, axis=1)

    def scores(skews: np.ndarray) -> np.ndarray:
        pairs = zip(returns, skews, strict=True)
        return np.array([reality_check(block_sums(each, 4)[None], np.array([one])).statistic for each, one in pairs])

    raw = stats.ttest_1samp(returns, 0.0, axis=1).statistic
    assert np.quantile(raw, 0.95) > 1.8
    assert np.quantile(scores(skew), 0.95) == pytest.approx(1.645, abs=0.12)
    assert (scores(np.abs(skew)) == scores(np.zeros(600))).all()  # to the side of wins nothing is changed


def test_what_never_moved_or_failed_is_harmless() -> None:
    blocks = block_sums(np.random.default_rng(11).normal(0.0003, 0.01, (20, 640)))
    extra = np.concatenate((blocks, block_sums(np.zeros((3, 640))), np.full((2, 16, 3), np.nan)))
    plain, more = reality_check(blocks, NO_SKEW), reality_check(extra, NO_SKEW)
    assert (plain.p_value, plain.statistic) == (more.p_value, more.statistic)
    assert more.trials == 23
    constant = reality_check(block_sums(np.full((2, 640), 0.001)), NO_SKEW)
    assert constant.statistic == 0.0
    nothing = reality_check(np.full((2, 16, 3), np.nan), NO_SKEW)
    assert math.isnan(nothing.p_value)
    assert nothing.trials == 0


def test_an_edge_beyond_measure_is_still_a_number() -> None:
    returns = np.random.default_rng(12).normal(1.0, 0.01, (3, 640))
    found = reality_check(block_sums(returns), np.array([-5.0, 5.0, 0.0]))
    assert math.isfinite(found.statistic)
    assert found.p_value < 0.01


def test_the_same_seed_gives_the_same_and_the_slices_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = block_sums(np.random.default_rng(13).normal(0.0002, 0.01, (100, 320)))
    skew = np.random.default_rng(14).normal(0, 1, 100)
    whole = reality_check(blocks, skew, seed=3)
    assert whole == reality_check(blocks, skew, seed=3)
    monkeypatch.setattr("sptrader_lab.research.significance.blocks.CHUNK", 7)
    assert reality_check(blocks, skew, seed=3) == pytest.approx(whole, rel=1e-12)
