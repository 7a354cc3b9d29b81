"""Store: a sweep on disk, from its first second on, so that what was computed is never computed again.

FOLDER/<sweep id>/sweep.json      what was swept; the id is the SHA-256 of every input that shapes a row
                  cells.npy       which cells of the grid, where not all of them
                  parts/*.parquet a row per combination: values, metrics, error; written every half second
                  rows.parquet    all of them in order, once the sweep is complete; then there are no parts
                  blocks.f64      sums of daily returns, float64 (combinations, 16, 3), for the tests of overfitting
FOLDER/candles/<fingerprint>.parquet

A part is written beside its place and renamed after its block sums are in their file: a process that is killed loses what
it had not written yet, and leaves nothing half written.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sptrader_lab.candles.layout import locked, replace_with
from sptrader_lab.errors import CandleError, RunError
from sptrader_lab.kernel.summary import BLOCK_SUMS, BLOCKS, SUMMARY
from sptrader_lab.research.grid import Combinations
from sptrader_lab.research.levels import as_array

#: How long finished combinations may wait for the disk.
FLUSH_SECONDS: Final = 0.5
_ROW_GROUP: Final = 50_000
_BLOCK_BYTES: Final = BLOCKS * len(BLOCK_SUMS) * 8
_NUMBER: Final = "combination"
_RESERVED: Final = frozenset((*SUMMARY, _NUMBER, "error", "sweep_id"))


class Done(NamedTuple):
    """Some finished combinations.

    Attributes
    ----------
    numbers : numpy.ndarray of int64, shape (n,)
    metrics : numpy.ndarray of float64, shape (n, len(SUMMARY))
    blocks : numpy.ndarray of float64, shape (n, 16, 3)
    errors : list of str
        '' where a combination ran.
    """

    numbers: NDArray[np.int64]
    metrics: NDArray[np.float64]
    blocks: NDArray[np.float64]
    errors: list[str]


def column_of(name: str) -> str:
    """Return the column of a name; a parameter that is called like a metric keeps its `parameters.` before it."""
    return f"parameters.{name}" if name in _RESERVED else name


class Rows:
    """The finished rows of one sweep, read from its folder column by column.

    Parameters
    ----------
    path : Path
        The sweep's folder.
    combinations : Combinations
    """

    def __init__(self, path: Path, combinations: Combinations) -> None:
        self.path = path
        self.combinations = combinations

    @property
    def files(self) -> list[Path]:
        """The Parquet files that hold the rows."""
        whole = self.path / "rows.parquet"
        return [whole] if whole.exists() else sorted((self.path / "parts").glob("*.parquet"))

    def numbers(self) -> NDArray[np.int64]:
        """Return which combinations are done, ascending."""
        return np.sort(self._read([])[_NUMBER].to_numpy())

    def columns(self, names: Sequence[str], only: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
        """Return some columns, in the order of the combinations that are done; of some combinations only, if so asked.

        Raises
        ------
        RunError
            When a file can't be read.
        """
        table = self._read(names, only)
        order = np.argsort(table[_NUMBER].to_numpy(), kind="stable")
        return {name: table[name].to_numpy(zero_copy_only=False)[order] for name in names}

    def blocks(self) -> NDArray[np.float64]:
        """Return the block sums of all combinations, read from disk where they are looked at; zeros where not done."""
        shape = (len(self.combinations), BLOCKS, len(BLOCK_SUMS))
        return np.memmap(self.path / "blocks.f64", dtype="<f8", mode="r", shape=shape)

    def _read(self, names: Sequence[str], only: NDArray[np.int64] | None = None) -> Any:
        wanted = list(dict.fromkeys([_NUMBER, *names]))
        try:
            tables = []
            for path in self.files:
                with pq.ParquetFile(path) as file:
                    groups = range(file.num_row_groups)  # one by one, so that few rows of many take little memory
                    tables += [_kept(file.read_row_group(group, columns=wanted), only) for group in groups]
        except (OSError, ValueError) as error:
            raise RunError(f"sweep {self.path.name[:12]} in {self.path.parent} can't be read: {error}") from error
        schema = pa.schema([(name, _type(name, self.combinations)) for name in wanted])
        return pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()


class Ledger(Rows):
    """The rows of a sweep that is being run: what is done, and a buffer that reaches the disk every half second."""

    def __init__(self, path: Path, combinations: Combinations) -> None:
        super().__init__(path, combinations)
        self.done: NDArray[np.bool_] = np.zeros(len(combinations), np.bool_)
        self.done[self.numbers()] = True
        self._waiting: list[Done] = []
        self._written = time.monotonic()

    def add(self, done: Done) -> None:
        """Note finished combinations; every half second all that wait are written."""
        self._waiting.append(done)
        self.done[done.numbers] = True
        if time.monotonic() - self._written >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits: block sums first, so that a row on disk always has its own."""
        if self._waiting:
            numbers = np.concatenate([one.numbers for one in self._waiting])
            order = np.argsort(numbers)
            metrics = np.concatenate([one.metrics for one in self._waiting])[order]
            blocks = np.concatenate([one.blocks for one in self._waiting])[order]
            errors = [error for one in self._waiting for error in one.errors]
            self._write_blocks(numbers[order], blocks)
            table = self._table(numbers[order], metrics, [errors[place] for place in order])
            path = self.path / "parts" / f"{int(numbers.min()):09d}-{uuid.uuid4().hex[:8]}.parquet"
            replace_with(path, lambda draft: pq.write_table(table, draft, compression="zstd"))
            self._waiting.clear()
        self._written = time.monotonic()

    def finish(self) -> None:
        """Write what waits; of a complete sweep put all rows into one file, in order, a stretch at a time."""
        self.flush()
        whole = self.path / "rows.parquet"
        if not self.done.all():
            return
        if not whole.exists():
            replace_with(whole, self._merge)
        shutil.rmtree(self.path / "parts", ignore_errors=True)

    def _merge(self, draft: Path) -> None:
        """Read each part when its first row is next; parts overlap by little, so few are in memory at once."""
        waiting = [(pq.read_metadata(path).num_rows, int(path.name[:9]), path) for path in self.files]
        waiting.sort(key=lambda part: part[1])
        schema = self._schema()
        held = schema.empty_table()
        with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
            while waiting or len(held):
                while waiting and len(held) < 2 * _ROW_GROUP:
                    held = pa.concat_tables([held, _whole(waiting.pop(0)[2])])
                held = held.sort_by(_NUMBER)
                border = waiting[0][1] if waiting else len(self.combinations)
                ready = int(np.searchsorted(held[_NUMBER].to_numpy(), border))
                if waiting and not ready:  # a part that lies across all others is held until they are there
                    held = pa.concat_tables([held, _whole(waiting.pop(0)[2])])
                    continue
                writer.write_table(held.slice(0, ready), row_group_size=_ROW_GROUP)
                held = held.slice(ready)

    def _table(self, numbers: NDArray[np.int64], metrics: NDArray[np.float64], errors: list[str]) -> Any:
        values = self.combinations.columns(numbers)
        arrays = [pa.array(numbers), *(_arrow(column) for column in values.values())]
        arrays += [pa.array(np.ascontiguousarray(column)) for column in metrics.T]
        return pa.table([*arrays, pa.array(errors, pa.string())], schema=self._schema())

    def _schema(self) -> Any:
        names = [_NUMBER, *map(column_of, self.combinations.names), *SUMMARY, "error"]
        return pa.schema([(name, _type(name, self.combinations)) for name in names])

    def _write_blocks(self, numbers: NDArray[np.int64], blocks: NDArray[np.float64]) -> None:
        path = self.path / "blocks.f64"
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(len(self.combinations) * _BLOCK_BYTES)
            for run in np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(numbers) != 1) + 1):
                file.seek(int(numbers[run[0]]) * _BLOCK_BYTES)
                file.write(np.ascontiguousarray(blocks[run], "<f8").tobytes())


