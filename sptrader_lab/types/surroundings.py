"""Surroundings: what a run knows about a symbol besides its candles, laid out bar by bar."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.candles import Candles
from sptrader_lab.types.records import ACTION, records

_NONE: Final[NDArray[np.float64]] = np.empty(0)


class Surroundings(NamedTuple):
    """Spread, conversion, corporate actions and finer candles of one symbol.

    Attributes
    ----------
    spread : numpy.ndarray of float64, shape (candles,) or (0,)
        Ask minus bid in price units (S9); empty where no spread is asked for.
    rate_open, rate_close : numpy.ndarray of float64, shape (candles,) or (0,)
        Account money per unit of the quote currency, known at each candle's opening and closing instant (S12); empty
        where they are the same currency.
    actions : numpy.recarray of ACTION
        Splits and dividends, by time; their `symbol` field is filled in by the run.
    finer : Candles or None
        Shorter candles of the symbol, for `intrabar: finer` (S7).
    """

    spread: NDArray[np.float64] = _NONE
    rate_open: NDArray[np.float64] = _NONE
    rate_close: NDArray[np.float64] = _NONE
    actions: np.recarray[Any, Any] = records(0, ACTION)
    finer: Candles | None = None
