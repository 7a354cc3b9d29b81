"""Metrics: what one run comes to, as named numbers (S16), without pandas.

Of a million steps only the day ends are looked at; the drawdown per bar is the one that the kernel kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import unknown
from sptrader_lab.results import ratios
from sptrader_lab.types import records
from sptrader_lab.types.calendar import HOUR, DayEnd, day_ends
from sptrader_lab.types.outcome import Outcome

Number = int | float


class Metric(NamedTuple):
    """A metric's unit (money, fraction, ratio, count, hours, bars, days) and what it says."""

    unit: str
    meaning: str


#: Every metric in the order in which it is shown. "money" is in the account currency, a "fraction" of 0.02 is 2 %.
METRICS: Final[Mapping[str, Metric]] = {
    "start_capital": Metric("money", "equity before the first step"),
    "end_capital": Metric("money", "equity at the last step, open positions marked"),
    "total_pnl": Metric("money", "end_capital - start_capital"),
    "total_return": Metric("fraction", "total_pnl / start_capital"),
    "cagr": Metric("fraction", "growth per 365.25 days, from the first candle's open to the last close"),
    "buy_and_hold_return": Metric(
        "fraction", "last close / first open - 1 of the only symbol, its splits counted, without costs"
    ),
    "volatility": Metric("fraction", "std of the daily returns, per year"),
    "sharpe_ratio": Metric("ratio", "mean / std of the daily returns, per year"),
    "sortino_ratio": Metric("ratio", "mean / downside deviation of the daily returns, per year"),
    "calmar_ratio": Metric("ratio", "cagr / max_drawdown_daily"),
    "probabilistic_sharpe_ratio": Metric("fraction", "probability that the true Sharpe ratio is above 0"),
    "max_drawdown": Metric("fraction", "deepest fall from the high-water mark, of every bar"),
    "max_drawdown_daily": Metric("fraction", "deepest fall from the high-water mark, of day ends"),
    "max_drawdown_duration_days": Metric(
        "days",
        "longest stay under the high-water mark, of day ends, in days of the calendar; not that of the deepest fall",
    ),
    "value_at_risk_95": Metric("fraction", "loss that one day in twenty exceeds (historical)"),
    "tail_ratio": Metric("ratio", "95th percentile of the daily returns over the 5th, without signs"),
    "skew": Metric("ratio", "skewness of the daily returns (biased)"),
    "kurtosis": Metric("ratio", "excess kurtosis of the daily returns (biased; a normal has 0)"),
    "trading_days": Metric("count", "days with at least one step"),
    "exposure": Metric("fraction", "share of steps that close with a position open"),
    "average_leverage": Metric("ratio", "mean of gross open value / equity over all steps; 1 is everything invested"),
    "max_leverage": Metric("ratio", "largest gross open value / equity of any step"),
    "turnover": Metric("ratio", "traded value (entries and exits) / mean equity, per year"),
    "total_trades": Metric("count", "closed trades; a position closed in parts is one per closing fill"),
    "total_positions": Metric("count", "positions that these trades closed, whole or in part"),
    "winning_trades": Metric("count", "trades with pnl above 0"),
    "losing_trades": Metric("count", "trades with pnl below 0"),
    "win_rate": Metric("fraction", "winning_trades / total_trades"),
    "profit_factor": Metric("ratio", "sum of wins / sum of losses"),
    "expectancy": Metric("money", "mean pnl of a trade"),
    "average_win": Metric("money", "mean pnl of the winning trades"),
    "average_loss": Metric("money", "mean pnl of the losing trades (negative)"),
    "payoff_ratio": Metric("ratio", "average_win / -average_loss"),
    "sqn": Metric("ratio", "system quality number: sqrt(trades) x mean / std of pnl"),
    "best_trade": Metric("money", "largest pnl"),
    "worst_trade": Metric("money", "smallest pnl"),
    "average_holding_hours": Metric("hours", "mean time from entry to exit fill, weekends included"),
    "average_holding_bars": Metric("bars", "mean age at the exit, the entry bar counting as 1"),
    "longest_winning_streak": Metric("count", "most winning trades in a row"),
    "longest_losing_streak": Metric("count", "most losing trades in a row"),
    "ambiguous_trades": Metric("count", "trades whose outcome depends on what came first inside a bar (S7)"),
    "profit_band_low": Metric("money", "lowest total profit of the runs worst, best and default (S7)"),
    "profit_band_high": Metric("money", "highest total profit of these runs"),
    "total_commission": Metric("money", "commissions of all fills"),
    "total_slippage": Metric("money", "slippage of all fills, already inside their prices"),
    "total_spread": Metric("money", "spread of all fills, already inside their prices"),
    "total_costs": Metric(
        "money", "total_commission + total_slippage + total_spread; the `costs` of a trade are its commission alone"
    ),
    "total_financing": Metric("money", "swaps and dividends received (negative: paid), those of open positions too"),
    "signals_generated": Metric("count", "signal events of every component"),
    "order_decisions": Metric("count", "orders decided: entries, exits, protective levels that were reached"),
    "executed_orders": Metric("count", "orders that filled"),
    "refused_entries": Metric("count", "entries wanted and not made, each with a reason"),
    "open_positions": Metric("count", "positions open at the end, marked at the last close"),
}


