"""Reading a CSV or Parquet file into columns, remembering on which line every row stands."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sptrader_lab.errors import ImportRefused

_DELIMITERS: Final = "\t;,"


@dataclass(frozen=True)
class Table:
    """A file's columns as they stand there.

    Attributes
    ----------
    header : tuple of str
        The columns' names; "1", "2", ... where the file has no header.
    has_header : bool
        False for a file that begins with values.
    columns : tuple of pandas.Series
        Text for a CSV file, typed values for Parquet.
    line : numpy.ndarray of int64
        Each row's line in the file (CSV, the first is 1) or its number (Parquet, the first is 1).
    ragged : tuple of (int, str)
        Lines with too few or too many fields, and why.
    """

    path: Path
    header: tuple[str, ...]
    has_header: bool
    columns: tuple[pd.Series, ...]
    line: NDArray[np.int64]
    ragged: tuple[tuple[int, str], ...] = ()
    lines: tuple[bytes, ...] | None = None

    def __len__(self) -> int:
        return len(self.line)

    def text(self, line: int) -> str:
        """Return a row as it stands in the file."""
        if self.lines is not None:
            return self.lines[line - 1].decode("utf-8", "replace")
        return ",".join(str(column.iloc[line - 1]) for column in self.columns)


def read_table(path: Path) -> Table:
    """Read a file by its ending; anything that is not Parquet is text.

    Raises
    ------
    ImportRefused
        When there is no such file, or it is no table.
    """
    if path.is_dir():
        raise ImportRefused(f"{path}: this is a folder; import the files in it one by one")
    if not path.is_file():
        raise ImportRefused(f"{path}: no such file")
    if path.suffix.lower() in {".zip", ".gz", ".7z", ".xlsx", ".xls"}:
        raise ImportRefused(f"{path}: {path.suffix} files are not read; unpack it (or save it) as CSV first")
    with path.open("rb") as file:
        head = file.read(4)
    if head != b"PAR1" and path.suffix.lower() in {".parquet", ".pq"}:
        raise ImportRefused(
            f"{path}: not a Parquet file, which begins with PAR1; a CSV file must be called .csv or .txt"
        )
    return _parquet(path) if head == b"PAR1" else _csv(path)


def _parquet(path: Path) -> Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise ImportRefused(f"{path}: not a readable Parquet file ({error})") from None
    if not table.num_rows:
        raise ImportRefused(f"{path}: the file holds no rows")
    names = tuple("" if name.startswith("__index_level_") else name for name in table.column_names)
    columns = tuple(column.to_pandas() for column in table.columns)
    return Table(path, names, has_header=True, columns=columns, line=np.arange(1, table.num_rows + 1))


def _csv(path: Path) -> Table:
    raw = _text(path)
    lines = tuple(raw.split(b"\n"))
    top = next((number for number, line in enumerate(lines) if line.strip()), None)
    if top is None:
        raise ImportRefused(f"{path}: the file is empty")
    first = lines[top].decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=first.count)
    cells = _cells(first, delimiter)
    if len(cells) < 5:
        raise ImportRefused(
            f"{path}:{top + 1}: {first[:80]!r} is no row of candles; fields must be separated by comma, semicolon or tab"
        )
    has_header = not any(_is_number(cell) for cell in cells[1:])
    header = tuple(cell.strip() for cell in cells) if has_header else tuple(str(n + 1) for n in range(len(cells)))
    skip = top + has_header
    try:
        columns, ragged = _fields(raw, len(cells), delimiter, skip)
    except pa.ArrowException as error:
        raise ImportRefused(f"{path}: not a readable CSV file ({error})") from None
    _refuse_decimal_commas(path, columns)
    numbers = np.arange(skip + 1, skip + 1 + len(columns[0]) + len(ragged))
    line = numbers[~np.isin(numbers, [number for number, _ in ragged])]
    # An empty line comes as a row of empty fields.
    filled = np.array([bool(lines[number - 1].strip()) for number in line.tolist()], np.bool_)
    columns = tuple(column[filled].reset_index(drop=True) for column in columns) if not filled.all() else columns
    line = line[filled]
    told = tuple((number, why) for number, why in ragged if lines[number - 1].strip())
    if not len(line) and told:
        raise ImportRefused(f"{path}:{told[0][0]}: no row has as many fields as the first line; here {told[0][1]}")
    if not len(line):
        raise ImportRefused(f"{path}: the file holds a header and no rows")
    return Table(path, header, has_header, columns, line, told, lines)


def _fields(raw: bytes, width: int, delimiter: str, skip: int) -> tuple[tuple[pd.Series, ...], list[tuple[int, str]]]:
    """Split lines into `width` text columns; lines of another width are returned with their numbers."""
    ragged: list[tuple[int, str]] = []

    def note(row: pa_csv.InvalidRow) -> str:
        ragged.append((row.number, f"{row.actual_columns} fields instead of {row.expected_columns}"))
        return "skip"

    names = [str(position) for position in range(width)]
    table = pa_csv.read_csv(
        io.BytesIO(raw),
        # Only one thread knows the numbers of the lines it leaves out.
        pa_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=skip, block_size=1 << 24),
        pa_csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=note),
        pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    return tuple(column.to_pandas().str.strip() for column in table.columns), ragged


def _text(path: Path) -> bytes:
    """Return a file's text as UTF-8 without a mark; MetaTrader writes UTF-16 on some machines."""
    raw = path.read_bytes()
    try:
        if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raw = raw.decode("utf-16").encode()
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raw = raw.decode("latin-1").encode()
    if b"\0" in raw:
        raise ImportRefused(f"{path}: the file holds zero bytes, so it is no text; CSV and Parquet files are read")
    # The parser ends lines at either mark, so the count of lines must too.
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in raw else raw


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        return []


def _refuse_decimal_commas(path: Path, columns: tuple[pd.Series, ...]) -> None:
    """Refuse numbers such as 1,1042: whether a comma parts decimals or thousands can't be known."""
    few = [column.iloc[:100] for column in columns]
    commas = [column[column.str.fullmatch(r"-?\d+,\d+")] for column in few]
    if sum(len(found) > len(column) / 2 for found, column in zip(commas, few, strict=True)) >= 4:
        shown = next(str(found.iloc[0]) for found in commas if len(found))
        raise ImportRefused(
            f"{path}: numbers are written like {shown}; a point must part the decimals ({shown.replace(',', '.')}), "
            "so save the file that way, or replace the commas in its numbers"
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
