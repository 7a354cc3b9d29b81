"""The quality report counts what a slow look at each row counts, and knows when the market is closed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sptrader_lab.candles.gaps import Coverage, Gap, coverage
from sptrader_lab.candles.quality import examine
from sptrader_lab.candles.rows import NO_TIME, Rows, from_candles
from sptrader_lab.candles.sessions import trading_days
from sptrader_lab.types.calendar import DAY, HOUR, MINUTE, timeframe
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import instrument


def rows(time: np.ndarray) -> Rows:
    count = len(time)
    close = 1 + 0.001 * np.sin(np.arange(count))
    return Rows(time, close, close + 0.0005, close - 0.0005, close, np.ones(count), np.full(count, np.nan))


def look(found: Rows, symbol: str = "EURUSD", frame: str = "1m"):
    return examine(found, symbol, timeframe(frame), "test")


def grid(start: str, stop: str, step: int) -> np.ndarray:
    return np.arange(parse_time(start), parse_time(stop), step)


def fx_minutes(start: str, stop: str, step: int = MINUTE) -> np.ndarray:
    time = grid(start, stop, step)
    days = trading_days(int(time[0]), int(time[-1]), instrument("EURUSD"))
    return time[days.open[days.number(time)]]


def test_weekends_and_holidays_are_no_gaps_in_the_fx_week():
    """From before Christmas 2024 to after New Year: two weekends, 25 December and 1 January."""
    report = look(rows(fx_minutes("2024-12-20T12:00", "2025-01-06T12:00", 5 * MINUTE)), frame="5m")
    assert (report.gaps, report.missing, report.closed, report.off_grid) == (0, 0, 0, 0)
    assert report.expected == report.rows


def test_the_fx_week_opens_and_closes_at_17_new_york_in_winter_and_summer():
    for friday, hour in (("2024-01-05", 22), ("2024-07-05", 21)):
        days = trading_days(parse_time(f"{friday}T12:00"), parse_time(friday) + 4 * DAY, instrument("EURUSD"))
        assert days.stop[0] == parse_time(f"{friday}T{hour}:00")
        assert days.open.tolist() == [True, False, False, True, True][: len(days.open)]
        assert days.start[3] == parse_time(friday) + 2 * DAY + hour * HOUR


def test_holes_during_trading_are_counted_with_their_bounds():
    time = fx_minutes("2024-01-04T12:00", "2024-01-09T12:00")
    friday, sunday = parse_time("2024-01-05T21:50"), parse_time("2024-01-07T22:20")
    keep = ~((time >= parse_time("2024-01-05T10:00")) & (time < parse_time("2024-01-05T10:07")))
    keep &= ~((time >= friday) & (time < sunday))
    report = look(rows(time[keep]))
    assert (report.gaps, report.missing) == (2, 7 + 10 + 20)
    assert report.longest[0] == Gap(friday, sunday, 30)
    assert report.expected == len(time)


def test_a_pair_that_trades_every_day_has_no_weekend():
    time = grid("2024-01-05", "2024-01-08", HOUR)
    assert look(rows(time), "BTC/USDT", "1h").missing == 0
    hole = time[(time < parse_time("2024-01-06")) | (time >= parse_time("2024-01-07"))]
    assert look(rows(hole), "BTC/USDT", "1h").missing == 24


def test_days_of_equities_miss_only_weekdays():
    time = grid("2024-01-01", "2024-02-01", DAY)
    weekday = (time // DAY + 3) % 7 < 5
    assert look(rows(time[weekday][1:]), "AAPL", "1d").missing == 0
    report = look(rows(np.delete(time[weekday][1:], [4, 5, 9])), "AAPL", "1d")
    assert (report.gaps, report.missing) == (2, 3)


def test_nights_of_an_exchange_are_no_gaps_but_holes_within_its_day_are():
    session = np.concatenate([grid(f"2024-01-0{day}T14:30", f"2024-01-0{day}T21:00", MINUTE) for day in (2, 3, 4)])
    assert look(rows(session), "AAPL").missing == 0
    assert look(rows(np.delete(session, [5, 6])), "AAPL").missing == 2


@pytest.mark.parametrize(("frame", "gone"), [("1w", 2), ("1mo", 1)])
def test_missing_weeks_and_months_are_counted(frame, gone):
    days = trading_days(parse_time("2024-01-01"), parse_time("2024-12-30"), instrument("AAPL"))
    first = (
        (days.name.astype(int) + 3) % 7 == 0
        if frame == "1w"
        else np.array([str(day)[-2:] == "01" for day in days.name])
    )
    time = np.delete(days.start[first], np.arange(3, 3 + gone))
    assert look(rows(time), "AAPL", frame).missing == gone


def test_duplicates_disorder_and_broken_rows_are_counted_and_spoil_nothing_else():
    good = rows(fx_minutes("2024-01-04T12:00", "2024-01-04T13:00"))
    time = good.time.copy()
    time[10], time[20] = time[9], NO_TIME
    close = good.close.copy()
    close[30], close[31] = np.nan, 2.0
    high = good.high.copy()
    high[40] = 0.5
    report = look(good._replace(time=time, close=close, high=high))
    assert report.broken == {
        "no time": 1,
        "a price is missing or not a number": 1,
        "high is below low": 1,
        "open or close lies outside low..high": 1,
    }
    assert (report.rows, report.duplicates, report.disorder, report.bad) == (60, 1, 0, 5)
    assert report.missing == 5
    swapped = np.arange(60)
    swapped[[3, 50]] = [50, 3]
    assert look(good.take(swapped)).disorder == 47


def test_candles_off_the_grid_and_in_closed_hours_are_counted():
    time = np.append(fx_minutes("2024-01-05T20:00", "2024-01-05T22:00"), parse_time("2024-01-06T10:00:30"))
    report = look(rows(time))
    assert (report.off_grid, report.closed) == (1, 1)


def test_zero_ranges_and_jumps_are_counted():
    good = rows(fx_minutes("2024-01-03T00:00", "2024-01-04T00:00"))
    close, high, low = good.close.copy(), good.high.copy(), good.low.copy()
    close[700] = high[700] = 1.5
    high[5] = low[5] = close[5]
    report = look(good._replace(close=close, high=high, low=low, open=close))
    assert (report.zero_range, report.outliers) == (1, 2)
    assert report.largest[0][0] == good.time[700]
    assert report.largest[0][1] == pytest.approx(0.5, abs=0.01)


def test_a_split_of_a_share_stands_out_among_its_days():
    time = grid("2024-01-01", "2024-12-31", DAY)
    found = rows(time[(time // DAY + 3) % 7 < 5])
    half = np.where(np.arange(len(found.time)) < 100, 1.0, 0.5)
    report = look(
        found._replace(**{name: getattr(found, name) * half for name in ("open", "high", "low", "close")}), "AAPL", "1d"
    )
    assert report.outliers == 1
    assert report.largest[0][1] == pytest.approx(-0.5, abs=0.01)


def test_the_report_reads_as_text_html_and_json(eurusd_1m):
    report = look(from_candles(eurusd_1m.rows(0, 5000)))
    assert "candles missing of" in str(report)
    assert "<th style='text-align:left'>gaps</th>" in report._repr_html_()
    assert json.loads(json.dumps(report.as_dict()))["first"] == "2025-01-01 22:00"
    assert "0" in str(look(rows(np.empty(0, np.int64))))


def test_days_that_do_not_open_at_a_trading_days_start_are_counted_and_told():
    """S4: EURUSD days stamped 00:00 UTC close at 22:00 the same day in winter."""
    time = grid("2024-01-08", "2024-01-13", DAY)
    report = look(rows(time), frame="1d")
    assert report.off_grid == 5
    assert "5 candles do not open at a trading day's start (17:00 America/New_York)" in str(report)
    assert report.warnings[0] in report.as_dict()["warnings"]
    assert report.warnings[0] in report._repr_html_().replace("&#x27;", "'")
    assert look(rows(time), "AAPL", "1d").warnings == ()
    assert look(rows(time - 2 * HOUR), frame="1d").warnings == ()


@pytest.mark.parametrize(("kept", "share"), [(slice(None), 0.0), (slice(None, None, 2), 0.5)])
def test_coverage_counts_what_the_calendar_expects(kept, share):
    """Over a weekend, which is no gap."""
    found = rows(fx_minutes("2024-01-04T12:00", "2024-01-09T12:00", HOUR)[kept])
    candles = Candles("EURUSD", "1h", *found[:6])
    covered = coverage(candles)
    report = look(found, frame="1h")
    assert (covered.rows, covered.missing, covered.expected) == (report.rows, report.missing, report.expected)
    assert covered.share == pytest.approx(share, abs=0.01)
    assert (covered.warning == "") == (share == 0)
    assert covered.warning in ("", *report.warnings)
    assert coverage(candles.rows(0, 0)) == Coverage("EURUSD", "1h", 0)


def test_the_real_minutes_miss_two_fifths_and_say_so(eurusd_1m):
    covered = coverage(eurusd_1m)
    assert covered.warning.startswith("EURUSD 1m: 44.5 % of the expected candles are missing (153,934 of 345,840)")
    assert covered.longest.missing == 7141
