"""Fewer rows than candles, and not one high or low less."""

from __future__ import annotations

import numpy as np
import pytest
from chart_results import random_candles
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.charts.buckets import bucket_size, outline, window
from sptrader_lab.errors import InputError

CANDLES = random_candles(500)
BARS = st.integers(0, 520)


@settings(deadline=None)
@given(BARS, BARS, st.integers(2, 600))
def test_every_drawn_candle_is_what_its_bars_come_to(start: int, stop: int, most: int) -> None:
    drawn = window(CANDLES, start, stop, most)
    start, stop = min(start, 500), min(stop, 500)
    if stop <= start:
        assert len(drawn.first) == 0
        return
    assert len(drawn.first) <= most
    assert drawn.first[0] <= start
    assert drawn.last[-1] >= stop - 1
    assert np.array_equal(drawn.first[1:], drawn.last[:-1] + 1)
    for row, (first, last) in enumerate(zip(drawn.first, drawn.last, strict=True)):
        assert first % drawn.per == 0
        bars = slice(first, last + 1)
        assert drawn.time[row] == CANDLES.time[first]
        assert drawn.open[row] == CANDLES.open[first]
        assert drawn.high[row] == max(CANDLES.high[bars])
        assert drawn.low[row] == min(CANDLES.low[bars])
        assert drawn.close[row] == CANDLES.close[last]
        assert drawn.volume[row] == pytest.approx(sum(CANDLES.volume[bars]))


def test_candles_that_fit_are_drawn_one_by_one() -> None:
    drawn = window(CANDLES, 0, None, 500)
    assert drawn.per == 1
    assert np.array_equal(drawn.high, CANDLES.high)


def test_a_bucket_means_the_same_bars_wherever_the_view_begins() -> None:
    one, other = window(CANDLES, 0, 400, 90), window(CANDLES, 13, 413, 90)
    shared = np.intersect1d(one.first, other.first)
    assert one.per == other.per == 5
    assert len(shared) > 70
    assert np.array_equal(one.high[np.isin(one.first, shared)], other.high[np.isin(other.first, shared)])


@given(st.integers(1, 10**7), st.integers(2, 5000))
def test_the_bucket_size_is_the_smallest_round_one_that_fits(count: int, most: int) -> None:
    per = bucket_size(0, count, most)
    assert -(-count // per) <= most
    smaller = [step * scale for scale in (1, 60, 3600) for step in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40)]
    assert all(-(-count // step) > most for step in smaller if step < per)


def test_a_row_is_found_for_every_bar() -> None:
    drawn = window(CANDLES, 100, 300, 40)
    bars = np.arange(500)
    rows = drawn.row_of(bars)
    inside = (bars >= drawn.first[0]) & (bars <= drawn.last[-1])
    assert ((drawn.first[rows] <= bars) & (bars <= drawn.last[rows]))[inside].all()
    assert rows[0] == 0
    assert rows[-1] == len(drawn.first) - 1


def test_one_row_is_refused() -> None:
    with pytest.raises(InputError, match="max_candles 1 is not enough"):
        window(CANDLES, 0, None, 1)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 700), st.integers(8, 200), st.integers(0, 2**32 - 1))
def test_an_outline_keeps_the_ends_and_every_extreme(start: int, stop: int, most: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 700))
    kept = outline((values[0], values[1]), start, stop, most)
    assert np.array_equal(kept, np.unique(kept))
    if stop <= start:
        assert len(kept) == 0
        return
    assert kept[0] <= start
    assert kept[-1] >= stop - 1
    for line in values:
        inside, drawn = line[start:stop], line[kept]
        assert drawn.max() >= inside.max()
        assert drawn.min() <= inside.min()
    assert len(kept) <= max(most, 12)
