"""Figures of real results: what is in them is what the run says."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from bokeh.core.validation import check_integrity
from bokeh.document import Document
from bokeh.models import ColumnDataSource, CustomJSTicker, DatetimeTicker, GlyphRenderer, HoverTool, Scatter
from bokeh.models.annotations import Label, LegendItem
from chart_results import make_portfolio, make_result, random_candles

from sptrader_lab.charts.distribution import trade_distribution
from sptrader_lab.charts.equity import MOST_EXITS, equity_chart, equity_drawing
from sptrader_lab.charts.layout import price_drawing, result_drawing, result_layout
from sptrader_lab.charts.marks import MOST_TRADES, in_view, largest, marks
from sptrader_lab.charts.months import monthly_heatmap
from sptrader_lab.charts.numbers import percent
from sptrader_lab.charts.price import price_chart
from sptrader_lab.errors import InputError
from sptrader_lab.results.result import Result
from sptrader_lab.types.candles import Candles

DAY_HOLDING = {"stop_fraction": 0.002, "target_fraction": 0.002}


@pytest.fixture(scope="module")
def result() -> Result:
    return make_result()


@pytest.fixture(scope="module")
def portfolio() -> Result:
    return make_portfolio()


@pytest.fixture(scope="module")
def quiet() -> Result:
    return make_result(trade=False)


def rows(root: Any) -> Any:
    return next(source.data for source in root.select({"type": ColumnDataSource}) if "low" in source.data)


def trades(root: Any) -> Any:
    return next(source.data for source in root.select({"type": ColumnDataSource}) if "entry_price" in source.data)


def is_sound(root: Any) -> bool:
    """Bokeh finds nothing wrong, every source's columns are of one length, and the whole can be sent."""
    document = Document()
    document.add_root(root)
    issues = check_integrity(document.models)
    for source in root.select({"type": ColumnDataSource}):
        assert len({len(column) for column in source.data.values()}) <= 1
    assert document.to_json(deferred=False)["roots"]
    return not issues.error and not issues.warning


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
@pytest.mark.parametrize("gaps", [False, True])
def test_every_figure_is_sound_in_every_look(result: Result, theme: str, gaps: bool) -> None:
    assert is_sound(result_layout(result, gaps=gaps, theme=theme))
    assert is_sound(price_chart(result, gaps=gaps, theme=theme))
    assert is_sound(equity_chart(result, gaps=gaps, theme=theme))
    assert is_sound(monthly_heatmap(result, theme=theme))
    assert is_sound(trade_distribution(result, theme=theme))


def test_drawing_changes_nothing_in_the_result(result: Result) -> None:
    before = result.digest, len(result.trades)
    result_layout(result)
    assert (result.digest, len(result.trades)) == before


def test_candles_stand_side_by_side_over_weekends_unless_gaps_are_wanted(result: Result) -> None:
    fig = price_chart(result)
    assert np.array_equal(np.diff(rows(fig)["x"]), np.ones(599))
    assert isinstance(fig.xaxis[0].ticker, CustomJSTicker)
    real = price_chart(result, gaps=True)
    assert np.array_equal(rows(real)["x"], result.candles[0].time / 1e6)
    assert isinstance(real.xaxis[0].ticker, DatetimeTicker)


def test_a_long_series_is_drawn_in_few_rows_that_keep_every_extreme_and_the_title_says_so(result: Result) -> None:
    fig = price_chart(result, max_candles=100)
    drawn = rows(fig)
    assert len(drawn["x"]) == 100
    assert drawn["high"].max() == result.candles[0].high.max()
    assert drawn["low"].min() == result.candles[0].low.min()
    assert "each candle here = 6 \N{MULTIPLICATION SIGN} 1h" in fig.title.text
    assert "each candle" not in price_chart(result).title.text


def test_indicators_end_where_their_candle_ends(result: Result) -> None:
    fig = price_chart(result, max_candles=100)
    sma = result.overlays["EURUSD"][0].values
    assert np.array_equal(rows(fig)["line0"], sma[5::6], equal_nan=True)


