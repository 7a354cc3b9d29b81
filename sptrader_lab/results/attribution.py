"""Attribution: which strategy and which symbol made the profit, and out of what; the rows add up to it (S15)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.results.frames import Names, open_profit, words
from sptrader_lab.types.outcome import Outcome

Legs = Collection[tuple[int, int]]

#: What is added up for each row. `pnl` = `gross` - `costs` + `financing` + `open_pnl`.
SUMS: Final = ("trades", "gross", "costs", "financing", "open_pnl", "pnl", "refused")


class Parts(NamedTuple):
    """The sums of `SUMS` for every strategy and symbol, each of shape (strategies, symbols)."""

    trades: NDArray[np.int64]
    gross: NDArray[np.float64]
    costs: NDArray[np.float64]
    financing: NDArray[np.float64]
    open_pnl: NDArray[np.float64]
    pnl: NDArray[np.float64]
    refused: NDArray[np.int64]


def parts(outcome: Outcome, names: Names, marks: np.recarray[Any, Any]) -> Parts:
    """Add up closed trades, open positions and refusals by strategy and symbol.

    Parameters
    ----------
    marks : numpy.recarray of MARK, shape (symbols,)
        What positions are marked at when the run ends.
    """
    shape = len(names.strategies), len(names.symbols)

    def total(table: np.recarray[Any, Any], values: Any = None) -> NDArray[Any]:
        place = table["strategy"].astype(np.intp) * shape[1] + table["symbol"]
        return np.bincount(place, values, minlength=shape[0] * shape[1]).reshape(shape)

    trades, still = outcome.trades, outcome.positions
    gained = open_profit(still, marks, names.multipliers) - still["costs"] + still["financing"]
    gross, costs, financing = (total(trades, trades[name]) for name in ("gross", "costs", "financing"))
    open_pnl = total(still, gained)
    pnl = gross - costs + financing + open_pnl
    return Parts(total(trades), gross, costs, financing, open_pnl, pnl, total(outcome.refusals))


def legs(outcome: Outcome, names: Names, known: Legs) -> list[tuple[int, int]]:
    """Return which strategy traded which symbol, sorted: the `known` pairs, and those that left a record.

    A strategy that has the account to itself trades every symbol.
    """
    if len(names.strategies) == 1:
        return [(0, symbol) for symbol in range(len(names.symbols))]
    found = set(known)
    for table in (outcome.orders, outcome.refusals):
        found |= set(zip(table["strategy"].tolist(), table["symbol"].tolist(), strict=True))
    return sorted(found)


def by_leg(sums: Parts, names: Names, pairs: Legs) -> pd.DataFrame:
    """Return a row per strategy and symbol that it trades."""
    index = np.array(list(pairs), dtype=np.intp).reshape(-1, 2)
    who = {"strategy": words(index[:, 0], names.strategies), "symbol": words(index[:, 1], names.symbols)}
    return pd.DataFrame({**who, **{name: getattr(sums, name)[index[:, 0], index[:, 1]] for name in SUMS}})


def by_one(sums: Parts, names: Names, column: str) -> pd.DataFrame:
    """Return a row per strategy (`column` is ``"strategy"``) or per symbol (``"symbol"``)."""
    whose, axis = (names.strategies, 1) if column == "strategy" else (names.symbols, 0)
    who = words(np.arange(len(whose)), whose)
    return pd.DataFrame({column: who, **{name: getattr(sums, name).sum(axis=axis) for name in SUMS}})
