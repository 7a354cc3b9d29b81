"""A thousand backtests of a million bars in one process: what it holds at the end against the beginning (Linux).

After a warm-up, which fills caches and lets the allocator find its size, the memory that the process holds may drift by less
than 1 %. Nothing is collected or given back by hand: what is measured is what a notebook would see.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time

from common import SYMBOLS, lab, machine, make_candles, make_strategy
from memory import held

WARM_UP = 20
MOST_DRIFT = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--symbols", type=int, default=1)
    parser.add_argument("--every", type=int, default=50, help="runs between two lines of the curve")
    args = parser.parse_args()
    strategy = make_strategy(args.symbols)
    candles = [make_candles(args.bars, name) for name in SYMBOLS[: args.symbols]]
    every = min(args.every, args.runs)

    def work() -> None:
        assert lab.backtest(strategy, candles).metrics["total_trades"] > 0

    print(f"{machine()}\n\n{args.runs:,} runs of {args.symbols} x {args.bars:,} bars\n")
    print(f"{'runs':>7}{'held MB':>10}{'drift':>9}{'objects':>11}{'ms a run':>10}")
    for _ in range(WARM_UP):
        work()
    first = drift = 0.0
    for runs in range(every, args.runs + 1, every):
        started, found = time.perf_counter(), []
        for _ in range(every):
            work()
            found.append(held())
        # The middle of them: what a single moment shows is up to the allocator, by some MB.
        last, each = statistics.median(found), (time.perf_counter() - started) / every
        first = first or last
        drift = last / first - 1.0
        objects = len(gc.get_objects())
        print(f"{runs:>7,}{last / 1e6:>10.1f}{drift:>9.2%}{objects:>11,}{each * 1e3:>10.1f}", flush=True)
    if drift >= MOST_DRIFT:
        sys.exit(f"the process holds {drift:.2%} more than after the warm-up, less than {MOST_DRIFT:.0%} wanted")


if __name__ == "__main__":
    main()
