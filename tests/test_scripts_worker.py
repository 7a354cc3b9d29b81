"""Scripts in processes of their own: what they see, what becomes of the ones that misbehave, and that nothing is left."""

from __future__ import annotations

import _thread
import math
import os
import re
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sptrader_lab.components.exam import exam_candles, market_of
from sptrader_lab.components.reading import read
from sptrader_lab.components.run import ask, candle_columns
from sptrader_lab.components.scripts.calls import Call, Script
from sptrader_lab.components.scripts.limits import Limits
from sptrader_lab.components.scripts.pool import Cancelled, Pool, WorkerDied, WorkerProcess, cancel_all, shared
from sptrader_lab.components.scripts.protocol import environment
from sptrader_lab.components.scripts.reaper import descendants
from sptrader_lab.components.spec import Input
from sptrader_lab.components.vocabulary import code
from sptrader_lab.errors import ComponentError

CANDLES = exam_candles(40)
QUICK = Limits(seconds=3.0, batch_seconds=3.0)
HEAD = """
import json, os, sys, time
index = int(os.environ["CURRENT_INDEX"])
candles = json.loads(os.environ["CANDLE_DATA"])
def answer(value):
    print("INDICATOR_START")
    print(json.dumps({"values": [], "current": value}))
    print("INDICATOR_END")
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_CACHE", str(tmp_path / "cache"))


def script(folder, body, *, kind="indicators", name="one", head=HEAD, limits=None, **changes):
    path = folder / "components" / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + textwrap.dedent(body), encoding="utf-8")
    spec = read(path)
    assert spec.style == "script"
    return replace(spec, function=replace(spec.function, limits=limits or spec.function.limits, **changes))


def run(spec, candles=CANDLES, **parameters):
    columns = candle_columns(candles)
    arrays = [columns[each.name] for each in spec.inputs]
    return ask(spec, arrays, spec.resolve(parameters), market_of(candles))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_each_candle_sees_its_own_past_exactly_and_nothing_later(tmp_path):
    """S2, S18: row by row the candles up to its own, in the environment and in the file; the file is whole JSON."""
    body = """
    with open(os.environ["CANDLE_DATA_FILE"]) as file:
        assert json.load(file) == candles
    assert len(candles) == index + 1 and "DATA_SOURCE" not in os.environ
    assert (os.environ["SYMBOL"], os.environ["TIMEFRAME"]) == ("EURUSD", "1h")
    assert os.environ["COMPONENT_TYPE"] == "indicator" and "INDICATOR_DATA" not in os.environ
    answer(sum(map(sum, (row.values() for row in candles))))
    """
    answer = run(script(tmp_path, body))
    assert (answer.failed, answer.notes) == (0, ())
    table = np.column_stack(
        [CANDLES.time // 10**9, *(getattr(CANDLES, n) for n in "open high low close volume".split())]
    )
    expected, total = [], []
    for row in table.tolist():
        total.append(row)
        expected.append(sum(map(sum, total)))
    assert answer.columns[0].tolist() == expected


def test_no_later_candle_is_in_the_memory_that_a_child_inherits(tmp_path):
    """S2: the close of every later candle is looked for in everything that Python's collector and frames reach."""
    body = """
    import gc
    later = FUTURE[index + 1 :]
    texts = [repr(value) for value in later]
    frames, frame = [], sys._getframe()
    while frame:
        frames.append(dict(frame.f_locals))
        frame = frame.f_back
    gc.unfreeze()
    reached = [each for each in gc.get_objects() if type(each) in (list, dict) and each is not FUTURE] + frames
    seen = 0
    for each in reached:
        if each is texts or each is later or each is globals():
            continue
        for part in (each.values() if type(each) is dict else each):
            if isinstance(part, (str, bytes, bytearray)) and len(part) < 100_000:
                text = part if isinstance(part, str) else part.decode(errors="replace")
                if '"close"' in text:
                    seen += any(f'"close": {value}' in text for value in texts)
    answer(seen)
    """
    closes = [1.0 + bar / 7 for bar in range(len(CANDLES))]
    candles = replace(CANDLES, **{name: np.array(closes) for name in ("open", "high", "low", "close")})
    # What is searched for must not stand in the source: the script makes the numbers itself.
    spec = script(tmp_path, "FUTURE = [1.0 + bar / 7 for bar in range(40)]\n" + textwrap.dedent(body))
    answer = run(spec, candles)
    assert (answer.failed, answer.notes) == (0, ())
    assert answer.columns[0].tolist() == [0.0] * len(CANDLES)


