"""Weighted moving average."""

from __future__ import annotations

from typing import Annotated

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


def wma(close: Column, *, period: Annotated[int, Bounds(1, 5000)] = 20) -> Column:
    """Mean of the last `period` values weighted period, period - 1, ... 1 from the newest back (TA-Lib WMA).

    Parameters
    ----------
    period : int
        Bars in the average.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` - 1 bars.
    """
    (line,) = where_defined(lambda part: talib.WMA(part, timeperiod=period), close)
    return line


if __name__ == "__main__":
    run_as_script()
