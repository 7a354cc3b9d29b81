"""What a store says about candles that it has just made or read."""

from __future__ import annotations

from pathlib import Path

from sptrader_lab.candles.gaps import coverage
from sptrader_lab.candles.layout import FOLDERS, Index
from sptrader_lab.types.calendar import timeframe
from sptrader_lab.types.candles import Candles


def on_making(data: Path, source: str, symbol: str) -> str:
    """Say which candles were made, where, and that drawn ones are no market's."""
    what = "drawn at random: not real prices" if source == "sample" else "real days of the bokeh_sampledata package"
    return f"made {source} candles of {symbol} in {(data / FOLDERS[source]).absolute()} ({what})"


def on_reading(candles: Candles, index: Index) -> list[str]:
    """Say where the store ends inside the last candle, and when many candles are missing."""
    return [text for text in (_short_end(candles, index), coverage(candles).warning) if text]


def _short_end(candles: Candles, index: Index) -> str:
    if index.timeframe == candles.timeframe or not len(candles):
        return ""
    missing = int(candles.close_time[-1]) - (index.last + timeframe(index.timeframe).ns)
    if missing <= 0 or candles.time[-1] > index.last:
        return ""
    return f"{candles.symbol} {candles.timeframe}: the store ends {missing / 6e10:.0f} min before the last candle does"
