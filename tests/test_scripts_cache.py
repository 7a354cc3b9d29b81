"""What scripts answered before: reused for exactly the bars whose inputs are the same, never for others."""

from __future__ import annotations

import hashlib
import json
import os
import sysconfig
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptrader_lab.components.scripts import cache, child
from sptrader_lab.components.spec import Input
from tests.test_scripts_worker import CANDLES, run, script

COUNTED = """
with open(os.environ["RUNS"], "a") as file:
    file.write(f"{index}\\n")
answer(candles[-1]["close"] * json.loads(os.environ["PARAMETERS"]).get("factor", 1.0))
"""
FACTOR = "__metadata__ = {'parameters': {'factor': {'type': 'float', 'default': 1.0}}}\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))


def runs(folder):
    """Return the bars that were run since the last look."""
    path = folder / "runs"
    found = sorted(map(int, path.read_text().split())) if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def moved(candles, bar):
    """Return the candles with another close at one bar."""
    close = candles.close.copy()
    close[bar] = (candles.low[bar] + candles.high[bar]) / 2 + 1e-9
    high = np.maximum(candles.high, close)
    return replace(candles, close=close, high=high)


def entries():
    return sorted(cache.folder().glob("*.json"))


def test_a_second_run_asks_for_nothing_and_gives_the_same_bits(tmp_path):
    """S17, S19."""
    spec = script(tmp_path, "print('said', index)\n" + COUNTED)
    first = run(spec)
    assert runs(tmp_path) == list(range(40))
    again = run(spec)
    assert runs(tmp_path) == []
    assert (first.cached, again.cached) == (0, 40)
    assert again.columns[0].tobytes() == first.columns[0].tobytes()
    assert again.log == first.log
    assert "said 2" in again.log
    assert "said 3" not in again.log


def test_more_candles_ask_for_the_new_ones_only(tmp_path):
    spec = script(tmp_path, COUNTED)
    run(spec, CANDLES.rows(0, 25))
    runs(tmp_path)
    answer = run(spec)
    assert runs(tmp_path) == list(range(25, 40))
    assert answer.cached == 25
    assert answer.columns[0].tolist() == CANDLES.close.tolist()


def test_fewer_candles_ask_for_at_most_a_block_and_leave_the_longer_run_in_place(tmp_path):
    spec = script(tmp_path, COUNTED)
    run(spec)
    runs(tmp_path)
    run(spec, CANDLES.rows(0, 37))
    assert set(runs(tmp_path)) <= set(range(32, 37))
    assert run(spec).cached == 40
    assert runs(tmp_path) == []


