"""Any component as a process that speaks the protocol: what it prints is what it answers in this process."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from sptrader_lab.components.exam import exam_candles, gather, market_of
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.components.run import ask
from sptrader_lab.components.scripts.protocol import find, parse_indicator, parse_signals, rows
from sptrader_lab.components.spec import Spec
from tests.conftest import ROOT

CANDLES = exam_candles(200)
LIBRARY = scan(own_library())
NAMES = "open high low close volume".split()
TABLE = [CANDLES.time / 1e9, *(getattr(CANDLES, name) for name in NAMES)]


def speak(path, candles=CANDLES, **environment):
    """Run a file as a user does by hand."""
    table = [candles.time / 1e9, *(getattr(candles, name) for name in NAMES)]
    told = {"CANDLE_DATA": f"[{', '.join(rows(table, 0, len(candles)))}]"}
    names = ("CANDLE", "DATA_", "LIVE_", "INDICATOR", "CURRENT", "SYMBOL", "TIMEFRAME", "PARAMETERS", "BATCH")
    base = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    merged = {**base, **told, **environment}
    final = {name: value for name, value in merged.items() if value is not None}
    return subprocess.run([sys.executable, str(path)], env=final, capture_output=True, text=True, timeout=120)


def own(kind, name):
    return ROOT / "components" / kind / f"{name}.py"


def in_process(spec, candles=CANDLES, **parameters):
    arrays = gather(spec, candles, LIBRARY)
    return ask(spec, arrays, spec.resolve(parameters), market_of(candles)).columns


def test_an_indicator_prints_its_column_to_the_bit():
    done = speak(own("indicators", "ema"), PARAMETERS='{"period": 5}')
    assert done.returncode == 0, done.stderr
    (series,) = parse_indicator(find(done.stdout, "indicator").block or "").values()
    (column,) = in_process(LIBRARY.find("ema"), period=5)
    np.testing.assert_array_equal(series.values, column)
    assert series.current == column[-1]
    assert "null" in done.stdout


def test_several_outputs_are_told_by_name():
    done = speak(own("indicators", "bollinger"))
    told = parse_indicator(find(done.stdout, "indicator").block or "")
    spec = LIBRARY.find("bollinger")
    assert list(told) == [output.name for output in spec.outputs] == ["upper", "middle", "lower"]
    for series, column in zip(told.values(), in_process(spec), strict=True):
        np.testing.assert_array_equal(series.values, column)


def candle(**changes):
    """Return the environment of one candle, some of its values as JSON given."""
    told = {"time": "1735689600", **dict.fromkeys(NAMES, "1.5"), **changes}
    return {"CANDLE_DATA": "[{" + ", ".join(f'"{name}": {value}' for name, value in told.items()) + "}]"}


def test_a_candle_without_volume_and_a_time_as_text_are_fine():
    done = speak(own("indicators", "roc"), **candle(volume="null", time='"2025-01-01T00:00:00Z"'))
    assert done.returncode == 0, done.stderr


def crossings():
    spec = LIBRARY.find("ma_crossover")
    codes, strength = in_process(spec)
    return spec, codes, strength


def test_a_signal_tells_an_event_at_its_candle_and_nothing_at_others():
    spec, codes, strength = crossings()
    bar = int(np.flatnonzero(codes)[0])
    done = speak(own("signals", "ma_crossover"), CURRENT_INDEX=str(bar), SYMBOL="EURUSD", TIMEFRAME="1h")
    assert done.returncode == 0, done.stderr
    (event,) = parse_signals(find(done.stdout, "signal").block or "")
    label = spec.outputs[0].labels[int(codes[bar])]
    assert event["timestamp"] == f"{CANDLES.time[bar].astype('datetime64[ns]').astype('datetime64[s]')}Z"
    assert (event["signal_name"], event["signal_type"]) == ("ma_crossover", label)
    assert event["strength"] == strength[bar]
    assert event["metadata"]["crossover_type"] == label
    assert event["metadata"]["signal_strength"] == strength[bar]
    assert event["metadata"]["current_price"] == CANDLES.close[bar]
    assert event["metadata"]["symbol"] == "EURUSD"
    quiet = speak(own("signals", "ma_crossover"), CURRENT_INDEX=str(bar - 1))
    assert find(quiet.stdout, "signal").block == "[]"


def test_in_batch_mode_all_events_come():
    _, codes, _ = crossings()
    done = speak(own("signals", "ma_crossover"), BATCH="true")
    events = parse_signals(find(done.stdout, "signal").block or "")
    times = [f"{CANDLES.time[bar].astype('datetime64[ns]').astype('datetime64[s]')}Z" for bar in np.flatnonzero(codes)]
    assert [event["timestamp"] for event in events] == times
    assert len(times) > 1


def test_later_candles_than_the_current_one_are_not_looked_at():
    done = speak(own("indicators", "sma"), CURRENT_INDEX="29", PARAMETERS='{"period": 10}')
    (series,) = parse_indicator(find(done.stdout, "indicator").block or "").values()
    assert len(series.values) == 30
    assert series.current == in_process(LIBRARY.find("sma"), period=10)[0][29]


def test_given_indicators_take_the_place_of_required_ones():
    """Shorter lists lack their warm-up, as scripts print them."""
    fast, slow = [3.0, 1.0, 1.0, 3.0], [2.0] * 4
    told = {"ma_fast": {"values": fast, "current": 3.0}, "ma_slow": {"values": slow, "current": 2.0}}
    done = speak(own("signals", "ma_crossover"), INDICATOR_DATA=json.dumps(told), BATCH="true")
    assert done.returncode == 0, done.stderr
    events = parse_signals(find(done.stdout, "signal").block or "")
    assert [event["signal_type"] for event in events] == ["death_cross", "golden_cross"]
    assert events[-1]["timestamp"] == f"{CANDLES.time[-1].astype('datetime64[ns]').astype('datetime64[s]')}Z"


def test_candles_may_stand_in_a_file(tmp_path):
    file = tmp_path / "candles.json"
    file.write_text(f"[{', '.join(rows(TABLE, 0, len(CANDLES)))}]")
    done = speak(own("indicators", "roc"), CANDLE_DATA=None, CANDLE_DATA_FILE=str(file))
    (series,) = parse_indicator(find(done.stdout, "indicator").block or "").values()
    np.testing.assert_array_equal(series.values, in_process(LIBRARY.find("roc"))[0])


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"CANDLE_DATA": "[]"}, "there are no candles"),
        ({"CANDLE_DATA": "[1"}, "CANDLE_DATA is not JSON"),
        ({"CANDLE_DATA": '{"time": 1}'}, "CANDLE_DATA is no list of candles"),
        ({"CANDLE_DATA": '[{"time": 1, "open": "x"}]'}, "candle 0 has open 'x', not a number"),
        (candle(volume='"x"'), "candle 0 has volume 'x', not a number"),
        (candle(open="1" + "0" * 400), "candle 0 has open of a number too large to hold"),
        (
            candle(time="1735689600000"),
            "candle 0: time: timestamp 1735689600000 is no instant in seconds since 1970; milli",
        ),
        (candle(time="1e300"), "candle 0: time: timestamp 1e+300 is no instant"),
        (candle(time="NaN"), "candle 0: time: timestamp nan is no instant"),
        (candle(time="null"), "candle 0: time: timestamp None"),
        ({"CANDLE_DATA": None, "CANDLE_DATA_FILE": "/nowhere/x.json"}, "can't be read"),
        ({"CURRENT_INDEX": "200"}, "CURRENT_INDEX '200' is none of 200 candles"),
        ({"PARAMETERS": '{"perod": 5}'}, "unknown parameter 'perod'"),
        ({"PARAMETERS": "[5]"}, "PARAMETERS is [5], not a mapping"),
        ({"TIMEFRAME": "7h"}, "7h"),
    ],
)
def test_what_is_wrong_is_said_on_standard_error_and_ends_with_code_1(environment, reason):
    done = speak(own("indicators", "sma"), **environment)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert "INDICATOR_START" not in done.stdout


def test_a_class_with_what_it_prints_speaks_too(tmp_path):
    path = tmp_path / "components" / "signals" / "leap.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        textwrap.dedent("""
        import pandas as pd
        __metadata_version__ = 2
        __metadata__ = {"name": "leap", "outputs": ["signal", "signal_strength", "leap_type"],
                        "required_indicators": [], "parameters": {}}
        class Leap:
            def evaluate(self, data, indicators):
                print("looking")
                up = data["close"].diff() > 0
                return pd.DataFrame({"signal": up, "signal_strength": 0.25, "leap_type": up.map({True: "up", False: "none"})})
        if __name__ == "__main__":
            from sptrader_lab.components import run_as_script
            run_as_script()
        """)
    )
    bar = int(np.flatnonzero(np.diff(CANDLES.close) > 0)[0]) + 1
    done = speak(path, CURRENT_INDEX=str(bar))
    assert done.returncode == 0, done.stderr
    (event,) = parse_signals(find(done.stdout, "signal").block or "")
    assert (event["signal_type"], event["strength"], event["metadata"]["leap_type"]) == ("up", 0.25, "up")
    assert "looking" in find(done.stdout, "signal").log


@pytest.mark.parametrize("spec", LIBRARY.specs.values(), ids=lambda spec: spec.name)
def test_every_component_of_the_library_ends_with_the_two_lines(spec: Spec):
    text = (ROOT / "components" / f"{spec.kind}s" / f"{spec.name}.py").read_text()
    ending = 'if __name__ == "__main__":\n    run_as_script()\n'
    if spec.style == "native":
        assert text.endswith(ending)


def test_undefined_values_are_null_and_nothing_else_is():
    done = speak(own("indicators", "sma"), PARAMETERS='{"period": 10}')
    told = json.loads(find(done.stdout, "indicator").block or "", parse_constant=pytest.fail)
    assert told["values"][:9] == [None] * 9
    assert all(isinstance(value, float) and math.isfinite(value) for value in told["values"][9:])
