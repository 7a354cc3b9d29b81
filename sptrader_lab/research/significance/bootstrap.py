"""Stationary bootstrap: how far Sharpe ratio and profit factor of one trial could have come out otherwise.

Sources: Politis and Romano (1994), "The Stationary Bootstrap", JASA 89(428): blocks of random (geometric) length from a
random place, the series taken as a circle. Politis and White (2004), "Automatic Block-Length Selection for the Dependent
Bootstrap", Econometric Reviews 23(1), with the correction of Patton, Politis and White (2009), ibid. 28(4): the mean
length. Intervals are of percentiles (Efron).

They are conditional on the selection: they take the trial as if it had been the only one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.research.significance.blocks import Floats

DRAWS: Final = 2000
CONFIDENCE: Final = 0.95
#: Elements drawn at a time, which bounds memory.
_AT_ONCE: Final = 2_000_000
#: Lags in a row that must be insignificant, at two of these standard errors (Politis and White, their footnote c).
_QUIET_LAGS: Final = 5


class Interval(NamedTuple):
    """An estimate with its bootstrap interval.

    Attributes
    ----------
    value : float
        Of the series as it was.
    low, high : float
        `CONFIDENCE` of the redrawn values lie between them; NaN where fewer than half of them exist.
    not_positive : float
        Share of the redrawn values at or below the value that means no edge (0 for a ratio, 1 for a factor).
    block_length : float
        Mean length of the blocks, in elements.
    """

    value: float
    low: float
    high: float
    not_positive: float
    block_length: float


def sharpe_interval(returns: Floats, days_per_year: int, *, seed: int = 0) -> Interval:
    """Return the yearly Sharpe ratio of daily returns with its interval."""

    def ratio(drawn: Floats) -> Floats:
        mean, deviation = drawn.mean(axis=1), drawn.std(axis=1, ddof=1)
        # A mean of equal numbers may round, and its deviation with it.
        moved = deviation > 1e-13 + 1e-13 * np.abs(mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(moved, mean / deviation * math.sqrt(days_per_year), np.nan)

    return _interval(returns, ratio, 0.0, seed)


def profit_factor_interval(profits: Floats, *, seed: int = 0) -> Interval:
    """Return the sum of wins over the sum of losses with its interval; infinite without losses.

    Parameters
    ----------
    profits : numpy.ndarray, shape (trades,)
        Of closed trades, in the order of their exits.
    """

    def factor(drawn: Floats) -> Floats:
        # Adding 0.0 turns -0.0 into 0.0: gains without a loss are infinite, not minus infinite.
        gain, loss = np.maximum(drawn, 0.0).sum(axis=1), np.maximum(-drawn, 0.0).sum(axis=1) + 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(gain / loss)

    return _interval(profits, factor, 1.0, seed)


def block_length(values: Floats) -> float:
    """Return the mean block length for the mean of a series, 1 for one without memory (or without variance).

    b = (2 G^2 / D)^(1/3) n^(1/3), D = 2 g(0)^2; G and g(0) are sums of |k| R(k) and R(k) over lags, R the autocovariance,
    weighted by the flat-top window of half-width M = 2 m, m the last lag before five insignificant ones. At most
    ceil(min(3 sqrt(n), n / 3)).
    """
    count = len(values)
    if count < 2 * _QUIET_LAGS:
        return 1.0
    centred = values - values.mean()
    most = min(math.ceil(math.sqrt(count)) + _QUIET_LAGS, count - 1)
    covariance = np.array([centred[lag:] @ centred[: count - lag] for lag in range(most + 1)]) / count
    if not covariance[0] > 1e-26 * (1.0 + float(np.square(values).max())):
        return 1.0
    significant = np.abs(covariance[1:] / covariance[0]) >= 2.0 * math.sqrt(math.log10(count) / count)
    width = min(2 * max(_last_lag(significant), 1), most)
    lag = np.arange(-width, width + 1)
    weighted = np.minimum(1.0, 2.0 * (1.0 - np.abs(lag) / width)) * covariance[np.abs(lag)]
    slope, level = float((np.abs(lag) * weighted).sum()), float(weighted.sum())
    longest = math.ceil(min(3.0 * math.sqrt(count), count / 3.0))
    length = math.cbrt((slope / level) ** 2 * count) if level else math.inf
    return min(max(length, 1.0), float(longest))


def _last_lag(significant: NDArray[np.bool_]) -> int:
    """Return the smallest m with five insignificant lags behind it, else the last significant lag."""
    for lag in range(len(significant) - _QUIET_LAGS + 1):
        if not significant[lag : lag + _QUIET_LAGS].any():
            return lag
    return int(np.flatnonzero(significant)[-1]) + 1


def resample_indices(
    count: int, length: float, draws: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield positions of the stationary bootstrap, some draws at a time, each of shape (some, count).

    Parameters
    ----------
    count : int
        Length of the series.
    length : float
        Mean length of the blocks, at least 1.
    """
    some = max(1, _AT_ONCE // count)
    place = np.arange(count)
    for start in range(0, draws, some):
        shape = (min(some, draws - start), count)
        begins = generator.random(shape) < 1.0 / length
        begins[:, 0] = True
        first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
        origin = np.take_along_axis(generator.integers(0, count, shape), first, axis=1)
        yield (origin + place - first) % count


def _interval(values: Floats, statistic: Callable[[Floats], Floats], even: float, seed: int) -> Interval:
    if len(values) < 2 or not np.isfinite(values).all():
        return Interval(math.nan, math.nan, math.nan, math.nan, math.nan)
    length = block_length(values)
    generator = np.random.default_rng(seed)
    drawn = [statistic(values[rows]) for rows in resample_indices(len(values), length, DRAWS, generator)]
    found = np.concatenate(drawn)
    known = found[~np.isnan(found)]
    value = float(statistic(values[None, :])[0])
    if len(known) * 2 < DRAWS:
        return Interval(value, math.nan, math.nan, math.nan, length)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(known, (tail, 1.0 - tail), method="inverted_cdf")  # never between a number and infinity
    return Interval(value, float(low), float(high), float((known <= even).mean()), length)
