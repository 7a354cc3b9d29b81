"""Block-resampled candles: whole days, together, without jumps, and still candles."""

from __future__ import annotations

import numpy as np
import pytest

from sptrader_lab.errors import InputError
from sptrader_lab.research.significance import resample_candles
from sptrader_lab.types.calendar import DAY, HOUR, MINUTE, day_ends, parse_day_end, trading_dates
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time


def market(symbol: str, *, days: int = 60, seed: int = 1, step: int = HOUR, start: str = "2025-01-06") -> Candles:
    """Hours of the working days (UTC) of a walk whose every bar has a gap before it, so that closes and opens differ."""
    random = np.random.default_rng(seed)
    first = parse_time(start)
    time = np.arange(first, first + days * DAY, step)
    weekday = (time // DAY + 3) % 7
    time = time[weekday < 5]
    steps = random.normal(0, 0.002, (len(time), 2))
    closes = np.exp(np.cumsum(steps.sum(axis=1)))
    opens = closes * np.exp(-steps[:, 1])
    high = np.maximum(opens, closes) * (1 + random.uniform(0, 0.001, len(time)))
    low = np.minimum(opens, closes) * (1 - random.uniform(0, 0.001, len(time)))
    volume = random.integers(1, 100, len(time)).astype(np.float64)
    text = f"{step // HOUR}h" if step >= HOUR else f"{step // MINUTE}m"
    return Candles(symbol, text, time, opens, high, low, closes, volume, spread=closes * 1e-4)


def dates(candles: Candles) -> np.ndarray:
    ends = day_ends(int(candles.close_time[0]) - DAY, int(candles.close_time[-1]), candles.day_end)
    return trading_dates(ends, candles.day_end)[np.searchsorted(ends, candles.close_time)]


def days_of(candles: Candles) -> list[np.ndarray]:
    """Each trading day as rows of: instant within the day, and every price over the close before the day."""
    found = []
    for date in np.unique(dates(candles)):
        rows = np.flatnonzero(dates(candles) == date)
        before = candles.close[rows[0] - 1] if rows[0] else candles.open[0]
        columns = [getattr(candles, name)[rows] / before for name in ("open", "high", "low", "close", "spread")]
        end = int(candles.close_time[rows[-1]])
        start = int(day_ends(end - HOUR, end, candles.day_end)[0])
        start -= DAY if start == end else 0
        found.append(np.column_stack(((candles.time[rows] - start) / HOUR, candles.volume[rows], *columns)))
    return found


@pytest.mark.parametrize("symbol", ["EURUSD", "BTCUSDT"])
def test_every_day_is_a_day_of_the_original_from_the_close_before_it(symbol: str) -> None:
    candles = market(symbol, days=45)  # ends before the clocks change
    other = resample_candles(candles, seed=3, block=4.0)
    originals = days_of(candles)
    assert (np.unique(dates(other)) == np.unique(dates(candles))).all()
    used = []
    for day in days_of(other)[1:]:  # nothing lies before the first
        fits = [
            number
            for number, one in enumerate(originals)
            if one.shape == day.shape and np.allclose(one, day, rtol=1e-9, atol=1e-9)
        ]
        assert len(fits) == 1
        used += fits
    steps = np.diff(used) % len(originals) == 1
    assert 0.5 < steps.mean() < 0.95  # blocks of four days go on three times in four
    assert len(set(used)) < len(used)


def test_symbols_keep_their_days_together() -> None:
    first, second = market("EURUSD", seed=1), market("GBPUSD", seed=2)
    gone = np.unique(dates(second))[7]  # a holiday of one of them
    rows = dates(second) != gone
    second = Candles.from_frame(second.to_frame()[rows], symbol="GBPUSD", timeframe="1h")
    other = resample_candles({"a": first, "b": second}, seed=5, block=3.0)
    volumes = [{tuple(each[:, 1]): number for number, each in enumerate(days_of(one))} for one in (first, second)]
    order_of_first = [volumes[0][tuple(day[:, 1])] for day in days_of(other["a"])]
    order_of_second = [volumes[1][tuple(day[:, 1])] for day in days_of(other["b"])]
    without = [number - (number > 7) for number in order_of_first if number != 7]
    assert 7 in order_of_first
    assert order_of_second == without


def test_the_seed_decides() -> None:
    candles = market("EURUSD", days=30)
    first, again, other = (resample_candles(candles, seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert "seed 1" in first.source
    assert (first.symbol, first.timeframe, first.day_end) == (candles.symbol, candles.timeframe, candles.day_end)


def test_days_stay_days_across_changes_of_the_clocks() -> None:
    candles = market("EURUSD", days=60, start="2025-02-20")  # New York changes on 9 March
    other = resample_candles(candles, seed=1, block=1.0)
    assert len(np.unique(dates(other))) == len(np.unique(dates(candles)))
    starts = {float(day[0, 0]) for day in days_of(other)}
    assert starts <= {float(day[0, 0]) for day in days_of(candles)}


def test_what_a_shorter_day_has_no_room_for_is_left_out() -> None:
    end = parse_day_end("00:00 America/New_York")
    hours = np.arange(parse_time("2025-10-20 04:00"), parse_time("2025-11-10 05:00"), HOUR)  # 25 hours on 2 November
    close = np.linspace(1.0, 2.0, len(hours))
    number = np.arange(len(hours), dtype=np.float64)
    candles = Candles("BTCUSDT", "1h", hours, close, close, close, close, number, day_end=end)
    long = candles.volume[dates(candles) == np.datetime64("2025-11-02")]
    assert len(long) == 25
    seen = 0
    for seed in range(5):
        other = resample_candles(candles, seed=seed, block=1.0)
        for date in np.unique(dates(other)):
            day = other.volume[dates(other) == date]
            assert len(day) == (25 if date == np.datetime64("2025-11-02") and day[0] == long[0] else 24)
            if day[0] == long[0]:
                seen += 1
                assert (day == long[: len(day)]).all()
    assert seen


def test_daily_candles_are_days_too() -> None:
    hours = market("BTCUSDT", days=90)
    frame = (
        hours.to_frame()
        .resample("1D")
        .agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "mean"})
    )
    candles = Candles.from_frame(frame.dropna(), symbol="BTCUSDT", timeframe="1d")
    other = resample_candles(candles, seed=4)
    assert (other.time == candles.time).all()
    returns = {round(value, 9) for value in np.diff(np.log(candles.close))}
    assert sum(round(value, 9) in returns for value in np.diff(np.log(other.close))) >= len(other) - 4


def test_mistakes_are_refused() -> None:
    candles = market("EURUSD", days=30)
    with pytest.raises(InputError, match="1 or more"):
        resample_candles(candles, seed=1, block=0.5)
    with pytest.raises(InputError, match="there are 1"):
        resample_candles(candles.rows(0, 3), seed=1)
    with pytest.raises(InputError, match="there are 0"):
        resample_candles({}, seed=1)
    weeks = Candles("EURUSD", "1w", candles.time[::120], *(np.ones(len(candles.time[::120])) for _ in range(5)))
    with pytest.raises(InputError, match="EURUSD 1w"):
        resample_candles(weeks, seed=1)
