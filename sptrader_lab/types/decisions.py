"""Decisions: what a strategy says about every candle of one symbol, ready for the kernel."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_NONE: Final[NDArray[np.float64]] = np.empty(0)
_NEVER: Final[NDArray[np.uint8]] = np.empty(0, np.uint8)


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
    even_atr : the same for the break-even trigger.
    long_price, short_price : numpy.ndarray of float64, shape (candles,) or (0,)
        Level of an entry order decided at this close; empty for market orders.
    long_limit, short_limit : numpy.ndarray of float64, shape (candles,) or (0,)
        Limit of a stop-limit order; empty for other orders.
    session_exit : numpy.ndarray of uint8, shape (candles,) or (0,)
        1 where the clock closes every position; empty for never.
    signal_close : numpy.ndarray of uint8, shape (candles,) or (0,)
        1 where a longer signal candle closes (S13); empty where signals come from these candles themselves.
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
    even_atr: NDArray[np.float64] = _NONE
    long_price: NDArray[np.float64] = _NONE
    short_price: NDArray[np.float64] = _NONE
    long_limit: NDArray[np.float64] = _NONE
    short_limit: NDArray[np.float64] = _NONE
    session_exit: NDArray[np.uint8] = _NEVER
    signal_close: NDArray[np.uint8] = _NEVER
