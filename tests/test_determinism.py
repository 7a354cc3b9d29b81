"""Same inputs, same bytes (S17): one table of surroundings, in each of which every run tells what it tells here."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from determinism_runs import RUNS, tell

from tests.conftest import ROOT

INTERPRETED = ("busy and short", "few cases")  # what plain Python gets through in seconds
COMPILED = ("ma_crossover", "busy", "two symbols", "cases")  # what a fresh cache is filled for
Told = dict[str, list[str]]


@cache
def here() -> Told:
    """What this process tells, in one thread, compiled."""
    return {name: tell(name) for name in RUNS}


def elsewhere(*names: str, **environment: str) -> Told:
    """Tell runs in a new process."""
    paths = [str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "tests" / "determinism_runs.py"), *names],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        capture_output=True,
        text=True,
        timeout=600,  # a cold compile takes half a minute of one free core
    )
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_again_in_this_process() -> None:
    assert {name: tell(name) for name in RUNS} == here()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_in_threads(threads: int) -> None:
    """Every run twice, all at once."""
    names = [*RUNS, *reversed(RUNS)]
    with ThreadPoolExecutor(threads) as pool:
        told = list(pool.map(tell, names))
    assert told == [here()[name] for name in names]


def test_in_spawned_processes() -> None:
    """Two processes that share nothing but the compile cache, each telling some of the runs, each with its own hash seed."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        told = dict(zip(RUNS, pool.map(tell, RUNS), strict=True))
    assert told == here()


@pytest.mark.parametrize("seed", ["0", "1"])
def test_with_another_hash_seed(seed: str) -> None:
    assert elsewhere(PYTHONHASHSEED=seed) == here()


def test_with_a_cold_and_a_warm_compile_cache(tmp_path: Path) -> None:
    """The first process compiles everything that it needs, the second compiles nothing."""
    wanted = {name: here()[name] for name in COMPILED}
    assert elsewhere(*COMPILED, NUMBA_CACHE_DIR=str(tmp_path)) == wanted
    compiled = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert compiled
    assert elsewhere(*COMPILED, NUMBA_CACHE_DIR=str(tmp_path)) == wanted
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == compiled


def test_interpreted() -> None:
    assert elsewhere(*INTERPRETED, NUMBA_DISABLE_JIT="1") == {name: here()[name] for name in INTERPRETED}


def test_what_is_told_depends_on_the_inputs() -> None:
    """Else the rows above would prove nothing."""
    told = [tuple(each) for name, each in here().items() if name not in {"cases", "few cases"}]
    assert len(set(told)) == len(told)
    assert len(set(here()["cases"])) > 30
