"""Bind: every name in a strategy meets the component it stands for, or becomes a problem with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sptrader_lab.components.library import Library
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import Problem
from sptrader_lab.strategy.asked import walk
from sptrader_lab.strategy.bind_conditions import bind_condition
from sptrader_lab.strategy.bind_orders import bind_prices
from sptrader_lab.strategy.bind_signals import Expected, SignalBinder
from sptrader_lab.strategy.binder import COLUMNS, Binder, Call
from sptrader_lab.strategy.source import Mapped, Problems
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.tree import Condition, Event, Value


class Bare(NamedTuple):
    """A signal that an entry asks for without saying which of its values."""

    signal: str
    rule: str
    column: str
    line: int


@dataclass(frozen=True)
class Bound:
    """A strategy whose names are all known.

    Attributes
    ----------
    calls : tuple of Call
        Each distinct (component, parameters, inputs) once, after everything it depends on.
    rules : dict
        Condition by ``entry_long``, ``entry_short``, ``exit_long``, ``exit_short``; names are columns now.
    signals : dict
        Call by the name of each signal that a condition uses.
    columns : tuple of str
        Every column that a condition or a price reads.
    distances : dict
        Column of the ATR by ``stop``, ``target``, ``trail``, ``even``, ``size``.
    prices : dict
        Level of an entry order by ``long_price``, ``short_price``, ``long_limit``, ``short_limit``.
    found : tuple of Spec
        Every component that the file names, used or not; loading it again needs them all.
    expected : tuple of Expected
        Words that conditions wait for in components which don't say which words they know.
    numbers : tuple of Expected
        Numbers that conditions compare outputs with which may hold words.
    bare : tuple of Bare
        Signals whose values may say a direction that the entry doesn't ask for.
    """

    calls: tuple[Call, ...]
    rules: dict[str, Condition]
    signals: dict[str, Call]
    columns: tuple[str, ...]
    distances: dict[str, str]
    prices: dict[str, Value]
    warnings: tuple[Problem, ...]
    found: tuple[Spec, ...]
    expected: tuple[Expected, ...]
    numbers: tuple[Expected, ...]
    bare: tuple[Bare, ...]


def bind(strategy: Strategy, library: Library, tree: Mapped, problems: Problems) -> Bound:
    """Find every component that a strategy names and check parameters, inputs, outputs and labels."""
    binder = Binder(strategy, library, tree, problems)
    signals = SignalBinder(binder)
    for kind in ("indicators", "signals"):
        for place, name in enumerate(getattr(strategy.dependencies, kind)):
            binder.find(name, binder.line("dependencies", kind, place), kind.removesuffix("s"))
    for name in strategy.indicators:
        if name in COLUMNS:
            rule = "a candle column has this name already"
            problems.add(binder.line("indicators", name), f"indicator {name!r}", rule)
        binder.declared(("indicators", name))
    for name in strategy.signal_config:
        signals.signal(name, binder.line("signal_config", name))
    rules: dict[str, Condition] = {}
    for action in ("entry", "exit"):
        for side in ("long", "short"):
            rule = getattr(getattr(strategy, action), side)
            bound = None if rule is None else bind_condition(rule, binder, signals)
            if bound is not None:
                rules[f"{action}_{side}"] = bound
    prices = bind_prices(binder, signals)
    distances = _distances(strategy, binder)
    used = {name: call for name, call in signals.bound.items() if name in signals.used}
    calls = _needed(binder.calls, {*binder.used, *distances.values(), *(call.key for call in used.values())})
    binder.check_names(calls)
    return Bound(
        calls,
        rules,
        used,
        tuple(sorted(binder.used)),
        distances,
        prices,
        tuple(binder.warnings),
        tuple(binder.found.values()),
        tuple(signals.expected.values()),
        tuple(signals.numbers),
        tuple(_bare(strategy, used)),
    )


def _bare(strategy: Strategy, used: Mapping[str, Call]) -> Iterator[Bare]:
    """Yield the signals that entries ask for by their names alone, of those that may be negative."""
    for side in ("long", "short"):
        rule = getattr(strategy.entry, side)
        for node in () if rule is None else walk(rule):
            if isinstance(node, Event) and not node.tests and node.signal in used:
                call = used[node.signal]
                if not call.spec.outputs[0].labels:
                    yield Bare(node.signal, f"entry_{side}", call.column(), node.line)


def _distances(strategy: Strategy, binder: Binder) -> dict[str, str]:
    """Return the ATR column of every level and of the size that is counted in ATR."""
    # All targets count in one ATR.
    target = next((target for target in strategy.targets if target.type == "atr"), None)
    levels: dict[str, Any] = {
        "stop": strategy.stop_loss,
        "target": target,
        "trail": strategy.trailing_stop,
        "even": strategy.break_even.trigger if strategy.break_even else None,
        "size": strategy.size,
    }
    found: dict[str, str] = {}
    if strategy.size.type == "risk" and strategy.stop_loss is None:
        line = binder.line("entry", "size")
        binder.problems.add(
            line, "size of type 'risk' without a stop_loss", "the distance to the stop decides how much"
        )
    for name, level in levels.items():
        if level is None or level.type not in ("atr", "volatility"):
            continue
        column = binder.atr(level.period, binder.line("entry", "size") if name == "size" else binder.line("exit"))
        if column is not None:
            found[name] = column
    return found


def _needed(calls: Mapping[str, Call], roots: set[str]) -> tuple[Call, ...]:
    """Return the calls that `roots` depend on, in their order."""
    wanted = set(roots)
    kept: list[Call] = []
    for call in reversed(list(calls.values())):  # a call comes after everything it depends on
        if call.key in wanted or any(call.column(output.name) in wanted for output in call.spec.outputs):
            wanted.update(call.inputs)
            kept.append(call)
    return tuple(reversed(kept))
