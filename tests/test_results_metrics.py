"""Metrics (S16) against exact arithmetic in plain Python, by hand, and where they don't exist."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_cases import START, an_outcome, table, trade

from sptrader_lab.results import ratios
from sptrader_lab.results.metrics import METRICS, Facts, compute_metrics, day_marks
from sptrader_lab.types import records
from sptrader_lab.types.calendar import DAY, FX_DAY_END, HOUR, MINUTE, UTC_MIDNIGHT, day_ends, trading_dates
from sptrader_lab.types.instants import parse_time


def measured(time, equity, *, capital=1000.0, start=START, day_end=UTC_MIDNIGHT, days_per_year=252, **tables):
    facts = Facts(capital, start, days_per_year, day_end, multipliers=(1.0,))
    return compute_metrics(an_outcome(time, equity, **tables), facts)


def by_day(equity, **more):
    return measured(START + DAY * np.arange(1, len(equity) + 1), equity, **more)


def root(value: Fraction) -> Fraction:
    """The square root to fifty digits."""
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())


def percentile(values: list[Fraction], share: Fraction) -> Fraction:
    place = share * (len(values) - 1)
    low = math.floor(place)
    ordered = sorted(values)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(values) - 1)] - ordered[low])


def exact(equity: list[int], capital: int, days_per_year: int) -> dict[str, float]:
    """The return metrics in fractions, written from their definitions."""
    returns = [Fraction(after, before) - 1 for before, after in pairwise([capital, *equity])]
    count, mean = len(returns), sum(returns) / len(returns)
    second, third, fourth = (sum((one - mean) ** power for one in returns) / count for power in (2, 3, 4))
    year = root(Fraction(days_per_year))
    downside = root(sum(min(one, Fraction(0)) ** 2 for one in returns) / count)
    peak, deepest = capital, Fraction(0)
    for value in equity:
        peak = max(peak, value)
        deepest = max(deepest, Fraction(peak - value, peak))
    low, high = percentile(returns, Fraction(1, 20)), percentile(returns, Fraction(19, 20))
    logarithm = math.log(equity[-1] / capital) * 365.25 / count
    growth = math.exp(logarithm) - 1 if logarithm < 709 else math.nan  # beyond what a float64 holds: undefined
    found = {
        "max_drawdown_daily": deepest,
        "sortino_ratio": mean / downside * year if downside else math.nan,
        "value_at_risk_95": -low,
        "tail_ratio": abs(high / low) if low else math.nan,
        "cagr": growth,
        "calmar_ratio": growth / float(deepest) if deepest else math.nan,
    }
    if second:
        deviation = root(second * count / (count - 1))
        ratio, skew, kurtosis = mean / deviation, third / root(second) ** 3, fourth / second**2
        spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
        score = float(ratio) * math.sqrt(count - 1) / math.sqrt(spread) if spread > Fraction(1, 10**6) else math.nan
        found |= {
            "volatility": deviation * year,
            "sharpe_ratio": ratio * year,
            "skew": skew,
            "kurtosis": kurtosis - 3,
            "probabilistic_sharpe_ratio": NormalDist().cdf(score),
        }
    return {name: float(value) for name, value in found.items()}


@given(
    st.lists(st.integers(100, 10_000), min_size=2, max_size=40),
    st.integers(100, 10_000),
    st.sampled_from([252, 365]),
)
def test_return_metrics_agree_with_exact_arithmetic(equity, capital, days_per_year):
    """S16."""
    found = by_day([float(one) for one in equity], capital=float(capital), days_per_year=days_per_year)
    for name, wanted in exact(equity, capital, days_per_year).items():
        if not (name == "probabilistic_sharpe_ratio" and math.isnan(wanted)):
            finite = wanted if math.isfinite(wanted) else math.nan
            assert found[name] == pytest.approx(finite, rel=1e-6, abs=1e-6, nan_ok=True), name


@given(st.lists(st.integers(-5, 5), max_size=30))
def test_trade_metrics_agree_with_plain_lists(profits):
    """S16."""
    trades = table(records.TRADE, *(trade(number, float(pnl)) for number, pnl in enumerate(profits)))
    found = by_day([1000.0, 1001.0], trades=trades)
    wins, losses = [one for one in profits if one > 0], [one for one in profits if one < 0]

    def streak(wanted: int) -> int:
        signs = [(one > 0) - (one < 0) for one in profits]
        return max((len(list(group)) for sign, group in groupby(signs) if sign == wanted), default=0)

    def mean(values: list[int]) -> float:
        return sum(values) / len(values) if values else math.nan

    wanted = {
        "total_trades": len(profits),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "win_rate": len(wins) / len(profits) if profits else math.nan,
        "profit_factor": sum(wins) / -sum(losses) if losses else math.nan,
        "expectancy": mean(profits),
        "average_win": mean(wins),
        "average_loss": mean(losses),
        "payoff_ratio": mean(wins) / -mean(losses) if losses else math.nan,
        "best_trade": max(profits, default=math.nan),
        "worst_trade": min(profits, default=math.nan),
        "longest_winning_streak": streak(1),
        "longest_losing_streak": streak(-1),
        "average_holding_hours": 2.0 if profits else math.nan,
        "average_holding_bars": 3.0 if profits else math.nan,
    }
    if len(set(profits)) > 1:
        spread = math.sqrt(sum((one - mean(profits)) ** 2 for one in profits) / (len(profits) - 1))
        wanted["sqn"] = math.sqrt(len(profits)) * mean(profits) / spread
    else:
        wanted["sqn"] = math.nan
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name


def test_three_days_by_hand():
    """S16: 1000 -> 1100 -> 1045 -> 1149.5 is +10 %, -5 %, +10 %."""
    found = by_day([1100.0, 1045.0, 1149.5])
    assert found["total_pnl"] == 149.5
    assert found["total_return"] == pytest.approx(0.1495)
    assert found["volatility"] == pytest.approx(math.sqrt(0.0075 * 252))  # mean 5 %, deviations 5, -10, 5
    assert found["sharpe_ratio"] == pytest.approx(0.05 / math.sqrt(0.0075) * math.sqrt(252))
    assert found["sortino_ratio"] == pytest.approx(0.05 / math.sqrt(0.05**2 / 3) * math.sqrt(252))
    assert found["max_drawdown_daily"] == pytest.approx(0.05)
    assert found["max_drawdown_duration_days"] == 2.0  # from the mark of day 1 to the higher one of day 3
    assert found["cagr"] == pytest.approx(1.1495 ** (365.25 / 3) - 1)
    assert found["trading_days"] == 3


def test_the_high_water_mark_starts_at_the_capital():
    """S14, S16: a run that only loses has been under water since its start."""
    found = by_day([900.0, 950.0])
    assert found["max_drawdown_daily"] == pytest.approx(0.1)
    assert found["max_drawdown_duration_days"] == 2.0


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), st.integers(1, 6))
def test_the_longest_drawdown_agrees_with_a_walk_over_the_days(equity, capital):
    time = DAY * np.arange(1, len(equity) + 1)
    mark, since, longest = capital, 0, 0
    for day, value in enumerate(equity, start=1):
        longest = max(longest, day - since if value < mark or day - since > 1 else 0)
        if value >= mark:
            mark, since = value, day
    assert ratios.longest_drawdown(time, np.array(equity, dtype=float), 0, float(capital)) == longest


def test_the_last_unfinished_day_counts_with_its_last_mark():
    """S16."""
    time = START + HOUR * np.arange(1, 31)  # one day and six hours
    found = measured(time, np.linspace(1001.0, 1030.0, 30))
    assert found["trading_days"] == 2
    assert found["volatility"] == pytest.approx(
        math.sqrt(252) * abs((1024 / 1000 - 1) - (1030 / 1024 - 1)) / math.sqrt(2)
    )


def test_a_step_at_the_day_end_belongs_to_the_day_that_ends():
    """S1, S16: days without a step don't count, whether a holiday or a weekend."""
    time = START + np.array([23 * HOUR, DAY, DAY + HOUR, 4 * DAY])
    marks = day_marks(time, UTC_MIDNIGHT)
    assert marks.step.tolist() == [1, 2, 3]
    assert trading_dates(marks.end, UTC_MIDNIGHT).astype(str).tolist() == ["2025-01-06", "2025-01-07", "2025-01-09"]