Band = Callable[[], tuple[float, float]]
_BAND: Final = ("profit_band_low", "profit_band_high")


class Metrics(dict[str, Number]):
    """Every metric by name; asking for an unknown one names the nearest.

    Where a trade is ambiguous the two of the profit band take runs of their own, so they are put in when they are first
    asked for; `whole` asks for them.
    """

    def __init__(self, found: Mapping[str, Number], band: Band | None) -> None:
        super().__init__({name: found[name] for name in METRICS if name in found})
        self._band = band

    def __missing__(self, name: object) -> Number:
        if name not in _BAND:
            raise KeyError(unknown("metric", str(name), METRICS))
        low, high = self._band() if self._band else (math.nan, math.nan)
        self.update(zip(_BAND, (float(low), float(high)), strict=True))
        return self[str(name)]

    def whole(self) -> dict[str, Number]:
        """Return every metric in the order of `METRICS`."""
        return {name: self[name] for name in METRICS}


class Facts(NamedTuple):
    """What metrics need beside the outcome.

    Attributes
    ----------
    capital : float
        Equity before the first step.
    start : int
        The first candle's opening instant, ns UTC.
    days_per_year : int
        252, or 365 for what trades every day (S16).
    day_end : DayEnd
        When a trading day ends (S4).
    multipliers : tuple of float
        Account value of a price move of 1 per unit, by symbol.
    signals : int
        Signal events of every component.
    buy_and_hold : float
        Return of holding the only symbol, else NaN.
    """

    capital: float
    start: int
    days_per_year: int
    day_end: DayEnd
    multipliers: tuple[float, ...]
    signals: int = 0
    buy_and_hold: float = math.nan


class DayMarks(NamedTuple):
    """The last step of each trading day that has one: positions in the steps, and the instants at which the days end."""

    step: NDArray[np.intp]
    end: NDArray[np.int64]


def day_marks(time: NDArray[np.int64], day_end: DayEnd) -> DayMarks:
    """Return each trading day's last step (S16); the last day counts even if it is unfinished.

    Parameters
    ----------
    time : numpy.ndarray of int64, shape (steps,)
        Closing instants, ascending; a step at a day end belongs to the day that ends there.
    """
    if not len(time):
        return DayMarks(np.empty(0, np.intp), np.empty(0, np.int64))
    ends = day_ends(int(time[0]), int(time[-1]), day_end)
    step = np.searchsorted(time, ends, side="right") - 1
    has_steps = np.diff(step, prepend=-1) > 0
    return DayMarks(step[has_steps], ends[has_steps])


def compute_metrics(outcome: Outcome, facts: Facts, band: Band | None = None) -> Metrics:
    """Return every metric of `METRICS`: counts as int, all else as float, undefined as NaN.

    `band` gives the lowest and highest total profit (S7); it is called at most once, and only where what came
    first inside a bar has mattered.
    """
    marks = day_marks(outcome.time, facts.day_end)
    equity = outcome.equity[marks.step]
    found = {
        **_growth(outcome, equity, facts),
        **_returns(equity, outcome.time[marks.step], facts),
        **_activity(outcome, equity, facts),
        **_trades(outcome.trades),
        **_counts(outcome, facts),
    }
    found["calmar_ratio"] = ratios.quotient(found["cagr"], found["max_drawdown_daily"])
    if not outcome.path_mattered:  # no choice was made, so the runs could not differ
        found |= dict.fromkeys(_BAND, found["total_pnl"])
    return Metrics(found, band)


def _growth(outcome: Outcome, equity: NDArray[np.float64], facts: Facts) -> dict[str, Number]:
    end = float(equity[-1]) if len(equity) else facts.capital
    elapsed = int(outcome.time[-1]) - facts.start if len(equity) else 0
    return {
        "start_capital": facts.capital,
        "end_capital": end,
        "total_pnl": end - facts.capital,
        "total_return": (end - facts.capital) / facts.capital,
        "cagr": ratios.cagr(end / facts.capital, elapsed),
        "buy_and_hold_return": facts.buy_and_hold,
    }


