"""`sptrader-lab sweep`: a strategy over a grid of values."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.cli.backtest import assignments, measured_range, symbols
from sptrader_lab.cli.common import data_option, emit, json_option
from sptrader_lab.errors import InputError, LabError, unknown

if TYPE_CHECKING:
    from sptrader_lab.strategy.strategy import Strategy

_EXAMPLE: Final = "such as --grid ma_fast_period=5:25:1 or --grid ma_slow_period=30,50,100"
_MOST_STEPS: Final = 1_000_000


def add(subparsers: Any) -> None:
    """Add `sweep`."""
    parser = subparsers.add_parser(
        "sweep", help="run a strategy with every combination of a grid, and say what the best is worth"
    )
    parser.add_argument("strategy", metavar="STRATEGY", help="such as strategies/ma_crossover.yaml")
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="FROM:TO:STEP (TO included) or A,B,C; NAME is a parameter or a path such as execution.slippage; repeat it. "
        "The strategy's backtest.optimization unless given",
    )
    parser.add_argument(
        "--constraint", action="append", default=[], metavar="TEXT", help='such as "ma_fast_period < ma_slow_period"'
    )
    parser.add_argument("--sample", default="grid", help="grid (default: all of it), random or sobol")
    parser.add_argument("--n", type=int, help="how many combinations a sample draws")
    parser.add_argument("--seed", type=int, default=0, help="where a sample's draw begins")
    parser.add_argument("--objective", default="sharpe_ratio", help="the metric that best is meant by (%(default)s)")
    parser.add_argument("--top", type=int, default=10, help="how many of the best to print (%(default)s)")
    parser.add_argument("--executor", default="threads", help="threads (default), processes or dask=ADDRESS")
    parser.add_argument("--symbol", action="append", help="such as EURUSD; repeat it for several in one account")
    parser.add_argument("--timeframe", help="such as 1h; the strategy's data_frequency, else 1h, unless given")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="DATE",
        help="first instant measured, UTC; earlier candles warm the indicators up. Without --from and --to the strategy's dates hold",
    )
    parser.add_argument("--to", dest="end", metavar="DATE", help="end, a bare date is included whole")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a value all of them share")
    parser.add_argument("--capital", type=float, help="equity before the first candle; the strategy's unless given")
    parser.add_argument("--csv", metavar="FILE", help="write all rows")
    parser.add_argument(
        "--fresh", action="store_true", help="compute all anew instead of going on where a sweep stopped"
    )
    parser.add_argument("--no-statistics", action="store_true", help="leave out what the best is worth")
    data_option(parser)
    json_option(parser)
    parser.set_defaults(run=_sweep)


def _sweep(args: argparse.Namespace) -> int:
    import sptrader_lab as lab
    from sptrader_lab.backtesting.shelf import warmed_up

    store = lab.CandleStore(args.data)
    strategy = lab.load_strategy(args.strategy).with_values(assignments(args.param))
    grid = _grid(args.grid)
    asked = strategy.backtest.optimization if grid is None else grid
    start, end = measured_range(strategy.backtest, args)
    timeframe = args.timeframe or strategy.backtest.data_frequency or "1h"
    chosen = [str(each) for each in asked["symbol"]] if "symbol" in asked else symbols(store, args.symbol)
    frames = [str(each) for each in asked["timeframe"]] if "timeframe" in asked else [timeframe]
    warm_up = _warm_up(strategy, asked)
    candles = [warmed_up(store, symbol, frame, start, end, warm_up) for symbol in chosen for frame in frames]
    with _executor(args.executor) as executor:
        found = lab.sweep(
            strategy,
            candles,
            grid,
            constraints=args.constraint,
            sample=args.sample,
            n=args.n,
            seed=args.seed,
            executor=executor,
            top=args.top,
            objective=args.objective,
            store=store,
            folder=Path(args.data) / "sweeps",
            progress=not args.json,
            resume=not args.fresh,
            statistics=not args.no_statistics,
            capital=args.capital,
            start=start,
        )
    if args.csv:
        found.frame.to_csv(args.csv)
    emit(args, {**found.to_dict(), "written": args.csv}, found.describe)
    if not found.complete:
        sys.stderr.write("interrupted; the same command goes on where it stopped\n")
        return 130
    return 0


def _grid(texts: list[str]) -> dict[str, list[object]] | None:
    """Read every NAME=VALUES; one name may stand once. None without any."""
    found: dict[str, list[object]] = {}
    for text in texts:
        name, values = _values(text)
        if name in found:
            raise InputError(f"--grid {name} stands twice; give all its values at once, such as --grid {name}=5,10,20")
        found[name] = values
    return found or None


def _warm_up(strategy: Strategy, grid: Mapping[str, Sequence[Any]]) -> int:
    """Return the candles that the slowest combination needs before its first decision."""
    from sptrader_lab.strategy.plan import make_plan

    library = strategy.origin.library
    if library is None:
        return 0
    numbers = {name: [float(each) for each in values if _number(each)] for name, values in grid.items()}
    largest = {name: int(max(each)) for name, each in numbers.items() if each and max(each) == int(max(each))}
    found = make_plan(strategy, library).warm_up
    with suppress(LabError):  # largest values that don't go together: the file's own say enough
        found = max(found, make_plan(strategy.with_values(largest), library).warm_up)
    return found


def _number(value: object) -> bool:
    try:
        return isfinite(float(str(value)))
    except ValueError:
        return False


def _values(text: str) -> tuple[str, list[object]]:
    """Read NAME=FROM:TO:STEP or NAME=A,B,C.

    Raises
    ------
    InputError
        When it is neither, or the step leads nowhere.
    """
    name, separator, values = text.partition("=")
    if not separator or not name.strip() or not values.strip():
        raise InputError(f"--grid {text!r} is not NAME=VALUES, {_EXAMPLE}")
    if ":" not in values:
        return name.strip(), [_typed(each) for each in values.split(",")]
    try:
        first, last, *rest = [Decimal(each.strip()) for each in values.split(":")]
        step = rest[0] if rest else Decimal(1)
    except (InvalidOperation, ValueError) as error:
        raise InputError(f"--grid {text!r}: {values!r} is not FROM:TO:STEP in numbers, {_EXAMPLE}") from error
    if len(rest) > 1 or not all(each.is_finite() for each in (first, last, step)) or step <= 0 or first > last:
        raise InputError(f"--grid {text!r}: FROM:TO:STEP goes up from FROM to TO by a STEP above zero, {_EXAMPLE}")
    count = int((last - first) / step) + 1
    if count > _MOST_STEPS:
        raise InputError(f"--grid {text!r} has {count:,} values, more than {_MOST_STEPS:,}; take a larger step")
    steps = [first + place * step for place in range(count)]
    whole = all(each == each.to_integral_value() for each in (first, step))
    return name.strip(), [int(each) if whole else float(each) for each in steps]


def _typed(text: str) -> object:
    from sptrader_lab.strategy.parameters import typed

    return typed(text.strip())


@contextmanager
def _executor(word: str) -> Iterator[Executor | None]:
    """Offer what a word asks for: None for threads, which a sweep makes itself."""
    kind, _, address = word.partition("=")
    if kind not in ("threads", "processes", "dask") or (kind == "dask") != bool(address):
        raise InputError(unknown("executor", word, ("threads", "processes", "dask=ADDRESS")))
    if kind == "threads":
        yield None
    elif kind == "processes":
        from multiprocessing import get_context

        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            yield pool
    else:
        from sptrader_lab.research.cluster import dask_executor

        with dask_executor(address) as pool:
            yield pool
