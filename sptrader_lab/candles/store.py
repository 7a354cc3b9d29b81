"""The candle store: asked for a symbol, a timeframe and a range, it answers with checked candles."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from sptrader_lab.candles import layout, listing
from sptrader_lab.candles.answer import answering, read_rows
from sptrader_lab.candles.cache import BEGINNING, END, CandleCache, Key, Status
from sptrader_lab.candles.layout import Index
from sptrader_lab.candles.made import MAKERS, ensure
from sptrader_lab.candles.merge import merge
from sptrader_lab.candles.missing import no_candles_in_range, no_such_timeframe, no_symbol
from sptrader_lab.candles.place import must_be_readable, must_be_writable
from sptrader_lab.candles.remarks import on_making, on_reading
from sptrader_lab.candles.rows import Rows, flaws, from_candles, to_candles
from sptrader_lab.candles.symbols import must_be_new_or_known, resolve
from sptrader_lab.errors import CandleError, InputError
from sptrader_lab.types.calendar import DAY, Timeframe, timeframe
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

if TYPE_CHECKING:
    import pandas as pd

    from sptrader_lab.candles.importing.report import ImportReport
    from sptrader_lab.candles.quality import QualityReport

LOGGER: Final = logging.getLogger("sptrader_lab.candles")


class Written(NamedTuple):
    """How many candles a write added, and how many the store held already."""

    added: int
    identical: int


class CandleStore:
    """Candles in a folder: imported ones, sample ones and daily equities, never mixed.

    Parameters
    ----------
    folder : str or Path
        Where candles live; made when something is written, by reading only when it is called `data`.
    cache : CandleCache, optional
        Bounds of the memory cache (10 minutes, 20 entries, 512 MB unless given).
    keep_cache : bool
        Keep the cache in `folder/cache` too, so that a restarted kernel finds it.

    Attributes
    ----------
    log : deque of str
        What the store did last, newest at the end; the same lines go to the logger `sptrader_lab.candles`.

    Notes
    -----
    Safe to share between threads. Any number of processes may read one folder while others write to it.
    """

    def __init__(
        self, folder: str | Path = "data", *, cache: CandleCache | None = None, keep_cache: bool = False
    ) -> None:
        self.folder = Path(folder)
        self.cache = CandleCache() if cache is None else cache
        self.log: deque[str] = deque(maxlen=200)
        self._loaded: set[tuple[str, str, str]] = set()
        if keep_cache:
            from sptrader_lab.candles.shelf import DiskShelf

            self.cache.keep_on(DiskShelf(self.folder / "cache"))

    def candles(
        self, symbol: str, timeframe: str, start: object = None, end: object = None, *, source: str | None = None
    ) -> Candles:
        """Return the candles that open in the half-open range [start, end).

        Parameters
        ----------
        symbol, timeframe : str
            `EURUSD`, `AAPL`, `BTC/USDT`; `1m`, `15m`, `4h`, `1d`, `1w`, `1mo`. A timeframe that is not stored is made from
            the coarsest stored finer one that divides it. Intraday candles count from the trading day's start and are cut
            at its end (S4).
        start, end : str, datetime or int ns, optional
            Without a zone UTC; a bare end date is included whole (S1).
        source : str, optional
            `store` (imported), `sample` or `equities`. Without it imported candles win, and where there are none sample
            or equity candles are made on first use.

        Raises
        ------
        MissingCandles
            When there are none; the text says what there is.

        Notes
        -----
        The last candle of a coarser timeframe is made from what is stored: where the store ends inside it, it is shorter
        than its name says, and the log tells.
        """
        frame, key = self._key(symbol, timeframe, start, end, source)
        index = self._base(key, frame)
        found = self.cache.get(key, index.stamp)
        if found is None:
            if key[:3] in self._loaded:
                self._tell(f"{key} is not (or no longer) in the cache; reading the store", logging.WARNING)
            with self.cache.loading(key):
                found = self._read(key, frame, index, chunks=1)
        if not len(found):
            raise no_candles_in_range(key, index)
        return found

    def load(
        self, symbol: str, timeframe: str, start: object = None, end: object = None, *, source: str | None = None
    ) -> Candles:
        """Read candles into the cache now, showing progress, and return them; arguments as in `candles`."""
        frame, key = self._key(symbol, timeframe, start, end, source)
        index = self._base(key, frame)
        with self.cache.loading(key):
            found = self._read(key, frame, index, chunks=max(1, round((index.last - index.first) / (180 * DAY))))
        self._loaded.add(key[:3])
        if not len(found):
            raise no_candles_in_range(key, index)
        return found

    def status(
        self, symbol: str, timeframe: str, start: object = None, end: object = None, *, source: str | None = None
    ) -> Status:
        """Say whether this range is `empty`, `loading` or `loaded` in the cache, with hits, misses, age and size."""
        frame, key = self._key(symbol, timeframe, start, end, source)
        index = answering(layout.indexes(self.folder, key.source, key.symbol), frame)
        return self.cache.status(key, "" if index is None else index.stamp)

    def write(self, candles: Candles) -> Written:
        """Add candles to the imported ones.

        Raises
        ------
        CandleError
            When one contradicts a stored candle; nothing is written then.
        InputError
            For sample candles, a symbol that the store writes otherwise, or a folder that can't be made.
        """
        if candles.source in MAKERS:
            raise InputError(
                f"these {candles.symbol} candles come from the source {candles.source!r}, which is never mixed with imported "
                "candles; ask for them with source=..."
            )
        must_be_writable(self.folder)
        must_be_new_or_known(self.folder, candles.symbol)
        rows = from_candles(candles)
        for rule, mask in flaws(rows).items():
            row = int(np.flatnonzero(mask)[0])
            raise CandleError(f"{candles!r}: {mask.sum():,} candles can't be stored, the first is row {row}: {rule}")
        merged = merge(
            self.folder, "store", candles.symbol, candles.timeframe, rows, price=candles.price, only_whole=True
        )
        if merged.conflicts.any():
            row = int(np.flatnonzero(merged.conflicts)[0])
            raise CandleError(
                f"{candles.symbol} {candles.timeframe}: {merged.conflicts.sum():,} of {len(candles):,} candles contradict "
                f"stored ones, the first at {np.datetime64(int(rows.time[row]), 'ns')} UTC; nothing was "
                "written, because a stored candle is never replaced"
            )
        self._tell(f"{candles.symbol} {candles.timeframe}: {merged.added.sum():,} candles written")
        return Written(int(merged.added.sum()), int(merged.identical.sum()))

    def import_file(
        self,
        path: str | Path,
        *,
        symbol: str,
        timeframe: str | None = None,
        tz: str | None = None,
        columns: Mapping[str, str] | None = None,
        bad_rows: str = "quarantine",
        price: str | None = None,
    ) -> ImportReport:
        """Import a CSV or Parquet file, recognising HistData, Dukascopy, MetaTrader, Yahoo, TradingView and pandas.

        Parameters
        ----------
        path : str or Path
            The file.
        symbol : str
            What its candles belong to.
        timeframe : str, optional
            Else the most common time step.
        tz : str, optional
            The zone of times that name none: `Europe/London`, `UTC+2`, or `America/New_York+7` (as many brokers keep).
        columns : mapping, optional
            Our names (time, open, high, low, close, volume, spread) to the file's, where they are not recognised.
        bad_rows : str
            `quarantine` puts rows that can't be right into a file of their own and counts them; `refuse` refuses the file.
        price : str, optional
            mid, bid or ask, where the format does not say.

        Raises
        ------
        ImportRefused
            When the file is ambiguous; the text says what to add.
        InputError
            When the store writes this symbol otherwise, or its folder can't be made.
        """
        from sptrader_lab.candles.importing.run import Wish, import_file

        wish = Wish(symbol, timeframe, tz, dict(columns or {}), bad_rows, price)
        must_be_writable(self.folder)
        must_be_new_or_known(self.folder, symbol)
        report = import_file(self.folder, Path(path), wish)
        self._tell(f"{symbol} {report.timeframe}: {report.imported:,} candles imported from {report.path.name}")
        return report

    def check(self, symbol: str, timeframe: str, *, source: str | None = None) -> QualityReport:
        """Return the quality report of all stored candles of a symbol."""
        from sptrader_lab.candles.quality import examine

        frame, key = self._key(symbol, timeframe, None, None, source)
        rows, _ = self._rows(key, frame, self._base(key, frame), chunks=1)
        return examine(rows, key.symbol, frame, key.source)

    def timeframes(self, symbol: str, *, source: str | None = None) -> tuple[str, ...]:
        """Return the stored timeframes of a symbol, the finest first; sample and equity candles are made when need be."""
        source, symbol = self._found(symbol, source)
        self._make(source, symbol)
        held = layout.indexes(self.folder, source, symbol)
        return tuple(sorted((index.timeframe for index in held), key=lambda text: timeframe(text).ns))

    def list(self) -> pd.DataFrame:
        """Return what there is: symbol, timeframe, source, candles, from, to (opening instants).

        Candles that are made on first use are listed with zero candles until then.
        """
        must_be_readable(self.folder)
        return listing.table(self.folder)

    def __repr__(self) -> str:
        return f"<CandleStore {listing.line(self.folder)}; {self.cache!r}>"

    def _repr_html_(self) -> str:
        return listing.to_html(self.folder) + self.cache._repr_html_()

    def _key(self, symbol: str, text: str, start: object, end: object, source: str | None) -> tuple[Timeframe, Key]:
        frame = timeframe(text)
        low = BEGINNING if start is None else parse_time(start)
        high = END if end is None else parse_time(end, end=True)
        if low >= high:
            raise InputError(f"the range {start!r} .. {end!r} is empty; its start must lie before its end")
        return frame, Key(*self._found(symbol, source), frame.text, low, high)

    def _found(self, symbol: str, source: str | None) -> tuple[str, str]:
        """Return the source that answers for a symbol, and how the symbol is written there."""
        must_be_readable(self.folder)
        found, written = resolve(self.folder, symbol, source)
        if written != symbol:
            self._tell(f"{symbol} was read as {written}")
        return found, written

    def _base(self, key: Key, frame: Timeframe) -> Index:
        """Return the stored candles that answer: the timeframe itself, or the coarsest finer one that divides it."""
        self._make(key.source, key.symbol)
        held = layout.indexes(self.folder, key.source, key.symbol)
        index = answering(held, frame)
        if index is None:
            raise no_such_timeframe(key, tuple(timeframe(index.timeframe) for index in held))
        return index

    def _make(self, source: str, symbol: str) -> None:
        if source in MAKERS and ensure(self.folder, source, symbol):
            self._tell(on_making(self.folder, source, symbol), logging.WARNING if source == "sample" else logging.INFO)

    def _read(self, key: Key, frame: Timeframe, base: Index, chunks: int) -> Candles:
        began = time.perf_counter()
        rows, index = self._rows(key, frame, base, chunks)
        candles = to_candles(rows, key.symbol, frame.text, source=key.source, price=index.price, spread=index.spread)
        made = "" if index.timeframe == frame.text else f" from {index.timeframe}"
        self._tell(f"{key}: {len(candles):,} candles read{made} in {(time.perf_counter() - began) * 1e3:.0f} ms")
        for text in on_reading(candles, index):
            self._tell(text)
        if len(candles):
            self.cache.put(key, candles, index.stamp)
        return candles

    def _rows(self, key: Key, frame: Timeframe, base: Index, chunks: int) -> tuple[Rows, Index]:
        found = layout.reading(base.folder, key.source, partial(read_rows, key, frame, chunks))
        if found is None:
            raise no_symbol(self.folder, key.symbol, key.source)
        return found

    def _tell(self, text: str, level: int = logging.INFO) -> None:
        self.log.append(text)
        LOGGER.log(level, text)
