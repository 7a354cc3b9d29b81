"""Admission: what a run is given, checked before anything is computed, and what one account can hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Final

import numpy as np

from sptrader_lab.errors import CandleError, InputError, unknown
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import Instrument, instrument

_MODES: Final = ("check", "exhaustive", "off")
_ON_ERROR: Final = ("raise", "continue")
_HOW: Final = "give Candles: CandleStore('data').candles('EURUSD', '1h'), or Candles.from_frame(...) for a pandas frame"


def check_words(on_error: str, mode: str) -> None:
    """Refuse words that no option knows.

    Raises
    ------
    InputError
        With the nearest known one.
    """
    if on_error not in _ON_ERROR:
        raise InputError(unknown("on_component_error", str(on_error), _ON_ERROR))
    if mode not in _MODES:
        raise InputError(unknown("lookahead mode", str(mode), _MODES))


def as_candles(given: Any) -> tuple[Candles, ...]:
    """Return what a caller gave as candles, one per symbol.

    Raises
    ------
    InputError
        When there are none, or something else was given.
    """
    if isinstance(given, Candles):
        return (given,)
    if isinstance(given, Strategy):
        raise InputError("a strategy stands where candles belong; the order is lab.backtest(strategy, candles)")
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InputError(f"{type(given).__name__} is not candles; {_HOW}")
    for one in given:
        if not isinstance(one, Candles):
            raise InputError(f"{type(one).__name__} {one!r:.60} is not candles; {_HOW}")
    if not given:
        raise InputError(f"no candles given; {_HOW}")
    return tuple(given)


def as_capital(given: object) -> float:
    """Return the capital as a number above zero.

    Raises
    ------
    InputError
        When it is none.
    """
    if isinstance(given, bool) or not isinstance(given, Real) or not math.isfinite(given) or given <= 0:
        raise InputError(f"capital {given!r} must be a number above zero, in the account's currency")
    return float(given)


def admitted(plan: Plan, candles: tuple[Candles, ...]) -> tuple[tuple[Candles, ...], tuple[Instrument, ...]]:
    """Return the candles with the strategy's day end and the facts about each symbol.

    Raises
    ------
    InputError, CandleError
        When one account can't hold these symbols (S12), or their candles don't share one clock (S13).
    """
    symbols = [one.symbol for one in candles]
    if len(set(symbols)) < len(symbols):
        raise InputError(f"candles must be of different symbols, got {', '.join(symbols)}")
    timeframes = sorted({one.timeframe for one in candles})
    if len(timeframes) > 1:
        raise InputError(f"candles must share one timeframe, got {', '.join(timeframes)}; resample them alike")
    day_end = plan.day_end
    if day_end is not None:
        candles = tuple(replace(one, day_end=day_end) for one in candles)
    instruments = tuple(
        instrument(one.symbol)._replace(**{**plan.instrument_overrides, "day_end": one.day_end}) for one in candles
    )
    _require_one("quoted in", [one.quote for one in instruments], symbols, "one account holds one currency (S12)")
    ends = [str(one.day_end) for one in instruments]
    _require_one("ending their day at", ends, symbols, "say which with instrument.day_end in the strategy (S4)")
    _check_clock(candles)
    return candles, instruments


def marks_per_year(candles: tuple[Candles, ...], instruments: tuple[Instrument, ...]) -> int:
    """Return how many day ends with candles a year has, the square of the annualisation factor (S16)."""
    unit = candles[0].period.unit
    if unit in {"w", "mo"}:
        return {"w": 52, "mo": 12}[unit]
    return max(one.days_per_year for one in instruments)


def _require_one(what: str, values: list[str], symbols: list[str], rule: str) -> None:
    if len(set(values)) > 1:
        pairs = ", ".join(f"{symbol} {value}" for symbol, value in zip(symbols, values, strict=True))
        raise InputError(f"the symbols differ in {what}: {pairs}; {rule}")


def _check_clock(candles: tuple[Candles, ...]) -> None:
    """Refuse candles that overlap in part: one would be decided before the other, of the same instant, is known (S2, S13)."""
    opens, closes = candles[0].time, candles[0].close_time
    if len(candles) > 1:
        opens = np.concatenate([one.time for one in candles])
        order = np.argsort(opens, kind="stable")
        opens, closes = opens[order], np.concatenate([one.close_time for one in candles])[order]
    wrong = np.flatnonzero(opens[1:] < closes[:-1])
    together = (opens[wrong + 1] == opens[wrong]) & (closes[wrong + 1] == closes[wrong])
    wrong = wrong[~together]
    if len(wrong):
        first = opens[wrong[0] : wrong[0] + 2].view("datetime64[ns]")
        raise CandleError(
            f"{len(wrong)} candles begin before the one that opened earlier is closed, the first at {str(first[1])[:19]} UTC "
            f"inside the {candles[0].timeframe} candle of {str(first[0])[:19]} UTC; resample all symbols to one grid"
        )
