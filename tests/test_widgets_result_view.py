"""What a notebook cell shows of a result, without a browser."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColumnDataSource
from chart_results import make_portfolio, make_result, random_candles

from sptrader_lab.results import faces as registry
from sptrader_lab.results.result import Result
from sptrader_lab.widgets import faces
from sptrader_lab.widgets.bokeh_pane import BokehPane
from sptrader_lab.widgets.result_view import TABS, ResultView
from sptrader_lab.widgets.trades_table import PAGE, TradesTable


@pytest.fixture(autouse=True)
def _close_widgets() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture(scope="module")
def result() -> Result:
    return make_result(random_candles(6000))


def inside(widget: Any, kind: type) -> list[Any]:
    found = [widget] if isinstance(widget, kind) else []
    return found + [each for child in getattr(widget, "children", ()) for each in inside(child, kind)]


def test_only_the_tab_in_view_is_built(result: Result) -> None:
    view = ResultView(result)
    assert view.titles == tuple(TABS) == ("Overview", "Chart", "Trades")
    assert [len(child.children) for child in view.children] == [1, 0, 0]
    view.selected_index = 2
    assert [len(child.children) for child in view.children] == [1, 0, 1]
    (table,) = inside(view, TradesTable)
    view.selected_index = 0
    view.selected_index = 2
    assert inside(view, TradesTable) == [table]
    view.selected_index = None
    view.selected_index = 1
    assert len(inside(view.children[1], BokehPane)) == 1


def test_the_overview_has_the_headline_numbers_and_equity(result: Result) -> None:
    view = ResultView(result)
    (page,) = inside(view, ipywidgets.HTML)
    assert "Sharpe ratio" in page.value
    assert "look-ahead: 3 prefixes" in page.value
    assert len(inside(view, BokehPane)) == 2


def test_the_overview_and_the_trades_of_a_portfolio_name_its_strategies() -> None:
    view = ResultView(make_portfolio())
    (page,) = inside(view, ipywidgets.HTML)
    assert "Profit by strategy, USD" in page.value
    assert "<td>buys dips</td>" in page.value
    view.selected_index = 2
    (table,) = inside(view, TradesTable)
    assert [name for name, _, _ in table.columns][:3] == ["id", "strategy", "symbol"]
    table._receive(table, {"kind": "sort", "key": "strategy"}, [])
    assert {row[1] for row in table.rows[:40]} == {"buys dips"}


def test_a_run_of_several_symbols_lets_the_reader_choose() -> None:
    both = make_result(random_candles(200), random_candles(200, symbol="GBPUSD", seed=3))
    view = ResultView(both)
    view.selected_index = 1
    (choice,) = inside(view, ipywidgets.Dropdown)
    (before,) = inside(view.children[1], BokehPane)
    choice.value = 1
    (after,) = inside(view.children[1], BokehPane)
    assert after is not before
    assert before.comm is None
    assert "GBPUSD" in after.figure.children[0].title.text


def test_a_result_shows_itself_as_tabs_and_as_text_where_there_are_no_widgets(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._REGISTERED, "show", faces.show)
    bundle = result._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/plain", "text/html"}
    assert "sharpe_ratio" in bundle["text/html"]
    assert bundle["text/plain"] == repr(result)
    assert len(json.dumps(bundle)) < 10_000


def test_plot_shows_itself_and_has_its_figure(result: Result) -> None:
    pane = faces.plot(result, start="2025-02-03", end="2025-02-07", theme="dark")
    assert pane.theme == "dark"
    assert pane.figure.children[0].title.text == "EURUSD 1h"


def test_report_writes_the_file(result: Result, tmp_path: Path) -> None:
    assert faces.report(result, tmp_path / "r.html").stat().st_size > 1_000_000


def test_a_result_without_trades_can_be_opened_in_every_tab() -> None:
    view = ResultView(make_result(trade=False))
    view.selected_index = 1
    view.selected_index = 2
    (table,) = inside(view, TradesTable)
    assert (table.total, table.rows) == (0, [])


def test_zooming_draws_finer_candles_and_zooming_out_the_old_ones(result: Result) -> None:
    pane = faces.plot(result)
    price = pane.figure.children[0]
    rows = next(source for source in price.select({"type": ColumnDataSource}) if "low" in source.data)
    assert "each candle here = 3" in price.title.text
    whole = price.x_range.start, price.x_range.end
    price.x_range.update(start=1000.0, end=1100.0)
    wait(lambda: price.title.text == "EURUSD 1h")
    assert np.array_equal(rows.data["high"], result.candles[0].high[950:1151])
    time.sleep(0.2)
    drawn = rows.data
    price.x_range.update(start=1010.0, end=1110.0)
    time.sleep(0.3)
    assert rows.data is drawn or np.array_equal(rows.data["x"], drawn["x"])
    price.x_range.update(start=whole[0], end=whole[1])
    wait(lambda: "each candle here = 3" in price.title.text)


def wait(true: Any) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within 3 s")


def test_the_table_sorts_all_trades_and_turns_pages(result: Result) -> None:
    table, frame = TradesTable(result), result.trades
    assert table.total == len(frame) > 2 * PAGE
    assert [row[0] for row in table.rows] == [str(id) for id in frame["id"][:PAGE]]
    table._receive(table, {"kind": "sort", "key": "pnl"}, [])
    assert (table.key, table.descending, table.first) == ("pnl", True, 0)
    assert table.rows[0][0] == str(frame.loc[frame["pnl"].idxmax(), "id"])
    table._receive(table, {"kind": "turn", "pages": 1}, [])
    assert table.first == PAGE
    table._receive(table, {"kind": "turn", "pages": 99}, [])
    assert table.first == (len(frame) - 1) // PAGE * PAGE
    assert len(table.rows) == len(frame) - table.first
    table._receive(table, {"kind": "sort", "key": "pnl"}, [])
    assert (table.descending, table.first) == (False, 0)
    assert table.rows[0][0] == str(frame.loc[frame["pnl"].idxmin(), "id"])
    table.turn(-1)
    assert table.first == 0


def test_the_csv_holds_every_trade_exactly(result: Result) -> None:
    table = TradesTable(result)
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    table.send = lambda content, buffers=None: sent.append((content, buffers))
    table._receive(table, {"kind": "csv"}, [])
    ((content, (data,)),) = sent
    assert content == {"kind": "csv", "name": f"trades-{result.run_id[:12]}.csv"}
    read = pd.read_csv(io.BytesIO(data))
    assert read["pnl"].tolist() == result.trades["pnl"].tolist()
    assert len(read) == len(result.trades)
