"""Breakout from a channel."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from sptrader_lab.components import Bounds, Column, Labels, Requires, run_as_script
from sptrader_lab.components.crossing import crossing, one_sided
from sptrader_lab.kernel.rolling import shift


class Breakout(NamedTuple):
    """What happened at a bar, and how strongly: 0 to 1, 0 where nothing did."""

    breakout_type: Annotated[Column, Labels("none", "up", "down")]
    signal_strength: Column


def breakout(
    close: Column,
    upper: Annotated[Column, Requires("donchian", output="upper", period=20)],
    lower: Annotated[Column, Requires("donchian", output="lower", period=20)],
    *,
    min_separation: Annotated[float, Bounds(0.0, 1.0)] = 0.0,
    confirmation_bars: Annotated[int, Bounds(1, 100)] = 1,
) -> Breakout:
    """Tell when the close leaves the channel of the bar before, on the first bar outside.

    signal_strength is the distance beyond the channel over twice its usual change per bar (mean size over 20 bars), at
    most 1.

    Parameters
    ----------
    min_separation : float
        Smallest distance beyond the channel on the event's bar, as a fraction of the channel's price.
    confirmation_bars : int
        Closes in a row outside, the first one included.
    """
    up, up_strength = crossing(close, shift(upper, 1), confirmation_bars, min_separation)
    down, down_strength = crossing(close, shift(lower, 1), confirmation_bars, min_separation)
    return Breakout(*one_sided(up, up_strength, down, down_strength))


if __name__ == "__main__":
    run_as_script()
