"""Compiled code: where it is kept, and what it must not change (tests/test_determinism.py: who compiles, and who loads)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from sptrader_lab.kernel import compile as compiling


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
