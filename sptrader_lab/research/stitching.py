"""Stitching: tests behind each other as one account, by compounding their returns, so that no border shows as a jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.errors import RunError
from sptrader_lab.results import ratios
from sptrader_lab.results.metrics import day_marks
from sptrader_lab.results.result import Result

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stitched:
    """Several tests as one.

    Attributes
    ----------
    equity : pandas.Series
        At each closing instant, account money of an account that began with `capital`.
    daily_returns : pandas.Series
        At the day ends.
    capital : float
    days_per_year : int
    metrics : dict
        Of equity and daily returns, and of all trades; names and meanings as in `results.metrics.METRICS`.
    """

    equity: pd.Series[float]
    daily_returns: pd.Series[float]
    capital: float
    days_per_year: int
    metrics: dict[str, float]


def stitch(tests: Sequence[tuple[Result | None, NDArray[np.int64]]], begin: int) -> Stitched:
    """Put tests behind each other.

    Parameters
    ----------
    tests : sequence of (Result or None, closing instants)
        In order of time. The instants stand for a test in which nothing was traded, of which there is no result.
    begin : int
        Opening instant of the first candle, ns UTC.

    Raises
    ------
    RunError
        When nothing was traded in any of them.
    """
    results = [result for result, _ in tests if result is not None]
    if not results:
        raise RunError("no combination has a value of the objective in any training; nothing was tested")
    capital, day_end, year = results[0].capital, results[0].day_end, results[0].days_per_year
    times, levels, grown = [], [], 1.0
    for result, closes in tests:
        time = closes if result is None else result.outcome.time
        level = np.ones(len(time)) if result is None else result.outcome.equity / capital
        times.append(time)
        levels.append(grown * level)
        grown *= float(level[-1]) if len(level) else 1.0
    time, equity = np.concatenate(times), capital * np.concatenate(levels)
    marks = day_marks(time, day_end)
    returns = ratios.daily_returns(equity[marks.step], capital)
    profits = np.concatenate([np.asarray(result.outcome.trades.pnl, np.float64) for result in results])
    elapsed = int(time[-1]) - begin
    return Stitched(
        pd.Series(equity, _index(time, "time"), name="equity"),
        pd.Series(returns, _index(marks.end, "day_end"), name="daily_return"),
        capital,
        year,
        {**_growth(equity, equity[marks.step], capital, elapsed), **_returns(returns, year), **_trades(profits)},
    )


def _growth(equity: Floats, daily: Floats, capital: float, elapsed: int) -> dict[str, float]:
    growth = float(equity[-1] / capital)
    fall = float(ratios.drawdowns(daily, capital).max())
    cagr = ratios.cagr(growth, elapsed)
    return {
        "end_capital": float(equity[-1]),
        "total_return": growth - 1.0,
        "cagr": cagr,
        "max_drawdown": float(ratios.drawdowns(equity, capital).max()),
        "max_drawdown_daily": fall,
        "calmar_ratio": ratios.quotient(cagr, fall),
    }


def _returns(returns: Floats, year: int) -> dict[str, float]:
    defined = returns[~np.isnan(returns)]
    moment = ratios.moments(defined)
    return {
        "volatility": moment.deviation * year**0.5,
        "sharpe_ratio": ratios.sharpe(moment, year),
        "sortino_ratio": ratios.sortino(defined, year),
        "probabilistic_sharpe_ratio": ratios.probabilistic_sharpe(moment),
        "trading_days": float(len(returns)),
    }


def _trades(profits: Floats) -> dict[str, float]:
    won, lost = profits[profits > 0], profits[profits < 0]
    return {
        "total_trades": float(len(profits)),
        "win_rate": ratios.quotient(len(won), len(profits)),
        "profit_factor": ratios.quotient(float(won.sum()), -float(lost.sum())),
    }


def _index(time: NDArray[np.int64], name: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time.view("datetime64[ns]"), tz="UTC", name=name)
