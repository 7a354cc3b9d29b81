"""Deflated Sharpe ratio: the paper's example, drawn maxima, and edges planted for real."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sptrader_lab.research.significance.deflated import BAR, deflated_sharpe, expected_maximum, planted_effect
from sptrader_lab.results.ratios import Moments, moments, probabilistic_sharpe


def test_the_papers_example() -> None:
    # Bailey and Lopez de Prado (2014), "A numerical example": annual ratio 2.5 over five years of 250 days, skew -3,
    # kurtosis 10, variance of the trials' annual ratios 1/2; 100 trials are too many, 46 would still be significant.
    moment = Moments(1250, 2.5 / math.sqrt(250), 1.0, -3.0, 10.0)
    deviation = math.sqrt(0.5 / 250)
    assert round(expected_maximum(100, deviation), 4) == 0.1132
    assert round(deflated_sharpe(moment, trials=100, deviation=deviation), 4) == 0.9004
    assert round(deflated_sharpe(moment, trials=46, deviation=deviation), 4) == 0.9505


@pytest.mark.parametrize("trials", [5, 100, 2000])
def test_the_expected_maximum_is_that_of_drawn_normals(trials: int) -> None:
    drawn = np.random.default_rng(trials).standard_normal((4000, trials)).max(axis=1)
    assert expected_maximum(trials, 0.3) == pytest.approx(0.3 * drawn.mean(), rel=0.03)


def test_one_trial_is_not_deflated() -> None:
    moment = moments(np.random.default_rng(1).normal(0.001, 0.01, 300))
    assert expected_maximum(1, 0.1) == 0.0
    assert deflated_sharpe(moment, trials=1, deviation=math.nan) == probabilistic_sharpe(moment)


def test_more_trials_and_more_spread_deflate_more() -> None:
    moment = moments(np.random.default_rng(2).normal(0.001, 0.01, 500))
    by_trials = [deflated_sharpe(moment, trials=count, deviation=0.04) for count in (1, 2, 10, 100, 10_000)]
    by_spread = [deflated_sharpe(moment, trials=50, deviation=spread) for spread in (0.0, 0.02, 0.04, 0.08)]
    assert by_trials == sorted(by_trials, reverse=True)
    assert by_spread == sorted(by_spread, reverse=True)


def test_what_is_undefined_stays_undefined() -> None:
    still = moments(np.zeros(100))
    assert math.isnan(deflated_sharpe(still, trials=10, deviation=0.1))
    assert math.isnan(planted_effect(2.0, still, trials=10, deviation=0.1, days_per_year=252).found)


@pytest.mark.parametrize("sharpe", [1.5, 2.5])
def test_an_edge_is_found_as_often_as_promised(sharpe: float) -> None:
    days, trials = 1250, 100
    random, results = np.random.default_rng(3), []
    for _ in range(400):
        returns = random.normal(0.0, 0.01, (trials, days))
        returns[0] += 0.01 * sharpe / math.sqrt(252)
        ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        results.append(deflated_sharpe(moments(returns[0]), trials=trials, deviation=float(ratios.std(ddof=1))))
    told = planted_effect(
        sharpe,
        Moments(days, math.nan, math.nan, 0.0, 3.0),
        trials=trials,
        deviation=1 / math.sqrt(days),
        days_per_year=252,
    )
    assert told.sharpe == sharpe
    assert told.found == pytest.approx(np.mean(np.array(results) >= BAR), abs=0.07)
    assert told.median == pytest.approx(np.median(results), abs=0.07)
