"""Run: one component over the columns it asked for, and nothing it could break on the way."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.answer import Answer
from sptrader_lab.components.listening import Heard, listening
from sptrader_lab.components.spec import Spec
from sptrader_lab.components.words import Column
from sptrader_lab.errors import ComponentFailed, InputError, unknown
from sptrader_lab.types.calendar import day_ends, trading_dates
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.market import Market
from sptrader_lab.types.publishing import publishing_off

_NOWHERE: Final = Market()
_FLOAT64: Final = np.dtype(np.float64)


class CandleColumns(Mapping[str, Column]):
    """Every column that a component may name, made when first asked for; read-only arrays of the candles' length.

    The candles' own, hl2, hlc3, ohlc4 (means of the prices named), `time` (the opening instant in seconds since 1970, UTC) and
    `day`: the trading day each candle belongs to (S4), as days since 1970 of the date that names it.
    """

    def __init__(self, candles: Candles) -> None:
        self._candles = candles
        self._ready: dict[str, Column] = dict(candles.columns)
        self._names = (*self._ready, *_MADE)

    def __getitem__(self, name: str) -> Column:
        column = self._ready.get(name)
        if column is None:
            if name not in _MADE:
                symbol = f"{self._candles.symbol} {self._candles.timeframe}"
                raise InputError(f"{unknown('column', name, self._names)} These are the columns of {symbol}.")
            column = _MADE[name](self._candles)
            column.flags.writeable = False
            self._ready[name] = column
        return column

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def candle_columns(candles: Candles) -> CandleColumns:
    """Return the columns of `candles` by name, hl2, hlc3, ohlc4 and day among them."""
    return CandleColumns(candles)


def _trading_day(candles: Candles) -> Column:
    """Return the ordinal of each candle's trading day, the one its last nanosecond belongs to."""
    if not len(candles):
        return np.empty(0)
    closes = candles.close_time
    ends = day_ends(int(closes[0]), int(closes[-1]), candles.day_end)
    ordinals = trading_dates(ends, candles.day_end).astype(np.int64).astype(np.float64)
    last = np.searchsorted(closes, ends, side="right")  # a candle that closes at a day end belongs to that day
    return np.repeat(ordinals, np.diff(last, prepend=0))


_MADE: Final[dict[str, Callable[[Candles], Column]]] = {
    "hl2": lambda candles: (candles.high + candles.low) / 2.0,
    "hlc3": lambda candles: (candles.high + candles.low + candles.close) / 3.0,
    "ohlc4": lambda candles: (candles.open + candles.high + candles.low + candles.close) / 4.0,
    "day": _trading_day,
    "time": lambda candles: candles.time / 1e9,
}


def run(
    spec: Spec, arrays: Sequence[Column], parameters: Mapping[str, Any], market: Market = _NOWHERE
) -> tuple[Column, ...]:
    """Run a component and return its checked columns; see `ask`."""
    return ask(spec, arrays, parameters, market).columns


def ask(spec: Spec, arrays: Sequence[Column], parameters: Mapping[str, Any], market: Market = _NOWHERE) -> Answer:
    """Run a component and check what comes back.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray of float64, shape (bars,)
        One per input, in order. The component sees them read-only.
    parameters : mapping
        As `Spec.resolve` returns them; a missing one takes the function's own default.
    market : Market
        What the columns are of; only components of the older styles are told.

    Returns
    -------
    Answer
        Whose columns are float64, shape (bars,), one per output, read-only. Flags and whole numbers are converted. Its log
        is what the component printed; nothing of it gets to standard output or error.

    Raises
    ------
    ComponentFailed
        When the component raises (with its own traceback, the laboratory's frames cut off), or returns something else
        than one column of the candles' length per output.
    """
    seen = [_read_only(array) for array in arrays]
    told = (market,) if spec.takes_market else ()
    # A script prints in its own process; what shows here meanwhile is its progress, for whoever waits.
    listen = nullcontext(Heard()) if spec.style == "script" else listening()
    try:
        with listen as heard, publishing_off():
            result = spec.function(*told, *seen, **parameters)
    except ComponentFailed:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a component is the user's code, and may raise anything
        raise _failed(spec, parameters, error) from None
    answer = result if isinstance(result, Answer) else Answer(result if isinstance(result, tuple) else (result,))
    if len(answer.columns) != len(spec.outputs):
        names = ", ".join(output.name for output in spec.outputs)
        raise _misbehaved(
            spec, f"returned {len(answer.columns)} columns, its signature names {len(spec.outputs)} ({names})"
        )
    bars = len(seen[0])
    columns = tuple(_checked(spec, place, column, bars) for place, column in enumerate(answer.columns))
    return replace(answer, columns=columns, log=answer.log + heard.text)


def _read_only(array: Column) -> Column:
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _checked(spec: Spec, place: int, column: Any, bars: int) -> Column:
    if type(column) is not np.ndarray or column.shape != (bars,) or column.dtype != _FLOAT64:
        column = _converted(spec, spec.outputs[place].name, column, bars)
    if not column.flags.c_contiguous:
        column = np.ascontiguousarray(column)
    column.flags.writeable = False
    frozen: Column = column
    return frozen


def _converted(spec: Spec, name: str, column: Any, bars: int) -> NDArray[np.float64]:
    if not isinstance(column, np.ndarray):
        raise _misbehaved(spec, f"output {name!r} is a {type(column).__name__}, not a numpy array")
    if column.shape != (bars,):
        raise _misbehaved(spec, f"output {name!r} has shape {column.shape}; {bars:,} candles want ({bars},)")
    if column.dtype.kind not in "biu" and column.dtype != _FLOAT64:
        raise _misbehaved(spec, f"output {name!r} holds {column.dtype}; a column holds float64")
    return column.astype(np.float64)


def _misbehaved(spec: Spec, what: str) -> ComponentFailed:
    code = getattr(inspect.unwrap(spec.function), "__code__", None)  # behind decorators stands what the file says
    line = code.co_firstlineno if code is not None and code.co_filename == spec.path else 0
    place = f'  File "{spec.path}", line {line}' if line else f"  {spec.path}"
    return ComponentFailed(f"component {spec.name}: {what}", place)


def _failed(spec: Spec, parameters: Mapping[str, Any], error: BaseException) -> ComponentFailed:
    """Say what happened in the component, from its own first frame on; without one from the last frame."""
    own = last = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename != spec.path:
        own, last = own.tb_next, own
    lines = traceback.TracebackException(type(error), error, own or last).format()
    given = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    return ComponentFailed(f"component {spec.name}({given}) raised {type(error).__name__}: {error}", "".join(lines))
