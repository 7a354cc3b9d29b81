"""Splits: days in groups, every way of testing some and training on the others, and the paths that the tests make up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations as subsets
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError
from sptrader_lab.research.stretches import Stretch, Timeline
from sptrader_lab.results.metrics import day_marks

Floats = NDArray[np.float64]

# Deviations of daily returns below this are rounding, see `results.ratios`.
_ROUNDING: Final = 1e-13


class Split(NamedTuple):
    """One way to divide the groups.

    Attributes
    ----------
    tested : tuple of int
        The groups that are tested.
    trained : tuple of Stretch
        What is chosen on, purge and embargo taken off.
    """

    tested: tuple[int, ...]
    trained: tuple[Stretch, ...]


def day_groups(line: Timeline, count: int) -> tuple[Stretch, ...]:
    """Cut a timeline into `count` groups of as equally many trading days as can be.

    Raises
    ------
    InputError
        When there are fewer days.
    """
    day_end = line.candles[0].day_end
    marks = day_marks(line.opens + 1, day_end)  # what opens at a day's end is of the next day
    if len(marks.step) < count:
        raise InputError(f"groups={count} of {len(marks.step)} trading days; give fewer groups, or more candles")
    lasts = [int(part[-1]) + 1 for part in np.array_split(marks.step, count)]
    return tuple(Stretch(first, last) for first, last in zip([0, *lasts[:-1]], lasts, strict=True))


def splits_of(groups: Sequence[Stretch], tests: int, *, purge: int, embargo: int) -> tuple[Split, ...]:
    """Return every way of testing `tests` of the groups, with what is left to train on.

    Raises
    ------
    InputError
        When purge and embargo leave nothing of a group.
    """
    found = []
    for tested in subsets(range(len(groups)), tests):
        trained = []
        for place, (first, last) in enumerate(groups):
            if place in tested:
                continue
            cut = Stretch(first + (embargo if place - 1 in tested else 0), last - (purge if place + 1 in tested else 0))
            if not cut:
                raise InputError(
                    f"a purge of {purge:,} candles (at least the longest holding) and an embargo of {embargo:,} leave nothing of a "
                    f"group of {last - first:,}; take fewer groups, or bound the holding with max_holding_period"
                )
            trained.append(cut)
        found.append(Split(tested, tuple(trained)))
    return tuple(found)


def paths_of(splits: Sequence[Split], groups: int) -> NDArray[np.int64]:
    """Return for every path and group the split that tests it, shape (paths, groups): path j takes a group's j-th test."""
    testing = [[number for number, split in enumerate(splits) if group in split.tested] for group in range(groups)]
    return np.array(testing, np.int64).T


def pooled(sums: Floats, objective: str, days_per_year: int) -> Floats:
    """Return the objective of daily returns from their count, sum and sum of squares, shape (combinations, 3); NaN if undefined."""
    count, total, squares = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        if objective == "mean_return":
            return np.where(count > 0, mean, np.nan)
        deviation = np.sqrt(np.maximum(squares - count * mean * mean, 0.0) / (count - 1))
        # Sums of squares round where they cancel: what is left of equal returns must not count as a deviation.
        defined = (count > 1) & (deviation > np.maximum(_ROUNDING, 1e-7 * np.abs(mean)))
        return np.where(defined, mean / deviation * math.sqrt(days_per_year), np.nan)
