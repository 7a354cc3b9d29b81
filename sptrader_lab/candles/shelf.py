"""The cache on disk: one Arrow file per entry, so that a restarted kernel finds its candles again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import feather

from sptrader_lab.candles.cache import Entry, Key
from sptrader_lab.candles.layout import replace_with
from sptrader_lab.candles.rows import Rows, from_candles, to_candles
from sptrader_lab.errors import LabError


@dataclass(frozen=True)
class DiskShelf:
    """Entries of a cache as files in a folder. A file that can't be read is forgotten: it is only a copy."""

    folder: Path

    def save(self, key: Key, entry: Entry) -> None:
        """Keep an entry."""
        rows = from_candles(entry.candles)
        head = {"key": list(key), "stamp": entry.stamp, "read_at": entry.read_at, "price": entry.candles.price}
        table = pa.table(rows._asdict()).replace_schema_metadata({"entry": json.dumps(head)})
        replace_with(self._path(key), lambda path: feather.write_feather(table, str(path), compression="lz4"))

    def remove(self, key: Key) -> None:
        """Forget an entry."""
        with contextlib.suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def entries(self) -> Iterator[tuple[Key, Entry]]:
        """Return what was kept, the oldest first."""
        found = []
        for path in self.folder.glob("*.arrow"):
            try:
                found.append(_read(path))
            except (OSError, ValueError, KeyError, TypeError, LabError, pa.ArrowException):
                path.unlink(missing_ok=True)
        return iter(sorted(found, key=lambda pair: pair[1].read_at))

    def _path(self, key: Key) -> Path:
        return self.folder / f"{hashlib.sha256(repr(tuple(key)).encode()).hexdigest()[:24]}.arrow"


def _read(path: Path) -> tuple[Key, Entry]:
    table = feather.read_table(str(path), memory_map=False)
    head = json.loads((table.schema.metadata or {})[b"entry"])
    key = Key(*head["key"])
    rows = Rows(*(np.asarray(table[name].to_numpy()) for name in Rows._fields))
    spread = not np.isnan(rows.spread).any()
    candles = to_candles(rows, key.symbol, key.timeframe, source=key.source, price=head["price"], spread=spread)
    return key, Entry(candles, head["stamp"], head["read_at"])
