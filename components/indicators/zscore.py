"""Z-score."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from sptrader_lab.components import Bounds, Column, run_as_script
from sptrader_lab.kernel.compile import compiled


def zscore(close: Column, *, period: Annotated[int, Bounds(2, 5000)] = 20) -> Column:
    """Distance from the mean of the last `period` values, in their standard deviations (ddof=0).

    Parameters
    ----------
    period : int
        Bars in the mean and the deviation, this one included.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` - 1 bars, and where the window does not vary or holds a NaN.
    """
    return _zscore(close, period)


@compiled
def _zscore(values: Column, period: int) -> Column:
    # Afresh for each window, from its newest value: with running sums a flat window would read as noise.
    out = np.full(len(values), np.nan)
    for i in range(period - 1, len(values)):
        total = 0.0
        squares = 0.0
        for j in range(i - period + 1, i):
            step = values[j] - values[i]
            total += step
            squares += step * step
        variance = (squares - total * total / period) / period
        if variance > 0.0:
            out[i] = -total / period / np.sqrt(variance)
    return out


if __name__ == "__main__":
    run_as_script()
