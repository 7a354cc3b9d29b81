"""Summary: what one run comes to, straight from its journal, for sweeps that keep nothing else.

The formulas are those of `results.metrics` and `results.ratios`, and sums are added up in numpy's order, so that a row of a sweep
and the metrics of the same backtest are the same numbers.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.kernel.compile import compiled
from sptrader_lab.kernel.state import FILLS, STEPS, TRADES, Journal
from sptrader_lab.types.calendar import DAY

Floats = NDArray[np.float64]

#: What a summary holds, in this order; all of them are names of `results.metrics.METRICS`.
SUMMARY: Final = (
    "end_capital", "total_pnl", "total_return", "cagr",
    "sharpe_ratio", "sortino_ratio", "calmar_ratio", "volatility", "max_drawdown", "max_drawdown_daily",
    "total_trades", "winning_trades", "losing_trades", "win_rate", "profit_factor", "expectancy",
    "average_win", "average_loss", "payoff_ratio", "best_trade", "worst_trade", "sqn",
    "exposure", "turnover", "total_costs", "skew", "kurtosis", "trading_days", "ambiguous_trades",
)  # fmt: skip
#: Stretches of days whose returns are summed up apart, for tests of overfitting, and what is kept of each.
BLOCKS: Final = 16
BLOCK_SUMS: Final = ("count", "sum", "sum of squares")

# Deviations of daily returns below this are rounding, see `results.ratios`.
_ROUNDING: Final = 1e-13
_YEAR: Final = 365.25 * DAY
# numpy adds up to so many numbers in eight columns, and halves what is longer.
_PAIRWISE: Final = 128


class Yardstick(NamedTuple):
    """What all runs over the same candles are measured by.

    Attributes
    ----------
    day_steps : numpy.ndarray of int64, shape (days,)
        The last step of each trading day (S16).
    elapsed : int
        From the first candle's open to the last step, ns; 0 without steps.
    days_per_year : int
        252, or 365 for what trades every day.
    multipliers : numpy.ndarray of float64, shape (symbols,)
        Account value of a price move of 1 per unit.
    """

    day_steps: NDArray[np.int64]
    elapsed: int
    days_per_year: int
    multipliers: Floats


@compiled
def summarise(
    journal: Journal, capital: float, max_drawdown: float, yardstick: Yardstick, row: Floats, blocks: Floats
) -> None:
    """Write the summary of a finished run to `row`, shape (len(SUMMARY),), and its blocks to `blocks`, shape (BLOCKS, 3).

    Parameters
    ----------
    capital : float
        Equity before the first step.
    max_drawdown : float
        The deepest of every bar, as the account kept it.

    Counts are whole numbers, undefined is NaN. A block holds count, sum and sum of squares of the daily returns that are defined
    in one of sixteen equal stretches of the trading days.
    """
    steps = journal.used[STEPS]
    equity = journal.equity[yardstick.day_steps]
    returns = _daily_returns(equity, capital)
    end = equity[-1] if steps else capital
    deviation, sharpe, skew, kurtosis = _moments(returns)
    annual = math.sqrt(yardstick.days_per_year)
    growth = _cagr(end / capital, yardstick.elapsed)
    deepest = _deepest(equity, capital)
    trades, wins, losses, gain, loss, total, best, worst, quality, ambiguous = _trades(journal)
    average_win, average_loss = _quotient(gain, wins), _quotient(loss, losses)
    traded, costs = _fills(journal, yardstick.multipliers)
    turned = _quotient(traded, _sum(equity) / len(equity)) if steps else math.nan
    held = 0
    for step in range(steps):
        held += journal.exposure[step] > 0.0
    found = (
        end, end - capital, (end - capital) / capital, growth,
        sharpe * annual, _sortino(returns) * annual, _quotient(growth, deepest), deviation * annual,
        max_drawdown if steps else math.nan, deepest,
        trades, wins, losses, _quotient(wins, trades), _quotient(gain, -loss), _quotient(total, trades),
        average_win, average_loss, _quotient(average_win, -average_loss), best, worst, quality,
        _quotient(float(held), float(steps)), _quotient(turned, yardstick.elapsed / _YEAR), costs,
        skew, kurtosis - 3.0, float(len(returns)), ambiguous,
    )  # fmt: skip
    for place in range(len(found)):
        row[place] = found[place]
    _blocks(returns, blocks)


@compiled
def _trades(journal: Journal) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    """Return number, wins, losses, sums of wins, of losses and of all, best, worst, quality number, ambiguous ones."""
    count = journal.used[TRADES]
    pnl, won, lost = np.empty(count), np.empty(count), np.empty(count)
    wins, losses, ambiguous, best, worst = 0, 0, 0, -math.inf, math.inf
    for place in range(count):
        profit = journal.trades[place].pnl
        pnl[place] = profit
        ambiguous += journal.trades[place].ambiguous != 0
        best, worst = max(best, profit), min(worst, profit)
        if profit > 0.0:
            won[wins] = profit
            wins += 1
        elif profit < 0.0:
            lost[losses] = profit
            losses += 1
    if not count:
        best = worst = math.nan
    gain, loss, total = _sum(won[:wins]), _sum(lost[:losses]), _sum(pnl)
    quality = _quality(pnl, total, max(abs(best), abs(worst)))
    return float(count), float(wins), float(losses), gain, loss, total, best, worst, quality, float(ambiguous)


@compiled
def _quality(pnl: Floats, total: float, largest: float) -> float:
    """Return sqrt(n) x mean / std(ddof=1) of the trades' profits."""
    count = len(pnl)
    if count < 2:
        return math.nan
    mean = total / count
    squares = np.empty(count)
    for place in range(count):
        away = pnl[place] - mean
        squares[place] = away * away
    deviation = math.sqrt(_sum(squares) / (count - 1))
    return _quotient(math.sqrt(count) * mean, deviation if deviation > _ROUNDING * largest else 0.0)


