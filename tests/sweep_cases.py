"""Small sweeps that several tests look at, and the file of one that a child process runs to be killed."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from chart_results import random_candles

import sptrader_lab as lab
from sptrader_lab.research.table import Sweep
from sptrader_lab.types.candles import Candles

CROSSOVER = Path(__file__).parent.parent / "strategies" / "ma_crossover.yaml"
GRID = {"ma_fast_period": [4, 8, 12], "ma_slow_period": [10, 20, 30], "stop_loss": [0.005, 0.02]}
RULE = "ma_fast_period < ma_slow_period"
#: Long enough to be killed in the middle: seconds on one thread.
LONG = {"ma_fast_period": range(2, 52), "ma_slow_period": range(10, 110)}


def candles(count: int = 900, **options: Any) -> Candles:
    """Return hourly candles of about eight weeks."""
    return random_candles(count, **options)


def small(folder: Path, **options: Any) -> Sweep:
    """Return a sweep of sixteen combinations."""
    given = {"constraints": RULE, "statistics": False, "progress": False, "folder": folder, **options}
    return lab.sweep(
        given.pop("strategy", CROSSOVER), given.pop("candles", candles()), given.pop("grid", GRID), **given
    )


def long(folder: Path, **options: Any) -> Sweep:
    """Return a sweep of 5,000 combinations."""
    return small(folder, grid=LONG, constraints=(), **options)


def same_rows(one: Sweep, other: Sweep) -> bool:
    """Say whether two sweeps have the same rows, bit for bit, and the same block sums."""
    left, right = one.frame, other.frame
    assert list(left.columns) == list(right.columns)
    assert np.array_equal(left.index, right.index)
    numbers = [name for name in left.columns if left[name].dtype.kind == "f"]
    same = all(left[name].to_numpy().tobytes() == right[name].to_numpy().tobytes() for name in numbers)
    rest = left.drop(columns=numbers).equals(right.drop(columns=numbers))
    return same and rest and (one.path / "blocks.f64").read_bytes() == (other.path / "blocks.f64").read_bytes()


if __name__ == "__main__":
    with ThreadPoolExecutor(1) as alone:
        long(Path(sys.argv[1]), executor=alone)
