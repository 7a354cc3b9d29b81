"""Average true range."""

from __future__ import annotations

from typing import Annotated

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


def atr(high: Column, low: Column, close: Column, *, period: Annotated[int, Bounds(1, 1000)] = 14) -> Column:
    """Wilder's average of the true range, in price units (TA-Lib ATR).

    The true range of a bar is the largest of high - low, |high - previous close| and |low - previous close|.

    Parameters
    ----------
    period : int
        Bars of Wilder's smoothing.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` bars.
    """

    def average(highs: Column, lows: Column, closes: Column) -> Column:
        return talib.ATR(highs, lows, closes, timeperiod=period)

    (line,) = where_defined(average, high, low, close)
    return line


if __name__ == "__main__":
    run_as_script()
