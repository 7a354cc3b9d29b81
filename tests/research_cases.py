"""Candles with something to find in them, and strategies that find it or not, for tests of research."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

#: Buys every day at one hour and leaves `hold` hours later: no indicator needs to warm up, and every day is a trade.
CLOCK = """
name: clock
parameters: {level: 10.0, hold: 4}
entry:
  when: ["volume == parameters.level"]
  action: buy
  size: 1.0
exit:
  max_holding_period: parameters.hold
execution: {slippage: 0.0}
"""


def clock() -> Strategy:
    """Return a strategy that buys at the close of candles whose volume is `level`."""
    return load_strategy(CLOCK)


def hourly(steps: NDArray[np.float64], volume: NDArray[np.float64], first: str = "2024-01-01") -> Candles:
    """Return hours of something that trades all day, each a step of the price; the volume is what strategies read."""
    close = 100.0 * np.exp(np.cumsum(steps))
    opened = np.concatenate([[100.0], close[:-1]])
    time = parse_time(first) + HOUR * np.arange(len(steps))
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Candles("BTCUSDT", "1h", time, opened, high, low, close, volume)


def hours_of_day(count: int) -> NDArray[np.float64]:
    """Return the hour of each candle as its volume."""
    return (np.arange(count) % 24).astype(np.float64)


def paying(count: int, hours: NDArray[np.float64], *, gain: float = 0.004, seed: int = 1) -> Candles:
    """Return candles that rise in the two hours after an hour of the day, which may be another one on each candle.

    Parameters
    ----------
    hours : numpy.ndarray, shape (count,)
        After which hour of the day the price rises, at each candle.
    """
    noise = np.random.default_rng(seed).normal(0.0, 0.001, count)
    hour = hours_of_day(count)
    after = (hour - hours) % 24
    steps = noise + np.where((after == 1) | (after == 2), gain, 0.0)
    return hourly(steps, hour)
