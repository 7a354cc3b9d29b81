"""Where the rules coincide, three independent backtesters must tell the same story: the same trades, the same equity.

Where they don't is on docs/differences.md, and asserted by tests/test_differences.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from peers import (
    HOLD,
    LEAVE,
    LONG,
    SHORT,
    Rules,
    Told,
    ask_backtesting,
    ask_lab,
    ask_vectorbt,
    assert_same,
    decide,
    random_codes,
    walk,
    without_decisions_at_stops,
    without_decisions_before_gaps,
)

import sptrader_lab as lab

pytestmark = pytest.mark.xdist_group("peers")  # one process loads them

STOP, TARGET = 0.003, 0.004
NEXT_OPEN = {
    "market": Rules(),
    "commission": Rules(commission=0.0005),
}
CLOSE = {
    "market": Rules(at_close=True),
    "stop": Rules(at_close=True, stop=STOP),
    "target": Rules(at_close=True, target=TARGET),
    "stop and target": Rules(at_close=True, stop=STOP, target=TARGET),
}
BACKTESTING = {
    **{f"{name}, next open": rules for name, rules in NEXT_OPEN.items()},
    "fixed commission, next open": Rules(per_order=3.0),
    "both commissions, next open": Rules(per_order=3.0, commission=0.0005),
    "stop, next open": Rules(stop=STOP),
    "target, next open": Rules(target=TARGET),
    "stop and target, next open": Rules(stop=STOP, target=TARGET),
    "stop, target, commission, next open": Rules(stop=STOP, target=TARGET, commission=0.0002),
    "holding, next open": Rules(holding=5),
    "holding, stop and target, next open": Rules(holding=4, stop=STOP, target=TARGET),
    **{f"{name}, close": rules for name, rules in CLOSE.items()},
    "fraction of equity in whole units, close": Rules(at_close=True, fraction=0.1, step=1.0),
    "fraction, stop and target, close": Rules(at_close=True, fraction=0.4, step=1.0, stop=STOP, target=TARGET),
}
VECTORBT = {
    **{f"{name}, next open": rules for name, rules in NEXT_OPEN.items()},
    "slippage, next open": Rules(slippage=0.0002),
    "slippage and commission, next open": Rules(slippage=0.0002, commission=0.0005),
    **{f"{name}, close": rules for name, rules in CLOSE.items()},
    "stop and slippage, close": Rules(at_close=True, stop=STOP, slippage=0.0002),
    "target and slippage, close": Rules(at_close=True, target=TARGET, slippage=0.0002),
    "stop, target and commission, close": Rules(at_close=True, stop=STOP, target=TARGET, commission=0.0005),
    "trailing stop, close": Rules(at_close=True, trail=0.005),
    "trailing stop and slippage, close": Rules(at_close=True, trail=0.005, slippage=0.0002),
}
CROSSOVER = """
name: crossover
indicators: {fast: {type: sma, params: {period: 8}}, slow: {type: sma, params: {period: 21}}}
entry: {long: {when: "crosses_above(fast, slow)"}, short: {when: "crosses_below(fast, slow)"}, size: {type: units, value: 10000}}
exit: {long: {when: "crosses_below(fast, slow)"}, short: {when: "crosses_above(fast, slow)"}}
execution: {slippage: 0}
"""


@pytest.fixture(params=[0, 1, 2, 3], ids=["real", "walk 1", "walk 2", "walk 3"])
def candles(request: pytest.FixtureRequest) -> lab.Candles:
    """Real hours of EURUSD (or hours of a random walk), a tenth of whose closes decide something."""
    drawn = walk(request.param) if request.param else request.getfixturevalue("eurusd_1h")
    return decide(drawn, random_codes(request.param, len(drawn)))


@pytest.mark.parametrize("rules", BACKTESTING.values(), ids=BACKTESTING)
def test_backtesting_py_makes_the_same_trades_and_equity(candles: lab.Candles, rules: Rules) -> None:
    """S3, S5, S6, S7, S9, S10, S11."""
    candles = candles if rules.at_close else without_decisions_before_gaps(candles, rules)
    ours = ask_lab(candles, rules)
    assert_same(ours, ask_backtesting(candles, rules))
    assert_story(ours, rules)


@pytest.mark.parametrize("rules", VECTORBT.values(), ids=VECTORBT)
def test_vectorbt_makes_the_same_trades_and_equity(candles: lab.Candles, rules: Rules) -> None:
    """S3, S5, S6, S7, S8, S9, S11."""
    candles = without_decisions_at_stops(candles, rules)
    ours = ask_lab(candles, rules)
    assert_same(ours, ask_vectorbt(candles, rules))
    assert_story(ours, rules)


@pytest.mark.parametrize("kinds", [(LONG, LEAVE), (SHORT, LEAVE)], ids=["long", "short"])
@pytest.mark.parametrize("at_close", [False, True], ids=["next open", "close"])
def test_fixed_fees_agree_with_vectorbt_where_nothing_reverses(kinds: tuple[int, int], *, at_close: bool) -> None:
    """S9."""
    candles = walk(4)
    candles = decide(candles, random_codes(4, len(candles), kinds=kinds))
    rules = Rules(per_order=3.0, commission=0.0001, at_close=at_close)
    ours = ask_lab(candles, rules)
    assert_same(ours, ask_vectorbt(candles, rules))
    assert {trade.side for trade in ours.trades} == {1 if LONG in kinds else -1}


@pytest.mark.parametrize(
    "rules", [Rules(at_close=True, fraction=0.3, step=1.0), Rules(at_close=True, fraction=0.3, step=0.5)]
)
def test_a_fraction_of_equity_agrees_with_vectorbt_for_longs_without_costs(candles: lab.Candles, rules: Rules) -> None:
    """S10."""
    candles = decide(candles, np.where(candles.volume == SHORT, LEAVE, candles.volume))
    ours = ask_lab(candles, rules)
    assert_same(ours, ask_vectorbt(candles, rules))
    assert len({trade.quantity for trade in ours.trades}) > 10


@pytest.mark.parametrize("bars", [2, 5, 12])
def test_max_holding_period_agrees_with_exits_that_vectorbt_is_told(bars: int) -> None:
    """S5: entries further apart than the holding period, so that every exit is known beforehand."""
    candles = walk(5)
    codes = np.full(len(candles), HOLD)
    codes[10::20] = np.resize([LONG, SHORT], len(codes[10::20]))
    candles = decide(candles, codes)
    ours = ask_lab(candles, Rules(holding=bars))
    # Decided at the close of bar 10 and filled at the open of bar 11, a position is `bars` old at the close of bar 10 + bars.
    leave = np.roll(codes, bars)
    told = decide(candles, np.where(codes != HOLD, codes, np.where(leave != HOLD, LEAVE, HOLD)))
    assert_same(ours, ask_vectorbt(told, Rules()))
    assert {trade.exit_bar - trade.entry_bar for trade in ours.trades} == {bars}


def test_a_year_of_real_minutes_agrees_with_vectorbt(eurusd_1m: lab.Candles) -> None:
    """S3, S5, S9, S11: weekends, missing minutes and the changes of the clocks."""
    candles = decide(eurusd_1m, random_codes(11, len(eurusd_1m), share=0.02))
    rules = Rules(commission=0.00002, slippage=0.00001)
    ours = ask_lab(candles, rules)
    assert_same(ours, ask_vectorbt(candles, rules))
    assert len(ours.trades) > 1000


@pytest.mark.parametrize("peer", [ask_vectorbt, ask_backtesting])
def test_a_strategy_with_indicators_agrees_from_candles_to_equity(
    candles: lab.Candles, peer: Callable[..., Told]
) -> None:
    """S2, S3, S5: our sma and crossings against pandas', our trades against the peers'."""
    result = lab.backtest(lab.load_strategy(CROSSOVER), candles, capital=100_000.0)
    close = pd.Series(candles.close)
    above = close.rolling(8).mean() > close.rolling(21).mean()
    known = close.rolling(21).mean().shift(1).notna()
    codes = np.select(
        [above & ~above.shift(1, fill_value=False) & known, ~above & above.shift(1, fill_value=False)], [LONG, SHORT]
    )
    told = decide(candles, codes)
    ours = ask_lab(told, Rules())
    assert [(row.entry_bar, row.exit_bar, row.entry_price, row.exit_price) for row in result.trades.itertuples()] == [
        (trade.entry_bar, trade.exit_bar, trade.entry_price, trade.exit_price) for trade in ours.trades
    ]
    np.testing.assert_array_equal(result.equity.to_numpy(), ours.equity)
    assert_same(ours, peer(told, Rules()))


def assert_story(told: Told, rules: Rules) -> None:
    """Something happened: both sides, and every exit that the rules allow."""
    trades = told.raw.trades
    assert len(trades) > 20
    assert set(trades["side"]) == {"long", "short"}
    wanted = {"stop_loss": rules.stop, "take_profit": rules.target, "trailing_stop": rules.trail}
    wanted["max_holding_period"] = rules.holding
    assert {name for name, value in wanted.items() if value} <= set(trades["exit_reason"])
    if rules.stop and not rules.at_close:
        assert ((trades["exit_reason"] == "stop_loss") & (trades["bars"] == 1)).any()  # on the entry bar too
