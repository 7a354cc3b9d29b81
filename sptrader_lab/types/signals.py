"""Signals and overlays: what a strategy's components said, kept for tables and charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class SignalEvents(NamedTuple):
    """All events of one signal component, for one strategy on one symbol.

    Attributes
    ----------
    strategy, symbol : int
        Positions in the run's lists.
    name : str
        The component, such as ``"ma_crossover"``.
    bars : numpy.ndarray of int64, shape (events,)
        Positions in the symbol's candles, ascending; an event is known at its candle's close (S2).
    outputs : mapping of str to numpy.ndarray, each of shape (events,)
        Output name -> float64 values, or label words (an array of str) where the output declares labels.
    """

    strategy: int
    symbol: int
    name: str
    bars: NDArray[np.int64]
    outputs: Mapping[str, NDArray[Any]]


class Overlay(NamedTuple):
    """One indicator column worth drawing.

    Attributes
    ----------
    label : str
        What the legend says, such as ``"sma(10)"``.
    pane : str
        ``"price"`` to draw over the candles, else the name of a pane of its own (equal names share one).
    values : numpy.ndarray of float64, shape (candles,)
        One value per candle of its symbol, NaN during the warm-up.
    """

    label: str
    pane: str
    values: NDArray[np.float64]
