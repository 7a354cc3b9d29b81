"""TA-Lib as components: every function described, examined, and safe to feed with another's output."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from sptrader_lab.components.exam import exam_candles, examine
from sptrader_lab.components.library import Library
from sptrader_lab.components.run import candle_columns, run
from sptrader_lab.components.talib_adapter import talib_names, talib_spec
from sptrader_lab.components.talib_words import describe
from sptrader_lab.errors import ComponentFailed

CANDLES = exam_candles(400)
COLUMNS = candle_columns(CANDLES)
PERIODS = np.resize([3.0, 5.0, 8.0], len(CANDLES))


def inputs(name: str) -> list[np.ndarray]:
    return [PERIODS if each.name == "periods" else COLUMNS[each.name] for each in talib_spec(name).inputs]


def test_every_function_is_reachable():
    assert len(talib_names()) == len(talib.get_functions()) >= 161
    library = Library((), ())
    assert library.find("talib.MACD") is talib_spec("talib.MACD")
    assert {talib_spec(name).name for name in talib_names()} == set(talib_names())


@pytest.mark.parametrize("name", talib_names())
def test_a_function_passes_the_exam_with_described_parameters(name):
    """S2: TA-Lib's functions move nothing when later bars are taken away, S17: and repeat themselves bit for bit."""
    spec = talib_spec(name)
    exam = examine(spec, CANDLES, arrays=inputs(name))
    assert exam.passed, str(exam)
    assert spec.summary
    for parameter in spec.parameters:
        assert parameter.description
        assert parameter.check(parameter.default) == parameter.default


@pytest.mark.parametrize("name", [name for name in talib_names() if talib_spec(name).parameters])
def test_the_described_bounds_are_accepted_and_nothing_below_them(name):
    spec = talib_spec(name)
    columns = inputs(name)
    for parameter in spec.parameters:
        allowed = parameter.choices or (parameter.low, parameter.high)
        for value in allowed:
            given = {parameter.name: parameter.check(value)}
            if parameter.name == "minperiod":
                given["maxperiod"] = max(given["minperiod"], 2)
            assert len(run(spec, columns, given)[0]) == len(CANDLES)
        if parameter.kind == "int":
            with pytest.raises(ComponentFailed, match="TA_BAD_PARAM"):
                run(spec, columns, {parameter.name: int(parameter.low) - 1})


def test_inputs_parameters_and_outputs_are_those_of_the_function():
    spec = talib_spec("talib.STOCH")
    assert [each.name for each in spec.inputs] == ["high", "low", "close"]
    assert [each.name for each in spec.parameters] == [
        "fastk_period",
        "slowk_period",
        "slowk_matype",
        "slowd_period",
        "slowd_matype",
    ]
    assert [each.name for each in spec.outputs] == ["slowk", "slowd"]
    assert [each.name for each in talib_spec("talib.OBV").inputs] == ["close", "volume"]
    assert [each.name for each in talib_spec("talib.MAVP").inputs] == ["close", "periods"]
    assert [each.name for each in talib_spec("talib.CDLDOJI").inputs] == ["open", "high", "low", "close"]


def test_values_are_the_functions_own():
    spec = talib_spec("talib.BBANDS")
    given = spec.resolve({"timeperiod": 9, "nbdevup": 1.5, "matype": "EMA"})
    expected = talib.BBANDS(CANDLES.close, timeperiod=9, nbdevup=1.5, nbdevdn=2.0, matype=1)
    for ours, theirs in zip(run(spec, [CANDLES.close], given), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("word", talib_spec("talib.MA").parameters[1].choices)
def test_moving_averages_are_chosen_by_name_and_keep_their_bits(word):
    spec = talib_spec("talib.MA")
    given = spec.resolve({"timeperiod": 10, "matype": word})
    code = getattr(talib.MA_Type, word)
    (line,) = run(spec, [CANDLES.close], given)
    np.testing.assert_array_equal(line, talib.MA(CANDLES.close, timeperiod=10, matype=code))
    exam = examine(spec, CANDLES, parameters=given)
    assert exam.passed, str(exam)


def test_whole_numbers_become_floats_and_their_warm_up_nan():
    (doji,) = run(talib_spec("talib.CDLDOJI"), inputs("talib.CDLDOJI"), {})
    expected = talib.CDLDOJI(CANDLES.open, CANDLES.high, CANDLES.low, CANDLES.close)
    assert np.isnan(doji[:10]).all()
    np.testing.assert_array_equal(doji[10:], expected[10:])
    assert set(doji[10:]) == {0.0, 100.0}
    (trend,) = run(talib_spec("talib.HT_TRENDMODE"), [CANDLES.close], {})
    assert np.isnan(trend[:63]).all()
    assert set(trend[63:]) == {0.0, 1.0}


def test_positions_count_from_the_first_candle_whatever_is_undefined():
    close = CANDLES.close.copy()
    close[:25] = np.nan
    for name in ("talib.MAXINDEX", "talib.MININDEX"):
        (place,) = run(talib_spec(name), [close], {"timeperiod": 5})
        assert np.isnan(place[:29]).all()
        for bar in range(29, len(close)):
            window = close[bar - 4 : bar + 1]
            best = window.max() if name == "talib.MAXINDEX" else window.min()
            assert bar - 4 <= place[bar] <= bar
            assert close[int(place[bar])] == best


def test_undefined_bars_end_what_came_before_and_spoil_nothing_behind():
    """S21: TA-Lib itself carries a NaN in the middle to the end."""
    broken = CANDLES.close.copy()
    broken[:9] = np.nan
    broken[200] = np.nan
    assert np.isnan(talib.EMA(broken, 5)[200:]).all()
    (ours,) = run(talib_spec("talib.EMA"), [broken], {"timeperiod": 5})
    assert np.isnan(ours[:13]).all()
    assert np.isnan(ours[200:205]).all()
    np.testing.assert_array_equal(ours[13:200], talib.EMA(CANDLES.close[9:200], 5)[4:])
    np.testing.assert_array_equal(ours[205:], talib.EMA(CANDLES.close[201:], 5)[4:])


def test_a_parameter_of_a_later_version_has_no_description_yet():
    assert describe("unheard_of") == ""
