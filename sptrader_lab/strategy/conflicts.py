"""Conflicts: rules of different sections that make no sense together, each with the way out."""

from __future__ import annotations

from typing import Any

from sptrader_lab.errors import InputError
from sptrader_lab.strategy.facts import instrument_of
from sptrader_lab.strategy.schema.section import described
from sptrader_lab.strategy.source import Mapped, Problems, line_at, node_at
from sptrader_lab.strategy.strategy import Strategy


def check_together(
    strategy: Strategy, tree: Mapped, problems: Problems, leverage: tuple[float, str] | None = None
) -> None:
    """Note what each section may say alone and not beside the others.

    `leverage` is that of the portfolio that the strategy is loaded for, with the place that says so; it replaces its own.
    """
    _check_sizes(strategy, tree, problems, leverage)
    _check_order(strategy, tree, problems)
    for symbol in strategy.instruments:
        try:
            instrument_of(strategy, symbol)
        except InputError as error:
            problems.add(line_at(tree, ("instruments", symbol)), f"instruments.{symbol}: {error}")


def _check_sizes(strategy: Strategy, tree: Mapped, problems: Problems, leverage: tuple[float, str] | None) -> None:
    """Fractions of equity go up to 1, in a margin account up to its leverage (S10, S11)."""
    most, place_of_it = leverage or (strategy.account.leverage, "")
    if leverage is None and str(node_at(tree, ("account", "type")) or "cash") != strategy.account.type:
        return  # what the account says is a problem already
    place = ("entry", "size") if strategy.entry.size is not None else ("risk", "position_size")
    size = strategy.size
    fractions: list[tuple[tuple[str, ...], float | None]] = [(("risk", "position_limit"), strategy.risk.position_limit)]
    if size.type == "fraction":
        fractions.append(((*place, "value"), size.value))
    if size.type == "kelly":
        fractions += [((*place, "cap"), size.cap), ((*place, "initial"), size.initial)]
    for path, value in fractions:
        if value is None or value <= most:
            continue
        shown = f"{'.'.join(path)}: {described(_given(tree, path))}"
        if most > 1:
            whose = (
                f"the portfolio's leverage, {most:g} ({place_of_it})"
                if leverage
                else f"the account's leverage, {most:g}"
            )
            problems.add(line_at(tree, path), shown, f"must be at most {whose}")
            continue
        needs = (
            f"more needs type: margin in the portfolio ({place_of_it})" if leverage else "more needs a margin account"
        )
        rule = f"must be a fraction up to 1: 0.02 means 2 %; {needs}"
        problems.add(line_at(tree, path), shown, rule, f"{value / 100:g}")


def _check_order(strategy: Strategy, tree: Mapped, problems: Problems) -> None:
    order, execution = strategy.order, strategy.execution
    if execution.fill == "close" and order.type != "market":
        rule = "a close is one price, past once it is known, so nothing can wait for it; leave fill out, or write type: market"
        line = line_at(tree, ("execution", "fill"))
        problems.add(line, f"execution.fill: close beside a {order.type} entry", rule)
    if "expiry" in order.model_fields_set and execution.expire_after is not None:
        rule = "both say when an entry ends unfilled; keep one of them"
        line = line_at(tree, ("execution", "expire_after"))
        problems.add(line, "execution.expire_after beside entry.order.expiry", rule)


def _given(tree: Mapped, path: tuple[str, ...]) -> Any:
    """Return what stands at `path`, of a shorthand the whole value."""
    found = node_at(tree, path)
    return node_at(tree, path[:-1]) if found is None else found
