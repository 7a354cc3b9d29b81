"""Keltner channel."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Channel(NamedTuple):
    """An average of the typical price and the bands around it, in price units."""

    upper: Column
    middle: Column
    lower: Column


def keltner(
    high: Column,
    low: Column,
    close: Column,
    *,
    period: Annotated[int, Bounds(2, 5000)] = 20,
    atr_period: Annotated[int, Bounds(1, 1000)] = 10,
    multiple: Annotated[float, Bounds(0.1, 20.0)] = 2.0,
) -> Channel:
    """Exponential average of (high + low + close) / 3, and `multiple` average true ranges to either side (TA-Lib KC).

    NaN until both are defined: for the first max(period - 1, atr_period) bars.

    Parameters
    ----------
    period : int
        Bars that set the weight of the average.
    atr_period : int
        Bars of Wilder's smoothing of the true range.
    multiple : float
        Distance of the bands, in average true ranges.
    """

    def lines(highs: Column, lows: Column, closes: Column) -> tuple[Column, ...]:
        return talib.KC(highs, lows, closes, timeperiod=period, atrperiod=atr_period, nbdev=multiple)

    return Channel(*where_defined(lines, high, low, close, outputs=3))


if __name__ == "__main__":
    run_as_script()
