"""Options and output that every command shares."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from typing import Any


def data_option(parser: argparse.ArgumentParser) -> None:
    """Add `--data FOLDER`, where candles live."""
    folder = os.environ.get("SPTRADER_DATA", "data")
    parser.add_argument(
        "--data", metavar="FOLDER", default=folder, help="where candles live (or SPTRADER_DATA; %(default)s)"
    )


def json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, for programs that read the output."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")


def emit(args: argparse.Namespace, document: Any, text: Callable[[], str]) -> None:
    """Print `document` as JSON when `--json` was given, else what `text` returns. NaN becomes null."""
    if args.json:
        from sptrader_lab.results.document import plain

        print(json.dumps(plain(document), indent=2, allow_nan=False))
    else:
        print(text())
