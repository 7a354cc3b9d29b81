"""Parameters: `parameters.NAME` wherever a value may stand, and which of them anything refers to."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sptrader_lab.errors import InputError, nearest
from sptrader_lab.strategy.expression import ExpressionError
from sptrader_lab.strategy.source import Listed, Mapped, Node, Problems, Scalar, line_of

ParameterValue: TypeAlias = int | float | bool | str

#: Limits that `parameters` may set when no section does, by the section that then holds them.
FALLBACKS: Final[dict[str, tuple[str, ...]]] = {
    "stop_loss": ("exit", "risk"),
    "take_profit": ("exit", "risk"),
    "trailing_stop": ("exit", "risk"),
    "max_holding_period": ("exit", "risk"),
    "max_positions": ("risk",),
    "max_positions_per_symbol": ("risk",),
    "position_limit": ("risk",),
    "max_drawdown": ("risk",),
    "daily_loss_limit": ("risk",),
}
#: Sections that hold values of their own, which may be replaced.
SECTIONS: Final = (
    "signal_config",
    "indicators",
    "entry",
    "exit",
    "risk",
    "execution",
    "filters",
    "account",
    "instrument",
    "instruments",
    "backtest",
)
#: Sections where `parameters.NAME` stands for a value; in the others it is plain text.
_REFERRING: Final = (*SECTIONS, "live")
_REFERENCE: Final = re.compile(r"parameters\.(\w+)")
_INTEGER: Final = re.compile(r"[-+]?\d{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


class Parameters:
    """The `parameters` section with overrides applied, and a note of every name that something refers to."""

    def __init__(self, section: Any, overrides: Mapping[str, object], problems: Problems) -> None:
        self.problems = problems
        self.referenced: set[str] = set()
        self.scalars: dict[str, Scalar] = {}
        if section is not None and not isinstance(section, Mapped):
            problems.add(line_of(section), "'parameters' is not a mapping", "write `name: value` lines under it")
            return
        section = section or Mapped()
        for name, value in section.items():
            line = section.line_of(name)
            if isinstance(value, Scalar):
                self.scalars[name] = Scalar(value, line_of(value, line), f"parameters.{name}")
            elif value is not None:
                problems.add(line, f"parameter {name!r} holds more than one value", "a parameter is one number or word")
        for name, given in overrides.items():
            self.scalars[name] = Scalar(plain_text(name, given), self.line(name), f"parameters.{name}")

    def line(self, name: str) -> int:
        """Return the line of a parameter."""
        return line_of(self.scalars.get(name))

    def text(self, name: str) -> str:
        """Return a parameter's text and note that something refers to it.

        Raises
        ------
        ExpressionError
            When there is no such parameter.
        """
        if name not in self.scalars:
            rule = f"known parameters: {', '.join(sorted(self.scalars)) or 'none'}"
            raise ExpressionError(f"unknown parameter {name!r}", rule, nearest(name, self.scalars))
        self.referenced.add(name)
        return str(self.scalars[name])

    def values(self) -> dict[str, ParameterValue]:
        """Return them as whole numbers, numbers, booleans or words."""
        return {name: typed(text) for name, text in self.scalars.items()}

    def substitute(self, tree: Mapped) -> Mapped:
        """Return a copy of the strategy's tree in which every value that is `parameters.NAME` is that parameter's."""
        copy = Mapped(line=tree.line)
        for key, value in tree.items():
            copy.put(key, self._substituted(value) if key in _REFERRING else value, tree.line_of(key))
        return copy

    def fall_back(self, tree: Mapped) -> None:
        """Give a limit that only `parameters` holds to the section `risk` (exit over risk over parameters)."""
        for name, sections in FALLBACKS.items():
            self._give(tree, name, given=any(_has(tree, section, name) for section in sections))
        entry = tree.get("entry")
        parts = [entry, *(entry.get(side) for side in ("long", "short"))] if isinstance(entry, Mapped) else []
        sized = any(isinstance(part, Mapped) and ("size" in part or "size_value" in part) for part in parts)
        self._give(tree, "position_size", given=sized or _has(tree, "risk", "position_size"))

    def _give(self, tree: Mapped, name: str, *, given: bool) -> None:
        if given or name not in self.scalars:
            return
        if tree.get("risk") is None:
            tree.put("risk", Mapped(line=self.line(name)), self.line(name))
        if isinstance(tree["risk"], Mapped):
            self.referenced.add(name)
            tree["risk"].put(name, self.scalars[name], self.line(name))

    def _substituted(self, node: Node) -> Node:
        if isinstance(node, Scalar):
            match = _REFERENCE.fullmatch(node.strip())
            return node if match is None else self._looked_up(node, match[1])
        if isinstance(node, Listed):
            listed = Listed(self._substituted(item) for item in node)
            listed.line = node.line
            return listed
        if isinstance(node, Mapped):
            mapped = Mapped(line=node.line)
            for key, value in node.items():
                mapped.put(key, self._substituted(value), node.line_of(key))
            return mapped
        return node

    def _looked_up(self, node: Scalar, name: str) -> Scalar:
        try:
            return Scalar(self.text(name), node.line, f"parameters.{name}")
        except ExpressionError as error:
            self.problems.add(node.line, error.what, error.rule, error.near)
            return node


def unresolved(value: object) -> bool:
    """Say whether a value is a reference that could not be looked up, a problem noted already."""
    return isinstance(value, Scalar) and not value.origin and _REFERENCE.fullmatch(value.strip()) is not None


def typed(text: str) -> ParameterValue:
    """Return a scalar as what it plainly is: `10` whole, `0.02` a number, `true` a boolean, anything else a word.

    Sexagesimal numbers, octal, `yes` and `on` stay words, other than in YAML 1.1.
    """
    word = text.strip()
    if _INTEGER.fullmatch(word):
        return int(word)
    if _FLOAT.fullmatch(word) and math.isfinite(float(word)):
        return float(word)
    return word.lower() == "true" if word.lower() in ("true", "false") else text


def plain_text(name: str, value: object) -> str:
    """Return an override as the text that YAML would hold.

    Raises
    ------
    InputError
        When it is not one number, word or boolean.
    """
    plain: Any = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, (int, float, str)) and (not isinstance(plain, float) or math.isfinite(plain)):
        return repr(plain) if not isinstance(plain, str) else str(plain)
    raise InputError(f"parameter {name} = {value!r}: a parameter is one finite number, one word, or true or false")


def _has(tree: Mapped, section: str, name: str) -> bool:
    part = tree.get(section)
    return isinstance(part, Mapped) and part.get(name) is not None
