"""Putting rows into the store: what is new is added, what is known is skipped, what contradicts is handed back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sptrader_lab.candles.layout import Index, Part, folder_of, locked, new_part_path, publish, read_index, replace_with
from sptrader_lab.candles.query import read_range
from sptrader_lab.candles.rows import Rows, join
from sptrader_lab.errors import CandleError

_SCHEMA: Final = pa.schema([("time", pa.timestamp("ns", "UTC")), *((name, pa.float64()) for name in Rows._fields[1:])])


class Merged(NamedTuple):
    """What became of rows handed to the store: masks over them that never overlap."""

    added: NDArray[np.bool_]
    identical: NDArray[np.bool_]
    conflicts: NDArray[np.bool_]


def merge(
    data: Path, source: str, symbol: str, timeframe: str, rows: Rows, *, price: str, only_whole: bool = False
) -> Merged:
    """Add rows to the store; a stored candle is never replaced.

    Parameters
    ----------
    rows : Rows
        Flawless, ascending, without duplicates.
    only_whole : bool
        Write nothing at all when some row conflicts.

    Raises
    ------
    CandleError
        When the store holds another kind of price (mid, bid, ask) for this symbol and timeframe.
    """
    folder = folder_of(data, source, symbol, timeframe)
    with locked(folder):
        index = read_index(folder, source) or Index(folder, source, symbol, timeframe, price)
        if index.price != price and index.parts:
            raise CandleError(
                f"{symbol} {timeframe}: the store holds {index.price} prices and these are {price} prices; they can't be "
                f"mixed in one series. If they are {index.price} prices all the same, say so: --price {index.price}"
            )
        merged, parts = _merge_years(index, rows)
        if merged.added.any() and not (only_whole and merged.conflicts.any()):
            publish(replace(index, price=price, parts=parts))
        else:
            publish(index)
    return merged


def replace_all(data: Path, source: str, symbol: str, timeframe: str, rows: Rows, *, maker: str) -> None:
    """Write candles that are made, not imported, in place of all that was there."""
    folder = folder_of(data, source, symbol, timeframe)
    with locked(folder):
        index = read_index(folder, source)
        if index is not None and index.maker == maker:
            return
        parts = tuple(write_part(folder, rows.take(which)) for _, which in by_year(rows.time))
        publish(Index(folder, source, symbol, timeframe, maker=maker, parts=parts))


def _merge_years(index: Index, rows: Rows) -> tuple[Merged, tuple[Part, ...]]:
    masks = Merged(*(np.zeros(len(rows.time), np.bool_) for _ in range(3)))
    parts = {_part_year(part): part for part in index.parts}
    for year, which in by_year(rows.time):
        fresh = rows.take(which)
        stored = _stored(index, parts.get(year))
        known = np.isin(fresh.time, stored.time)
        twin = stored.take(np.searchsorted(stored.time, fresh.time[known]))
        same = fresh.take(known).same(twin)
        masks.added[which] = ~known
        masks.identical[which][known] = same
        masks.conflicts[which][known] = ~same
        if known.all():
            continue
        both = join([stored, fresh.take(~known)])
        parts[year] = write_part(index.folder, both.take(np.argsort(both.time, kind="stable")))
    return masks, tuple(parts[year] for year in sorted(parts))


def _stored(index: Index, part: Part | None) -> Rows:
    files = () if part is None else (str(index.folder / part.path),)
    first, last = (0, 0) if part is None else (part.first, part.last)
    return Rows(**read_range(files, first, last + 1))


def write_part(folder: Path, rows: Rows) -> Part:
    """Write one year's rows as a new file that no index names yet."""
    path = new_part_path(int(_years(rows.time[:1])[0]))
    columns = [pa.array(values, mask=np.isnan(values)) for values in rows.prices]
    table = pa.Table.from_arrays([pa.array(rows.time).cast(_SCHEMA.field("time").type), *columns], schema=_SCHEMA)
    replace_with(folder / path, partial(pq.write_table, table, compression="zstd", row_group_size=1 << 17))
    return Part(path, len(rows.time), int(rows.time[0]), int(rows.time[-1]), not np.isnan(rows.spread).any())


def by_year(time: NDArray[np.int64]) -> list[tuple[int, slice]]:
    """Return each UTC year of ascending instants with the slice that holds it."""
    years = _years(time)
    edges = [0, *(np.flatnonzero(np.diff(years)) + 1), len(years)]
    return [(int(years[low]), slice(int(low), int(high))) for low, high in pairwise(edges) if high > low]


def _years(time: NDArray[np.int64]) -> NDArray[np.int64]:
    return time.view("datetime64[ns]").astype("datetime64[Y]").astype(np.int64) + 1970


def _part_year(part: Part) -> int:
    return int(_years(np.array([part.first]))[0])
