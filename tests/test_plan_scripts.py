"""Plans with scripts: run beside each other, put together in order, interrupted cleanly, never raising for a candle."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.components.answer import Answer
from sptrader_lab.components.library import Library, own_library, scan
from sptrader_lab.components.scripts.pool import cancel_all
from sptrader_lab.components.spec import Input, Output, Spec
from sptrader_lab.components.words import Requires
from sptrader_lab.errors import ComponentFailed, LookaheadError
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from tests.conftest import ROOT

MARKET = tuple(map(Input, ("time", "open", "high", "low", "close", "volume")))


def candles(bars: int = 40) -> Candles:
    close = 50.0 + np.round(8 * np.sin(np.arange(bars) ** 1.2 / 6), 2)
    time = parse_time("2025-01-06T00:00") + np.arange(bars) * HOUR
    return Candles("TEST", "1h", time, close, close + 0.5, close - 0.5, close, np.full(bars, 100.0))


def spec(name: str, function: Callable[..., object], *requires: str, style="script", **more) -> Spec:
    inputs = (*MARKET, *(Input(each, Requires(each)) for each in requires))
    return Spec(name, "indicator", "", inputs, (), (Output(name),), function, f"/{name}.py", "0" * 64, style, **more)


def plan(rule: str, *specs: Spec) -> Plan:
    library = Library((), (*specs, *scan(own_library()).entries))
    return make_plan(load_strategy(f'name: x\nentry: {{when: "{rule}", size: 0.1}}\n', library=library), library)


def close_plus(number: float) -> Callable[..., np.ndarray]:
    return lambda _market, *columns: columns[4] + number


def test_scripts_run_at_the_same_time() -> None:
    """Each waits until the other one runs too."""
    both = threading.Barrier(2, timeout=20)

    def waiting(_market: object, *columns: np.ndarray) -> np.ndarray:
        both.wait()
        return columns[4] * 1.0

    made = plan("one > two", spec("one", waiting), spec("two", waiting))
    assert made.compute(candles()).failures == {}


def test_other_components_stay_on_the_calling_thread_in_order() -> None:
    ran: list[tuple[str, bool]] = []

    def noting(name: str) -> Callable[..., np.ndarray]:
        def function(_market: object, *columns: np.ndarray) -> np.ndarray:
            ran.append((name, threading.current_thread() is threading.main_thread()))
            return columns[-1] * 1.0

        return function

    specs = [
        spec("first", noting("first"), style="class"),
        spec("told", noting("told"), "first"),
        spec("last", noting("last"), "told", style="class"),
        spec("other", noting("other"), style="class"),
    ]
    made = plan("last > other", *specs)
    computed = made.compute(candles())
    assert [name for name, _ in ran if name != "told"] == ["first", "other", "last"] or [
        name for name, _ in ran if name != "told"
    ] == ["first", "last", "other"]
    assert dict(ran) == {"first": True, "told": False, "last": True, "other": True}
    assert list(computed.outputs) == list(computed.seconds) == [call.key for call in made.calls]


def test_what_depends_on_a_script_gets_its_answer() -> None:
    specs = [
        spec("one", close_plus(1.0)),
        spec("two", lambda _, *given: given[6] * 2.0, "one"),
        spec("three", close_plus(3.0)),
    ]
    made = plan("two > three", *specs)
    given = candles()
    computed = made.compute(given)
    assert [call.key for call in made.calls] == ["one()", "two(one=one())", "three()"]
    assert np.array_equal(computed.columns["two(one=one())"], (given.close + 1.0) * 2.0)


def test_a_script_that_cannot_run_at_all_fails_like_any_component() -> None:
    def broken(*_: object) -> np.ndarray:
        raise ComponentFailed("script one: no process could be started", "  /one.py")

    specs = [spec("one", broken), spec("two", lambda _, *given: given[6], "one")]
    made = plan("two > 1", *specs)
    with pytest.raises(ComponentFailed, match="no process could be started"):
        made.compute(candles())
    computed = made.compute(candles(), "continue")
    assert "no process" in computed.failures["one()"]
    assert computed.failures["two(one=one())"] == "its input one() failed"
    assert np.isnan(computed.columns["two(one=one())"]).all()


def answering(failed: int) -> Callable[..., Answer]:
    def function(_market: object, *columns: np.ndarray) -> Answer:
        line = columns[4] * 1.0
        line[:failed] = np.nan
        notes = (f"told: no answer on {failed} candles, first 2025-01-06 00:00: exit code 3",) if failed else ()
        return Answer((line,), failed, notes, "hello\n")

    return function


def test_notes_and_logs_of_scripts_reach_the_reader() -> None:
    made = plan("told > 1", spec("told", answering(3)))
    computed = made.compute(candles())
    assert computed.answers["told()"].failed == 3
    assert made.remarks(candles(), computed) == ("told(): no answer on 3 candles, first 2025-01-06 00:00: exit code 3",)


def test_a_script_that_fails_on_every_candle_is_said_loudly() -> None:
    made = plan("told > 1", spec("told", answering(40)))
    said = made.remarks(candles(), made.compute(candles()))
    assert said[0] == "FAILED ON EVERY CANDLE: told() gave no answer on any of the 40 candles of TEST"
    assert "exit code 3" in said[1]


def test_an_interrupt_starts_nothing_more() -> None:
    """Of many scripts those that have not begun never do."""
    begun: list[int] = []
    free = threading.Event()

    def waiting(_market: object, *columns: np.ndarray) -> np.ndarray:
        begun.append(1)
        free.wait(20)
        return columns[4] * 1.0

    def interrupted(*_: object) -> np.ndarray:
        free.set()
        raise KeyboardInterrupt

    names = [f"script_{number}" for number in range(40)]
    made = plan(
        " and ".join(f"{name} > here" for name in names),
        *(spec(name, waiting) for name in names),
        spec("here", interrupted, style="class"),
    )
    with pytest.raises(KeyboardInterrupt):
        made.compute(candles())
    assert len(begun) < 40
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("script")]


# Real scripts

AVERAGE = """
import json
import os

