"""Fixtures that several rooms use, and what a skipped test means."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sptrader_lab.types.candles import Candles

ROOT = Path(__file__).resolve().parent.parent
#: Files of the older system whose names begin with test_ are specimens, not tests.
collect_ignore = ["old_workspace"]
if "SPTRADER_CACHE" not in os.environ:  # what scripts answered is kept for one session, also between its processes
    os.environ["SPTRADER_CACHE"] = tempfile.mkdtemp(prefix="sptrader_tests_")
    atexit.register(shutil.rmtree, os.environ["SPTRADER_CACHE"], ignore_errors=True)
REAL = ROOT.parent / "shared" / "data" / "EURUSD_1m_2025.parquet"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    """Where everything can be installed, count a skipped test as failed; only absent real candles may skip."""
    report = yield
    must_run = os.environ.get("SPTRADER_TESTS_MUST_RUN") and REAL.parent.exists()
    if must_run and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where every test must run: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def eurusd_1m() -> Candles:
    """The real EURUSD minutes; skips only where the folder that holds them does not exist."""
    if not REAL.parent.exists():
        pytest.skip(f"real candles are not here: {REAL.parent.name} folder missing beside the repository")
    return Candles.from_frame(pd.read_parquet(REAL), symbol="EURUSD", timeframe="1m", source="real")


@pytest.fixture(scope="session")
def eurusd_1h(eurusd_1m: Candles) -> Candles:
    frame = eurusd_1m.to_frame()
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "mean"}
    hours = frame.resample("1h").agg(rules).dropna()
    return Candles.from_frame(hours, symbol="EURUSD", timeframe="1h", source="real")


@pytest.fixture
def old_workspace(tmp_path: Path, eurusd_1h: Candles) -> Path:
    """A workspace of the older system, on disk as its user left it, with real hours in its `data` folder."""
    return copy_old_workspace(tmp_path / "old", eurusd_1h)


def copy_old_workspace(folder: Path, candles: Candles) -> Path:
    """Copy tests/old_workspace to `folder` and put 500 candles into its `data`, as Parquet and as CSV."""
    shutil.copytree(ROOT / "tests" / "old_workspace", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").mkdir()
    frame = candles.rows(0, 500).to_frame().tz_localize(None).drop(columns="spread", errors="ignore")
    frame.to_parquet(folder / "data" / "eurusd_1h_2024.parquet")
    frame.to_csv(folder / "data" / "hours.csv")
    return folder
