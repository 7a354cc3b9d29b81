"""Supertrend."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Supertrend(NamedTuple):
    """The trailing line in price units, and the trend: 1 up (line below the close), -1 down (line above it)."""

    supertrend: Column
    direction: Column


def supertrend(
    high: Column,
    low: Column,
    close: Column,
    *,
    period: Annotated[int, Bounds(1, 1000)] = 10,
    multiple: Annotated[float, Bounds(0.1, 20.0)] = 3.0,
) -> Supertrend:
    """Line `multiple` average true ranges from the middle of the bar that only tightens until the close passes it.

    NaN for the first `period` bars (TA-Lib SUPERTREND).

    Parameters
    ----------
    period : int
        Bars of the average true range.
    multiple : float
        Distance of the line, in average true ranges.
    """

    def lines(highs: Column, lows: Column, closes: Column) -> tuple[Column, ...]:
        line, trend = talib.SUPERTREND(highs, lows, closes, timeperiod=period, multiplier=multiple)
        return line, np.where(np.isnan(line), np.nan, trend)

    return Supertrend(*where_defined(lines, high, low, close, outputs=2))


if __name__ == "__main__":
    run_as_script()
