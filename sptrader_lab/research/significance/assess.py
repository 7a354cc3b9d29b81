"""Assess: from the numbers that a sweep keeps of its trials to everything that can be said of its best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from sptrader_lab.errors import InputError
from sptrader_lab.research.significance.blocks import Floats, check
from sptrader_lab.research.significance.bootstrap import profit_factor_interval, sharpe_interval
from sptrader_lab.research.significance.deflated import deflated_sharpe, expected_maximum, planted_effect
from sptrader_lab.research.significance.findings import Finding, Significance
from sptrader_lab.research.significance.overfitting import backtest_overfitting
from sptrader_lab.research.significance.reality_check import reality_check
from sptrader_lab.research.significance.reshuffle import drawdown_distribution
from sptrader_lab.results.ratios import Moments, moments

#: Metrics that are read.
NEEDED: Final = ("sharpe_ratio", "skew", "kurtosis", "trading_days", "end_capital", "total_pnl")
#: Yearly Sharpe ratios of which is said whether this sweep would have found them.
EDGES: Final = (1.0, 2.0, 3.0)


def assess(
    metrics: Mapping[str, Any],
    blocks: Floats,
    returns: Sequence[Floats] = (),
    trades: Sequence[Floats] = (),
    *,
    days_per_year: int,
    trials: int,
    seed: int = 0,
) -> Significance:
    """Say what the best of many trials is worth.

    Parameters
    ----------
    metrics : mapping of name to array, shape (rows,)
        At least those of `NEEDED`, as `results.metrics` defines them; NaN for a trial that failed.
    blocks : numpy.ndarray, shape (rows, 16, 3)
        Count, sum and sum of squares of each trial's daily returns in 16 equal stretches of days; a memory map will do.
    returns : sequence of numpy.ndarray, each of shape (days,)
        Daily returns of the best few.
    trades : sequence of numpy.ndarray, each of shape (trades,)
        Profits of their closed trades in account money, in the order of exits.
    days_per_year : int
        252, or 365 for what trades every day.
    trials : int
        All that were tried: rows, and what failed or was pruned without leaving a row.
    seed : int
        The same inputs and seed give the same numbers.

    Returns
    -------
    Significance
        NaN where too little is there to say anything.

    Raises
    ------
    InputError
        When lengths do not fit each other, a metric lacks, or there are fewer trials than rows.
    """
    check(blocks)
    _fit(metrics, blocks, returns, trades, trials)
    ratios = np.asarray(metrics["sharpe_ratio"], np.float64) / math.sqrt(days_per_year)
    measured = np.flatnonzero(np.isfinite(ratios))
    best = _best(metrics, ratios, measured)
    deviation = _deviation(ratios[measured], best)
    others = _deviation(ratios[measured][ratios[measured] < best.mean], best)
    yearly = math.sqrt(days_per_year)
    capital = _capital(metrics)
    return Significance(
        trials=trials,
        measured=len(measured),
        days=best.days,
        days_per_year=days_per_year,
        best_sharpe=best.mean * yearly,
        expected_best=expected_maximum(trials, deviation) * yearly,
        deflated_sharpe=deflated_sharpe(best, trials=trials, deviation=deviation),
        reality_check=reality_check(blocks, np.asarray(metrics["skew"], np.float64), seed=seed),
        overfitting=backtest_overfitting(blocks, seed=seed),
        planted=tuple(
            planted_effect(edge, best, trials=trials, deviation=others, days_per_year=days_per_year) for edge in EDGES
        ),
        findings=tuple(
            Finding(
                deflated_sharpe(moments(daily), trials=trials, deviation=deviation),
                sharpe_interval(daily, days_per_year, seed=seed),
                profit_factor_interval(profits, seed=seed),
                drawdown_distribution(profits, capital, seed=seed),
            )
            for daily, profits in zip(map(_array, returns), map(_array, trades), strict=True)
        ),
        seed=seed,
    )


def _fit(
    metrics: Mapping[str, Any], blocks: Floats, returns: Sequence[Floats], trades: Sequence[Floats], trials: int
) -> None:
    lacking = [name for name in NEEDED if name not in metrics]
    if lacking:
        raise InputError(f"the metrics lack {', '.join(lacking)}")
    for name in NEEDED:
        if len(metrics[name]) != len(blocks):
            raise InputError(f"{name} has {len(metrics[name])} values, the block sums are of {len(blocks)} trials")
    if trials < len(blocks):
        raise InputError(
            f"trials={trials} is less than the {len(blocks)} trials given; failed and pruned ones count too"
        )
    if len(returns) != len(trades):
        raise InputError(
            f"daily returns of {len(returns)} trials and trades of {len(trades)}; give both of the best few"
        )


def _best(metrics: Mapping[str, Any], ratios: Floats, measured: np.ndarray[Any, Any]) -> Moments:
    """Return days, ratio (over a deviation of 1), skew and kurtosis of the trial with the best ratio."""
    if not len(measured):
        return Moments(0, math.nan, 1.0, math.nan, math.nan)
    row = int(measured[ratios[measured].argmax()])
    days, skew, excess = (float(metrics[name][row]) for name in ("trading_days", "skew", "kurtosis"))
    return Moments(int(days), float(ratios[row]), 1.0, skew, excess + 3.0)


def _deviation(ratios: Floats, best: Moments) -> float:
    """Return the spread of the trials' ratios; of a single one, what estimation alone would give."""
    if len(ratios) > 1:
        return float(ratios.std(ddof=1))
    return 1.0 / math.sqrt(best.days) if best.days else math.nan


def _capital(metrics: Mapping[str, Any]) -> float:
    capital = np.asarray(metrics["end_capital"], np.float64) - np.asarray(metrics["total_pnl"], np.float64)
    known = capital[np.isfinite(capital)]
    return float(np.median(known)) if len(known) else math.nan


def _array(values: Floats) -> Floats:
    return np.ascontiguousarray(values, np.float64)