def test_trades_lie_at_their_bars_and_prices(result: Result) -> None:
    table = result.trades
    drawn = trades(price_chart(result))
    count = len(table)
    assert count > 10
    assert np.array_equal(drawn["entry"][:count], table["entry_bar"])
    assert np.array_equal(drawn["exit"][:count], table["exit_bar"])
    assert np.array_equal(drawn["entry_price"][:count], table["entry_price"])
    assert np.array_equal(drawn["exit_price"][:count], table["exit_price"])
    assert np.array_equal(drawn["won"][:count], table["pnl"] > 0)
    assert drawn["side"][:count] == table["side"].tolist()
    low, high = result.candles[0].low[table["entry_bar"]], result.candles[0].high[table["entry_bar"]]
    assert np.array_equal(drawn["anchor"][:count], np.where(table["side"] == "long", low, high))


def test_a_trade_says_its_facts_under_the_pointer(result: Result) -> None:
    drawn, first = trades(price_chart(result)), result.trades.iloc[0]
    assert drawn["head"][0] == f"Trade {first['id']} · {first['side']}"
    assert drawn["entered"][0] == f"{first['entry_time']:%Y-%m-%d %H:%M} at {first['entry_price']:.5f}"
    assert drawn["why"][0] == first["exit_reason"].replace("_", " ")
    assert drawn["label"][0].lstrip("+\N{MINUS SIGN}") == f"{abs(first['pnl']):,.2f}"
    assert drawn["move"][0].endswith("pips")


def test_an_open_position_is_drawn_to_the_last_candle_without_a_cross(result: Result) -> None:
    still = result.outcome.positions
    assert len(still) == 1
    drawn = trades(price_chart(result))
    assert drawn["state"].count("open") == 1
    assert drawn["exit"][-1] == 599
    assert drawn["exit_price"][-1] == result.candles[0].close[-1]
    assert drawn["label"][-1].endswith(" open")


def names(fig: Any) -> list[str]:
    return [item.label.value for item in fig.legend[0].items]


def test_a_portfolio_tells_its_strategies_apart_by_colour_name_and_pointer(portfolio: Result) -> None:
    fig = price_chart(portfolio, "EURUSD")
    assert names(fig)[:6] == ["sma(8)", "sma(21)", "sma(55)", "trend", "buys dips", "slow"]
    assert names(price_chart(portfolio, "GBPUSD"))[:5] == ["sma(8)", "sma(21)", "sma(55)", "trend", "buys dips"]
    own = portfolio.trades[portfolio.trades["symbol"] == "EURUSD"]
    assert trades(fig)["strategy"][: len(own)] == own["strategy"].tolist()
    colours = {item.label.value: item.renderers[1].glyph.fill_color for item in fig.legend[0].items[3:6]}
    assert len(set(colours.values())) == 3
    assert is_sound(result_layout(portfolio, "GBPUSD"))
    assert any("strategy" in str(tool.tooltips) for tool in fig.select({"type": HoverTool}))


def test_parts_limit_entries_and_moved_stops_are_marked(portfolio: Result) -> None:
    table = portfolio.trades[portfolio.trades["symbol"] == "GBPUSD"].reset_index()
    drawn = trades(price_chart(portfolio, "GBPUSD"))
    count = len(table)
    parts = table[table["part"] > 0]
    first = parts[parts["part"] == 1].index
    assert len(first) > 5
    assert {drawn["state"][place] for place in first} == {"part"}
    whole = table[(table["part"] == 0)].index
    assert {drawn["state"][place] for place in whole} == {"closed"}
    assert [drawn["state"][place] for place in range(count)].count("part") == (table["part"] == 1).sum()
    assert drawn["head"][first[0]] == f"Trade {parts.loc[first[0], 'id']}.1 · {parts.loc[first[0], 'side']}"
    moved = table["exit_reason"].isin(["trailing_stop", "break_even"])
    assert [each == "yes" for each in drawn["moved"][:count]] == moved.tolist()
    kinds = portfolio.orders.set_index("id")["kind"]
    limits = [kinds[order] == "limit" for order in table["entry_order"]]
    assert any(limits)
    assert [each == "yes" for each in drawn["at_level"][:count]] == limits
    assert [each.endswith("(limit order)") for each in drawn["entered"][:count]] == limits
    wanted = ["limit or stop entry", "exit", "part closed", "stop", "target", "moved stop"]
    assert names(price_chart(portfolio, "GBPUSD"))[5:] == wanted


