"""`sptrader-lab components run`: any component by hand, by its file or its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CANDLES = [
    {"time": 1735689600 + 3600 * bar, "open": 1.0, "high": 3.0, "low": 0.5, "close": close, "volume": 1.0}
    for bar, close in enumerate([1.0, 2.0, 1.5, 2.5, 0.5, 2.0])
]
SCRIPT = """\
import json
from core.data.loader import load_data_from_env
from core.utils.prices import last

def main():
    data = load_data_from_env()
    print("INDICATOR_START")
    print(json.dumps({"values": [], "current": last(data)}))
    print("INDICATOR_END")

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def workspace(tmp_path):
    for name, text in {
        "core/indicators/spoken.py": SCRIPT,
        "core/indicators/trips.py": 'print("INDICATOR_START")\n{}["gone"]\n',
        "core/indicators/leaves.py": 'import sys\nprint("INDICATOR_START")\nsys.exit(5)\n',
        "core/utils/prices.py": "def last(data):\n    return float(data['close'].iloc[-1])\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(folder, name, **environment):
    names = ("CANDLE", "DATA_", "LIVE_", "INDICATOR", "CURRENT", "SYMBOL", "TIMEFRAME", "PARAMETERS", "BATCH", "TEST_")
    base = {each: value for each, value in os.environ.items() if not each.startswith(names)}
    command = [sys.executable, "-m", "sptrader_lab.cli.main", "components", "run", str(name)]
    told = {"CANDLE_DATA": json.dumps(CANDLES), **environment}
    final = {**base, **{each: value for each, value in told.items() if value is not None}}
    return subprocess.run(command, cwd=folder, env=final, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["core/indicators/spoken.py", "spoken"])
def test_a_script_runs_with_the_modules_that_the_laboratory_gives(workspace, name):
    done = run(workspace, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["INDICATOR_START", '{"values": [], "current": 2.0}', "INDICATOR_END"]


def test_a_scripts_error_is_shown_from_its_own_line_and_ends_with_1(workspace):
    done = run(workspace, "trips")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].strip() == f'File "{workspace}/core/indicators/trips.py", line 2, in <module>'
    assert lines[-1] == "KeyError: 'gone'"
    assert run(workspace, "leaves").returncode == 5


@pytest.mark.parametrize("name", ["sma", ROOT / "components" / "indicators" / "sma.py", "talib.SMA"])
def test_a_component_is_run_by_name_or_file(workspace, name):
    period = "timeperiod" if "talib" in str(name) else "period"
    done = run(workspace, name, PARAMETERS=json.dumps({period: 2}))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[1])
    assert told == {"values": [None, 1.5, 1.75, 2.0, 1.5, 1.25], "current": 1.25}


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("smaa", {}, "Did you mean 'sma'?"),
        ("gone.py", {}, "unknown component 'gone.py'"),
        ("sma", {"CANDLE_DATA": None}, "CANDLE_DATA (a JSON array of candles)"),
        ("spoken", {"CANDLE_DATA": None}, "CANDLE_DATA (a JSON array of candles)"),
        ("sma", {"PARAMETERS": '{"periodd": 2}'}, "period"),
    ],
)
def test_what_is_refused_says_so_in_one_line_and_ends_with_2(workspace, name, environment, said):
    done = run(workspace, name, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("symbol", [None, "EURUSD"])
def test_events_name_a_symbol_only_when_somebody_said_it(workspace, symbol):
    fast = {"ma_fast": {"values": [3.0, 1.0, 3.0, 1.0, 3.0, 1.0]}, "ma_slow": {"values": [2.0] * 6}}
    done = run(workspace, "ma_crossover", INDICATOR_DATA=json.dumps(fast), BATCH="true", SYMBOL=symbol)
    events = json.loads(done.stdout.splitlines()[1])
    assert events
    assert {each["metadata"].get("symbol") for each in events} == {symbol}
