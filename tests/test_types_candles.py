"""Candles: what they refuse, how they are cut, and what their fingerprint sees (S1, S21)."""

from __future__ import annotations

import datetime as dt

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from sptrader_lab.errors import CandleError, InputError
from sptrader_lab.types.calendar import DAY, FX_DAY_END, HOUR, UTC_MIDNIGHT
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time


def make(count: int = 48, symbol: str = "EURUSD", **changed) -> Candles:
    time = parse_time("2024-01-02") + np.arange(count) * HOUR
    close = 1.1 + np.arange(count) / 1000
    columns = {"open": close, "high": close + 0.1, "low": close - 0.1, "close": close, "volume": np.ones(count)}
    return Candles(symbol, "1h", **{"time": time, **columns, **changed})


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-01T14:30",
        "2024-03-01T14:30Z",
        "2024-03-01T15:30+01:00",
        dt.datetime(2024, 3, 1, 14, 30),  # noqa: DTZ001
        np.datetime64("2024-03-01T14:30"),
        pd.Timestamp("2024-03-01 09:30", tz="America/New_York"),
        1709303400000000000,
    ],
)
def test_one_instant_is_read_from_every_usual_form(value):
    assert parse_time(value) == parse_time(value, end=True) == 1709303400000000000


@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("2024-03-01", "2024-03-01T00:00", "2024-03-02T00:00"),
        ("2024-02", "2024-02-01T00:00", "2024-03-01T00:00"),
        ("2024-12", "2024-12-01T00:00", "2025-01-01T00:00"),
        ("2024", "2024-01-01T00:00", "2025-01-01T00:00"),
        (dt.date(2024, 3, 1), "2024-03-01T00:00", "2024-03-02T00:00"),
        (np.datetime64("2024-03-01"), "2024-03-01T00:00", "2024-03-02T00:00"),
        (np.datetime64("2024-12"), "2024-12-01T00:00", "2025-01-01T00:00"),
        ("20240301", "2024-03-01T00:00", "2024-03-02T00:00"),
    ],
)
def test_a_bare_date_that_ends_a_range_is_included_whole_s1(value, start, stop):
    assert (parse_time(value), parse_time(value, end=True)) == (parse_time(start), parse_time(stop))


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2024-13", "2024-02-30", "24-01-01", "", True, 1.5, None, b"2024", pd.NaT, np.datetime64("NaT")],
)
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(InputError, match="is not a date or time"):
        parse_time(value)


@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1)))  # noqa: DTZ001
def test_microseconds_are_exact(moment):
    assert parse_time(moment) == parse_time(np.datetime64(moment)) == parse_time(moment.isoformat() + "+00:00")


BREAKS = [
    ("high", 5, 0.5, "high is below its open or close"),
    ("low", 5, 2.0, "low is above its open or close"),
    ("low", 5, -1.0, "low is not above zero"),
    ("close", 5, np.nan, "close is not a finite number"),
    ("open", 5, np.inf, "open is not a finite number"),
    ("volume", 5, -1.0, "volume is negative"),
    ("volume", 5, np.nan, "volume is not a finite number"),
    ("time", 5, 0, "not after the row before"),
]


@pytest.mark.parametrize(("column", "row", "value", "rule"), BREAKS)
def test_a_row_that_is_no_candle_is_refused_with_its_place_and_rule_s21(column, row, value, rule):
    values = getattr(make(), column).copy()
    values[row] = value
    with pytest.raises(CandleError, match=rf"EURUSD 1h: \d+ of 48 candles can't be right. Row {row} at .*{rule}"):
        make(**{column: values})


def test_duplicates_and_disorder_are_refused_s21():
    for swapped in ([0, 2, 1], [0, 1, 1]):
        with pytest.raises(CandleError, match=r"Row 2 at .*not after the row before \(order or duplicate\)"):
            make(3, time=make(3).time[swapped])


def test_a_spread_that_is_no_number_is_refused_s21():
    spread = np.full(48, 0.0001)
    assert make(spread=spread).spread is not None
    for wrong in (np.nan, -0.0001):
        with pytest.raises(CandleError, match="its spread is"):
            make(spread=np.where(np.arange(48) == 7, wrong, spread))


def test_columns_of_another_length_are_refused():
    with pytest.raises(CandleError, match=r"close has shape \(3,\), time has \(48,\)"):
        make(close=np.ones(3))
    with pytest.raises(InputError, match="price 'middle' is not one of mid, bid, ask"):
        make(price="middle")
    with pytest.raises(InputError, match="timeframe"):
        Candles("EURUSD", "7m", *[np.empty(0)] * 6)


def test_arrays_are_read_only_and_the_caller_keeps_his_own():
    mine = np.ones(48) * 1.2
    candles = make(close=mine)
    mine[0] = 99
    assert candles.close[0] == 1.2
    with pytest.raises(ValueError, match="read-only"):
        candles.close[0] = 1
    with pytest.raises(AttributeError):
        candles.close = mine


def test_editing_the_frame_later_leaves_its_candles_alone():
    frame = pd.DataFrame(
        {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5},
        index=pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC"),
    )
    candles = Candles.from_frame(frame, symbol="EURUSD", timeframe="1h")
    frame.iloc[0, frame.columns.get_loc("close")] = 999.0  # pandas had handed out a read-only view of this memory
    assert candles.close[0] == 1.5