def test_a_simple_run_has_no_words_for_what_it_does_not_do(result: Result) -> None:
    fig = price_chart(result)
    assert not {"part closed", "moved stop", "limit or stop entry"} & set(names(fig))
    assert not any("financing" in str(tool.tooltips) for tool in fig.select({"type": HoverTool}))
    assert len(equity_chart(result).children[0].legend) == 0


def test_equity_is_drawn_with_what_each_strategy_alone_has_made(portfolio: Result) -> None:
    """All lines start at the capital and what they have made adds up to the account."""
    equity = equity_chart(portfolio).children[0]
    assert names(equity) == ["account", "trend alone", "buys dips alone", "slow alone"]
    data = next(source.data for source in equity.select({"type": ColumnDataSource}) if "capital" in source.data)
    own = np.array([data[f"own{number}"] for number in range(3)])
    assert np.allclose((own - 10_000.0).sum(axis=0), data["equity"] - 10_000.0, rtol=0, atol=1e-6)
    assert np.array_equal(own[:, 0], [10_000.0] * 3)
    assert own[2, -1] - 10_000.0 == pytest.approx(portfolio.attribution_by("strategy")["pnl"][2])


def test_one_line_that_two_strategies_share_is_drawn_once(portfolio: Result) -> None:
    assert len(portfolio.overlays["EURUSD"]) == 4
    assert names(price_chart(portfolio))[:3] == ["sma(8)", "sma(21)", "sma(55)"]


def test_marks_are_numbers_so_that_nothing_is_skipped_in_silence(result: Result) -> None:
    drawn = trades(price_chart(result))
    for name in ("entry", "exit", "anchor", "pixels", "cross", "won"):
        assert np.isfinite(np.asarray(drawn[name], dtype=np.float64)).all()
    used = {
        getattr(renderer.glyph.size, "field", None) or renderer.glyph.size
        for renderer in price_chart(result).renderers
        if isinstance(renderer.glyph, Scatter)
    }
    assert {"pixels", "cross"} <= used


def test_ambiguous_trades_are_marked_and_named() -> None:
    """S7: stop and target so close that one candle reaches both."""
    doubtful = make_result(**DAY_HOLDING)
    assert doubtful.ambiguous_trades > 0
    fig = price_chart(doubtful)
    assert trades(fig)["ambiguous"].count("yes") == doubtful.ambiguous_trades
    assert any("both in reach" in why for why in trades(fig)["why"])
    assert "ambiguous" in [item.label.value for item in fig.select({"type": LegendItem})]


def test_thousands_of_trades_are_cut_to_the_largest_and_the_title_counts_them() -> None:
    busy = make_result(random_candles(14_000), fast=2, slow=4)
    count = len(busy.trades)
    assert count > MOST_TRADES
    fig = price_chart(busy)
    assert len(trades(fig)["entry"]) == MOST_TRADES
    assert f"{MOST_TRADES:,} of {count + len(busy.outcome.positions):,} trades drawn" in fig.title.text
    assert np.isnan(trades(fig)["stop"]).all()
    assert np.isfinite(trades(price_chart(busy, end="2025-01-10"))["stop"]).all()
    every = marks(busy, 0)
    kept = largest(every, in_view(every, 0, 14_000))
    assert np.abs(every.pnl[kept]).min() >= np.sort(np.abs(every.pnl))[-MOST_TRADES]
    assert "marked, the largest" in equity_chart(busy).children[0].title.text


def test_a_stretch_draws_its_candles_and_the_trades_that_lived_in_it(result: Result) -> None:
    fig = price_chart(result, start="2025-01-13", end="2025-01-14")
    opened = result.candles[0].time[np.asarray(rows(fig)["x"], dtype=int)].view("datetime64[ns]")
    assert str(opened[0])[:16] == "2025-01-13T00:00"
    assert str(opened[-1])[:16] == "2025-01-14T23:00"
    drawn = trades(fig)
    assert all(exit_ >= 120 and entry < 168 for entry, exit_ in zip(drawn["entry"], drawn["exit"], strict=True))


