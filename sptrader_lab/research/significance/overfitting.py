"""Probability of backtest overfitting: how what is best on one half of the days fares on the other.

Source: Bailey, Borwein, Lopez de Prado and Zhu (2015), "The Probability of Backtest Overfitting", Journal of Computational
Finance 20(4): combinatorially symmetric cross-validation. The days are cut into blocks, and every way of taking half of
the blocks is tried: the trial with the best Sharpe ratio there is ranked among all trials on the other half.

A block's count, sum and sum of squares add up, so a half's ratios are a matrix product. The comparison needs no ratio,
only something that orders the same: sum x |sum| / (days x sum of squares), which is s / (1 + s) for the square s of the
ratio, with its sign. Equal trials share the mean of their ranks, and equal means to 1e-9, since sums of many days round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from sptrader_lab.research.significance.blocks import Floats, check, whole

#: Above this number a seeded sample of the trials is taken: each split ranks all of them.
MOST_TRIALS: Final = 100_000
#: Trials and halves computed together, small enough for the caches and for BLAS to stay in one thread; the scores of a
#: group of halves are kept for all trials.
_COLUMNS: Final = 1024
_HALVES: Final = 8
_TIE: Final = 1e-9
_LEAST_NOISE: Final = 1e-15  # equal returns on every day of a half have no finite ratio


class Overfitting(NamedTuple):
    """What became of the best.

    Attributes
    ----------
    probability : float
        PBO: share of splits in which the best of one half ranked below the median on the other half; a rank right at the
        median counts a half. NaN with fewer than two trials or too few days.
    loss_probability : float
        Share of splits in which the best of one half lost on the other.
    in_sample, out_of_sample : float
        Median Sharpe ratio (per day, ddof=0) of the best, on its half and on the other.
    splits, trials : int
        How many were looked at.
    """

    probability: float
    loss_probability: float
    in_sample: float
    out_of_sample: float
    splits: int
    trials: int


def backtest_overfitting(blocks: Floats, *, seed: int = 0) -> Overfitting:
    """Return the probability of backtest overfitting and what goes with it.

    Parameters
    ----------
    blocks : numpy.ndarray, shape (trials, blocks, 3)
        Count, sum and sum of squares of daily returns; rows with NaN or without days are failed trials and left out.
        Blocks of the same number are the same days of every trial.
    seed : int
        Draws the sample when there are more than `MOST_TRIALS`.

    Returns
    -------
    Overfitting
        A trial without trades in a half scores 0 there. Where several are best, the first counts.
    """
    check(blocks)
    chosen = _chosen(blocks, seed)
    trials, pieces = len(chosen), chosen.shape[1]
    if trials < 2:
        return Overfitting(math.nan, math.nan, math.nan, math.nan, 0, trials)
    found = [each for scores in _halves(chosen) for each in _outcomes(scores)]
    below, inside, outside = np.array(found).T
    return Overfitting(
        float(below.mean()),
        float((outside < 0).mean()),
        float(np.median(_ratios(inside))),
        float(np.median(_ratios(outside))),
        math.comb(pieces, pieces // 2),
        trials,
    )


def _chosen(blocks: Floats, seed: int) -> Floats:
    """Return the whole trials, or a sample of them in their order."""
    steps = range(0, len(blocks), MOST_TRIALS)
    usable = [start + np.flatnonzero(whole(np.asarray(blocks[start : start + MOST_TRIALS]))) for start in steps]
    rows = np.concatenate(usable) if usable else np.empty(0, np.intp)
    if len(rows) > MOST_TRIALS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_TRIALS, replace=False))
    return np.asarray(blocks[rows], np.float64)


def _halves(blocks: Floats) -> Iterator[Floats]:
    """Yield scores of shape (2 x halves, trials): some halves of the days, then what each of them leaves out."""
    pieces, trials = blocks.shape[1], len(blocks)
    starts = range(0, trials, _COLUMNS)
    parts = [np.ascontiguousarray(blocks[start : start + _COLUMNS].transpose(2, 1, 0)) for start in starts]
    for part in parts:
        part[2] += np.finfo(np.float64).tiny  # a trial that never moved scores 0 / tiny
    # The half that holds the first block and its opposite cover every split once.
    halves = [(0, *rest) for rest in combinations(range(1, pieces), pieces // 2 - 1)]
    for first in range(0, len(halves), _HALVES):
        group = halves[first : first + _HALVES]
        taken = np.zeros((len(group), pieces))
        for row, half in zip(taken, group, strict=True):
            row[list(half)] = 1.0
        taken = np.concatenate((taken, 1.0 - taken))
        scores = np.empty((len(taken), trials))
        for start, part in zip(starts, parts, strict=True):
            scores[:, start : start + _COLUMNS] = _scores(taken @ part[0], taken @ part[1], taken @ part[2])
        yield scores


def _scores(days: Floats, total: Floats, squares: Floats) -> Floats:
    np.multiply(days, squares, out=squares)
    np.multiply(np.abs(total), total, out=total)
    return np.divide(total, squares, out=total)


def _outcomes(scores: Floats) -> Iterator[tuple[float, float, float]]:
    """Yield for each half and its opposite: below the median there (1, 0, or 1/2 right at it), score here, score there."""
    halves = len(scores) // 2
    for here in range(2 * halves):
        there = scores[(here + halves) % (2 * halves)]
        best = int(scores[here].argmax())
        value = float(there[best])
        margin = _TIE * abs(value)
        under, over = np.count_nonzero(there < value - margin), np.count_nonzero(there > value + margin)
        # The midrank is under + (tied + 1) / 2; it lies below the median (trials + 1) / 2 when fewer are under than over.
        below = 0.5 if under == over else float(under < over)
        yield below, float(scores[here, best]), value


def _ratios(scores: Floats) -> Floats:
    share = np.minimum(np.abs(scores), 1.0 - _LEAST_NOISE)
    return np.asarray(np.copysign(np.sqrt(share / (1.0 - share)), scores))
