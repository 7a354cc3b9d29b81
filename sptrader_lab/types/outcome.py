"""Outcome: everything that a run of the kernel leaves behind, before anyone makes frames of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.records import CASHFLOW, SHARE, records

#: Fields that came after the first digests were published, with the value that leaves a digest as it was.
_LATER: Final = {
    "limit": 0.0,
    "group": 0,
    "age": 0,
    "even_distance": 0.0,
    "split": 0.0,
    "target_unit": 0.0,
    "spread": 0.0,
    "rate": 1.0,
}

#: What open positions of a symbol are worth per unit when the run ends: longs at `bid`, shorts at `ask` (S9), in account money
#: at `rate` (S12); `financed` 1 converts profits only, 0 the whole value.
MARK: Final = np.dtype([("bid", "f8"), ("ask", "f8"), ("rate", "f8"), ("financed", "i1")], align=True)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Records and series of one run (layouts in `types.records`).

    Attributes
    ----------
    orders, fills, trades, refusals, positions : numpy.recarray
        In the order they happened; `positions` are those still open at the end, with marks left to the reader.
    time : numpy.ndarray of int64, shape (steps,)
        Closing instant of each step of the clock.
    equity, exposure : numpy.ndarray of float64, shape (steps,)
        Account money at each closing instant; `exposure` is gross open notional.
    account : numpy.recarray, shape (1,)
        The account at the end.
    cashflows : numpy.recarray
        Swaps, dividends and splits of open positions.
    strategy_equity : numpy.ndarray of float64, shape (steps, strategies) or (0, strategies)
        Each strategy's own equity (S14) at each closing instant; no rows where one strategy has the account to itself.
    shares : numpy.recarray, shape (strategies,)
        Each strategy's own money at the end.
    marks : numpy.recarray of MARK, shape (symbols,) or (0,)
        The last marks; no rows where they are the last closes and nothing is converted.
    """

    orders: np.recarray[Any, Any]
    fills: np.recarray[Any, Any]
    trades: np.recarray[Any, Any]
    refusals: np.recarray[Any, Any]
    positions: np.recarray[Any, Any]
    time: NDArray[np.int64]
    equity: NDArray[np.float64]
    exposure: NDArray[np.float64]
    account: np.recarray[Any, Any]
    cashflows: np.recarray[Any, Any] = field(default_factory=lambda: records(0, CASHFLOW))
    strategy_equity: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    shares: np.recarray[Any, Any] = field(default_factory=lambda: records(0, SHARE))
    marks: np.recarray[Any, Any] = field(default_factory=lambda: records(0, MARK))

    @property
    def path_mattered(self) -> bool:
        """Whether the order of events inside some bar has mattered, so that other intrabar rules give another run (S7)."""
        return bool(self.account[0].choices > 0 or self.trades.ambiguous.any())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over orders, fills and equity (S18), field by field so that padding never counts."""
        digest = hashlib.sha256()
        for table in (self.orders, self.fills):
            for name in table.dtype.names or ():
                if name in _LATER and (table[name] == _LATER[name]).all():
                    continue
                digest.update(np.ascontiguousarray(table[name]).data)
        digest.update(np.ascontiguousarray(self.time).data)
        digest.update(np.ascontiguousarray(self.equity).data)
        return digest.hexdigest()
