"""Sweeps on disk: killed, interrupted, resumed, read again, asked in SQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_cases import GRID, candles, long, same_rows, small

import sptrader_lab as lab
from sptrader_lab.errors import InputError, RunError
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research import store
from sptrader_lab.research.grid import Combinations
from sptrader_lab.research.saved import query
from sptrader_lab.research.store import Done, Ledger, Rows, writing
from sptrader_lab.research.table import Sweep
from sptrader_lab.research.watch import Watch
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return small(tmp_path_factory.mktemp("whole"))


def made(numbers: list[int]) -> Done:
    """Rows that say which combination they are of."""
    chosen = np.array(numbers, np.int64)
    metrics = chosen[:, None] + np.arange(len(SUMMARY)) / 100
    blocks = np.broadcast_to(chosen[:, None, None], (len(chosen), 16, 3)).astype(np.float64)
    return Done(chosen, metrics, blocks, ["" if number % 3 else f"error {number}" for number in numbers])


# -- the ledger


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=30), st.randoms(use_true_random=False), st.booleans())
def test_rows_come_back_in_order_however_they_were_written(tmp_path_factory, sizes, random, finish):
    combinations = Combinations({"a": tuple(range(sum(sizes))), "exposure": (1.5,), "word": ("x",)})
    numbers = list(range(len(combinations)))
    random.shuffle(numbers)
    path = tmp_path_factory.mktemp("ledger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_ROW_GROUP", 4)
        with writing(path, {}, combinations, resume=True) as ledger:
            for size in sizes:
                ledger.add(made([numbers.pop() for _ in range(size)]))
                ledger.flush()
            if finish:
                ledger.finish()
    rows = Rows(path, combinations)
    expected = made(list(range(sum(sizes))))
    found = rows.columns(["a", "parameters.exposure", "word", *SUMMARY, "error"])
    assert np.array_equal(rows.numbers(), expected.numbers)
    assert np.array_equal(found["a"], expected.numbers)
    assert set(found["parameters.exposure"]) == {1.5}
    assert set(found["word"]) == {"x"}
    assert np.array_equal(np.stack([found[name] for name in SUMMARY], axis=1), expected.metrics)
    assert found["error"].tolist() == expected.errors
    assert np.array_equal(rows.blocks(), expected.blocks)
    assert (path / "rows.parquet").exists() == finish
    assert (path / "parts").exists() != finish


def test_a_row_waits_for_the_disk_no_longer_than_half_a_second(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(store.time, "monotonic", lambda: now[0])
    combinations = Combinations({"a": tuple(range(1000))})
    (tmp_path / "parts").mkdir()
    ledger = Ledger(tmp_path, combinations)
    longest, written = 0.0, 0
    since: list[float] = []
    for number in range(200):
        now[0] += 0.03
        since.append(now[0])
        ledger.add(made([number]))
        on_disk = len(Rows(tmp_path, combinations).numbers())
        written = max(written, on_disk)
        longest = max(longest, now[0] - since[written] if written < len(since) else 0.0)
    assert longest <= 0.5
    assert written > 150


# -- interrupted and killed


def test_a_killed_sweep_goes_on_where_it_was_and_ends_with_the_same_rows(tmp_path):
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "sweep_cases.py"), str(tmp_path / "killed")], cwd=ROOT
    )
    while not (there := list((tmp_path / "killed").glob("*/parts/*.parquet"))) and child.poll() is None:
        time.sleep(0.05)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    (half,) = lab.sweeps(tmp_path / "killed").to_dict("records")
    assert there
    assert 0 < half["done"] < half["combinations"] == 5_000
    assert not lab.load_sweep(half["sweep_id"], tmp_path / "killed").complete
    again, straight = long(tmp_path / "killed"), long(tmp_path / "straight")
    assert again.computed == 5_000 - half["done"]
    assert straight.computed == 5_000
    assert again.complete
    assert same_rows(again, straight)
    assert long(tmp_path / "killed").computed == 0


def test_ctrl_c_returns_what_is_done_and_the_same_call_goes_on(tmp_path, monkeypatch):
    see, seen = Watch.see, []
    many = {"grid": {"ma_fast_period": range(2, 32), "ma_slow_period": range(10, 40)}, "constraints": ()}

    def interrupt(self, done, new=None):
        see(self, done, new)
        seen.append(len(done.numbers))
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Watch, "see", interrupt)
    handler = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as alone:
        found = small(tmp_path, executor=alone, **many)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not found.complete
    assert sum(seen) <= len(found) < 900
    assert len(found.frame) == found.computed == len(found)
    assert "interrupted" in repr(found)
    assert f"{len(found)} of 900" in found.describe()
    monkeypatch.undo()
    rest = small(tmp_path, **many)
    assert rest.computed == 900 - len(found)
    assert rest.complete
    assert rest.frame.loc[found.frame.index].equals(found.frame)


def test_resume_false_computes_all_anew(tmp_path, whole):
    first = small(tmp_path)
    again = small(tmp_path, resume=False)
    assert (first.computed, again.computed, small(tmp_path).computed) == (16, 16, 0)
    assert same_rows(again, whole)


def test_a_worker_that_dies_leaves_what_is_done_and_says_how_to_go_on(tmp_path):
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(RunError, match=r"a worker died: .* 0 of 16 combinations are kept; the same call goes on"),
    ):
        pool.submit(os._exit, 1)
        small(tmp_path, executor=pool)
    assert small(tmp_path).complete


def test_one_process_at_a_time_runs_a_sweep(tmp_path, whole):
    path = tmp_path / whole.sweep_id
    with (
        writing(path, {}, whole.combinations, resume=True),
        pytest.raises(RunError, match="another process runs this sweep"),
    ):
        small(tmp_path)


# -- executors


def test_every_executor_gives_the_same_bytes(tmp_path, whole):
    with ThreadPoolExecutor(3) as three, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        for name, executor in (("three", three), ("processes", processes)):
            found = small(tmp_path / name, executor=executor)
            assert found.sweep_id == whole.sweep_id
            assert same_rows(found, whole)


# -- identity


def test_what_shapes_a_row_is_in_the_id_and_nothing_else(tmp_path, whole):
    loaded = lab.load_strategy(ROOT / "strategies" / "ma_crossover.yaml")
    other = [
        small(tmp_path, candles=candles(seed=8)),
        small(tmp_path, candles=candles(800)),
        small(tmp_path, capital=5000.0),
        small(tmp_path, start="2025-01-20"),
        small(tmp_path, parameters={"take_profit": 0.01}),
        small(tmp_path, strategy=lab.load_strategy(loaded.text.replace("max_positions: 1", "max_positions: 2"))),
        small(tmp_path, grid={**GRID, "stop_loss": [0.02, 0.005]}),
        small(tmp_path, constraints=()),
    ]
    assert len({one.sweep_id for one in other} | {whole.sweep_id}) == len(other) + 1
    assert small(tmp_path, objective="sqn", top=3).sweep_id == whole.sweep_id
    assert small(tmp_path, constraints=lambda one: one["ma_fast_period"] < one["ma_slow_period"]).computed == 0
    assert len(lab.sweeps(tmp_path)) == len(other) + 1


# -- saved


def test_a_saved_sweep_comes_back_with_its_rows_and_its_results(whole):
    found = lab.load_sweep(whole.sweep_id[:10], whole.path.parent)
    assert same_rows(found, whole)
    assert list(found.combinations) == list(whole.combinations)
    assert found.best(3).equals(whole.best(3))
    assert found.result().digest == whole.result().digest
    assert found.describe() == whole.describe()


def test_a_saved_sample_comes_back_with_its_cells(tmp_path):
    made = small(tmp_path, sample="sobol", n=5, seed=4)
    found = lab.load_sweep(made.sweep_id, tmp_path)
    assert list(found.combinations) == list(made.combinations)
    assert found.combinations.sha256 == made.combinations.sha256


def test_a_sweep_of_another_engine_is_read_but_not_run_again(whole):
    found = lab.load_sweep(whole.sweep_id, whole.path.parent)
    found.document = {**found.document, "setting_sha256": "another"}
    assert len(found.frame) == 16
    with pytest.raises(RunError, match="another version of the engine or of its components"):
        found.result()


@pytest.mark.parametrize(
    ("sweep_id", "said"), [("ffff", "unknown saved sweep"), ("", "is no sweep id"), (3, "is no sweep id")]
)
def test_a_sweep_that_is_not_there_is_an_error(whole, sweep_id, said):
    with pytest.raises((RunError, InputError), match=said):
        lab.load_sweep(sweep_id, whole.path.parent)


def test_damage_is_told(tmp_path):
    made = small(tmp_path)
    (made.path / "rows.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(RunError, match=re.escape(made.sweep_id[:12])):
        _ = lab.load_sweep(made.sweep_id, tmp_path).frame
    (made.path / "sweep.json").write_text("{}")
    with pytest.raises(RunError, match=r"sweep\.json is not a sweep's"):
        lab.load_sweep(made.sweep_id, tmp_path)


def test_duckdb_asks_all_sweeps_at_once(tmp_path):
    first, second = small(tmp_path), small(tmp_path, grid={"take_profit": [0.01, 0.02]}, constraints=())
    found = query("SELECT sweep_id, count(*) AS many, max(sharpe_ratio) AS best FROM runs GROUP BY sweep_id", tmp_path)
    found = found.set_index("sweep_id")
    for one in (first, second):
        assert found.loc[one.sweep_id, "many"] == len(one)
        assert found.loc[one.sweep_id, "best"] == one.best()["sharpe_ratio"].iloc[0]
    named = query(
        "SELECT take_profit, ma_fast_period FROM runs WHERE take_profit IS NOT NULL ORDER BY take_profit", tmp_path
    )
    assert named["take_profit"].tolist() == [0.01, 0.02]
    assert named["ma_fast_period"].isna().all()
    joined = query("SELECT strategy FROM runs JOIN sweeps USING (sweep_id) GROUP BY strategy", tmp_path)
    assert joined["strategy"].tolist() == ["ma_crossover"]
    with pytest.raises(InputError, match="Tables: sweeps, runs"):
        query("SELECT nothing FROM runs", tmp_path)
    with pytest.raises(RunError, match="no saved sweeps"):
        query("SELECT 1", tmp_path / "nowhere")


def test_no_sweeps_are_an_empty_list(tmp_path):
    assert len(lab.sweeps(tmp_path / "nowhere")) == 0


def test_candles_are_kept_once_for_all_sweeps(tmp_path):
    small(tmp_path)
    small(tmp_path, grid={"take_profit": [0.01, 0.02]}, constraints=())
    assert len(list(Path(tmp_path / "candles").iterdir())) == 1