def test_it_runs_as_main_as_python_would_run_it(tmp_path):
    body = """
    import atexit, __main__
    import neighbour
    assert __name__ == "__main__" and __main__.index == index and sys.argv == [__file__]
    assert sys.path[0] == os.path.dirname(__file__) and sys.stdin.read() == ""
    atexit.register(lambda: answer(neighbour.VALUE))
    kept = open(os.path.join(os.environ["OUT"], str(index)), "w")
    kept.write("flushed")
    sys.exit(0)
    """
    spec = script(tmp_path, body)
    (Path(spec.path).parent / "neighbour.py").write_text("VALUE = 7.0\n")
    os.environ["OUT"] = str(tmp_path)
    try:
        answer = run(spec, CANDLES.rows(0, 3))
    finally:
        del os.environ["OUT"]
    assert answer.columns[0].tolist() == [7.0] * 3, answer.notes
    assert [(tmp_path / str(index)).read_text() for index in range(3)] == ["flushed"] * 3


def test_state_does_not_pass_from_candle_to_candle(tmp_path):
    body = """
    import builtins, math
    assert not hasattr(builtins, "seen") and "SEEN" not in os.environ
    builtins.seen = os.environ["SEEN"] = "yes"
    sys.modules["json"].seen = 1
    with open(os.environ["CANDLE_DATA_FILE"], "w") as file:
        file.write("[]")
    answer(len(candles))
    """
    assert run(script(tmp_path, body)).columns[0].tolist() == list(range(1, 41))


def test_parameters_and_indicators_reach_a_signal_and_its_events_come_back(tmp_path):
    body = """
    told = json.loads(os.environ["INDICATOR_DATA"])["line"]
    assert len(told["values"]) == index + 1 and told["values"][-1] == told["current"]
    level = json.loads(os.environ["PARAMETERS"])["level"]
    import datetime
    at = datetime.datetime.fromtimestamp(candles[-1]["time"], datetime.timezone.utc).isoformat()
    events = [{"timestamp": at, "signal_type": "up", "strength": 0.5, "metadata": {"kind": "big"}}]
    print("SIGNAL_START")
    print(json.dumps(events if told["current"] is not None and told["current"] > level else []))
    print("SIGNAL_END")
    """
    head = f'{HEAD}__metadata__ = {{"parameters": {{"level": {{"type": "float", "default": 10.0}}}}}}\n'
    spec = script(tmp_path, body, kind="signals", head=head)
    assert spec.reshape is not None
    spec = spec.reshape(("kind",), (Input("line"),))
    columns = candle_columns(CANDLES)
    line = np.arange(40.0)
    line[:5] = math.nan
    arrays = [line if each.name == "line" else columns[each.name] for each in spec.inputs]
    answer = ask(spec, arrays, spec.resolve({"level": 20.0}), market_of(CANDLES))
    assert (answer.failed, answer.notes) == (0, ())
    by_name = dict(zip([each.name for each in spec.outputs], answer.columns, strict=True))
    assert by_name["signal"].tolist() == [float(bar > 20) for bar in range(40)]
    assert by_name["kind"][21] == code("big")
    assert by_name["signal_name"][21] == code("one")
    assert by_name["signal#2"].sum() == 0


MISBEHAVED = {
    "spins": ("while True: pass", "no answer within 3 s"),
    "sleeps": ("time.sleep(100)", "no answer within 3 s"),
    "shouts": ("while True: sys.stdout.write('x' * 100_000)", r"it printed more than 4,0\d\d,\d00 bytes"),
    "shouts_in_vain": ("sys.stderr.write('x' * 50_000_000)", r"it printed more than 4,0\d\d,\d00 bytes"),
    "exits": ("answer(1.0); sys.exit(3)", "exit code 3"),
    "exits_with_words": ("sys.exit('no data today')", "exit code 1; stderr: no data today"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "it was ended by SIGSEGV"),
    "raises": ("raise ValueError('odd candle')", "exit code 1; stderr: .*ValueError: odd candle"),
    "hoards": ("x = bytearray(10 * 2**30); answer(1.0)", "exit code 1; stderr: .*MemoryError"),
    "kills_itself": ("os.kill(os.getpid(), 9)", "it was ended by SIGKILL"),
    "prints_nothing": ("pass", "it printed no INDICATOR_START"),
    "prints_garbage": ("os.write(1, bytes(range(256)) * 9)", "it printed no INDICATOR_START"),
    "prints_half": ("print('INDICATOR_START'); print('{')", "is not followed by INDICATOR_END"),
    "prints_no_json": ("print('INDICATOR_START\\n{\\nINDICATOR_END')", "not JSON"),
    "syntax_at_run_time": ("exec('1 +')", "exit code 1; stderr: .*SyntaxError"),
    "ends_the_worker": ("os.kill(os.getppid(), 9); time.sleep(5)", "its worker was ended by SIGKILL"),
}


