"""Saved sweeps: all of a folder as a list, one of them again, and every row of all of them for DuckDB."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow as pa

from sptrader_lab.errors import InputError, RunError, unknown
from sptrader_lab.research.store import Rows, read_combinations
from sptrader_lab.research.table import Sweep

#: The tables that `query` offers: a row per sweep, and a row per combination of every sweep, told apart by `sweep_id`.
TABLES: Final = ("sweeps", "runs")
_SWEEP_ID: Final = re.compile(r"[0-9a-f]{64}")
#: The id in a file's path: its folder, or of a file in `parts` the one above.
_OWNER: Final = r"([0-9a-f]{64})[/\\](parts[/\\])?[^/\\]*$"
_FACTS: Final = ("sweep_id", "saved", "strategy", "symbols", "timeframes", "combinations", "objective", "top")


def load_sweep(sweep_id: str, folder: str | Path = "data/sweeps") -> Sweep:
    """Return a saved sweep, also one that was interrupted; its rows are those of the sweep itself.

    Parameters
    ----------
    sweep_id : str
        The id, or as much of its beginning as is unique in `folder`.

    Raises
    ------
    InputError
        When it is no text.
    RunError
        When there is no such sweep, or it can't be read.
    """
    if not isinstance(sweep_id, str) or not sweep_id:
        raise InputError(f"{sweep_id!r} is no sweep id; give text such as sweep.sweep_id[:12]")
    matches = [path for path in _paths(folder) if path.name.startswith(sweep_id)]
    if not matches:
        raise RunError(unknown("saved sweep", sweep_id, (path.name[:12] for path in _paths(folder)), str(folder)))
    if len(matches) > 1:
        short = ", ".join(path.name[:12] for path in matches[:6]) + (", ..." if len(matches) > 6 else "")
        raise RunError(f"{folder}: {len(matches)} saved sweeps begin with {sweep_id!r}: {short}; write more of the id")
    document = _document(matches[0])
    return Sweep(matches[0], document, read_combinations(matches[0], document))


def sweeps(folder: str | Path = "data/sweeps") -> pd.DataFrame:
    """Return all saved sweeps, the oldest first: what each was, how many combinations are done, and its grid as JSON."""
    rows = [_row(path) for path in _paths(folder)]
    frame = pd.DataFrame(rows, columns=[*_FACTS, "done", "grid"])
    frame["saved"] = pd.to_datetime(frame["saved"], utc=True)
    return frame.sort_values(["saved", "sweep_id"], ignore_index=True)


def query(sql: str, folder: str | Path = "data/sweeps") -> pd.DataFrame:
    """Return the answer of a DuckDB query over all saved sweeps, also over one that is running.

    Parameters
    ----------
    sql : str
        May name the tables of `TABLES`; `runs` has the values of all sweeps side by side, NULL where a name was not swept.

    Raises
    ------
    RunError
        When `folder` holds no sweep with rows.
    InputError
        When DuckDB refuses the query, with its words.

    Examples
    --------
    >>> query("SELECT sweep_id, max(sharpe_ratio) FROM runs GROUP BY sweep_id")  # doctest: +SKIP
    """
    files = [str(file) for path in _paths(folder) for file in _rows(path).files]
    if not files:
        raise RunError(f"no saved sweeps in {folder}; `lab.sweep` makes the first")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            found = connection.read_parquet(files, union_by_name=True, filename=True)
            owner = f"regexp_extract(filename, '{_OWNER}', 1)"
            found.project(f"{owner} AS sweep_id, * EXCLUDE (filename)").create_view("runs")
            connection.from_arrow(pa.Table.from_pandas(sweeps(folder), preserve_index=False)).create_view("sweeps")
            answer = connection.sql(sql)
            if answer is None:
                raise InputError(f"{sql!r} asks for nothing; write a SELECT over {' and '.join(TABLES)}")
            table = answer.to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"{error}\nTables: {', '.join(TABLES)}.") from error
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _paths(folder: str | Path) -> list[Path]:
    root = Path(folder)
    found = root.iterdir() if root.is_dir() else iter(())
    return sorted(path for path in found if _SWEEP_ID.fullmatch(path.name) and (path / "sweep.json").exists())


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads((path / "sweep.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"saved sweep {path.name[:12]} in {path.parent} can't be read: {error}") from error
    if not isinstance(document, dict) or not {*_FACTS, "grid", "setting"} <= document.keys():
        raise RunError(f"saved sweep {path.name[:12]} in {path.parent} can't be read: sweep.json is not a sweep's")
    return document


def _rows(path: Path) -> Rows:
    return Rows(path, read_combinations(path, _document(path)))


def _row(path: Path) -> dict[str, Any]:
    document, rows = _document(path), _rows(path)
    facts = {name: document[name] for name in _FACTS}
    for name in ("symbols", "timeframes"):
        facts[name] = ", ".join(facts[name])
    return {**facts, "done": len(rows.numbers()), "grid": json.dumps(dict(document["grid"]))}
