"""Rate of change."""

from __future__ import annotations

from typing import Annotated

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


def roc(close: Column, *, period: Annotated[int, Bounds(1, 5000)] = 10) -> Column:
    """Change against `period` bars ago, in percent of the older value (TA-Lib ROC).

    Parameters
    ----------
    period : int
        Bars between the two values.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` bars.
    """
    (line,) = where_defined(lambda part: talib.ROC(part, timeperiod=period), close)
    return line


if __name__ == "__main__":
    run_as_script()
