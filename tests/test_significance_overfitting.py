"""Probability of backtest overfitting, against the paper's procedure on the daily returns themselves."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from sptrader_lab.errors import InputError
from sptrader_lab.research.significance import overfitting
from sptrader_lab.research.significance.blocks import block_sums
from sptrader_lab.research.significance.overfitting import Overfitting, backtest_overfitting


def by_the_paper(returns: np.ndarray, blocks: int) -> Overfitting:
    """Cut the matrix of returns, join the halves, rank the ratios: every step on days, none on sums."""
    pieces = np.array_split(returns, blocks, axis=1)
    below, inside, outside = [], [], []
    for half in combinations(range(blocks), blocks // 2):
        ratios = []
        for chosen in (half, tuple(set(range(blocks)) - set(half))):
            days = np.concatenate([pieces[each] for each in sorted(chosen)], axis=1)
            deviation = days.std(axis=1)
            ratios.append(np.where(deviation > 1e-15, days.mean(axis=1) / np.where(deviation > 0, deviation, 1), 0.0))
        best = int(np.round(ratios[0], 11).argmax())
        relative = rankdata(np.round(ratios[1], 11))[best] / (len(returns) + 1)
        logit = math.log(relative / (1 - relative))
        below.append(0.5 if abs(logit) < 1e-12 else float(logit < 0))
        inside.append(ratios[0][best])
        outside.append(ratios[1][best])
    losses = float(np.mean(np.array(outside) < 0))
    medians = float(np.median(inside)), float(np.median(outside))
    return Overfitting(float(np.mean(below)), losses, *medians, len(below), len(returns))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    trials=st.integers(2, 30),
    blocks=st.sampled_from([4, 6, 8]),
    copies=st.integers(0, 6),
    idle=st.integers(0, 3),
)
def test_it_is_the_papers_procedure(seed: int, trials: int, blocks: int, copies: int, idle: int) -> None:
    random = np.random.default_rng(seed)
    returns = random.normal(0.0003, 0.01, (trials, 8 * blocks))  # blocks of 8 days, so that both cut alike
    again = returns[random.integers(0, trials, copies)]
    returns = random.permutation(np.concatenate((returns, again, np.zeros((idle, returns.shape[1])))))
    found = backtest_overfitting(block_sums(returns, blocks))
    expected = by_the_paper(returns, blocks)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_sixteen_blocks_and_days_that_do_not_divide() -> None:
    returns = np.random.default_rng(5).normal(0, 0.01, (7, 16 * 5))
    found = backtest_overfitting(block_sums(returns))
    assert found.splits == 12_870 == math.comb(16, 8)
    assert found == pytest.approx(by_the_paper(returns, 16), rel=1e-6)
    uneven = block_sums(np.random.default_rng(6).normal(0, 0.01, (7, 83)))
    assert uneven[0, :, 0].sum() == 83
    assert set(uneven[0, :, 0]) == {5.0, 6.0}
    assert 0 <= backtest_overfitting(uneven).probability <= 1


def test_trials_on_other_days_are_compared_by_their_ratios() -> None:
    # Two trials with the same ratio on every half, the second on twice the days: always tied, so half of the splits.
    days = np.tile([0.01, -0.008, 0.004, -0.002], 8)
    longer = np.repeat(days, 2)
    found = backtest_overfitting(np.stack((block_sums(days, 4), block_sums(longer, 4))))
    assert found.probability == 0.5


def test_a_lasting_edge_is_never_below_the_median_and_a_fleeting_one_always() -> None:
    random = np.random.default_rng(7)
    returns = random.normal(0, 0.01, (20, 320))
    lasting = returns.copy()
    lasting[3] += 0.01
    assert backtest_overfitting(block_sums(lasting, 8)).probability == 0.0
    # Each trial shines in one block and loses in all others: whoever wins a half loses the other.
    fleeting = np.full((8, 320), -0.002) + random.normal(0, 1e-4, (8, 320))
    for trial in range(8):
        fleeting[trial, 40 * trial : 40 * trial + 40] += 0.05
    found = backtest_overfitting(block_sums(fleeting, 8))
    assert found.probability == 1.0
    assert found.loss_probability == 1.0
    assert found.in_sample > 0 > found.out_of_sample


def test_equal_trials_rank_at_the_median() -> None:
    one = np.random.default_rng(8).normal(0, 0.01, 320)
    assert backtest_overfitting(block_sums(np.tile(one, (1500, 1)), 8)).probability == 0.5


def test_failed_trials_are_left_out() -> None:
    blocks = block_sums(np.random.default_rng(9).normal(0, 0.01, (10, 160)), 8)
    failed = np.stack((np.full((8, 3), np.nan), np.zeros((8, 3))))
    assert backtest_overfitting(np.concatenate((failed, blocks))) == backtest_overfitting(blocks)


def test_too_little_is_undefined() -> None:
    one = block_sums(np.random.default_rng(10).normal(0, 0.01, (1, 160)), 8)
    assert math.isnan(backtest_overfitting(one).probability)
    short = block_sums(np.random.default_rng(10).normal(0, 0.01, (5, 12)), 8)
    assert math.isnan(backtest_overfitting(short).probability)
    assert math.isnan(backtest_overfitting(np.empty((0, 16, 3))).probability)


def test_above_the_limit_a_seeded_sample_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "MOST_TRIALS", 50)
    blocks = block_sums(np.random.default_rng(11).normal(0, 0.01, (400, 160)), 8)
    found = backtest_overfitting(blocks, seed=4)
    rows = np.sort(np.random.default_rng(4).choice(400, 50, replace=False))
    assert found == backtest_overfitting(blocks[rows])
    assert found == backtest_overfitting(blocks, seed=4) != backtest_overfitting(blocks, seed=5)


def test_what_is_no_block_sums_is_refused() -> None:
    for shape in ((3, 16), (3, 15, 3), (3, 16, 2), (3, 0, 3)):
        with pytest.raises(InputError, match="count, sum and sum of squares"):
            backtest_overfitting(np.zeros(shape))


def test_days_without_a_return_are_not_counted() -> None:
    returns = np.array([0.01, np.nan, 0.03, -0.02])
    expected = [[1, 0.01, 0.0001], [2, 0.01, 0.0013]]
    assert block_sums(returns, 2) == pytest.approx(np.array(expected))
