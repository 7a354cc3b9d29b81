"""Trades as rows of text, for the report and the notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.charts.numbers import PriceText, instants, plain, price_text, signed, trade_name
from sptrader_lab.errors import InputError, unknown

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result


class Column(NamedTuple):
    """A column: its name in `result.trades`, what its head says, and whether it holds numbers."""

    key: str
    head: str
    numeric: bool


_COLUMNS: Final = (
    Column("id", "#", True),
    Column("strategy", "strategy", False),
    Column("symbol", "symbol", False),
    Column("side", "side", False),
    Column("entry_time", "entry (UTC)", False),
    Column("entry_price", "price", True),
    Column("exit_time", "exit (UTC)", False),
    Column("exit_price", "price", True),
    Column("quantity", "quantity", True),
    Column("pnl", "profit", True),
    Column("pnl_percent", "%", True),
    Column("financing", "financing", True),
    Column("bars", "bars", True),
    Column("exit_reason", "closed by", False),
)


def columns(result: Result) -> tuple[Column, ...]:
    """Return the columns of a run's table: the strategy where there are several, financing where there was any."""
    trades = result.outcome.trades
    left = {"strategy"} if len(result.strategies) == 1 else set()
    left |= set() if (trades["financing"] != 0).any() else {"financing"}
    return tuple(column for column in _COLUMNS if column.key not in left)


def sorted_trades(result: Result, key: str = "id", *, descending: bool = False) -> NDArray[np.intp]:
    """Return the positions of all closed trades in the order of one column; equal ones keep the order of their exits.

    Raises
    ------
    InputError
        When there is no such column.
    """
    known = [column.key for column in columns(result)]
    if key not in known:
        raise InputError(unknown("column", key, known))
    column = result.trades[key]
    order = pd.Series(column).reset_index(drop=True).sort_values(ascending=not descending, kind="stable")
    return np.asarray(order.index, dtype=np.intp)


def trade_rows(result: Result, which: NDArray[np.intp]) -> list[list[str]]:
    """Return these trades as text, one list per trade in the order of `columns`; ambiguous ones say so."""
    table = result.trades.iloc[which]
    both = zip(result.candles, result.instruments, strict=True)
    texts = {candles.symbol: price_text(candles, facts) for candles, facts in both}
    prices = [texts[symbol] for symbol in table["symbol"]]
    written = {
        "id": [trade_name(id, part) for id, part in zip(table["id"], table["part"], strict=True)],
        "strategy": table["strategy"].tolist(),
        "symbol": table["symbol"].tolist(),
        "side": table["side"].tolist(),
        "entry_time": _times(table["entry_time"]),
        "entry_price": _prices(prices, table["entry_price"]),
        "exit_time": _times(table["exit_time"]),
        "exit_price": _prices(prices, table["exit_price"]),
        "quantity": [plain(quantity) for quantity in table["quantity"]],
        "pnl": [signed(pnl) for pnl in table["pnl"]],
        "pnl_percent": [signed(share) for share in table["pnl_percent"]],
        "financing": [signed(money) for money in table["financing"]],
        "bars": [plain(bars, 0) for bars in table["bars"]],
        "exit_reason": [
            reason.replace("_", " ") + (" (ambiguous)" if doubt else "")
            for reason, doubt in zip(table["exit_reason"], table["ambiguous"], strict=True)
        ],
    }
    return [list(row) for row in zip(*(written[column.key] for column in columns(result)), strict=True)]


def _times(column: pd.Series[pd.Timestamp]) -> list[str]:
    return instants(pd.DatetimeIndex(column).as_unit("ns").asi8)


def _prices(texts: list[PriceText], values: pd.Series[float]) -> list[str]:
    return [text.price(value) for text, value in zip(texts, values, strict=True)]
