"""A sweep, timed: against vectorbt doing the same, against a loop written by hand, and as the combinations grow.

Run by `make bench`, each part of the table by one process. The strategy is strategies/ma_crossover.yaml on generated minutes: two
moving averages, their crossings, a stop and a target; the grid is of their periods. Where vectorbt is given fewer combinations, its
time is multiplied and the table says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import handwritten
import numba
import numpy as np
from common import STRATEGY, lab, machine, make_candles
from memory import forget_peak, held, peak

from sptrader_lab.kernel.rolling import rolling_mean
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.engine import Engine

STOP_LOSS, TAKE_PROFIT, SLIPPAGE, SIZE, CAPITAL = 0.02, 0.04, 0.0001, 0.1, 10_000.0
CORES = os.cpu_count() or 1
MOST_DRIFT = 0.01
Grid = dict[str, list[Any]]


def make_grid(count: int) -> Grid:
    """Periods of both averages, about as many of each; of more than 10,000 combinations stops besides."""
    stops = max(1, count // 10_000)
    side = round((count / stops) ** 0.5)
    grid: Grid = {"ma_fast_period": list(range(3, 3 + side)), "ma_slow_period": list(range(side + 10, 2 * side + 10))}
    if stops > 1:
        grid["stop_loss"] = np.linspace(0.001, 0.05, stops).tolist()
    return grid


def each_of(grid: Grid) -> list[dict[str, object]]:
    """Every combination, the last name fastest."""
    found: list[dict[str, object]] = [{}]
    for name, values in grid.items():
        found = [{**one, name: value} for one in found for value in values]
    return found


def swept(candles: lab.Candles, grid: Grid, *, statistics: bool) -> float:
    """Seconds of a whole `lab.sweep`: checks, runs, rows on disk."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        lab.sweep(STRATEGY, candles, grid, folder=folder, progress=False, statistics=statistics)
        return time.perf_counter() - started


def ours_on_one_core(candles: lab.Candles, combinations: list[dict[str, object]]) -> tuple[float, np.ndarray[Any, Any]]:
    """Seconds of one thread's processor for binding, columns, decisions, runs and metrics; and total profits."""
    started = time.thread_time()
    engine = Engine(STRATEGY, candles)
    engine.prepare(combinations)
    metrics = engine.run(combinations).metrics
    return time.thread_time() - started, metrics[:, [SUMMARY.index("total_trades"), SUMMARY.index("end_capital")]]


@numba.njit(nogil=True)
def cross(fast, slow, enter, leave):
    """Mark where one average crosses the other (S22), as plainly as it can be done."""
    for i in range(1, len(fast)):
        near, before = 1e-10 * abs(slow[i]), 1e-10 * abs(slow[i - 1])
        enter[i] = fast[i] - slow[i] > near and fast[i - 1] - slow[i - 1] <= before
        leave[i] = slow[i] - fast[i] > near and slow[i - 1] - fast[i - 1] <= before


def by_hand_on_one_core(candles: lab.Candles, combinations: list[dict[str, object]]) -> tuple[float, Any]:
    """Seconds of one thread's processor for the same with a loop written for it: averages shared, no records, an equity curve."""
    prices = (candles.time, candles.close_time, candles.open, candles.high, candles.low, candles.close)
    curve = np.empty(len(candles))
    nothing = np.zeros(1)
    curves = handwritten.Curves(np.zeros(1, np.int64), curve, nothing)
    settings = (CAPITAL, SIZE, SLIPPAGE, STOP_LOSS, TAKE_PROFIT)
    enter, leave = np.zeros(len(candles), np.uint8), np.zeros(len(candles), np.uint8)
    tables = handwritten_tables()
    started = time.thread_time()
    averages: dict[object, Any] = {}
    found = []
    for one in combinations:
        for period in one.values():
            if period not in averages:
                averages[period] = rolling_mean(candles.close, period)
        cross(averages[one["ma_fast_period"]], averages[one["ma_slow_period"]], enter, leave)
        found.append(handwritten.crossover_loop(*prices, enter, leave, settings, False, *tables, curves)[:2])
    return time.thread_time() - started, np.array(found)


def handwritten_tables() -> tuple[Any, Any, Any]:
    """Tables that the loop written by hand is given and does not write to."""
    from sptrader_lab.kernel.layout import make_journal

    journal = make_journal(1, 1, 1)
    return journal.orders, journal.fills, journal.trades


def vectorbt_run(bars: int, combinations: list[dict[str, object]], engine: str) -> None:
    """Print seconds and peak memory of vectorbt for the same, kindly: averages once each, crossings in plain numpy."""
    import pandas as pd
    import vectorbt as vbt

    vbt.settings.array_wrapper["freq"] = "1min"
    candles = make_candles(bars)
    frame = candles.to_frame()

    def work(chosen: list[dict[str, object]]) -> Any:
        periods = sorted({period for one in chosen for period in one.values()})
        averages = dict(zip(periods, vbt.MA.run(frame["close"], periods).ma.to_numpy().T, strict=True))
        entries, exits = np.zeros((2, bars, len(chosen)), np.bool_)
        for place, one in enumerate(chosen):
            fast, slow = averages[one["ma_fast_period"]], averages[one["ma_slow_period"]]
            entries[2:, place] = ((fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1]))[:-1]
            exits[2:, place] = ((fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1]))[:-1]
        portfolio = vbt.Portfolio.from_signals(
            frame["close"],
            pd.DataFrame(entries, frame.index),
            pd.DataFrame(exits, frame.index),
            **{name: frame[name] for name in ("open", "high", "low")},
            price=frame["open"],
            size=SIZE,
            size_type="percent",
            sl_stop=STOP_LOSS,
            tp_stop=TAKE_PROFIT,
            slippage=SLIPPAGE,
            init_cash=CAPITAL,
            engine=engine,
        )
        return portfolio.total_return(), portfolio.sharpe_ratio(), portfolio.trades.count(), portfolio.trades.win_rate()

    work(combinations[:1])  # compiles
    before = forget_peak()
    started = time.perf_counter()
    work(combinations)
    print(time.perf_counter() - started, peak() - before)