def week_days_of_minutes() -> np.ndarray:
    """Closing instants of every minute of three FX weeks around the New York change of clocks on 2025-03-09."""
    ends = day_ends(parse_time("2025-02-28"), parse_time("2025-03-21"), FX_DAY_END)
    weekday = np.is_busday(trading_dates(ends, FX_DAY_END))
    days = [
        np.arange(before + MINUTE, end + MINUTE, MINUTE)
        for before, end, trades in zip(ends, ends[1:], weekday[1:], strict=False)
        if trades
    ]
    return np.concatenate(days)


def test_minutes_hours_and_days_of_one_equity_give_the_same_return_metrics():
    """S16."""
    minutes = week_days_of_minutes()
    equity = 1000.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(2e-6, 1e-4, len(minutes))))
    marks = day_marks(minutes, FX_DAY_END)
    hours = np.flatnonzero(minutes % HOUR == 0)
    grids = [np.arange(len(minutes)), hours, marks.step]
    start = int(minutes[0]) - MINUTE
    found = [measured(minutes[grid], equity[grid], start=start, day_end=FX_DAY_END) for grid in grids]
    names = (
        "sharpe_ratio sortino_ratio calmar_ratio cagr volatility max_drawdown_daily value_at_risk_95 tail_ratio skew "
    )
    names += "kurtosis probabilistic_sharpe_ratio max_drawdown_duration_days trading_days total_return"
    for name in names.split():
        assert found[0][name] == found[1][name] == found[2][name], name
    assert found[0]["trading_days"] == 16
    assert math.isfinite(found[0]["sharpe_ratio"])
    assert found[0]["max_drawdown"] > found[2]["max_drawdown"]  # per bar: this one may differ, and does


