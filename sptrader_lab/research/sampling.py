"""Sampling: which cells of a grid are tried, as digits: one position per name into the list of its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError

Digits: TypeAlias = NDArray[np.int64]
#: Says for each row of digits whether it may be tried.
Allowed: TypeAlias = Callable[[Digits], NDArray[np.bool_]]

#: Grids up to this size are listed in full; of larger ones samples are drawn cell by cell.
LISTED: Final = 4_000_000
_LARGEST: Final = 200_000_000
_CHUNK: Final = 1 << 18
#: A draw that keeps fewer than one cell in so many is given up.
_PATIENCE: Final = 10_000


def every_cell(sizes: Sequence[int], allowed: Allowed | None) -> NDArray[np.int64] | None:
    """Return the numbers of all cells that are allowed, ascending; None for all of them.

    Raises
    ------
    InputError
        When there are more than 200 million.
    """
    count = math.prod(sizes)
    if count > _LARGEST:
        raise InputError(
            f"the grid has {count:,} combinations, more than {_LARGEST:,}; draw some: sample='random', n=..."
        )
    if allowed is None:
        return None
    parts = []
    for start in range(0, count, _CHUNK):
        cells = np.arange(start, min(start + _CHUNK, count), dtype=np.int64)
        parts.append(cells[allowed(digits_of(cells, sizes))])
    return np.concatenate(parts)


def digits_of(cells: NDArray[np.int64], sizes: Sequence[int]) -> Digits:
    """Return the digits of cells by number; the last name turns fastest."""
    return np.stack(np.unravel_index(cells, tuple(sizes)), axis=1).astype(np.int64)


def random_cells(sizes: Sequence[int], allowed: Allowed | None, n: int, seed: int) -> Digits:
    """Draw `n` different cells, each as likely as any other.

    Raises
    ------
    InputError
        When there are not as many.
    """
    random = np.random.default_rng(seed)
    count = math.prod(sizes)
    if count <= LISTED:
        cells = every_cell(sizes, allowed)
        there = count if cells is None else len(cells)
        if n > there:
            raise _too_few(n, there)
        picked = random.choice(there, size=n, replace=False)
        return digits_of(picked.astype(np.int64) if cells is None else cells[picked], sizes)
    return _distinct(lambda rows: random.integers(0, sizes, size=(rows, len(sizes))), allowed, n)


def sobol_cells(sizes: Sequence[int], allowed: Allowed | None, n: int, seed: int) -> Digits:
    """Draw `n` different cells along a scrambled Sobol sequence, which leaves no large region empty.

    Raises
    ------
    InputError
        When there are not as many.
    """
    from scipy.stats import qmc

    count = math.prod(sizes)
    if count <= LISTED:
        cells = every_cell(sizes, allowed)
        there = count if cells is None else len(cells)
        if n > there:
            raise _too_few(n, there)
    sequence = qmc.Sobol(len(sizes), scramble=True, rng=np.random.default_rng(seed), bits=62)
    widths = np.array(sizes, dtype=np.float64)

    def draw(rows: int) -> Digits:
        power = 1 << (rows - 1).bit_length()  # the sequence is balanced only in powers of two
        return np.asarray(np.minimum((sequence.random(power) * widths).astype(np.int64), widths.astype(np.int64) - 1))

    return _distinct(draw, allowed, n)


def _distinct(draw: Callable[[int], Any], allowed: Allowed | None, n: int) -> Digits:
    """Draw until there are `n` different allowed rows, in the order of the draw."""
    found: dict[bytes, None] = {}
    kept: list[Digits] = []
    drawn = 0
    while len(found) < n:
        rows: Digits = np.ascontiguousarray(draw(max(n, 256)), dtype=np.int64)
        drawn += len(rows)
        for row in rows if allowed is None else rows[allowed(rows)]:
            if len(found) == n:
                break
            key = row.tobytes()
            if key not in found:
                found[key] = None
                kept.append(row)
        if drawn > _PATIENCE * (len(found) + 256):
            raise InputError(
                f"{drawn:,} draws found {len(found):,} of the {n:,} combinations asked for; ask for fewer, or loosen the constraints"
            )
    return np.array(kept, dtype=np.int64)


def _too_few(n: int, there: int) -> InputError:
    return InputError(
        f"n={n:,} combinations asked for, and the grid has {there:,}; ask for fewer, or take sample='grid'"
    )
