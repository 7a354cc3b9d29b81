"""`sptrader-lab data`: what candles there are, bringing in more, and looking at their quality."""

from __future__ import annotations

import argparse
import re
from typing import Any

from sptrader_lab.cli.common import data_option, emit, json_option
from sptrader_lab.errors import InputError


def add(subparsers: Any) -> None:
    """Add the group `data` with list, import and check."""
    group = subparsers.add_parser("data", help="list, import and check candles").add_subparsers(
        metavar="COMMAND", required=True
    )
    listing = group.add_parser("list", help="what candles there are")
    importing = group.add_parser(
        "import",
        help="import a CSV or Parquet file",
        description="Import a CSV or Parquet file. HistData, Dukascopy, MetaTrader, Yahoo, TradingView and pandas are recognised; "
        "a file whose columns, dates or time zone are ambiguous is refused with what to say.",
    )
    importing.add_argument("path", metavar="PATH", help="the file")
    importing.add_argument("--symbol", required=True, help="what its candles belong to, like EURUSD or BTC/USDT")
    importing.add_argument("--timeframe", help="1m, 1h, 1d, ... (default: the most common time step)")
    importing.add_argument("--tz", help="zone of times that name none: UTC, UTC+2, Europe/London, America/New_York+7")
    importing.add_argument(
        "--columns",
        default="",
        metavar="OURS=THEIRS,...",
        help="time=Date,open=O,high=H,low=L,close=C; time=Date+Time; time=Date:%%d/%%m/%%Y",
    )
    importing.add_argument(
        "--price", choices=("mid", "bid", "ask"), help="what the prices are (default: what the format says, else mid)"
    )
    importing.add_argument(
        "--bad-rows",
        choices=("quarantine", "refuse"),
        default="quarantine",
        help="put rows that can't be right into a file of their own, or refuse the whole file (%(default)s)",
    )
    checking = group.add_parser("check", help="report the quality of stored candles")
    checking.add_argument("--symbol", required=True)
    checking.add_argument("--timeframe", help="default: every stored timeframe")
    checking.add_argument(
        "--source", choices=("store", "sample", "equities"), help="default: imported candles where there are any"
    )
    for parser, run in ((listing, _list), (importing, _import), (checking, _check)):
        data_option(parser)
        json_option(parser)
        parser.set_defaults(run=run)


def parse_columns(text: str) -> dict[str, str]:
    """Read `time=Date,open=O`; a comma inside a time pattern is no end.

    Raises
    ------
    InputError
        When a part has no `=`.
    """
    found = {}
    for part in re.split(r",(?=\w+=)", text) if text else []:
        ours, equals, theirs = part.partition("=")
        if not equals or not ours or not theirs:
            raise InputError(
                f"--columns {part!r} is not OURS=THEIRS; write --columns time=Date,open=O,high=H,low=L,close=C"
            )
        found[ours.strip()] = theirs
    return found


def _list(args: argparse.Namespace) -> int:
    from sptrader_lab.candles.store import CandleStore

    table = CandleStore(args.data).list()
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    emit(args, rows, lambda: _text(rows))
    return 0


def _text(rows: list[dict[Any, Any]]) -> str:
    lines = [f"{'symbol':12} {'timeframe':10} {'source':9} {'candles':>12}  from .. to (UTC)"]
    for row in rows:
        span = f"{row['from']:%Y-%m-%d %H:%M} .. {row['to']:%Y-%m-%d %H:%M}" if row["from"] else "made on first use"
        lines.append(f"{row['symbol']:12} {row['timeframe']:10} {row['source']:9} {row['candles']:12,}  {span}")
    return "\n".join(lines)


def _import(args: argparse.Namespace) -> int:
    from sptrader_lab.candles.store import CandleStore

    report = CandleStore(args.data).import_file(
        args.path,
        symbol=args.symbol,
        timeframe=args.timeframe,
        tz=args.tz,
        columns=parse_columns(args.columns),
        bad_rows=args.bad_rows,
        price=args.price,
    )
    emit(args, report.as_dict(), lambda: str(report))
    return 0


def _check(args: argparse.Namespace) -> int:
    from sptrader_lab.candles.store import CandleStore

    store = CandleStore(args.data)
    frames = [args.timeframe] if args.timeframe else store.timeframes(args.symbol, source=args.source)
    reports = [store.check(args.symbol, frame, source=args.source) for frame in frames]
    emit(args, [report.as_dict() for report in reports], lambda: "\n".join(map(str, reports)))
    return 0
