"""Columns from columns: against a slower truth in plain Python, and the same bits on every prefix (S2, S22)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.kernel import rolling

# A coarse grid makes ties common; the smallest step is far below the tolerance of S22.
numbers = st.one_of(
    st.sampled_from([math.nan, 0.0, 1.0, 1.0 + 1e-12, 1.0 - 1e-12, 2.0, -1.0, -1.0 - 1e-12, math.inf]),
    st.floats(-100, 100),
)
columns = st.lists(numbers, min_size=0, max_size=40).map(lambda values: np.array(values, dtype=np.float64))


def same(a: float, b: float) -> bool:
    return math.isfinite(b) and math.isfinite(a) and abs(a - b) <= 1e-10 * abs(b)


def higher(a: float, b: float) -> bool:
    return a > b and not same(a, b)


@settings(deadline=None)
@given(columns, st.data())
def test_comparisons_treat_almost_equal_numbers_as_equal(a: np.ndarray, data: st.DataObject) -> None:
    """S22, against the sentence itself."""
    b = np.array(data.draw(st.lists(numbers, min_size=len(a), max_size=len(a))), dtype=np.float64)
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert rolling.above(a, b).tolist() == [higher(x, y) for x, y in pairs]
    assert rolling.below(a, b).tolist() == [x < y and not same(x, y) for x, y in pairs]
    assert rolling.at_least(a, b).tolist() == [x >= y or same(x, y) for x, y in pairs]
    assert rolling.at_most(a, b).tolist() == [x <= y or same(x, y) for x, y in pairs]


@settings(deadline=None)
@given(columns, st.data())
def test_a_crossing_is_above_now_and_not_before_with_both_sides_defined(a: np.ndarray, data: st.DataObject) -> None:
    """S22."""
    b = np.array(data.draw(st.lists(numbers, min_size=len(a), max_size=len(a))), dtype=np.float64)
    crossed = rolling.crosses_above(a, b)
    for i in range(len(a)):
        defined = i > 0 and not any(math.isnan(value) for value in (a[i], b[i], a[i - 1], b[i - 1]))
        assert crossed[i] == (defined and higher(a[i], b[i]) and not higher(a[i - 1], b[i - 1]))
    finite = np.where(np.isinf(a), 5.0, a), np.where(np.isinf(b), 5.0, b)
    assert rolling.crosses_below(*finite).tolist() == rolling.crosses_above(-finite[0], -finite[1]).tolist()


WINDOWS: dict[str, tuple[Callable[[np.ndarray, int], np.ndarray], Callable[[list[float]], float]]] = {
    "sum": (rolling.rolling_sum, sum),
    "mean": (rolling.rolling_mean, lambda values: sum(values) / len(values)),
    "max": (rolling.rolling_max, max),
    "min": (rolling.rolling_min, min),
}


@pytest.mark.parametrize("name", sorted(WINDOWS))
@settings(deadline=None)
@given(st.lists(st.one_of(st.just(math.nan), st.floats(-100, 100)), max_size=40), st.integers(1, 9))
def test_windows_agree_with_a_slow_truth_on_every_prefix(name: str, values: list[float], window: int) -> None:
    fast, slow = WINDOWS[name]
    found = fast(np.array(values, dtype=np.float64), window)
    for i in range(len(values)):
        part = values[i - window + 1 : i + 1]
        if i < window - 1 or any(math.isnan(value) for value in part):
            assert math.isnan(found[i])
        else:
            assert found[i] == pytest.approx(slow(part), rel=1e-12, abs=1e-12)
        prefix = fast(np.array(values[: i + 1], dtype=np.float64), window)
        assert prefix.tobytes() == found[: i + 1].tobytes()


@settings(deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40), st.integers(2, 9), st.integers(0, 1))
def test_standard_deviation_agrees_with_two_passes(values: list[float], window: int, ddof: int) -> None:
    found = rolling.rolling_std(np.array(values), window, ddof)
    for i in range(window - 1, len(values)):
        part = values[i - window + 1 : i + 1]
        assert found[i] == pytest.approx(float(np.std(part, ddof=ddof)), rel=1e-9, abs=1e-9)


def test_a_standard_deviation_of_too_few_values_is_undefined() -> None:
    assert np.isnan(rolling.rolling_std(np.ones(5), 1, 1)).all()


def test_a_shift_brings_earlier_values_only() -> None:
    """S2."""
    shifted = rolling.shift(np.array([1.0, 2.0, 3.0]), 1)
    assert np.isnan(shifted[0])
    assert shifted[1:].tolist() == [1.0, 2.0]
