"""Compiled code: where it is kept, who notices, and what it must not change."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from sptrader_lab.kernel import compile as compiling
from tests.conftest import ROOT

FIRST_CALL = (
    "import numpy as np; from sptrader_lab.kernel.rolling import above; print(above(np.ones(2), np.zeros(2)).all())"
)


def run_with_cache(folder: Path) -> set[Path]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALL], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "True"
    return set(folder.rglob("*.nbc"))


def test_a_second_process_loads_what_the_first_compiled(tmp_path: Path) -> None:
    first = run_with_cache(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in first}
    second = run_with_cache(tmp_path)
    assert first
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second} == written


def test_the_cache_folder_is_the_first_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    monkeypatch.setattr(compiling.platformdirs, "user_cache_path", lambda _: tmp_path / "mine")
    folder = compiling.cache_folder.__wrapped__()
    assert folder.parent == tmp_path / "mine"
    assert folder.is_dir()
    monkeypatch.setattr(compiling.platformdirs, "user_cache_path", lambda _: blocked)
    fallback = compiling.cache_folder.__wrapped__()
    assert fallback.is_dir()
    assert fallback.is_relative_to(tempfile.gettempdir())


def test_compiling_leaves_the_settings_of_other_libraries_alone() -> None:
    before = (numba.config.CACHE_DIR, numba.config.LOOP_VECTORIZE)

    @compiling.compiled
    def double(values: np.ndarray) -> np.ndarray:
        return values * 2

    assert double(np.ones(3)).tolist() == [2, 2, 2]
    assert before == (numba.config.CACHE_DIR, numba.config.LOOP_VECTORIZE)