def test_a_result_without_trades_still_draws_and_says_so(quiet: Result) -> None:
    assert "no trades" in price_chart(quiet).title.text
    assert "no trades" in equity_chart(quiet).children[0].title.text
    assert "no trades" in trade_distribution(quiet).title.text
    assert is_sound(result_layout(quiet))
    assert is_sound(trade_distribution(quiet))


def test_a_run_without_candles_still_draws() -> None:
    nothing = make_result(random_candles(0))
    assert "no candles" in price_chart(nothing).title.text
    assert is_sound(result_layout(nothing))
    assert "no days" in monthly_heatmap(nothing).title.text


def test_indicators_that_do_not_share_the_scale_get_a_pane_below(result: Result) -> None:
    layout = result_layout(result)
    price, pane, equity, drawdown = layout.children
    assert pane.yaxis[0].axis_label == "difference, pips"
    assert price.x_range is pane.x_range is equity.x_range is drawdown.x_range
    assert [fig.xaxis[0].visible for fig in layout.children] == [False, False, False, True]
    assert len(price_drawing(result).root.children) == 2


def test_equity_is_drawn_with_its_capital_and_its_deepest_fall(result: Result) -> None:
    equity, drawdown = equity_chart(result).children
    data = next(source.data for source in equity.select({"type": ColumnDataSource}) if "capital" in source.data)
    assert np.array_equal(data["equity"], result.outcome.equity)
    assert set(data["capital"]) == {10_000.0}
    assert (data["above"] >= data["capital"]).all()
    assert (data["below"] <= data["capital"]).all()
    (deepest,) = drawdown.select({"type": Label})
    assert deepest.y == -result.max_drawdown


def test_drawing_another_stretch_shows_finer_candles_and_goes_back(result: Result) -> None:
    drawing = result_drawing(result, max_candles=50)
    whole = rows(drawing.root)["low"]
    drawing.draw(100, 140)
    fine = rows(drawing.root)
    assert np.array_equal(fine["x"], np.arange(100, 140))
    assert np.array_equal(fine["high"], result.candles[0].high[100:140])
    drawing.draw(0, 600)
    assert np.array_equal(rows(drawing.root)["low"], whole)


def test_the_equity_of_several_symbols_lies_on_the_bars_of_the_one_that_is_drawn() -> None:
    """S13: one clock for all; the second symbol's candles are four times as long."""
    both = make_result(random_candles(600), random_candles(150, symbol="GBPUSD", frame="4h", seed=3))
    assert len(price_chart(both, "GBPUSD").title.text) > 0
    layout = result_layout(both, "GBPUSD")
    equity = next(source.data for source in layout.select({"type": ColumnDataSource}) if "capital" in source.data)
    assert (np.diff(equity["x"]) >= 0).all()
    assert equity["x"].max() <= 149
    own = set(np.flatnonzero(both.outcome.trades["symbol"] == 1))
    assert len(trades(layout)["entry"]) == len(own) + int((both.outcome.positions["symbol"] == 1).sum())


def test_a_stretch_without_candles_is_refused_with_what_there_is(result: Result) -> None:
    with pytest.raises(InputError, match=r"within start '2030-01-01'; the run has 2025-01-06 00:00 \.\. 2025-02-07"):
        result_layout(result, start="2030-01-01")
    with pytest.raises(InputError, match="within start '2025-01-14' and end '2025-01-13'"):
        price_chart(result, start="2025-01-14", end="2025-01-13")


def test_a_stretch_says_what_equity_came_to_in_it(result: Result) -> None:
    title = result_layout(result, start="2025-01-13", end="2025-01-14").children[-2].title.text
    inside = result.equity["2025-01-13 01:00":"2025-01-15 00:00"]
    before = result.equity[: inside.index[0]].iloc[-2]
    change = percent(inside.iloc[-1] / before - 1, sign=True)
    assert title == f"Equity, 2025-01-13 .. 2025-01-14   {inside.iloc[-1]:,.2f} USD ({change})"
    whole = result_layout(result).children[-2].title.text
    assert whole == f"Equity   {result.end_capital:,.2f} USD ({percent(result.metrics['total_return'], sign=True)})"


