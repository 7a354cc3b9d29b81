"""One backtest, timed: against vectorbt doing the same, against a loop written by hand, and as the candles grow.

Run by `make bench`. Each figure is the best of several runs in one process; all figures of one table come from one run. The
strategy is strategies/ma_crossover.yaml on generated minutes: two moving averages, their crossings, a stop and a target.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import handwritten
import numpy as np
from common import STRATEGY, best, lab, machine, make_candles
from memory import peak_memory

from sptrader_lab.components.library import own_library, scan
from sptrader_lab.kernel.layout import Leg, make_book, make_journal, make_legs, make_market
from sptrader_lab.kernel.loop import run_bars
from sptrader_lab.kernel.state import Run
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.types.account import Account
from sptrader_lab.types.instruments import instrument
from sptrader_lab.types.records import TARGET, default_contract, records

STOP_LOSS, TAKE_PROFIT, SLIPPAGE, SIZE, FAST, SLOW = 0.02, 0.04, 0.0001, 0.1, 10, 30


def vectorbt_run(candles: lab.Candles, engine: str, *, all_stats: bool) -> Callable[[], Any]:
    """The same strategy in vectorbt, kindly: crossings in plain numpy (its own take longer), its compiled engines.

    Decided at the close and filled at the next open: signals move one bar on, and the price is the open.
    """
    import pandas as pd
    import vectorbt as vbt

    vbt.settings.array_wrapper["freq"] = "1min"
    frame = candles.to_frame()
    prices = {name: frame[name] for name in ("open", "high", "low")}
    rules = {"size": SIZE, "size_type": "percent", "sl_stop": STOP_LOSS, "tp_stop": TAKE_PROFIT, "slippage": SLIPPAGE}

    def moved(crossed: Any) -> Any:
        return pd.Series(np.concatenate([[False, False], crossed[:-1]]), frame.index)

    def work() -> Any:
        fast = vbt.MA.run(frame["close"], FAST).ma.to_numpy()
        slow = vbt.MA.run(frame["close"], SLOW).ma.to_numpy()
        defined = ~np.isnan(slow[:-1])
        entries = moved((fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1]) & defined)
        exits = moved((fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1]) & defined)
        portfolio = vbt.Portfolio.from_signals(
            frame["close"], entries, exits, **prices, price=frame["open"], **rules, init_cash=10_000.0, engine=engine
        )
        if all_stats:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return portfolio.stats()
        return portfolio.total_return(), portfolio.sharpe_ratio(), portfolio.trades.count(), portfolio.trades.win_rate()

    return work


def whole_run(candles: lab.Candles, strategy: Any) -> Callable[[], Any]:
    """Everything that `lab.backtest` does, metrics included."""
    return lambda: lab.backtest(strategy, candles).metrics


def kernel_runs(candles: lab.Candles) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """The kernel alone, the loop written by hand that leaves the same records, and the same loop without records.

    All three work on ready decisions and write into memory they own already; the first two must agree to the last byte.
    """
    strategy = lab.load_strategy(STRATEGY)
    plan = make_plan(strategy, scan(own_library()))
    decisions = plan.decide(candles, plan.compute(candles))
    market = make_market([candles], default_contract(), instrument("EURUSD").day_end, None, ())
    legs, targets = make_legs([candles], [Leg(0, 0, decisions)]), records(0, TARGET)
    journal, other = (make_journal(len(candles) // 4, len(candles), 1) for _ in range(2))
    curves = handwritten.Curves(other.time, other.equity, other.exposure)
    prices = (candles.time, candles.close_time, candles.open, candles.high, candles.low, candles.close)
    wishes = (decisions.entry_long, decisions.exit_long)
    settings = (10_000.0, SIZE, SLIPPAGE, STOP_LOSS, TAKE_PROFIT)
    written = (other.orders, other.fills, other.trades, curves)

    def kernel() -> Any:
        journal.used[:] = 0
        book = make_book(market, legs, plan.rules, Account(10_000.0))
        assert run_bars(Run(market, legs, plan.rules, targets, book, journal), 64)
        return journal.used[2], journal.equity[-1], book.account[0].max_drawdown

    def by_hand() -> Any:
        return handwritten.crossover_loop(*prices, *wishes, settings, True, *written)

    def bare() -> Any:
        return handwritten.crossover_loop(*prices, *wishes, settings, False, *written)

    assert kernel() == by_hand() == bare(), f"{kernel()} {by_hand()} {bare()}"
    for name in ("orders", "fills", "trades", "time", "equity", "exposure"):
        assert getattr(journal, name).tobytes() == getattr(other, name).tobytes(), f"{name} differ"
    return kernel, by_hand, bare


def compare(bars: int, repeats: int, *, with_vectorbt: bool) -> None:
    """Print the table of ratios."""
    candles, strategy = make_candles(bars), lab.load_strategy(STRATEGY)
    result = lab.backtest(strategy, candles)
    print(f"{bars:,} bars, {result.metrics['total_trades']:,} trades, best of {repeats}\n")
    whole = best(whole_run(candles, strategy), repeats)
    print(f"lab.backtest, whole          {whole * 1e3:9.1f} ms   {whole / bars * 1e9:7.1f} ns/bar")
    for part, seconds in lab.backtest(strategy, candles).seconds.items():
        print(f"    {part:<25}{seconds * 1e3:9.1f} ms")
    for engine in ("numba", "rust") if with_vectorbt else ():
        peer = best(vectorbt_run(candles, engine, all_stats=False), max(2, repeats // 3))
        print(f"vectorbt {engine}, four figures {peer * 1e3:9.1f} ms   {peer / bars * 1e9:7.1f} ns/bar")
        print(f"    ratio                    {peer / whole:9.1f}      (at least 20 wanted)")
    if with_vectorbt:
        peer = best(vectorbt_run(candles, "rust", all_stats=True), 1)
        print(f"vectorbt rust, its stats     {peer * 1e3:9.1f} ms   {peer / bars * 1e9:7.1f} ns/bar")
        print(f"    ratio                    {peer / whole:9.1f}")
        print(f"    trades: vectorbt {vectorbt_run(candles, 'rust', all_stats=False)()[2]:,}")
    ours, by_hand, bare = (best(work, 3 * repeats) for work in kernel_runs(candles))
    print(f"kernel alone                 {ours * 1e3:9.1f} ms   {ours / bars * 1e9:7.1f} ns/bar")
    print(f"by hand, the same records    {by_hand * 1e3:9.1f} ms   {by_hand / bars * 1e9:7.1f} ns/bar")
    print(f"    ratio                    {ours / by_hand:9.2f}      (at most 2 wanted)")
    print(f"by hand, equity curve only   {bare * 1e3:9.1f} ms   {bare / bars * 1e9:7.1f} ns/bar")
    print(f"    ratio                    {ours / bare:9.2f}")


def grow(sizes: list[int]) -> None:
    """Print time and memory for growing candles."""
    strategy = lab.load_strategy(STRATEGY)
    print("\n      bars   lab.backtest      per bar   memory beyond the candles, bytes per bar")
    for bars in sizes:
        candles = make_candles(bars)
        seconds = best(whole_run(candles, strategy), 3)
        print(f"{bars:10,}   {seconds * 1e3:9.1f} ms   {seconds / bars * 1e9:7.1f} ns   {peak_memory(bars):9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-vectorbt", action="store_true", help="only our own figures")
    parser.add_argument("--no-growth", action="store_true", help="only the comparison")
    args = parser.parse_args()
    print(f"{machine()}\n")
    compare(args.bars, args.repeats, with_vectorbt=not args.no_vectorbt)
    if not args.no_growth:
        grow([10_000, 100_000, 1_000_000, 10_000_000])


if __name__ == "__main__":
    main()
