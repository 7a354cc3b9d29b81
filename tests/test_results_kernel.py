"""Results of the real kernel: numbers that two ways of counting must agree on."""

from __future__ import annotations

import numpy as np
import pytest

from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.results.result import Result
from sptrader_lab.results.saved import load_result
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import FX_DAY_END, HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.records import default_contract, default_rules

BARS = 3000


@pytest.fixture(scope="module")
def result() -> Result:
    """Random entries and exits, long and short, over a random walk of 3,000 hours."""
    random = np.random.default_rng(11)
    path = 1.1 * np.exp(np.cumsum(random.normal(0, 1e-3, BARS + 1)))
    opens, closes = path[:-1], path[1:]
    reach = random.uniform(0, 1e-3, (2, BARS))
    high, low = np.maximum(opens, closes) + reach[0], np.minimum(opens, closes) - reach[1]
    time = parse_time("2025-01-06") + HOUR * np.arange(BARS)
    candles = Candles("EURUSD", "1h", time, opens, high, low, closes, np.ones(BARS), source="made")
    rare = [(random.random(BARS) < share).astype(np.uint8) for share in (0.1, 0.1, 0.05, 0.05)]
    decisions = Decisions(*rare, np.zeros(BARS, np.uint8), *[np.empty(0)] * 4)
    rules = default_rules(size=0.5, max_positions=2, max_positions_per_symbol=2, commission=1e-4, stop_fraction=0.004)
    legs = [Leg(0, 0, decisions)]
    outcome = simulate([candles], legs, rules, default_contract(), Account(10_000.0), FX_DAY_END)
    return Result(
        outcome=outcome,
        candles=(candles,),
        strategies=("random",),
        capital=10_000.0,
        currency="USD",
        days_per_year=252,
        day_end=FX_DAY_END,
        manifest={"seed": 11},
    )


def test_equity_is_capital_and_every_profit(result):
    """S15."""
    assert result.total_trades > 100
    profits = result.trades["pnl"].sum() + result.positions["unrealized_pnl"].sum()
    assert result.end_capital == pytest.approx(result.start_capital + profits, rel=1e-9)


def test_the_drawdown_series_has_the_depth_that_the_kernel_kept(result):
    """S14, S16."""
    assert result.drawdown.max() == result.max_drawdown
    assert result.max_drawdown > result.metrics["max_drawdown_daily"] > 0


def test_costs_of_fills_are_the_costs_of_trades_and_positions(result):
    paid = result.trades["costs"].sum() + result.positions["costs"].sum()
    assert result.metrics["total_commission"] == pytest.approx(paid, rel=1e-9)
    assert result.metrics["total_slippage"] > 0


def test_orders_and_fills_belong_to_each_other(result):
    filled = result.orders[result.orders["status"] == "filled"]
    assert len(filled) == len(result.fills) == result.executed_orders
    assert sorted(filled["id"]) == sorted(result.fills["order"])
    assert set(result.trades["exit_reason"]) == {"signal", "stop_loss"}
    assert set(result.trades["side"]) == {"long", "short"}


def test_a_real_run_comes_back_whole(result, tmp_path):
    """S17, S18."""
    again = load_result(result.save(tmp_path), tmp_path)
    assert again.digest == result.digest
    assert again.to_dict() == result.to_dict()
