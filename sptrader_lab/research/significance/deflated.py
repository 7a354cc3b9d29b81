"""Deflated Sharpe ratio: the best of many trials against what luck alone would have made the best.

Source: Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting,
and Non-Normality", Journal of Portfolio Management 40(5). Ratios here are per day, a normal's kurtosis is 3.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from scipy.stats import norm

from sptrader_lab.results.ratios import Moments, probabilistic_sharpe

#: Deflated Sharpe ratio from which on a trial is called found: a one-sided test at 5 %.
BAR: Final = 0.95
_EULER: Final = 0.5772156649015329


class Planted(NamedTuple):
    """What a sweep would have shown of a real edge.

    Attributes
    ----------
    sharpe : float
        True Sharpe ratio of one trial, per year.
    median : float
        Median of that trial's deflated Sharpe ratio.
    found : float
        Probability that it reaches `BAR`.
    """

    sharpe: float
    median: float
    found: float


def expected_maximum(trials: int, deviation: float) -> float:
    """Return the ratio that the best of `trials` without any edge is expected to show.

    deviation x ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))), g the Euler-Mascheroni constant and Z the normal quantile; 0 for
    one trial, from which nothing was selected.

    Parameters
    ----------
    trials : int
        All that were tried, the failed and the pruned ones too.
    deviation : float
        Standard deviation of the trials' ratios.
    """
    if trials < 2:
        return 0.0
    low, high = norm.isf(1.0 / trials), norm.isf(1.0 / (trials * math.e))
    return float(deviation * ((1.0 - _EULER) * low + _EULER * high))


def deflated_sharpe(moment: Moments, *, trials: int, deviation: float) -> float:
    """Return the probability that the true ratio is above `expected_maximum`.

    Parameters
    ----------
    moment : Moments
        Of the daily returns of the trial that was selected.
    trials, deviation
        As for `expected_maximum`.

    Returns
    -------
    float
        0..1; NaN where the ratio or its error is undefined.
    """
    return probabilistic_sharpe(moment, expected_maximum(trials, deviation))


def planted_effect(sharpe: float, moment: Moments, *, trials: int, deviation: float, days_per_year: int) -> Planted:
    """Return how likely one trial with a true yearly ratio of `sharpe` would be found among the others.

    The estimate of a ratio is normal around the true one with the error of `probabilistic_sharpe`. The edge itself widens
    the spread of the ratios, so the bar that it must pass rises by its own share.

    Parameters
    ----------
    sharpe : float
        Per year.
    moment : Moments
        Days, skew and kurtosis are taken; mean and deviation are not.
    deviation : float
        Standard deviation of the other trials' ratios, per day.
    """
    ratio = sharpe / math.sqrt(days_per_year)
    widened = math.hypot(deviation, ratio / math.sqrt(trials)) if trials > 1 else deviation
    true = moment._replace(mean=ratio, deviation=1.0)
    median = deflated_sharpe(true, trials=trials, deviation=widened)
    return Planted(sharpe, median, float(norm.cdf(norm.ppf(median) - norm.ppf(BAR))))
