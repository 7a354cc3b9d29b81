"""Metrics (S16) of whole runs against fifty digits, against a peer, and against themselves seen through other timeframes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from metrics_truth import agrees, truth
from peers import LEAVE, LONG, SHORT, Rules, ask_lab, decide, random_codes, walk

import sptrader_lab as lab
from sptrader_lab.results.metrics import METRICS
from sptrader_lab.results.result import Result
from sptrader_lab.types.calendar import DAY, MINUTE
from sptrader_lab.types.instants import parse_time
from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("peers")

NEW_YORK = {"zone": "America/New_York", "hour": 17, "days_per_year": 252}
MIDNIGHT = {"zone": "UTC", "hour": 0, "days_per_year": 365}
BUSY = Rules(stop=0.003, target=0.004, slippage=0.0001, commission=0.0001, per_order=0.5)
PARTS = """
name: parts
entry: {long: {when: "close > open"}, short: {when: "close < open"}, size: {type: units, value: 10000}}
exit: {stop_loss: 0.004, take_profit: [{value: 0.002, share: 0.5}, {value: 0.006}]}
execution: {slippage: 0.0001, spread: 0.0002, commission: 0.0001, intrabar: worst}
instrument: {swap: {long: -0.5, short: 0.3}}
"""


def assert_true(result: Result, calendar: Mapping[str, Any], others: Sequence[Result] = ()) -> None:
    """`others` are needed where a trade is ambiguous: the same run assuming the worst and the best."""
    assert others or result.metrics["ambiguous_trades"] == 0
    wanted = truth(result, others, **calendar)
    found = {name: result.metrics[name] for name in METRICS}
    assert set(wanted) == set(METRICS)
    wrong = {
        name: (found[name], wanted[name]) for name in METRICS if not agrees(found[name], wanted[name], scale(name))
    }
    assert not wrong


def assert_busy_true(candles: lab.Candles, calendar: Mapping[str, Any]) -> Result:
    runs = [ask_lab(candles, replace(BUSY, intrabar=choice)).raw for choice in ("worst", "best")]
    assert_true(runs[0], calendar, runs)
    return runs[0]


def scale(name: str) -> float:
    """What a metric is a difference of: money of the account's size."""
    return 100_000.0 if METRICS[name].unit == "money" else 1.0


# --- Fifty digits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_every_metric_of_a_busy_run_is_true_to_fifty_digits(seed: int) -> None:
    candles = walk(seed, bars=3000, volatility=0.0015 + 0.001 * (seed % 3))
    candles = decide(candles, random_codes(seed, len(candles), share=0.05 + 0.05 * (seed % 4)))
    metrics = assert_busy_true(candles, NEW_YORK).metrics
    assert metrics["losing_trades"] > 10 < metrics["winning_trades"]
    assert metrics["ambiguous_trades"] > 0


def test_every_metric_of_a_run_on_real_candles_is_true_to_fifty_digits(eurusd_1h: lab.Candles) -> None:
    """Weekends and the changes of the clocks are in them; signals, refusals and a position open at the end too."""
    crossover = lab.backtest(ROOT / "strategies" / "ma_crossover_long_short.yaml", eurusd_1h)
    assert crossover.metrics["signals_generated"] > 0
    assert_true(crossover, NEW_YORK)
    breakout = lab.backtest(ROOT / "strategies" / "donchian_breakout.yaml", eurusd_1h)
    assert breakout.metrics["refused_entries"] > 0
    assert_true(breakout, NEW_YORK)


def test_every_metric_of_a_market_that_trades_every_day_is_true_to_fifty_digits() -> None:
    """365 days of UTC."""
    drawn = walk(3, bars=2500)
    prices = (drawn.open, drawn.high, drawn.low, drawn.close)
    coins = lab.Candles("BTCUSD", "1h", drawn.time, *prices, np.zeros(len(drawn)), source="random walk")
    assert_busy_true(decide(coins, random_codes(3, len(coins))), MIDNIGHT)


def test_every_metric_of_positions_closed_in_parts_with_spread_and_swaps_is_true_to_fifty_digits() -> None:
    """S9, S11: marks are on the side on which a position would be left."""
    texts = [PARTS.replace("worst", choice) for choice in ("worst", "best")]
    runs = [lab.backtest(lab.load_strategy(text), walk(3, bars=2000), capital=100_000) for text in texts]
    metrics = runs[0].metrics
    assert metrics["total_positions"] < metrics["total_trades"]
    assert metrics["total_spread"] > 0
    assert metrics["total_financing"] != 0
    assert_true(runs[0], NEW_YORK | {"spread": 0.0002}, runs)


def test_every_metric_of_a_run_that_starts_late_counts_from_its_start() -> None:
    candles = decide(walk(4, bars=2000), random_codes(4, 2000))
    rules = [replace(BUSY, intrabar=choice) for choice in ("worst", "best")]
    start = int(candles.time[700])
    runs = [lab.backtest(lab.load_strategy(each.yaml()), candles, start=start, capital=50_000) for each in rules]
    assert_true(runs[0], NEW_YORK, runs)


@pytest.mark.parametrize(
    "codes", [{5: LONG}, {5: LONG, 40: LEAVE}, {5: SHORT, 40: LEAVE}], ids=["open", "long", "short"]
)
def test_every_metric_of_hardly_a_trade_is_true_or_undefined(codes: Mapping[int, int]) -> None:
    """What has no losses, no wins or no second trade is NaN, not a number."""
    candles = walk(9, bars=300)
    given = np.zeros(len(candles))
    given[list(codes)] = list(codes.values())
    assert_true(ask_lab(decide(candles, given), Rules()).raw, NEW_YORK)


# --- The same equity, other candles -----------------------------------------------------------------------------------

