"""Attribution of random portfolio runs of the real kernel: whatever happened, the rows add up to the account (S15)."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_bridge import SYMBOLS, Case, candles_of, run_engine
from oracle_cases import random_case

from sptrader_lab.results.result import Result
from sptrader_lab.results.saved import load_result
from sptrader_lab.types.calendar import FX_DAY_END
from sptrader_lab.types.instruments import instrument

FEW = settings(max_examples=60, deadline=None, derandomize=True)


def result_of(case: Case) -> Result:
    symbols = SYMBOLS[: len(case.bars)]
    both = zip(symbols, case.contracts, strict=True)
    return Result(
        outcome=run_engine(case),
        candles=tuple(candles_of(symbol, bars) for symbol, bars in zip(symbols, case.bars, strict=True)),
        strategies=tuple(f"strategy {number}" for number in range(len(case.rules))),
        capital=case.capital,
        currency="USD",
        days_per_year=252,
        day_end=FX_DAY_END,
        manifest={},
        instruments=tuple(instrument(symbol)._replace(multiplier=facts.multiplier) for symbol, facts in both),
    )


def scale(result: Result) -> float:
    """What rounding is relative to: the money that went through the account."""
    outcome = result.outcome
    moved = np.abs(outcome.fills["quantity"] * outcome.fills["price"] * outcome.fills["rate"]).sum()
    return result.capital + float(moved) * max(one.multiplier for one in result.instruments)


@FEW
@given(st.integers(0, 2**32))
def test_attribution_adds_up_to_the_profit(seed):
    """Parts, swap, dividends, splits, spread, conversion, margin, several strategies and symbols: nothing is left over."""
    result = result_of(random_case(random.Random(seed), most_hours=40))
    near = pytest.approx(result.total_pnl, abs=1e-9 * scale(result))
    assert result.attribution["pnl"].sum() == near
    assert result.attribution_by("strategy")["pnl"].sum() == near
    assert result.attribution_by("symbol")["pnl"].sum() == near
    assert result.trades["pnl"].sum() + result.positions["unrealized_pnl"].sum() == near
    assert result.attribution["trades"].sum() == result.total_trades
    assert result.attribution["refused"].sum() == len(result.refusals)


@FEW
@given(st.integers(0, 2**32))
def test_a_strategy_s_own_equity_is_its_capital_and_what_is_attributed_to_it(seed):
    """S14: two ways of counting, the kernel's on every bar and the records at the end."""
    result = result_of(random_case(random.Random(seed), most_hours=40))
    if not len(result.outcome.time):
        return
    own = result.strategy_equity.iloc[-1].to_numpy() - np.array(result.strategy_capital)
    assert own == pytest.approx(result.attribution_by("strategy")["pnl"].to_numpy(), abs=1e-9 * scale(result))


@FEW
@given(st.integers(0, 2**32))
def test_financing_and_commission_belong_to_trades_and_open_positions(seed):
    result = result_of(random_case(random.Random(seed), most_hours=40))
    near = {"abs": 1e-9 * scale(result)}
    financing = result.trades["financing"].sum() + result.positions["financing"].sum()
    assert result.metrics["total_financing"] == pytest.approx(financing, **near)
    paid = result.trades["costs"].sum() + result.positions["costs"].sum()
    assert result.metrics["total_commission"] == pytest.approx(paid, **near)
    parts = result.trades["gross"] - result.trades["costs"] + result.trades["financing"]
    assert parts.to_numpy() == pytest.approx(result.trades["pnl"].to_numpy(), **near)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_a_portfolio_of_the_kernel_comes_back_whole(tmp_path_factory, seed):
    """S17, S18."""
    result = result_of(random_case(random.Random(seed), most_hours=40))
    again = load_result(result.save(folder := tmp_path_factory.mktemp("runs")), folder)
    assert again.digest == result.digest
    assert again.to_dict() == result.to_dict()
