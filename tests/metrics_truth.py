"""Every metric once more, slowly: fifty digits, plain loops, written from docs/results.md and read from a result's tables."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from mpmath import mp, mpf, ncdf

SECOND, HOUR, DAY = 1_000_000_000, 3600 * 1_000_000_000, 86_400 * 1_000_000_000
NAN = mpf("nan")
DIGITS = 50


def truth(
    result: Any, others: Sequence[Any] = (), *, zone: str, hour: int, days_per_year: int, spread: float = 0.0
) -> dict[str, Any]:
    """Return every metric of a run of one symbol whose trading days end at `hour` in `zone`.

    `others` are the same run assuming the worst and the best inside a bar; `spread` is a constant one around mid candles.
    """
    with mp.workdps(DIGITS):
        times = [int(instant.value) for instant in result.equity.index]
        equity = [mpf(value) for value in result.equity.tolist()]
        candles = result.candles[0]
        first = candles.close_time.tolist().index(times[0])
        days = last_of_each_day(times, zone, hour)
        found = returns(times, equity, days, mpf(result.capital), int(candles.time[first]), days_per_year)
        found["max_drawdown"] = deepest_fall([mpf(result.capital), *equity])
        found["buy_and_hold_return"] = mpf(float(candles.close[-1])) / mpf(float(candles.open[first])) - 1
        totals = [mpf(one.equity.iloc[-1]) - mpf(one.capital) for one in (result, *others)]
        found |= {"profit_band_low": min(totals), "profit_band_high": max(totals)}
        found |= activity(result, times, equity, days, int(candles.time[first]), first, spread)
        return found | trades(result) | counts(result)


def last_of_each_day(times: Sequence[int], zone: str, hour: int) -> list[int]:
    """Positions of the last step of each trading day; a step at a day end belongs to the day that ends there."""

    def day(instant: int) -> dt.date:
        moment = dt.datetime.fromtimestamp((instant - 1) // SECOND, ZoneInfo(zone))
        return moment.date() + dt.timedelta(days=int(hour > 0 and moment.hour >= hour))

    names = [day(instant) for instant in times]
    return [place for place, name in enumerate(names) if place + 1 == len(names) or names[place + 1] != name]


def returns(
    times: Sequence[int], equity: Sequence[Any], days: Sequence[int], capital: Any, start: int, days_per_year: int
) -> dict[str, Any]:
    """Everything that docs/results.md computes from equity at day ends."""
    marks = [capital, *(equity[day] for day in days)]
    daily = [after / before - 1 for before, after in pairwise(marks)]
    count, year = len(daily), mp.sqrt(days_per_year)
    mean = mp.fsum(daily) / count
    m2, m3, m4 = (mp.fsum((one - mean) ** power for one in daily) / count for power in (2, 3, 4))
    deviation = mp.sqrt(m2 * count / (count - 1))
    downside = mp.sqrt(mp.fsum(min(one, mpf(0)) ** 2 for one in daily) / count)
    ratio, skew, kurtosis = mean / deviation, m3 / m2 ** mpf("1.5"), m4 / m2**2
    end, fall = equity[-1], deepest_fall(marks)
    cagr = (end / capital) ** (mpf("365.25") * DAY / (times[-1] - start)) - 1
    low, high = percentile(daily, 5), percentile(daily, 95)
    spread = mp.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    return {
        "start_capital": capital,
        "end_capital": end,
        "total_pnl": end - capital,
        "total_return": (end - capital) / capital,
        "cagr": cagr,
        "volatility": deviation * year,
        "sharpe_ratio": ratio * year,
        "sortino_ratio": mean / downside * year,
        "calmar_ratio": cagr / fall,
        "probabilistic_sharpe_ratio": ncdf(ratio * mp.sqrt(count - 1) / spread),
        "max_drawdown_daily": fall,
        "max_drawdown_duration_days": longest_stay([start, *(times[day] for day in days)], marks),
        "value_at_risk_95": -low,
        "tail_ratio": abs(high) / abs(low),
        "skew": skew,
        "kurtosis": kurtosis - 3,
        "trading_days": count,
    }


def percentile(values: Sequence[Any], percent: int) -> Any:
    """Interpolated linearly between the two nearest ranks."""
    ordered = sorted(values)
    place = mpf(percent) * (len(ordered) - 1) / 100
    low = int(mp.floor(place))
    above = ordered[min(low + 1, len(ordered) - 1)]
    return ordered[low] + (place - low) * (above - ordered[low])


def deepest_fall(values: Sequence[Any]) -> Any:
    """Deepest fall from the high-water mark, which starts at the first value, as a fraction of it."""
    mark, deepest = values[0], mpf(0)
    for value in values:
        mark = max(mark, value)
        deepest = max(deepest, (mark - value) / mark)
    return deepest


def longest_stay(times: Sequence[int], values: Sequence[Any]) -> Any:
    """Longest time from a high-water mark over values below it to the value that reaches it again, or to the last."""
    longest = 0
    for place, mark in enumerate(values):
        if mark < max(values[: place + 1]):
            continue
        below = 0
        while place + 1 + below < len(values) and values[place + 1 + below] < mark:
            below += 1
        if below:
            until = min(place + 1 + below, len(values) - 1)
            longest = max(longest, times[until] - times[place])
    return mpf(longest) / DAY


def activity(
    result: Any,
    times: Sequence[int],
    equity: Sequence[Any],
    days: Sequence[int],
    start: int,
    first: int,
    spread: float,
) -> dict[str, Any]:
    """Exposure, leverage, turnover and costs, from trades, positions and fills."""
    closes = [mpf(close) for close in result.candles[0].close.tolist()]
    worth = [mpf(0) for _ in closes]  # what is held at the close of each bar, at the price at which it could be left
    spans = [(row, row.exit_bar) for row in result.trades.itertuples()]
    spans += [(row, len(closes)) for row in result.positions.itertuples()]
    for row, end in spans:
        half = mpf(spread) / 2 * (1 if row.side == "long" else -1)
        for bar in range(row.entry_bar, end):
            worth[bar] += mpf(row.quantity) * (closes[bar] - half)
    leverage = [worth[bar] / value for bar, value in enumerate(equity, start=first) if value > 0]
    traded = mp.fsum(mpf(row.quantity) * mpf(row.price) for row in result.fills.itertuples())
    mean = mp.fsum(equity[day] for day in days) / len(days)
    years = mpf(times[-1] - start) / DAY / mpf("365.25")
    paid = {name: mp.fsum(mpf(value) for value in result.fills[name]) for name in ("commission", "slippage", "spread")}
    return {
        "exposure": mpf(sum(value > 0 for value in worth)) / len(times),
        "average_leverage": mp.fsum(leverage) / len(leverage),
        "max_leverage": max(leverage),
        "turnover": traded / mean / years,
        **{f"total_{name}": money for name, money in paid.items()},
        "total_costs": mp.fsum(paid.values()),
        "total_financing": mp.fsum(mpf(value) for value in result.cashflows["amount"]),
    }


def trades(result: Any) -> dict[str, Any]:
    """What docs/results.md computes from closed trades."""
    rows = list(result.trades.itertuples())
    pnl = [mpf(row.pnl) for row in rows]
    wins, losses = [one for one in pnl if one > 0], [one for one in pnl if one < 0]
    hours = [mpf(int(row.exit_time.value) - int(row.entry_time.value)) / HOUR for row in rows]

    def mean(values: Sequence[Any]) -> Any:
        return mp.fsum(values) / len(values) if values else NAN

    def over(top: Any, bottom: Any) -> Any:
        return top / bottom if bottom else NAN

    deviation = mp.sqrt(over(mp.fsum((one - mean(pnl)) ** 2 for one in pnl), len(pnl) - 1)) if len(pnl) > 1 else mpf(0)
    return {
        "total_trades": len(pnl),
        "total_positions": len({row.id for row in rows}),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "win_rate": over(mpf(len(wins)), len(pnl)),
        "profit_factor": over(mp.fsum(wins), -mp.fsum(losses)),
        "expectancy": mean(pnl),
        "average_win": mean(wins),
        "average_loss": mean(losses),
        "payoff_ratio": over(mean(wins), -mean(losses)),
        "sqn": over(mp.sqrt(len(pnl)) * mean(pnl), deviation),
        "best_trade": max(pnl, default=NAN),
        "worst_trade": min(pnl, default=NAN),
        "average_holding_hours": mean(hours),
        "average_holding_bars": mean([mpf(row.exit_bar - row.entry_bar + 1) for row in rows]),
        "longest_winning_streak": streak([one > 0 for one in pnl]),
        "longest_losing_streak": streak([one < 0 for one in pnl]),
        "ambiguous_trades": sum(row.ambiguous for row in rows),
    }


def streak(holds: Sequence[bool]) -> int:
    longest = current = 0
    for one in holds:
        current = current + 1 if one else 0
        longest = max(longest, current)
    return longest


def counts(result: Any) -> dict[str, Any]:
    return {
        "signals_generated": len(result.signals),
        "order_decisions": len(result.orders),
        "executed_orders": sum(status == "filled" for status in result.orders["status"]),
        "refused_entries": len(result.refusals),
        "open_positions": len(result.positions),
    }


def agrees(found: float, wanted: Any, scale: float = 1.0) -> bool:
    """Compare to 1e-9 relative; to 1e-12 of `scale` where the true value is near zero."""
    if mp.isnan(wanted):
        return math.isnan(found)
    return abs(mpf(found) - wanted) <= max(mpf("1e-9") * abs(wanted), mpf("1e-12") * scale)
