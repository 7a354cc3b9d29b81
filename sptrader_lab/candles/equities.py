"""Real daily equities that ship inside the `bokeh_sampledata` package: raw prices up to 2013-03-01, nothing adjusted."""

from __future__ import annotations

from typing import Final

import numpy as np

from sptrader_lab.candles.rows import Rows
from sptrader_lab.types.candles import COLUMNS

TICKERS: Final = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
MAKER: Final = "bokeh_sampledata stocks 1"
TIMEFRAME: Final = "1d"


def make(symbol: str) -> Rows:
    """Return one ticker's daily rows; `time` is midnight UTC of the date, the start of its trading day."""
    from bokeh_sampledata import stocks

    table = getattr(stocks, symbol)
    time = np.array(table["date"], dtype="datetime64[ns]").view(np.int64)
    columns = {name: np.array(table[name], np.float64) for name in COLUMNS}
    return Rows(time, **columns, spread=np.full(len(time), np.nan))
