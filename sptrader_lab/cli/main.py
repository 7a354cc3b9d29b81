"""The command line: one parser, one group of commands per file, errors as one message and exit code 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sptrader_lab import __version__
from sptrader_lab.cli import backtest, components, data, strategy
from sptrader_lab.errors import LabError


def make_parser() -> argparse.ArgumentParser:
    """Return the parser with all commands."""
    parser = argparse.ArgumentParser(prog="sptrader-lab", description="Trading research from idea to live.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in (backtest, data, components, strategy):
        group.add(groups)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 checked and found wrong, 2 refused."""
    args = make_parser().parse_args(arguments)
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
