"""Sides: every form of `entry` and `exit`, brought to one rule per side.

Flat (`when`, `action`), by side (`long`, `short`), and the older dialect (`primary`, `filters`, `size_method`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sptrader_lab.errors import Problem
from sptrader_lab.strategy.conditions import ConditionReader
from sptrader_lab.strategy.misplaced import unknown_key
from sptrader_lab.strategy.orders import OrderReader
from sptrader_lab.strategy.schema.forms import (
    SIZE_METHODS,
    EntryForm,
    EntrySideForm,
    ExitForm,
    ExitSideForm,
    SignalExitForm,
)
from sptrader_lab.strategy.source import Listed, Mapped, Problems, Scalar, line_of
from sptrader_lab.strategy.tree import All, Condition, Either

ENTRY_KEYS: Final = tuple(EntryForm.model_fields)
EXIT_KEYS: Final = tuple(ExitForm.model_fields)
_LEVELS: Final = ("stop_loss", "take_profit", "trailing_stop", "break_even", "session", "max_holding_period")
SIDES: Final = ("long", "short")
ENTRY_ACTIONS: Final = {"buy": "long", "sell": "short"}
EXIT_ACTIONS: Final = ("close", "close_all")


@dataclass(frozen=True)
class SideReader:
    """Reads `entry` and `exit` into mappings that the schema checks further."""

    conditions: ConditionReader
    problems: Problems
    warnings: list[Problem]

    def entry(self, tree: Mapped) -> Mapped:
        """Return {long, short, size, order} of the entry; a side that can't be read is absent."""
        node, line = tree.get("entry"), tree.line_of("entry")
        out = Mapped(line=line)
        if not isinstance(node, Mapped):
            what = "'entry' is missing" if node is None else "'entry' is not a mapping"
            self.problems.add(line, what, "a strategy says when it enters, under entry.when, entry.long or entry.short")
            return out
        self._keys(node, ENTRY_KEYS, "entry")
        by_side = [side for side in SIDES if node.get(side) is not None]
        flat = [key for key in ("when", "primary", "filters") if node.get(key) is not None]
        side = self._action(node, ENTRY_ACTIONS, "buy")
        if by_side and node.get("action") is not None:
            self._warn(node.line_of("action"), "entry.action has no effect", "entry.long and entry.short say the side")
        if by_side and flat:
            rule = "write either entry.when for one side, or entry.long and entry.short"
            self.problems.add(node.line_of(flat[0]), f"entry.{flat[0]} stands beside entry.{by_side[0]}", rule)
        if not by_side and not flat:
            self.problems.add(
                line, "the entry has no condition", "name one under entry.when, entry.long or entry.short"
            )
        for name in by_side:
            self._put(out, name, self._side(node, name, tuple(EntrySideForm.model_fields)), node.line_of(name))
        if flat and not by_side and side:
            self._put(out, ENTRY_ACTIONS[side], self._flat_entry(node, flat), node.line_of(flat[0]))
        self._size(node, by_side, out)
        if node.get("order") is not None:
            sides = by_side or [ENTRY_ACTIONS[side or "buy"]]
            reader = OrderReader(self.conditions, self.problems, self.warnings)
            out.put("order", reader.read(node["order"], sides), node.line_of("order"))
        return out

    def exit(self, tree: Mapped, entered: list[str]) -> Mapped:
        """Return {long, short, levels, max_holding_period}; a flat exit closes the sides that enter."""
        node, line = tree.get("exit"), tree.line_of("exit")
        out = Mapped(line=line)
        if node is None:
            return out
        if not isinstance(node, Mapped):
            self.problems.add(
                line, "'exit' is not a mapping", "it holds when, signal_exit, stop_loss, take_profit, ..."
            )
            return out
        self._keys(node, EXIT_KEYS, "exit")
        self._action(node, EXIT_ACTIONS, "close")
        flat = [self.conditions.read(node["when"], node.line_of("when"))] if node.get("when") is not None else []
        if node.get("signal_exit") is not None:
            flat.append(self._signal_exit(node["signal_exit"], node.line_of("signal_exit")))
        for side in SIDES:
            own = [self._side(node, side, tuple(ExitSideForm.model_fields))] if node.get(side) is not None else []
            if own and entered and side not in entered:
                self._warn(node.line_of(side), f"exit.{side} has no effect", f"this strategy never enters {side}")
            rules = tuple(rule for rule in (*own, *(flat if side in entered else ())) if rule is not None)
            if rules:
                self._put(out, side, rules[0] if len(rules) == 1 else Either(rules), node.line_of(side))
        for key in _LEVELS:
            if key in node:
                out.put(key, node[key], node.line_of(key))
        return out

    def _side(self, node: Mapped, side: str, known: tuple[str, ...]) -> Condition | None:
        """Read `long: {when: ...}`, or a condition standing there directly."""
        part, line = node[side], node.line_of(side)
        if isinstance(part, Mapped) and ("when" in part or "size" in part):
            self._keys(part, known, side)
            return self.conditions.read(part.get("when"), part.line_of("when"))
        return self.conditions.read(part, line)

    def _flat_entry(self, node: Mapped, keys: list[str]) -> Condition | None:
        parts = [self._flat_part(node, key) for key in keys]
        whole = tuple(part for part in parts if part is not None)
        if not whole:
            return None
        return whole[0] if len(whole) == 1 else All(whole)

    def _flat_part(self, node: Mapped, key: str) -> Condition | None:
        part, line = node[key], node.line_of(key)
        if key == "primary" and isinstance(part, Mapped) and "action" in part:  # the older dialect writes it inside
            inner = Mapped({name: value for name, value in part.items() if name != "action"}, line=part.line)
            inner.lines = part.lines
            return self.conditions.read(inner, line)
        return self.conditions.read(part, line)

    def _signal_exit(self, node: Any, line: int) -> Condition | None:
        if isinstance(node, Mapped) and "when" in node:
            self._keys(node, tuple(SignalExitForm.model_fields), "signal_exit")
            self._action(node, EXIT_ACTIONS, "close")
            return self.conditions.read(node["when"], node.line_of("when"))
        if isinstance(node, Listed) and len(node) > 1:
            rule = "all of them must hold on one bar; write {any: [...]} when one is enough"
            self._warn(line, f"exit.signal_exit lists {len(node)} conditions", rule)
        return self.conditions.read(node, line)

    def _action(self, node: Mapped, known: Any, default: str) -> str:
        """Return the action, '' when it is none of the known ones."""
        primary = node.get("primary")
        holder = primary if isinstance(primary, Mapped) and "action" in primary and "action" not in node else node
        given = holder.get("action")
        if given is None:
            return default
        if isinstance(given, Scalar) and given in known:
            return str(given)
        self.problems.unknown(holder.line_of("action"), "action", str(given), known)
        return ""

    def _size(self, node: Mapped, by_side: list[str], out: Mapped) -> None:
        """Put the one size of the strategy into `out`, whichever way it is written."""
        sides = [(node[side], side) for side in by_side if isinstance(node[side], Mapped) and "size" in node[side]]
        given = [(part["size"], part.line_of("size")) for part, _ in sides]
        if node.get("size") is not None:
            given.insert(0, (node["size"], node.line_of("size")))
        method, value = node.get("size_method"), node.get("size_value")
        if method is not None or value is not None:
            given += self._old_size(method, value, node)
        for size, line in given[1:]:
            if size != given[0][0]:
                rule = "a strategy has one size for both sides; write two strategies for two sizes"
                self.problems.add(line, f"size {size!r} differs from {given[0][0]!r} on line {given[0][1]}", rule)
        if given:
            out.put("size", *given[0])

    def _old_size(self, method: Any, value: Any, node: Mapped) -> list[tuple[Any, int]]:
        line = node.line_of("size_value" if value is not None else "size_method")
        kind = SIZE_METHODS.get(str(method), str(method)) if method is not None else "fraction"
        if value is None:
            if kind != "fraction":
                self.problems.add(line, f"size_method {method!r} has no size_value", "say how much")
            return []
        size = Mapped({"type": Scalar(kind, line_of(method, line)), "value": value}, line=line)
        size.lines = {"type": line_of(method, line), "value": line_of(value, line)}
        return [(size, line)]

    def _keys(self, node: Mapped, known: tuple[str, ...], where: str) -> None:
        for key in node:
            if key not in known:
                unknown_key(self.problems, node.line_of(key), where, key, known)

    def _warn(self, line: int, what: str, rule: str) -> None:
        self.warnings.append(Problem(what, rule, "", self.problems.file, line))

    @staticmethod
    def _put(out: Mapped, key: str, rule: Condition | None, line: int) -> None:
        if rule is not None:
            out.put(key, rule, line)
