"""White's Reality Check: whether the best of these trials could be luck, however they resemble one another.

Source: White (2000), "A Reality Check for Data Snooping", Econometrica 68(5). The null hypothesis is that no trial has a
positive expected return; the statistic is the largest of the trials' means, here each divided by its own standard
deviation, because trials differ in leverage and time in the market (Hansen, 2005, "A Test for Superior Predictive
Ability", Journal of Business & Economic Statistics 23(4)). All trials are redrawn together, which keeps their resemblance.

Small-sample care, each step measured (docs/significance.md):

- White resamples days; a sweep keeps 16 blocks of days, and 16 blocks drawn with replacement vary too little. Instead each
  block's sign is drawn: where blocks are independent and symmetric around zero every sign is as likely as its
  opposite, so the reference is exact for any number of blocks (Fisher's randomisation; Wu's wild bootstrap, 1986).
- Student's t is turned into the normal score of the same probability.
- A mean over its own deviation comes out too high too often when returns are skewed to the side of losses. Hall's cubic
  transformation (1992, "On the Removal of Skewness by Transformation", JRSS B 54(1)) takes that out. To the other side it
  is left out: of fat-tailed returns the lucky trials are those that look skewed to wins, and it would lift them further.
- Trials that lost are moved up to a mean of zero, the edge of the null hypothesis, with residuals widened by
  sqrt(blocks / (blocks - 1)). Left where they are, their losses with the sign turned would pass for luck and hide an edge. Of a
  trial whose t-value is above 4 the excess is taken out, or a great edge would be measured against itself.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import norm, t

from sptrader_lab.research.significance.blocks import Floats, Slice, check, slices

DRAWS: Final = 2000
#: A t-value above this is no noise of one trial (1 in 30,000); its excess stays out of the reference.
BEYOND_NOISE: Final = 4.0
_TIE: Final = 1e-9
_LEAST: Final = 1e-300  # probability whose normal score, 37, is still a number to calculate with


class RealityCheck(NamedTuple):
    """Outcome of the test.

    Attributes
    ----------
    p_value : float
        Probability of a best at least this good if no trial had an edge; NaN where nothing could be tested.
    statistic : float
        Largest sqrt(days) x mean / standard deviation of daily returns as a normal score, transformed as said above; never
        below 0, the score of doing nothing.
    trials : int
        How many were tested: those that ran.
    """

    p_value: float
    statistic: float
    trials: int


def reality_check(blocks: Floats, skew: Floats, *, seed: int = 0) -> RealityCheck:
    """Test whether the best trial is better than luck.

    Parameters
    ----------
    blocks : numpy.ndarray, shape (trials, blocks, 3)
        Count, sum and sum of squares of daily returns; rows with NaN or without days are failed trials.
    skew : numpy.ndarray, shape (trials,)
        Skewness of each trial's daily returns; NaN counts as none.

    Returns
    -------
    RealityCheck
        The same for the same seed. Time grows with trials, memory does not.
    """
    check(blocks)
    generator = np.random.default_rng(seed)
    signs = generator.integers(0, 2, size=(blocks.shape[1], DRAWS)) * 2.0 - 1.0
    best, redrawn, tested = 0.0, np.zeros(DRAWS), 0
    for part in slices(blocks):
        scores = _scores(part)
        tested += len(scores)
        best = max(best, float(_normal(scores.sum(axis=1), part.days.sum(axis=1), skew[part.rows]).max()))
        np.maximum(redrawn, (_at_the_edge(scores) @ signs).max(axis=0), out=redrawn)
    if not tested:
        return RealityCheck(math.nan, math.nan, 0)
    as_good = int(np.count_nonzero(redrawn >= best * (1.0 - _TIE)))
    return RealityCheck((1 + as_good) / (1 + DRAWS), best, tested)


def _scores(part: Slice) -> Floats:
    """Return each block's share of a trial's t-value; zeros for a trial that never moved."""
    scale = part.deviation * np.sqrt(part.days.sum(axis=1))
    scores: Floats = np.divide(part.total, scale[:, None], out=np.zeros_like(part.total), where=scale[:, None] > 0)
    return scores


def _normal(value: Floats, days: Floats, skew: Floats) -> Floats:
    """Return t-values as normal scores without the lift that returns skewed to losses give them (Hall's g)."""
    score = np.copysign(norm.isf(np.maximum(t.sf(np.abs(value), days - 1.0), _LEAST)), value)
    lean = np.minimum(np.nan_to_num(skew), 0.0) / np.sqrt(days)
    return np.asarray(score + lean * score**2 / 3.0 + lean**2 * score**3 / 27.0 + lean / 6.0)


def _at_the_edge(scores: Floats) -> Floats:
    """Return the scores whose signs are drawn: losses moved up to zero, and what no noise explains taken out."""
    count = scores.shape[1]
    mean = scores.mean(axis=1, keepdims=True)
    risen = (scores - mean) * math.sqrt(count / (count - 1.0))
    return np.asarray(np.where(mean < 0, risen, scores - np.maximum(mean - BEYOND_NOISE / count, 0.0)))
