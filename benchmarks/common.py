"""What the benchmarks share: one strategy, candles that are the same every time, the shortest of several runs."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sptrader_lab as lab
from sptrader_lab.types.calendar import MINUTE

STRATEGY = ROOT / "strategies" / "ma_crossover.yaml"

#: Quoted in dollars, with the same day end: one account holds them all without conversion.
SYMBOLS = tuple(f"ASSET{number:02}" for number in range(1, 21))

Work = Callable[[], Any]


def make_strategy(symbols: int = 1) -> lab.Strategy:
    """strategies/ma_crossover.yaml, for several symbols with room for a position in each."""
    if symbols == 1:
        return lab.load_strategy(STRATEGY)
    text = STRATEGY.read_text().replace("max_positions: 1", f"max_positions: {symbols}")
    return lab.load_strategy(text).with_parameters({"position_size": 0.8 / symbols})


def make_candles(bars: int, symbol: str = "EURUSD") -> lab.Candles:
    """Minutes of a random walk with fat days, the same for the same length and symbol."""
    random = np.random.default_rng(7 if symbol == "EURUSD" else [7, *symbol.encode()])
    close = 1.1 * np.exp(np.cumsum(random.normal(0.0, 1.5e-4, bars)))
    opens = np.concatenate([[1.1], close[:-1]])
    reach = random.exponential(6e-5, (2, bars))
    high, low = np.maximum(opens, close) * (1 + reach[0]), np.minimum(opens, close) * (1 - reach[1])
    time_ns = 1_577_836_800_000_000_000 + np.arange(bars, dtype=np.int64) * MINUTE
    return lab.Candles(symbol, "1m", time_ns, opens, high, low, close, np.ones(bars), source="random walk")


def best(work: Work, repeats: int) -> float:
    """Return the shortest of several runs in seconds; the first, which compiles, does not count."""
    return in_turns([work], repeats)[0]


def in_turns(works: Sequence[Work], repeats: int) -> list[float]:
    """Return the shortest run of each in seconds, all taking turns, so that a busy machine disturbs all of them alike."""
    for work in works:
        work()
    turns = [[timed(work) for work in works] for _ in range(repeats)]
    return [min(taken) for taken in zip(*turns, strict=True)]


def timed(work: Work) -> float:
    """Return how long one run takes, seconds; freeing what it returns does not count."""
    started = time.perf_counter()
    kept = work()
    taken = time.perf_counter() - started
    del kept
    return taken


def machine() -> str:
    """Say what the figures are measured on."""
    return f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores, {platform.machine()}"
