"""Findings: everything that the tests say about a sweep, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from sptrader_lab.research.significance import verdict
from sptrader_lab.research.significance.bootstrap import Interval
from sptrader_lab.research.significance.deflated import Planted
from sptrader_lab.research.significance.overfitting import Overfitting
from sptrader_lab.research.significance.reality_check import RealityCheck
from sptrader_lab.research.significance.reshuffle import Drawdowns


@dataclass(frozen=True)
class Finding:
    """What one of the best trials could have been otherwise.

    Attributes
    ----------
    deflated_sharpe : float
        Probability that its true ratio is above what luck alone would have made the best of all trials.
    sharpe, profit_factor : Interval
        Of daily returns, per year, and of trades; conditional on the selection.
    drawdowns : Drawdowns
        Under random orders of its trades.
    """

    deflated_sharpe: float
    sharpe: Interval
    profit_factor: Interval
    drawdowns: Drawdowns


@dataclass(frozen=True)
class Significance:
    """What the best of a sweep is worth. Printing it says so in sentences.

    Attributes
    ----------
    trials : int
        All that were tried, the failed and the pruned ones too.
    measured : int
        Those of them with a Sharpe ratio.
    days, days_per_year : int
        Daily returns of the trial with the best ratio; days in a year.
    best_sharpe : float
        Highest of all, per year.
    expected_best : float
        What the best of as many trials without an edge is expected to show, per year.
    deflated_sharpe : float
        Probability that the true ratio of the best is above `expected_best`.
    reality_check : RealityCheck
    overfitting : Overfitting
    planted : tuple of Planted
        What this sweep would have shown of real edges.
    findings : tuple of Finding
        Of the best few, in the order in which they were given.
    seed : int
        What everything random was drawn with.
    """

    trials: int
    measured: int
    days: int
    days_per_year: int
    best_sharpe: float
    expected_best: float
    deflated_sharpe: float
    reality_check: RealityCheck
    overfitting: Overfitting
    planted: tuple[Planted, ...]
    findings: tuple[Finding, ...]
    seed: int

    @property
    def sentences(self) -> list[str]:
        """What the numbers mean and what they do not, one paragraph each."""
        return verdict.sentences(self)

    def __str__(self) -> str:
        return "\n".join(self.sentences)
