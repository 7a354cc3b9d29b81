"""Candles that the laboratory makes itself when they are first asked for, each under a source of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from sptrader_lab.candles import equities, sample
from sptrader_lab.candles.layout import folder_of, read_index
from sptrader_lab.candles.merge import replace_all
from sptrader_lab.candles.progress import bar
from sptrader_lab.candles.rows import Rows


class Maker(NamedTuple):
    """How one source's candles come to be; `name` changes whenever the candles do."""

    name: str
    symbols: tuple[str, ...]
    timeframe: str
    make: Callable[[str], Rows]


MAKERS: Final = {
    "sample": Maker(sample.MAKER, sample.SYMBOLS, "1m", sample.make),
    "equities": Maker(equities.MAKER, equities.TICKERS, equities.TIMEFRAME, equities.make),
}


def ensure(data: Path, source: str, symbol: str) -> bool:
    """Make a symbol's candles unless they lie on disk already; returns whether they were made."""
    maker = MAKERS[source]
    index = read_index(folder_of(data, source, symbol, maker.timeframe), source)
    if index is not None and index.maker == maker.name:
        return False
    with bar(2, f"making {symbol} {maker.timeframe} ({source})") as progress:
        rows = maker.make(symbol)
        progress.update()
        replace_all(data, source, symbol, maker.timeframe, rows, maker=maker.name)
        progress.update()
    return True
