"""Shelf: candles of the store as a run wants them: after a warm-up, of the finest timeframe, of a given length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.candles.made import MAKERS
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import MissingCandles
from sptrader_lab.types.calendar import Timeframe, timeframe
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

#: Where candles could begin at the earliest, ns UTC: the year 1700.
_EARLIEST: Final = -8_520_336_000 * 10**9


def warmed_up(store: CandleStore, symbol: str, timeframe: str, start: object, end: object, warm_up: int) -> Candles:
    """Return the candles of a range, after up to `warm_up` earlier ones where the store has them.

    Raises
    ------
    MissingCandles
        When the range itself holds none.
    """
    measured = store.candles(symbol, timeframe, start=start, end=end)
    if start is None:
        return measured
    first = parse_time(start)
    # Most markets are closed more often than open: of a share's hours 32 in 168 are traded.
    near = max(first - 6 * (warm_up + 1) * measured.period.ns, _EARLIEST)
    before = _opens(store, symbol, timeframe, near, first)
    if len(before) < warm_up:
        before = _opens(store, symbol, timeframe, None, first)
    if not len(before):
        return measured
    return store.candles(symbol, timeframe, start=int(before[-warm_up:][0]), end=end)


def beside(store: CandleStore, own: Sequence[Candles], frame: str) -> Candles:
    """Return candles of another timeframe over all the time that a symbol's own candles span, of the same source.

    Raises
    ------
    MissingCandles
        When the store has none.
    """
    spans = [(int(one.time[0]), int(one.close_time[-1])) for one in own if len(one)]
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    return store.candles(own[0].symbol, frame, start=first, end=last, source=source_of(own[0]))


def finest(store: CandleStore, candles: Candles) -> Candles | None:
    """Return the finer candles that lie within most of `candles`, of those the finest; None when the store has none."""
    try:
        held = store.timeframes(candles.symbol, source=source_of(candles))
    except MissingCandles:
        return None
    best, most = None, 0
    for text in held:
        if timeframe(text).ns >= candles.period.ns:
            break
        try:
            found = beside(store, [candles], text)
        except MissingCandles:  # it holds other years
            continue
        count = covered(candles, found)
        if count > most:
            best, most = found, count
        if most == len(candles):
            break
    return best


def covered(candles: Candles, finer: Candles) -> int:
    """Return how many candles have finer ones within them."""
    opens = np.searchsorted(finer.time, candles.time)
    return int(np.count_nonzero(np.searchsorted(finer.time, candles.close_time) > opens))


def source_of(candles: Candles) -> str:
    """Return which source of the store goes with these candles: drawn ones are never mixed with a market's."""
    return candles.source if candles.source in MAKERS else "store"


def in_order(held: tuple[str, ...], wanted: Timeframe) -> list[str]:
    """Return stored timeframes by how well they stand in for `wanted`: itself, then finer, then coarser ones."""
    finer = [text for text in held if timeframe(text).ns < wanted.ns]
    coarser = [text for text in held if timeframe(text).ns > wanted.ns]
    return [wanted.text, *reversed(finer), *coarser]


def _opens(store: CandleStore, symbol: str, timeframe: str, start: int | None, end: int) -> NDArray[np.int64]:
    """Return when the candles of a range open, nothing when there are none."""
    try:
        return store.candles(symbol, timeframe, start=start, end=end).time
    except MissingCandles:
        return np.empty(0, np.int64)
