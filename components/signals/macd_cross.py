"""Crossing of MACD and its signal line."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from sptrader_lab.components import Bounds, Column, Labels, Requires, run_as_script
from sptrader_lab.components.crossing import crossing


class Crossover(NamedTuple):
    """What happened at a bar, and how strongly: 0 to 1, 0 where nothing did."""

    crossover_type: Annotated[Column, Labels("none", "bullish", "bearish")]
    signal_strength: Column


def macd_cross(
    macd: Annotated[Column, Requires("macd", output="macd")],
    signal: Annotated[Column, Requires("macd", output="signal")],
    *,
    confirmation_bars: Annotated[int, Bounds(1, 100)] = 1,
) -> Crossover:
    """Tell when MACD crosses above (bullish) or below (bearish) its signal line.

    signal_strength is the gap between them over twice its usual change per bar (mean size over 20 bars), at most 1.

    Parameters
    ----------
    confirmation_bars : int
        Bars in a row on the new side, the crossing bar being the first.
    """
    return Crossover(*crossing(macd, signal, confirmation_bars, 0.0))


if __name__ == "__main__":
    run_as_script()
