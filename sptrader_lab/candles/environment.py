"""Candles for a component that is run by hand, chosen by environment variables as the older system did.

Old component files say `from core.data.loader import load_data_from_env`; what they import is this module.

| `DATA_SOURCE` | where the candles come from |
|---|---|
| `live` | the candle store (`SPTRADER_DATA`, else `./data`): `LIVE_SYMBOL`, `LIVE_TIMEFRAME`, `LIVE_FROM`, `LIVE_TO` |
| `parquet` | `TEST_DATASET`: a file of the workspace's `data` folder, or a path |
| not set | `CANDLE_DATA_FILE`, else `CANDLE_DATA`, else `TEST_DATASET` |
| `realtime` | not available in this version |

`CACHE_KEY`, which the older system set too, chooses nothing here.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sptrader_lab.candles.datasets import COLUMNS, as_candle_frame, find_dataset, listing, read_dataset, write_dataset
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.components.legacy.provided import workspace_of
from sptrader_lab.errors import InputError, MissingDataset, unknown
from sptrader_lab.types.calendar import SECOND

SOURCES: Final = ("live", "parquet", "realtime")
#: What the older system looked for when nobody named a dataset.
_USUAL: Final = ("eurusd_1h_recent.parquet", "eurusd_1h_2024.parquet", "test_data.parquet")


def load_data_from_env() -> pd.DataFrame:
    """Return the candles that the environment chooses.

    Returns
    -------
    pandas.DataFrame
        Columns open, high, low, close, volume (float64; volume 0 where there is none), then what else a dataset holds;
        index `time`: opening instants, ns UTC without a zone.

    Raises
    ------
    InputError
        When a variable is missing or says something else than it may.
    MissingDataset
        When there is no such file; also a FileNotFoundError.
    CandleError
        When the candles can't be read, or the store has none.
    """
    source = os.environ.get("DATA_SOURCE", "").strip().lower()
    if source == "realtime":
        raise InputError(
            "DATA_SOURCE = 'realtime': the stream of newest candles is not available in this version; "
            "DATA_SOURCE=live reads the candle store, DATA_SOURCE=parquet a file (TEST_DATASET)"
        )
    if source == "live":
        return _from_store()
    if source == "parquet":
        return load_test_data(os.environ.get("TEST_DATASET") or None)
    if source:
        raise InputError(unknown("DATA_SOURCE", source, SOURCES))
    return _handed_over()


def load_test_data(dataset: str | None = None) -> pd.DataFrame:
    """Return the candles of a dataset: a CSV or Parquet file of the workspace's `data` folder, or any path.

    Parameters
    ----------
    dataset : str, optional
        With or without its ending; `eurusd_1h_recent`, `eurusd_1h_2024` or `test_data` unless given.

    Raises
    ------
    MissingDataset
        When there is none (with the nearest name); also a FileNotFoundError.
    InputError
        When it is a pickle, which is not read.
    CandleError
        When it holds no candles.
    """
    folder = _data_dir()
    if dataset is None:
        usual = next((name for name in _USUAL if (folder / name).is_file()), None)
        if usual is None:
            raise MissingDataset(
                f"no dataset was named, and {folder} holds none of {', '.join(_USUAL)}; "
                "set TEST_DATASET to a CSV or Parquet file"
            )
        dataset = usual
    return read_dataset(find_dataset(folder, dataset))


def list_test_datasets() -> list[dict[str, Any]]:
    """Return the datasets of the workspace's `data` folder, sorted by name: name, filename, format, rows, size_mb.

    `rows` is None for a pickle, which is not opened, and for a file that can't be read.
    """
    return listing(_data_dir())


def get_data_dir() -> Path:
    """Return the workspace's `data` folder, made if need be.

    The workspace is the nearest folder that holds `core/` or `components/`: above the running file when that is a component
    of it, else at or above the current folder, else the current folder itself.
    """
    folder = _data_dir()
    folder.mkdir(exist_ok=True)
    return folder


def save_test_data(df: pd.DataFrame, name: str, format: str = "parquet") -> str:
    """Write a frame as a dataset of the workspace's `data` folder, and return the file's path.

    Parameters
    ----------
    name : str
        Without an ending.
    format : str
        `parquet` or `csv`.

    Raises
    ------
    InputError
        When the format is another (pickles are not written), or the name is no file's name.
    """
    return str(write_dataset(get_data_dir(), df, name, format))


def _data_dir() -> Path:
    """Return where datasets lie; nothing is made, so that reading never makes a folder."""
    here, started = Path.cwd(), Path(sys.argv[0] or ".").resolve()
    workspace = workspace_of(started) if started.is_file() else None
    # A kernel or a test runner is started by a file, too, and its environment may lie in any project.
    if workspace is None or not any(started.is_relative_to(workspace / name) for name in ("core", "components")):
        workspace = workspace_of(here / "any") or here
    return workspace / "data"


def _from_store() -> pd.DataFrame:
    symbol, timeframe = os.environ.get("LIVE_SYMBOL", ""), os.environ.get("LIVE_TIMEFRAME", "")
    if not symbol and os.environ.get("CANDLE_DATA_FILE"):  # later versions of the older system handed a file over
        return _handed_over()
    for name, value in (("LIVE_SYMBOL", symbol), ("LIVE_TIMEFRAME", timeframe)):
        if not value:
            raise InputError(f"DATA_SOURCE = 'live' wants {name} too, such as LIVE_SYMBOL=EURUSD LIVE_TIMEFRAME=1h")
    store = CandleStore(os.environ.get("SPTRADER_DATA") or "data")
    start, end = _seconds("LIVE_FROM"), _seconds("LIVE_TO")
    frame = store.candles(symbol, timeframe, start, end).to_frame().tz_localize(None)
    return frame[list(COLUMNS)]


def _seconds(name: str) -> int | None:
    """Return an instant given as unix seconds in ns UTC, None when the variable is not set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    try:
        value = round(float(text) * SECOND)
        if abs(value) < 2**63:
            return value
    except (ValueError, OverflowError):  # no number, or not a finite one
        pass
    raise InputError(f"{name} = {text!r} is no instant; write unix seconds, such as {name}=1735689600")


