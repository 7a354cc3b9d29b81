"""Decisions: what a strategy says about every candle of one symbol, ready for the kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Decisions(NamedTuple):
    """Columns of one (strategy, symbol), one value per candle, known at that candle's close (S2).

    Attributes
    ----------
    entry_long, entry_short, exit_long, exit_short : numpy.ndarray of uint8, shape (candles,)
        1 where the rule holds.
    blocked : numpy.ndarray of uint8, shape (candles,)
        Reason code of the filter that forbids an entry decided at this close, or 0.
    stop_atr, target_atr, trail_atr, size_atr : numpy.ndarray of float64, shape (candles,) or (0,)
        The ATR that the rule's multiple counts in, price units; empty where the rule does not use one.
    """

    entry_long: NDArray[np.uint8]
    entry_short: NDArray[np.uint8]
    exit_long: NDArray[np.uint8]
    exit_short: NDArray[np.uint8]
    blocked: NDArray[np.uint8]
    stop_atr: NDArray[np.float64]
    target_atr: NDArray[np.float64]
    trail_atr: NDArray[np.float64]
    size_atr: NDArray[np.float64]
