"""`sptrader-lab backtest`: a strategy or a portfolio over candles of the store, and `rerun`: a saved run again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sptrader_lab.cli.common import data_option, emit, json_option
from sptrader_lab.errors import InputError
from sptrader_lab.types.instants import parse_time

if TYPE_CHECKING:
    from sptrader_lab.candles.store import CandleStore
    from sptrader_lab.results.result import Result
    from sptrader_lab.strategy.schema.portfolio import Period
    from sptrader_lab.strategy.schema.sections import Backtest


def add(subparsers: Any) -> None:
    """Add `backtest` and `rerun`."""
    parser = subparsers.add_parser("backtest", help="run a strategy or a portfolio over candles")
    parser.add_argument(
        "strategy", metavar="FILE", help="a strategy or a portfolio, such as strategies/ma_crossover.yaml"
    )
    parser.add_argument("--symbol", action="append", help="such as EURUSD; repeat it for several in one account")
    parser.add_argument("--timeframe", help="such as 1h; the strategy's data_frequency, else 1h, unless given")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="DATE",
        help="first instant measured, UTC; earlier candles warm the indicators up. Without --from and --to the strategy's dates hold",
    )
    parser.add_argument("--to", dest="end", metavar="DATE", help="end, a bare date is included whole")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="another value for a parameter"
    )
    parser.add_argument("--capital", type=float, help="equity before the first candle; the strategy's unless given")
    parser.add_argument("--lookahead", default="check", help="check (default), exhaustive or off")
    parser.add_argument(
        "--on-lookahead", default="error", help="error (default) or warn: go on although a component looks ahead"
    )
    parser.add_argument("--on-component-error", default="raise", help="raise (default) or continue")
    parser.add_argument("--report", metavar="FILE", help="write an HTML report that opens offline")
    parser.add_argument("--csv", metavar="FOLDER", help="write trades, orders, fills, equity and metrics as CSV")
    parser.add_argument("--save", action="store_true", help="keep the run in DATA/runs")
    parser.add_argument("--logs", action="store_true", help="show what components printed")
    data_option(parser)
    json_option(parser)
    parser.set_defaults(run=_backtest)

    again = subparsers.add_parser("rerun", help="run a saved run again and compare the bytes")
    again.add_argument("run_id", metavar="RUN", help="its id, or the beginning of it")
    data_option(again)
    json_option(again)
    again.set_defaults(run=_rerun)


def _backtest(args: argparse.Namespace) -> int:
    import sptrader_lab as lab
    from sptrader_lab.strategy.portfolio import is_portfolio

    store = lab.CandleStore(args.data)
    run = _portfolio if is_portfolio(args.strategy) else _strategy
    result, start = run(store, args)
    written = []
    if args.report:
        written.append(f"report {result.report(args.report)}")
    if args.csv:
        written.append(f"CSV files in {result.to_csv(args.csv)}")
    if args.save:
        written.append(f"run {result.save(Path(args.data) / 'runs')[:12]} saved")
    measured = _measured(result, start)
    logs = [f"\n{name} printed\n{text.rstrip()}" for name, text in result.logs.items()] if args.logs else []
    lines = [*([_period(measured)] if measured else []), *written, *logs]
    emit(
        args,
        {**result.to_dict(), "measured": measured, "written": written},
        lambda: "\n".join([result.describe(), *lines]),
    )
    return 0


def _strategy(store: CandleStore, args: argparse.Namespace) -> tuple[Result, str | None]:
    """Run a strategy on the symbols that options name; return the result and the start asked for."""
    import sptrader_lab as lab
    from sptrader_lab.backtesting.shelf import warmed_up
    from sptrader_lab.strategy.plan import make_plan

    strategy = lab.load_strategy(args.strategy).with_parameters(assignments(args.param))
    library = strategy.origin.library
    warm_up = make_plan(strategy, library).warm_up if library is not None else 0
    start, end = measured_range(strategy.backtest, args)
    timeframe = args.timeframe or strategy.backtest.data_frequency or "1h"
    candles = [warmed_up(store, symbol, timeframe, start, end, warm_up) for symbol in symbols(store, args.symbol)]
    return lab.backtest(strategy, candles, start=start, store=store, **_options(args)), start


def _portfolio(store: CandleStore, args: argparse.Namespace) -> tuple[Result, str | None]:
    """Run a portfolio, which names its own symbols; return the result and the start asked for."""
    import sptrader_lab as lab

    beside = [name for name in ("symbol", "timeframe", "param") if getattr(args, name)]
    if beside:
        raise InputError(f"{args.strategy} is a portfolio and says its own {beside[0]}s; leave --{beside[0]} out")
    portfolio = lab.load_portfolio(args.strategy)
    start, end = measured_range(portfolio.backtest, args)
    return lab.backtest(portfolio.measured(start, end), store=store, **_options(args)), start


def _options(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "capital": args.capital,
        "lookahead": args.lookahead,
        "on_lookahead": args.on_lookahead,
        "on_component_error": args.on_component_error,
    }


def _rerun(args: argparse.Namespace) -> int:
    import sptrader_lab as lab

    again = lab.rerun(args.run_id, Path(args.data) / "runs")
    document = {
        "run_id": again.saved.run_id,
        "same": again.same,
        "digest": again.result.digest,
        "saved_digest": again.saved.digest,
        "changed": again.changed,
    }
    emit(args, document, lambda: str(again))
    return 0 if again.same else 1


def symbols(store: CandleStore, asked: list[str] | None) -> list[str]:
    """Return the symbols asked for; the store's only one when none was."""
    if asked:
        return asked
    listed = store.list()
    there = sorted(set(listed.loc[listed["source"] == "store", "symbol"]))
    if len(there) == 1:
        return there
    known = ", ".join(there) or "nothing imported yet; EURUSD, GBPUSD, USDJPY, EURGBP and EURJPY have sample candles"
    raise InputError(f"say which candles: --symbol NAME (in the store: {known})")