candles = json.loads(os.environ["CANDLE_DATA"])
last = [candle["close"] for candle in candles[-5:]]
print("INDICATOR_START")
print(json.dumps({"values": last, "current": sum(last) / len(last)}))
print("INDICATOR_END")
"""
CROSSER = """
import json
import os
from datetime import datetime, timezone

candles = json.loads(os.environ["CANDLE_DATA"])
average = json.loads(os.environ["INDICATOR_DATA"])["average"]["values"]
above = [candle["close"] > value for candle, value in zip(candles, average)][-2:]
events = []
if len(above) == 2 and above[0] != above[1]:
    kind = "golden_cross" if above[1] else "death_cross"
    when = datetime.fromtimestamp(candles[-1]["time"], timezone.utc).isoformat()
    events.append({"timestamp": when, "signal_type": kind, "strength": 0.75, "metadata": {"level": average[-1]}})
print("candles", len(candles))
print("SIGNAL_START")
print(json.dumps(events))
print("SIGNAL_END")
"""
SCRIPTED = """\
name: scripted
dependencies: {indicators: [core/indicators/average.py], signals: [core/signals/crosser.py]}
entry: {when: [{signal: crosser, outputs: {signal_type: golden_cross, level: "> 0"}}], action: buy, size: 0.1}
exit: {when: [{signal: crosser, outputs: {signal_type: death_cross}}], action: close}
"""


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPTRADER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "core" / "indicators").mkdir(parents=True)
    (tmp_path / "core" / "signals").mkdir()
    (tmp_path / "core" / "indicators" / "average.py").write_text(AVERAGE)
    (tmp_path / "core" / "signals" / "crosser.py").write_text(CROSSER)
    path = tmp_path / "scripted.yaml"
    path.write_text(SCRIPTED)
    return path


def test_a_script_pair_trades_like_the_same_rules_written_here(scripted: Path) -> None:
    given = candles(120)
    result = lab.backtest(scripted, given)
    padded = [np.mean(given.close[max(0, bar - 4) : bar + 1]) for bar in range(120)]
    above = given.close > padded
    up = [bar for bar in range(1, 120) if above[bar] and not above[bar - 1]]
    golden = result.signals[result.signals["signal_type"] == "golden_cross"]
    assert golden["bar"].tolist() == up
    assert np.allclose(golden["level"], np.array(padded)[up])
    assert len(result.trades) > 5
    assert "2 ran candle by candle" in result.lookahead
    assert "candles 1" in result.logs["crosser(average=average())"]


def test_a_script_pair_is_saved_and_runs_again(scripted: Path, tmp_path: Path) -> None:
    result = lab.backtest(scripted, candles(60))
    run_id = result.save(tmp_path / "runs")
    assert {"core/indicators/average.py", "core/signals/crosser.py"} < set(result.sources)
    assert lab.rerun(run_id, tmp_path / "runs").same


def test_a_script_that_always_fails_does_not_end_the_run(scripted: Path) -> None:
    (scripted.parent / "core" / "signals" / "crosser.py").write_text("print('SIGNAL_START')\nraise SystemExit(3)\n")
    result = lab.backtest(scripted, candles(30))
    assert len(result.trades) == 0
    assert any(one.startswith("FAILED ON EVERY CANDLE: crosser(") for one in result.warnings)


SLEEPER = """
import os
import time

