"""Stationary bootstrap and reshuffling, against closed forms and against every possible order."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from sptrader_lab.research.significance.bootstrap import (
    block_length,
    profit_factor_interval,
    resample_indices,
    sharpe_interval,
)
from sptrader_lab.research.significance.reshuffle import DRAWS, drawdown_distribution


def autoregressive(random: np.random.Generator, memory: float, count: int) -> np.ndarray:
    noise = random.standard_normal(count + 200)
    for step in range(1, len(noise)):
        noise[step] += memory * noise[step - 1]
    return noise[200:]


@pytest.mark.parametrize("memory", [0.3, 0.6, -0.5])
def test_the_block_length_nears_that_of_the_known_process(memory: float) -> None:
    # AR(1) has sum |k| R(k) / sum R(k) = 2 a / (1 - a^2), so the best mean length is (2 a / (1 - a^2))^(2/3) n^(1/3).
    count = 20_000
    expected = abs(2 * memory / (1 - memory**2)) ** (2 / 3) * count ** (1 / 3)
    found = [block_length(autoregressive(np.random.default_rng(seed), memory, count)) for seed in range(6)]
    assert np.median(found) == pytest.approx(expected, rel=0.15)


def by_the_formula(values: np.ndarray) -> float:
    """Follow Politis and White (2004, 2009) lag by lag, with pandas-like loops and no arrays."""
    count, mean = len(values), math.fsum(values) / len(values)

    def covariance(lag: int) -> float:
        lag = abs(lag)
        return math.fsum((values[i] - mean) * (values[i + lag] - mean) for i in range(count - lag)) / count

    bound, longest = 2 * math.sqrt(math.log10(count) / count), math.ceil(math.sqrt(count)) + 5
    big = [abs(covariance(lag) / covariance(0)) >= bound for lag in range(1, longest + 1)]
    last = next((m for m in range(longest - 4) if not any(big[m : m + 5])), None)
    last = max(lag for lag, one in enumerate(big, 1) if one) if last is None else last
    width = min(2 * max(last, 1), longest)
    level = slope = 0.0
    for lag in range(-width, width + 1):
        weight = 1.0 if abs(lag) / width <= 0.5 else 2 * (1 - abs(lag) / width)
        level += weight * covariance(lag)
        slope += weight * abs(lag) * covariance(lag)
    length = (2 * slope**2 / (2 * level**2)) ** (1 / 3) * count ** (1 / 3)
    return min(max(length, 1.0), math.ceil(min(3 * math.sqrt(count), count / 3)))


@pytest.mark.parametrize(("memory", "count"), [(0.0, 120), (0.4, 250), (0.8, 90), (-0.6, 300), (0.97, 200), (0.2, 11)])
def test_the_block_length_is_that_of_the_papers(memory: float, count: int) -> None:
    values = autoregressive(np.random.default_rng(count), memory, count)
    assert block_length(values) == pytest.approx(by_the_formula(values), rel=1e-9)


def test_a_series_without_variance_or_length_has_blocks_of_one() -> None:
    assert block_length(np.zeros(500)) == 1.0
    assert block_length(np.full(500, 0.1)) == 1.0
    assert block_length(np.array([1.0, -1.0, 2.0])) == 1.0


def test_drawn_series_are_blocks_of_geometric_length_on_a_circle() -> None:
    count, length = 400, 8.0
    rows = np.concatenate(list(resample_indices(count, length, 3000, np.random.default_rng(1))))
    assert rows.shape == (3000, count)
    steps = (np.diff(rows, axis=1) % count == 1).mean()
    # A block goes on with probability 1 - 1/length, and a new one may happen to begin where the old one goes on.
    assert steps == pytest.approx(1 - 1 / length + 1 / length / count, abs=0.002)
    assert np.bincount(rows.ravel(), minlength=count).std() / 3000 < 0.1  # every element as likely as any other
    alone = next(resample_indices(50, 1.0, 2000, np.random.default_rng(2)))
    assert (np.diff(alone, axis=1) % 50 == 1).mean() == pytest.approx(1 / 50, abs=0.005)


def test_the_variance_of_the_mean_is_that_of_politis_and_romano() -> None:
    # Their lemma 1: n var = R(0) + 2 sum b(i) R(i), b(i) = (1 - i/n)(1 - p)^i + (i/n)(1 - p)^(n - i).
    values = autoregressive(np.random.default_rng(3), 0.6, 60)
    count, p = len(values), 1 / 5.0
    centred = values - values.mean()
    expected = centred @ centred / count
    for lag in range(1, count):
        weight = (1 - lag / count) * (1 - p) ** lag + lag / count * (1 - p) ** (count - lag)
        expected += 2 * weight * (centred[lag:] @ centred[:-lag]) / count
    rows = np.concatenate(list(resample_indices(count, 1 / p, 60_000, np.random.default_rng(4))))
    assert count * values[rows].mean(axis=1).var() == pytest.approx(expected, rel=0.03)


def test_intervals_hold_the_true_ratio_as_often_as_they_say() -> None:
    true, held = 1.0, 0
    for seed in range(100):
        returns = np.random.default_rng(seed).normal(true / math.sqrt(252) * 0.01, 0.01, 400)
        found = sharpe_interval(returns, 252, seed=seed)
        held += found.low <= true <= found.high
        assert found.low < found.value < found.high
    assert 88 <= held <= 99


def test_the_interval_of_a_ratio_has_the_textbook_width() -> None:
    # Lo (2002): the standard error of a daily ratio of independent normals is sqrt((1 + SR^2 / 2) / n).
    returns = np.random.default_rng(5).normal(0.001, 0.01, 1000)
    found = sharpe_interval(returns, 252)
    ratio = returns.mean() / returns.std(ddof=1)
    assert found.value == pytest.approx(ratio * math.sqrt(252))
    error = math.sqrt((1 + ratio**2 / 2) / 1000 * 252)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert 0 <= found.not_positive <= 0.05


def test_the_profit_factor_may_be_without_end() -> None:
    few = profit_factor_interval(np.array([10.0, -5.0, 20.0, 8.0, 4.0]))
    assert few.value == pytest.approx(42 / 5)
    assert few.high == math.inf
    winners = profit_factor_interval(np.array([1.0, 2.0, 3.0]))
    assert winners.value == winners.low == math.inf
    losers = profit_factor_interval(np.array([-1.0, -2.0, -3.0]))
    assert (losers.value, losers.high, losers.not_positive) == (0.0, 0.0, 1.0)


def test_what_cannot_be_redrawn_is_undefined() -> None:
    for values in (np.empty(0), np.array([0.01]), np.array([0.01, np.nan, 0.02])):
        assert math.isnan(sharpe_interval(values, 252).low)
        assert math.isnan(profit_factor_interval(values).value)
    assert math.isnan(sharpe_interval(np.zeros(300), 252).low)
    assert math.isnan(sharpe_interval(np.full(300, 0.1), 252).value)


def deepest(profits: tuple[float, ...], capital: float) -> float:
    """Walk through the trades one by one, each adding the fraction that it added in the run."""
    level = mark = 1.0
    worst = 0.0
    for growth in profits:
        level *= growth
        mark = max(mark, level)
        worst = max(worst, (mark - level) / mark)
    return worst


def test_drawn_orders_come_to_what_all_orders_come_to() -> None:
    profits, capital = np.array([120.0, -80.0, -40.0, 60.0, -30.0, 90.0, -10.0]), 1000.0
    equity = np.concatenate(([capital], capital + np.cumsum(profits)))
    growth = tuple(equity[1:] / equity[:-1])
    every = np.array([deepest(order, capital) for order in permutations(growth)])
    found = drawdown_distribution(profits, capital, seed=1)
    assert found.observed == pytest.approx(deepest(growth, capital))
    assert found.observed == pytest.approx(120 / 1120)
    share = (every > found.observed + 1e-12).mean()
    assert found.deeper == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / DRAWS))
    for value, quantile in ((found.median, 0.5), (found.quantile_95, 0.95), (found.quantile_99, 0.99)):
        assert (every < value - 1e-12).mean() - 0.04 <= quantile <= (every <= value + 1e-12).mean() + 0.04


def test_trades_that_all_win_have_no_drawdown_and_ruin_has_no_fraction() -> None:
    assert drawdown_distribution(np.array([1.0, 2.0, 3.0]), 100.0) == (0.0, 0.0, 0.0, 0.0, 0.0)
    for profits in (np.empty(0), np.array([50.0, -160.0, 20.0]), np.array([1.0, np.nan])):
        assert math.isnan(drawdown_distribution(profits, 100.0).observed)


def test_many_trades_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sptrader_lab.research.significance.reshuffle._AT_ONCE", 5000)
    profits = np.random.default_rng(6).normal(1.0, 10.0, 300)
    found = drawdown_distribution(profits, 10_000.0, seed=2)
    assert found == drawdown_distribution(profits, 10_000.0, seed=2)
    assert 0 < found.median < found.quantile_95 < found.quantile_99 < 1
