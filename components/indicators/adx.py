"""Average directional index."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import talib

from sptrader_lab.components import Bounds, Column, run_as_script, where_defined


class Directions(NamedTuple):
    """How strongly prices trend (adx), upwards (plus_di) and downwards (minus_di), each 0 to 100."""

    adx: Column
    plus_di: Column
    minus_di: Column


def adx(high: Column, low: Column, close: Column, *, period: Annotated[int, Bounds(2, 1000)] = 14) -> Directions:
    """Wilder's directional movement, 0 to 100 (TA-Lib ADX, PLUS_DI, MINUS_DI).

    adx is NaN for the first 2 x period - 1 bars, the other two for the first `period`.

    Parameters
    ----------
    period : int
        Bars of Wilder's smoothing.
    """

    def lines(highs: Column, lows: Column, closes: Column) -> tuple[Column, ...]:
        functions = (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)
        return tuple(function(highs, lows, closes, timeperiod=period) for function in functions)

    return Directions(*where_defined(lines, high, low, close, outputs=3))


if __name__ == "__main__":
    run_as_script()
