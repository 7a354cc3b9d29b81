"""What a process holds, and what a backtest needs at its peak beyond the candles (Linux)."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

from common import SYMBOLS, lab, make_candles, make_strategy


def peak_memory(bars: int, symbols: int = 1) -> float:
    """Return how many bytes per bar and symbol a backtest needs at its peak beyond the candles, in a fresh process."""
    command = [sys.executable, __file__, str(bars), str(symbols)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def held() -> int:
    """Return what this process holds now, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def forget_peak() -> int:
    """Let the kernel of the system forget this process's peak; return what it holds now, bytes."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # give back what the making of candles left free
    Path("/proc/self/clear_refs").write_text("5")
    return held()


def peak() -> int:
    """Return the most that this process has held since `forget_peak`, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def measure_here(bars: int, symbols: int) -> float:
    """Measure in this process, which must not have run anything larger before."""
    strategy = make_strategy(symbols)
    few = [make_candles(5000, name) for name in SYMBOLS[:symbols]]
    assert lab.backtest(strategy, few).metrics["total_trades"] > 0  # compiles and loads everything
    candles = [make_candles(bars, name) for name in SYMBOLS[:symbols]]
    for one in candles:  # both are kept with the candles from now on
        assert one.fingerprint
        assert len(one.close_time) == bars
    before = forget_peak()
    metrics = lab.backtest(strategy, candles).metrics
    assert metrics["total_trades"] > 0
    return (peak() - before) / bars / symbols


if __name__ == "__main__":
    print(measure_here(int(sys.argv[1]), int(sys.argv[2])))
