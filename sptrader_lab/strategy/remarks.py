"""Remarks: what a reader may not expect of an otherwise valid file, and whether the ranges of a sweep make sense."""

from __future__ import annotations

from sptrader_lab.errors import Problem, nearest
from sptrader_lab.strategy.parameters import Parameters, typed
from sptrader_lab.strategy.sides import SIDES
from sptrader_lab.strategy.source import Mapped, Problems, line_at
from sptrader_lab.strategy.strategy import DEFAULT_SIZE, Strategy


def check_ranges(strategy: Strategy, parameters: Parameters, tree: Mapped, problems: Problems) -> None:
    """Note every range of `backtest.optimization` that no sweep could try."""
    for name, values in strategy.backtest.optimization.items():
        line, where = line_at(tree, ("backtest", "optimization", name)), f"backtest.optimization.{name}"
        if name not in parameters.scalars:
            known = ", ".join(sorted(parameters.scalars)) or "none"
            rule = f"there is no such parameter; known: {known}"
            problems.add(line, where, rule, nearest(name, parameters.scalars))
            continue
        if not values:
            problems.add(line, f"{where} is empty", "list at least one value")
        now = typed(parameters.scalars[name])
        for value in values:
            if _kind(typed(value)) != _kind(now):
                problems.add(line, f"{where}: {value!r}", f"parameters.{name} is {_kind(now)}: {now!r}")


def remarks(strategy: Strategy, parameters: Parameters, tree: Mapped, file: str) -> list[Problem]:
    """Say what a reader may not expect of an otherwise valid file."""
    found: list[Problem] = []

    def remark(path: tuple[int | str, ...], what: str, rule: str) -> None:
        found.append(Problem(what, rule, "", file, line_at(tree, path)))

    if strategy.entry.size is None and strategy.risk.position_size is None:
        remark(("entry",), f"no size is given, so {DEFAULT_SIZE:g} of equity is used", "write entry.size")
    levels = (strategy.stop_loss, strategy.trailing_stop, strategy.break_even, strategy.session)
    leaves = any((*levels, strategy.targets, strategy.max_holding_period))
    for side in SIDES:
        if getattr(strategy.entry, side) is not None and getattr(strategy.exit, side) is None and not leaves:
            remark(("entry", side), f"nothing closes a {side} position", "add an exit, a stop or a target")
    shares = [target.share or 0.0 for target in strategy.targets]
    if shares and sum(shares) < 1 - 1e-9:
        place = ("exit", "take_profit") if strategy.exit.take_profit else ("risk", "take_profit")
        remark(place, f"shares of {sum(shares):g} in all", "the last target closes all that is left")
    if strategy.live.enabled:
        remark(("live", "enabled"), "live.enabled has no effect", "this version only backtests")
    unused = [name for name in parameters.scalars if name not in parameters.referenced]
    for name in unused:
        remark(
            ("parameters", name),
            f"parameters.{name} has no effect",
            f"nothing refers to it; write parameters.{name} where the value is used",
        )
    for name in strategy.backtest.optimization:
        if name in unused:
            remark(
                ("backtest", "optimization", name),
                f"backtest.optimization.{name} has no effect",
                f"nothing refers to parameters.{name}",
            )
    return found


def _kind(value: object) -> str:
    return "true or false" if isinstance(value, bool) else "a word" if isinstance(value, str) else "a number"
