"""Rows that can't be right are put aside and counted, or the file is refused; nothing valid is lost (S21)."""

from __future__ import annotations

import csv
import html
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from sptrader_lab.candles.importing.report import ImportReport
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import ImportRefused, MissingCandles
from sptrader_lab.types.instants import parse_time

HEADER = "time,open,high,low,close,volume"
GOOD = [f"2024-01-02T10:0{k}:00Z,1.10{k},1.20{k},1.00{k},1.11{k},{k + 5}" for k in range(6)]


def bring(folder: Path, lines: list[str], name: str = "file.csv", **wish: object) -> ImportReport:
    path = folder / name
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return CandleStore(folder / "data").import_file(path, **{"symbol": "EURUSD", "timeframe": "1m", **wish})


def put_aside(report: ImportReport) -> list[list[str]]:
    with report.quarantine.open(newline="") as file:
        return list(csv.reader(file))


BROKEN = {
    "2024-01-02T11:00:00Z,x,1.2,1.0,1.1,5": "a price is missing or not a number",
    "2024-01-02T11:00:00Z,,1.2,1.0,1.1,5": "a price is missing or not a number",
    "2024-01-02T11:00:00Z,inf,1.2,1.0,1.1,5": "a price is missing or not a number",
    "2024-01-02T11:00:00Z,1.1,1.2,-1.0,1.1,5": "a price is not above zero",
    "2024-01-02T11:00:00Z,1.1,1.0,1.2,1.1,5": "high is below low",
    "2024-01-02T11:00:00Z,1.1,1.2,1.0,1.3,5": "open or close lies outside low..high",
    "2024-01-02T11:00:00Z,1.1,1.2,1.0,1.1,-5": "volume is missing, negative or not a number",
    "2024-01-02T11:00:00Z,1.1,1.2,1.0,1.1": "5 fields instead of 6",
    "2024-01-02T11:00:00Z,1.1,1.2,1.0,1.1,5,6": "7 fields instead of 6",
    "2024-02-30T11:00:00Z,1.1,1.2,1.0,1.1,5": "the time can't be read",
    "0001-01-01T00:00:00Z,1.1,1.2,1.0,1.1,5": "the time can't be read",
    "9999-01-01T00:00:00Z,1.1,1.2,1.0,1.1,5": "the time can't be read",
    "soon,1.1,1.2,1.0,1.1,5": "the time can't be read",
    "2024-01-02T11:00:00,1.1,1.2,1.0,1.1,5": "the time names no zone where other rows do",
    "2024-01-02T10:01:00Z,1.1,1.2,1.0,1.1,5": "an earlier row of the file says otherwise for this time",
}


@pytest.mark.parametrize(("row", "reason"), BROKEN.items())
def test_a_broken_row_is_put_aside_with_line_and_reason(tmp_path, row, reason):
    report = bring(tmp_path, [*GOOD[:3], row, *GOOD[3:]])
    assert (report.rows, report.imported, report.quarantined) == (7, 6, 1)
    assert report.reasons == {reason: 1}
    assert put_aside(report) == [["line", "reason", "text"], ["5", reason, row]]
    assert reason in str(report)
    assert reason in html.unescape(report._repr_html_())


@pytest.mark.parametrize(("row", "reason"), BROKEN.items())
def test_refusing_bad_rows_names_the_line_and_writes_nothing(tmp_path, row, reason):
    with pytest.raises(ImportRefused, match=rf"file.csv:5: {reason}: ") as error:
        bring(tmp_path, [*GOOD[:3], row, *GOOD[3:]], bad_rows="refuse")
    assert "1 of 7 rows can't be right, nothing was imported" in str(error.value)
    with pytest.raises(MissingCandles):
        CandleStore(tmp_path / "data").candles("EURUSD", "1m", source="store")


def test_blank_lines_are_no_rows_and_keep_the_count_of_lines(tmp_path):
    report = bring(tmp_path, [GOOD[0], "", GOOD[1], "", "", "bad,1,1,1,1,1", *GOOD[2:]])
    assert (report.rows, report.imported, report.quarantined) == (7, 6, 1)
    assert put_aside(report)[1][0] == "7"


def test_rows_out_of_order_are_counted_and_the_store_keeps_order(tmp_path):
    report = bring(tmp_path, GOOD[::-1])
    assert (report.imported, report.disorder, report.quality.disorder) == (6, 5, 5)
    assert "5 rows stand behind a later one" in str(report)
    assert (np.diff(CandleStore(tmp_path / "data").candles("EURUSD", "1m").time) > 0).all()
    with pytest.raises(ImportRefused, match="5 rows stand behind a later one"):
        bring(tmp_path, GOOD[::-1], bad_rows="refuse")


