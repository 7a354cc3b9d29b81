"""Filters: which closes forbid an entry, and for what reason (S4)."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.strategy.schema.sections import Filters
from sptrader_lab.strategy.schema.times import parse_days, parse_hours
from sptrader_lab.types import reasons
from sptrader_lab.types.calendar import DAY, MINUTE, SECOND
from sptrader_lab.types.candles import Candles

_BASIS_POINTS: Final = 10_000.0
_DAY: Final = 1_440  # minutes
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 3 * _DAY  # 1970-01-01 was a Thursday, day 3 of a week that begins on Monday


def blocked(filters: Filters, candles: Candles) -> NDArray[np.uint8]:
    """Return the reason code that forbids an entry decided at each candle's close, 0 where none does.

    Hours and days are those of the closing instant, in `trading_zone`. Where several filters forbid, the first of
    hours, days, volume, spread is named.
    """
    codes = np.zeros(len(candles), np.uint8)
    if filters.max_spread_bps is not None and candles.spread is not None:
        codes[candles.spread > filters.max_spread_bps / _BASIS_POINTS * candles.close] = reasons.MAX_SPREAD
    if filters.min_volume_usd is not None:
        codes[candles.volume * candles.close < filters.min_volume_usd] = reasons.MIN_VOLUME
    if filters.trading_hours or filters.trading_days:
        minutes = local_minutes(candles.close_time, filters.trading_zone)
        closed = _closed(filters)[(minutes + _MONDAY) % _WEEK]
        np.copyto(codes, closed, where=closed != 0)
    return codes


def _closed(filters: Filters) -> NDArray[np.uint8]:
    """Return the reason code of every minute of a week that begins on Monday."""
    first, last = parse_hours(filters.trading_hours or "00:00-23:59")
    minute = np.arange(_DAY)
    # Both ends are included; last below first wraps midnight.
    inside = (minute >= first) & (minute <= last) if first <= last else (minute >= first) | (minute <= last)
    week = np.zeros((7, _DAY), np.uint8)
    week[~np.array(parse_days(filters.trading_days or "Mon-Sun"))] = reasons.TRADING_DAYS
    week[:, ~inside] = reasons.TRADING_HOURS
    return week.ravel()


def unapplied(filters: Filters, candles: Candles) -> tuple[str, ...]:
    """Say which filters can't be applied to these candles."""
    if filters.max_spread_bps is not None and candles.spread is None:
        what = f"filters.max_spread_bps is not applied: the candles of {candles.symbol} have no spread"
        return (what,)
    return ()


def all_kept_out(
    filters: Filters, candles: Candles, codes: NDArray[np.uint8], wanted: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Say that the filters kept every entry out that was `wanted`, and by how much where volume decided."""
    kept = codes[wanted]
    if not len(kept) or not kept.all():
        return ()
    names = dict.fromkeys(reasons.REASONS[code] for code in kept)
    what = f"every entry ({len(kept):,}) was kept out by filters: {', '.join(names)}"
    if reasons.MIN_VOLUME not in kept:
        return (what,)
    most = float((candles.volume * candles.close)[wanted].max())
    had = f"volume x close of {candles.symbol} was {most:,.6g} at most there (volume may count ticks)"
    return (f"{what}; min_volume_usd is {filters.min_volume_usd:,.12g}, and {had}",)


def local_minutes(instants: NDArray[np.int64], zone: str) -> NDArray[np.int32]:
    """Return the minutes since 1970 that a wall clock in `zone` shows, right across every change of the clocks."""
    if not len(instants) or zone == "UTC":
        return (instants // MINUTE).astype(np.int32)
    starts, offsets = _offsets(int(instants[0]), int(instants[-1]), zone)
    which = np.searchsorted(starts, instants, side="right") - 1
    return ((instants + offsets[which]) // MINUTE).astype(np.int32)


def _offsets(first: int, last: int, zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return from which instant on which offset from UTC holds, both in ns, ascending."""
    place = ZoneInfo(zone)

    def offset(second: int) -> int:
        moment = dt.datetime.fromtimestamp(second, place).utcoffset()
        return 0 if moment is None else int(moment.total_seconds())

    start, stop, step = first // SECOND, last // SECOND + 1, DAY // SECOND
    changes = [(start, offset(start))]
    for day in range(start, stop, step):
        low, high = day, min(day + step, stop)
        if offset(high) == changes[-1][1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == changes[-1][1] else (low, middle)
        changes.append((high, offset(high)))
    table = np.array(changes, np.int64) * SECOND
    return table[:, 0], table[:, 1]
