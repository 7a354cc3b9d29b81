"""Kept candles: what saved runs have read, once for all of them, in files named by their content."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sptrader_lab.errors import RunError
from sptrader_lab.results import tables
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import COLUMNS, Candles


def described(candles: Candles) -> dict[str, Any]:
    """Return what tells these candles from all others, JSON-able; `load` needs it."""
    return {
        "symbol": candles.symbol,
        "timeframe": candles.timeframe,
        "source": candles.source,
        "price": candles.price,
        "day_end": candles.day_end,
        "fingerprint": candles.fingerprint,
    }


def keep(candles: Candles, folder: Path) -> None:
    """Write candles into `folder` unless they are there."""
    target = folder / f"{candles.fingerprint}.parquet"
    if target.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".saving-{uuid.uuid4().hex}"
    try:
        tables.write_columns({"time": tables.instants(candles.time), **candles.columns}, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def load(facts: Mapping[str, Any], folder: Path) -> Candles:
    """Return the candles that `described` tells of.

    Raises
    ------
    RunError
        When the file holds others.
    """
    columns = tables.read_columns(folder / f"{facts['fingerprint']}.parquet")
    candles = Candles(
        facts["symbol"],
        facts["timeframe"],
        columns["time"],
        **{name: columns[name] for name in COLUMNS},
        spread=columns.get("spread"),
        source=facts["source"],
        price=facts["price"],
        day_end=DayEnd(*facts["day_end"]),
    )
    if candles.fingerprint != facts["fingerprint"]:
        raise RunError(f"its candles {candles.symbol} {candles.timeframe} are not the ones that it ran on")
    return candles