def measured_range(section: Backtest | Period, args: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return start and end as options give them, or the file's `backtest` section where there are none."""
    if args.start is not None or args.end is not None:
        return args.start, args.end
    return section.start_date, section.end_date


def _measured(result: Result, start: str | None) -> dict[str, Any] | None:
    """Return from when to when a run that was given a start is measured, and how many candles stand before."""
    if start is None:
        return None
    bars = [int(np.searchsorted(one.time, parse_time(start))) for one in result.candles]
    opens = min(int(one.time[bar]) for one, bar in zip(result.candles, bars, strict=True))
    closes = max(int(one.close_time[-1]) for one in result.candles)
    return {"from": _instant(opens), "to": _instant(closes), "warm_up_candles": max(bars)}


def _period(measured: dict[str, Any]) -> str:
    earlier = measured["warm_up_candles"]
    told = f", after {earlier:,} earlier candle{'s' * (earlier != 1)} for the indicators" if earlier else ""
    return f"measured from {measured['from']} to {measured['to']} UTC{told}"


def _instant(nanoseconds: int) -> str:
    return str(np.datetime64(nanoseconds, "ns"))[:16].replace("T", " ")


def assignments(texts: list[str]) -> dict[str, object]:
    """Read every NAME=VALUE; one name may stand once."""
    found: dict[str, object] = {}
    for text in texts:
        name, value = _assignment(text)
        if name in found:
            raise InputError(f"--param {name} stands twice: {found[name]!r} and {value!r}; give it once")
        found[name] = value
    return found


def _assignment(text: str) -> tuple[str, object]:
    """Read NAME=VALUE; a value that is no number, true or false stays text."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise InputError(f"--param {text!r} is not NAME=VALUE, such as --param ma_fast_period=8")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
