"""Results of several strategies in one account: who made what, saved whole, and told by every face."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from results_cases import START, a_portfolio, a_result, an_outcome, some_candles, table, trade

from sptrader_lab.errors import InputError
from sptrader_lab.results import registry
from sptrader_lab.results.breakdown import breakdown, by_both, correlation
from sptrader_lab.results.saved import load_result
from sptrader_lab.types import records
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.outcome import MARK
from sptrader_lab.types.signals import Overlay


def test_attribution_says_who_made_what_and_adds_up():
    """S15: of the last position's -22 the half it paid and the quarter it received belong to it."""
    result = a_portfolio()
    rows = result.attribution.set_index(["strategy", "symbol"])
    assert rows.loc[("trend", "AAPL")].to_dict() == {
        "trades": 2,
        "gross": 15.0,
        "costs": 2.0,
        "financing": 0.5,
        "open_pnl": 0.0,
        "pnl": 13.5,
        "refused": 1,
    }
    assert rows.loc[("carry", "MSFT"), ["trades", "gross", "financing", "pnl"]].tolist() == [1, 10.0, -2.0, 8.0]
    assert rows.loc[("carry", "AAPL"), ["trades", "open_pnl", "pnl", "refused"]].tolist() == [0, -22.25, -22.25, 1]
    assert rows.loc[("trend", "MSFT"), "pnl"] == 0.0  # it ran there and did nothing
    assert rows["pnl"].sum() == result.total_pnl == -0.75


def test_attribution_adds_up_by_strategy_and_by_symbol():
    result = a_portfolio()
    by_strategy, by_symbol = result.attribution_by("strategy"), result.attribution_by("symbol")
    assert by_strategy["strategy"].tolist() == ["trend", "carry"]
    assert by_strategy["pnl"].tolist() == [13.5, -14.25]
    assert by_symbol.set_index("symbol")["pnl"].to_dict() == {"AAPL": -8.75, "MSFT": 8.0}
    assert by_symbol["pnl"].sum() == result.total_pnl
    with pytest.raises(InputError, match=r"'symbols'.*'symbol'"):
        result.attribution_by("symbols")


def test_two_strategies_of_one_name_stay_two():
    result = a_portfolio(strategies=("same", "same"))
    assert result.attribution_by("strategy")["pnl"].tolist() == [13.5, -14.25]
    assert result.strategy_equity.shape == (72, 2)
    assert len(breakdown(result)[0].rows) == 3


def test_each_strategy_has_an_equity_of_its_own():
    """S14: its share of the capital and its own profit, so that together they are the account."""
    result = a_portfolio()
    own = result.strategy_equity
    assert own.columns.tolist() == ["trend", "carry"]
    assert own.iloc[-1].tolist() == [513.5, 485.75]
    pd.testing.assert_series_equal(own.sum(axis=1), result.equity, check_names=False)
    by_strategy = result.attribution_by("strategy")["pnl"]
    assert (own.iloc[-1].to_numpy() - result.strategy_capital).tolist() == by_strategy.tolist()


def test_the_equity_of_the_only_strategy_is_the_account_s():
    result = a_result()
    assert result.strategy_equity.columns.tolist() == ["cross"]
    assert result.strategy_equity["cross"].tolist() == result.equity.tolist()
    assert breakdown(result) == correlation(result) == by_both(result) == []


def test_strategies_correlate_by_their_daily_profits():
    """Days: trend +19, -5.5, 0; carry +8, 0, -22.25."""
    found = a_portfolio().strategy_correlation
    expected = np.corrcoef([19.0, -5.5, 0.0], [8.0, 0.0, -22.25])[0, 1]
    assert found.loc["trend", "carry"] == pytest.approx(expected, rel=1e-12)
    assert found.loc["trend", "trend"] == pytest.approx(1.0)


def test_a_position_closed_in_parts_is_a_trade_per_part():
    result = a_portfolio()
    assert result.trades["part"].tolist() == [1, 0, 2]
    assert result.trades["financing"].tolist() == [0.0, -2.0, 0.5]
    assert result.trades.columns.tolist()[9:16] == [
        *["pnl", "pnl_percent", "gross", "costs", "part", "financing", "exit_reason"]
    ]
    assert (result.total_trades, result.metrics["total_positions"]) == (3, 2)
    assert result.metrics["win_rate"] == 2 / 3


def test_cash_flows_read_as_words_and_are_the_financing():
    result = a_portfolio()
    assert result.cashflows["kind"].tolist() == ["swap", "swap", "dividend"]
    assert result.cashflows["strategy"].tolist() == ["carry", "trend", "carry"]
    assert result.metrics["total_financing"] == result.final_portfolio["total_financing"] == -1.25
    trades, still = result.trades["financing"].sum(), result.positions["financing"].sum()
    assert trades + still == result.cashflows["amount"].sum()
    assert "total_financing" in result.describe()
    assert "total_financing" not in a_result().describe()


def test_leverage_is_what_is_held_over_what_is_owned():
    """1,500 on 1,027 for a third of the time, then nothing, then 172."""
    metrics = a_portfolio().metrics
    assert metrics["max_leverage"] == pytest.approx(1500 / 1027)
    assert metrics["average_leverage"] == pytest.approx((1500 / 1027 + 172 / 999.25) / 3)


