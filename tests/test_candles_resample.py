"""Coarser candles made in SQL are those that a slow loop over plain Python numbers makes (S1, S4)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from sptrader_lab.candles.store import CandleStore
from sptrader_lab.types.calendar import HOUR, MINUTE, SECOND
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import instrument

FRAMES = ["5m", "15m", "45m", "1h", "90m", "2h", "4h", "8h", "12h", "1d", "1w", "1mo"]
#: Around both changes of the clocks in New York and in London, a year's end and a month's end.
STARTS = ["2024-03-08T12:00", "2024-11-01T12:00", "2024-03-29T12:00", "2023-12-29T12:00", "2024-02-28T12:00"]


def random_candles(symbol: str, start: str, minutes: list[int], seed: int) -> Candles:
    random = np.random.default_rng(seed)
    time = parse_time(start) + np.array(sorted(minutes), np.int64) * MINUTE
    prices = np.sort(1 + random.random((4, len(time))), axis=0)
    flip = random.random(len(time)) < 0.5
    opens, closes = np.where(flip, prices[1], prices[2]), np.where(flip, prices[2], prices[1])
    volume, spread = random.integers(0, 100, len(time)) + 0.25, random.random(len(time)) / 1e4
    return Candles(symbol, "1m", time, opens, prices[3], prices[0], closes, volume, spread=spread)


def bucket_start(instant: int, frame: str, symbol: str) -> int:
    """The opening of the candle that holds an instant, worked out with datetime alone."""
    end = instrument(symbol).day_end
    zone = ZoneInfo(end.zone)
    moment = dt.datetime.fromtimestamp(instant // SECOND, zone)
    name = moment.date() + dt.timedelta(days=1 if end.hour and moment.hour >= end.hour else 0)
    if frame == "1w":
        name -= dt.timedelta(days=name.weekday())
    if frame == "1mo":
        name = name.replace(day=1)
    opened = name - dt.timedelta(days=1 if end.hour else 0)
    start = int(dt.datetime(opened.year, opened.month, opened.day, end.hour, tzinfo=zone).timestamp()) * SECOND
    if frame in {"1d", "1w", "1mo"}:
        return start
    length = int(frame[:-1]) * {"m": MINUTE, "h": HOUR}[frame[-1]]
    return start + (instant - start) // length * length


def slow_resample(candles: Candles, frame: str) -> list[tuple[float, ...]]:
    buckets: dict[int, list[int]] = {}
    for row, instant in enumerate(candles.time.tolist()):
        buckets.setdefault(bucket_start(instant, frame, candles.symbol), []).append(row)
    c = candles
    return [
        (
            time,
            c.open[rows[0]],
            max(c.high[row] for row in rows),
            min(c.low[row] for row in rows),
            c.close[rows[-1]],
            sum(c.volume[row] for row in rows),
            sum(c.spread[row] for row in rows) / len(rows),
        )
        for time, rows in buckets.items()
    ]


def assert_resampled(candles: Candles, folder: Path, frames: list[str]) -> None:
    store = CandleStore(folder)
    store.write(candles)
    for frame in frames:
        made = store.candles(candles.symbol, frame)
        slow = slow_resample(candles, frame)
        assert made.time.tolist() == [row[0] for row in slow]
        for position, name in enumerate(("open", "high", "low", "close"), 1):
            assert getattr(made, name).tolist() == [row[position] for row in slow]
        np.testing.assert_allclose(made.volume, [row[5] for row in slow], rtol=1e-12)
        np.testing.assert_allclose(made.spread, [row[6] for row in slow], rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("symbol", ["EURUSD", "BTC/USDT"])
@pytest.mark.parametrize("start", STARTS)
def test_every_timeframe_equals_the_slow_loop_around_changes_of_the_clocks_s4(tmp_path, symbol, start):
    assert_resampled(random_candles(symbol, start, list(range(0, 6000, 7)), 0), tmp_path, FRAMES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=st.sampled_from(FRAMES),
    place=st.tuples(st.sampled_from(["EURUSD", "BTC/USDT"]), st.sampled_from(STARTS)),
    minutes=st.sets(st.integers(0, 6 * 1440), min_size=1, max_size=200),
    seed=st.integers(0, 9),
)
def test_any_candles_with_any_gaps_equal_the_slow_loop_s4(tmp_path_factory, frame, place, minutes, seed):
    candles = random_candles(*place, list(minutes), seed)
    assert_resampled(candles, tmp_path_factory.mktemp("resample"), [frame])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=st.sampled_from(FRAMES),
    low=st.integers(-2000, 10_000),
    length=st.integers(1, 8000),
    start=st.sampled_from(STARTS),
)
def test_a_range_holds_the_same_bytes_as_the_slice_of_the_whole(tmp_path_factory, frame, low, length, start):
    candles = random_candles("EURUSD", start, list(range(0, 6000, 3)), 1)
    folder = tmp_path_factory.mktemp("range")
    CandleStore(folder).write(candles)
    whole = CandleStore(folder).candles("EURUSD", frame)
    first = parse_time(start) + low * MINUTE
    expected = whole.between(first, first + length * MINUTE)
    if len(expected):
        store = CandleStore(folder)
        assert store.candles("EURUSD", frame, first, first + length * MINUTE).fingerprint == expected.fingerprint
        assert store.load("EURUSD", frame).fingerprint == whole.fingerprint
        assert store.candles("EURUSD", frame, first, first + length * MINUTE).fingerprint == expected.fingerprint
        assert store.cache.hits == 1


def test_no_candle_reaches_beyond_its_trading_day_on_days_of_23_and_25_hours_s4(tmp_path):
    """A Sunday of 25 hours holds six candles of 4h and one of a single hour; one of 23 hours five and one of three."""
    for symbol, start, last in (("2", "2024-11-02T21:00", 1), ("3", "2024-03-09T22:00", 3)):
        store = CandleStore(tmp_path / symbol)
        store.write(random_candles("EURUSD", start, list(range(1600)), 2))
        made = store.candles("EURUSD", "4h")
        day = made.between(start, parse_time(start) + (24 + (1 if last == 1 else -1)) * HOUR)
        assert (day.close_time - day.time).tolist() == [4 * HOUR] * (len(day) - 1) + [last * HOUR]
        assert len(day) == (7 if last == 1 else 6)


def test_days_of_the_real_minutes_open_at_17_new_york(tmp_path, eurusd_1m):
    store = CandleStore(tmp_path)
    store.write(eurusd_1m.rows(0, 60_000))
    days = store.candles("EURUSD", "1d").to_frame().index.tz_convert("America/New_York")
    assert set(days.hour) == {17}
    hours = store.candles("EURUSD", "1h")
    frame = eurusd_1m.rows(0, 60_000).to_frame()
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "mean"}
    truth = frame.resample("1h").agg(rules).dropna()
    np.testing.assert_array_equal(hours.to_frame().index, truth.index)
    np.testing.assert_allclose(hours.to_frame().to_numpy(), truth.to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("frame", ["1d", "1w", "1mo"])
def test_stored_days_become_weeks_and_months(tmp_path, frame):
    store = CandleStore(tmp_path)
    made, days = store.candles("IBM", frame), store.candles("IBM", "1d")
    assert made.volume.sum() == days.volume.sum()
    assert (made.open[0], made.close[-1], made.high.max()) == (days.open[0], days.close[-1], days.high.max())
    assert made.close_time[-1] >= days.close_time[-1]
