"""Orders: the part of `entry.order` that is more than values: its price expressions, and the sides that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sptrader_lab.errors import Problem
from sptrader_lab.strategy.conditions import ConditionReader
from sptrader_lab.strategy.schema.values import TRUE
from sptrader_lab.strategy.source import Mapped, Problems, Scalar
from sptrader_lab.strategy.tree import Value


@dataclass(frozen=True)
class OrderReader:
    """Reads `entry.order` into a mapping that the schema checks further."""

    conditions: ConditionReader
    problems: Problems
    warnings: list[Problem]

    def read(self, node: Any, sides: list[str]) -> Any:
        """Return the order with its price as one expression for each of `sides`, those that enter."""
        if not isinstance(node, Mapped):
            return node
        out = Mapped(node, line=node.line)
        out.lines = node.lines
        oco, waits = node.get("oco"), node.get("type") not in (None, "market")
        if waits and isinstance(oco, Scalar) and oco.lower() in TRUE and len(sides) == 1:
            rule = "one order cancels another only where both sides enter; write entry.long and entry.short, or leave oco out"
            self.problems.add(node.line_of("oco"), f"entry.order.oco of a strategy that only enters {sides[0]}", rule)
        if node.get("price") is not None:
            line = node.line_of("price")
            out.put("price", Mapped(self._prices(node["price"], line, sides), line=line), line)
        return out

    def _prices(self, node: Any, line: int, sides: list[str]) -> dict[str, Value]:
        if not isinstance(node, Mapped):
            found = self.conditions.value(node, line)
            return {} if found is None else dict.fromkeys(sides, found)
        prices: dict[str, Value] = {}
        for side in node:
            if side not in ("long", "short"):
                rule = "a price is one expression for both sides, or {long: ..., short: ...}"
                self.problems.unknown(node.line_of(side), "key in entry.order.price", side, ("long", "short"), rule)
            elif side not in sides:
                rule = f"this strategy never enters {side}"
                what = f"entry.order.price.{side} has no effect"
                self.warnings.append(Problem(what, rule, "", self.problems.file, node.line_of(side)))
        for side in sides:
            if node.get(side) is None:
                self.problems.add(
                    line, f"entry.order.price has no {side} side", f"this strategy enters {side}; say its level too"
                )
                continue
            found = self.conditions.value(node[side], node.line_of(side))
            if found is not None:
                prices[side] = found
        return prices