HOLD = 'name: hold\nentry: {when: "close > 0", size: {type: units, value: 5000}}\nexecution: {slippage: 0}\n'
OF_EQUITY = """
total_return cagr volatility sharpe_ratio sortino_ratio calmar_ratio probabilistic_sharpe_ratio max_drawdown_daily
max_drawdown_duration_days value_at_risk_95 tail_ratio skew kurtosis trading_days buy_and_hold_return end_capital
""".split()


def minutes(seed: int, symbol: str) -> lab.Candles:
    """Minutes of five weeks around a change of New York's clocks; the first day stands still, so that every timeframe enters alike."""
    random = np.random.default_rng(seed)
    day = str(random.choice(["2024-02-25", "2024-10-20", "2025-06-01"]))
    time = parse_time(day) + np.arange(36 * 1440, dtype=np.int64) * MINUTE
    if symbol == "EURUSD":
        moment = pd.DatetimeIndex(time, tz="UTC").tz_convert("America/New_York")
        names = (moment.tz_localize(None) + pd.Timedelta(hours=7)).floor("D")  # a day is named after its end
        time = time[(names.day_of_week < 5) & (names < names[-1])]
    inside = ~np.isin(time // MINUTE % 60, (0, 59))  # without the ends of an hour its candle would have other ends
    time = time[~inside | (random.random(len(time)) < 0.97)]
    moves = random.normal(random.normal(0, 2e-6), 2e-4, len(time))
    moves[time < time[0] + 2 * DAY] = 0.0
    close = 1.1 * np.exp(np.cumsum(moves))
    opens = np.concatenate([[1.1], close[:-1]])
    return lab.Candles(
        symbol, "1m", time, opens, np.maximum(opens, close), np.minimum(opens, close), close, np.ones(len(time))
    )


def coarser(candles: lab.Candles, text: str) -> lab.Candles:
    """Group minutes by hand: hours of UTC, or trading days by their name in New York or UTC."""
    frame = candles.to_frame()
    if text == "1h":
        names = frame.index.floor("h")
    elif candles.symbol == "EURUSD":
        names = (frame.index.tz_convert("America/New_York").tz_localize(None) + pd.Timedelta(hours=7)).floor("D")
    else:
        names = frame.index.floor("D")
    grouped = frame.assign(time=candles.time).groupby(np.asarray(names))
    columns = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "time": "first"}
    rows = grouped.agg(columns)
    prices = (rows[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    return lab.Candles(candles.symbol, text, rows["time"].to_numpy(), *prices, source="grouped")


@pytest.mark.parametrize("symbol", ["EURUSD", "BTCUSD"])
@pytest.mark.parametrize("seed", range(6))
def test_the_same_equity_seen_in_minutes_hours_and_days_has_the_same_metrics(seed: int, symbol: str) -> None:
    """To the last bit: Sharpe, CAGR and every other metric of the return."""
    candles = minutes(seed, symbol)
    strategy = lab.load_strategy(HOLD)
    runs = [lab.backtest(strategy, each) for each in (candles, coarser(candles, "1h"), coarser(candles, "1d"))]
    assert [len(run.equity) for run in runs] == sorted((len(run.equity) for run in runs), reverse=True)
    for name in OF_EQUITY:
        assert runs[0].metrics[name] == runs[1].metrics[name] == runs[2].metrics[name], name
        assert np.isfinite(runs[0].metrics[name]), name
    assert runs[0].metrics["max_drawdown"] >= runs[1].metrics["max_drawdown"] >= runs[2].metrics["max_drawdown"]
    assert runs[0].metrics["max_drawdown"] > runs[2].metrics["max_drawdown_daily"] == runs[2].metrics["max_drawdown"]


# --- empyrical, as vectorbt has it ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=range(4))
def run(request: pytest.FixtureRequest) -> Result:
    candles = walk(20 + request.param, bars=4000)
    return ask_lab(decide(candles, random_codes(request.param, len(candles))), BUSY).raw


@pytest.fixture
def peer(run: Result) -> Any:
    """vectorbt's port of empyrical, given our daily returns."""
    import vectorbt  # noqa: F401 - gives series their `vbt`

    return run.daily_returns.vbt.returns(freq="1D", year_freq="252 days")


def test_the_peer_finds_the_same_ratios(run: Result, peer: Any) -> None:
    found = {
        "total_return": peer.total(),
        "volatility": peer.annualized_volatility(),
        "sharpe_ratio": peer.sharpe_ratio(),
        "sortino_ratio": peer.sortino_ratio(),
        "max_drawdown_daily": -peer.max_drawdown(),
        "tail_ratio": peer.tail_ratio(),
        "value_at_risk_95": -peer.value_at_risk(cutoff=0.05),
    }
    assert found == {name: pytest.approx(run.metrics[name], rel=1e-9) for name in found}


def test_the_peer_annualises_growth_by_returns_and_not_by_the_calendar(run: Result, peer: Any) -> None:
    """D20."""
    mine = run.metrics
    by_count = (1 + mine["total_return"]) ** (252 / len(run.daily_returns)) - 1
    assert peer.annualized() == pytest.approx(by_count)
    assert peer.calmar_ratio() == pytest.approx(by_count / mine["max_drawdown_daily"])
    assert by_count != pytest.approx(mine["cagr"], rel=1e-3)


def test_moments_are_without_pandas_correction_for_bias(run: Result) -> None:
    """D21."""
    daily, mine = run.daily_returns, run.metrics
    n = len(daily)
    assert daily.skew() == pytest.approx(mine["skew"] * np.sqrt(n * (n - 1)) / (n - 2))
    assert daily.kurt() == pytest.approx((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * mine["kurtosis"] + 6))
    assert daily.kurt() != pytest.approx(mine["kurtosis"], rel=1e-3)
