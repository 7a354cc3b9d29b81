"""Expressions: `close > sma`, `rsi < parameters.low`, `crosses_above(fast, slow)` as a small frozen tree.

The text is parsed with Python's own `ast` and rebuilt node by node from a whitelist; nothing is ever evaluated as code.
`parameters.NAME` is replaced by its number while parsing.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from sptrader_lab.errors import nearest
from sptrader_lab.strategy.slips import suggestion
from sptrader_lab.strategy.tree import (
    VALUES,
    All,
    Arithmetic,
    Compare,
    Comparison,
    Condition,
    Cross,
    Either,
    Name,
    Not,
    Number,
    Rolling,
    Shift,
    Value,
)

MAX_LENGTH: Final = 1_000
MAX_DEPTH: Final = 60
MAX_WINDOW: Final = 10_000
ROLLINGS: Final = ("mean", "sum", "min", "max", "std")
FUNCTIONS: Final = ("abs", "min", "max", "shift", "crosses_above", "crosses_below")
Lookup: TypeAlias = Callable[[str], str]

_ARITHMETIC: Final[dict[type, str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: Final[dict[type, Comparison]] = {
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class ExpressionError(Exception):
    """An expression that can't be read: what stands there, the rule, the nearest valid choice."""

    def __init__(self, what: str, rule: str = "", near: str = "") -> None:
        super().__init__(what)
        self.what = what if len(what) <= 160 else f"{what[:150]} ..."
        self.rule = rule
        self.near = near


class UnknownFunctionError(ExpressionError):
    """A call of something that is no function here; a component, perhaps."""

    def __init__(self, name: str, call: ast.Call, shown: str) -> None:
        rule = f"known: {', '.join(FUNCTIONS)}"
        if name not in FUNCTIONS and call.keywords:
            rule = f"arguments stand by position, without names; {rule}"
        super().__init__(f"{shown!r}: unknown function {name!r}", rule, nearest(name, FUNCTIONS))
        self.name = name
        self.call = call


def parse_condition(text: str, lookup: Lookup, line: int = 0) -> Condition:
    """Read a text that is true or false on every bar.

    Parameters
    ----------
    lookup : callable
        Returns the text of a parameter by its name; raises ExpressionError when there is none.

    Raises
    ------
    ExpressionError
        With the part that breaks a rule.
    """
    found = _parse(text, lookup, line)
    if isinstance(found, VALUES):
        raise ExpressionError(f"{text!r} is a value", "a condition compares, like 'close > sma' or 'rsi < 30'")
    return found  # type: ignore[no-any-return]


def parse_value(text: str, lookup: Lookup, line: int = 0) -> Value:
    """Read a text that is a number on every bar; see `parse_condition`."""
    found = _parse(text, lookup, line)
    if not isinstance(found, VALUES):
        raise ExpressionError(f"{text!r} is true or false", "a number is needed here")
    return found


def _parse(text: str, lookup: Lookup, line: int) -> Any:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression of {len(text)} characters", f"at most {MAX_LENGTH} may stand in one")
    odd = next((letter for letter in text if letter in "'\"\\\0#"), "")
    if odd:
        raise ExpressionError(
            f"{text!r} holds {odd!r}", "an expression is made of names, numbers and + - * / ( ) > < =="
        )
    try:
        text = " ".join(text.split())
        body = ast.parse(text, mode="eval").body
        return _Builder(text, lookup, line).build(body)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        rule = suggestion(text) or "write it like 'close > sma' or 'crosses_above(fast, slow)'"
        if text.count("(") != text.count(")"):
            rule = (
                "a bracket is not closed; put the text in quotes when it stands inside [...], where a comma splits it"
            )
        raise ExpressionError(f"{text!r} can't be read", rule) from None


