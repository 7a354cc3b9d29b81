"""Bollinger bands."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Bands(NamedTuple):
    """A moving mean and the bands around it, in the values' unit."""

    upper: Column
    middle: Column
    lower: Column


def bollinger(
    close: Column,
    *,
    period: Annotated[int, Bounds(2, 5000)] = 20,
    deviations: Annotated[float, Bounds(0.1, 10.0)] = 2.0,
) -> Bands:
    """Simple mean of `period` values, and `deviations` standard deviations (ddof=0) to either side (TA-Lib BBANDS).

    NaN for the first `period` - 1 bars.

    Parameters
    ----------
    period : int
        Bars in the mean and the deviation.
    deviations : float
        Distance of the bands, in standard deviations.
    """

    def bands(part: Column) -> tuple[Column, ...]:
        return talib.BBANDS(part, timeperiod=period, nbdevup=deviations, nbdevdn=deviations)

    return Bands(*where_defined(bands, close, outputs=3))


if __name__ == "__main__":
    run_as_script()
