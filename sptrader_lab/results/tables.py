"""Parquet tables: records with words in place of codes, so that DuckDB reads them and they still come back exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sptrader_lab.types import records
from sptrader_lab.types.reasons import REASONS

_SIDES: Final = {1: "long", -1: "short", 0: ""}
_TRADED: Final = {1: "buy", -1: "sell", 0: ""}
_CASHFLOWS: Final = dict(enumerate(records.CASHFLOWS))
_INSTANTS: Final = frozenset({"time", "entry_time", "exit_time"})
_INDEXED: Final = frozenset({"strategy", "symbol"})
_FLAGS: Final = frozenset({"ambiguous"})
_WORDS: Final[Mapping[str, Mapping[int, str]]] = {
    "side": _SIDES,
    "action": dict(enumerate(records.ACTIONS)),
    "kind": dict(enumerate(records.KINDS)),
    "status": dict(enumerate(records.STATUSES)),
    "reason": dict(enumerate(REASONS)),
    "final": dict(enumerate(REASONS)),
    "exit_reason": dict(enumerate(REASONS)),
}
_UTC: Final = pa.timestamp("ns", tz="UTC")
# Fields that runs saved by earlier versions do not have, with what held for those runs.
_ORDER: Final = dict.fromkeys(("limit", "group", "age", "even_distance", "target_unit", "split"), 0.0)
_TRADE: Final = {"part": 0, "financing": 0.0, "rate": 1.0}
_COUNTS: Final = dict.fromkeys(("targets_taken", "target_unit", "even_distance", "age", "parts", "financing"), 0)
_POSITION: Final = {
    **_COUNTS,
    "opened": np.nan,
    "even": np.nan,
    "split": 1.0,
    "entry_rate": 1.0,
    "inside": 0,
    "doubtful": 0,
}
_OFF: Final = dict.fromkeys(
    ("max_gross_exposure", "max_net_exposure", "max_currency_exposure", "correlation_limit"), np.inf
)
_ACCOUNT: Final = dict.fromkeys(("swapped", "simple", "maintenance", "max_positions", "correlation_window"), 0)
_LATER: Final[Mapping[np.dtype[Any], Mapping[str, float]]] = {
    records.ORDER: _ORDER,
    records.FILL: {"spread": 0.0, "rate": 1.0},
    records.TRADE: _TRADE,
    records.POSITION: _POSITION,
    records.ACCOUNT: {**_ACCOUNT, **_OFF, "leverage": 1.0},
}


def write_records(table: np.recarray[Any, Any], path: Path, names: Mapping[str, Sequence[str]]) -> None:
    """Write records; `names` holds the run's lists of strategies and symbols.

    Strategy and symbol are written by name, and by position too (``strategy_index``), because a run may hold one name
    twice.
    """
    write_columns(record_columns(table, names), path)


def record_columns(table: np.recarray[Any, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the columns that `write_records` writes."""
    columns: dict[str, Any] = {}
    for field in table.dtype.names or ():
        values = np.ascontiguousarray(table[field])
        if field in _INDEXED:
            columns[field] = _spelled(values, dict(enumerate(names[field])))
            columns[f"{field}_index"] = values
        elif field in _INSTANTS:
            columns[field] = instants(values)
        elif field in _FLAGS:
            columns[field] = values != 0
        elif field in _WORDS:
            columns[field] = _spelled(values, _words(field, table.dtype))
        else:
            columns[field] = values
    return columns


def read_records(path: Path, dtype: np.dtype[Any]) -> np.recarray[Any, Any]:
    """Return what `write_records` wrote, bit for bit; a field that came later than the file has what held before it.

    Raises
    ------
    ValueError, OSError
        When the file is not such a table.
    """
    columns = read_columns(path)
    count = len(next(iter(columns.values())))
    table = records.records(count, dtype)
    later = _LATER.get(dtype, {})
    for field in dtype.names or ():
        if field not in columns and field in later:
            table[field] = later[field]
        elif field in _WORDS:
            table[field] = _codes(columns[field], {word: code for code, word in _words(field, dtype).items()})
        else:
            table[field] = columns[f"{field}_index" if field in _INDEXED else field]
    return table


def write_columns(columns: Mapping[str, Any], path: Path) -> None:
    """Write equally long columns; object and text arrays as strings."""
    arrays = {name: _arrow(values) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, compression="zstd")


def read_columns(path: Path) -> dict[str, Any]:
    """Return a table's columns as numpy arrays: instants as int64 ns UTC, words as objects."""
    with pq.ParquetFile(path) as file:  # not read_table: that takes `name=value` folders above for columns
        table = file.read()
    return {name: _numpy(table.column(name)) for name in table.column_names}


def instants(time: np.ndarray[Any, Any]) -> Any:
    """Return int64 ns UTC as an Arrow column of aware times."""
    return pa.array(np.ascontiguousarray(time).view("datetime64[ns]")).cast(_UTC)


def _words(field: str, dtype: np.dtype[Any]) -> Mapping[int, str]:
    if field == "side" and dtype in {records.ORDER, records.FILL}:
        return _TRADED
    return _CASHFLOWS if field == "kind" and dtype == records.CASHFLOW else _WORDS[field]


def _spelled(codes: np.ndarray[Any, Any], words: Mapping[int, str]) -> Any:
    unique, inverse = np.unique(codes, return_inverse=True)
    spelled = pa.array([words[int(code)] for code in unique], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(inverse.astype(np.int32)), spelled)


def _codes(words: np.ndarray[Any, Any], codes: Mapping[str, int]) -> np.ndarray[Any, Any]:
    unique, inverse = np.unique(words.astype(str), return_inverse=True)
    return np.array([codes[str(word)] for word in unique], dtype=np.int8)[inverse]


def _arrow(values: Any) -> Any:
    if isinstance(values, np.ndarray) and values.dtype.kind in "UOT":
        return pa.array(values.tolist(), pa.string())
    return values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)


def _numpy(column: Any) -> np.ndarray[Any, Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    return np.asarray(column.to_numpy())
