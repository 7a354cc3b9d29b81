"""Grid: from names and values to the combinations that a sweep tries, in a fixed order, without holding them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError, LabError, unknown
from sptrader_lab.research.constraints import Constraint, read_constraint
from sptrader_lab.research.levels import Levels, Value, as_array, read_levels
from sptrader_lab.research.sampling import Allowed, Digits, digits_of, every_cell, random_cells, sobol_cells
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy, check_override

Sample = Literal["grid", "random", "sobol"]
#: Names that choose candles instead of a value in the strategy.
CHOOSING: Final = ("symbol", "timeframe")

_SAMPLES: Final = ("grid", "random", "sobol")
_MOST_CHECKED: Final = 50


@dataclass(frozen=True, eq=False)
class Combinations:
    """What a sweep tries, in order; each combination is made when it is asked for.

    Attributes
    ----------
    levels : mapping of str to tuple
        Every name's values, in the order given.
    cells : numpy.ndarray of int64, or None
        Shape (n,): numbers of cells of the grid, the last name turning fastest. Shape (n, names): a position among the
        values of each name. None: every cell of the grid.
    """

    levels: Levels
    cells: NDArray[np.int64] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order given."""
        return tuple(self.levels)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values each name has."""
        return tuple(len(values) for values in self.levels.values())

    @property
    def sampled(self) -> bool:
        """Whether cells were drawn instead of taken all."""
        return self.cells is not None and self.cells.ndim == 2

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over names, values, which are tried and in which order."""
        kinds = {name: [[type(value).__name__, value] for value in values] for name, values in self.levels.items()}
        found = hashlib.sha256(json.dumps(kinds).encode())
        if self.cells is not None:
            found.update(str(self.cells.shape).encode() + np.ascontiguousarray(self.cells, "<i8").tobytes())
        return found.hexdigest()

    def __len__(self) -> int:
        return int(np.prod(self.sizes, dtype=np.int64)) if self.cells is None else len(self.cells)

    def __getitem__(self, number: int) -> dict[str, Value]:
        """Return one combination: every name with its value."""
        if not -len(self) <= number < len(self):
            raise IndexError(f"combination {number} of {len(self)}")
        row = self.digits([number % len(self)])[0]
        return {name: values[digit] for (name, values), digit in zip(self.levels.items(), row.tolist(), strict=True)}

    def __iter__(self) -> Iterator[dict[str, Value]]:
        for number in range(len(self)):
            yield self[number]

    def digits(self, numbers: Sequence[int] | NDArray[np.int64]) -> Digits:
        """Return the positions among the values of each name, shape (numbers, names)."""
        chosen = np.asarray(numbers, dtype=np.int64)
        if self.sampled and self.cells is not None:
            return self.cells[chosen]
        return digits_of(chosen if self.cells is None else self.cells[chosen], self.sizes)

    def columns(self, numbers: Sequence[int] | NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the values of some combinations as one column per name: numbers, booleans or words."""
        digits = self.digits(numbers)
        return {name: as_array(values)[digits[:, place]] for place, (name, values) in enumerate(self.levels.items())}

    def rows(self, numbers: Sequence[int] | NDArray[np.int64]) -> list[dict[str, Value]]:
        """Return some combinations."""
        values = list(self.levels.values())
        return [
            {name: values[place][digit] for place, (name, digit) in enumerate(zip(self.levels, row, strict=True))}
            for row in self.digits(numbers).tolist()
        ]

    def __repr__(self) -> str:
        inner = " x ".join(f"{name} ({size})" for name, size in zip(self.names, self.sizes, strict=True))
        return f"<Combinations {len(self):,} of {inner}>"


def combinations(
    strategy: Strategy | str | Path,
    grid: Mapping[str, Iterable[object]] | None = None,
    *,
    constraints: Sequence[Constraint] | str = (),
    sample: Sample = "grid",
    n: int | None = None,
    seed: int = 0,
) -> Combinations:
    """Return the combinations that a sweep of `grid` would try, checked before anything runs.

    Parameters
    ----------
    strategy : Strategy, str or Path
    grid : mapping of str to values, optional
        A plain name is one of the strategy's `parameters`; a dotted one the place of a value in the YAML, such as
        ``execution.slippage`` or ``indicators.fast.period``; ``symbol`` and ``timeframe`` choose candles. The strategy's
        `backtest.optimization` unless given.
    constraints : sequence of str or callable
        Such as ``"ma_fast_period < ma_slow_period"``: comparisons of names, of the grid or of the strategy's
        `parameters`, and numbers, with + - * /. A callable is given the combination and says whether it may be tried.
    sample : {"grid", "random", "sobol"}
        All cells, the last name turning fastest; or `n` different ones, drawn by chance or along a Sobol sequence.
    n, seed : int
        Of a sample: how many, and where its draw begins.

    Raises
    ------
    InputError
        For an unknown name, an empty range, a constraint that can't be read or lets nothing through, or a value that no
        combination could run with.
    """
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    if sample not in _SAMPLES:
        raise InputError(unknown("sample", str(sample), _SAMPLES))
    if (n is not None) != (sample != "grid"):
        raise InputError("n says how many to draw: give it with sample='random' or 'sobol', and with no other")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise InputError(f"n={n!r} must be a whole number of combinations, at least 1")
    levels = read_levels(loaded, grid)
    _check_names(loaded, levels)
    given = [constraints] if isinstance(constraints, str) or callable(constraints) else list(constraints)
    found = _chosen(levels, _allowed(loaded, levels, given), sample, n, seed)
    if not len(found):
        raise InputError(
            f"no combination fulfils {' and '.join(map(str, given))}; the grid has {np.prod(found.sizes):,}"
        )
    _check_values(loaded, found)
    return found


def _chosen(levels: Levels, allowed: Allowed | None, sample: Sample, n: int | None, seed: int) -> Combinations:
    sizes = [len(values) for values in levels.values()]
    if n is None:
        return Combinations(levels, every_cell(sizes, allowed))
    draw = random_cells if sample == "random" else sobol_cells
    return Combinations(levels, draw(sizes, allowed, n, seed))


def _allowed(strategy: Strategy, levels: Levels, constraints: Sequence[Constraint]) -> Allowed | None:
    """Return what says for rows of digits whether every constraint holds."""
    if not constraints:
        return None
    fixed = {name: value for name, value in strategy.parameters.items() if name not in levels}
    known = {**fixed, **{name: values[0] for name, values in levels.items()}}
    texts = [read_constraint(text, known) for text in constraints if isinstance(text, str)]
    functions = [one for one in constraints if not isinstance(one, str)]
    for one in functions:
        if not callable(one):
            raise InputError(f"constraint {one!r} is neither a text such as 'fast < slow' nor a function")

    def allowed(digits: Digits) -> NDArray[np.bool_]:
        drawn = Combinations(levels, digits)
        every = np.arange(len(digits))
        columns: dict[str, Any] = {**fixed, **drawn.columns(every)}
        held = np.ones(len(digits), np.bool_)
        for text in texts:
            held &= text.holds(columns)
        for one in functions:
            rows = np.flatnonzero(held)
            held[rows] = [_asked(one, row) for row in drawn.rows(rows)]
        return held

    return allowed


def _asked(function: Callable[[Mapping[str, Any]], object], combination: dict[str, Value]) -> bool:
    try:
        return bool(function(combination))
    except Exception as error:
        name = getattr(function, "__name__", repr(function))
        raise InputError(f"constraint {name} failed for {combination}: {type(error).__name__}: {error}") from error


def _check_names(strategy: Strategy, levels: Levels) -> None:
    for name in levels:
        if "." not in name and name not in CHOOSING:
            check_override(strategy, name)


def _check_values(strategy: Strategy, found: Combinations) -> None:
    """Refuse a value that breaks a rule of its place: with the other values of the file, and in combinations that hold it."""
    for place, (name, values) in enumerate(found.levels.items()):
        if name in CHOOSING:
            continue
        for digit in _spread(len(values)):
            try:
                strategy.with_values({name: values[digit]})
            except LabError as error:
                if not _any_runs(strategy, found, place, digit):
                    raise InputError(f"grid: {name} = {values[digit]!r} can't be tried: {error}") from error


def _any_runs(strategy: Strategy, found: Combinations, place: int, digit: int) -> bool:
    """Say whether a value that does not go with the file's others goes with some that it is tried with."""
    numbers = np.arange(len(found))
    if len(numbers) > 1_000_000:  # a sample shows as well whether it goes with any
        numbers = np.unique(np.linspace(0, len(found) - 1, 1_000_000).astype(np.int64))
    holding = numbers[found.digits(numbers)[:, place] == digit]
    for number in holding[np.unique(np.linspace(0, len(holding) - 1, min(8, len(holding))).astype(np.int64))]:
        try:
            strategy.with_values(strategy_values(found[int(number)]))
        except LabError:
            continue
        return True
    return not len(holding)  # a value that no combination holds harms none


def strategy_values(combination: Mapping[str, Value]) -> dict[str, Value]:
    """Return a combination without the names that choose candles."""
    return {name: value for name, value in combination.items() if name not in CHOOSING}


def _spread(count: int) -> list[int]:
    """Return positions from the first to the last, evenly spread, at most fifty."""
    return sorted(set(np.linspace(0, count - 1, min(count, _MOST_CHECKED)).round().astype(int).tolist()))
