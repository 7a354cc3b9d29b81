"""Stochastic oscillator."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Stochastic(NamedTuple):
    """Where the close lies in its recent range, 0 to 100, and the average of that."""

    k: Column
    d: Column


def stochastic(
    high: Column,
    low: Column,
    close: Column,
    *,
    k_period: Annotated[int, Bounds(1, 1000)] = 14,
    k_smoothing: Annotated[int, Bounds(1, 1000)] = 3,
    d_period: Annotated[int, Bounds(1, 1000)] = 3,
) -> Stochastic:
    """Position of the close in the range of `k_period` bars, in percent, smoothed by simple means (TA-Lib STOCH).

    Both are NaN for the first k_period + k_smoothing + d_period - 3 bars. A bar whose whole range is a point reads 0.

    Parameters
    ----------
    k_period : int
        Bars in the range.
    k_smoothing : int
        Bars in the mean that makes %K; 1 is the fast stochastic.
    d_period : int
        Bars in the mean of %K that makes %D.
    """

    def lines(highs: Column, lows: Column, closes: Column) -> tuple[Column, ...]:
        return talib.STOCH(highs, lows, closes, fastk_period=k_period, slowk_period=k_smoothing, slowd_period=d_period)

    return Stochastic(*where_defined(lines, high, low, close, outputs=2))


if __name__ == "__main__":
    run_as_script()
