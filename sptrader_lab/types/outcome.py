"""Outcome: everything that a run of the kernel leaves behind, before anyone makes frames of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


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

    @cached_property
    def digest(self) -> str:
        """SHA-256 over orders, fills and equity (S18), field by field so that padding never counts."""
        digest = hashlib.sha256()
        for table in (self.orders, self.fills):
            for name in table.dtype.names or ():
                digest.update(np.ascontiguousarray(table[name]).data)
        digest.update(np.ascontiguousarray(self.time).data)
        digest.update(np.ascontiguousarray(self.equity).data)
        return digest.hexdigest()