@pytest.mark.parametrize(
    ("equity", "undefined", "defined"),
    [
        ([], "sharpe_ratio cagr volatility max_drawdown exposure turnover max_drawdown_daily", {"end_capital": 1000.0}),
        ([1010.0], "sharpe_ratio sortino_ratio volatility skew kurtosis tail_ratio", {"trading_days": 1}),
        ([1000.0] * 5, "sharpe_ratio sortino_ratio skew probabilistic_sharpe_ratio calmar_ratio", {"volatility": 0.0}),
        ([1000 * 1.01**day for day in range(1, 9)], "sharpe_ratio sortino_ratio kurtosis", {"max_drawdown_daily": 0.0}),
        ([500.0, 0.0, 0.0], "sharpe_ratio volatility tail_ratio value_at_risk_95", {"cagr": -1.0}),
        ([500.0, -5.0], "cagr calmar_ratio", {"end_capital": -5.0}),
    ],
    ids=["no steps", "one day", "flat", "no variance", "all lost", "below zero"],
)
def test_what_is_undefined_is_nan(equity, undefined, defined):
    """S16, and nothing warns: warnings are errors here."""
    found = by_day(equity)
    assert list(found) == list(METRICS)
    for name in [*undefined.split(), "win_rate", "profit_factor", "sqn", "best_trade", "average_holding_hours"]:
        assert math.isnan(found[name]), name
    assert {name: found[name] for name in defined} == defined


def test_counts_are_integers_and_everything_else_is_float():
    for name, value in by_day([1010.0, 1020.0]).items():
        assert type(value) is (int if METRICS[name].unit == "count" else float), name


def test_turnover_counts_both_sides_at_the_value_of_a_unit():
    """S12, S16: 2 units in at 100 and out at 110, 10 account units a point, on a mean equity of 1000 in half a year."""
    fill = {"quantity": 2.0, "rate": 1.0}
    fills = table(records.FILL, {**fill, "price": 100.0}, {**fill, "price": 110.0})
    elapsed = int(365.25 * DAY) // 2
    outcome = an_outcome([START + elapsed], [1000.0], fills=fills)
    found = compute_metrics(outcome, Facts(1000.0, START, 252, UTC_MIDNIGHT, multipliers=(10.0,)))
    assert found["turnover"] == pytest.approx(4200.0 / 1000.0 * 2)


def test_more_days_of_the_same_edge_make_it_more_probable():
    """S16: two per cent up, one down, for 8 and for 32 days."""
    short, long = (by_day(list(1000.0 * np.cumprod([1.02, 0.99] * pairs))) for pairs in (4, 16))
    assert long["sharpe_ratio"] == pytest.approx(short["sharpe_ratio"], rel=0.1)
    assert 0.5 < short["probabilistic_sharpe_ratio"] < long["probabilistic_sharpe_ratio"] < 1.0


def test_metrics_and_faces_load_neither_pandas_nor_duckdb():
    """A sweep in a worker process needs numbers, not tables."""
    code = "import sys, sptrader_lab.results.faces, sptrader_lab.results.metrics; "
    code += "print([name for name in ('pandas', 'duckdb', 'pyarrow', 'bokeh') if name in sys.modules])"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
