"""What components print: kept beside their answer, whoever prints at the same time, and never on standard output."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.components.exam import exam_candles
from sptrader_lab.components.library import scan
from sptrader_lab.components.listening import listening
from sptrader_lab.components.native import load
from sptrader_lab.components.reading import read
from sptrader_lab.components.run import ask
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentFailed
from sptrader_lab.types.market import Market

CLOSE = np.arange(1.0, 51.0)


def component(folder: Path, name: str, body: str, head: str = "") -> Spec:
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    path.write_text(
        f"import sys, threading, time, logging\n{head}\ndef {name}(close):\n{lines}    return close * 1.0\n"
    )
    return load(path)


def test_what_a_native_component_prints_is_its_log(tmp_path, capsys):
    spec = component(tmp_path, "loud", "print('on', len(close), 'rows')\nprint('trouble', file=sys.stderr)")
    answer = ask(spec, [CLOSE], {})
    assert answer.log == "on 50 rows\ntrouble\n"
    assert capsys.readouterr() == ("", "")
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_what_it_prints_while_it_is_loaded_goes_to_standard_error(tmp_path, capsys):
    component(tmp_path, "greets", "pass", head="print('hello')")
    assert capsys.readouterr() == ("", "hello\n")


def test_an_error_carries_what_was_printed_before(tmp_path, capsys):
    spec = component(tmp_path, "breaks", "print('so far')\nraise ValueError('no')")
    with pytest.raises(ComponentFailed) as failed:
        ask(spec, [CLOSE], {})
    assert "It had printed:\nso far" in failed.value.component_traceback
    assert capsys.readouterr().out == ""


def test_threads_hear_their_own_component_and_run_at_the_same_time(tmp_path, capsys):
    """Both wait for each other inside the component, which they could not if one had to end before the other begins."""
    head = "barrier = threading.Barrier(2, timeout=20)"
    both = component(tmp_path, "both", "barrier.wait()\nfor _ in range(50):\n    print(close[0])", head)

    def asked(first: float) -> str:
        return ask(both, [np.full(5, first)], {}).log

    before = sys.stdout, sys.stderr
    with ThreadPoolExecutor(2) as threads:
        logs = list(threads.map(asked, [1.0, 2.0]))
    assert logs == ["1.0\n" * 50, "2.0\n" * 50]
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("", "")


def test_other_threads_print_as_ever_while_a_component_runs(tmp_path, capsys):
    head = "inside, go_on = threading.Event(), threading.Event()"
    slow = component(tmp_path, "slow", "print('mine')\ninside.set()\ngo_on.wait(20)", head)
    module = sys.modules[slow.function.__module__]
    with ThreadPoolExecutor(1) as threads:
        threads.submit(int).result()
        running = threads.submit(ask, slow, [CLOSE], {})
        assert module.inside.wait(20)
        print("yours")
        assert sys.stdout.isatty() is False  # whatever else is asked of it goes to the stream behind
        module.go_on.set()
        assert running.result().log == "mine\n"
    assert capsys.readouterr().out == "yours\n"


def test_threads_that_a_component_starts_are_heard_with_it(tmp_path, capsys):
    starts = "thread = threading.Thread(target=print, args=('from inside',))\nthread.start()\nthread.join()"
    assert ask(component(tmp_path, "starts", starts), [CLOSE], {}).log == "from inside\n"
    assert capsys.readouterr().out == ""


def test_a_component_that_replaces_standard_output_does_not_keep_it(tmp_path, capsys):
    before = sys.stdout
    ask(component(tmp_path, "takes", "import io\nsys.stdout = io.StringIO()"), [CLOSE], {})
    assert sys.stdout is before


def test_a_logging_handler_made_inside_writes_to_the_real_stream_afterwards(tmp_path, capsys):
    body = "handler = logging.StreamHandler()\nlogging.getLogger('of_component').addHandler(handler)"
    ask(component(tmp_path, "logs", body), [CLOSE], {})
    logger = sys.modules["logging"].getLogger("of_component")
    try:
        logger.warning("later")
    finally:
        logger.handlers.clear()
    assert capsys.readouterr().err == "later\n"


def test_listening_inside_listening_hears_the_inner_one_first():
    with listening() as outer:
        print("one")
        with listening() as inner:
            print("two")
        print("three")
    assert (outer.text, inner.text) == ("one\nthree\n", "two\n")


def test_streams_are_back_after_many_threads_come_and_go():
    before = sys.stdout, sys.stderr

    def work(number: int) -> bool:
        ok = True
        for _ in range(200):
            with listening() as heard:
                print(number)
                time.sleep(0)
                print(number)
            ok &= heard.text == f"{number}\n{number}\n"
        return ok

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
    assert (sys.stdout, sys.stderr) == before


STRATEGY = """\
name: talks
indicators:
  line: {type: chatty}
entry:
  when: ["close > line"]
  action: buy
  size: 0.1
exit:
  max_holding_period: 3
"""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    component(tmp_path / "components" / "indicators", "chatty", "print('chatty on', len(close))")
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "talks.yaml").write_text(STRATEGY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_results_logs_hold_what_native_components_print(workspace, capsys):
    candles = exam_candles(500)
    result = lab.backtest(lab.load_strategy("strategies/talks.yaml"), candles)
    (text,) = result.logs.values()
    assert text.startswith("chatty on 500\n")
    assert capsys.readouterr().out == ""


def test_json_of_the_command_line_stays_json(workspace):
    command = [sys.executable, "-m", "sptrader_lab.cli.main", "components", "check", "chatty", "--json"]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["exams"][0]["name"] == "chatty"


def test_a_redirect_around_a_run_gets_nothing_of_the_components(workspace):
    spec = scan(workspace / "components").find("chatty")
    with contextlib.redirect_stdout(io.StringIO()) as kept:
        answer = ask(spec, [CLOSE], {})
        print("mine")
    assert (answer.log, kept.getvalue()) == ("chatty on 50\n", "mine\n")


def test_progress_of_a_script_is_shown_and_is_no_part_of_its_log(tmp_path, capsys, monkeypatch):
    """Where somebody watches: in a notebook, which the loaded kernel tells."""
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setenv("SPTRADER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "says.py"
    block = 'print("INDICATOR_START")\nprint(\'{"values": [1], "current": 1}\')\nprint("INDICATOR_END")'
    path.write_text(f'print("said")\n{block}\n')
    hours = np.arange(3) * 3600.0
    answer = ask(read(path), [hours, *[np.ones(3)] * 5], {}, Market("EURUSD", "1h"))
    assert answer.columns[0].tolist() == [1.0, 1.0, 1.0]
    assert answer.log.count("said") == 3
    assert "candle/s" not in answer.log
    assert "says.py" in capsys.readouterr().err
