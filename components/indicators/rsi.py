"""Relative strength index."""

from __future__ import annotations

from typing import Annotated

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


def rsi(close: Column, *, period: Annotated[int, Bounds(2, 1000)] = 14) -> Column:
    """Wilder's average gain as a percentage of average gain plus average loss, 0 to 100 (TA-Lib RSI).

    Parameters
    ----------
    period : int
        Bars of Wilder's smoothing.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` bars. A stretch without any change reads 0, as TA-Lib has it.
    """
    (line,) = where_defined(lambda part: talib.RSI(part, timeperiod=period), close)
    return line


if __name__ == "__main__":
    run_as_script()
