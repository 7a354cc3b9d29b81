"""The library of components: its exam, slow truths, and readable cases of its signals."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.components.crossing import crossing
from sptrader_lab.components.exam import exam_candles, examine, first_moved, gather
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.components.run import candle_columns, run

LIBRARY = scan(own_library())
NAMES = sorted(name for name, spec in LIBRARY.specs.items() if spec.style == "native")
SCRIPTS = sorted(name for name, spec in LIBRARY.specs.items() if spec.style == "script")
NAN = float("nan")
CANDLES = exam_candles(600, seed=3)


def values(name: str, *arrays, **parameters) -> tuple[np.ndarray, ...]:
    spec = LIBRARY.find(name)
    return run(spec, [np.asarray(array, float) for array in arrays], spec.resolve(parameters))


def test_the_library_holds_what_daily_use_needs():
    assert not LIBRARY.broken
    kinds = {
        kind: {name for name, spec in LIBRARY.specs.items() if spec.kind == kind} for kind in ("indicator", "signal")
    }
    assert kinds["indicator"] >= set(
        "sma ema wma rsi macd bollinger atr adx stochastic donchian keltner supertrend vwap roc zscore".split()
    )
    assert kinds["signal"] >= set("ma_crossover threshold breakout band_reversion macd_cross".split())


@pytest.mark.parametrize("name", [*NAMES, *SCRIPTS])
def test_a_component_is_described_to_whoever_chooses_it(name):
    spec = LIBRARY.specs[name]
    assert spec.summary
    assert all(parameter.description for parameter in spec.parameters)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_component_passes_the_exam_on_awkward_candles(name, seed):
    """S2, S17."""
    exam = examine(LIBRARY.specs[name], exam_candles(500, seed), library=LIBRARY)
    assert exam.passed, str(exam)


@pytest.mark.parametrize("name", NAMES)
def test_a_component_passes_the_exam_on_real_candles(name, eurusd_1h):
    """S2, S17."""
    exam = examine(LIBRARY.specs[name], eurusd_1h, library=LIBRARY)
    assert exam.passed, str(exam)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_passes_the_exam(name):
    """S2, S17; on fewer candles, because a script is a process for each of them."""
    exam = examine(LIBRARY.specs[name], exam_candles(120, seed=1), library=LIBRARY)
    assert exam.passed, str(exam)


@pytest.mark.parametrize("name", NAMES)
def test_every_prefix_of_a_history_gives_the_same_bits(name):
    """S2, exhaustively, with parameters at their smallest."""
    spec = LIBRARY.specs[name]
    lows = {each.name: max(each.low, 2) for each in spec.parameters if each.kind == "int"}
    chosen = spec.resolve({**lows, **({"slow": 3} if name == "macd" else {})})
    inputs = gather(spec, CANDLES.rows(0, 150), LIBRARY)
    full = run(spec, inputs, chosen)
    for length in range(1, 150):
        part = run(spec, [array[:length] for array in inputs], chosen)
        assert [first_moved(whole, prefix) for whole, prefix in zip(full, part, strict=True)] == [None] * len(full)


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_in_the_inputs_is_outlived(name):
    """S21: a NaN in the middle does not silence a component to the end."""
    spec = LIBRARY.specs[name]
    inputs = [array.copy() for array in gather(spec, CANDLES, LIBRARY)]
    for each, array in zip(spec.inputs, inputs, strict=True):
        if each.name != "day":
            array[300:303] = NAN
    for output in run(spec, inputs, {}):
        assert (np.isnan(output[300:303]) | (output[300:303] == 0)).all()
        assert not np.isnan(output[-100:]).any()


# Truths: plain Python, one bar at a time.

prices = st.lists(st.sampled_from([1.0, 1.0, 1.5, 2.0, 2.25, 7.0]) | st.floats(0.5, 1e4), min_size=1, max_size=60)


def per_bar(bars: int, function) -> list[float]:
    return [function(i) for i in range(bars)]


@settings(deadline=None)
@given(prices, st.integers(2, 12))
def test_zscore_is_the_distance_from_the_mean_in_deviations(close, period):
    def slow(i):
        window = close[i - period + 1 : i + 1]
        if i < period - 1 or min(window) == max(window):
            return NAN
        mean = math.fsum(window) / period
        return (close[i] - mean) / math.sqrt(math.fsum((value - mean) ** 2 for value in window) / period)

    (fast,) = values("zscore", close, period=period)
    np.testing.assert_allclose(fast, per_bar(len(close), slow), rtol=1e-6, atol=1e-6)


bars_of_days = st.lists(
    st.tuples(st.floats(0.5, 100) | st.just(NAN), st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=40
)


@settings(deadline=None)
@given(bars_of_days)
def test_vwap_starts_afresh_with_each_trading_day(rows):
    price, volume = [row[0] for row in rows], [row[1] for row in rows]
    day = np.cumsum([row[2] for row in rows]).astype(float)

    def slow(i):
        today = [j for j in range(i + 1) if day[j] == day[i] and not math.isnan(price[j])]
        units = sum(volume[j] for j in today)
        return sum(price[j] * volume[j] for j in today) / units if units and not math.isnan(price[i]) else NAN

    (fast,) = values("vwap", price, volume, day)
    np.testing.assert_allclose(fast, per_bar(len(rows), slow), rtol=1e-9)


def test_vwap_of_candles_uses_the_typical_price_and_the_trading_day():
    columns = candle_columns(CANDLES)
    (fast,) = run(LIBRARY.find("vwap"), gather(LIBRARY.find("vwap"), CANDLES, LIBRARY), {})
    starts = np.flatnonzero(np.diff(columns["day"])) + 1
    traded = starts[CANDLES.volume[starts] > 0]
    assert len(traded) > 10
    np.testing.assert_allclose(fast[traded], columns["hlc3"][traded])


def slow_mean(close, period, i):
    return math.fsum(close[i - period + 1 : i + 1]) / period if i >= period - 1 else NAN


def slow_ema(series, period):
    """Exponential average that starts from the mean of the first `period` defined values."""
    out, defined = [NAN] * len(series), [i for i, value in enumerate(series) if not math.isnan(value)]
    for count, i in enumerate(defined, 1):
        if count == period:
            out[i] = math.fsum(series[j] for j in defined[:period]) / period
        elif count > period:
            out[i] = out[i - 1] + (series[i] - out[i - 1]) * 2 / (period + 1)
    return out


def slow_ranges():
    high, low, close = CANDLES.high.tolist(), CANDLES.low.tolist(), CANDLES.close.tolist()
    return [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) if i else NAN for i in range(len(close))]


def slow_wilder(series, period):
    out, defined = [NAN] * len(series), [i for i, value in enumerate(series) if not math.isnan(value)]
    for count, i in enumerate(defined, 1):
        if count == period:
            out[i] = math.fsum(series[j] for j in defined[:period]) / period
        elif count > period:
            out[i] = (out[i - 1] * (period - 1) + series[i]) / period
    return out


CLOSE = CANDLES.close.tolist()
BARS = len(CLOSE)


def test_averages_are_what_they_say():
    np.testing.assert_allclose(values("sma", CLOSE, period=7)[0], per_bar(BARS, lambda i: slow_mean(CLOSE, 7, i)))
    np.testing.assert_allclose(values("ema", CLOSE, period=7)[0], slow_ema(CLOSE, 7))
    weighted = per_bar(BARS, lambda i: sum((3 - k) * CLOSE[i - k] for k in range(3)) / 6 if i >= 2 else NAN)
    np.testing.assert_allclose(values("wma", CLOSE, period=3)[0], weighted)
    change = per_bar(BARS, lambda i: 100 * (CLOSE[i] / CLOSE[i - 4] - 1) if i >= 4 else NAN)
    np.testing.assert_allclose(values("roc", CLOSE, period=4)[0], change, atol=1e-10)


def test_rsi_is_wilders():
    steps = [NAN] + [CLOSE[i] - CLOSE[i - 1] for i in range(1, BARS)]
    gain = slow_wilder([NAN, *(max(step, 0.0) for step in steps[1:])], 9)
    loss = slow_wilder([NAN, *(max(-step, 0.0) for step in steps[1:])], 9)
    expected = 100 * np.array(gain) / np.add(gain, loss)
    np.testing.assert_allclose(values("rsi", CLOSE, period=9)[0], expected)


def test_macd_lines_come_in_their_order():
    macd, signal, histogram = values("macd", CLOSE, fast=5, slow=11, signal=4)
    np.testing.assert_array_equal(np.isnan(macd), np.arange(BARS) < 13)
    # TA-Lib starts the fast average late, on the slow one's first bar; the start fades out.
    difference = np.subtract(slow_ema(CLOSE, 5), slow_ema(CLOSE, 11))
    np.testing.assert_allclose(macd[100:], difference[100:], atol=1e-12)
    np.testing.assert_allclose(signal[200:], slow_ema(difference.tolist(), 4)[200:], atol=1e-12)
    np.testing.assert_allclose(histogram, macd - signal, atol=1e-15)


def test_bands_and_channels_come_in_their_order():
    upper, middle, lower = values("bollinger", CLOSE, period=10, deviations=1.5)
    spread = per_bar(BARS, lambda i: np.std(CLOSE[i - 9 : i + 1]) if i >= 9 else NAN)
    np.testing.assert_allclose(middle, per_bar(BARS, lambda i: slow_mean(CLOSE, 10, i)))
    np.testing.assert_allclose(upper - middle, 1.5 * np.array(spread), atol=1e-10)
    np.testing.assert_allclose(middle - lower, 1.5 * np.array(spread), atol=1e-10)

    upper, middle, lower = values("donchian", CANDLES.high, CANDLES.low, period=6)
    highest = per_bar(BARS, lambda i: max(CANDLES.high[i - 5 : i + 1]) if i >= 5 else NAN)
    lowest = per_bar(BARS, lambda i: min(CANDLES.low[i - 5 : i + 1]) if i >= 5 else NAN)
    np.testing.assert_array_equal(upper, highest)
    np.testing.assert_array_equal(lower, lowest)
    np.testing.assert_allclose(middle, (np.array(highest) + lowest) / 2)

    arrays = CANDLES.high, CANDLES.low, CANDLES.close
    upper, middle, lower = values("keltner", *arrays, period=8, atr_period=5, multiple=1.5)
    typical = ((CANDLES.high + CANDLES.low + CANDLES.close) / 3).tolist()
    np.testing.assert_allclose(middle, slow_ema(typical, 8))
    width = 1.5 * np.array(slow_wilder(slow_ranges(), 5))
    np.testing.assert_allclose((upper - middle)[150:], width[150:], atol=1e-12)  # where the range begins fades out
    np.testing.assert_allclose(upper - middle, middle - lower)


def test_atr_adx_and_stochastic_take_high_low_and_close_in_order():
    arrays = CANDLES.high, CANDLES.low, CANDLES.close
    np.testing.assert_allclose(values("atr", *arrays, period=5)[0], slow_wilder(slow_ranges(), 5))

    high, low = CANDLES.high.tolist(), CANDLES.low.tolist()
    up = [NAN] + [high[i] - high[i - 1] for i in range(1, BARS)]
    down = [NAN] + [low[i - 1] - low[i] for i in range(1, BARS)]
    moves = [[a if a > b and a > 0 else 0.0 for a, b in zip(x, y, strict=True)] for x, y in ((up, down), (down, up))]
    true_range = np.array(slow_wilder([0.0, *slow_ranges()[1:]], 5))
    adx, plus, minus = values("adx", *arrays, period=5)
    for fast, move in ((plus, moves[0]), (minus, moves[1])):
        expected = 100 * np.array(slow_wilder(move, 5)) / true_range
        np.testing.assert_allclose(fast[150:], expected[150:], rtol=1e-6)  # where the sums begin fades out
    gap = 100 * np.abs(plus - minus) / (plus + minus)
    np.testing.assert_allclose(adx[250:], np.array(slow_wilder(gap.tolist(), 5))[250:], rtol=1e-6)

    def raw(i):
        top, bottom = max(high[i - 6 : i + 1]), min(low[i - 6 : i + 1])
        return 100 * (CLOSE[i] - bottom) / (top - bottom) if top > bottom else 0.0

    k, d = values("stochastic", *arrays, k_period=7, k_smoothing=2, d_period=4)
    smooth = per_bar(BARS, lambda i: (raw(i) + raw(i - 1)) / 2 if i >= 7 else NAN)
    expected_d = per_bar(BARS, lambda i: sum(smooth[i - 3 : i + 1]) / 4 if i >= 10 else NAN)
    np.testing.assert_allclose(k[10:], smooth[10:], atol=1e-9)
    np.testing.assert_allclose(d, expected_d, atol=1e-9)


def test_supertrend_only_tightens_until_the_close_passes_it():
    line, direction = values("supertrend", CANDLES.high, CANDLES.low, CANDLES.close, period=5, multiple=1.5)
    atr = slow_wilder(slow_ranges(), 5)
    upper = lower = trend = NAN
    for i in range(BARS):
        if math.isnan(atr[i]):
            assert np.isnan(line[i])
            assert np.isnan(direction[i])
            continue
        middle = (CANDLES.high[i] + CANDLES.low[i]) / 2
        above, below = middle + 1.5 * atr[i], middle - 1.5 * atr[i]
        upper = above if not above >= upper or CLOSE[i - 1] > upper else upper
        lower = below if not below <= lower or CLOSE[i - 1] < lower else lower
        if math.isnan(trend):
            trend = direction[i]
        else:
            trend = (-1 if CLOSE[i] < lower else 1) if trend == 1 else (1 if CLOSE[i] > upper else -1)
        assert direction[i] == trend
        assert line[i] == pytest.approx(lower if trend == 1 else upper, rel=1e-12)
    assert set(direction[5:]) == {1.0, -1.0}


# Signals.

tied = st.lists(
    st.sampled_from([1.0, 1.0 + 1e-13, 1.0 - 1e-13, 1.001, 0.999, 1.2, -1.0, 0.0, NAN]), min_size=1, max_size=40
)


def slow_side(a, b):
    if math.isnan(a) or math.isnan(b):
        return None
    return 0 if abs(a - b) <= 1e-10 * abs(b) else 1 if a > b else -1


@settings(max_examples=300, deadline=None)
@given(tied, tied, st.integers(1, 4), st.sampled_from([0.0, 0.0005, 0.1]))
def test_a_crossing_is_what_s22_says_confirmed_and_separated(a, b, bars, separation):
    """S22: ties are neither side, both sides must be defined on both bars, nothing later is looked at."""
    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    sides = [slow_side(x, y) for x, y in zip(a, b, strict=True)]
    codes, strength = crossing(np.array(a), np.array(b), bars, separation)
    for i in range(count):
        start = i - bars + 1
        expected = 0
        for code, side in ((1, 1), (2, -1)):
            held = start >= 1 and all(sides[j] == side for j in range(start, i + 1))
            crossed = held and sides[start - 1] is not None and sides[start - 1] != side
            wide = abs(a[i] - b[i]) >= separation * abs(b[i]) * (1 - 1e-10)
            expected = code if crossed and wide else expected
        assert codes[i] == expected
        if not expected:
            assert strength[i] == 0
            continue
        gaps = [x - y for x, y in zip(a, b, strict=True)]
        moves = [abs(gaps[j] - gaps[j - 1]) for j in range(max(1, i - 19), i + 1)]
        moves = [move for move in moves if not math.isnan(move)]
        usual = math.fsum(moves) / len(moves)
        assert strength[i] == pytest.approx(min(1.0, abs(gaps[i]) / (2 * usual)))


def events(name: str, *arrays, **parameters) -> list[tuple[int, str]]:
    labels = LIBRARY.find(name).outputs[0].labels
    codes = values(name, *arrays, **parameters)[0]
    return [(int(bar), labels[int(codes[bar])]) for bar in np.flatnonzero(codes)]


FAST = [NAN, 9, 11, 12, 11, 9, 8, 10, 11, 10, 12]
SLOW = [NAN, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]


def test_a_golden_cross_comes_on_the_bar_it_happens_a_death_cross_too():
    assert events("ma_crossover", FAST, SLOW) == [
        (2, "golden_cross"),
        (5, "death_cross"),
        (8, "golden_cross"),  # from a tie, which is not above
        (10, "golden_cross"),  # the tie at bar 9 ended the first one
    ]


def test_a_confirmed_cross_comes_on_the_confirming_bar():
    assert events("ma_crossover", FAST, SLOW, confirmation_bars=2) == [(3, "golden_cross"), (6, "death_cross")]
    assert events("ma_crossover", FAST, SLOW, confirmation_bars=3) == [(4, "golden_cross")]
    assert events("ma_crossover", FAST, SLOW, confirmation_bars=4) == []


def test_a_cross_needs_its_separation_on_the_events_bar():
    assert events("ma_crossover", FAST, SLOW, min_separation=0.1)[0] == (2, "golden_cross")
    assert events("ma_crossover", FAST, SLOW, min_separation=0.15) == [(10, "golden_cross")]
    assert events("ma_crossover", FAST, SLOW, min_separation=0.15, confirmation_bars=2)[0] == (3, "golden_cross")


def test_being_above_from_the_first_defined_bar_is_no_cross():
    assert events("ma_crossover", [NAN, 12, 13], [10, 10, 10]) == []
    assert events("ma_crossover", [9, NAN, 13], [10, 10, 10]) == []
    assert events("ma_crossover", [12, 13, 14], [10, 10, 10]) == []


def test_averages_that_differ_in_the_last_bits_do_not_cross_s22():
    close = 1.1
    noisy = [close, close * (1 + 2e-16), close * (1 - 3e-16), close * (1 + 5e-12)]
    assert events("ma_crossover", noisy, [close] * 4) == []


def test_strength_tells_a_leap_from_a_touch():
    slow = [10.0] * 12
    leap = values("ma_crossover", [9, 8.9] * 5 + [9, 12], slow)[1]
    touch = values("ma_crossover", [9, 8.9] * 5 + [9, 10.01], slow)[1]
    assert leap[-1] == 1.0
    assert 0 < touch[-1] < 0.1
    assert not leap[:-1].any()


def test_the_strengths_of_real_crosses_fill_the_range(eurusd_1h):
    """`signal_strength: "> 0.1"` keeps most crosses and refuses some."""
    spec = LIBRARY.find("ma_crossover")
    codes, strength = run(spec, gather(spec, eurusd_1h, LIBRARY), {})
    happened = strength[codes > 0]
    assert len(happened) > 50
    assert 0.6 < (happened > 0.1).mean() < 0.98
    assert happened.max() <= 1
    assert 0.15 < np.median(happened) < 0.6


def test_macd_cross_tells_both_sides():
    assert events("macd_cross", [NAN, -1, 1, -1], [NAN, 0, 0, 0]) == [(2, "bullish"), (3, "bearish")]


def test_a_threshold_is_passed_upwards_and_downwards():
    rsi = [NAN, 50, 71, 75, 70, 69, 72, 28, 25, 31]
    assert events("threshold", rsi) == [(2, "above"), (6, "above"), (7, "below")]
    assert events("threshold", rsi, confirmation_bars=2) == [(3, "above"), (8, "below")]
    # The other way round: leaving the extremes.
    assert events("threshold", rsi, upper=30, lower=70) == [(5, "below"), (7, "below"), (9, "above")]


def test_a_breakout_leaves_the_channel_of_the_bar_before():
    close = [5, 5, 6, 9, 10, 7, 2]
    upper = [NAN, 6, 7, 9, 10, 10, 10]
    lower = [NAN, 4, 4, 4, 4, 4, 2]
    assert events("breakout", close, upper, lower) == [(3, "up"), (6, "down")]
    assert events("breakout", close, upper, lower, min_separation=0.3) == [(6, "down")]
    assert events("breakout", close, upper, lower, confirmation_bars=2) == [(4, "up")]


def test_a_breakout_from_its_own_channel_is_possible():
    spec = LIBRARY.find("breakout")
    codes = run(spec, gather(spec, CANDLES, LIBRARY), {})[0]
    assert set(codes) == {0.0, 1.0, 2.0}


def test_a_reversion_comes_back_into_the_band():
    close = [5, 1, 3, 9, 7, 7]
    assert events("band_reversion", close, [8] * 6, [2] * 6) == [(2, "bullish"), (4, "bearish")]
    assert events("band_reversion", close, [8] * 6, [2] * 6, confirmation_bars=2) == [(3, "bullish"), (5, "bearish")]


COLD = """
import hashlib, sys
from pathlib import Path
from sptrader_lab.components.exam import exam_candles, gather
from sptrader_lab.components.library import scan
from sptrader_lab.components.native import load
from sptrader_lab.components.run import run
spec = load(Path(sys.argv[1]))
outputs = run(spec, gather(spec, exam_candles(300), scan()), {})
stats = spec.function.__globals__["_by_day"].stats
print(hashlib.sha256(b"".join(column.tobytes() for column in outputs)).hexdigest(), sum(stats.cache_hits.values()))
"""


def test_compiled_components_are_loaded_from_the_cache_and_give_the_same_bytes(tmp_path):
    """S17: cold and warm compile caches, two processes."""
    root = Path(__file__).resolve().parent.parent
    vwap = own_library() / "indicators" / "vwap.py"
    printed = []
    for seed in ("1", "2"):
        environment = {key: value for key, value in os.environ.items() if key != "NUMBA_DISABLE_JIT"}
        environment |= {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", COLD, str(vwap)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.split())
    (cold, cold_hits), (warm, warm_hits) = printed
    assert cold == warm
    assert (cold_hits, warm_hits) == ("0", "1")