def test_a_slice_of_candles_shares_their_memory():
    candles = Candles.from_frame(
        pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], 1.0), index=pd.date_range("2024", periods=9)),
        symbol="AAPL",
        timeframe="1d",
    )
    assert np.shares_memory(candles.close, candles[2:5].close)


def test_the_day_end_follows_the_symbol_s4():
    assert make().day_end == FX_DAY_END
    assert make(symbol="AAPL").day_end == UTC_MIDNIGHT
    assert make(day_end=UTC_MIDNIGHT).day_end == UTC_MIDNIGHT


def test_a_frame_and_candles_are_the_same_thing():
    candles = make(spread=np.full(48, 0.0001))
    frame = candles.to_frame()
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert Candles.from_frame(frame, symbol="EURUSD", timeframe="1h").fingerprint == candles.fingerprint
    columns = frame.reset_index().rename(columns=str.upper)
    assert Candles.from_frame(columns, symbol="EURUSD", timeframe="H1").fingerprint == candles.fingerprint
    naive = frame.set_axis(frame.index.tz_localize(None).as_unit("s"))
    assert Candles.from_frame(naive, symbol="EURUSD", timeframe="1h").fingerprint == candles.fingerprint
    elsewhere = frame.tz_convert("Asia/Tokyo")
    assert Candles.from_frame(elsewhere, symbol="EURUSD", timeframe="1h").fingerprint == candles.fingerprint
    frame.iloc[0, 0] = 99
    assert candles.open[0] == 1.1


def test_frames_that_hold_no_candles_are_refused_with_what_is_missing():
    frame = make().to_frame()
    with pytest.raises(CandleError, match=r"the frame lacks high, low; it has open, close, volume"):
        Candles.from_frame(frame.drop(columns=["high", "low"]), symbol="EURUSD", timeframe="1h")
    with pytest.raises(CandleError, match="the frame has no time"):
        Candles.from_frame(frame.reset_index(drop=True), symbol="EURUSD", timeframe="1h")
    text = frame.reset_index().assign(time="soon")
    with pytest.raises(CandleError, match=r"column 'time' holds .*, not times; convert it"):
        Candles.from_frame(text, symbol="EURUSD", timeframe="1h")
    gone = frame.set_axis(frame.index.where(frame.index != frame.index[3]))
    with pytest.raises(CandleError, match="the time of row 3 is missing"):
        Candles.from_frame(gone, symbol="EURUSD", timeframe="1h")
    with pytest.raises(CandleError, match=r"Row 1 at .*order or duplicate"):
        Candles.from_frame(frame.iloc[::-1], symbol="EURUSD", timeframe="1h")


def test_a_frame_without_volume_has_none_traded():
    frame = make().to_frame().drop(columns="volume")
    assert Candles.from_frame(frame, symbol="EURUSD", timeframe="1h").volume.sum() == 0


def test_slices_by_time_are_half_open_with_whole_end_dates_s1():
    candles = make()
    assert len(candles["2024-01-02":"2024-01-02"]) == 24
    assert len(candles["2024-01-02T05:00":"2024-01-02T07:00"]) == 2
    assert len(candles["2024-01-03":]) == 24
    assert len(candles["2025":]) == len(candles["2024-01-03":"2024-01-02"]) == 0
    assert candles[:10].time.tolist() == candles.time[:10].tolist()
    assert candles[-3:].time.tolist() == candles.time[-3:].tolist()
    assert np.shares_memory(candles[5:9].close, candles.close)
    for wrong in (5, slice(None, None, 2), "2024"):
        with pytest.raises(InputError, match="give a slice"):
            candles[wrong]


@given(st.integers(-5, 60), st.integers(-5, 60))
def test_between_keeps_exactly_the_candles_of_the_range(low, high):
    candles = make()
    start = parse_time("2024-01-02")
    found = candles.between(start + low * HOUR, start + high * HOUR)
    assert found.time.tolist() == [t for t in candles.time.tolist() if start + low * HOUR <= t < start + high * HOUR]


def test_the_fingerprint_sees_every_value_and_not_the_source():
    candles = make(spread=np.full(48, 0.0001))
    assert candles.fingerprint == make(spread=np.full(48, 0.0001), source="elsewhere").fingerprint
    others = [
        make(),
        make(47),
        make(symbol="GBPUSD"),
        make(price="bid"),
        make(day_end=UTC_MIDNIGHT),
        make(spread=np.full(48, 0.0002)),
    ]
    for name in ("time", "open", "high", "low", "close", "volume"):
        values = getattr(candles, name).copy()
        values[-1] = np.nextafter(values[-1], np.inf) if name != "time" else values[-1] + 1
        others.append(make(spread=np.full(48, 0.0001), **{name: values}))
    prints = {candles.fingerprint, *(other.fingerprint for other in others)}
    assert len(prints) == len(others) + 1


def test_candles_show_themselves():
    assert repr(make()) == "<Candles EURUSD 1h: 48 candles, 2024-01-02T00:00 .. 2024-01-03T23:00 UTC (frame)>"
    assert "the last 3" in make()._repr_html_()
    assert "empty" in make(0)._repr_html_()
    assert make(5)._repr_html_().count("<tr") == 7


def test_closing_instants_belong_to_the_candles_day_s1():
    candles = make()
    assert (candles.close_time - candles.time == HOUR).all()
    days = Candles("AAPL", "1d", parse_time("2024-01-02") + np.arange(3) * DAY, *[np.ones(3)] * 5)
    assert (days.close_time - days.time == DAY).all()
