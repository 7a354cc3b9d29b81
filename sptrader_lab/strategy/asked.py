"""Asked: which outputs a strategy's conditions ask of components that don't say themselves what they give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.tree import Event, Name


class Asked:
    """What the rules and prices of a strategy name, before any of it is bound."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every signal condition."""
        return tuple(node for node in self._nodes if isinstance(node, Event))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name in an expression or a `source`, such as `close` or `bands.upper`."""
        named = [node.text for node in self._nodes if isinstance(node, Name)]
        configs = self.strategy.signal_config.values()
        declared = [*self.strategy.indicators.values(), *(each for one in configs for each in one.required_indicators)]
        return (*named, *(each.params["source"] for each in declared if "source" in each.params))

    def outputs_of_signals(self, signals: Iterable[str]) -> set[str]:
        """Return the outputs that conditions on signals of these names test."""
        wanted = set(signals)
        return {test.output for event in self.events if event.signal in wanted for test in event.tests}

    def outputs_of_indicator(self, names: Iterable[str]) -> set[str]:
        """Return the outputs that expressions ask of an indicator that goes by these names: `upper` of `bands.upper`."""
        heads = set(names)
        parts = (name.partition(".") for name in self.names)
        return {rest for head, _, rest in parts if head in heads and rest}

    @cached_property
    def _nodes(self) -> tuple[Any, ...]:
        """Every node of every rule and price."""
        entry, exits = self.strategy.entry, self.strategy.exit
        price = self.strategy.order.price
        roots = [entry.long, entry.short, exits.long, exits.short]
        roots += [price.long, price.short] if price is not None else []
        return tuple(node for root in roots if root is not None for node in walk(root))


def walk(node: Any) -> Iterator[Any]:
    """Yield a node of a condition or value and everything inside it."""
    yield node
    for each in fields(node):
        inside = getattr(node, each.name)
        for part in inside if isinstance(inside, tuple) else (inside,):
            if is_dataclass(part):
                yield from walk(part)
