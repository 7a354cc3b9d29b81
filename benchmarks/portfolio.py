"""Many symbols in one account: what a bar of one symbol costs as symbols and bars grow.

The strategy is strategies/ma_crossover.yaml with room for a position in every symbol, on generated minutes. First the kernel
alone, on ready decisions, then everything that `lab.backtest` does. Each figure is the shortest of several runs; those of
one line take turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from common import SYMBOLS, Work, in_turns, lab, machine, make_candles, make_strategy
from memory import peak_memory

from sptrader_lab.components.library import own_library, scan
from sptrader_lab.kernel.layout import Leg, make_book, make_journal, make_legs, make_market
from sptrader_lab.kernel.loop import run_bars
from sptrader_lab.kernel.state import TRADES, Run
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.types.account import Account
from sptrader_lab.types.instruments import instrument
from sptrader_lab.types.records import TARGET, default_contract, records

#: What a bar may cost on the most bars, as a multiple of what it costs on the fewest: the time is linear in the bars.
MOST_GROWTH = 1.5


def whole_run(candles: Sequence[lab.Candles]) -> Work:
    """Everything that `lab.backtest` does, metrics included; returns the number of trades."""
    strategy = make_strategy(len(candles))
    return lambda: lab.backtest(strategy, candles).metrics["total_trades"]


def kernel_run(candles: Sequence[lab.Candles]) -> Work:
    """The kernel alone, on ready decisions and into memory that it owns already; returns the number of trades."""
    plan = make_plan(make_strategy(len(candles)), scan(own_library()))
    contracts = default_contract().repeat(len(candles)).view(type(plan.rules))
    market = make_market(candles, contracts, instrument(SYMBOLS[0]).day_end, None, ())
    decided = [Leg(0, symbol, plan.decide(one, plan.compute(one))) for symbol, one in enumerate(candles)]
    legs, targets = make_legs(candles, decided), records(0, TARGET)
    journal = make_journal(len(candles) * len(candles[0]) // 4, len(candles[0]), 1)

    def work() -> int:
        journal.used[:] = 0
        book = make_book(market, legs, plan.rules, Account(10_000.0))
        assert run_bars(Run(market, legs, plan.rules, targets, book, journal), 16 * len(candles))
        return int(journal.used[TRADES])

    return work


def table(title: str, make: Callable[[Sequence[lab.Candles]], Work], args: argparse.Namespace, *, memory: bool) -> None:
    """Print nanoseconds per bar and symbol, a line per number of symbols; refuse time that is not linear in the bars."""
    sizes, first = sorted(args.bars), 0.0
    print(f"\n{title}: ns per bar and symbol, best of {args.repeats}\n")
    columns = "".join(f"{f'{bars:,} bars':>16}" for bars in sizes)
    print(
        f"symbols{columns}   last/first   against {args.symbols[0]} symbol   largest, whole   trades"
        + memory * "   peak"
    )
    for symbols in args.symbols:
        works = [make([make_candles(bars, name) for name in SYMBOLS[:symbols]]) for bars in sizes]
        trades = works[-1]()
        seconds = in_turns(works, args.repeats)
        each = [1e9 * taken / bars / symbols for taken, bars in zip(seconds, sizes, strict=True)]
        first, growth = first or each[-1], each[-1] / each[0]
        del works
        figures = "".join(f"{figure:>16.1f}" for figure in each)
        used = f"   {peak_memory(sizes[-1], symbols):.0f}" if memory else ""
        print(
            f"{symbols:>7}{figures}{growth:>13.2f}{each[-1] / first:>19.2f}{seconds[-1]:>15.2f} s{trades:>9,}{used}",
            flush=True,
        )
        # The whole run is bound by memory once indicators of 20 symbols leave the caches; the page says how far.
        assert memory or growth <= MOST_GROWTH, (
            f"{symbols} symbols: a bar costs {growth:.2f} times as much on {sizes[-1]:,} bars as on {sizes[0]:,}, at most "
            f"{MOST_GROWTH} wanted"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 2, 5, 10, 20])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["kernel", "whole"], help="only one of the two tables")
    args = parser.parse_args()
    print(machine())
    if args.only != "whole":
        table("kernel alone", kernel_run, args, memory=False)
    if args.only != "kernel":
        table("lab.backtest, whole", whole_run, args, memory=True)
        print("\npeak: memory beyond the candles, bytes per bar and symbol")


if __name__ == "__main__":
    main()
