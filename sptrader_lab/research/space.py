"""Space: the values that an optimiser may ask for, as ranges and choices, and which of their combinations may be tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from sptrader_lab.errors import InputError
from sptrader_lab.research.constraints import Comparison, Constraint, read_constraint
from sptrader_lab.research.grid import CHOOSING, combinations
from sptrader_lab.research.levels import Value, read_levels
from sptrader_lab.strategy.strategy import Strategy

if TYPE_CHECKING:
    from optuna.trial import Trial

_HOW: Final = "write (low, high), (low, high, step), a range or a list of values"


@dataclass(frozen=True)
class Range:
    """Whole numbers where all three are, else numbers; `step` 0 for any number between."""

    low: float
    high: float
    step: float

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return all(isinstance(each, int) for each in (self.low, self.high, self.step)) and self.step > 0

    def ask(self, trial: Trial, name: str) -> Value:
        """Return what an optimiser wants to try."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step))
        return trial.suggest_float(name, self.low, self.high, step=self.step or None)

    def ends(self) -> tuple[Value, ...]:
        """Return the lowest and the highest value."""
        return (self.low, self.high) if self.high > self.low else (self.low,)


@dataclass(frozen=True)
class Choices:
    """Values in no order."""

    values: tuple[Value, ...]

    def ask(self, trial: Trial, name: str) -> Value:
        """Return what an optimiser wants to try."""
        return trial.suggest_categorical(name, self.values)  # type: ignore[return-value]  # None is no choice here

    def ends(self) -> tuple[Value, ...]:
        """Return all values."""
        return self.values


Axis: TypeAlias = Range | Choices


@dataclass(frozen=True, eq=False)
class Space:
    """Every name's axis, and the constraints between them."""

    axes: Mapping[str, Axis]
    texts: tuple[Comparison, ...]
    functions: tuple[Callable[[Mapping[str, Any]], object], ...]
    fixed: Mapping[str, Any]

    def ask(self, trial: Trial) -> dict[str, Value]:
        """Return the combination that an optimiser wants to try."""
        return {name: axis.ask(trial, name) for name, axis in self.axes.items()}

    def allows(self, values: Mapping[str, Value]) -> bool:
        """Say whether every constraint holds."""
        columns = {name: np.array([value]) for name, value in {**self.fixed, **values}.items()}
        if not all(bool(text.holds(columns).all()) for text in self.texts):
            return False
        try:
            return all(function(dict(values)) for function in self.functions)
        except Exception as error:
            raise InputError(f"a constraint failed for {dict(values)}: {type(error).__name__}: {error}") from error


def read_space(
    strategy: Strategy, grid: Mapping[str, Iterable[object]] | None, constraints: Sequence[Constraint] | str
) -> Space:
    """Return the space of a grid, checked before anything runs.

    A tuple of two or three numbers is a range: whole numbers where all are, in steps of 1 unless a third says otherwise; else
    any number between, or in steps. A `range`, and a list of evenly spaced numbers, is a range, too; any other list is choices.

    Raises
    ------
    InputError
        For an unknown name, an empty range, a constraint that can't be read, or a value that no combination could run with.
    """
    if grid is not None and not isinstance(grid, Mapping):
        raise InputError(f"a grid is a mapping of names to values; {_HOW}")
    ranges = {name: _tuple(name, given) for name, given in (grid or {}).items() if isinstance(given, tuple)}
    listed = (
        None if grid is None else {name: ranges[name].ends() if name in ranges else each for name, each in grid.items()}
    )
    levels = read_levels(strategy, listed)
    for name in CHOOSING:
        if name in levels:
            raise InputError(f"grid: {name} chooses other candles; optimise on each by itself, or sweep over {name}")
    axes = {name: ranges.get(name) or _axis(values) for name, values in levels.items()}
    combinations(strategy, {name: axis.ends() for name, axis in axes.items()})  # refuses unknown names and values
    known = {**strategy.parameters, **{name: values[0] for name, values in levels.items()}}
    given = [constraints] if isinstance(constraints, str) or callable(constraints) else list(constraints)
    texts = tuple(read_constraint(each, known) for each in given if isinstance(each, str))
    functions = tuple(each for each in given if not isinstance(each, str))
    for each in functions:
        if not callable(each):
            raise InputError(f"constraint {each!r} is neither a text such as 'fast < slow' nor a function")
    fixed = {name: value for name, value in strategy.parameters.items() if name not in levels}
    return Space({name: axes[name] for name in levels}, texts, functions, fixed)


def _tuple(name: str, given: tuple[Any, ...]) -> Range:
    numbers = all(
        isinstance(each, (int, float)) and not isinstance(each, bool) and math.isfinite(each) for each in given
    )
    if not numbers or len(given) not in (2, 3):
        raise InputError(f"grid: {name} = {given!r} is no range; {_HOW}")
    low, high = given[0], given[1]
    step = given[2] if len(given) == 3 else int(isinstance(low, int) and isinstance(high, int))
    if not low <= high:
        raise InputError(f"grid: {name} = {given!r} is empty: {low} is above {high}; {_HOW}")
    if len(given) == 3 and not step > 0:
        raise InputError(f"grid: {name} = {given!r}: a step must be above 0; {_HOW}")
    last = low + math.floor((high - low) / step + 1e-9) * step if step else high
    return Range(low, last, step)


def _axis(values: tuple[Value, ...]) -> Axis:
    """Return evenly spaced numbers as a range, which tells an optimiser what lies near what."""
    if len(values) < 2 or not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values):
        return Choices(values)
    ordered: list[Any] = sorted(values)
    steps = np.diff(np.array(ordered, np.float64))
    if all(isinstance(each, int) for each in ordered) and len(set(steps.tolist())) == 1:
        return Range(ordered[0], ordered[-1], ordered[1] - ordered[0])
    return Choices(values)
