"""Evaluate: conditions over columns to one answer per bar, three-valued.

A comparison with an undefined side (NaN, warm-up) is neither true nor false. `not` turns true into false and leaves
undefined undefined; `all` is false once one part is false; `any` is true once one part is true. A rule fires only where
it is true, so nothing fires during a warm-up, not even a `not`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.kernel import rolling
from sptrader_lab.strategy.tree import (
    All,
    Compare,
    Condition,
    Cross,
    Either,
    Fires,
    Held,
    Name,
    Not,
    Number,
    Rolling,
    Shift,
    Silent,
    Value,
)

Column = NDArray[np.float64]
Flags = NDArray[np.bool_]


def _differs(a: Column, b: Column) -> Flags:
    differs: Flags = rolling.above(a, b) | rolling.below(a, b)
    return differs


#: What makes a comparison true, and what makes it false (S22).
_TRUE: Final[dict[str, Callable[[Column, Column], Flags]]] = {
    ">": rolling.above,
    ">=": rolling.at_least,
    "<": rolling.below,
    "<=": rolling.at_most,
    "==": rolling.equal,
    "!=": _differs,
}
_FALSE: Final[dict[str, Callable[[Column, Column], Flags]]] = {
    ">": rolling.at_most,
    ">=": rolling.below,
    "<": rolling.at_least,
    "<=": rolling.above,
    "==": _differs,
    "!=": rolling.equal,
}
_ARITHMETIC: Final[dict[str, Callable[..., Any]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "abs": np.abs,
    "min": np.minimum,
    "max": np.maximum,
}
_ROLLING: Final[dict[str, Callable[[Column, int], Column]]] = {
    "mean": rolling.rolling_mean,
    "sum": rolling.rolling_sum,
    "min": rolling.rolling_min,
    "max": rolling.rolling_max,
    "std": lambda values, window: rolling.rolling_std(values, window, 1),
}


class Evaluator:
    """Answers conditions over `columns`, arrays of `bars` float64 each."""

    def __init__(self, columns: Mapping[str, Column], bars: int) -> None:
        self.columns = columns
        self.bars = bars
        self.constants: dict[float, Column] = {}

    def holds(self, node: Condition) -> Flags:
        """Return the bars on which the condition is true."""
        return self._truth(node, wanted=True)

    def fails(self, node: Condition) -> Flags:
        """Return the bars on which the condition is false; where it neither holds nor fails it is undefined."""
        return self._truth(node, wanted=False)

    def value(self, node: Value) -> Column:
        """Return a value per bar, NaN where it is undefined."""
        return self._column(self._value(node))

    def _truth(self, node: Condition, *, wanted: bool) -> Flags:
        """Return where the condition is certainly true, or certainly false when `wanted` is False."""
        if isinstance(node, (All, Either)):
            items = _without_implied(node.items) if isinstance(node, All) else node.items
            parts = [self._truth(item, wanted=wanted) for item in items]
            together = np.logical_and if isinstance(node, All) == wanted else np.logical_or
            return _reduced(together, parts)
        if isinstance(node, Not):
            return self._truth(node.item, wanted=not wanted)
        if isinstance(node, Held):
            return _held(self._truth(node.item, wanted=wanted), node.bars, every=wanted)
        if isinstance(node, Fires):
            event = self.columns[node.event.text]
            return np.abs(event) > 0.0 if wanted else event == 0.0
        if isinstance(node, Silent):
            event, kind = self.columns[node.event.text], self.columns[node.kind.text]
            said = (_TRUE if wanted else _FALSE)["=="](kind, self._column(node.nothing.value))
            return said | (np.isnan(kind) & ((event == 0.0) if wanted else (np.abs(event) > 0.0)))
        if isinstance(node, Cross):
            return self._crosses(node, wanted=wanted)
        assert isinstance(node, Compare)
        compare = (_TRUE if wanted else _FALSE)[node.operator]
        return compare(self.value(node.left), self.value(node.right))

    def _crosses(self, node: Cross, *, wanted: bool) -> Flags:
        left, right = self.value(node.left), self.value(node.right)
        crossed = (rolling.crosses_above if node.above else rolling.crosses_below)(left, right)
        if wanted:
            return crossed
        known = ~(np.isnan(left) | np.isnan(right))
        known[1:] &= known[:-1].copy()
        known[:1] = False
        return known & ~crossed

    def _value(self, node: Value) -> Any:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Name):
            return self.columns[node.text]
        if isinstance(node, Shift):
            return _frozen(rolling.shift(self.value(node.operand), node.bars))
        if isinstance(node, Rolling):
            return _frozen(_ROLLING[node.kind](self.value(node.operand), node.window))
        operands = [self._value(item) for item in node.operands]
        with np.errstate(all="ignore"):
            result = _applied(_ARITHMETIC[node.operator], operands)
        return _frozen(np.where(np.isfinite(result), result, np.nan))

    def _column(self, value: Any) -> Column:
        if np.ndim(value):
            column: Column = value
            return column
        number = float(value)
        if number not in self.constants:
            self.constants[number] = _frozen(np.full(self.bars, number))
        return self.constants[number]


def _without_implied(items: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Leave out that a signal fires where its event is compared with a code other than 0, which says as much and more."""
    told = {
        item.left.text
        for item in items
        if isinstance(item, Compare) and item.operator == "==" and isinstance(item.left, Name)
        if isinstance(item.right, Number) and item.right.value != 0.0
    }
    return tuple(item for item in items if not (isinstance(item, Fires) and item.event.text in told))


def _applied(function: Callable[..., Any], operands: list[Any]) -> Any:
    result = function(operands[0], operands[1]) if len(operands) > 1 else function(operands[0])
    for operand in operands[2:]:
        result = function(result, operand)
    return result


def _reduced(together: Callable[..., Any], parts: list[Flags]) -> Flags:
    result = parts[0].copy() if len(parts) > 1 else parts[0]
    for part in parts[1:]:
        together(result, part, out=result)
    return result


def _held(flags: Flags, bars: int, *, every: bool) -> Flags:
    """Return where all of the last `bars` flags are set, or where at least one is."""
    count = np.cumsum(flags, dtype=np.int64)
    behind = np.zeros_like(count)
    behind[bars:] = count[:-bars]
    within = count - behind
    return within == bars if every else within > 0


def _frozen(array: Any) -> Any:
    """Mark read-only, as candle columns are: numba would compile a second variant for the other kind."""
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return array