@pytest.mark.parametrize("bar", [0, 15, 16, 33, 39])
def test_a_candle_that_differs_ends_what_can_be_reused(tmp_path, bar):
    spec = script(tmp_path, COUNTED)
    run(spec)
    runs(tmp_path)
    other = moved(CANDLES, bar)
    answer = run(spec, other)
    assert runs(tmp_path) == list(range(bar // cache.BLOCK * cache.BLOCK, 40))
    assert answer.columns[0].tolist() == other.close.tolist()


def test_whatever_else_an_answer_depends_on_makes_another_entry(tmp_path):
    spec = script(tmp_path, FACTOR + COUNTED)
    assert run(spec).cached == 0
    assert run(spec, factor=2.0).columns[0].tolist() == (CANDLES.close * 2).tolist()
    assert run(spec, replace(CANDLES, symbol="GBPUSD")).cached == 0
    assert run(spec, CANDLES.rows(1, 40)).cached == 0
    Path(spec.path).write_text(Path(spec.path).read_text() + "# changed\n")
    assert run(script(tmp_path, FACTOR + COUNTED + "# changed\n")).cached == 0
    copied = script(tmp_path / "elsewhere", FACTOR + COUNTED)
    assert run(copied).cached == 0
    assert len(entries()) == 6


def test_another_indicator_is_another_input(tmp_path):
    spec = script(tmp_path, COUNTED)
    assert spec.reshape is not None
    spec = spec.reshape((), (Input("line"),))
    columns = [CANDLES.time / 1e9, *(getattr(CANDLES, n) for n in "open high low close volume".split())]
    from sptrader_lab.components.exam import market_of
    from sptrader_lab.components.run import ask

    for value, cached in ((1.0, 0), (1.0, 40), (2.0, 0), (float("nan"), 0), (float("nan"), 40)):
        assert ask(spec, [*columns, np.full(40, value)], {}, market_of(CANDLES)).cached == cached


def test_a_helper_module_that_changes_makes_everything_new(tmp_path):
    spec = script(tmp_path, "import helper\nanswer(helper.VALUE)\n")
    helper = Path(spec.path).with_name("helper.py")
    helper.write_text("VALUE = 1.0\n")
    assert run(spec).columns[0][0] == 1.0
    assert run(spec).cached == 40
    helper.write_text("VALUE = 2.0\n")
    answer = run(spec)
    assert (answer.cached, answer.columns[0][0]) == (0, 2.0)


def test_any_number_of_helpers_is_known(tmp_path):
    """450 of them, whose names take more than a pipe holds: the answers come, and the last one's change is seen."""
    names = [f"helper_{'x' * 150}_{number:03}" for number in range(450)]
    spec = script(tmp_path, "".join(f"import {name}\n" for name in names) + f"answer({names[-1]}.VALUE)\n")
    for name in names:
        Path(spec.path).with_name(f"{name}.py").write_text("VALUE = 1.0\n")
    first = run(spec, CANDLES.rows(0, 3))
    assert (first.failed, first.notes, first.columns[0].tolist()) == (0, (), [1.0] * 3)
    assert run(spec, CANDLES.rows(0, 3)).cached == 3
    Path(spec.path).with_name(f"{names[-1]}.py").write_text("VALUE = 2.0\n")
    assert run(spec, CANDLES.rows(0, 3)).columns[0].tolist() == [2.0] * 3


@pytest.mark.parametrize(
    "ending",
    [
        "sys.stdout.flush(); os._exit(0)",
        "os.closerange(3, 256)",
        "[os.write(fd, b'junk') for fd in range(3, 256) if os.path.exists(f'/proc/self/fd/{fd}') and fd != 3]",
    ],
    ids=["exits", "closes", "writes_junk"],
)
def test_answers_whose_helpers_nobody_knows_count_and_are_not_kept(tmp_path, ending):
    spec = script(tmp_path, f"import helper\nanswer(helper.VALUE)\n{ending}\n")
    Path(spec.path).with_name("helper.py").write_text("VALUE = 1.0\n")
    first = run(spec)
    assert (first.failed, first.notes, first.columns[0].tolist()) == (0, (), [1.0] * 40)
    assert entries() == []
    Path(spec.path).with_name("helper.py").write_text("VALUE = 2.0\n")
    assert run(spec).columns[0].tolist() == [2.0] * 40


def test_helpers_are_all_files_but_those_that_came_with_python_or_a_package(tmp_path):
    site, prefix = Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("data"))
    package = Path(cache.__file__).parents[2]
    cases = [
        (tmp_path / "lib" / "helper.py", tmp_path, False),
        (prefix / "mine" / "lib" / "helper.py", prefix / "mine", False),
        (prefix / "helper.py", tmp_path, False),
        (site / "mine" / "lib" / "helper.py", site / "mine", False),
        (site / "other" / "helper.py", site / "mine", True),
        (site / "scipy" / "helper.py", site.parent, True),  # the workspace holds the environment
        (site / "scipy" / "helper.py", tmp_path, True),
        (package.with_name(package.name + "_mine") / "helper.py", tmp_path, False),
        (Path(json.__file__), tmp_path, True),
        (Path(cache.__file__), tmp_path, True),
    ]
    for file, workspace, installed in cases:
        assert child._installed(str(file), str(workspace)) is installed, file


def test_failures_are_never_kept_and_counted_anew(tmp_path):
    body = "if index % 10 == 3 and not os.path.exists(os.environ['RUNS'] + '.well'): raise ValueError('ill')\n"
    spec = script(tmp_path, body + COUNTED)
    first, second = run(spec), run(spec)
    assert (first.failed, second.failed) == (4, 4)
    assert first.notes == second.notes
    assert second.cached == 36
    assert "ill" in second.log
    (tmp_path / "runs.well").touch()
    runs(tmp_path)
    third = run(spec)
    assert (third.failed, third.notes, third.cached) == (0, (), 36)
    assert runs(tmp_path) == [3, 13, 23, 33]
    assert run(spec).cached == 40


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "not_ours"])
def test_a_damaged_entry_is_recomputed_and_noted(tmp_path, damage):
    spec = script(tmp_path, COUNTED)
    whole = run(spec).columns[0].tolist()
    runs(tmp_path)
    (path,) = entries()
    content = path.read_bytes()
    body = json.dumps({"bars": 40}).encode()
    other = {
        "cut": content[: len(content) // 2],
        "flipped": content.replace(b"1.", b"2.", 1),
        "emptied": b"",
        "not_ours": hashlib.sha256(body).hexdigest().encode() + b"\n" + body,
    }[damage]
    path.write_bytes(other)
    answer = run(spec)
    assert runs(tmp_path) == list(range(40))
    assert answer.columns[0].tolist() == whole
    assert answer.notes == ("one: what earlier runs had kept of it was damaged; it was run anew",)
    assert run(spec).notes == ()


def test_a_batch_is_reused_whole_or_not_at_all(tmp_path):
    body = """
    __batch__ = True
    with open(os.environ["RUNS"], "a") as file:
        file.write("1\\n")
    print("INDICATOR_START")
    print(json.dumps({"values": [row["close"] for row in candles]}))
    print("INDICATOR_END")
    """
    spec = script(tmp_path, body)
    assert run(spec).cached == 0
    assert run(spec).cached == 40
    assert runs(tmp_path) == [1]
    for candles in (CANDLES.rows(0, 39), CANDLES.rows(0, 32), moved(CANDLES, 39)):
        answer = run(spec, candles)
        assert answer.cached == 0
        assert answer.columns[0].tolist() == candles.close.tolist()
        assert run(spec, candles).cached == len(candles)


def test_other_outputs_are_read_from_the_same_entry(tmp_path):
    body = 'print("INDICATOR_START\\n" + json.dumps({"a": {"current": 1}, "b": {"current": 2}}) + "\\nINDICATOR_END")'
    spec = script(tmp_path, body)
    assert spec.reshape is not None
    assert run(spec.reshape(("a",), ())).cached == 0
    answer = run(spec.reshape(("b",), ()))
    assert (answer.cached, answer.columns[0][5]) == (40, 2.0)
    lacking = run(spec.reshape(("c",), ()))
    assert (lacking.cached, lacking.failed) == (0, 40)


def test_a_folder_that_cannot_be_written_keeps_nothing_and_breaks_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPTRADER_CACHE", str(tmp_path / "file"))
    answer = run(script(tmp_path, COUNTED))
    assert (answer.failed, answer.cached, answer.notes) == (0, 0, ())


def test_what_was_not_used_for_longest_leaves_first(tmp_path):
    now = time.time()
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / name
        path.write_bytes(b"x" * 100)
        os.utime(path, (now - age, now - age))
    cache.shrink(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["middle", "new"]


numbers = st.sampled_from([0.0, -0.0, 1.0, float("nan"), 1.0 + 2**-52])


@given(st.lists(st.tuples(numbers, numbers), max_size=60), st.lists(st.tuples(numbers, numbers), max_size=60))
def test_the_equal_prefix_is_never_longer_than_the_truth(one, other):
    """S19: against a plain comparison of bytes, bar by bar."""

    def columns(rows):
        return [np.array([row[place] for row in rows], dtype=np.float64) for place in (0, 1)]

    truth = 0
    for left, right in zip(one, other, strict=False):
        if np.array(left).tobytes() != np.array(right).tobytes():
            break
        truth += 1
    kept = cache.digests(columns(one))
    same = cache._equal(kept, len(one), columns(other))
    assert truth - cache.BLOCK < same <= truth
    if len(other) >= len(one) == truth:  # more candles than before: all of them hold
        assert same == len(one)