@pytest.mark.parametrize("name", sorted(MISBEHAVED))
def test_a_candle_that_misbehaves_is_counted_with_its_reason_and_the_others_come(tmp_path, name):
    body, reason = MISBEHAVED[name]
    full = f"""
    if index in (5, 7):
        {body}
    else:
        answer(float(index))
    """
    answer = run(script(tmp_path, full, limits=QUICK), CANDLES.rows(0, 10))
    assert answer.failed == 2
    assert [bar for bar in range(10) if answer.columns[0][bar] != bar] == [5, 7]
    assert np.isnan(answer.columns[0][[5, 7]]).all()
    (note,) = answer.notes
    assert note.startswith("one: 2 of 10 candles failed, first on the candle of 2024-01-01 05:00: ")
    assert re.search(reason, note), note
    assert "\n" not in note


def test_a_traceback_begins_in_the_script(tmp_path):
    answer = run(script(tmp_path, "raise ValueError('here')\n", head="print('CANDLE_DATA')\n"), CANDLES.rows(0, 1))
    assert f'File "{tmp_path}/components/indicators/one.py", line 2' in answer.log
    assert "sptrader_lab/components/scripts" not in answer.log


def test_grandchildren_are_gone_whatever_they_did_to_stay(tmp_path):
    """One in its parent's group, one in a session of its own, one orphaned twice over."""
    body = """
    import subprocess
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    first = subprocess.Popen(sleeper)
    second = subprocess.Popen(sleeper, start_new_session=True)
    code = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], start_new_session=True).pid)"
    third = subprocess.run([sys.executable, "-S", "-c", code, *sleeper], stdout=subprocess.PIPE, start_new_session=True)
    """
    for ending, limits in (("answer(1.0)", None), ("time.sleep(100)", Limits(seconds=3.0))):
        end = f"print(first.pid, second.pid, int(third.stdout), flush=True)\n{ending}\n"
        full = textwrap.dedent(body).replace("stdout=subprocess.PIPE", "stdout=subprocess.PIPE, timeout=2") + end
        # The orphan holds its pipe open, so the launcher gives it none.
        full = full.replace("Popen(sys.argv[1:], start", "Popen(sys.argv[1:], stdout=subprocess.DEVNULL, start")
        answer = run(script(tmp_path, full, limits=limits), CANDLES.rows(0, 1))
        pids = [int(word) for word in answer.log.splitlines()[1].split()]
        assert len(pids) == 3, answer
        assert not any(map(alive, pids))


def test_a_script_that_always_times_out_is_given_up_and_says_so(tmp_path):
    answer = run(script(tmp_path, "time.sleep(9)", limits=Limits(seconds=0.2, patience=2)))
    assert answer.failed == len(CANDLES)
    (note,) = answer.notes
    assert note.startswith(
        "one: 40 of 40 candles failed, first on the candle of 2024-01-01 00:00: no answer within 0.2 s"
    )
    assert "were not asked for after so many time-outs in a row" in note


def test_a_broken_file_is_refused_at_load_and_nothing_ever_runs_there(tmp_path):
    with pytest.raises(ComponentError, match=r"one.py:\d+: not valid Python"):
        script(tmp_path, "def :")
    marker = tmp_path / "ran"
    script(tmp_path, f"open({str(marker)!r}, 'w')\n")
    assert not marker.exists()
    with pytest.raises(ComponentError, match=r"one.py:\d+: __metadata__ can't be read"):
        script(tmp_path, "__metadata__ = dict(name='x')\n")


