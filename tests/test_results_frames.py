"""A result's tables, series and texts, on a run small enough to check by eye."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from results_cases import START, a_result, an_outcome, some_candles, table, trade

from sptrader_lab.errors import LabError, RunError
from sptrader_lab.results import faces
from sptrader_lab.results.metrics import METRICS
from sptrader_lab.results.result import Result
from sptrader_lab.types import reasons, records
from sptrader_lab.types.calendar import DAY, HOUR, DayEnd
from sptrader_lab.types.instruments import instrument
from sptrader_lab.types.signals import SignalEvents

TABLES = ("trades", "orders", "fills", "refusals", "positions", "signals")
LEGACY = (
    "total_trades winning_trades losing_trades total_pnl max_drawdown sharpe_ratio start_capital end_capital "
    "signals_generated order_decisions executed_orders completed_trades final_portfolio daily_returns"
)
LEGACY_TRADE = (
    "id symbol side entry_time entry_price exit_time exit_price quantity pnl pnl_percent exit_reason "
    "holding_period_hours"
)


def an_empty_result() -> Result:
    return a_result(outcome=an_outcome([], []), signal_events=())


def test_trades_read_as_words():
    won, lost = a_result().trades.to_dict("records")
    assert (won["strategy"], won["symbol"], won["side"]) == ("cross", "AAPL", "long")
    assert won["entry_time"] == pd.Timestamp("2025-01-06T02:00Z")
    assert won["holding_period_hours"] == 2.0
    assert (won["pnl"], won["gross"], won["costs"], won["target"]) == (20.0, 20.5, 0.5, 110.0)
    assert won["pnl_percent"] == 10.0  # 20 on 2 units at 100
    assert (lost["side"], lost["exit_reason"]) == ("short", "stop_loss")
    assert won["ambiguous"] is False


def test_orders_fills_and_refusals_read_as_words():
    result = a_result()
    assert result.orders["side"].tolist() == ["buy", "sell", "buy"]
    assert result.orders["action"].tolist() == ["entry", "exit", "entry"]
    assert result.orders["kind"].tolist() == ["market", "stop", "market"]
    assert result.orders["status"].tolist() == ["filled", "filled", "refused"]
    assert result.orders["unfilled_reason"].tolist() == ["", "", "not_covered"]
    assert result.fills["side"].tolist() == ["buy", "sell"]
    assert result.refusals["reason"].tolist() == ["max_positions", "not_covered", "max_positions"]
    assert result.refusals["side"].tolist() == ["short", "long", "long"]
    assert result.refusal_counts == {"max_positions": 2, "not_covered": 1}


def test_open_positions_are_marked_at_the_last_close():
    """Open at the end is not a trade: one unit from 142 to the last close of 172."""
    result = a_result()
    (position,) = result.positions.to_dict("records")
    assert (position["mark"], position["unrealized_pnl"]) == (172.0, 30.0)
    assert (position["holding_period_hours"], position["bars"]) == (32.0, 32)
    assert result.start_capital + result.trades["pnl"].sum() + position["unrealized_pnl"] == result.end_capital  # S15


def test_the_value_of_a_point_scales_percentages_and_marks():
    """S12."""
    result = a_result(instruments=(instrument("AAPL")._replace(multiplier=10.0),))
    assert result.positions["unrealized_pnl"].tolist() == [300.0]
    assert result.trades["pnl_percent"].tolist() == [1.0, -0.5]


def test_signals_stand_at_the_close_at_which_they_are_known():
    """S2: the event of bar 1, which opens at 01:00, is known at 02:00."""
    signals = a_result().signals
    assert signals["time"].tolist() == [pd.Timestamp("2025-01-06T02:00Z"), pd.Timestamp("2025-01-06T04:00Z")]
    assert signals["crossover_type"].tolist() == ["golden_cross", "death_cross"]
    assert signals["signal_strength"].tolist() == [0.5, 0.25]


def test_signals_of_several_components_share_a_table_in_the_order_of_time():
    events = (
        SignalEvents(0, 0, "late", np.array([5]), {"level": np.array([1.5])}),
        SignalEvents(0, 0, "never", np.empty(0, np.int64), {"level": np.empty(0)}),
        SignalEvents(0, 0, "early", np.array([2, 9]), {"bar": np.array(["up", "down"], dtype=object)}),
    )
    signals = a_result(signal_events=events).signals
    assert signals["name"].tolist() == ["early", "late", "early"]
    assert signals["bar"].tolist() == [2, 5, 9]
    assert signals["level"].isna().tolist() == [True, False, True]
    assert signals["bar_output"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_has_the_columns_and_types_of_a_full_one(name):
    empty, full = getattr(an_empty_result(), name), getattr(a_result(), name)
    assert len(empty) == 0
    outputs = {"crossover_type", "signal_strength"}
    assert empty.dtypes.to_dict() == {column: kind for column, kind in full.dtypes.items() if column not in outputs}


def test_a_run_without_steps_still_tells_everything():
    result = an_empty_result()
    assert result.end_capital == 1000.0
    assert math.isnan(result.sharpe_ratio)
    assert len(result.equity) == len(result.drawdown) == len(result.daily_returns) == len(result.monthly_returns) == 0
    assert result.final_portfolio["daily_pnl"] == 0.0
    assert "no steps" in result.describe()
    json.dumps(result.to_dict(), allow_nan=False)


def test_series_are_indexed_by_closing_instants():
    """S1."""
    result = a_result()
    assert str(result.equity.index.dtype) == "datetime64[ns, UTC]"
    assert result.equity.index[0] == pd.Timestamp("2025-01-06T01:00Z")
    assert result.equity.iloc[-1] == 1040.0
    assert result.exposure.iloc[:18].eq(100.0).all()
    assert result.metrics["exposure"] == 0.25


def test_the_drawdown_is_a_positive_fraction_of_a_mark_that_starts_at_the_capital():
    """S14: nothing above the capital yet is still a drawdown from it."""
    time = START + HOUR * np.arange(1, 5)
    result = a_result(outcome=an_outcome(time, [900.0, 1100.0, 990.0, 1100.0]))
    assert result.drawdown.tolist() == pytest.approx([0.1, 0.0, 0.1, 0.0])


def test_daily_series_are_named_after_the_trading_day():
    """S4: the day that ends at 17:00 in New York is named after its last nanosecond's date there."""
    result = a_result()
    assert result.daily_equity.to_dict() == {
        pd.Timestamp("2025-01-06"): 1020.0,
        pd.Timestamp("2025-01-07"): 1010.0,
        pd.Timestamp("2025-01-08"): 1040.0,
    }
    assert result.daily_returns.tolist() == pytest.approx([0.02, -10 / 1020, 30 / 1010])
    sunday = int(pd.Timestamp("2025-01-05T23:00Z").value)
    fx = a_result(outcome=an_outcome([sunday], [1001.0]), day_end=DayEnd(17, 0, "America/New_York"))
    assert fx.daily_equity.index.tolist() == [pd.Timestamp("2025-01-06")]


