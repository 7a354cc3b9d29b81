"""How often the tests cry wolf, and how often they see one: 200 seeds of each kind of noise, and an edge planted in it.

A test at 5 % gives 10 alarms in 200 on average and more than 18 in one of a hundred such experiments.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sptrader_lab.research.significance.blocks import block_sums
from sptrader_lab.research.significance.deflated import BAR, deflated_sharpe
from sptrader_lab.research.significance.reality_check import reality_check
from sptrader_lab.results.ratios import moments

SEEDS, TRIALS, DAYS = 200, 100, 1250
Maker = Callable[[np.random.Generator], np.ndarray]


def independent(random: np.random.Generator) -> np.ndarray:
    return random.normal(0.0, 0.01, (TRIALS, DAYS))


def correlated(random: np.random.Generator) -> np.ndarray:
    common = random.normal(0.0, 0.01, DAYS)
    return math.sqrt(0.5) * (common + random.normal(0.0, 0.01, (TRIALS, DAYS)))


def nearly_equal(random: np.random.Generator) -> np.ndarray:
    common = random.normal(0.0, 0.01, 500)
    return math.sqrt(0.95) * common + math.sqrt(0.05) * random.normal(0.0, 0.01, (50, 500))


def fat_tailed(random: np.random.Generator) -> np.ndarray:
    return 0.01 * random.standard_t(4, (50, 500))


def small_wins_large_losses(random: np.random.Generator) -> np.ndarray:
    return 0.01 * (1.0 - random.exponential(size=(50, 500)))


def one_year(random: np.random.Generator) -> np.ndarray:
    return random.normal(0.0, 0.01, (TRIALS, 252))


def averages(random: np.random.Generator) -> np.ndarray:
    """A grid of moving-average crossovers, long above and flat below, on a random walk."""
    returns = random.normal(0.0, 0.01, DAYS + 100)
    price = np.cumsum(returns)
    sums = np.concatenate(([0.0], np.cumsum(price)))

    def average(period: int) -> np.ndarray:
        return np.concatenate((np.full(period - 1, np.nan), (sums[period:] - sums[:-period]) / period))

    pairs = [(fast, slow) for fast in range(3, 30, 3) for slow in range(10, 100, 8) if fast < slow]
    held = [average(fast) > average(slow) for fast, slow in pairs]
    return np.array([each[99:-1] * returns[100:] for each in held])


def third_moments(returns: np.ndarray) -> np.ndarray:
    centred = returns - returns.mean(axis=1, keepdims=True)
    square = centred * centred
    return (square * centred).mean(axis=1) / square.mean(axis=1) ** 1.5


def alarms(make: Maker, offset: int = 0) -> tuple[int, int]:
    """Count what the deflated Sharpe ratio and the Reality Check find, from what a sweep keeps of its trials."""
    deflated = checked = 0
    for seed in range(offset, offset + SEEDS):
        returns = make(np.random.default_rng(seed))
        ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        best = moments(returns[ratios.argmax()])
        deflated += deflated_sharpe(best, trials=len(returns), deviation=float(ratios.std(ddof=1))) >= BAR
        skew = third_moments(returns)
        checked += reality_check(block_sums(returns), skew, seed=seed).p_value <= 0.05
    return deflated, checked


NOISE = [independent, correlated, nearly_equal, fat_tailed, small_wins_large_losses, one_year, averages]


@pytest.mark.parametrize("make", NOISE, ids=lambda make: make.__name__)
def test_noise_sets_off_few_alarms(make: Maker) -> None:
    deflated, checked = alarms(make)
    assert deflated <= 18
    assert checked <= 18


@pytest.mark.parametrize("noise", [independent, correlated], ids=lambda make: make.__name__)
def test_a_planted_ratio_of_three_is_found(noise: Maker) -> None:
    def planted(random: np.random.Generator) -> np.ndarray:
        returns = noise(random)
        returns[17] += 0.01 * 3.0 / math.sqrt(252)
        return returns

    deflated, checked = alarms(planted)
    assert deflated >= 0.8 * SEEDS
    assert checked >= 0.8 * SEEDS
