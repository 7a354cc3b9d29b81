"""The report: one file, complete, that needs nothing else."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from pathlib import Path

import pytest
from chart_results import make_portfolio, make_result, random_candles

from sptrader_lab.charts.report import MOST_ROWS, report_html, write_report
from sptrader_lab.charts.summary import cards, metric_rows
from sptrader_lab.charts.table import columns, sorted_trades, trade_rows
from sptrader_lab.errors import InputError
from sptrader_lab.results.metrics import METRICS
from sptrader_lab.results.result import Result


@pytest.fixture(scope="module")
def result() -> Result:
    return make_result()


@pytest.fixture(scope="module")
def page(result: Result) -> str:
    return report_html(result)


def outside_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_the_report_loads_nothing(page: str) -> None:
    plain = outside_scripts(page)
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(""", plain)
    assert not re.search(r"<script[^>]*\ssrc", page)
    assert 1_200_000 < len(page) < 3_000_000


def test_the_report_names_the_run_and_everything_it_came_from(page: str, result: Result) -> None:
    plain = html.unescape(outside_scripts(page))
    for fact in (
        result.run_id,
        result.digest,
        "10,000.00 USD",
        "17:00 America/New_York",
        result.lookahead,
        "EURUSD 1h: 600",
    ):
        assert fact in plain
    assert result.sources["two_averages.yaml"] in plain
    assert '"slippage": 0.0001' in plain
    assert "&lt;&amp;&gt; stays text" in page


def test_every_metric_is_in_the_report(page: str, result: Result) -> None:
    rows = metric_rows(result)
    assert len(rows) == len(METRICS)
    plain = html.unescape(page)
    assert all(f"<span>{name}</span><b>{text}</b>" in plain for name, text, _ in rows)
    assert all(card.value in plain for card in cards(result))


def test_the_drawings_are_json_that_no_text_in_it_can_break_out_of(page: str) -> None:
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 4
    assert len(json.loads(scripts[1])["roots"]) == page.count('class="drawing"') == 3


def test_every_trade_is_a_row(page: str, result: Result) -> None:
    rows = trade_rows(result, sorted_trades(result))
    assert page.count("<tr>") == 1 + len(result.trades) == 1 + len(rows)
    assert all(len(row) == len(columns(result)) for row in rows)


def test_a_table_that_was_cut_says_so() -> None:
    busy = make_result(random_candles(14_000), fast=2, slow=4)
    assert f"The first {MOST_ROWS:,} of {len(busy.trades):,} trades" in report_html(busy)


def test_a_run_without_trades_or_candles_has_a_report() -> None:
    assert "No trades were closed." in report_html(make_result(trade=False))
    assert "no steps" in report_html(make_result(random_candles(0)))


def test_a_fixed_theme_is_written_into_the_page_and_an_unknown_one_refused(result: Result) -> None:
    assert '<html lang="en" data-fixed="dark">' in report_html(result, theme="dark")
    assert '<html lang="en">' in report_html(result)
    with pytest.raises(InputError, match="unknown theme 'noir'"):
        report_html(result, theme="noir")


def test_the_file_is_replaced_whole_and_nothing_is_left_beside_it(result: Result, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.html"
    assert write_report(result, target) == target
    first = target.read_text(encoding="utf-8")
    assert write_report(result, str(target)) == target
    assert len(target.read_text(encoding="utf-8")) == pytest.approx(len(first), rel=0.01)
    assert [path.name for path in target.parent.iterdir()] == ["out.html"]


def test_a_report_that_fails_leaves_the_old_file(result: Result, tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    target.write_text("old")
    with pytest.raises(InputError):
        write_report(result, target, theme="noir")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]


def test_a_report_says_why_it_cannot_be_written_there(result: Result, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"folder is a folder; a report is one file, such as .*folder/report\.html"):
        write_report(result, tmp_path / "folder")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"the report .*file/out\.html can't be written: the folder .*file can't be"):
        write_report(result, tmp_path / "file" / "out.html")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_unit_is_named_once(result: Result) -> None:
    text = {name: value for name, value, _ in metric_rows(result)}
    assert text["Max drawdown duration"].endswith(" days")
    assert not [
        name for name, value in text.items() if value.split()[-1] in {"days", "hours", "bars"} & set(name.split())
    ]


def test_trades_are_sorted_by_any_column_and_ties_keep_their_order(result: Result) -> None:
    table = result.trades
    by_profit = sorted_trades(result, "pnl", descending=True)
    assert table["pnl"].to_numpy()[by_profit].tolist() == sorted(table["pnl"], reverse=True)
    by_side = sorted_trades(result, "side")
    sides = table["side"].to_numpy()[by_side].tolist()
    assert sides == sorted(sides)
    longs = [place for place, side in zip(by_side, sides, strict=True) if side == "long"]
    assert longs == sorted(longs)
    with pytest.raises(InputError, match=r"'pln'.*'pnl'"):
        sorted_trades(result, "pln")


def test_the_report_of_a_portfolio_says_who_made_what() -> None:
    portfolio = make_portfolio()
    plain = outside_scripts(report_html(portfolio))
    for part in (
        "Profit by strategy, USD",
        "Profit by symbol, USD",
        "Profit by strategy and symbol, USD",
        "Correlation of daily profits",
        "<td>buys dips</td>",
        f"{portfolio.total_pnl:,.2f}",
        "max_account_positions",
    ):
        assert part in plain, part
    assert plain.count('<div class="drawing">') == 2 + 2


def test_a_simple_report_has_no_breakdown(page: str) -> None:
    assert "<caption>" not in outside_scripts(page)


def test_the_report_says_between_what_the_profit_lies() -> None:
    """S7: the band belongs beside the numbers, in the summary and among the metrics."""
    doubtful = dataclasses.replace(
        make_result(stop_fraction=0.002, target_fraction=0.002), band=lambda: (-150.25, 310.5)
    )
    plain = html.unescape(outside_scripts(report_html(doubtful)))
    assert f"ambiguous trades: {doubtful.ambiguous_trades}, the profit lies between -150.25 and 310.50" in plain
    text = {name: value for name, value, _ in metric_rows(doubtful)}
    assert (text["Profit band low"], text["Profit band high"]) == ("\N{MINUS SIGN}150.25", "310.50")


def test_the_table_has_the_columns_that_the_run_needs(result: Result) -> None:
    assert [column.key for column in columns(result)][:3] == ["id", "symbol", "side"]
    portfolio = make_portfolio()
    keys = [column.key for column in columns(portfolio)]
    assert keys[:3] == ["id", "strategy", "symbol"]
    assert "financing" in keys
    assert "financing" not in [column.key for column in columns(result)]
    rows = trade_rows(portfolio, sorted_trades(portfolio, "strategy"))
    assert [row[1] for row in rows] == sorted(portfolio.trades["strategy"])
    assert {row[0].split(".")[1] for row in rows if "." in row[0]} == {"1", "2"}
    with pytest.raises(InputError, match="'strategy'"):
        sorted_trades(result, "strategy")
