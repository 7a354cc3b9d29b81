"""`sptrader-lab backtest`: a strategy over candles of the store, and `rerun`: a saved run again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader_lab.cli.common import data_option, emit, json_option
from sptrader_lab.errors import InputError

if TYPE_CHECKING:
    from sptrader_lab.candles.store import CandleStore
    from sptrader_lab.strategy.strategy import Strategy
    from sptrader_lab.types.candles import Candles


def add(subparsers: Any) -> None:
    """Add `backtest` and `rerun`."""
    parser = subparsers.add_parser("backtest", help="run a strategy over candles")
    parser.add_argument("strategy", metavar="STRATEGY", help="a YAML file, such as strategies/ma_crossover.yaml")
    parser.add_argument("--symbol", action="append", help="such as EURUSD; repeat it for several in one account")
    parser.add_argument("--timeframe", help="such as 1h; the strategy's data_frequency, else 1h, unless given")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="DATE",
        help="first instant, UTC; without --from and --to the strategy's dates hold",
    )
    parser.add_argument("--to", dest="end", metavar="DATE", help="end, a bare date is included whole")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="another value for a parameter"
    )
    parser.add_argument("--capital", type=float, help="equity before the first candle; the strategy's unless given")
    parser.add_argument("--lookahead", default="check", help="check (default), exhaustive or off")
    parser.add_argument("--on-component-error", default="raise", help="raise (default) or continue")
    parser.add_argument("--report", metavar="FILE", help="write an HTML report that opens offline")
    parser.add_argument("--csv", metavar="FOLDER", help="write trades, orders, fills, equity and metrics as CSV")
    parser.add_argument("--save", action="store_true", help="keep the run in DATA/runs")
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

    strategy = lab.load_strategy(args.strategy)
    parameters = dict(_assignment(text) for text in args.param)
    store = lab.CandleStore(args.data)
    result = lab.backtest(
        strategy,
        [_candles(store, symbol, strategy, args) for symbol in _symbols(store, args.symbol)],
        parameters=parameters,
        capital=args.capital,
        lookahead=args.lookahead,
        on_component_error=args.on_component_error,
    )
    written = []
    if args.report:
        written.append(f"report {result.report(args.report)}")
    if args.csv:
        written.append(f"CSV files in {result.to_csv(args.csv)}")
    if args.save:
        written.append(f"run {result.save(Path(args.data) / 'runs')[:12]} saved")
    emit(args, {**result.to_dict(), "written": written}, lambda: "\n".join([result.describe(), *written]))
    return 0


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


def _symbols(store: CandleStore, asked: list[str] | None) -> list[str]:
    """Return the symbols asked for; the store's only one when none was."""
    if asked:
        return asked
    listed = store.list()
    there = sorted(set(listed.loc[listed["source"] == "store", "symbol"]))
    if len(there) == 1:
        return there
    known = ", ".join(there) or "nothing imported yet; EURUSD, GBPUSD and USDJPY have sample candles"
    raise InputError(f"say which candles: --symbol NAME (in the store: {known})")


def _candles(store: CandleStore, symbol: str, strategy: Strategy, args: argparse.Namespace) -> Candles:
    """Return the candles that options choose, or the strategy's `backtest` section where they don't."""
    own = strategy.backtest
    timeframe = args.timeframe or own.data_frequency or "1h"
    chosen = args.start is not None or args.end is not None
    start, end = (args.start, args.end) if chosen else (own.start_date, own.end_date)
    return store.candles(symbol, timeframe, start=start, end=end)


def _assignment(text: str) -> tuple[str, object]:
    """Read NAME=VALUE; a value that is no number, true or false stays text."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise InputError(f"--param {text!r} is not NAME=VALUE, such as --param ma_fast_period=8")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
