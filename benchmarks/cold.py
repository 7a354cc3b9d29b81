"""The first run of a process: without any compiled code, as on a new machine, and with the compiled code of an earlier one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FIRST_RUN = """
import time
started = time.perf_counter()
from common import lab, make_candles, make_strategy
candles, strategy = make_candles(1000), make_strategy()
loaded = time.perf_counter()
lab.backtest(strategy, candles).metrics
first = time.perf_counter()
lab.backtest(strategy, candles).metrics
second = time.perf_counter()
print(loaded - started, first - loaded, second - first)
"""


def seconds(cache: str) -> list[float]:
    """Return seconds for loading, the first and the second run of a fresh process with its compiled code in `cache`."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_RUN], env=environment, capture_output=True, text=True, check=True
    )
    return [float(part) for part in done.stdout.split()]


def main() -> None:
    print(f"{'seconds':<28}{'loading':>10}{'first run':>12}{'second run':>12}")
    with tempfile.TemporaryDirectory() as cache:
        for what in ("without compiled code", "with it, in a new process"):
            loading, first, second = seconds(cache)
            print(f"{what:<28}{loading:>10.2f}{first:>12.2f}{second:>12.3f}", flush=True)


if __name__ == "__main__":
    main()