def test_outputs_are_those_declared_else_one_called_like_the_file(tmp_path):
    bands = 'print("INDICATOR_START\\n" + json.dumps({n: {"current": v} for n, v in (("upper", 2), ("lower", 1))}) + "\\nINDICATOR_END")'
    head = f'{HEAD}__metadata__ = {{"outputs": ["lower", "upper"], "description": "Two bands."}}\n'
    spec = script(tmp_path, bands, head=head)
    assert spec.summary == "Two bands."
    assert [float(column[0]) for column in run(spec, CANDLES.rows(0, 1)).columns] == [1.0, 2.0]
    plain = script(tmp_path, bands, name="two")
    answer = run(plain, CANDLES.rows(0, 1))
    assert answer.failed == 1
    assert "it printed upper, lower, not 'two'" in answer.notes[0]
    assert plain.reshape is not None
    assert run(plain.reshape(("upper",), ()), CANDLES.rows(0, 1)).columns[0].tolist() == [2.0]


def test_a_batch_runs_once_over_everything(tmp_path):
    body = """
    __batch__ = True
    assert os.environ["BATCH"] == "true" and index == len(candles) - 1
    print("ran once")
    print("INDICATOR_START")
    print(json.dumps({"values": [row["close"] for row in candles], "current": 0}))
    print("INDICATOR_END")
    """
    answer = run(script(tmp_path, body))
    assert answer.columns[0].tolist() == CANDLES.close.tolist()
    assert answer.log == "ran once\n"
    short = run(script(tmp_path, body.replace("in candles]", "in candles[1:]]"), name="short"))
    assert short.failed == len(CANDLES)
    assert "got 39 values for 40 candles" in short.notes[0]
    assert np.isnan(short.columns[0]).all()


def test_a_signal_that_never_speaks_is_no_failure_but_noted(tmp_path):
    answer = run(script(tmp_path, "print('thinking')", kind="signals"), CANDLES.rows(0, 4))
    assert answer.failed == 0
    assert answer.notes == ("one: it never printed SIGNAL_START, on none of 4 candles",)
    assert answer.columns[0].tolist() == [0.0] * 4
    assert "thinking" in answer.log


def test_unmodified_scripts_work_at_a_history_no_environment_could_hold(tmp_path):
    """At candle 99,999 CANDLE_DATA has over 10 MB; the script's own children still start."""
    body = """
    import subprocess
    done = subprocess.run([sys.executable, "-S", "-c", "import os; print('CANDLE_DATA' in os.environ)"], capture_output=True)
    assert done.returncode == 0, done
    import pandas as pd
    answer(pd.DataFrame(candles)["close"].rolling(window=10).mean().iloc[index])
    """
    bars = 100_000
    time_s = 1_600_000_000 + 60.0 * np.arange(bars)
    close = 1.1 + np.sin(np.arange(bars)) / 100
    spec = script(tmp_path, body, limits=Limits(seconds=60.0))
    told = environment(os.environ, "indicator", "EURUSD", "1m", {}, batch=False)
    one = Script(spec.path, spec.function.source, told, (), False, spec.function.limits)
    replies = {}
    Call(shared(), one, [time_s, close, close, close, close, close]).run([bars - 1], replies.__setitem__)
    reply = replies[bars - 1]
    assert reply.why == "", reply.err
    current = float(reply.out.split('"current": ')[1].split("}")[0])
    assert current == pytest.approx(close[-10:].mean(), rel=1e-12)


