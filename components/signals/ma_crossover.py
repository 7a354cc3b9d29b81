"""Crossing of two moving averages."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from sptrader_lab.components import Bounds, Column, Labels, Requires, run_as_script
from sptrader_lab.components.crossing import crossing


class Crossover(NamedTuple):
    """What happened at a bar, and how strongly: 0 to 1, 0 where nothing did."""

    crossover_type: Annotated[Column, Labels("none", "golden_cross", "death_cross")]
    signal_strength: Column


def ma_crossover(
    ma_fast: Annotated[Column, Requires("sma", period=10)],
    ma_slow: Annotated[Column, Requires("sma", period=30)],
    *,
    min_separation: Annotated[float, Bounds(0.0, 1.0)] = 0.0,
    confirmation_bars: Annotated[int, Bounds(1, 100)] = 1,
) -> Crossover:
    """Tell a golden cross (the fast average crosses above the slow one) and a death cross (below it).

    The event comes on the confirming bar, known at its close. signal_strength is the averages' gap over twice its
    usual change per bar (mean size over 20 bars), at most 1: with one confirmation bar half of all crosses are above
    about 0.3, and "> 0.1" leaves out those that barely touch.

    Parameters
    ----------
    min_separation : float
        Smallest |fast - slow| / slow on the event's bar; a cross that has less then is no event.
    confirmation_bars : int
        Bars in a row on the new side, the crossing bar being the first.
    """
    return Crossover(*crossing(ma_fast, ma_slow, confirmation_bars, min_separation))


if __name__ == "__main__":
    run_as_script()
