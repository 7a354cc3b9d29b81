"""Fixtures that several rooms use: real candles, where the folder beside the repository holds them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sptrader_lab.types.candles import Candles

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "EURUSD_1m_2025.parquet"


def read_real() -> Candles:
    """The real EURUSD minutes, or a skip where the folder that holds them does not exist."""
    if not REAL.parent.exists():
        pytest.skip(f"real candles are not here ({REAL.parent.name} folder missing)")
    return Candles.from_frame(pd.read_parquet(REAL), symbol="EURUSD", timeframe="1m", source="real")


@pytest.fixture(scope="session")
def eurusd_1m() -> Candles:
    return read_real()


@pytest.fixture(scope="session")
def eurusd_1h(eurusd_1m: Candles) -> Candles:
    frame = eurusd_1m.to_frame()
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "mean"}
    hours = frame.resample("1h").agg(rules).dropna()
    return Candles.from_frame(hours, symbol="EURUSD", timeframe="1h", source="real")
