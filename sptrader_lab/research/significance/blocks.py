"""Block sums: count, sum and sum of squares of a trial's daily returns in equal stretches of days.

They are all that the tests over trials need, so a sweep keeps 16 x 3 numbers of each trial and no equity. The array may
be a memory map: it is read in slices of trials and never copied whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError

Floats = NDArray[np.float64]

#: Trials looked at together: a slice and its products with some thousand columns stay within the caches' reach.
CHUNK: Final = 1024
#: Fewer days in a block have no variance to speak of, so the tests over blocks answer NaN.
FEWEST_DAYS: Final = 2
#: Variance below this share of the mean square is rounding of the sums that it is computed from.
_ROUNDING: Final = 1e-12


class Slice(NamedTuple):
    """Some trials: their rows, and days, and daily returns' sums and sums of squares, each of shape (trials, blocks)."""

    rows: NDArray[np.intp]
    days: Floats
    total: Floats
    squares: Floats

    @property
    def deviation(self) -> Floats:
        """Standard deviation (ddof=1) of each trial's daily returns over all blocks; 0 without variance."""
        days, total, squares = (each.sum(axis=1) for each in (self.days, self.total, self.squares))
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = (squares - total * total / days) / (days - 1.0)
            sound = variance > _ROUNDING * squares / days
        return np.sqrt(np.where(sound, variance, 0.0))


def slices(blocks: Floats) -> Iterator[Slice]:
    """Yield the trials that are whole and have days enough in every block, some at a time, in their order.

    Parameters
    ----------
    blocks : numpy.ndarray, shape (trials, blocks, 3)
        NaN, or blocks without days, mark a trial that failed: it is passed over.
    """
    for start in range(0, len(blocks), CHUNK):
        part = np.asarray(blocks[start : start + CHUNK], np.float64)
        rows = np.flatnonzero(whole(part))
        if len(rows):
            yield Slice(start + rows, part[rows, :, 0], part[rows, :, 1], part[rows, :, 2])


def whole(blocks: Floats) -> NDArray[np.bool_]:
    """Say of each trial whether all of its sums are numbers and every block has `FEWEST_DAYS`."""
    finite = np.isfinite(blocks).all(axis=(1, 2))
    return np.asarray(finite & (blocks[:, :, 0] >= FEWEST_DAYS).all(axis=1))


def check(blocks: Floats) -> None:
    """Refuse what is not an array of block sums.

    Raises
    ------
    InputError
        When the shape is not (trials, an even number of blocks, 3).
    """
    if blocks.ndim != 3 or blocks.shape[2] != 3 or blocks.shape[1] % 2 or not blocks.shape[1]:
        raise InputError(
            f"block sums have shape {blocks.shape}; they are (trials, an even number of blocks, 3): "
            "count, sum and sum of squares of the daily returns"
        )


def block_sums(returns: Floats, count: int = 16) -> Floats:
    """Return count, sum and sum of squares of daily returns in `count` equal stretches.

    Parameters
    ----------
    returns : numpy.ndarray, shape (..., days)
        Where the days do not divide evenly, some stretches are a day longer. NaN days are left out.

    Returns
    -------
    numpy.ndarray, shape (..., count, 3)
    """
    edges = np.arange(count + 1) * returns.shape[-1] // count
    known = np.isfinite(returns)
    filled = np.where(known, returns, 0.0)
    found = np.empty((*returns.shape[:-1], count, 3))
    for piece in range(count):
        part = (..., slice(edges[piece], edges[piece + 1]))
        found[..., piece, 0] = known[part].sum(axis=-1)
        found[..., piece, 1] = filled[part].sum(axis=-1)
        found[..., piece, 2] = np.square(filled[part]).sum(axis=-1)
    return found
