"""Exponential moving average."""

from __future__ import annotations

from typing import Annotated

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


def ema(close: Column, *, period: Annotated[int, Bounds(1, 5000)] = 20) -> Column:
    """Average that weighs each newer value by 2 / (period + 1), in the values' unit (TA-Lib EMA).

    Parameters
    ----------
    period : int
        Bars that set the weight.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` - 1 bars; starts from the simple mean of the first `period` values.
    """
    (line,) = where_defined(lambda part: talib.EMA(part, timeperiod=period), close)
    return line


if __name__ == "__main__":
    run_as_script()