def test_repeated_rows_are_counted_and_one_of_each_is_taken(tmp_path):
    report = bring(tmp_path, [*GOOD, GOOD[2], GOOD[2]])
    assert (report.imported, report.repeated, report.quarantined, report.quality.duplicates) == (6, 2, 0, 2)


def test_a_stored_candle_is_never_replaced(tmp_path):
    bring(tmp_path, GOOD[:4])
    other = GOOD[3].replace("1.113", "1.114")
    report = bring(tmp_path, [*GOOD[:3], other, *GOOD[4:]], name="later.csv")
    assert (report.imported, report.identical, report.quarantined) == (2, 3, 1)
    assert put_aside(report)[1] == ["5", "the store holds another candle for this time; it was kept", other]
    assert CandleStore(tmp_path / "data").candles("EURUSD", "1m").close.tolist() == [
        1.110,
        1.111,
        1.112,
        1.113,
        1.114,
        1.115,
    ]
    with pytest.raises(ImportRefused, match="the store holds another candle"):
        bring(tmp_path, [other, "2024-01-02T12:00:00Z,1.1,1.2,1.0,1.1,5"], bad_rows="refuse")
    assert len(CandleStore(tmp_path / "data").candles("EURUSD", "1m")) == 6


def test_the_same_file_again_adds_nothing(tmp_path):
    bring(tmp_path, GOOD)
    report = bring(tmp_path, GOOD)
    assert (report.imported, report.identical, report.quarantine) == (0, 6, None)


def test_times_that_the_clock_shows_twice_or_never_are_put_aside(tmp_path):
    rows = [
        f"{day} {hour}:30,1.1,1.2,1.0,1.1,5"
        for day in ("2024-03-31", "2024-10-27")
        for hour in ("00", "01", "02", "03")
    ]
    report = bring(tmp_path, rows, tz="Europe/London", symbol="BTC/USDT", timeframe="1h")
    assert report.imported == 6
    assert {reason.split(" in ")[0]: count for reason, count in report.reasons.items()} == {
        "the clock never shows this time": 1,
        "the clock shows this time twice": 1,
    }
    time = CandleStore(tmp_path / "data").candles("BTC/USDT", "1h").time.tolist()
    assert time[1] == parse_time("2024-03-31T01:30")
    assert time[3] == parse_time("2024-10-26T23:30")


def test_a_hundred_broken_rows_show_the_first_five_when_refused(tmp_path):
    rows = [f"2024-01-03T10:{k:02d}:00Z,x,1.2,1.0,1.1,5" for k in range(60)]
    with pytest.raises(ImportRefused, match=r"\.\.\. and 55 more"):
        bring(tmp_path, [*GOOD, *rows], bad_rows="refuse")


def test_a_number_that_is_no_plausible_time_is_put_aside(tmp_path):
    rows = [f"{1704189600 + 60 * k},1.1,1.2,1.0,1.1,5" for k in range(3)]
    report = bring(tmp_path, [*rows, "9999999999,1.1,1.2,1.0,1.1,5", "12345,1.1,1.2,1.0,1.1,5"])
    assert (report.imported, report.reasons) == (3, {"the time can't be read": 2})


MAYBE_BROKEN = st.sampled_from([*GOOD, *BROKEN])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(MAYBE_BROKEN, max_size=12), second=st.lists(MAYBE_BROKEN, max_size=12))
def test_every_row_is_accounted_for_and_no_valid_candle_is_lost(tmp_path_factory, first, second):
    folder = tmp_path_factory.mktemp("rows")
    kept: dict[str, str] = {}
    for rows in ([GOOD[0], *first], [GOOD[1], *second]):
        report = bring(folder, rows)
        assert report.rows == len(rows) == report.imported + report.identical + report.repeated + report.quarantined
        for row in rows:
            if row in GOOD or BROKEN[row].startswith("an earlier row"):
                kept.setdefault(row.split(",")[0], row)
    candles = CandleStore(folder / "data").candles("EURUSD", "1m")
    assert candles.time.tolist() == [parse_time(time) for time in sorted(kept)]
    assert candles.close.tolist() == [float(kept[time].split(",")[4]) for time in sorted(kept)]
