"""SQL: a range of stored candles, or coarser candles made from them.

Instants are compared as int64 nanoseconds, because DuckDB needs an extension for time zones. Volumes and spreads are summed
as exact decimals: a sum of floats depends on the order in which threads add, and the same candles must have the same bytes
whatever range is asked for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.calendar import DayEnd, Timeframe, day_ends, period_ends

Columns = dict[str, NDArray[Any]]

_RANGE: Final = """
SELECT * FROM (
    SELECT epoch_ns(time) AS time, open, high, low, close, volume, spread
    FROM read_parquet($files, hive_partitioning=false)
) WHERE time >= $start AND time < $stop ORDER BY time
"""
_RESAMPLE: Final = """
WITH candles AS (
    SELECT epoch_ns(time) AS opened, open, high, low, close, volume, spread
    FROM read_parquet($files, hive_partitioning=false)
    WHERE epoch_ns(time) >= $start AND epoch_ns(time) < $stop
), periods AS (SELECT unnest($periods::BIGINT[]) AS began)
SELECT
    began + (opened - began) // $step * $step AS time,
    arg_min(open, opened) AS open, max(high) AS high, min(low) AS low, arg_max(close, opened) AS close,
    sum(volume::DECIMAL(38, 12))::DOUBLE AS volume,
    CASE WHEN count(spread) = count(*) THEN avg(spread::DECIMAL(38, 18)) END AS spread
FROM candles ASOF JOIN periods ON opened >= began
GROUP BY time HAVING time >= $start ORDER BY time
"""
_WHOLE: Final = 1 << 62  # a step longer than any period: the period is one bucket

_guard = threading.Lock()
_connections: dict[int, duckdb.DuckDBPyConnection] = {}


def read_range(files: Sequence[str], start: int, stop: int) -> Columns:
    """Return stored candles that open in [start, stop), ns UTC, in order; spread is NaN where it is not known."""
    if not files:
        return _nothing()
    return _arrays(_RANGE, {"files": list(files), "start": start, "stop": stop})


def resample(files: Sequence[str], start: int, stop: int, frame: Timeframe, end: DayEnd) -> Columns:
    """Return candles of `frame` that open in [start, stop), made from finer ones.

    Parameters
    ----------
    files : sequence of str
        Must reach to `bucket_end(stop, ...)`, so that the last candle is whole.
    start, stop : int
        Instants, ns UTC.
    frame : Timeframe
        Intraday candles are counted from the trading day's start and cut at its end; longer ones are whole trading days,
        weeks or months (S4).

    Returns
    -------
    dict of arrays
        time is the bucket's opening instant, volume the sum (to 1e-12), spread the mean of the finer candles' spreads, however
        many ticks each had (to 1e-18).
    """
    if not files or stop <= start:
        return _nothing()
    reach = bucket_end(stop, frame, end)
    found = _arrays(
        _RESAMPLE,
        {
            "files": list(files),
            "start": start,
            "stop": reach,
            "periods": _period_starts(start, reach, frame, end).tolist(),
            "step": frame.ns if frame.intraday else _WHOLE,
        },
    )
    keep = int(np.searchsorted(found["time"], stop))
    return {name: values[:keep] for name, values in found.items()}


def bucket_start(instant: int, frame: Timeframe, end: DayEnd) -> int:
    """Return an instant at or before the opening of the bucket that holds `instant`."""
    return int(_period_starts(instant, instant, frame, end)[0])


def bucket_end(instant: int, frame: Timeframe, end: DayEnd) -> int:
    """Return an instant at or after the end of every bucket that opens before `instant`."""
    return int(_period_starts(instant - 1, instant, frame, end)[-1])


def _period_starts(start: int, stop: int, frame: Timeframe, end: DayEnd) -> NDArray[np.int64]:
    return day_ends(start, stop, end) if frame.intraday else period_ends(start, stop, frame, end)


def _connection() -> duckdb.DuckDBPyConnection:
    """Return this process's in-memory database; a forked child opens its own."""
    with _guard:
        process = os.getpid()
        if process not in _connections:
            _connections.clear()
            _connections[process] = duckdb.connect(":memory:")
        return _connections[process]


def _arrays(sql: str, parameters: dict[str, Any]) -> Columns:
    try:
        found = _connection().cursor().sql(sql, params=parameters).fetchnumpy()
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise OSError(str(error)) from None
    arrays = {name: values.filled(np.nan) if np.ma.isMaskedArray(values) else values for name, values in found.items()}
    for values in arrays.values():
        values.flags.writeable = False  # Candles shares read-only arrays and copies others
    return arrays


def _nothing() -> Columns:
    empty: Columns = {name: np.empty(0) for name in ("open", "high", "low", "close", "volume", "spread")}
    return {"time": np.empty(0, np.int64), **empty}
