"""Running and examining components: what is checked, what is caught, what a failure shows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptrader_lab.components.defined import where_defined
from sptrader_lab.components.exam import NO_LOOKAHEAD, exam_candles, examine, first_moved, gather, prefix_lengths
from sptrader_lab.components.library import Library, own_library, scan
from sptrader_lab.components.native import load
from sptrader_lab.components.run import candle_columns, run
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError, ComponentFailed, InputError
from sptrader_lab.types.candles import Candles

CANDLES = exam_candles(400)
HEAD = """\
from typing import Annotated, NamedTuple
import numpy as np
from sptrader_lab.components import Bounds, Column, Labels, Requires
"""


def component(folder: Path, name: str, body: str) -> Spec:
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + dedent(body))
    return load(path)


def test_outputs_come_back_as_read_only_float64(tmp_path):
    spec = component(
        tmp_path,
        "kinds",
        """
        class Kinds(NamedTuple):
            flag: Column
            whole: Column
            every_second: Column

        def kinds(close) -> Kinds:
            return Kinds(close > 1.1, np.arange(len(close)), np.repeat(close, 2)[::2])
        """,
    )
    outputs = run(spec, [CANDLES.close], {})
    assert [output.dtype for output in outputs] == [np.float64] * 3
    assert not any(output.flags.writeable for output in outputs)
    assert all(output.flags.c_contiguous for output in outputs)
    np.testing.assert_array_equal(outputs[0], (CANDLES.close > 1.1).astype(float))
    np.testing.assert_array_equal(outputs[2], CANDLES.close)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return close[:-1]", "output 'wrong' has shape (399,); 400 candles want (400,)"),
        ("return close.reshape(-1, 1)", "has shape (400, 1)"),
        ("return close[-1]", "is a float64, not a numpy array"),
        ("return list(close)", "is a list, not a numpy array"),
        ("return None", "is a NoneType"),
        ("return close, close", "returned 2 columns, its signature names 1 (wrong)"),
        ("return close.astype('f4')", "holds float32; a column holds float64"),
        ("return close.astype(str)", "a column holds float64"),
        ("return close.astype(complex)", "holds complex128"),
    ],
)
def test_what_is_no_column_is_refused_with_the_components_place(tmp_path, body, message):
    spec = component(tmp_path, "wrong", f"def wrong(close):\n    {body}\n")
    with pytest.raises(ComponentFailed) as failed:
        run(spec, [CANDLES.close], {})
    assert message in str(failed.value)
    assert f'File "{spec.path}", line 4' in failed.value.component_traceback


def test_a_component_that_raises_shows_its_own_traceback_only(tmp_path):
    spec = component(
        tmp_path,
        "divides",
        """
        def divides(close, *, by: Annotated[int, Bounds(0, 3)] = 0):
            return _inner(close, by)

        def _inner(close, by):
            return close * (1 // by)
        """,
    )
    with pytest.raises(ComponentFailed) as failed:
        run(spec, [CANDLES.close], {"by": 0})
    lines = failed.value.component_traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{spec.path}", line 6, in divides'
    assert "    return close * (1 // by)" in lines
    assert lines[-1].startswith("ZeroDivisionError: ")
    assert "run.py" not in failed.value.component_traceback
    assert str(failed.value).startswith("component divides(by=0) raised ZeroDivisionError: ")
    assert str(failed.value).endswith(lines[-1])


def test_parameters_that_do_not_go_together_say_so():
    macd = scan(own_library()).find("macd")
    with pytest.raises(ComponentFailed, match="ValueError: fast = 30 must be less than slow = 26"):
        run(macd, [CANDLES.close], macd.resolve({"fast": 30}))


def test_a_component_can_not_write_into_its_inputs(tmp_path):
    spec = component(tmp_path, "writes", "def writes(close):\n    close[0] = 1.0\n    return close\n")
    mine = CANDLES.close.copy()
    with pytest.raises(ComponentFailed, match="ValueError: assignment destination is read-only"):
        run(spec, [mine], {})
    assert mine.flags.writeable
    np.testing.assert_array_equal(mine, CANDLES.close)


def test_columns_made_of_prices_are_their_means_and_read_only():
    columns = candle_columns(CANDLES)
    np.testing.assert_allclose(columns["hl2"], (CANDLES.high + CANDLES.low) / 2, rtol=1e-15)
    np.testing.assert_allclose(columns["hlc3"], (CANDLES.high + CANDLES.low + CANDLES.close) / 3, rtol=1e-15)
    ohlc4 = (CANDLES.open + CANDLES.high + CANDLES.low + CANDLES.close) / 4
    np.testing.assert_allclose(columns["ohlc4"], ohlc4, rtol=1e-15)
    np.testing.assert_array_equal(columns["time"], CANDLES.time // 10**9)
    assert set(columns) == set("open high low close volume spread hl2 hlc3 ohlc4 day time".split())
    assert "hl2" in columns
    assert "hl3" not in columns
    assert len(columns) == 11
    assert columns["hl2"] is columns["hl2"]
    assert not any(column.flags.writeable for column in columns.values())
    with pytest.raises(InputError, match=r"unknown column 'clsoe'\. Did you mean 'close'.*EURUSD 1h"):
        columns["clsoe"]


@pytest.mark.parametrize(("start", "timeframe"), [("2025-03-05", "1h"), ("2025-10-29", "4h"), ("2025-11-03", "1d")])
def test_the_trading_day_is_the_local_date_of_the_last_nanosecond_s4(start, timeframe):
    """S4: FX days end at 17:00 New York, on every side of a change of the clocks."""
    step = {"1h": 3600, "4h": 4 * 3600, "1d": 86400}[timeframe] * 10**9
    first = int(np.datetime64(start, "ns").astype(np.int64))
    time = first + np.arange(120) * step
    price = np.ones(len(time))
    candles = Candles("EURUSD", timeframe, time, price, price, price, price, price)
    zone = ZoneInfo("America/New_York")
    expected = []
    for close in candles.close_time.tolist():
        local = dt.datetime.fromtimestamp((close - 10**9) // 10**9, zone)  # a second before is in the same day
        expected.append(((local + dt.timedelta(hours=7)).replace(tzinfo=None).date() - dt.date(1970, 1, 1)).days)
    days = candle_columns(candles)["day"]
    np.testing.assert_array_equal(days, expected)
    assert first_moved(days, candle_columns(candles.rows(0, 50))["day"]) is None


def test_no_candles_have_no_trading_days():
    assert len(candle_columns(CANDLES.rows(0, 0))["day"]) == 0


numbers = st.sampled_from([1.0, 2.0, -0.0, 0.0, float("nan"), float("inf"), 1.0 + 2**-52])


@given(st.lists(numbers), st.lists(numbers))
def test_the_first_moved_bar_is_where_bits_differ(full, prefix):
    """S2: NaN equals NaN, 0.0 does not equal -0.0."""
    prefix = prefix[: len(full)]
    expected = None
    for bar, (one, two) in enumerate(zip(full, prefix, strict=False)):
        same = (np.isnan(one) and np.isnan(two)) or np.float64(one).tobytes() == np.float64(two).tobytes()
        if not same:
            expected = bar
            break
    assert first_moved(np.array(full, float), np.array(prefix, float)) == expected


def test_nans_of_different_payloads_are_the_same_nothing():
    other = np.array([0x7FF8000000000001]).view(np.float64)
    assert np.isnan(other).all()
    assert first_moved(np.array([np.nan]), other) is None


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, float("nan")]), max_size=30), st.lists(st.booleans(), max_size=30))
def test_each_stretch_of_defined_bars_stands_alone(values, gaps):
    """S21: a NaN ends what came before, and what follows warms up again."""
    one = np.array(values, float)
    two = np.array([np.nan if gap else 1.0 for gap in (gaps + [False] * 30)[: len(values)]], float)
    (result,) = where_defined(lambda a, b: np.cumsum(a + b), one, two)
    expected, total = [], 0.0
    for a, b in zip(one.tolist(), two.tolist(), strict=True):
        total = 0.0 if np.isnan(a + b) else total + a + b
        expected.append(np.nan if np.isnan(a + b) else total)
    np.testing.assert_array_equal(result, expected)


def test_prefixes_reach_from_one_bar_to_all_but_one():
    assert prefix_lengths(0) == prefix_lengths(1) == []
    assert prefix_lengths(3) == [1, 2]
    lengths = prefix_lengths(1500)
    assert (lengths[:2], lengths[-1]) == ([1, 2], 1499)
    assert lengths == sorted(set(lengths))


def question(spec: Spec, library: Library | None = None) -> tuple[str, str]:
    """Return the first question that the component fails, and what was seen."""
    failed = [finding for finding in examine(spec, CANDLES, library=library).findings if not finding.passed]
    return (failed[0].question, failed[0].seen) if failed else ("", "")


CHEATS = {
    "peeks": "return np.append(close[1:], np.nan)",
    "centred": "return np.convolve(close, np.ones(3) / 3, mode='same')[: len(close)]",
    "scaled": "return close / close.max() if len(close) else close",
    "normed": "return (close - close.mean()) if len(close) else close",
    "reversed_sum": "return np.cumsum(close[::-1])[::-1]",
    "backfilled": "return np.where(np.arange(len(close)) < 5, close[min(5, len(close) - 1)] if len(close) else 0, close)",
    "last_bar": "out = close.copy()\n    out[-1:] += 1\n    return out",
}


@pytest.mark.parametrize("name", sorted(CHEATS))
def test_the_exam_catches_who_looks_ahead(tmp_path, name):
    """S2: whichever way the future leaks in."""
    spec = component(tmp_path, name, f"def {name}(close):\n    {CHEATS[name]}\n")
    asked, seen = question(spec)
    assert asked == NO_LOOKAHEAD
    assert seen.startswith(f"{name} at bar ")
    assert "with all 400 bars" in seen
    assert str(examine(spec, CANDLES)).startswith(f"{name}: FAILED on 400 candles")


def test_the_exam_catches_who_answers_differently_the_second_time(tmp_path):
    body = "_calls = []\ndef moody(close):\n    _calls.append(1)\n    return close + len(_calls)\n"
    assert question(component(tmp_path, "moody", body))[0] == "the same question gets the same bits"


def test_the_exam_catches_who_writes_around_the_lock(tmp_path):
    body = """
    def sly(close):
        close.base.flags.writeable = True
        close.base[3] = 9.0
        return close * 1.0
    """
    spec = component(tmp_path, "sly", body)
    asked = {
        finding.question: finding.passed for finding in examine(spec, CANDLES, arrays=[CANDLES.close.copy()]).findings
    }
    assert asked["its inputs are left alone"] is False


def test_the_exam_catches_values_where_nothing_is_known(tmp_path):
    body = "def filled(close):\n    return np.where(np.isnan(close), 0.0, close)\n"
    asked, seen = question(component(tmp_path / "indicators", "filled", body))
    assert asked.startswith("undefined bars")
    assert seen == "filled at bar 0 is 0.0, not NaN"
    body = "def eager(close):\n    return np.isnan(close)\n"
    assert question(component(tmp_path / "signals", "eager", body))[1] == "eager at bar 0 is 1.0, not 0"


def test_the_exam_catches_who_is_poisoned_by_a_warm_up(tmp_path):
    spec = component(tmp_path, "summed", "def summed(close):\n    return np.cumsum(close)\n")
    assert question(spec)[1] == "summed stays NaN to the end"


def test_the_exam_catches_codes_without_a_label(tmp_path):
    body = """
    def coded(close) -> Annotated[Column, Labels("none", "up")]:
        return np.where(close > 1.1, 2.0, 0.0)
    """
    asked, seen = question(component(tmp_path, "coded", body))
    assert asked.startswith("labelled outputs")
    assert seen.endswith("is 2.0; codes are 0 none, 1 up")


def test_a_component_that_raises_fails_its_exam_with_its_traceback(tmp_path):
    spec = component(tmp_path, "fragile", "def fragile(close):\n    return close - close[9]\n")
    asked, seen = question(spec)  # it can't bear a short history
    assert asked == "it runs"
    assert "IndexError" in seen
    assert spec.path in seen
    assert str(examine(spec, CANDLES)).startswith("fragile: FAILED")


def test_an_honest_component_passes(tmp_path):
    exam = examine(component(tmp_path, "doubled", "def doubled(close):\n    return close * 2\n"), CANDLES)
    assert exam.passed
    assert (exam.warmup, exam.bars) == ({"doubled": 0}, 400)
    assert "26 prefixes" in str(exam)


def test_requirements_are_found_and_a_circle_is_refused(tmp_path):
    body = "def {0}(x: Annotated[Column, Requires('{1}')]):\n    return x\n"
    component(tmp_path, "first", body.format("first", "second"))
    component(tmp_path, "second", body.format("second", "first"))
    component(tmp_path, "lost", body.format("lost", "nobody"))
    library = scan(tmp_path)
    with pytest.raises(ComponentError, match="first -> second -> first"):
        gather(library.find("first"), CANDLES, library)
    with pytest.raises(ComponentError, match="unknown component 'nobody'"):
        gather(library.find("lost"), CANDLES, library)


@pytest.mark.parametrize("body", ["return close[5:]", "return 1.0"])
def test_a_wrong_answer_points_to_the_function_even_behind_a_decorator(tmp_path, body):
    head = "import functools\n\n\ndef _kept(function):\n    @functools.wraps(function)\n    def inner(*args):\n        return function(*args)\n    return inner\n\n\n"
    for name, before in (("plain", ""), ("wrapped", "@_kept\n")):
        spec = component(tmp_path, name, f"{head}{before}def {name}(close):\n    {body}\n")
        with pytest.raises(ComponentFailed) as error:
            run(spec, [CANDLES.close], {})
        line = 1 + Path(spec.path).read_text().splitlines().index(f"{before}def {name}(close):".splitlines()[0])
        assert error.value.component_traceback == f'  File "{spec.path}", line {line}'
