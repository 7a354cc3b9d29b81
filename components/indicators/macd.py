"""Moving average convergence and divergence."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Macd(NamedTuple):
    """The difference of two exponential averages, its own average, and the gap between them, in price units."""

    macd: Column
    signal: Column
    histogram: Column


def macd(
    close: Column,
    *,
    fast: Annotated[int, Bounds(2, 1000)] = 12,
    slow: Annotated[int, Bounds(2, 1000)] = 26,
    signal: Annotated[int, Bounds(1, 1000)] = 9,
) -> Macd:
    """EMA(fast) - EMA(slow), its EMA(signal), and the first minus the second (TA-Lib MACD).

    All three are NaN for the first slow + signal - 2 bars.

    Parameters
    ----------
    fast : int
        Bars of the faster average; less than `slow`.
    slow : int
        Bars of the slower average.
    signal : int
        Bars of the average of their difference.
    """
    if fast >= slow:
        raise ValueError(f"fast = {fast} must be less than slow = {slow}")

    def lines(part: Column) -> tuple[Column, ...]:
        return talib.MACD(part, fastperiod=fast, slowperiod=slow, signalperiod=signal)

    return Macd(*where_defined(lines, close, outputs=3))


if __name__ == "__main__":
    run_as_script()