def _returns(equity: NDArray[np.float64], time: NDArray[np.int64], facts: Facts) -> dict[str, Number]:
    returns = ratios.daily_returns(equity, facts.capital)
    moment = ratios.moments(returns)
    tail_ratio, value_at_risk = ratios.tails(returns)
    under = ratios.drawdowns(equity, facts.capital)
    return {
        "volatility": moment.deviation * math.sqrt(facts.days_per_year),
        "sharpe_ratio": ratios.sharpe(moment, facts.days_per_year),
        "sortino_ratio": ratios.sortino(returns, facts.days_per_year),
        "probabilistic_sharpe_ratio": ratios.probabilistic_sharpe(moment),
        "max_drawdown_daily": float(under.max()) if len(under) else math.nan,
        "max_drawdown_duration_days": ratios.longest_drawdown(time, equity, facts.start, facts.capital),
        "value_at_risk_95": value_at_risk,
        "tail_ratio": tail_ratio,
        "skew": moment.skew,
        "kurtosis": moment.kurtosis - 3.0,
        "trading_days": len(returns),
    }


def _activity(outcome: Outcome, equity: NDArray[np.float64], facts: Facts) -> dict[str, Number]:
    fills, steps = outcome.fills, len(outcome.time)
    elapsed = int(outcome.time[-1]) - facts.start if steps else 0
    value = fills["quantity"] * fills["price"] * np.array(facts.multipliers)[fills["symbol"]] * fills["rate"]
    turnover = ratios.quotient(float(value.sum()), float(equity.mean())) if steps else math.nan
    commission, slippage, spread = (float(fills[name].sum()) for name in ("commission", "slippage", "spread"))
    sound = outcome.equity > 0
    leverage = outcome.exposure[sound] / outcome.equity[sound]
    return {
        "max_drawdown": float(outcome.account["max_drawdown"][0]) if steps else math.nan,
        "exposure": ratios.quotient(float(np.count_nonzero(outcome.exposure > 0)), float(steps)),
        "average_leverage": float(leverage.mean()) if len(leverage) else math.nan,
        "max_leverage": float(leverage.max()) if len(leverage) else math.nan,
        "turnover": ratios.quotient(turnover, ratios.years(elapsed)),
        "total_commission": commission,
        "total_slippage": slippage,
        "total_spread": spread,
        "total_costs": commission + slippage + spread,
        "total_financing": float(outcome.cashflows["amount"].sum()),
    }


def _trades(trades: np.recarray[Any, Any]) -> dict[str, Number]:
    pnl = np.ascontiguousarray(trades["pnl"])
    count, won, lost = len(pnl), pnl > 0, pnl < 0
    wins, losses = int(won.sum()), int(lost.sum())
    gain, loss = float(pnl[won].sum()), float(pnl[lost].sum())
    average_win, average_loss = ratios.quotient(gain, wins), ratios.quotient(loss, losses)
    held = (trades["exit_time"] - trades["entry_time"]).astype(np.float64)
    return {
        "total_trades": count,
        "total_positions": len(np.unique(trades["id"])),
        "winning_trades": wins,
        "losing_trades": losses,
        "win_rate": ratios.quotient(wins, count),
        "profit_factor": ratios.quotient(gain, -loss),
        "expectancy": ratios.quotient(float(pnl.sum()), count),
        "average_win": average_win,
        "average_loss": average_loss,
        "payoff_ratio": ratios.quotient(average_win, -average_loss),
        "sqn": ratios.quality_number(pnl),
        "best_trade": float(pnl.max()) if count else math.nan,
        "worst_trade": float(pnl.min()) if count else math.nan,
        "average_holding_hours": ratios.quotient(float(held.sum()) / HOUR, count),
        "average_holding_bars": ratios.quotient(float(trades["bars"].sum()), count),
        "longest_winning_streak": ratios.longest_streak(won),
        "longest_losing_streak": ratios.longest_streak(lost),
        "ambiguous_trades": int(np.count_nonzero(trades["ambiguous"])),
    }


def _counts(outcome: Outcome, facts: Facts) -> dict[str, Number]:
    return {
        "signals_generated": facts.signals,
        "order_decisions": len(outcome.orders),
        "executed_orders": int((outcome.orders["status"] == records.FILLED).sum()),
        "refused_entries": len(outcome.refusals),
        "open_positions": len(outcome.positions),
    }