@pytest.mark.parametrize(("financed", "expected"), [(1, 2 * (172.5 - 100) * 0.5), (0, 2 * (172.5 * 0.5 - 100 * 0.75))])
def test_open_positions_are_marked_on_their_side_at_the_last_rate(financed, expected):
    """S9, S12: a long leaves at the bid; what is owned was paid for at the rate of its entry."""
    position = {"id": 1, "side": 1, "quantity": 2.0, "entry_price": 100.0, "entry_rate": 0.75}
    marks = table(MARK, {"bid": 172.5, "ask": 173.5, "rate": 0.5, "financed": financed})
    outcome = an_outcome([START + HOUR], [1000 + expected], positions=table(records.POSITION, position), marks=marks)
    result = a_result(outcome=outcome)
    assert result.positions["mark"].tolist() == [172.5]
    assert result.positions["unrealized_pnl"].tolist() == [expected]
    assert result.attribution["pnl"].tolist() == [result.total_pnl]


def test_profits_are_a_percentage_of_the_value_in_account_money():
    outcome = an_outcome([START + HOUR], [1000.0], trades=table(records.TRADE, trade(1, 20.0, rate=0.5)))
    assert a_result(outcome=outcome).trades["pnl_percent"].tolist() == [20.0]  # 20 on 2 x 100 x 0.5


def test_the_summary_tells_strategies_symbols_and_what_limits_refused():
    text = a_portfolio().describe()
    assert text.startswith("trend, carry on AAPL, MSFT 1h (made), 72 steps")
    lines = [line.split() for line in text.splitlines()]
    assert ["trend", "2", "15.00", "2.00", "0.50", "0.00", "13.50", "1"] in lines
    assert ["all", "3", "25.00", "2.00", "-1.50", "-22.25", "-0.75", "2"] in lines
    assert ["MSFT", "1", "10.00", "0.00", "-2.00", "0.00", "8.00", "0"] in lines
    assert "max_account_positions 1 (the account held as many positions as allowed)" in text
    assert "Profit by symbol" in a_portfolio()._repr_html_()


def test_a_title_lists_a_few_names_and_counts_the_rest():
    names = tuple(f"s{number}" for number in range(9))
    own = np.full((72, 9), 1.0)
    shares = table(records.SHARE, *[{"base": 1.0}] * 9)
    outcome = an_outcome(some_candles().close_time, own.sum(axis=1), strategy_equity=own, shares=shares)
    assert (
        a_portfolio(strategies=names, outcome=outcome).describe().startswith("s0, s1, s2, s3 and 5 more on AAPL, MSFT")
    )


def test_a_portfolio_comes_back_whole(tmp_path):
    other = some_candles(24, "EURUSD", "1d")
    result = a_portfolio(references=(other,), instruments=())
    again = load_result(result.save(tmp_path), tmp_path)
    assert (again.run_id, again.digest) == (result.run_id, result.digest)
    assert again.to_dict() == result.to_dict()
    assert again.describe() == result.describe()
    for name in ("attribution", "cashflows", "strategy_equity", "positions", "trades", "strategy_correlation"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name), check_exact=True)
    assert [one.fingerprint for one in again.references] == [other.fingerprint]
    assert len(list((tmp_path / "candles").iterdir())) == 3


def test_marks_splits_and_overlays_under_one_name_come_back(tmp_path):
    marks = table(MARK, *[{"bid": 171.5, "ask": 172.5, "rate": 0.9, "financed": 1}] * 2)
    outcome = a_portfolio().outcome
    plain = a_portfolio().instruments
    dated = plain[0]._replace(splits=((START + HOUR, 2.0),), dividends=((START, 0.5), (START + HOUR, 0.25)))
    lines = tuple(Overlay("sma(10)", pane, np.full(72, float(n))) for n, pane in enumerate(["price", "price", "own"]))
    result = a_portfolio(
        outcome=type(outcome)(**{**vars(outcome), "marks": marks}),
        instruments=(dated, plain[1]),
        overlays={"AAPL": lines},
    )
    again = load_result(result.save(tmp_path), tmp_path)
    assert again.instruments == result.instruments
    assert again.positions["unrealized_pnl"].tolist() == result.positions["unrealized_pnl"].tolist()
    assert [(one.label, one.pane, one.values[0]) for one in again.overlays["AAPL"]] == [
        *[("sma(10)", "price", 0.0), ("sma(10)", "price", 1.0), ("sma(10)", "own", 2.0)]
    ]


def test_duckdb_reads_cash_flows_and_the_equity_of_strategies(tmp_path):
    a_result().save(tmp_path)
    assert registry.query("SELECT * FROM cashflows", tmp_path).empty
    assert registry.query("SELECT run_id, equity FROM strategy_equity", tmp_path).empty
    run_id = a_portfolio().save(tmp_path)
    flows = registry.query(
        "SELECT run_id, kind, sum(amount) AS paid FROM cashflows GROUP BY ALL ORDER BY kind", tmp_path
    )
    assert flows["run_id"].tolist() == [run_id] * 2
    assert flows["paid"].tolist() == [0.25, -1.5]
    last = "SELECT strategy, arg_max(equity, time) AS equity FROM strategy_equity GROUP BY strategy ORDER BY equity"
    assert registry.query(last, tmp_path)["equity"].tolist() == [485.75, 513.5]
    assert registry.query("SELECT strategy, symbol FROM runs ORDER BY 1 DESC", tmp_path).to_numpy().tolist() == [
        ["trend, carry", "AAPL, MSFT"],
        ["cross", "AAPL"],
    ]


def test_csv_files_hold_who_made_what(tmp_path):
    folder = a_portfolio().to_csv(tmp_path)
    assert pd.read_csv(folder / "attribution.csv")["pnl"].sum() == -0.75
    assert pd.read_csv(folder / "equity.csv")["equity of carry"].iloc[-1] == 485.75
    assert pd.read_csv(folder / "cashflows.csv")["amount"].tolist() == [-2.0, 0.5, 0.25]


def test_the_document_holds_who_made_what():
    document = a_portfolio().to_dict()
    assert sum(row["pnl"] for row in document["attribution"]) == -0.75
    assert json.loads(json.dumps(document, allow_nan=False)) == document
