"""Ratios: one formula per function, on plain arrays (S16).

Returns are fractions, one per trading day. Losses (drawdown, value at risk) are positive fractions. Undefined is NaN,
and nothing warns.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.calendar import DAY

Floats = NDArray[np.float64]

# A daily return is a quotient of two equities less one, exact to about 2e-16 whatever its size: deviations below this
# are rounding, and a ratio to them would be a large number without a meaning.
_ROUNDING: Final = 1e-13
_YEAR: Final = 365.25 * DAY


class Moments(NamedTuple):
    """Mean, standard deviation (ddof=1), and the standardised third and fourth central moments (n in both)."""

    days: int
    mean: float
    deviation: float
    skew: float
    kurtosis: float


def quotient(top: float, bottom: float) -> float:
    """Return top / bottom, NaN where that is not a finite number."""
    value = top / bottom if bottom else math.nan
    return value if math.isfinite(value) else math.nan


def daily_returns(equity: Floats, capital: float) -> Floats:
    """Return each day's change as a fraction of the day before; the first is against `capital`.

    Parameters
    ----------
    equity : numpy.ndarray, shape (days,)
        Account money at the day ends.

    Returns
    -------
    numpy.ndarray, shape (days,)
        NaN after a day that ended at or below zero, where no fraction exists.
    """
    before = np.concatenate(([capital], equity[:-1])) if len(equity) else equity
    with np.errstate(divide="ignore", invalid="ignore"):
        returns: Floats = np.where(before > 0, equity / before - 1.0, np.nan)
    return returns


def moments(returns: Floats) -> Moments:
    """Return what Sharpe, skew, kurtosis and PSR share.

    `skew` and `kurtosis` are the biased estimators m3 / m2^1.5 and m4 / m2^2 (a normal distribution has kurtosis 3).
    With fewer than two days the deviation is NaN; without variance skew and kurtosis are NaN.
    """
    count = len(returns)
    if count < 2:
        return Moments(count, float(returns[0]) if count else math.nan, math.nan, math.nan, math.nan)
    mean = float(returns.mean())
    centred = returns - mean
    square = centred * centred
    second = float(square.mean())
    deviation = math.sqrt(second * count / (count - 1))
    if not deviation > _ROUNDING:
        return Moments(count, mean, 0.0 if deviation >= 0 else math.nan, math.nan, math.nan)
    third, fourth = float((square * centred).mean()), float((square * square).mean())
    return Moments(count, mean, deviation, third / second**1.5, fourth / second**2)


def sharpe(moment: Moments, days_per_year: int) -> float:
    """Return mean / std(ddof=1) x sqrt(days_per_year), risk-free rate 0 (Sharpe, 1994, "The Sharpe Ratio")."""
    return quotient(moment.mean, moment.deviation) * math.sqrt(days_per_year)


def sortino(returns: Floats, days_per_year: int) -> float:
    """Return mean / downside deviation x sqrt(days_per_year), target 0.

    The downside deviation is the root mean square of min(return, 0) over all days, not over the losing ones alone
    (Sortino and Price, 1994, "Performance Measurement in a Downside Risk Framework"). NaN without a losing day.
    """
    if len(returns) < 2:
        return math.nan
    downside = math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()))
    return quotient(float(returns.mean()), downside if downside > _ROUNDING else 0.0) * math.sqrt(days_per_year)


def cagr(growth: float, elapsed: int) -> float:
    """Return growth ** (1 year / elapsed) - 1 with a year of 365.25 days; `growth` is end over start, `elapsed` in ns."""
    if not (growth >= 0 and elapsed > 0):
        return math.nan
    with np.errstate(over="ignore"):
        value = float(np.float64(growth) ** (_YEAR / elapsed)) - 1.0
    return value if math.isfinite(value) else math.nan


def years(elapsed: int) -> float:
    """Return nanoseconds as years of 365.25 days."""
    return elapsed / _YEAR


def drawdowns(equity: Floats, capital: float) -> Floats:
    """Return how far each value lies under the high-water mark, which starts at `capital`: fractions, 0 at a new high."""
    if not len(equity):
        return equity
    mark = np.maximum(np.maximum.accumulate(equity), capital)
    under: Floats = (mark - equity) / mark
    return under


def longest_drawdown(time: NDArray[np.int64], equity: Floats, start: int, capital: float) -> float:
    """Return the longest time under a high-water mark, in days of 24 hours.

    It runs from the mark (`capital` at `start`, or an element of `equity`) to the first element that reaches it again,
    or to the last one. 0.0 when no element ever lies under the mark.
    """
    if not len(equity):
        return math.nan
    level, instant = np.concatenate(([capital], equity)), np.concatenate(([start], time))
    peaks = np.flatnonzero(level >= np.maximum.accumulate(level))
    ends = np.append(peaks[1:], len(level) - 1)
    under = ends - peaks > 1
    under[-1] = ends[-1] > peaks[-1]
    spans = (instant[ends] - instant[peaks])[under]
    return float(spans.max()) / DAY if len(spans) else 0.0


def tails(returns: Floats) -> tuple[float, float]:
    """Return the tail ratio |95th / 5th percentile| and the historical daily value at risk at 95 %.

    Percentiles are interpolated linearly. The value at risk is the 5th percentile with its sign turned: a positive
    fraction lost; negative when even the bad days gain. Both NaN with fewer than two days.
    """
    if len(returns) < 2:
        return math.nan, math.nan
    low, high = (float(value) for value in np.quantile(returns, (0.05, 0.95)))
    return quotient(abs(high), abs(low)), -low


def probabilistic_sharpe(moment: Moments, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `benchmark`.

    PSR(b) = Phi((SR - b) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)) with SR and b per day, not annualised,
    and a normal's kurtosis of 3 (Bailey and Lopez de Prado, 2012, "The Sharpe Ratio Efficient Frontier", Journal of Risk
    15(2)).
    """
    ratio = quotient(moment.mean, moment.deviation)
    spread = 1.0 - moment.skew * ratio + (moment.kurtosis - 1.0) / 4.0 * ratio * ratio
    if not spread > 0:
        return math.nan
    score = (ratio - benchmark) * math.sqrt(moment.days - 1) / math.sqrt(spread)
    return 0.5 * math.erfc(-score / math.sqrt(2.0))


def quality_number(profits: Floats) -> float:
    """Return sqrt(n) x mean / std(ddof=1) of the trades' profits (Van Tharp's SQN, profits in place of R multiples)."""
    if len(profits) < 2:
        return math.nan
    deviation = float(profits.std(ddof=1))
    rounding = _ROUNDING * float(np.abs(profits).max())
    return quotient(math.sqrt(len(profits)) * float(profits.mean()), deviation if deviation > rounding else 0.0)


def longest_streak(holds: NDArray[np.bool_]) -> int:
    """Return the length of the longest unbroken run of True."""
    breaks = np.flatnonzero(np.concatenate(([True], ~holds, [True])))
    return int(np.diff(breaks).max()) - 1
