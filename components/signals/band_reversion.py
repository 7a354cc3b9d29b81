"""Return into a band."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from sptrader_lab.components import Bounds, Column, Labels, Requires, run_as_script
from sptrader_lab.components.crossing import crossing, one_sided


class Reversion(NamedTuple):
    """What happened at a bar, and how strongly: 0 to 1, 0 where nothing did."""

    reversion_type: Annotated[Column, Labels("none", "bullish", "bearish")]
    signal_strength: Column


def band_reversion(
    close: Column,
    upper: Annotated[Column, Requires("bollinger", output="upper")],
    lower: Annotated[Column, Requires("bollinger", output="lower")],
    *,
    confirmation_bars: Annotated[int, Bounds(1, 100)] = 1,
) -> Reversion:
    """Tell when the close comes back into the band: from below (bullish) or from above (bearish).

    signal_strength is the distance inside the band over twice its usual change per bar (mean size over 20 bars), at
    most 1.

    Parameters
    ----------
    confirmation_bars : int
        Closes in a row inside, the first one included.
    """
    up, up_strength = crossing(close, lower, confirmation_bars, 0.0)
    down, down_strength = crossing(close, upper, confirmation_bars, 0.0)
    return Reversion(*one_sided(up, up_strength, down, down_strength))


if __name__ == "__main__":
    run_as_script()
