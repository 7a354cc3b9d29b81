"""Every difference on docs/differences.md, shown: what we do, what the peer does, on candles that a reader can follow.

Each test names its paragraph. Prices are those of ACME, capital is 100,000.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from peers import (
    CAPITAL,
    LEAVE,
    LONG,
    Rules,
    ask_backtesting,
    ask_lab,
    ask_vectorbt,
    assert_same,
    decide,
    random_codes,
    story,
    walk,
)

from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("peers")  # one process loads them

UNITS = Rules(units=10.0)
RISE = """
    100 101  99 100
    100 101  99 100
    100 101  99 100 long
    102 103 101 102
    103 104 102 103
    104 105 103 104 leave
    105 106 104 105
    105 106 104 105
"""


def told(trades: list) -> list[str]:
    sides = {1: "long", -1: "short"}
    return [
        f"{sides[t.side]} {t.quantity:.6g}: {t.entry_price:.8g} at {t.entry_bar} -> {t.exit_price:.8g} at {t.exit_bar}"
        for t in trades
    ]


# --- When something fills ---------------------------------------------------------------------------------------------


def test_vectorbt_fills_at_the_close_of_the_signal_unless_told_otherwise() -> None:
    """D1."""
    import vectorbt as vbt

    candles = story(RISE)
    frame = candles.to_frame().tz_localize(None)
    portfolio = vbt.Portfolio.from_signals(
        frame["close"],
        frame["volume"] == LONG,
        frame["volume"] == LEAVE,
        size=10,
        init_cash=CAPITAL,
        freq="1h",
        engine="rust",
    )
    rows = portfolio.trades.values
    assert [rows["entry_price"].tolist(), rows["exit_price"].tolist()] == [[100.0], [104.0]]
    assert told(ask_lab(candles, UNITS).trades) == ["long 10: 102 at 3 -> 105 at 6"]
    assert told(ask_lab(candles, Rules(units=10.0, at_close=True)).trades) == ["long 10: 100 at 2 -> 104 at 5"]


def test_vectorbt_leaves_the_entry_bar_unprotected() -> None:
    """D2."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        100 101  90  99
         99 100  98  99
         99 100  94  96
         96  97  95  96
    """)
    rules = Rules(units=10.0, stop=0.05)
    assert told(ask_lab(candles, rules).trades) == ["long 10: 100 at 3 -> 95 at 3"]
    assert told(ask_backtesting(candles, rules).trades) == ["long 10: 100 at 3 -> 95 at 3"]
    assert told(ask_vectorbt(candles, rules).trades) == ["long 10: 100 at 3 -> 95 at 5"]


def test_an_exit_that_waits_for_the_open_comes_before_a_stop_inside_the_bar_but_not_in_vectorbt() -> None:
    """D3."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        100 101  99 100
        100 101  99 100 leave
         99 100  90  91
         91  92  90  91
    """)
    rules = Rules(units=10.0, stop=0.05)
    assert told(ask_lab(candles, rules).trades) == ["long 10: 100 at 3 -> 99 at 5"]
    assert told(ask_backtesting(candles, rules).trades) == ["long 10: 100 at 3 -> 99 at 5"]
    assert told(ask_vectorbt(candles, rules).trades) == ["long 10: 100 at 3 -> 95 at 5"]


def test_vectorbt_drops_a_signal_on_the_bar_of_a_stop() -> None:
    """D4: with fills at the close, the stop was hit before, and the account is free."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        100 101  94  98 long
         98  99  97  98
         98  99  97  98 leave
         98  99  97  98
    """)
    rules = Rules(units=10.0, stop=0.05, at_close=True)
    both = ["long 10: 100 at 2 -> 95 at 3", "long 10: 98 at 3 -> 98 at 5"]
    assert told(ask_lab(candles, rules).trades) == both
    assert told(ask_backtesting(candles, rules).trades) == both
    assert told(ask_vectorbt(candles, rules).trades) == both[:1]


# --- Levels -----------------------------------------------------------------------------------------------------------


def test_levels_are_measured_from_our_fill_from_a_close_in_vectorbt_and_from_the_order_in_backtesting_py() -> None:
    """D5: the fill is 102, the close of its bar 104, the close of the decision 100."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        102 104 101 104
        103 104  90  91
         91  92  90  91
    """)
    rules = Rules(units=10.0, stop=0.05)
    assert told(ask_lab(candles, rules).trades) == ["long 10: 102 at 3 -> 96.9 at 4"]
    assert told(ask_vectorbt(candles, rules).trades) == ["long 10: 102 at 3 -> 96.9 at 4"]
    assert told(ask_vectorbt(candles, rules, stop_entry_price="close").trades) == ["long 10: 102 at 3 -> 98.8 at 4"]
    assert told(ask_backtesting(candles, rules, levels_from_fill=False).trades) == ["long 10: 102 at 3 -> 95 at 4"]


def test_a_gap_through_the_level_of_an_order_is_an_error_in_backtesting_py() -> None:
    """D5: told the level that belongs to the fill, it compares it with the close."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        110 111 109 110
        110 111 109 110 leave
        110 111 109 110
    """)
    rules = Rules(units=10.0, stop=0.05)
    assert told(ask_lab(candles, rules).trades) == ["long 10: 110 at 3 -> 110 at 5"]
    with pytest.raises(ValueError, match="Long orders require: SL"):
        ask_backtesting(candles, rules)


def test_a_level_that_is_touched_but_for_rounding_is_reached_here_alone() -> None:
    """D6: the target is 1.1 x (1 + 0.1), which is 1.2100000000000002 in floats; the high is 1.21."""
    candles = story("""
        1.1 1.11 1.09 1.1
        1.1 1.11 1.09 1.1
        1.1 1.11 1.09 1.1 long
        1.1 1.11 1.09 1.1
        1.1 1.21 1.09 1.1
        1.1 1.11 1.09 1.1
    """)
    rules = Rules(units=10.0, target=0.1)
    assert told(ask_lab(candles, rules).trades) == ["long 10: 1.1 at 3 -> 1.21 at 4"]
    assert ask_backtesting(candles, rules).trades == []
    assert ask_vectorbt(candles, rules).trades == []


def test_all_three_take_the_stop_where_a_bar_reaches_both_and_we_say_so() -> None:
    """D7."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        100 101  99 100
        100 110  90 100
        100 101  99 100
    """)
    rules = Rules(units=10.0, stop=0.05, target=0.05)
    ours = ask_lab(candles, rules)
    assert told(ours.trades) == ["long 10: 100 at 3 -> 95 at 4"]
    assert_same(ours, ask_backtesting(candles, rules))
    assert_same(ours, ask_vectorbt(candles, rules))
    assert ours.raw.trades["ambiguous"].tolist() == [True]
    assert ours.raw.profit_band == (-50.0, 50.0)


# --- Costs ------------------------------------------------------------------------------------------------------------


def test_slippage_is_paid_on_every_market_and_stop_fill_here_and_elsewhere_in_part() -> None:
    """D8: a tenth; the stop is at 110 x 0.5 = 55, the target at 110 x 1.5 = 165."""
    falls = story("""
        100 101 99 100
        100 101 99 100
        100 101 99 100 long
        100 101 99 100
        100 101 50  60
         60  61 59  60
    """)
    rises = story("""
        100 101 99 100
        100 101 99 100
        100 101 99 100 long
        100 101 99 100
        100 170 99 160
        160 161 159 160
    """)
    stop, target = (Rules(units=10.0, slippage=0.1, **{name: 0.5}) for name in ("stop", "target"))
    assert told(ask_lab(falls, stop).trades) == ["long 10: 110 at 3 -> 49.5 at 4"]
    assert told(ask_lab(rises, target).trades) == ["long 10: 110 at 3 -> 165 at 4"]
    for exit_price, stopped, taken in (("stoplimit", 55, 165), ("stopmarket", 49.5, 148.5)):
        assert told(ask_vectorbt(falls, stop, stop_exit_price=exit_price).trades) == [
            f"long 10: 110 at 3 -> {stopped} at 4"
        ]
        assert told(ask_vectorbt(rises, target, stop_exit_price=exit_price).trades) == [
            f"long 10: 110 at 3 -> {taken} at 4"
        ]
    leaves = story(RISE)
    assert told(ask_lab(leaves, Rules(units=10.0, slippage=0.1)).trades) == ["long 10: 112.2 at 3 -> 94.5 at 6"]
    assert told(ask_backtesting(leaves, UNITS, spread=0.1).trades) == ["long 10: 112.2 at 3 -> 105 at 6"]


def test_a_reversal_is_two_orders_here_and_pays_a_fixed_fee_twice_but_once_in_vectorbt() -> None:
    """D9."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        100 101  99 100 short
        100 101  99 100 leave
        100 101  99 100
    """)
    rules = Rules(units=10.0, per_order=3.0)
    assert [trade.costs for trade in ask_lab(candles, rules).trades] == [6.0, 6.0]
    assert [trade.costs for trade in ask_backtesting(candles, rules).trades] == [6.0, 6.0]
    assert [trade.costs for trade in ask_vectorbt(candles, rules).trades] == [4.5, 4.5]
    assert len(ask_lab(candles, rules).raw.fills) == 4
    assert len(ask_vectorbt(candles, rules).raw.orders.values) == 3


def test_backtesting_py_books_the_commission_of_a_fill_at_the_close_one_bar_later() -> None:
    """D10: the trades agree; equity differs on the bar of the fill only."""
    candles = walk(6)
    candles = decide(candles, random_codes(6, len(candles)))
    rules = Rules(at_close=True, commission=0.001)
    ours, theirs = ask_lab(candles, rules), ask_backtesting(candles, rules)
    np.testing.assert_allclose(ours.trades, theirs.trades, rtol=1e-9)
    differs = np.flatnonzero(~np.isclose(ours.equity, theirs.equity, rtol=1e-12))
    filled = {bar for trade in ours.trades for bar in (trade.entry_bar, trade.exit_bar)}
    assert filled - set(differs) == set()
    assert set(differs) - filled <= {int(bar) for bar in ours.raw.positions["entry_bar"]}
    assert (ours.equity[differs] < theirs.equity[differs]).all()


# --- Sizes ------------------------------------------------------------------------------------------------------------


def test_a_fraction_is_of_the_equity_and_price_of_the_decision_here_and_of_the_fill_elsewhere() -> None:
    """D11: half of 100,000 at the close of 100 or at the open of 125, before slippage of a fourth or with it."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 long
        125 126 124 125
        125 126 124 125 leave
        125 126 124 125
    """)
    rules = Rules(fraction=0.5, step=1.0)
    slipping = Rules(fraction=0.5, step=1.0, slippage=0.25)
    assert [trade.quantity for trade in ask_lab(candles, rules).trades] == [500]
    assert [trade.quantity for trade in ask_vectorbt(candles, rules).trades] == [400]
    assert [trade.quantity for trade in ask_backtesting(candles, rules).trades] == [400]
    assert [trade.quantity for trade in ask_lab(candles, slipping).trades] == [500]
    assert [trade.quantity for trade in ask_vectorbt(candles, slipping).trades] == [320]
    assert [trade.quantity for trade in ask_backtesting(candles, rules, spread=0.25).trades] == [320]


def test_backtesting_py_sizes_a_fraction_with_the_close_of_the_bar_that_it_fills_in() -> None:
    """D11: a second sale at the open of bar 5 knows how that bar will close."""
    from backtesting import Backtest, Strategy

    class Sells(Strategy):
        def init(self) -> None: ...

        def next(self) -> None:
            if len(self.data) in {3, 5}:
                self.sell(size=0.5)

    frame = story(RISE).to_frame().tz_localize(None).rename(columns=str.capitalize)
    later = frame.copy()
    later.iloc[5, later.columns.get_indexer(["High", "Close"])] = 120.0
    sold = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some trades remain open|DatetimeIndex.dayofweek is deprecated")
        for each in (frame, later):
            stats = Backtest(each, Sells, cash=CAPITAL).run()
            sold.append([-trade.size for trade in stats["_strategy"].trades])
    assert sold[0][0] == sold[1][0] == 490
    assert sold[0][1] > sold[1][1] > 0


def test_what_an_account_can_not_pay_is_cut_at_the_decision_here_cut_at_the_fill_or_cancelled_elsewhere() -> None:
    """D12: 5,000 units at 100 with 100,000; 0.5 % stays free here."""
    candles = story(RISE)
    rules = Rules(units=5000.0)
    ours, theirs = ask_lab(candles, rules), ask_vectorbt(candles, rules)
    # At the open of 102 the 99,502 worth of units bought at 100 cost more than there is: refused whole (S10).
    assert ours.trades == []
    assert ours.raw.refusals["reason"].tolist() == ["not_covered"]
    assert [trade.quantity for trade in theirs.trades] == [pytest.approx(CAPITAL / 102)]
    with pytest.warns(UserWarning, match="Broker canceled the order due to insufficient margin"):
        assert ask_backtesting(candles, rules).trades == []
    flat = story(RISE.replace("102 103 101 102", "100 103 100 102"))
    assert [trade.quantity for trade in ask_lab(flat, rules).trades] == [np.floor(CAPITAL / 1.005 / 100 / 0.01) * 0.01]
    assert [trade.quantity for trade in ask_vectorbt(flat, rules).trades] == [CAPITAL / 100]


def test_a_lot_that_fits_but_for_rounding_is_kept_here_and_lost_in_vectorbt_and_backtesting_py_knows_no_lots() -> None:
    """D13: lots of 0.1, which no float holds exactly."""
    candles = story(RISE.replace("102 103 101 102", "100 103 100 102"))
    step = 0.1
    lots = {fraction: round(fraction * CAPITAL / 100 / step) for fraction in np.arange(1, 90) / 100}
    ours = {each: ask_lab(candles, Rules(fraction=float(each), step=step, at_close=True)).trades for each in lots}
    theirs = {
        each: ask_vectorbt(candles, Rules(fraction=float(each), step=step, at_close=True)).trades for each in lots
    }
    assert all(round(ours[each][0].quantity / step) == wanted for each, wanted in lots.items())
    short = [wanted - round(theirs[each][0].quantity / step) for each, wanted in lots.items()]
    assert min(short) == 0 < max(short)
    with pytest.raises(AssertionError, match="whole number of units"):
        ask_backtesting(candles, Rules(units=10.5))


# --- Ends -------------------------------------------------------------------------------------------------------------


def test_a_position_open_at_the_end_is_no_trade_here_one_in_vectorbt_and_forgotten_or_closed_at_the_last_open_elsewhere() -> (
    None
):
    """D14: equity agrees everywhere; entered at 102, the last bar opens at 105 and closes at 107."""
    candles = story(RISE.replace("leave", "").replace("105 106 104 105\n    105 106 104 105", "105 108 104 107"))
    ours, vectorbt, backtesting = (ask(candles, UNITS) for ask in (ask_lab, ask_vectorbt, ask_backtesting))
    assert ours.trades == vectorbt.trades == backtesting.trades == []
    assert ours.raw.positions["unrealized_pnl"].tolist() == [50.0]
    assert ours.raw.metrics["total_trades"] == 0
    assert vectorbt.raw.trades.count() == 1
    assert ours.equity[-1] == vectorbt.equity[-1] == backtesting.equity[-1] == CAPITAL + 50
    closed = ask_backtesting(candles, UNITS, finalize_trades=True)
    assert told(closed.trades) == ["long 10: 102 at 3 -> 105 at 6"]


def test_backtesting_py_decides_nothing_on_the_first_bar_nor_before_every_indicator_is_defined() -> None:
    """D15."""
    from backtesting import Backtest, Strategy

    candles = story(RISE.strip().replace("100 101  99 100\n", "100 101  99 100 long\n", 1))
    assert [trade.entry_bar for trade in ask_lab(candles, UNITS).trades] == [1]
    assert [trade.entry_bar for trade in ask_vectorbt(candles, UNITS).trades] == [1]
    assert [trade.entry_bar for trade in ask_backtesting(candles, UNITS).trades] == [3]
    asked = []

    class Warm(Strategy):
        def init(self) -> None:
            self.slow = self.I(lambda: pd.Series(candles.close).rolling(4).mean().to_numpy())

        def next(self) -> None:
            asked.append(len(self.data) - 1)

    frame = candles.to_frame().tz_localize(None).rename(columns=str.capitalize)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="DatetimeIndex.dayofweek is deprecated")
        Backtest(frame, Warm, cash=CAPITAL).run()
    assert asked == [4, 5, 6, 7]  # the mean is defined from bar 3 on


def test_a_ruined_account_is_closed_at_the_next_open_here_at_once_in_backtesting_py_and_never_in_vectorbt() -> None:
    """D16: 900 units sold at 100 lose everything at 211.1."""
    candles = story("""
        100 101  99 100
        100 101  99 100
        100 101  99 100 short
        100 101  99 100
        100 260 100 250
        240 241 200 220
        200 201 150 150
        150 151 149 150
    """)
    rules = Rules(units=900.0)
    ours, vectorbt, backtesting = (ask(candles, rules) for ask in (ask_lab, ask_vectorbt, ask_backtesting))
    assert told(ours.trades) == ["short 900: 100 at 3 -> 240 at 5"]
    assert ours.raw.trades["exit_reason"].tolist() == ["liquidation"]
    assert told(backtesting.trades) == ["short 900: 100 at 3 -> 250 at 4"]
    assert backtesting.equity[4:].tolist() == [0.0] * 4
    assert vectorbt.trades == []
    assert vectorbt.equity[4] == CAPITAL - 150 * 900
    assert vectorbt.equity[-1] == CAPITAL - 50 * 900


# --- Metrics ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_runs() -> tuple:
    """One story of 4,000 hours that ends flat."""
    candles = walk(8, bars=4000)
    codes = random_codes(8, len(candles), share=0.05)
    codes[-30:] = 0
    codes[-20] = LEAVE
    candles = decide(candles, codes)
    return candles, *(ask(candles, Rules(commission=0.0002)) for ask in (ask_lab, ask_vectorbt, ask_backtesting))


def test_metrics_that_are_defined_alike_agree(long_runs: tuple) -> None:
    """The table of docs/differences.md: what is the same number everywhere, but for signs and percent."""
    _, ours, vectorbt, backtesting = long_runs
    mine, portfolio, stats = ours.raw.metrics, vectorbt.raw, backtesting.raw
    found = {
        "total_return": [portfolio.total_return(), stats["Return [%]"] / 100],
        "end_capital": [portfolio.final_value(), stats["Equity Final [$]"]],
        "max_drawdown": [-portfolio.max_drawdown(), -stats["Max. Drawdown [%]"] / 100],
        "total_trades": [portfolio.trades.count(), stats["# Trades"]],
        "win_rate": [portfolio.trades.win_rate(), stats["Win Rate [%]"] / 100],
        "profit_factor": [portfolio.trades.profit_factor()],
        "expectancy": [portfolio.trades.expectancy()],
        "sqn": [portfolio.trades.sqn(), stats["SQN"]],
        "best_trade": [portfolio.trades.pnl.max(), stats["_trades"]["PnL"].max()],
        "worst_trade": [portfolio.trades.pnl.min(), stats["_trades"]["PnL"].min()],
        "longest_winning_streak": [portfolio.trades.winning_streak.max()],
        "longest_losing_streak": [portfolio.trades.losing_streak.max()],
        "total_commission": [portfolio.orders.fees.sum(), stats["Commissions [$]"]],
    }
    for name, values in found.items():
        assert values == [pytest.approx(mine[name], rel=1e-9)] * len(values), name


def test_ratios_come_from_day_ends_here_from_bars_in_vectorbt_and_from_compounding_in_backtesting_py(
    long_runs: tuple,
) -> None:
    """D17."""
    _, ours, vectorbt, backtesting = long_runs
    mine, portfolio, stats = ours.raw.metrics, vectorbt.raw, backtesting.raw
    bars = pd.Series(ours.equity).pct_change().dropna()
    year = pd.Timedelta(days=365) / pd.Timedelta(hours=1)
    assert portfolio.sharpe_ratio() == pytest.approx(bars.mean() / bars.std() * np.sqrt(year), rel=1e-3)
    assert portfolio.sharpe_ratio() != pytest.approx(mine["sharpe_ratio"], rel=0.01)
    days = pd.Series(ours.equity, ours.raw.candles[0].to_frame().index).resample("D").last().pct_change().dropna()
    compounded = (1 + days).prod() ** (stats_days(days) / len(days)) - 1
    assert stats["Return (Ann.) [%]"] / 100 == pytest.approx(compounded, rel=1e-6)
    assert stats["Sharpe Ratio"] == pytest.approx(stats["Return (Ann.) [%]"] / stats["Volatility (Ann.) [%]"])
    assert stats["Sharpe Ratio"] != pytest.approx(mine["sharpe_ratio"], rel=0.01)
    # A year of calendar time here, from the first candle's open to the last close; one bar less elsewhere.
    assert stats["CAGR [%]"] / 100 == pytest.approx(mine["cagr"], rel=2e-3)


def stats_days(days: pd.Series) -> int:
    """Days that backtesting.py takes a year to have: 365 where weekends are traded."""
    return 365 if days.index.day_of_week.isin([5, 6]).mean() > 2 / 7 * 0.6 else 252


def test_profits_are_money_here_and_percentages_in_backtesting_py(long_runs: tuple) -> None:
    """D18."""
    _, ours, _, backtesting = long_runs
    percent = backtesting.raw["_trades"]["ReturnPct"]
    factor = percent[percent > 0].sum() / -percent[percent < 0].sum()
    assert backtesting.raw["Profit Factor"] == pytest.approx(factor)
    assert factor != pytest.approx(ours.raw.metrics["profit_factor"], rel=1e-6)
    assert backtesting.raw["Expectancy [%]"] == pytest.approx(percent.mean() * 100)


def test_exposure_counts_closes_with_a_position_here_and_the_bar_of_the_exit_too_in_backtesting_py(
    long_runs: tuple,
) -> None:
    """D19."""
    candles, ours, _, backtesting = long_runs
    held = np.zeros(len(candles), dtype=bool)
    for trade in ours.trades:
        held[trade.entry_bar : trade.exit_bar] = True
    assert ours.raw.metrics["exposure"] == held.mean()
    for trade in ours.trades:
        held[trade.exit_bar] = True
    assert backtesting.raw["Exposure Time [%]"] / 100 == pytest.approx(held.mean())


# --- The page itself --------------------------------------------------------------------------------------------------


def test_every_difference_of_the_page_is_shown_by_a_test_and_the_other_way_round() -> None:
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    on_page = re.findall(r"^- \*\*(D\d+)\b", page, flags=re.MULTILINE)
    docs = [value.__doc__ or "" for name, value in globals().items() if name.startswith("test_")]
    text = " ".join(docs) + (ROOT / "tests" / "test_metrics_proof.py").read_text(encoding="utf-8")
    assert on_page == [f"D{number}" for number in range(1, len(on_page) + 1)]
    assert set(re.findall(r"\bD\d+\b", text)) == set(on_page)


def test_nothing_that_is_installed_imports_a_peer() -> None:
    """Their licences (AGPL, Commons Clause) bind those who distribute them; the laboratory does not."""
    files = [path for folder in ("sptrader_lab", "components") for path in (ROOT / folder).rglob("*.py")]
    pattern = re.compile(r"^\s*(?:from|import) (?:vectorbt|backtesting)\b", flags=re.MULTILINE)
    assert [path.name for path in files if pattern.search(path.read_text(encoding="utf-8"))] == []