def test_two_scripts_at_once_from_two_threads_get_their_own_answers(tmp_path):
    specs = [script(tmp_path, f"answer(index * {factor})", name=f"times{factor}") for factor in (2, 3)]
    answers = {}
    threads = [threading.Thread(target=lambda s=spec: answers.__setitem__(s.name, run(s))) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers["times2"].columns[0].tolist() == [2.0 * bar for bar in range(40)]
    assert answers["times3"].columns[0].tolist() == [3.0 * bar for bar in range(40)]


def test_ctrl_c_ends_a_call_and_leaves_nothing_behind(tmp_path):
    pool = shared()
    spec = script(tmp_path, "import subprocess; subprocess.Popen(['sleep', '600']); time.sleep(60)")
    run(script(tmp_path, "answer(1.0)", name="warm"))
    before = {worker.pid for worker in pool._idle}
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(spec)
    assert time.monotonic() - started < 8  # the candles themselves would take 10 s each
    assert not pool._busy
    gone = before - {worker.pid for worker in pool._idle}
    assert gone
    assert not any(map(alive, gone))
    assert not [pid for pid in descendants(os.getpid()) if "sleep" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert run(script(tmp_path, "answer(2.0)", name="after"), CANDLES.rows(0, 2)).columns[0].tolist() == [2.0, 2.0]


def test_calls_in_other_threads_can_be_cancelled(tmp_path):
    spec = script(tmp_path, "time.sleep(60)")
    caught = []

    def call():
        try:
            run(spec)
        except Cancelled as error:
            caught.append(error)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    cancel_all()
    for thread in threads:
        thread.join(30)
    assert [type(error) for error in caught] == [Cancelled, Cancelled]
    assert not shared()._busy


def test_no_process_is_left_after_a_pool_is_closed():
    pool = Pool(2)
    with pool.worker(pool.epoch) as one, pool.worker(pool.epoch) as other:
        pids = {one.pid, other.pid}
        assert all(map(alive, pids))
    pool.close()
    assert not any(map(alive, pids))
    with pytest.raises(Cancelled), pool.worker(pool.epoch - 1):
        pass


def test_a_killed_worker_leaves_no_folder_behind():
    worker = WorkerProcess()
    folder = Path(worker.folder.name)
    assert folder.is_dir()
    os.kill(worker.pid, 9)
    with pytest.raises(WorkerDied, match="its worker was ended by SIGKILL"):
        worker.ask({}, 20)
    worker.close()
    assert not folder.exists()


def test_a_worker_ends_when_whoever_started_it_is_gone():
    worker = WorkerProcess()
    worker.interrupt()
    worker._process.wait(10)
    assert not Path(worker.folder.name).exists()
    assert worker._process.returncode == 0
    worker.close()


def test_a_cancelled_call_gets_no_worker_that_was_starting_meanwhile():
    """Ctrl-C while Python starts: nobody goes on with a worker that nobody has told to stop."""
    pool, caught = Pool(1), []
    before = set(descendants(os.getpid()))

    def call():
        try:
            with pool.worker(pool.epoch):
                caught.append("lent")
        except Cancelled as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    until = time.monotonic() + 20
    while not (started := set(descendants(os.getpid())) - before) and time.monotonic() < until:
        time.sleep(0.001)
    pool.cancel()
    thread.join(30)
    assert [type(each) for each in caught] == [Cancelled]
    assert started
    assert not any(map(alive, started))
    assert not pool._busy
    with pool.worker(pool.epoch) as worker:
        assert alive(worker.pid)
    pool.close()


def test_a_worker_that_cannot_start_is_an_error_with_its_words(monkeypatch):
    monkeypatch.setattr("sptrader_lab.components.scripts.pool._BOOT", "raise RuntimeError('no luck')")
    pool = Pool(1)
    with (
        pytest.raises(ComponentError, match=r"(?s)scripts can't be run: .*ended with exit code 1: .*no luck"),
        pool.worker(0),
    ):
        pass
    assert not pool._busy


def test_a_worker_that_takes_over_earlier_candles_forgets_the_later_ones(tmp_path):
    """S2: a chunk that another worker left, because it died, comes after later ones."""
    spec = script(tmp_path, "print(len(candles))")
    told = environment(os.environ, "indicator", "EURUSD", "1h", {}, batch=False)
    one = Script(spec.path, spec.function.source, told, (), False, spec.function.limits)
    columns = [candle_columns(CANDLES)[each.name] for each in spec.inputs]
    later, earlier = list(range(20, 36)), [3, 4]
    pool, replies = Pool(1), {}
    Call(pool, one, columns).run([*later, *earlier], replies.__setitem__)
    pool.close()
    assert {index: int(reply.out) for index, reply in replies.items()} == {n: n + 1 for n in (*later, *earlier)}


def test_nothing_is_written_into_the_workspace(tmp_path, monkeypatch):
    """Neither by the script's own imports nor by a Python that it starts."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    cancel_all()  # the workers that start now don't have it from this process
    body = """
    import subprocess
    import near
    subprocess.run([sys.executable, "-c", "import near"], check=True, cwd=os.path.dirname(__file__))
    answer(near.VALUE)
    """
    spec = script(tmp_path / "workspace", body)
    Path(spec.path).with_name("near.py").write_text("VALUE = 3.0\n")
    answer = run(spec, CANDLES.rows(0, 2))
    assert answer.columns[0].tolist() == [3.0, 3.0], answer.notes
    files = [path.name for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    assert sorted(files) == ["near.py", "one.py"]
