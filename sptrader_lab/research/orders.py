"""Orders: which end of a metric is the good one, who is best, who has good neighbours, and who is beaten by nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError, unknown
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.grid import CHOOSING
from sptrader_lab.research.levels import Levels
from sptrader_lab.research.sampling import Digits

Floats = NDArray[np.float64]

#: Metrics of which less is better; of all others more is.
LOWER: Final = frozenset(
    (
        "ambiguous_trades",
        "exposure",
        "kurtosis",
        "losing_trades",
        "max_drawdown",
        "max_drawdown_daily",
        "total_costs",
        "turnover",
        "volatility",
    )
)
_LARGEST: Final = 50_000_000


def check_metric(name: object) -> str:
    """Return the name of a metric that a sweep keeps.

    Raises
    ------
    InputError
        With the nearest one.
    """
    if name not in SUMMARY:
        raise InputError(unknown("metric of a sweep", str(name), SUMMARY))
    return str(name)


def goodness(name: str, values: Floats) -> Floats:
    """Return values of a metric turned so that more is better; undefined stays NaN."""
    return -values if name in LOWER else values


def ranked(good: Floats) -> NDArray[np.int64]:
    """Return the places of all defined values, the best first, the earlier of equals first."""
    order = np.argsort(-good, kind="stable")
    return order[: int(np.count_nonzero(~np.isnan(good)))]


def neighbourhoods(levels: Levels, digits: Digits, values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return for each cell of a grid the mean over itself and its neighbours, and how many values that is.

    Neighbours are the cells that differ by at most one step in every name, steps counted in the order of the values:
    eight for two names. Words, true and false, symbols and timeframes have no order, so neighbours are equal in them.
    Undefined values count for nothing; a cell that is undefined itself has no mean.

    Parameters
    ----------
    levels : mapping
        The values of each name.
    digits : numpy.ndarray of int64, shape (n, names)
        Where each value lies.
    values : numpy.ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        When the grid has more than 50 million cells.
    """
    shape = tuple(len(each) for each in levels.values())
    if np.prod(shape, dtype=np.float64) > _LARGEST:
        raise InputError(f"the grid has {np.prod(shape, dtype=np.float64):,.0f} cells, too many for its neighbourhoods")
    defined = np.isfinite(values)
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    ordered = [_place(name, each) for name, each in levels.items()]
    places = tuple(ranks[digits[:, axis]] for axis, (ranks, _) in enumerate(ordered))
    total[places], count[places] = np.where(defined, values, 0.0), defined
    for axis, (_, stepped) in enumerate(ordered):
        if stepped:
            total, count = _with_sides(total, axis), _with_sides(count, axis)
    found = count[places]
    with np.errstate(invalid="ignore"):
        return np.where(defined, total[places] / np.maximum(found, 1), np.nan), found


def unbeaten(columns: Sequence[Floats]) -> NDArray[np.int64]:
    """Return the places of which no other is as good in both columns and better in one, the best of the first first.

    More is better in each column; of equal pairs all stand.
    """
    first, second = columns
    defined = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    order = defined[np.lexsort((defined, -second[defined], -first[defined]))]
    found: list[int] = []
    best = -np.inf
    for place in order.tolist():
        same = bool(found) and (first[place], second[place]) == (first[found[-1]], second[found[-1]])
        if second[place] > best or same:
            found.append(place)
            best = second[place]
    return np.array(found, dtype=np.int64)


def _place(name: str, values: Sequence[Any]) -> tuple[NDArray[np.int64], bool]:
    """Return the rank of each value, and whether ranks mean steps."""
    stepped = name not in CHOOSING and not any(isinstance(value, (str, bool)) for value in values)
    if not stepped:
        return np.arange(len(values)), False
    return np.argsort(np.argsort(np.array(values, np.float64), kind="stable")), True


def _with_sides(cells: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return each cell's sum with its two neighbours along one axis."""
    found = cells.copy()
    ahead, behind = [slice(None)] * cells.ndim, [slice(None)] * cells.ndim
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    found[tuple(ahead)] += cells[tuple(behind)]
    found[tuple(behind)] += cells[tuple(ahead)]
    return found


def matching(levels: Levels, digits: Digits, fixed: Mapping[str, object]) -> NDArray[np.bool_]:
    """Say which rows have these values.

    Raises
    ------
    InputError
        When a name is not swept, or never takes the value.
    """
    held = np.ones(len(digits), np.bool_)
    names = list(levels)
    for given, value in fixed.items():
        name = given.removeprefix("parameters.")
        if name not in levels:
            raise InputError(unknown("swept name", given, levels))
        if value not in levels[name]:
            known = ", ".join(map(repr, levels[name][:20])) + (", ..." if len(levels[name]) > 20 else "")
            raise InputError(f"{name} = {value!r} was not tried; tried: {known}")
        held &= digits[:, names.index(name)] == levels[name].index(value)
    return held
