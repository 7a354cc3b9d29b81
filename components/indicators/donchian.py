"""Donchian channel."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Channel(NamedTuple):
    """Highest high, lowest low and their middle, in price units."""

    upper: Column
    middle: Column
    lower: Column


def donchian(high: Column, low: Column, *, period: Annotated[int, Bounds(2, 5000)] = 20) -> Channel:
    """Highest high and lowest low of the last `period` bars, this one included (TA-Lib DONCHIAN).

    NaN for the first `period` - 1 bars. Since this bar counts, its close can't pass the channel; the signal `breakout`
    compares with the channel of the bar before.

    Parameters
    ----------
    period : int
        Bars in the channel.
    """

    def lines(highs: Column, lows: Column) -> tuple[Column, ...]:
        return talib.DONCHIAN(highs, lows, timeperiod=period)

    return Channel(*where_defined(lines, high, low, outputs=3))


if __name__ == "__main__":
    run_as_script()