def test_the_legend_names_what_the_run_has_whatever_is_drawn(result: Result, quiet: Result) -> None:
    def named(one: Result, **stretch: str) -> list[str]:
        return [item.label.value for item in price_chart(one, **stretch).legend[0].items]

    every = ["sma(8)", "sma(21)", "long entry", "short entry", "exit", "stop", "target"]
    assert named(result) == named(result, end="2025-01-06") == every
    assert named(quiet) == every[:2]
    trades = result.outcome.trades
    outcome = dataclasses.replace(
        result.outcome, trades=trades[trades["side"] > 0], positions=result.outcome.positions[:0]
    )
    only = dataclasses.replace(result, outcome=outcome)
    assert named(only) == [name for name in every if name != "short entry"]


def test_all_panes_have_their_ticks_at_the_same_places(result: Result) -> None:
    figures = result_layout(result, start="2025-01-13").children
    assert len({fig.xaxis[0].ticker.args["rows"].id for fig in figures}) == 1
    assert len({fig.xgrid[0].ticker.args["rows"].id for fig in figures}) == 1


def test_trades_are_marked_on_the_equity_line_only_while_few_are_in_view(result: Result) -> None:
    def shown(root: Any) -> bool:
        return next(each.visible for each in root.select({"type": GlyphRenderer}) if "shape" in each.data_source.data)

    assert len(result.trades) <= MOST_EXITS
    assert shown(equity_chart(result))
    long = make_result(random_candles(6000))
    assert len(long.trades) > MOST_EXITS
    assert not shown(equity_chart(long))
    assert shown(result_layout(long, end="2025-01-10"))


def test_unknown_symbols_name_what_there_is(result: Result) -> None:
    with pytest.raises(InputError, match=r"'EURUDS'.*'EURUSD'"):
        price_chart(result, "EURUDS")
    with pytest.raises(InputError, match=r"symbol 3 is not in this run; it has 0 .. 0 \(EURUSD\)"):
        price_chart(result, 3)


def test_the_heatmap_says_what_the_table_says(result: Result) -> None:
    table = result.monthly_returns
    cells = next(source.data for source in monthly_heatmap(result).select({"type": ColumnDataSource}))
    assert cells["month"] == ["Jan", "Feb", "Year"]
    assert cells["value"][0] == table.loc[2025, 1]
    assert float(cells["total"][2].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        100 * table.loc[2025, "total"], abs=0.05
    )


def test_narrow_cells_of_the_heatmap_are_written_without_decimals(result: Result) -> None:
    cells = next(source.data for source in monthly_heatmap(result).select({"type": ColumnDataSource}))
    assert len(cells["text"]) == len(cells["text_short"]) == len(cells["total_short"]) == 3
    for long, short in zip(cells["text"][:2], cells["text_short"][:2], strict=True):
        number = float(long.replace("\N{MINUS SIGN}", "-"))
        assert float(short.replace("\N{MINUS SIGN}", "-")) == pytest.approx(number, abs=0.55)
        assert len(short) < len(long)
    assert cells["text"][2] == cells["text_short"][2] == ""


def test_the_distribution_counts_every_trade_once_and_splits_at_zero(result: Result) -> None:
    bars = next(source.data for source in trade_distribution(result).select({"type": ColumnDataSource}))
    assert bars["count"].sum() == len(result.trades)
    assert bars["count"][bars["won"] == 1].sum() == (result.trades["pnl"] >= 0).sum()
    assert 0.0 in bars["left"]


def test_a_year_of_minutes_ships_a_few_thousand_rows(eurusd_1m: Candles) -> None:
    long = make_result(eurusd_1m, fast=500, slow=2000)
    layout = result_layout(long)
    total = sum(len(next(iter(source.data.values()), ())) for source in layout.select({"type": ColumnDataSource}))
    assert total < 2000 + 2 * MOST_TRADES + 5000
    assert rows(layout)["high"].max() == eurusd_1m.high.max()
    document = Document()
    document.add_root(layout)
    assert sum(len(buffer.to_bytes()) for buffer in document.to_json().buffers) < 1_000_000


def test_the_first_and_last_equity_of_a_long_run_are_drawn(eurusd_1h: Candles) -> None:
    drawing = equity_drawing(make_result(eurusd_1h))
    data = next(source.data for source in drawing.root.select({"type": ColumnDataSource}) if "capital" in source.data)
    assert len(data["x"]) <= 4000
    assert data["closed"][0] < data["closed"][-1]
