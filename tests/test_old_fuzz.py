"""Odd values in old files: whatever stands there, a user gets a result or an error of the laboratory with a message."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sptrader_lab as lab
from sptrader_lab.components.events import event_outputs
from sptrader_lab.components.exam import exam_candles, gather, market_of
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.components.reading import read
from sptrader_lab.components.run import ask
from sptrader_lab.components.scripts.answers import Record
from sptrader_lab.components.scripts.calls import Reply
from sptrader_lab.components.spec import Output, Spec
from sptrader_lab.errors import LabError, StrategyError
from tests.conftest import ROOT

OLD = ROOT / "tests" / "old_workspace"
LIBRARY = scan(OLD / "core", own_library())
CANDLES = exam_candles(120, seed=5)
KEYS = yaml.safe_load((OLD / "strategies" / "every_key.yaml").read_text())
DIALECT = yaml.safe_load((OLD / "strategies" / "simple_momentum.yaml").read_text())
FEW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

odd_numbers = st.sampled_from(
    [0, -1, 1, 2, 1e308, -1e308, float("nan"), float("inf"), 10**30, 0.5, 1e-300, True, False]
)
odd_texts = st.sampled_from(
    """name close sma ma_crossover core.indicators.trend.sma core/signals/test_crossover.py ../../etc talib.RSI talib.X
    parameters.stop_loss parameters.nobody parameters. buy sell close_all > < >0.1 golden_cross true off 1d 25:99-x Mon-Sun
    2025-01-01 2025-13-45 1e5 - [ { # é %""".split()
) | st.sampled_from(
    ["", " ", "> ", "> 0.1 0.2", "close > ", "((((", "volume.rolling(0).mean()", "> volume.rolling(20).mean("]
)
odd_values = st.recursive(
    st.none() | odd_numbers | odd_texts | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts | odd_numbers, inner, max_size=3),
    max_leaves=6,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, its root left out."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, child in children for place in [(*path, key), *places(child, (*path, key))]]


def with_value(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a document with something else at one place."""
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = with_value(node[path[0]], path[1:], value)
    return copy


def said(error: LabError) -> None:
    """Make sure that an error tells something, and of a strategy where."""
    assert len(str(error)) > 10
    if isinstance(error, StrategyError):
        assert error.problems
        assert all(problem.line >= 1 and problem.what for problem in error.problems)


def run_or_say_why(text: str) -> None:
    try:
        strategy = lab.load_strategy(text, library=LIBRARY)
    except LabError as error:
        said(error)
        return
    try:
        result = lab.backtest(strategy, CANDLES, on_lookahead="warn")
    except LabError as error:
        said(error)
    else:
        assert np.isfinite(result.equity.to_numpy()).all()


@FEW
@given(data=st.data())
@pytest.mark.parametrize("document", [KEYS, DIALECT], ids=["every key", "older dialect"])
def test_a_strategy_with_odd_values_runs_or_says_why(document, data):
    for _ in range(data.draw(st.integers(1, 3))):
        document = with_value(document, data.draw(st.sampled_from(places(document))), data.draw(odd_values))
        if not isinstance(document, dict) or not places(document):
            break
    run_or_say_why(yaml.safe_dump(document) + "\n# a text of several lines\n")


@FEW
@given(st.text(alphabet=" -:{}[]#&*!|>'\"%@`,?abc01\n\t.", max_size=60))
def test_any_text_is_a_strategy_or_refused(text):
    run_or_say_why(f"name: x\n{text}\n")


# Metadata

CLASS = """
__metadata_version__ = 1
__metadata__ = {metadata}


class Something:
    def __init__(self, period=3, source="close"):
        self.period = period
        self.source = source

    def calculate(self, data):
        return data[["close"]].rolling(int(self.period)).mean().rename(columns={{"close": "x"}})
"""
SCRIPT = """
__metadata__ = {metadata}
print("INDICATOR_START")
"""
EVENTS = """
__metadata__ = {metadata}


def generate_signals(indicators, parameters=None):
    return [{{"timestamp": indicators["close"].index[0], "signal_type": "up", "metadata": parameters}}]
"""
GOOD = {
    "name": "x",
    "outputs": ["x"],
    "lookback_required": 3,
    "required_indicators": [{"name": "line", "type": "sma", "params": {"period": 5}}],
    "parameters": {
        "period": {"type": "int", "default": 3, "min": 1, "max": 9, "options": [1, 3], "description": "Bars"},
        "source": {"type": "str", "default": "close", "options": ["close", "open"]},
    },
}
literal_values = st.recursive(
    st.none()
    | st.sampled_from([0, -1, 1, 2.5, 1e308, 10**400, True, b"x", 1j, ()])
    | st.sampled_from(
        ["", "int", "integer", "float", "boolean", "str", "period", "x", "sma", "nobody", "close", "time", "é", "a b"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.sampled_from(["type", "default", "min", "max", "options", "name", "params", "period", 1, None]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)
numbered = itertools.count()


@FEW
@given(data=st.data())
@pytest.mark.parametrize("body", [CLASS, EVENTS, SCRIPT], ids=["class", "events", "script"])
def test_metadata_with_odd_values_make_a_component_or_are_refused_with_their_line(body, data, tmp_path_factory):
    metadata: Any = GOOD
    for _ in range(data.draw(st.integers(1, 3))):
        metadata = with_value(metadata, data.draw(st.sampled_from(places(metadata) or [()])), data.draw(literal_values))
    path = tmp_path_factory.getbasetemp() / "fuzzed" / f"metadata_{next(numbered)}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(body.format(metadata=repr(metadata)))
    try:
        spec = read(path)
    except LabError as error:
        head, line, what = str(error).split(":", 2)
        assert head == str(path)
        assert int(line) >= 1
        assert what.strip()
        return
    assert isinstance(spec, Spec)
    spec.resolve({})
    if spec.style == "script":
        return
    try:
        arrays = gather(spec, CANDLES, LIBRARY)
        answer = ask(spec, arrays, spec.resolve({}), market_of(CANDLES))
    except LabError as error:
        said(error)
    else:
        assert [column.shape for column in answer.columns] == [(len(CANDLES),)] * len(spec.outputs)
        assert all(column.dtype == np.float64 for column in answer.columns)


# What scripts print

HOURS = CANDLES.rows(0, 4)
BATCH_OF = [1.0, 2.0, 3.0, 4.0]
odd_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2024-01-01T00:00:00Z", "golden_cross", 1_704_067_200, 10**400, -1e308]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                ["values", "current", "timestamp", "signal_name", "signal_type", "strength", "metadata", "x", ""]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
good = st.sampled_from(
    [
        {"values": BATCH_OF, "current": 4.0},
        {"x": {"values": BATCH_OF, "current": 4.0}, "y": {"values": [1.0], "current": None}},
        [{"timestamp": int(HOURS.time[0] // 10**9), "signal_type": "up", "strength": 0.5, "metadata": {"x": 1}}],
        [{"timestamp": int(HOURS.time[3] // 10**9), "signal_type": "up"}] * 6,
    ]
)
markers = st.sampled_from(["INDICATOR_START", "INDICATOR_END", "SIGNAL_START", "SIGNAL_END"])
printed = st.lists(
    markers | odd_json.map(json.dumps) | good.map(json.dumps) | st.text(max_size=8) | st.just("[" * 5000), max_size=7
).map("\n".join)
framed = st.tuples(st.sampled_from(["INDICATOR", "SIGNAL"]), odd_json | good).map(
    lambda each: f"{each[0]}_START\n{json.dumps(each[1])}\n{each[0]}_END\n"
)


@FEW
@given(st.lists(printed | framed, min_size=4, max_size=4), st.booleans(), st.sampled_from(["indicator", "signal"]))
def test_whatever_scripts_print_becomes_columns_or_counted_failures(texts, batch, kind):
    outputs = event_outputs(("x",)) if kind == "signal" else (Output("x"), Output("y"))
    record = Record("spoken", kind, outputs, HOURS.time, HOURS.close_time, batch=batch)
    for index, text in enumerate(texts):
        if index == 3 or not batch:  # in batches one answer stands for all candles
            record.take(index, Reply(text, "what stood on stderr", ""))
    columns = record.columns()
    assert [column.shape for column in columns] == [(4,)] * len(outputs)
    assert record.failed == sum(answer is None for answer in record.answers) * (4 if batch else 1)
    notes = record.notes()
    assert bool(record.failed) == any("failed" in note for note in notes)
    if record.failed:
        assert "what stood on stderr" in notes[0]
    if kind == "signal":
        assert set(columns[0].tolist()) <= {0.0, 1.0}
    elif not batch:
        silent = [bar for bar, answer in enumerate(record.answers) if answer is None]
        assert all(math.isnan(column[bar]) for column in columns for bar in silent)