@given(st.lists(st.floats(0.9, 1.1), min_size=1, max_size=40), st.integers(1, 40))
def test_monthly_returns_compound_to_the_years_and_the_years_to_the_whole(factors, gap):
    time = START + DAY * gap * np.arange(1, len(factors) + 1)
    result = a_result(outcome=an_outcome(time, 1000.0 * np.cumprod(factors)))
    table = result.monthly_returns
    months = (1 + table[[*range(1, 13)]]).prod(axis=1)
    assert months.tolist() == pytest.approx((1 + table["total"]).tolist())
    assert (1 + table["total"]).prod() - 1 == pytest.approx(result.metrics["total_return"])
    assert table.notna().to_numpy()[:, :12].sum() == result.daily_equity.index.to_period("M").nunique()


def test_every_legacy_name_is_an_attribute_and_in_the_document():
    """formats.md section 5."""
    result = a_result()
    document = result.to_dict()
    for name in LEGACY.split():
        getattr(result, name)
        assert name in document, name
    for name in LEGACY_TRADE.split():
        assert name in document["completed_trades"][0], name
    assert document["completed_trades"][0]["exit_time"] == "2025-01-06T04:00:00+00:00"
    assert result.completed_trades == document["completed_trades"]
    assert set(document["metrics"]) == set(METRICS)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (result.signals_generated, result.order_decisions, result.executed_orders) == (2, 3, 2)


def test_the_final_portfolio_says_where_the_account_stands():
    portfolio = a_result().final_portfolio
    assert (portfolio["cash"], portfolio["total_value"]) == (868.0, 1040.0)
    assert (portfolio["daily_pnl"], portfolio["total_pnl"]) == (30.0, 40.0)
    assert portfolio["max_drawdown"] == 10 / 1020
    assert [one["mark"] for one in portfolio["positions"]] == [172.0]


