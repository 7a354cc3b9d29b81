"""`sptrader-lab strategy`: check strategies and portfolios; print the reference of their keys and the schema for editors."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sptrader_lab.cli.common import emit, json_option
from sptrader_lab.errors import InputError, Problem, StrategyError

if TYPE_CHECKING:
    from sptrader_lab.strategy.portfolio import Portfolio
    from sptrader_lab.strategy.strategy import Strategy


def add(subparsers: Any) -> None:
    """Add the group `strategy` and its commands `check`, `reference` and `schema`."""
    group = subparsers.add_parser("strategy", help="check strategy files, list every key, print the schema for editors")
    commands = group.add_subparsers(dest="command", metavar="COMMAND", required=True)
    check = commands.add_parser(
        "check", help="list every problem of strategies and portfolios; exit code 1 when there is one"
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="YAML files of strategies or portfolios")
    json_option(check)
    check.set_defaults(run=check_files)
    listed = commands.add_parser("reference", help="print every key of a strategy as a Markdown page")
    listed.set_defaults(run=print_reference)
    schema = commands.add_parser("schema", help="print the JSON Schema of strategies, for an editor's completion")
    schema.set_defaults(run=print_schema)


def print_reference(_: argparse.Namespace) -> int:
    """Print the reference page."""
    from sptrader_lab.strategy.reference import reference

    print(reference(), end="")
    return 0


def print_schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    from sptrader_lab.strategy.json_schema import json_text

    print(json_text(), end="")
    return 0


def check_files(args: argparse.Namespace) -> int:
    """Check every file; return 1 when one has a problem."""
    reports = [report(file) for file in args.files]
    emit(args, reports, lambda: "\n".join(map(_text, reports)))
    return 0 if all(each["ok"] for each in reports) else 1


def report(file: str) -> dict[str, Any]:
    """Return what loading one file shows: its name, parameters, warnings, problems."""
    from sptrader_lab.strategy.load import load_strategy
    from sptrader_lab.strategy.portfolio import is_portfolio, load_portfolio

    try:
        if is_portfolio(file):
            return {"file": file, "ok": True, **_portfolio(load_portfolio(file))}
        return {"file": file, "ok": True, **_strategy(load_strategy(file))}
    except StrategyError as error:
        return {"file": file, "ok": False, "warnings": [], "problems": _listed(error.problems)}
    except InputError as error:
        return {"file": file, "ok": False, "warnings": [], "problems": _listed([Problem(str(error))])}


def _strategy(strategy: Strategy) -> dict[str, Any]:
    return {
        "name": strategy.name,
        "sha256": strategy.sha256,
        "parameters": strategy.parameters,
        "referenced_parameters": list(strategy.referenced_parameters),
        "warnings": _listed(strategy.warnings),
        "problems": [],
    }


def _portfolio(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "name": portfolio.name,
        "strategies": [_strategy(strategy) for strategy in portfolio.loaded],
        "warnings": _listed([warning for strategy in portfolio.loaded for warning in strategy.warnings]),
        "problems": [],
    }


def _listed(problems: Any) -> list[dict[str, Any]]:
    return [{**asdict(problem), "text": str(problem)} for problem in problems]


def _text(found: dict[str, Any]) -> str:
    if not found["ok"]:
        count = len(found["problems"])
        head = f"{found['file']}: {count} problem{'s' if count != 1 else ''}"
    elif "strategies" in found:
        own = ", ".join(each["name"] for each in found["strategies"])
        head = f"{found['file']}: ok ({found['name']}; a portfolio of {own})"
    else:
        swept = ", ".join(found["referenced_parameters"]) or "none"
        head = f"{found['file']}: ok ({found['name']}; parameters in use: {swept})"
    lines = [f"  warning: {each['text']}" for each in found["warnings"]]
    lines += [f"  {each['text']}" for each in found["problems"]]
    return "\n".join([head, *lines])
