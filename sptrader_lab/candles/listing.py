"""What a store holds, as a table and in a line."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from sptrader_lab.candles import layout
from sptrader_lab.candles.made import MAKERS
from sptrader_lab.candles.rows import NO_TIME
from sptrader_lab.types.calendar import timeframe

if TYPE_CHECKING:
    import pandas as pd


def table(data: Path) -> pd.DataFrame:
    """Return symbol, timeframe, source, candles, from, to; what would be made on first use has zero candles."""
    import pandas as pd

    held = [index for source in layout.FOLDERS for index in layout.indexes(data, source)]
    rows = [(index.symbol, index.timeframe, index.source, index.rows, index.first, index.last) for index in held]
    present = {(index.source, index.symbol) for index in held}
    for source, maker in MAKERS.items():
        fresh = [symbol for symbol in maker.symbols if (source, symbol) not in present]
        rows += [(symbol, maker.timeframe, source, 0, NO_TIME, NO_TIME) for symbol in fresh]
    made = pd.DataFrame(rows, columns=["symbol", "timeframe", "source", "candles", "from", "to"])
    for name in ("from", "to"):
        made[name] = pd.DatetimeIndex(made[name].to_numpy("datetime64[ns]"), tz="UTC")
    return made.sort_values(["symbol", "source", "timeframe"], ignore_index=True)


def line(data: Path) -> str:
    """Return the folder and the imported symbols with their timeframes."""
    where = f"{data.absolute()}" + ("" if data.is_dir() else " (not there yet)")
    held: dict[str, list[str]] = {}
    for index in layout.indexes(data, "store"):
        held.setdefault(index.symbol, []).append(index.timeframe)
    names = [f"{symbol} {' '.join(sorted(frames, key=_length))}" for symbol, frames in held.items()]
    more = f", ... {len(names) - 8} more" if len(names) > 8 else ""
    return f"{where}: {', '.join(names[:8]) + more if names else 'nothing imported'}"


def to_html(data: Path) -> str:
    """Return what lies in the folder, for a notebook cell."""
    held = table(data)
    body = held[held["candles"] > 0].to_html(border=0, index=False)
    return f"<b>Candles</b> in {html.escape(line(data))}{body}"


def _length(text: str) -> int:
    return timeframe(text).ns
