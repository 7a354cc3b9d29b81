"""Crossing of fixed levels."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from sptrader_lab.components import Bounds, Column, Labels, Requires, run_as_script
from sptrader_lab.components.crossing import crossing, one_sided


class Passed(NamedTuple):
    """What happened at a bar, and how strongly: 0 to 1, 0 where nothing did."""

    threshold_type: Annotated[Column, Labels("none", "above", "below")]
    signal_strength: Column


def threshold(
    value: Annotated[Column, Requires("rsi", period=14)],
    *,
    upper: Annotated[float, Bounds(-1e9, 1e9)] = 70.0,
    lower: Annotated[float, Bounds(-1e9, 1e9)] = 30.0,
    confirmation_bars: Annotated[int, Bounds(1, 100)] = 1,
) -> Passed:
    """Tell when a value rises above `upper` or falls below `lower`.

    The levels may also stand the other way round: upper 30 and lower 70 tell when an RSI leaves its extremes.
    signal_strength is the distance beyond the level over twice the value's usual change per bar (mean size over 20
    bars), at most 1.

    Parameters
    ----------
    upper : float
        Level whose crossing from below is `above`.
    lower : float
        Level whose crossing from above is `below`.
    confirmation_bars : int
        Bars in a row beyond the level, the crossing bar being the first.
    """
    up, up_strength = crossing(value, np.full(len(value), upper), confirmation_bars, 0.0)
    down, down_strength = crossing(value, np.full(len(value), lower), confirmation_bars, 0.0)
    return Passed(*one_sided(up, up_strength, down, down_strength))


if __name__ == "__main__":
    run_as_script()
