"""Levels: the values that each name of a grid takes, as plain numbers, words and booleans, and the mistakes among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError
from sptrader_lab.strategy.parameters import typed
from sptrader_lab.strategy.strategy import Strategy

Value: TypeAlias = "int | float | bool | str"
Levels: TypeAlias = dict[str, tuple[Value, ...]]

_HOW: Final = "such as {'ma_fast_period': range(5, 26), 'ma_slow_period': [30, 50, 100]}"


def read_levels(strategy: Strategy, grid: Mapping[str, Iterable[object]] | None) -> Levels:
    """Return the values of every name; of the strategy's `backtest.optimization` where no grid is given.

    Raises
    ------
    InputError
        When there is no grid, a name has no values, one twice, or something that is no number, word or boolean.
    """
    if grid is None:
        asked = strategy.backtest.optimization
        if not asked:
            raise InputError(f"{strategy.path} has no ranges under backtest.optimization; give a grid, {_HOW}")
        return {name: _distinct(name, [typed(text) for text in texts]) for name, texts in asked.items()}
    if not isinstance(grid, Mapping):
        raise InputError(f"a grid is a mapping of names to values, {_HOW}; got {type(grid).__name__}")
    if not grid:
        raise InputError(f"the grid is empty; name at least one value to vary, {_HOW}")
    found: Levels = {}
    for given, values in grid.items():
        name = _name(given)
        if name in found:
            raise InputError(f"grid: {name} is named twice, as {given!r} too; give it once")
        found[name] = _distinct(name, _listed(name, values))
    return found


def as_array(values: Sequence[Value]) -> NDArray[Any]:
    """Return values as a column: booleans, whole numbers, numbers, or else words."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return np.array(values, dtype=np.bool_)
    if kinds == {int} and all(abs(int(value)) < 2**62 for value in values):
        return np.array(values, dtype=np.int64)
    if kinds <= {int, float}:
        return np.array(values, dtype=np.float64)
    return np.array([str(value) for value in values], dtype=object)


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"grid: {name!r} is no name; {_HOW}")
    return name.strip().removeprefix("parameters.")


def _listed(name: str, values: object) -> list[Value]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InputError(f"grid: {name} = {values!r} is not a list of values; write {name!r}: [{values!r}]")
    return [_plain(name, value) for value in values]


def _plain(name: str, value: object) -> Value:
    plain: Any = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(plain, (bool, int, str)) or (isinstance(plain, float) and math.isfinite(plain)):
        return plain
    raise InputError(
        f"grid: {name} = {value!r} can't be tried; a value is one finite number, one word, or true or false"
    )


def _distinct(name: str, values: Sequence[Value]) -> tuple[Value, ...]:
    if not values:
        raise InputError(f"grid: {name} has no values; list at least one, or leave {name} out")
    seen: set[object] = set()
    for value in values:
        key = (isinstance(value, bool), value)  # 1 and 1.0 are one value, 1 and True are two
        if key in seen:
            raise InputError(f"grid: {name} has {value!r} twice; a combination would be counted twice")
        seen.add(key)
    return tuple(values)
