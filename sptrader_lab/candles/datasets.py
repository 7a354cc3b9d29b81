"""Datasets: candle files that an old workspace keeps in its `data` folder, as frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sptrader_lab.errors import CandleError, InputError, MissingDataset, nearest, unknown

COLUMNS: Final = ("open", "high", "low", "close", "volume")
_PRICES: Final = COLUMNS[:4]
#: How pandas calls the labels of rows when it writes or reads them as a column.
_LABELS: Final = ("unnamed: 0", "__index_level_0__")
_TIMES: Final = ("time", "timestamp", "datetime", "date", "index", *_LABELS)
_FORMATS: Final = {".parquet": "parquet", ".csv": "csv", ".pkl": "pickle", ".pickle": "pickle"}
_NO_PICKLE: Final = (
    "pickles are not read or written, because a pickle runs whatever code its author put in; "
    "where you trust the file, turn it into Parquet once: pandas.read_pickle(FILE).to_parquet('NAME.parquet')"
)


def find_dataset(folder: Path, name: str) -> Path:
    """Return a dataset's file: in `folder`, with or without its ending, or a path of its own.

    Raises
    ------
    MissingDataset
        When there is none; with the nearest name.
    """
    for start in (folder / name, Path(name)):
        for path in (start, *(start.with_name(start.name + ending) for ending in _FORMATS if start.name)):
            if path.is_file():
                return path
    known = [each["filename"] for each in listing(folder)]
    near = nearest(Path(name).name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    listed = ", ".join(known) or "no datasets"
    raise MissingDataset(f"no dataset {name!r}: {folder} holds {listed}, and {Path(name).absolute()} is no file.{hint}")


def read_dataset(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file as a frame of candles; see `as_candle_frame`.

    Raises
    ------
    InputError
        When it is a pickle or of another format.
    CandleError
        When it can't be read, or holds no candles.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind == "pickle":
        raise InputError(f"{path}: {_NO_PICKLE}")
    if kind is None:
        raise InputError(
            f"{path}: {path.suffix or 'a file without an ending'} is not read; datasets end in .parquet or .csv"
        )
    try:
        frame = pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path)
    except Exception as error:  # noqa: BLE001 - pyarrow and pandas raise many kinds for a file that is damaged
        raise CandleError(f"{path}: not a readable {kind} file ({type(error).__name__}: {error})") from None
    return as_candle_frame(frame, str(path))


def write_dataset(folder: Path, frame: pd.DataFrame, name: str, kind: str) -> Path:
    """Write a frame as `folder/name.parquet` or `.csv`, its index as a column.

    Raises
    ------
    InputError
        When the kind is another, or the name is no file's name.
    """
    if kind in ("pickle", "pkl"):
        raise InputError(f"format {kind!r}: {_NO_PICKLE}")
    if kind not in ("parquet", "csv"):
        raise InputError(unknown("format", kind, ("parquet", "csv")))
    if not name or name != Path(name).name:
        raise InputError(f"{name!r} is no name of a dataset; write it like eurusd_1h_2024, without folders")
    path = folder / (name if name.endswith(f".{kind}") else f"{name}.{kind}")
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path)
    return path


def listing(folder: Path) -> list[dict[str, Any]]:
    """Return name, filename, format, rows (None where it isn't known) and size_mb of the files in `folder`, by name."""
    found: list[dict[str, Any]] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        kind = _FORMATS.get(path.suffix.lower())
        if kind is None or not path.is_file():
            continue
        size = path.stat().st_size / 2**20
        found.append(
            {"name": path.stem, "filename": path.name, "format": kind, "rows": _rows(path, kind), "size_mb": size}
        )
    return found


def _rows(path: Path, kind: str) -> int | None:
    try:
        if kind == "parquet":
            import pyarrow.parquet as pq

            return int(pq.read_metadata(path).num_rows)
        return len(pd.read_csv(path, usecols=[0])) if kind == "csv" else None
    except Exception:  # noqa: BLE001 - a listing shows what is there; reading the file says what is wrong with it
        return None


def as_candle_frame(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return candles as old components want them.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns in any case; times as an index or as a column of unix seconds, ISO-8601 texts or instants, UTC where they
        name no zone.
    where : str
        What errors call it.

    Returns
    -------
    pandas.DataFrame
        open, high, low, close, volume (float64; 0 where there is no volume) and whatever else `table` holds, in the order
        of its rows; index `time`, ns UTC without a zone.

    Raises
    ------
    CandleError
        When a column is missing, or doesn't hold what it should.
    """
    names = [str(name).lower() for name in table.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CandleError(f"{where}: two columns are called {twice[0]!r}")
    frame = table.set_axis(names, axis=1)
    missing = [name for name in _PRICES if name not in names]
    if missing:
        raise CandleError(f"{where} lacks {', '.join(missing)}; it has {', '.join(names) or 'no columns'}")
    time = next((name for name in _TIMES if name in names), None)
    if time is None and not isinstance(frame.index, pd.DatetimeIndex):
        raise CandleError(
            f"{where} has no time: give it a column `time` (unix seconds or ISO-8601); it has {', '.join(names)}"
        )
    index = _instants(pd.Series(frame.index) if time is None else frame[time], where)
    rest = [name for name in names if name not in (*COLUMNS, time, *_LABELS)]
    data: dict[str, Any] = {name: _numbers(frame[name], name, where) for name in COLUMNS if name in names}
    data.setdefault("volume", np.zeros(len(frame)))
    data |= {name: frame[name].to_numpy() for name in rest}
    return pd.DataFrame(data, index=index)


def _instants(stamps: pd.Series[Any], where: str) -> pd.DatetimeIndex:
    try:
        if pd.api.types.is_numeric_dtype(stamps.dtype):
            parsed = pd.to_datetime(stamps, unit="s", utc=True)
        else:
            parsed = pd.to_datetime(stamps, utc=True, format=None if _typed(stamps) else "ISO8601")
        index = pd.DatetimeIndex(parsed).as_unit("ns")
    except (ValueError, TypeError, OverflowError) as error:
        raise CandleError(f"{where}: its times can't be read ({error}); write unix seconds or ISO-8601") from None
    if index.hasnans:
        raise CandleError(f"{where}: the time of row {int(np.flatnonzero(index.isna())[0])} is missing")
    return index.tz_localize(None).rename("time")


def _typed(stamps: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(stamps.dtype))


def _numbers(column: pd.Series[Any], name: str, where: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.array(column.to_numpy(), dtype=np.float64, copy=True)
    except (ValueError, TypeError) as error:
        raise CandleError(f"{where}: column {name!r} does not hold numbers ({error})") from None
