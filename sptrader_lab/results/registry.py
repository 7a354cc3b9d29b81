"""Registry: all saved runs of a folder as tables that DuckDB queries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow as pa

from sptrader_lab.errors import InputError, RunError, unknown
from sptrader_lab.results.metrics import METRICS

#: The tables that `query` offers. `runs` has a row per run; the others hold the rows of all runs, told apart by `run_id`.
TABLES: Final = (
    "runs", "orders", "fills", "trades", "cashflows", "refusals", "positions", "equity", "strategy_equity"
)  # fmt: skip
_RUN_ID: Final = re.compile(r"[0-9a-f]{64}")
# Records have one word for all reasons; here and in a result's frames each table says which it means.
_RENAMED: Final = {
    "orders": "final AS unfilled_reason",
    "trades": "reason AS exit_reason",
    "positions": "exit_reason AS decided_exit",
}
# Tables that not every run has, and what they look like where none has them.
_WHOSE: Final = "NULL::TIMESTAMPTZ AS time, NULL::VARCHAR AS strategy, NULL::INTEGER AS strategy_index"
_FLOW: Final = "NULL::VARCHAR AS symbol, NULL::INTEGER AS symbol_index, NULL::VARCHAR AS kind, NULL::DOUBLE AS value"
_EMPTY: Final = {
    "cashflows": f"{_WHOSE}, {_FLOW}, NULL::DOUBLE AS amount, NULL::BIGINT AS trade",
    "strategy_equity": f"{_WHOSE}, NULL::DOUBLE AS equity",
}
_FACTS: Final = ("run_id", "saved", "strategy", "symbol", "timeframe", "start", "end", "currency")


def run_ids(folder: str | Path = "data/runs") -> list[str]:
    """Return the ids of all runs saved in `folder`, sorted."""
    root = Path(folder)
    found = root.iterdir() if root.is_dir() else iter(())
    return sorted(path.name for path in found if _RUN_ID.fullmatch(path.name))


def find_run(run_id: str, folder: str | Path = "data/runs") -> Path:
    """Return the folder of the run whose id is, or begins with, `run_id`.

    Raises
    ------
    InputError
        When it is no text, such as a result in place of its id.
    RunError
        When no id or more than one begins so.
    """
    if not isinstance(run_id, str) or not run_id:
        raise InputError(f"{run_id!r} is no run id; give text such as result.run_id[:12] of a saved run")
    ids = run_ids(folder)
    matches = [one for one in ids if one.startswith(run_id)]
    if not matches:
        raise RunError(unknown("saved run", run_id, (one[:12] for one in ids), str(folder)))
    if len(matches) > 1:
        short = ", ".join(one[:12] for one in matches[:6]) + (", ..." if len(matches) > 6 else "")
        raise RunError(f"{folder}: {len(matches)} saved runs begin with {run_id!r}: {short}; write more of the id")
    return Path(folder) / matches[0]


def runs(folder: str | Path = "data/runs") -> pd.DataFrame:
    """Return all saved runs, the oldest first: what each was, every metric, and its manifest as JSON text."""
    if not run_ids(folder):
        return pd.DataFrame(columns=[*_FACTS, *METRICS, "digest", "manifest"])
    return query("SELECT * FROM runs ORDER BY saved, run_id", folder)


def query(sql: str, folder: str | Path = "data/runs") -> pd.DataFrame:
    """Return the answer of a DuckDB query over all saved runs.

    Parameters
    ----------
    sql : str
        May name the tables of `TABLES`. `manifest ->> '$.key'` looks
        into a run's inputs, such as `'$.strategy.parameters.ma_fast_period'`.

    Raises
    ------
    RunError
        When `folder` holds no saved run, or a saved run's table can't be read.
    InputError
        When DuckDB refuses the query, with its words.

    Examples
    --------
    >>> query("SELECT run_id, sum(pnl) FROM trades GROUP BY run_id")  # doctest: +SKIP
    """
    ids = run_ids(folder)
    if not ids:
        raise RunError(f"no saved runs in {folder}; `result.save()` makes the first")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            _offer(connection, table, [Path(folder) / run_id for run_id in ids])
        try:
            answer = connection.sql(sql)
            if answer is None:
                raise InputError(f"{sql!r} asks for nothing; write a SELECT over {', '.join(TABLES)}")
            table = answer.to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"{error}\nTables: {', '.join(TABLES)}.") from error
    return _frame(table)


def _frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame; sums of integers come from DuckDB as decimals and leave as floats."""
    numbers = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in table.schema]
    frame: pd.DataFrame = table.cast(pa.schema(numbers)).to_pandas()  # `.df()` uses what pandas 3.1 deprecates
    return frame


def _offer(connection: Any, table: str, paths: list[Path]) -> None:
    """Make a view over one table of all runs that have it; the folder's name is the run's id."""
    name = "summary" if table == "runs" else table
    files = [str(path / f"{name}.parquet") for path in paths]
    if table in _EMPTY:
        files = [file for file in files if Path(file).exists()]
    try:
        found = (
            connection.read_parquet(files, union_by_name=True, filename=True) if files else _nothing(connection, table)
        )
    except duckdb.Error as error:
        raise RunError(f"a saved run's {name}.parquet can't be read: {error}") from error
    own = "" if table == "runs" else "parse_path(filename)[-2] AS run_id, "
    renamed = f" RENAME ({_RENAMED[table]})" if table in _RENAMED else ""
    found.project(f"{own}* EXCLUDE (filename){renamed}").create_view(table)


def _nothing(connection: Any, table: str) -> Any:
    return connection.sql(f"SELECT {_EMPTY[table]}, '' AS filename WHERE false")