def test_buy_and_hold_starts_where_the_run_starts():
    """Warm-up precedes the start: the first step closes bar 10, which opens at 110; the last close is 172."""
    candles = some_candles()
    time = candles.close_time[10:]
    result = a_result(outcome=an_outcome(time, np.full(len(time), 1000.0)))
    assert result.metrics["buy_and_hold_return"] == pytest.approx(172 / 110 - 1)
    both = a_result(candles=(candles, some_candles(symbol="MSFT")))
    assert math.isnan(both.metrics["buy_and_hold_return"])


def test_the_profit_band_runs_nothing_where_nothing_is_ambiguous():
    """S7."""

    def refuse():
        raise AssertionError("the band was run")

    assert a_result(band=refuse).profit_band == (40.0, 40.0)


def test_the_profit_band_is_run_once_when_a_trade_is_ambiguous():
    """S7."""
    runs = []
    trades = table(records.TRADE, trade(1, 20.0, ambiguous=1))
    outcome = an_outcome([START + DAY], [1020.0], trades=trades)
    result = a_result(outcome=outcome, band=lambda: runs.append(1) or (-5.0, 20.0))
    assert result.total_pnl == result.metrics["expectancy"] == 20.0
    assert "profit_band_low" not in result.metrics
    assert not runs
    assert "ambiguous trades: 1, the profit lies between -5.00 and 20.00" in result.describe()
    assert (result.profit_band, result.profit_band) == ((-5.0, 20.0), (-5.0, 20.0))
    assert (result.metrics["profit_band_low"], result.metrics["profit_band_high"]) == (-5.0, 20.0)
    assert result.to_dict()["profit_band"] == [-5.0, 20.0]
    assert len(runs) == 1


def test_a_profit_band_that_was_not_kept_is_said_so():
    trades = table(records.TRADE, trade(1, 20.0, ambiguous=1))
    result = a_result(outcome=an_outcome([START + DAY], [1020.0], trades=trades))
    assert "ambiguous trades: 1; what they could change was not kept" in result.describe()
    assert math.isnan(result.metrics["profit_band_low"])
    assert result.to_dict()["profit_band"] is None
    with pytest.raises(RunError, match="was not kept"):
        _ = result.profit_band


def test_the_run_id_names_the_inputs_and_nothing_else():
    one = a_result(manifest={"b": 1, "a": (1, 2)})
    assert one.run_id == a_result(manifest={"a": [1, 2], "b": np.int64(1)}, warnings=(), seconds={}).run_id
    assert one.run_id != a_result(manifest={"b": 1, "a": [1, 3]}).run_id
    assert len(one.run_id) == 64


def test_the_summary_says_what_a_reader_must_know():
    text = a_result().describe()
    for part in (
        "cross on AAPL 1h (made), 72 candles, 2025-01-06T00:00 .. 2025-01-08T23:00 UTC",
        "1,000.00 -> 1,040.00 USD",
        "4.00 %",
        "refused entries: max_positions 2 (as many positions as allowed were open), not_covered 1 (more than the account can pay)",
        "0.75 (commission 0.50 + slippage 0.25)",
        "positions open at the end: 1",
        "look-ahead: 3 prefixes",
        "warning: `live.alert_on_signal`",
        a_result().run_id[:12],
    ):
        assert part in text, part


def test_the_title_names_the_openings_of_the_first_and_the_last_candle_that_was_run():
    """Warm-up precedes the first step, and candles may go on behind the last one."""
    candles = some_candles()
    time = candles.close_time[10:60]
    result = a_result(outcome=an_outcome(time, np.full(len(time), 1000.0)))
    assert result.span == (candles.time[10], candles.time[59])
    assert "50 candles, 2025-01-06T10:00 .. 2025-01-08T11:00 UTC" in result.describe()
    two = a_result(candles=(candles, some_candles(symbol="MSFT")))
    assert "72 steps, 2025-01-06T00:00 .. 2025-01-08T23:00 UTC" in two.describe()
    assert an_empty_result().span == (0, 0)


def test_a_misspelt_number_names_the_nearest():
    result = a_result()
    with pytest.raises(AttributeError, match=r"a Result has no 'sharp_ratio'; did you mean sharpe_ratio\?"):
        result.sharp_ratio  # noqa: B018 - the access is the test
    with pytest.raises(AttributeError, match=r"no 'profit_facto'; did you mean metrics\['profit_factor'\]\?"):
        result.profit_facto  # noqa: B018
    with pytest.raises(AttributeError, match=r"a Result has no '_x'$"):
        result._x  # noqa: B018
    with pytest.raises(KeyError, match=r"unknown metric 'sharp_ratio'. Did you mean 'sharpe_ratio'"):
        result.metrics["sharp_ratio"]
    assert result.metrics.get("sharp_ratio") is None


