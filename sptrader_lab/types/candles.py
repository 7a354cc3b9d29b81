"""Candles: one symbol's closed candles as read-only arrays, checked once on the way in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import CandleError, InputError
from sptrader_lab.types.calendar import DayEnd, Timeframe, close_times, timeframe
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import instrument

if TYPE_CHECKING:
    import pandas as pd

PRICES: Final = ("open", "high", "low", "close")
COLUMNS: Final = (*PRICES, "volume")
PRICE_KINDS: Final = ("mid", "bid", "ask")
_FROM_SYMBOL: Final = DayEnd(0, 0, "")


@dataclass(frozen=True, eq=False, repr=False)
class Candles:
    """One symbol's closed candles, frozen: read-only arrays of equal length, strictly ascending in time.

    Attributes
    ----------
    symbol, timeframe : str
        Such as ``"EURUSD"`` and ``"1h"``.
    time : numpy.ndarray of int64
        Opening instants, ns UTC (S1).
    open, high, low, close, volume : numpy.ndarray of float64
        Prices in the quote currency; volume as the source gives it (often ticks). Known at the candle's close.
    spread : numpy.ndarray of float64 or None
        Mean ask minus bid over the candle, in price units.
    source : str
        Where they came from: ``"sample"``, ``"store"``, ``"frame"`` ... shown wherever results are.
    price : str
        What the prices are: ``"mid"``, ``"bid"`` or ``"ask"`` (S9).
    day_end : DayEnd
        When the trading day ends (S4); from the symbol unless given.

    Raises
    ------
    CandleError
        When lengths differ, times are not strictly ascending, or a row breaks low <= open, close <= high, with the
        first offending row. Nothing is ever mended in silence; `sptrader-lab data check` lists every bad row.
    """

    symbol: str
    timeframe: str
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    spread: NDArray[np.float64] | None = None
    source: str = "frame"
    price: str = "mid"
    day_end: DayEnd = field(default_factory=lambda: _FROM_SYMBOL)

    def __post_init__(self) -> None:
        frame = timeframe(self.timeframe)
        object.__setattr__(self, "timeframe", frame.text)
        if self.day_end is _FROM_SYMBOL:
            object.__setattr__(self, "day_end", instrument(self.symbol).day_end)
        if self.price not in PRICE_KINDS:
            raise InputError(f"price {self.price!r} is not one of {', '.join(PRICE_KINDS)}")
        object.__setattr__(self, "time", _frozen(self.time, np.int64))
        for name in (*COLUMNS, "spread"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, _frozen(values, np.float64))
        _check(self)

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, symbol: str, timeframe: str, source: str = "frame", price: str = "mid"
    ) -> Self:
        """Take candles from a pandas frame.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns open, high, low, close, optionally volume and spread (any case); time as a DatetimeIndex or a column
            `time`, `timestamp`, `date` or `datetime`. Times without a zone are UTC.

        Raises
        ------
        CandleError
            When a column is missing or a row is not a candle.
        """
        columns = {str(name).lower(): name for name in frame.columns}
        missing = [name for name in PRICES if name not in columns]
        if missing:
            raise CandleError(f"the frame lacks {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}")
        spread = frame[columns["spread"]].to_numpy() if "spread" in columns else None
        volume = frame[columns["volume"]].to_numpy() if "volume" in columns else np.zeros(len(frame))
        prices: dict[str, Any] = {name: frame[columns[name]].to_numpy() for name in PRICES}
        time = _frame_time(frame, columns)
        return cls(symbol, timeframe, time, **prices, volume=volume, spread=spread, source=source, price=price)

    def to_frame(self) -> pd.DataFrame:
        """Return a new frame indexed by `time` (UTC), one column per array."""
        import pandas as pd

        index = pd.DatetimeIndex(self.time.view("datetime64[ns]"), tz="UTC", name="time")
        data = {name: getattr(self, name) for name in COLUMNS}
        if self.spread is not None:
            data["spread"] = self.spread
        return pd.DataFrame(data, index=index, copy=True)

    def __len__(self) -> int:
        return len(self.time)

    def between(self, start: object = None, end: object = None) -> Self:
        """Return the candles that open in the half-open range [start, end); a bare end date is included whole."""
        low = 0 if start is None else int(np.searchsorted(self.time, parse_time(start)))
        high = len(self) if end is None else int(np.searchsorted(self.time, parse_time(end, end=True)))
        return self.rows(low, max(low, high))

    def rows(self, start: int, stop: int) -> Self:
        """Return the candles at positions start..stop-1, sharing memory."""
        part = slice(start, stop)
        arrays = {name: getattr(self, name)[part] for name in ("time", *COLUMNS)}
        spread = None if self.spread is None else self.spread[part]
        return replace(self, **arrays, spread=spread)

    def __getitem__(self, key: slice) -> Self:
        """Slice by time (`candles["2025-01":"2025-03"]`) or by position (`candles[:1000]`)."""
        if not isinstance(key, slice) or key.step is not None:
            raise InputError(f"candles[{key!r}]: give a slice of times or of positions, without a step")
        if all(part is None or isinstance(part, (int, np.integer)) for part in (key.start, key.stop)):
            start, stop, _ = key.indices(len(self))
            return self.rows(start, max(start, stop))
        return self.between(key.start, key.stop)

    @property
    def period(self) -> Timeframe:
        """The parsed timeframe."""
        return timeframe(self.timeframe)

    @cached_property
    def close_time(self) -> NDArray[np.int64]:
        """When each candle is closed, ns UTC (S1)."""
        return _frozen(close_times(self.time, self.period, self.day_end), np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that a run can see of these candles; the source's name is not part of it."""
        digest = hashlib.sha256(f"{self.symbol}|{self.timeframe}|{self.price}|{self.day_end}|{len(self)}".encode())
        digest.update(self.time.data)
        for name in COLUMNS:
            digest.update(getattr(self, name).data)
        if self.spread is not None:
            digest.update(b"spread")
            digest.update(self.spread.data)
        return digest.hexdigest()

    @property
    def columns(self) -> Mapping[str, NDArray[np.float64]]:
        """What components may name: open, high, low, close, volume (and spread where there is one)."""
        names = COLUMNS if self.spread is None else (*COLUMNS, "spread")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"<Candles {self._label}>"

    @property
    def _label(self) -> str:
        if not len(self):
            return f"{self.symbol} {self.timeframe}: empty ({self.source})"
        first, last = self.time[[0, -1]].view("datetime64[ns]").astype("datetime64[m]")
        return f"{self.symbol} {self.timeframe}: {len(self):,} candles, {first} .. {last} UTC ({self.source})"

    def _repr_html_(self) -> str:
        head = f"<b>{self._label}</b>"
        if not len(self):
            return head
        few = self if len(self) <= 6 else None
        rows = (few or self.rows(0, 3)).to_frame().to_html(border=0)
        tail = (
            ""
            if few
            else f"<div>... the last 3:</div>{self.rows(len(self) - 3, len(self)).to_frame().to_html(border=0)}"
        )
        return f"{head}{rows}{tail}"


