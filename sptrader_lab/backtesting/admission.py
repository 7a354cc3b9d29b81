"""Admission: what a run is given, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Final

from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import InputError, unknown
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles

_MODES: Final = ("check", "exhaustive", "off")
_ON_ERROR: Final = ("raise", "continue")
_ON_LOOKAHEAD: Final = ("error", "warn")
_HOW: Final = "give Candles: CandleStore('data').candles('EURUSD', '1h'), or Candles.from_frame(...) for a pandas frame"


def check_words(on_error: str, mode: str, on_lookahead: str) -> None:
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
    if on_lookahead not in _ON_LOOKAHEAD:
        raise InputError(unknown("on_lookahead", str(on_lookahead), _ON_LOOKAHEAD))


def check_store(given: Any) -> None:
    """Refuse what is no store, such as its folder.

    Raises
    ------
    InputError
        With how to make one.
    """
    if given is not None and not isinstance(given, CandleStore):
        raise InputError(f"store={given!r:.60} is not a store; write store=CandleStore('data')")


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