def _handed_over() -> pd.DataFrame:
    """Return what the protocol hands a component, else the dataset that is named."""
    path, text = os.environ.get("CANDLE_DATA_FILE"), os.environ.get("CANDLE_DATA")
    if path:
        try:
            return _from_json(Path(path).read_text(encoding="utf-8"), f"CANDLE_DATA_FILE ({path})")
        except OSError as error:
            raise MissingDataset(f"CANDLE_DATA_FILE = {path!r} can't be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise InputError(f"CANDLE_DATA_FILE ({path}): byte {error.start} is not UTF-8") from None
    if text:
        return _from_json(text, "CANDLE_DATA")
    dataset = os.environ.get("TEST_DATASET")
    if dataset or any((_data_dir() / name).is_file() for name in _USUAL):
        return load_test_data(dataset or None)
    raise MissingDataset(
        "nothing says which candles to load; set DATA_SOURCE=live with LIVE_SYMBOL and LIVE_TIMEFRAME (the candle store), "
        "or TEST_DATASET (a CSV or Parquet file), or CANDLE_DATA (a JSON array of candles), or CANDLE_DATA_FILE (a file that holds one)"
    )


def _from_json(text: str, where: str) -> pd.DataFrame:
    rule = (
        'write a JSON array of candles: [{"time": 1735689600, "open": 1.1, "high": ..., "low": ..., "close": ...}, ...]'
    )
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}; {rule}") from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{where} is no array of candles but {text[:60]!r}; {rule}")
    return as_candle_frame(pd.DataFrame(rows), where)
