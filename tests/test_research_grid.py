"""Grids: which combinations are tried, in which order, and which mistakes are found before anything runs."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.errors import InputError
from sptrader_lab.research.constraints import read_constraint
from sptrader_lab.research.grid import Combinations, combinations
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.strategy import Strategy
from tests.conftest import ROOT

CROSSOVER = ROOT / "strategies" / "ma_crossover.yaml"
LEVELS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True), min_size=1
)


@pytest.fixture(scope="module")
def crossover() -> Strategy:
    return load_strategy(CROSSOVER)


def as_levels(drawn: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(values) for name, values in drawn.items()}


@given(LEVELS)
def test_the_last_name_turns_fastest(drawn):
    found = Combinations(as_levels(drawn))
    expected = [dict(zip(drawn, values, strict=True)) for values in itertools.product(*drawn.values())]
    assert list(found) == expected == found.rows(np.arange(len(found)))
    assert [
        dict(zip(drawn, row, strict=True)) for row in zip(*found.columns(range(len(found))).values(), strict=True)
    ] == expected


def test_constraints_leave_the_order_as_it_is(crossover):
    grid = {"ma_fast_period": range(5, 26), "ma_slow_period": np.arange(10, 41, 10)}
    found = combinations(
        crossover, grid, constraints=["ma_fast_period < ma_slow_period", lambda one: one["ma_fast_period"] % 2]
    )
    expected = [(fast, slow) for fast in range(5, 26) for slow in range(10, 41, 10) if fast < slow and fast % 2]
    assert [tuple(one.values()) for one in found] == expected
    assert all(type(value) is int for one in found for value in one.values())


def test_a_constraint_may_speak_of_a_parameter_that_is_not_swept(crossover):
    found = combinations(crossover, {"ma_fast_period": range(5, 60, 5)}, constraints="ma_fast_period < ma_slow_period")
    assert [one["ma_fast_period"] for one in found] == [5, 10, 15, 20, 25]


NUMBERS = st.integers(-3, 3)
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(list(SIGNS)), st.sampled_from("+-*"))
def test_a_comparison_says_what_arithmetic_says(a, b, c, sign, between):
    text = f"a {between} x.b {sign} -(c - 1.5)"
    columns = {"a": np.array([a]), "x.b": np.array([b]), "c": np.array([c])}
    left = {"+": a + b, "-": a - b, "*": a * b}[between]
    assert read_constraint(text, columns).holds(columns).tolist() == [SIGNS[sign](left, 1.5 - c)]


def test_a_chain_holds_where_every_link_does_and_a_division_by_zero_nowhere():
    columns = {"a": np.array([1, 2, 3, 0]), "b": np.array([2, 2, 4, 1])}
    assert read_constraint("0 < a < b", columns).holds(columns).tolist() == [True, False, True, False]
    assert read_constraint("b / a != 1", columns).holds(columns).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a b", "can't be read"),
        ("a", "compares nothing"),
        ("a in [1]", "no comparison by"),
        ("a < open('x')", "may not stand there"),
        ("a < 'word'", "may not stand there"),
        ("a < True", "may not stand there"),
        ("a ** 2 < 4", "may not stand there"),
        ("fast < 3", "unknown name 'fast'"),
        ("word < 3", "word is a word"),
        ("a[0] < 1", "may not stand there"),
        ("(lambda: 1)() < 2", "may not stand there"),
    ],
)
def test_a_text_that_is_no_comparison_is_refused(text, said):
    with pytest.raises(InputError, match="constraint") as error:
        read_constraint(text, {"a": 1, "word": "x"})
    assert said in str(error.value)


def test_a_function_that_fails_is_named_with_the_combination(crossover):
    def strange(combination):
        return combination["nothing"]

    with pytest.raises(InputError, match=r"constraint strange failed for \{'ma_fast_period': 5\}: KeyError"):
        combinations(crossover, {"ma_fast_period": [5]}, constraints=[strange])


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"ma_fst_period": [5]}, "Did you mean 'ma_fast_period'"),
        ({"ma_fast_period": []}, "has no values"),
        ({"ma_fast_period": range(5, 5)}, "has no values"),
        ({"ma_fast_period": [0, 5]}, "ma_fast_period = 0 can't be tried"),
        ({"ma_fast_period": range(4000, 6000)}, "ma_fast_period = 5020 can't be tried"),
        ({"ma_fast_period": [5.5]}, "ma_fast_period = 5.5 can't be tried"),
        ({"ma_fast_period": 5}, r"write 'ma_fast_period': \[5\]"),
        ({"ma_fast_period": "5"}, "is not a list of values"),
        ({"ma_fast_period": [5, 5.0]}, "has 5.0 twice"),
        ({"ma_fast_period": [float("nan")]}, "is one finite number"),
        ({"ma_fast_period": [None]}, "is one finite number"),
        ({"execution.slipage": [0.1]}, "did you mean 'slippage'"),
        ({"execution.slippage": [-1]}, "execution.slippage = -1 can't be tried"),
        ({"ma_fast_period": [5], "parameters.ma_fast_period": [6]}, "named twice"),
        ({}, "the grid is empty"),
        ([5], "a mapping of names"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(crossover, grid, said):
    with pytest.raises(InputError, match=said):
        combinations(crossover, grid)


def test_a_value_that_goes_only_with_other_swept_values_is_no_mistake():
    text = CROSSOVER.read_text() + "\naccount: {type: margin, leverage: 2}\n"
    large = {"position_size": [0.5, 3.0]}
    with pytest.raises(InputError, match=r"position_size = 3.0 can't be tried"):
        combinations(load_strategy(text), large)
    assert len(combinations(load_strategy(text), {**large, "account.leverage": [2, 5]})) == 4


def test_words_and_switches_are_swept_as_they_are(crossover):
    found = combinations(crossover, {"execution.fill": ["next_open", "close"], "exit.stop_loss": (0.01, 0.02)})
    assert found[1] == {"execution.fill": "next_open", "exit.stop_loss": 0.02}
    assert found.columns([0, 3])["execution.fill"].tolist() == ["next_open", "close"]


def test_the_yaml_holds_the_default_grid():
    text = CROSSOVER.read_text() + "\nbacktest: {optimization: {ma_fast_period: [5, 10], stop_loss: [0.01, 0.02]}}\n"
    found = combinations(load_strategy(text))
    assert list(found)[1] == {"ma_fast_period": 5, "stop_loss": 0.02}
    with pytest.raises(InputError, match=r"no ranges under backtest\.optimization"):
        combinations(CROSSOVER)


GRID = {"ma_fast_period": range(2, 12), "ma_slow_period": range(2, 22)}


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["random", "sobol"]), st.integers(1, 140), st.integers(0, 1000))
def test_a_sample_draws_different_allowed_cells_the_same_ones_for_the_same_seed(sample, n, seed):
    strategy = load_strategy(CROSSOVER)
    drawn = [
        combinations(strategy, GRID, constraints="ma_fast_period < ma_slow_period", sample=sample, n=n, seed=seed)
        for _ in range(2)
    ]
    cells = [tuple(one.values()) for one in drawn[0]]
    assert len(set(cells)) == n
    assert all(fast < slow for fast, slow in cells)
    assert drawn[0].sha256 == drawn[1].sha256
    assert cells == [tuple(one.values()) for one in drawn[1]]


def test_another_seed_draws_others_and_all_is_the_whole_grid(crossover):
    one, other = (combinations(crossover, GRID, sample="random", n=20, seed=seed) for seed in (1, 2))
    assert list(one) != list(other)
    every = combinations(crossover, GRID, sample="random", n=200)
    assert sorted(tuple(one.values()) for one in every) == list(itertools.product(*GRID.values()))


def test_a_sobol_sample_leaves_no_quarter_empty(crossover):
    drawn = combinations(
        crossover, {"ma_fast_period": range(2, 1026), "ma_slow_period": range(2, 1026)}, sample="sobol", n=64
    )
    cells = np.array([list(one.values()) for one in drawn]) - 2
    counts = np.histogram2d(cells[:, 0], cells[:, 1], bins=[4, 4], range=[[0, 1024], [0, 1024]])[0]
    assert counts.min() == counts.max() == 4


def test_a_sample_is_drawn_from_a_grid_that_nobody_could_list(crossover):
    many = {name: np.linspace(0.001, 0.1, 5000) for name in ("stop_loss", "take_profit", "position_size")}
    grid = {**many, "ma_fast_period": range(2, 3000), "ma_slow_period": range(2, 3000)}
    for sample in ("random", "sobol"):
        found = combinations(crossover, grid, sample=sample, n=300, constraints="stop_loss < take_profit")
        assert len({tuple(one.values()) for one in found}) == 300
        assert all(one["stop_loss"] < one["take_profit"] for one in found)
    with pytest.raises(InputError, match="draw some: sample='random'"):
        combinations(crossover, grid)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sample": "sobel", "n": 3}, "Did you mean 'sobol'"),
        ({"sample": "random"}, "n says how many"),
        ({"n": 3}, "n says how many"),
        ({"sample": "random", "n": 0}, "n=0 must be a whole number"),
        ({"sample": "random", "n": 201}, "n=201 combinations asked for, and the grid has 200"),
        ({"sample": "sobol", "n": 201}, "n=201 combinations asked for, and the grid has 200"),
        ({"constraints": "ma_fast_period > 100"}, "no combination fulfils ma_fast_period > 100; the grid has 200"),
        ({"constraints": [3]}, "neither a text"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(crossover, options, said):
    with pytest.raises(InputError, match=said):
        combinations(crossover, GRID, **options)


def test_the_hash_tells_values_kinds_orders_and_cells_apart():
    every = [
        Combinations({"a": (1, 2), "b": (3, 4)}),
        Combinations({"a": (2, 1), "b": (3, 4)}),
        Combinations({"b": (3, 4), "a": (1, 2)}),
        Combinations({"a": (1.0, 2), "b": (3, 4)}),
        Combinations({"a": (True, 2), "b": (3, 4)}),
        Combinations({"a": ("1", 2), "b": (3, 4)}),
        Combinations({"a": (1, 2), "b": (3, 4)}, np.array([0, 1, 2])),
        Combinations({"a": (1, 2), "b": (3, 4)}, np.array([[0, 0], [0, 1], [1, 0]])),
    ]
    assert len({one.sha256 for one in every}) == len(every)
    assert Combinations({"a": (1, 2), "b": (3, 4)}).sha256 == every[0].sha256


def test_a_number_beyond_the_last_is_an_index_error():
    found = Combinations({"a": (1, 2)})
    assert found[-1] == {"a": 2}
    with pytest.raises(IndexError):
        found[2]