@compiled
def _fills(journal: Journal, multipliers: Floats) -> tuple[float, float]:
    """Return the traded value and the costs of all fills, account money."""
    count = journal.used[FILLS]
    value, commission, slippage, spread = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    for place in range(count):
        fill = journal.fills[place]
        value[place] = fill.quantity * fill.price * multipliers[fill.symbol] * fill.rate
        commission[place], slippage[place], spread[place] = fill.commission, fill.slippage, fill.spread
    return _sum(value), _sum(commission) + _sum(slippage) + _sum(spread)


@compiled
def _daily_returns(equity: Floats, capital: float) -> Floats:
    """Return each day's change as a fraction of the day before; NaN after a day that ended at or below zero."""
    returns = np.empty(len(equity))
    before = capital
    for day in range(len(equity)):
        returns[day] = equity[day] / before - 1.0 if before > 0.0 else math.nan
        before = equity[day]
    return returns


@compiled
def _moments(returns: Floats) -> tuple[float, float, float, float]:
    """Return standard deviation, mean over deviation, skew and kurtosis (a normal has 3) of the daily returns."""
    count = len(returns)
    if count < 2:
        return math.nan, math.nan, math.nan, math.nan
    mean = _sum(returns) / count
    centred = returns - mean
    square = centred * centred
    second = _sum(square) / count
    deviation = math.sqrt(second * count / (count - 1))
    if not deviation > _ROUNDING:
        return (0.0 if deviation >= 0.0 else math.nan), math.nan, math.nan, math.nan
    third, fourth = _sum(square * centred) / count, _sum(square * square) / count
    return deviation, _quotient(mean, deviation), third / second**1.5, fourth / second**2


@compiled
def _sortino(returns: Floats) -> float:
    """Return mean over downside deviation of the daily returns, NaN without a losing day."""
    count = len(returns)
    if count < 2:
        return math.nan
    below = np.minimum(returns, 0.0)
    downside = math.sqrt(_sum(below * below) / count)
    return _quotient(_sum(returns) / count, downside if downside > _ROUNDING else 0.0)


@compiled
def _cagr(growth: float, elapsed: int) -> float:
    """Return growth per 365.25 days."""
    if not (growth >= 0.0 and elapsed > 0):
        return math.nan
    value = growth ** (_YEAR / elapsed) - 1.0
    return value if math.isfinite(value) else math.nan


@compiled
def _deepest(equity: Floats, capital: float) -> float:
    """Return the deepest fall from the high-water mark of day ends, which starts at the capital."""
    if not len(equity):
        return math.nan
    mark, deepest = capital, 0.0
    for worth in equity:
        mark = max(mark, worth)
        deepest = max(deepest, (mark - worth) / mark)
    return deepest


@compiled
def _blocks(returns: Floats, blocks: Floats) -> None:
    """Sum up the defined returns of sixteen equal stretches."""
    days = len(returns)
    for block in range(BLOCKS):
        count, total, squares = 0.0, 0.0, 0.0
        for day in range(block * days // BLOCKS, (block + 1) * days // BLOCKS):
            change = returns[day]
            if not math.isnan(change):
                count, total, squares = count + 1.0, total + change, squares + change * change
        blocks[block, 0], blocks[block, 1], blocks[block, 2] = count, total, squares


@compiled
def _quotient(top: float, bottom: float) -> float:
    """Return top / bottom, NaN where that is not a finite number."""
    if not bottom:
        return math.nan
    value = top / bottom
    return value if math.isfinite(value) else math.nan


@compiled
def _sum(values: Floats) -> float:
    """Return the sum, added up in the order in which numpy does it."""
    count = len(values)
    if count > _PAIRWISE:
        half = count // 2
        half -= half % 8
        return _sum(values[:half]) + _sum(values[half:])
    if count < 8:
        total = 0.0
        for value in values:
            total += value
        return total
    a, b, c, d, e, f, g, h = values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]
    whole = count - count % 8
    for place in range(8, whole, 8):
        a, b, c, d = a + values[place], b + values[place + 1], c + values[place + 2], d + values[place + 3]
        e, f, g, h = e + values[place + 4], f + values[place + 5], g + values[place + 6], h + values[place + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for place in range(whole, count):
        total += values[place]
    return total
