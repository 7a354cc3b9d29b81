"""Reshuffling: the drawdowns that the same trades would have made in another order.

Each trade is taken as the fraction that it added to the closed equity before it, and these fractions are compounded in
random orders, so that every order ends with the same equity. It asks how much of the drawdown was the luck of the order;
it knows neither losses that come in clusters, nor open positions, nor other trades than these.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from sptrader_lab.research.significance.blocks import Floats
from sptrader_lab.results.ratios import drawdowns

DRAWS: Final = 2000
_AT_ONCE: Final = 2_000_000


class Drawdowns(NamedTuple):
    """Maximum drawdown of closed equity under random orders of the trades, as positive fractions.

    Attributes
    ----------
    observed : float
        In the order in which they came.
    median, quantile_95, quantile_99 : float
        Of the random orders.
    deeper : float
        Share of the random orders with a deeper one than observed.
    """

    observed: float
    median: float
    quantile_95: float
    quantile_99: float
    deeper: float


def drawdown_distribution(profits: Floats, capital: float, *, seed: int = 0) -> Drawdowns:
    """Return how deep the drawdown gets when the trades come in another order.

    Parameters
    ----------
    profits : numpy.ndarray, shape (trades,)
        Of closed trades in account money, in the order of their exits.
    capital : float
        Equity before the first.

    Returns
    -------
    Drawdowns
        All NaN without trades, or when closed equity ever reached zero, where no fraction exists.
    """
    equity = capital + np.cumsum(profits)
    if not len(profits) or not (np.isfinite(equity).all() and capital > 0 and equity.min() > 0):
        return Drawdowns(math.nan, math.nan, math.nan, math.nan, math.nan)
    observed = float(drawdowns(equity, capital).max())
    growth = equity / np.concatenate(([capital], equity[:-1]))
    generator = np.random.default_rng(seed)
    some = max(1, _AT_ONCE // len(growth))
    deepest = np.empty(DRAWS)
    for start in range(0, DRAWS, some):
        part = deepest[start : start + some]
        path = np.cumprod(generator.permuted(np.tile(growth, (len(part), 1)), axis=1), axis=1)
        mark = np.maximum(np.maximum.accumulate(path, axis=1), 1.0)
        part[:] = (1.0 - path / mark).max(axis=1)
    median, high, highest = (float(each) for each in np.quantile(deepest, (0.5, 0.95, 0.99)))
    deeper = float((deepest > observed + 1e-12).mean())
    return Drawdowns(observed, median, high, highest, deeper)
