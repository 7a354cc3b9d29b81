"""Volume-weighted average price by trading day."""

from __future__ import annotations

import numpy as np

from sptrader_lab.components import Column, run_as_script
from sptrader_lab.kernel.compile import compiled


def vwap(hlc3: Column, volume: Column, day: Column) -> Column:
    """Average typical price since the trading day began, weighted by volume, in price units.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN until the day has seen volume. A bar without a price or a volume adds nothing and has no average itself.
    """
    return _by_day(hlc3, volume, day)


@compiled
def _by_day(price: Column, volume: Column, day: Column) -> Column:
    out = np.full(len(price), np.nan)
    money = 0.0
    units = 0.0
    for i in range(len(price)):
        if i == 0 or day[i] != day[i - 1]:
            money = 0.0
            units = 0.0
        traded = price[i] * volume[i]
        if np.isnan(traded):
            continue
        money += traded
        units += volume[i]
        if units > 0.0:
            out[i] = money / units
    return out


if __name__ == "__main__":
    run_as_script()
