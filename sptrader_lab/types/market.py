"""Market: what candles are of, for those who are handed their columns only."""

from __future__ import annotations

from typing import NamedTuple

from sptrader_lab.types.calendar import UTC_MIDNIGHT, DayEnd


class Market(NamedTuple):
    """Symbol, timeframe, and when a trading day ends (S4)."""

    symbol: str = ""
    timeframe: str = ""
    day_end: DayEnd = UTC_MIDNIGHT
