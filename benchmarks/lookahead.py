"""What the ordinary look-ahead check costs, as a part of the run that contains it (S2).

Each figure is the shortest of several in one process. On few candles the check is a floor of some milliseconds; it shall be at
most a tenth of the run on a million.
"""

from __future__ import annotations

import argparse
import time

from common import ROOT, lab, machine, make_candles

STRATEGIES = ("ma_crossover", "bollinger_reversion")


def measure(strategy: lab.Strategy, candles: lab.Candles, repeats: int) -> tuple[float, float, str]:
    """Return the shortest run and the shortest check in milliseconds, and what the check covered."""
    runs, checks, covered = [], [], ""
    for _ in range(repeats + 1):
        started = time.perf_counter()
        result = lab.backtest(strategy, candles)
        runs.append(time.perf_counter() - started)
        checks.append(result.seconds["look-ahead check"])
        covered = result.lookahead
    return 1e3 * min(runs[1:]), 1e3 * min(checks[1:]), covered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    print(f"{machine()}\n")
    print(f"{'strategy':<22}{'bars':>12}{'run ms':>10}{'check ms':>10}{'share':>8}")
    for name in STRATEGIES:
        strategy = lab.load_strategy(ROOT / "strategies" / f"{name}.yaml")
        for bars in args.bars:
            run, check, covered = measure(strategy, make_candles(bars), args.repeats)
            print(f"{name:<22}{bars:>12,}{run:>10.2f}{check:>10.2f}{check / run:>8.1%}")
        print(f"  {covered}\n")


if __name__ == "__main__":
    main()