def test_an_error_inside_a_result_is_not_mistaken_for_a_misspelling():
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'trades'"):
        a_result(outcome=None).trades  # noqa: B018


def test_every_refusal_is_explained_in_plain_words():
    """All reasons that the kernel refuses entries for; the others say why a trade ended."""
    exits = {reasons.BREAK_EVEN, reasons.SESSION_EXIT, reasons.MARGIN_CALL}
    assert set(reasons.PLAIN) == set(range(reasons.MAX_POSITIONS, len(reasons.REASONS))) - exits
    assert len(set(reasons.PLAIN.values())) == len(reasons.PLAIN)


def test_csv_floats_read_back_exactly(tmp_path):
    third = 1.0 / 3.0
    outcome = an_outcome([START + HOUR], [1000 + third], trades=table(records.TRADE, trade(1, third)))
    result = a_result(outcome=outcome)
    folder = result.to_csv(tmp_path / "out")
    names = ["attribution", "cashflows", "equity", "fills", "metrics", "orders", "trades"]
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.csv" for name in names]
    trades = pd.read_csv(folder / "trades.csv", parse_dates=["entry_time"])
    assert trades["pnl"].tolist() == [third]
    assert trades["entry_time"].tolist() == result.trades["entry_time"].tolist()
    with (folder / "metrics.csv").open() as file:
        rows = {row["name"]: row["value"] for row in csv.DictReader(file)}
    assert float(rows["end_capital"]) == 1000 + third
    assert rows["total_trades"] == "1"
    assert math.isnan(float(rows["sharpe_ratio"]))
    equity = pd.read_csv(folder / "equity.csv")
    assert equity["equity"].tolist() == [1000 + third]


def test_words_stand_for_every_reason():
    rows = [trade(number, 1.0, reason=number) for number in range(len(reasons.REASONS))]
    outcome = an_outcome([START + HOUR], [1.0], trades=table(records.TRADE, *rows))
    assert a_result(outcome=outcome).trades["exit_reason"].tolist() == list(reasons.REASONS)


@pytest.fixture
def no_faces(monkeypatch):
    monkeypatch.setattr(faces, "_REGISTERED", {})


@pytest.mark.usefixtures("no_faces")
def test_without_a_face_drawing_is_a_clear_error_and_a_cell_shows_numbers():
    result = a_result(warnings=("a < b",))
    with pytest.raises(LabError, match="can plot a result; `import sptrader_lab`"):
        result.plot()
    with pytest.raises(LabError, match="report"):
        result.report("out.html")
    assert result._repr_mimebundle_() == {}
    html = result._repr_html_()
    assert "<td>4.00 %</td>" in html
    assert "a &lt; b" in html
    assert repr(result) == "<Result " + result.describe().splitlines()[0] + ": 2 trades, 4.00 %>"


@pytest.mark.usefixtures("no_faces")
def test_registered_faces_answer_for_the_result():
    result = a_result()
    faces.register("plot", lambda shown, **options: (shown, options))
    faces.register("report", lambda shown, path, **options: path.write_text(shown.describe()))
    faces.register("show", lambda shown: {"text/plain": repr(shown)})
    assert result.plot(width=3) == (result, {"width": 3})
    assert result._repr_mimebundle_(include=None, exclude=None) == {"text/plain": repr(result)}


@pytest.mark.usefixtures("no_faces")
def test_a_report_is_written_where_it_was_asked_for(tmp_path):
    faces.register("report", lambda shown, path, **options: path.write_text(shown.describe()))
    path = a_result().report(tmp_path / "out.html")
    assert path.read_text() == a_result().describe()


@pytest.mark.usefixtures("no_faces")
def test_a_notebook_cell_shows_the_widget_and_keeps_the_numbers_beside_it():
    """The widget's MIME type wins where it can be drawn; where it can't (a web page, an export), the table is there."""

    class Widget:
        def _repr_mimebundle_(self, **kinds):
            return {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}, {}

    bare, _ = DisplayFormatter().format(a_result())
    assert set(bare) == {"text/plain", "text/html"}
    faces.register("show", lambda shown: Widget())
    shown, _ = DisplayFormatter().format(a_result())
    assert set(shown) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}


def test_the_documentation_names_every_metric_with_its_unit():
    text = (Path(__file__).parent.parent / "docs" / "results.md").read_text(encoding="utf-8")
    for name, metric in METRICS.items():
        assert f"| `{name}` | {metric.unit} | {metric.meaning.removesuffix(' (S7)')}" in text, name
