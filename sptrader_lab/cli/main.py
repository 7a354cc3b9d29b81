"""The command line: one parser, one group of commands per file, errors as one message and exit code 2."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from sptrader_lab import __version__
from sptrader_lab.cli import backtest, components, data, strategy, sweep, workspace
from sptrader_lab.errors import LabError, nearest


class _Parser(argparse.ArgumentParser):
    """A parser that answers a mistyped word with the nearest it knows."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and what may have been meant, and exit with 2."""
        found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        near = nearest(found[1], re.findall(r"[\w-]+", found[2])) if found else ""
        self.print_usage(sys.stderr)
        sys.stderr.write(f"error: {message}{f'. Did you mean {near!r}?' if near else ''}\n")
        sys.exit(2)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser with all commands."""
    parser = _Parser(
        prog="sptrader-lab", description="Backtests of trading strategies, from files of candles to trades."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    groups = parser.add_subparsers(metavar="COMMAND")
    for group in (backtest, sweep, data, components, strategy, workspace):
        group.add(groups)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 checked and found wrong, 2 refused."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    if not hasattr(args, "run"):
        parser.print_help()
        return 0
    try:
        return int(args.run(args))
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (`head`) has seen enough
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
