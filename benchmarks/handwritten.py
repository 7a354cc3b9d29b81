"""A loop written by hand for one strategy alone: the speed that a general kernel is measured against.

Same rules as the kernel for this one case (S3, S5-S10, S15): a crossing enters long, the opposite crossing leaves, stop and target
as fractions of the fill, slippage, size as a fraction of equity; equity, drawdown and every trade are written down.
"""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(nogil=True)
def crossover_loop(open_, high, low, close, enter, leave, capital, size, slippage, stop_fraction, target_fraction, equity, trades):
    """Return the number of trades; `equity` gets one value per bar, `trades` rows of entry and exit bar, prices, quantity."""
    cash, held, entry, stop, target, entry_bar = capital, 0.0, 0.0, 0.0, 0.0, 0
    wanted, leaving, peak, worst, count, worth = 0.0, False, capital, 0.0, 0, capital
    for i in range(len(close)):
        price = 0.0
        if held > 0.0:
            if leaving:
                price = open_[i] * (1.0 - slippage)
            elif open_[i] <= stop:
                price = open_[i] * (1.0 - slippage)
            elif open_[i] >= target:
                price = open_[i]
        if price == 0.0 and wanted > 0.0:
            entry = open_[i] * (1.0 + slippage)
            if wanted * entry <= cash:
                held, entry_bar = wanted, i
                cash -= held * entry
                stop, target = entry - stop_fraction * entry, entry + target_fraction * entry
        wanted = 0.0
        if price == 0.0 and held > 0.0:
            if low[i] <= stop:
                price = stop * (1.0 - slippage)
            elif high[i] >= target:
                price = target
        if price > 0.0:
            cash += held * price
            trades[count, 0], trades[count, 1] = entry_bar, i
            trades[count, 2], trades[count, 3], trades[count, 4] = entry, price, held
            count += 1
            held, leaving = 0.0, False
        worth = cash + held * close[i]
        equity[i] = worth
        peak = max(peak, worth)
        worst = max(worst, (peak - worth) / peak)
        if held > 0.0 and leave[i]:
            leaving = True
        if enter[i] and (held == 0.0 or leaving):
            free = (worth - (0.0 if leaving else held * close[i])) / 1.005 / (1.0 + slippage)
            wanted = math.floor(min(worth * size, free) / close[i] / 0.01 + 1e-9) * 0.01
    return count, worst


def run(candles, enter, leave, *, capital=10_000.0, size=0.1, slippage=0.0001, stop=0.002, target=0.004):
    """Run the loop on candles; return the number of trades, the last equity and the deepest drawdown."""
    equity, trades = np.empty(len(candles)), np.empty((int(enter.sum()) + 1, 5))
    columns = (candles.open, candles.high, candles.low, candles.close)
    count, worst = crossover_loop(*columns, enter, leave, capital, size, slippage, stop, target, equity, trades)
    return count, equity[-1], worst