class _Builder:
    def __init__(self, text: str, lookup: Lookup, line: int) -> None:
        self.text = text
        self.lookup = lookup
        self.line = line
        self.depth = 0

    def build(self, node: ast.expr) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            rule = f"an expression is nested at most {MAX_DEPTH} deep; split it into several conditions"
            raise ExpressionError(f"{self.text!r}", rule)
        found = self._build(node)
        self.depth -= 1
        return found

    def _build(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BoolOp):
            items = tuple(self.condition(item) for item in node.values)
            return All(items) if isinstance(node.op, ast.And) else Either(items)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.Compare):
            return self.compare(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return _folded(_ARITHMETIC[type(node.op)], (self.value(node.left), self.value(node.right)))
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.name(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return _number(float(node.value), self.shown(node))
        raise ExpressionError(
            f"{self.shown(node)!r} may not stand in an expression",
            suggestion(self.shown(node))
            or f"allowed: names, numbers, + - * /, comparisons, and, or, not, {', '.join(FUNCTIONS)}, .rolling(n).mean()",
        )

    def unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return Not(self.condition(node.operand))
        if isinstance(node.op, ast.UAdd):
            return self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return _folded("-", (Number(0.0), self.value(node.operand)))
        raise ExpressionError(f"{self.shown(node)!r} may not stand in an expression", "write `not` for the opposite")

    def compare(self, node: ast.Compare) -> Condition:
        sides = [self.value(side) for side in (node.left, *node.comparators)]
        parts: list[Condition] = []
        for operator, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True):
            if type(operator) not in _COMPARISONS:
                raise ExpressionError(
                    f"{self.shown(node)!r} may not stand in an expression", "compare with > >= < <= == !="
                )
            parts.append(Compare(_COMPARISONS[type(operator)], left, right))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def call(self, node: ast.Call) -> Any:
        function = node.func
        named = ast.unparse(function) if isinstance(function, (ast.Name, ast.Attribute)) else ""
        if named.lower().startswith("talib.") or (isinstance(function, ast.Name) and named not in FUNCTIONS):
            raise UnknownFunctionError(named, node, self.shown(node))
        if node.keywords or any(isinstance(item, ast.Starred) for item in node.args):
            raise ExpressionError(f"{self.shown(node)!r}", "arguments stand by position, without names")
        if isinstance(function, ast.Name):
            return self.function(function.id, node)
        if isinstance(function, ast.Attribute) and function.attr == "shift":
            self.expect(node, 1)
            return self.shift(function.value, node.args[0], node)
        inner = function.value if isinstance(function, ast.Attribute) else None
        rolling = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "rolling"
        if rolling and isinstance(function, ast.Attribute) and function.attr in ROLLINGS:
            self.expect(node, 0)
            return self.rolling(function.attr, inner)  # type: ignore[arg-type]
        method = function.attr if isinstance(function, ast.Attribute) else self.shown(function)
        known = ("shift", "rolling", *ROLLINGS)
        raise ExpressionError(
            f"{self.shown(node)!r}: unknown method {method!r}",
            f"columns have .shift(n) and .rolling(n) followed by {', '.join('.' + kind + '()' for kind in ROLLINGS)}",
            nearest(method, known),
        )

    def function(self, name: str, node: ast.Call) -> Any:
        if name == "shift":
            self.expect(node, 2)
            return self.shift(node.args[0], node.args[1], node)
        if name in ("crosses_above", "crosses_below"):
            self.expect(node, 2)
            return Cross(name == "crosses_above", self.value(node.args[0]), self.value(node.args[1]))
        if name == "abs":
            self.expect(node, 1)
            return _folded("abs", (self.value(node.args[0]),))
        if len(node.args) < 2:
            raise ExpressionError(f"{self.shown(node)!r}", f"{name} takes two or more; of bars: x.rolling(n).{name}()")
        return _folded(name, tuple(self.value(item) for item in node.args))

    def shift(self, operand: ast.expr, bars: ast.expr, node: ast.Call) -> Shift:
        count = self.whole(bars, node, 0)
        return Shift(self.value(operand), count)

    def rolling(self, kind: str, node: ast.Call) -> Rolling:
        self.expect(node, 1)
        window = self.whole(node.args[0], node, 1)
        return Rolling(kind, self.value(node.func.value), window)  # type: ignore[attr-defined]

    def whole(self, node: ast.expr, call: ast.Call, least: int) -> int:
        found = self.value(node)
        shown = self.shown(call)
        if not isinstance(found, Number) or found.value != math.floor(found.value):
            raise ExpressionError(f"{shown!r}", "the number of bars is one whole number, or a parameter that holds one")
        if found.value < 0 and least == 0:
            raise ExpressionError(
                f"{shown!r} looks ahead", "a negative shift reads bars that have not happened yet (S2)"
            )
        if not least <= found.value <= MAX_WINDOW:
            raise ExpressionError(f"{shown!r}", f"the number of bars is from {least} to {MAX_WINDOW:,}")
        return int(found.value)

    def name(self, node: ast.expr) -> Value:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise ExpressionError(
                f"{self.shown(node)!r} has no outputs", "only a component's name is followed by a dot"
            )
        path = [node.id, *reversed(parts)]
        if path[0] == "parameters" and len(path) == 2:
            text = self.lookup(path[1])
            try:
                number = _number(float(text), f"parameters.{path[1]} = {text}")
                return Number(number.value, ".".join(path))
            except ValueError:
                raise ExpressionError(
                    f"parameters.{path[1]} is {text!r}", "an expression needs a number here"
                ) from None
        return Name(".".join(path), self.line)

    def value(self, node: ast.expr) -> Value:
        found = self.build(node)
        if not isinstance(found, VALUES):
            raise ExpressionError(f"{self.shown(node)!r} is true or false", "a number is needed here")
        return found

    def condition(self, node: ast.expr) -> Condition:
        found = self.build(node)
        if isinstance(found, VALUES):
            raise ExpressionError(f"{self.shown(node)!r} is a value", "`and`, `or`, `not` join comparisons")
        return found  # type: ignore[no-any-return]

    def expect(self, node: ast.Call, count: int) -> None:
        if len(node.args) != count or node.keywords:
            raise ExpressionError(
                f"{self.shown(node)!r}", f"takes {count} argument{'s' * (count != 1)}, not {len(node.args)}"
            )

    def shown(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or self.text


def _number(value: float, shown: str) -> Number:
    if not math.isfinite(value):
        raise ExpressionError(f"{shown!r}", "a number must be finite")
    return Number(value)


def _folded(operator: str, operands: tuple[Value, ...]) -> Value:
    """Return the negative of a constant as a constant, everything else as it is."""
    if operator == "-" and operands[0] == Number(0.0) and isinstance(operands[1], Number):
        return Number(-operands[1].value)
    return Arithmetic(operator, operands)
