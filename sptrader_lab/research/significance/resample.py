"""Block-resampled candles: other histories made of the days of this one.

Whole trading days are drawn in blocks by the stationary bootstrap (Politis and Romano, 1994, see bootstrap.py), the same
days for every symbol, so that what happened together stays together. Each day keeps its inside and the gap that opened
it; its prices are scaled so that the day before closes where it began. What lasts longer than a block is gone: long
trends, the seasons, and what a strategy remembers from weeks ago.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import InputError
from sptrader_lab.research.significance.blocks import Floats
from sptrader_lab.research.significance.bootstrap import block_length, resample_indices
from sptrader_lab.types.calendar import DAY, day_ends, trading_dates
from sptrader_lab.types.candles import PRICES, Candles

K = TypeVar("K", bound=Hashable)
Dates = NDArray[np.datetime64]


class Days(NamedTuple):
    """Where each of some trading days of one symbol lies: its first row and the one behind its last, and its instants."""

    begin: NDArray[np.intp]
    stop: NDArray[np.intp]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


@overload
def resample_candles(candles: Candles, *, seed: int, block: float | None = None) -> Candles: ...
@overload
def resample_candles(candles: Mapping[K, Candles], *, seed: int, block: float | None = None) -> dict[K, Candles]: ...
def resample_candles(
    candles: Candles | Mapping[K, Candles], *, seed: int, block: float | None = None
) -> Candles | dict[K, Candles]:
    """Return candles of the same length in days, made of days drawn from these.

    Parameters
    ----------
    candles : Candles or mapping of Candles
        Shorter than a week each. A mapping's candles are drawn together; a day that some of them lack stays lacking.
    block : float, optional
        Mean length of the blocks in trading days; else the longest that the automatic choice gives for the daily returns
        and their absolute values (volatility comes in clusters) of any symbol.

    Returns
    -------
    Candles or dict of Candles
        On the trading days of the originals. Spreads are scaled with the prices. Of a day of 25 hours that lands on one of
        23 or 24, what lies beyond its end is left out. Prices are not rounded to ticks. Splits in raw prices of
        shares stay in their day while the dated events do not move with them: resample adjusted prices.

    Raises
    ------
    InputError
        For candles of a week or a month, fewer than two trading days, or a block shorter than a day.
    """
    if isinstance(candles, Candles):
        return _resampled([candles], seed, block)[0]
    return dict(zip(candles, _resampled(list(candles.values()), seed, block), strict=True))


def _resampled(candles: list[Candles], seed: int, block: float | None) -> list[Candles]:
    for one in candles:
        if one.period.unit in {"w", "mo"}:
            raise InputError(f"{one.symbol} {one.timeframe}: whole days can't be drawn from these; use 1d or shorter")
    dates = [_dates(one) for one in candles]
    known: Dates = np.unique(np.concatenate(dates)) if dates else np.empty(0, "datetime64[D]")
    if len(known) < 2:
        raise InputError(f"resampling draws whole trading days; there are {len(known)}, it needs 2 or more")
    days = [_days(one, own, known) for one, own in zip(candles, dates, strict=True)]
    length = max(map(_automatic, candles, days)) if block is None else float(block)
    if not 1.0 <= length < np.inf:
        raise InputError(f"block={block!r}: the mean length of a block is a number of days, 1 or more")
    drawn = next(resample_indices(len(known), length, 1, np.random.default_rng(seed)))[0]
    return [_chained(one, own, drawn, seed) for one, own in zip(candles, days, strict=True)]


def _dates(candles: Candles) -> Dates:
    """Return the date that names each candle's trading day."""
    if not len(candles):
        return np.empty(0, "datetime64[D]")
    closes = candles.close_time
    ends = day_ends(int(closes[0]) - DAY, int(closes[-1]), candles.day_end)
    found: Dates = trading_dates(ends, candles.day_end)[np.searchsorted(ends, closes)]
    return found


def _days(candles: Candles, dates: Dates, known: Dates) -> Days:
    """Find the known trading days in one symbol's candles."""
    first, last = (int(each.astype("datetime64[ns]").astype(np.int64)) for each in known[[0, -1]])
    ends = day_ends(first - 3 * DAY, last + 3 * DAY, candles.day_end)
    place = np.searchsorted(trading_dates(ends, candles.day_end), known)
    begin, stop = (np.searchsorted(dates, known, side=side) for side in ("left", "right"))
    return Days(begin, stop, ends[place - 1], ends[place])


def _automatic(candles: Candles, days: Days) -> float:
    closes = candles.close[days.stop[days.stop > days.begin] - 1]
    returns: Floats = np.diff(np.log(closes))
    return max(block_length(returns), block_length(np.abs(returns))) if len(returns) else 1.0


def _chained(candles: Candles, days: Days, drawn: NDArray[np.int64], seed: int) -> Candles:
    """Put the drawn days one behind the other."""
    rows, times, scales = [np.empty(0, np.intp)], [np.empty(0, np.int64)], [np.empty(0)]
    level = float(candles.open[0]) if len(candles) else 1.0
    for target, source in enumerate(drawn):
        begin, stop = int(days.begin[source]), int(days.stop[source])
        time = candles.time[begin:stop] + (days.start[target] - days.start[source])
        time = time[time < days.end[target]]
        if not len(time):
            continue
        before = float(candles.close[begin - 1] if begin else candles.open[0])
        scale = level / before
        rows.append(np.arange(begin, begin + len(time)))
        times.append(time)
        scales.append(np.full(len(time), scale))
        level = float(candles.close[begin + len(time) - 1]) * scale
    row, scale_of = np.concatenate(rows), np.concatenate(scales)
    prices = {name: getattr(candles, name)[row] * scale_of for name in PRICES}
    spread = None if candles.spread is None else candles.spread[row] * scale_of
    source_name = f"{candles.source}, days resampled with seed {seed}"
    return replace(
        candles, time=np.concatenate(times), **prices, volume=candles.volume[row], spread=spread, source=source_name
    )