@contextmanager
def writing(path: Path, document: Mapping[str, Any], combinations: Combinations, *, resume: bool) -> Iterator[Ledger]:
    """Open a sweep's folder for writing, by one process at a time.

    Parameters
    ----------
    path : Path
        Named by the sweep's id; made where it is not there.
    document : mapping
        What `sweep.json` says.
    resume : bool
        Go on with the rows that are there, or begin anew.

    Raises
    ------
    RunError
        When another process runs the same sweep in this folder.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, patience=1.0))
        except CandleError as error:
            raise RunError(f"another process runs this sweep in {path}; wait for it, or give another folder") from error
        if not resume:
            for old in ("rows.parquet", "blocks.f64"):
                (path / old).unlink(missing_ok=True)
            shutil.rmtree(path / "parts", ignore_errors=True)
        (path / "parts").mkdir(exist_ok=True)
        if combinations.cells is not None:
            cells = combinations.cells
            replace_with(path / "cells.npy", lambda draft: _save_cells(draft, cells))
        text = json.dumps(document, indent=1, allow_nan=False)
        replace_with(path / "sweep.json", lambda draft: draft.write_text(text, encoding="utf-8"))
        yield Ledger(path, combinations)


def read_combinations(path: Path, document: Mapping[str, Any]) -> Combinations:
    """Return the combinations of a sweep on disk."""
    levels = {name: tuple(values) for name, values in document["grid"]}
    cells = path / "cells.npy"
    return Combinations(levels, np.load(cells) if cells.exists() else None)


def _kept(table: Any, only: NDArray[np.int64] | None) -> Any:
    return table if only is None else table.filter(pa.array(np.isin(table[_NUMBER].to_numpy(), only)))


def _whole(path: Path) -> Any:
    with pq.ParquetFile(path) as file:  # not read_table: that takes `name=value` folders above for columns
        return file.read()


def _save_cells(draft: Path, cells: NDArray[np.int64]) -> None:
    with draft.open("wb") as file:
        np.save(file, cells)


def _type(column: str, combinations: Combinations) -> Any:
    names = {column_of(name): name for name in combinations.names}
    if column in names:
        kind = as_array(combinations.levels[names[column]]).dtype.kind
        return {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64()}.get(kind, pa.string())
    return {_NUMBER: pa.int64(), "error": pa.string()}.get(column, pa.float64())


def _arrow(column: NDArray[Any]) -> Any:
    return pa.array(column.tolist(), pa.string()) if column.dtype.kind == "O" else pa.array(column)
