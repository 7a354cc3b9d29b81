"""What to say when the store has no answer: what it holds, what may have been meant, and how to bring candles in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sptrader_lab.candles import layout
from sptrader_lab.candles.cache import Key
from sptrader_lab.candles.layout import Index
from sptrader_lab.candles.made import MAKERS
from sptrader_lab.errors import MissingCandles, nearest
from sptrader_lab.types.calendar import Timeframe


def known_symbols(data: Path, sources: tuple[str, ...]) -> list[str]:
    """Return every symbol that some of the sources can answer for, sorted."""
    held = {index.symbol for choice in sources for index in layout.indexes(data, choice)}
    made = {symbol for choice in sources if choice in MAKERS for symbol in MAKERS[choice].symbols}
    return sorted(held | made)


def no_symbol(data: Path, symbol: str, source: str | None) -> MissingCandles:
    """Say that nothing is known of a symbol."""
    known = known_symbols(data, tuple(layout.FOLDERS) if source is None else (source,))
    near = nearest(symbol.upper(), known)
    hint = f" Did you mean {near!r}?" if near else ""
    where = f"source {source!r} of {data}" if source else f"{data}"
    return MissingCandles(
        f"no candles of {symbol!r} in {where}.{hint} There are: {', '.join(known) or 'none'}. "
        f"To bring them in: {_how(symbol)}"
    )


def no_such_timeframe(key: Key, held: tuple[Timeframe, ...]) -> MissingCandles:
    """Say that the timeframe can't be made from those stored."""
    stored = ", ".join(frame.text for frame in sorted(held, key=lambda frame: frame.ns))
    instead = " Sample candles of this symbol are asked for with source='sample'." if _sampled(key) else ""
    return MissingCandles(
        f"{key.symbol} {key.timeframe} can't be made from the stored candles ({key.source} holds {stored or 'none'}): it needs "
        f"candles of {key.timeframe} or of a finer timeframe that divides it. To bring them in: {_how(key.symbol)}.{instead}"
    )


def no_candles_in_range(key: Key, index: Index) -> MissingCandles:
    """Say that the range lies where nothing is stored."""
    return MissingCandles(
        f"no candles of {key} : the store holds {index.timeframe} candles from {_day(index.first)} to {_day(index.last)}"
    )


def _how(symbol: str) -> str:
    return f"sptrader-lab data import FILE --symbol {symbol}"


def _sampled(key: Key) -> bool:
    return key.source == "store" and key.symbol in MAKERS["sample"].symbols


def _day(instant: int) -> str:
    return str(np.datetime64(instant, "ns"))[:16].replace("T", " ")