def our_memory(bars: int, count: int) -> None:
    """Print the peak memory of a sweep beyond the candles, in this process, which has done nothing larger before."""
    candles = make_candles(bars)
    swept(make_candles(500), make_grid(4), statistics=False)
    assert candles.fingerprint
    before = forget_peak()
    swept(candles, make_grid(count), statistics=False)
    print(peak() - before)


def apart(*arguments: object) -> list[float]:
    """Return what this script prints for `arguments` in a fresh process."""
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parent)
    return [float(part) for part in done.stdout.split()]


def compare(bars: int, count: int, engines: list[str], peer_count: int, repeats: int) -> None:
    """Print the table of ratios."""
    candles, grid = make_candles(bars), make_grid(count)
    combinations = each_of(grid)
    print(f"{bars:,} bars x {len(combinations):,} combinations, {CORES} cores, best of {repeats}\n")
    swept(make_candles(500), make_grid(4), statistics=True)  # compiles and loads
    whole = min(swept(candles, grid, statistics=False) for _ in range(repeats))
    judged = min(swept(candles, grid, statistics=True) for _ in range(repeats))
    each = 1e3 / len(combinations)
    print(f"lab.sweep, no statistics  {whole:10.2f} s   {whole * each:8.2f} ms a combination")
    print(f"lab.sweep, statistics     {judged:10.2f} s   {judged * each:8.2f} ms a combination")
    print(
        f"    memory beyond candles {apart('--our-memory', '--bars', bars, '--combinations', count)[0] / 1e6:10.0f} MB"
    )
    for engine in engines:
        seconds, memory = apart("--peer", engine, "--bars", bars, "--combinations", peer_count)
        times = len(combinations) / len(each_of(make_grid(peer_count)))
        scaled = "" if times == 1 else f"   ({len(combinations) / times:.0f} combinations, time x {times:.1f})"
        print(f"vectorbt {engine:<6}           {seconds * times:10.2f} s   {memory / 1e6:8.0f} MB{scaled}")
        print(f"    ratio                 {seconds * times / whole:10.1f}      (at least 100 wanted)")
    ours, mine = min((ours_on_one_core(candles, combinations) for _ in range(repeats)), key=lambda found: found[0])
    by_hand_on_one_core(candles, combinations[:1])  # compiles
    hand, told = min((by_hand_on_one_core(candles, combinations) for _ in range(repeats)), key=lambda found: found[0])
    assert mine.tobytes() == told.astype(np.float64).tobytes(), "the loop written by hand tells another story"
    print(f"engine, one core          {ours:10.2f} s   {ours * each:8.2f} ms a combination")
    print(f"by hand, equity only      {hand:10.2f} s   {hand * each:8.2f} ms a combination")
    print(f"    ratio                 {ours / hand:10.2f}      (at most 2 wanted)")


def grow(bars: int, sizes: list[int]) -> None:
    """Print the time of more and more combinations."""
    candles = make_candles(bars)
    print(f"\ncombinations of {bars:,} bars    no statistics    a combination      statistics")
    for count in sizes:
        grid = make_grid(count)
        plain, judged = swept(candles, grid, statistics=False), swept(candles, grid, statistics=True)
        print(f"{len(each_of(grid)):>23,}{plain:>15.1f} s{plain / count * 1e6:>14.0f} us{judged:>13.1f} s", flush=True)


def drift(bars: int, runs: int) -> None:
    """Run the same combinations again and again; say how the memory that is held changes after a warm-up of a tenth."""
    candles, combinations = make_candles(bars), each_of(make_grid(400))
    engine = Engine(STRATEGY, candles)
    marks, done = [], 0
    with ThreadPoolExecutor(CORES) as pool:
        while done < runs * 1.1:
            parts = [combinations[place::CORES] for place in range(CORES)]
            list(pool.map(engine.run, parts))
            done += len(combinations)
            marks.append((done, held()))
    settled = [memory for count, memory in marks if count > runs * 0.1]
    half = max(1, len(settled) // 4)
    change = statistics.median(settled[-half:]) / statistics.median(settled[:half]) - 1.0
    print(f"\n{done:,} runs of {bars:,} bars: {settled[-1] / 1e6:.0f} MB held, drift {change:.2%} (under 1 % wanted)")
    if change >= MOST_DRIFT:
        sys.exit("the process holds more and more")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--combinations", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--engines", nargs="*", default=["numba", "rust"], help="of vectorbt; none for only our own figures"
    )
    parser.add_argument("--peer-combinations", type=int, default=400, help="fewer for vectorbt, its time multiplied")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--short", type=int, default=2_000, help="bars of the growing and the long sweep")
    parser.add_argument("--runs", type=int, default=10_000, help="of the memory curve; 0 for none")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--our-memory", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        vectorbt_run(args.bars, each_of(make_grid(args.combinations)), args.peer)
    elif args.our_memory:
        our_memory(args.bars, args.combinations)
    else:
        print(f"{machine()}\n")
        compare(args.bars, args.combinations, args.engines, args.peer_combinations, args.repeats)
        if args.runs:
            drift(args.short, args.runs)
        if args.sizes:
            grow(args.short, args.sizes)


if __name__ == "__main__":
    main()
