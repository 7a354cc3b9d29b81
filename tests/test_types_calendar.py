"""Timeframes, day ends, closing instants, checked against datetime and zoneinfo (S1, S4)."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from sptrader_lab.errors import InputError
from sptrader_lab.results.metrics import day_marks
from sptrader_lab.types.calendar import (
    DAY,
    FX_DAY_END,
    HOUR,
    MINUTE,
    SECOND,
    UTC_MIDNIGHT,
    DayEnd,
    close_times,
    day_ends,
    parse_day_end,
    period_ends,
    timeframe,
    trading_dates,
)
from sptrader_lab.types.instants import parse_time

NEW_YORK = ZoneInfo("America/New_York")
LONDON = DayEnd(0, 0, "Europe/London")
INSTANT = st.integers(parse_time("2000-01-01"), parse_time("2030-01-01"))


def local(instant: int, zone: ZoneInfo = NEW_YORK) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(instant) // SECOND, zone)


def test_every_fx_day_from_2000_to_2030_ends_at_17_new_york_s4():
    ends = day_ends(parse_time("2000-01-01"), parse_time("2030-12-31"), FX_DAY_END)
    assert {(moment.hour, moment.minute) for moment in map(local, ends)} == {(17, 0)}
    assert [local(end).date() for end in ends] == trading_dates(ends, FX_DAY_END).tolist()
    assert np.all(np.diff(trading_dates(ends, FX_DAY_END)) == np.timedelta64(1, "D"))
    lengths, counts = np.unique(np.diff(ends) // HOUR, return_counts=True)
    assert dict(zip(lengths.tolist(), counts.tolist(), strict=True)) == {23: 31, 24: len(ends) - 63, 25: 31}


def test_fx_day_ends_equal_those_computed_day_by_day_from_zoneinfo_and_from_the_law_s4():
    """Summer time by the Uniform Time Act: until 2006 from April's first Sunday, since 2007 from March's second."""

    def sunday(year: int, month: int, number: int) -> dt.date:
        first = dt.date(year, month, 1)
        return first + dt.timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))

    def last_of_october(year: int) -> dt.date:
        return dt.date(year, 10, 31) - dt.timedelta(days=(dt.date(year, 10, 31).weekday() + 1) % 7)

    day, by_zone, by_law = dt.date(2000, 1, 1), [], []
    while day <= dt.date(2030, 12, 31):
        end = dt.datetime.combine(day, dt.time(17), NEW_YORK)
        by_zone.append(int(end.timestamp()) * SECOND)
        late = day.year >= 2007
        summer = sunday(day.year, 3, 2) if late else sunday(day.year, 4, 1)
        winter = sunday(day.year, 11, 1) if late else last_of_october(day.year)
        hour = dt.time(21 if summer <= day < winter else 22, tzinfo=dt.UTC)
        by_law.append(int(dt.datetime.combine(day, hour).timestamp()) * SECOND)
        day += dt.timedelta(days=1)
    ends = day_ends(by_law[0], by_law[-1] - 1, FX_DAY_END)
    assert ends.tolist() == by_law == by_zone
    around = np.sort(np.concatenate([ends - 1, ends, ends + 1]))
    assert day_marks(around, FX_DAY_END).step.tolist() == [*range(1, len(around), 3), len(around) - 1]
    # A day's candle that opens at the end of the day before, or an instant later, closes at its own.
    days = timeframe("1d")
    assert (
        close_times(ends[:-1], days, FX_DAY_END).tolist()
        == close_times(ends[:-1] + 1, days, FX_DAY_END).tolist()
        == by_law[1:]
    )


def test_a_midnight_that_ends_a_day_is_named_after_the_day_before_s4():
    ends = day_ends(parse_time("2024-07-01T12:00"), parse_time("2024-07-01T13:00"), UTC_MIDNIGHT)
    assert ends.tolist() == [parse_time("2024-07-01"), parse_time("2024-07-02")]
    assert trading_dates(ends, UTC_MIDNIGHT).astype(str).tolist() == ["2024-06-30", "2024-07-01"]


@given(start=INSTANT, length=st.integers(0, 40 * DAY), end=st.sampled_from([FX_DAY_END, UTC_MIDNIGHT, LONDON]))
@settings(max_examples=50, deadline=None)
def test_day_ends_cover_the_span_tightly(start, length, end):
    ends = day_ends(start, start + length, end)
    assert ends[0] <= start < ends[1]
    assert ends[-2] <= start + length < ends[-1]


def slow_close(instant: int, text: str, end: DayEnd) -> int:
    """When a candle is closed, walking from minute to minute of the local clock."""
    frame, zone = timeframe(text), ZoneInfo(end.zone)
    moment = local(instant, zone)
    name = moment.date()
    if (moment.hour, moment.minute) >= (end.hour, end.minute):
        name += dt.timedelta(days=1)
    if (end.hour, end.minute) == (0, 0):
        name -= dt.timedelta(days=1)
    if text == "1w":
        name += dt.timedelta(days=6 - name.weekday())
    if text == "1mo":
        name = (name.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
    if (end.hour, end.minute) == (0, 0):
        name += dt.timedelta(days=1)
    stop = int(dt.datetime.combine(name, dt.time(end.hour, end.minute), zone).timestamp()) * SECOND
    return min(stop, instant + frame.ns) if frame.intraday else stop


@given(
    first=INSTANT,
    steps=st.lists(st.integers(1, 4 * 1440), max_size=20),
    text=st.sampled_from(["1m", "1h", "4h", "12h", "1d", "1w", "1mo"]),
    end=st.sampled_from([FX_DAY_END, UTC_MIDNIGHT, LONDON]),
)
@settings(max_examples=150, deadline=None)
def test_closing_instants_equal_the_slow_clock_s1(first, steps, text, end):
    start = first // MINUTE * MINUTE
    time = start + np.cumsum([0, *steps]) * MINUTE
    assert close_times(time, timeframe(text), end).tolist() == [
        slow_close(instant, text, end) for instant in time.tolist()
    ]


def test_no_candles_close_at_no_time():
    assert len(close_times(np.empty(0, np.int64), timeframe("1h"), FX_DAY_END)) == 0


def test_candles_of_4h_close_at_the_day_end_when_the_clocks_change_s4():
    """Sunday 3 November 2024 lasts 25 hours: the seventh candle of 4h has one."""
    start = parse_time("2024-11-02T21:00")
    time = start + np.arange(7) * 4 * HOUR
    assert (close_times(time, timeframe("4h"), FX_DAY_END) - time).tolist() == [4 * HOUR] * 6 + [HOUR]


def test_weeks_end_on_sunday_and_months_on_their_last_day():
    weeks = period_ends(parse_time("2024-03-01"), parse_time("2024-04-30"), timeframe("1w"), FX_DAY_END)
    assert {(local(end).weekday(), local(end).hour) for end in weeks} == {(6, 17)}
    months = period_ends(parse_time("2024-01-15"), parse_time("2024-12-15"), timeframe("1mo"), UTC_MIDNIGHT)
    assert [local(end, ZoneInfo("UTC")).day for end in months] == [1] * 13


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1m", "1m"),
        ("M15", "15m"),
        ("H4", "4h"),
        ("D1", "1d"),
        ("W1", "1w"),
        ("MN1", "1mo"),
        ("1min", "1m"),
        ("5mins", "5m"),
        ("1hour", "1h"),
        ("day", "1d"),
        ("1month", "1mo"),
        (" 1h ", "1h"),
        ("90m", "90m"),
        ("30s", "30s"),
        ("s", "1s"),
    ],
)
def test_timeframes_are_read_as_programs_write_them(text, meant):
    assert str(timeframe(text)) == meant


@pytest.mark.parametrize("text", ["", "h1x", "7m", "25h", "24h", "2d", "0m", "1y", "-1h", "1.5h", "1M", "M"])
def test_timeframes_that_do_not_exist_or_divide_no_day_are_refused(text):
    with pytest.raises(InputError, match="timeframe"):
        timeframe(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("17:00 America/New_York", FX_DAY_END),
        ("Europe/London", LONDON),
        ("UTC", UTC_MIDNIGHT),
        ("00:00 UTC", UTC_MIDNIGHT),
    ],
)
def test_day_ends_are_read(text, meant):
    assert parse_day_end(text) == meant


@pytest.mark.parametrize("text", ["25:00 UTC", "17:00", "17:60 UTC", "America/New_Yrok", "", "17:00 a b"])
def test_day_ends_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="day end"):
        parse_day_end(text)