with open(os.environ["HOME"] + "/pid", "w") as file:
    file.write(str(os.getpid()))
time.sleep(8)
open(os.environ["HOME"] + "/slept", "w").close()
print("INDICATOR_START")
"""
INTERRUPTER = """
import os
import time

__metadata__ = {"name": "interrupter", "outputs": ["interrupter"]}


class Interrupter:
    def calculate(self, data):
        while not os.path.exists(os.environ["HOME"] + "/pid") or not open(os.environ["HOME"] + "/pid").read():
            time.sleep(0.01)
        raise KeyboardInterrupt
"""


def test_an_interrupt_ends_the_scripts_that_run(scripted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = scripted.parent
    monkeypatch.setenv("HOME", str(folder))
    cancel_all()  # workers know the environment that they were started in
    (folder / "core" / "indicators" / "sleeper.py").write_text(SLEEPER)
    (folder / "core" / "indicators" / "interrupter.py").write_text(INTERRUPTER)
    text = "name: x\nentry: {when: sleeper > interrupter, size: 0.1}\n"
    (folder / "x.yaml").write_text(text)
    with pytest.raises(KeyboardInterrupt):
        lab.backtest(folder / "x.yaml", candles())
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)
    assert not (folder / "slept").exists()
    assert "trades" in dir(lab.backtest(scripted, candles(10)))  # the next run works as ever


PEEKING = """
import json
import os

__batch__ = True
candles = json.loads(os.environ["CANDLE_DATA"])
close = [candle["close"] for candle in candles]
print("INDICATOR_START")
print(json.dumps({"values": close[SHIFT:] + close[-1:] * SHIFT, "current": close[-1]}))
print("INDICATOR_END")
"""


def test_a_script_over_all_candles_that_peeks_is_caught(scripted: Path) -> None:
    batch = scripted.parent / "core" / "indicators" / "peeking.py"
    text = scripted.parent / "x.yaml"
    text.write_text("name: x\nentry: {when: peeking > close, size: 0.1}\n")
    batch.write_text(PEEKING.replace("SHIFT", "1"))
    with pytest.raises(LookaheadError, match=r"peeking\(\) looks ahead: output 'peeking' at bar"):
        lab.backtest(text, candles(200))
    batch.write_text(PEEKING.replace("SHIFT", "0"))
    assert "no value moved" in lab.backtest(text, candles(200)).lookahead


def test_words_survive_in_answers_that_are_remembered_from_another_process(scripted: Path) -> None:
    code = (
        "import sptrader_lab as lab; from tests.test_plan_scripts import candles; "
        f"print(lab.backtest({str(scripted)!r}, candles(60)).signals['signal_type'].tolist())"
    )
    first, again = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for _ in range(2)
    )
    assert "golden_cross" in first
    assert again == first