def _frozen(values: Any, dtype: type) -> NDArray[Any]:
    """Return a contiguous read-only array; the caller's own array stays writable and is never shared."""
    array = np.asarray(values)
    if dtype is np.int64 and array.dtype.kind == "M":
        array = array.astype("datetime64[ns]").view(np.int64)
    if array.dtype != dtype or not array.flags.c_contiguous or _can_change(array):
        array = np.array(array, dtype=dtype, order="C", copy=True)
        array.flags.writeable = False
    return array


def _can_change(array: NDArray[Any]) -> bool:
    """Say whether someone may write to this memory: pandas hands out read-only views of frames that stay writable."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    return False


def _frame_time(frame: pd.DataFrame, columns: Mapping[str, Any]) -> NDArray[np.int64]:
    import pandas as pd

    name = next((word for word in ("time", "timestamp", "datetime", "date") if word in columns), None)
    if name is None and not isinstance(frame.index, pd.DatetimeIndex):
        raise CandleError(
            f"the frame has no time: give it a DatetimeIndex or a column `time` (index is {frame.index.dtype})"
        )
    stamps = frame.index if name is None else frame[columns[name]]
    if name is not None and not pd.api.types.is_datetime64_any_dtype(stamps.dtype):
        raise CandleError(
            f"column {name!r} holds {stamps.dtype}, not times; convert it with pandas.to_datetime(..., utc=True)"
        )
    index = pd.DatetimeIndex(stamps)
    if index.hasnans:
        raise CandleError(f"the time of row {int(np.flatnonzero(index.isna())[0])} is missing")
    aware = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    return np.array(aware.as_unit("ns").asi8, dtype=np.int64)


def _check(candles: Candles) -> None:
    """Raise on the first rule that some row breaks, naming row, time and values."""
    count = len(candles.time)
    names = (*COLUMNS, "spread") if candles.spread is not None else COLUMNS
    for name in names:
        if getattr(candles, name).shape != (count,):
            raise CandleError(f"{name} has shape {getattr(candles, name).shape}, time has ({count},)")
    if count == 0:
        return
    _refuse(
        candles,
        np.flatnonzero(np.diff(candles.time) <= 0) + 1,
        "its time is not after the row before (order or duplicate)",
    )
    for name in names:
        values = getattr(candles, name)
        if not np.isfinite(values.sum()):  # one cheap pass; the exact rows only when something is wrong
            _refuse(candles, np.flatnonzero(~np.isfinite(values)), f"its {name} is not a finite number")
    low, high = candles.low, candles.high
    if low.min() <= 0:
        _refuse(candles, np.flatnonzero(low <= 0), "its low is not above zero")
    _refuse(
        candles, np.flatnonzero(low > np.minimum(candles.open, candles.close)), "its low is above its open or close"
    )
    _refuse(
        candles, np.flatnonzero(high < np.maximum(candles.open, candles.close)), "its high is below its open or close"
    )
    if candles.volume.min() < 0:
        _refuse(candles, np.flatnonzero(candles.volume < 0), "its volume is negative")
    if candles.spread is not None and candles.spread.min() < 0:
        _refuse(candles, np.flatnonzero(candles.spread < 0), "its spread is negative")


def _refuse(candles: Candles, rows: NDArray[np.intp], rule: str) -> None:
    if not len(rows):
        return
    row = int(rows[0])
    when = str(candles.time[row : row + 1].view("datetime64[ns]")[0])[:19]
    values = ", ".join(f"{name} {getattr(candles, name)[row]:.10g}" for name in COLUMNS)
    raise CandleError(
        f"{candles.symbol} {candles.timeframe}: {len(rows)} of {len(candles)} candles can't be right. "
        f"Row {row} at {when} UTC ({values}): {rule}. Nothing was changed; see `sptrader-lab data check`."
    )
