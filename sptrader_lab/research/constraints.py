"""Constraints: comparisons such as `fast < slow`, read without being run as Python, held against many combinations at once."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError, unknown

#: A constraint as it is given: a text, or a function of one combination that says whether it may be tried.
Constraint: TypeAlias = "str | Callable[[Mapping[str, Any]], object]"
Columns: TypeAlias = Mapping[str, NDArray[Any]]

_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_RULE: Final = "a constraint compares names and numbers, with + - * /, such as 'ma_fast_period < ma_slow_period'"


@dataclass(frozen=True)
class Comparison:
    """A constraint that was given as text.

    Attributes
    ----------
    text : str
    names : tuple of str
        What it speaks of, dotted names as they are written.
    """

    text: str
    tree: ast.Compare
    names: tuple[str, ...]

    def holds(self, columns: Columns) -> NDArray[np.bool_]:
        """Say for each combination whether it holds; a division by zero is undefined, and nothing undefined holds.

        Parameters
        ----------
        columns : mapping of str to array of shape (n,)
            The values of every name, numbers or words.
        """
        sides = [_value(side, columns) for side in (self.tree.left, *self.tree.comparators)]
        held: Any = np.True_
        for position, operation in enumerate(self.tree.ops):
            left, right = sides[position], sides[position + 1]
            held = held & _COMPARISONS[type(operation)](left, right) & _defined(left) & _defined(right)
        return np.asarray(held)


def read_constraint(text: str, columns: Mapping[str, object]) -> Comparison:
    """Return the comparison that `text` says.

    Parameters
    ----------
    text : str
    columns : mapping
        The names that it may speak of, each with one of its values.

    Raises
    ------
    InputError
        When it is no comparison, speaks of an unknown name, or calculates with a word.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise InputError(f"constraint {text!r} can't be read: {error}; {_RULE}") from error
    if not isinstance(tree, ast.Compare):
        raise InputError(f"constraint {text!r} compares nothing; {_RULE}")
    names = tuple(dict.fromkeys(_names(tree, text)))
    for name in names:
        if name not in columns:
            raise InputError(unknown("name", name, columns, f"constraint {text!r}"))
        if isinstance(columns[name], str):
            raise InputError(f"constraint {text!r}: {name} is a word ({columns[name]!r}); {_RULE}, or give a function")
    return Comparison(text, tree, names)


def _names(tree: ast.Compare, text: str) -> Iterator[str]:
    """Yield every name, and refuse whatever else a comparison may not hold."""
    for operation in tree.ops:
        if type(operation) not in _COMPARISONS:
            raise InputError(f"constraint {text!r}: no comparison by < <= > >= == !=; {_RULE}")
    waiting: list[ast.expr] = [tree.left, *tree.comparators]
    while waiting:
        node = waiting.pop(0)
        name = _dotted(node)
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        if name:
            yield name
        elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            waiting += [node.left, node.right]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            waiting.append(node.operand)
        elif not number:
            raise InputError(f"constraint {text!r}: {ast.unparse(node)!r} may not stand there; {_RULE}")


def _dotted(node: ast.expr) -> str:
    """Return the name that `a` or `a.b.c` spells, '' for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def _value(node: ast.expr, columns: Columns) -> Any:
    name = _dotted(node)
    if name:
        return columns[name]
    if isinstance(node, ast.BinOp):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            left, right = _value(node.left, columns), _value(node.right, columns)
            return _ARITHMETIC[type(node.op)](np.asarray(left, np.float64), np.asarray(right, np.float64))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, columns)
    assert isinstance(node, ast.Constant)
    return float(node.value)  # type: ignore[arg-type]  # `_names` let only whole and other numbers through


def _defined(side: Any) -> Any:
    return np.isfinite(np.asarray(side, np.float64))
