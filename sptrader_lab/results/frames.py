"""Frames: the kernel's records as tables that read as words, and the series beside them.

Times are UTC with nanoseconds; codes become words; nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.results import ratios
from sptrader_lab.types import records
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.reasons import REASONS
from sptrader_lab.types.signals import SignalEvents

_HELD: Final = ("long", "short")
_TRADED: Final = ("buy", "sell")


class Names(NamedTuple):
    """The run's lists, in which records name a strategy and a symbol by position; `multipliers` by symbol."""

    strategies: Sequence[str]
    symbols: Sequence[str]
    multipliers: NDArray[np.float64]


class Ends(NamedTuple):
    """Where each symbol's candles end: what positions are marked at, and its number of candles; `time` is the run's last instant."""

    marks: np.recarray[Any, Any]
    bars: NDArray[np.int64]
    time: int


def utc(instants: NDArray[np.int64], name: str | None = None) -> pd.DatetimeIndex:
    """Return int64 ns UTC as an index of aware times."""
    return pd.DatetimeIndex(np.array(instants, dtype=np.int64).view("datetime64[ns]"), tz="UTC", name=name)


def words(codes: NDArray[Any], choices: Sequence[str]) -> pd.Series[str]:
    """Return `choices[code]` for each code."""
    return pd.Series(np.array(choices, dtype=object)[codes.astype(np.intp)], dtype="str")


def _side(table: np.recarray[Any, Any], names: tuple[str, str]) -> pd.Series[str]:
    return words(table["side"] < 0, names)


def _who(table: np.recarray[Any, Any], names: Names) -> dict[str, Any]:
    return {
        "strategy": words(table["strategy"], names.strategies),
        "symbol": words(table["symbol"], names.symbols),
    }


def _as_they_are(table: np.recarray[Any, Any], fields: Iterable[str]) -> dict[str, Any]:
    return {field: np.array(table[field]) for field in fields}


def _percent(
    profit: NDArray[np.float64], table: np.recarray[Any, Any], names: Names, rate: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `profit` as a percentage of the value at the entry price, in account money at `rate`."""
    value = table["entry_price"] * table["quantity"] * names.multipliers[table["symbol"]] * rate
    return np.asarray(100.0 * profit / value)


def trades_frame(trades: np.recarray[Any, Any], names: Names) -> pd.DataFrame:
    """Return closed trades in the order of their exits: a row per closing fill, so a position closed in parts has several.

    `part` counts the closing fills of such a position from 1; 0 is a position closed whole.
    """
    held = (trades["exit_time"] - trades["entry_time"]) / HOUR
    return pd.DataFrame(
        {
            "id": np.array(trades["id"]),
            **_who(trades, names),
            "side": _side(trades, _HELD),
            "entry_time": utc(trades["entry_time"]),
            "entry_price": np.array(trades["entry_price"]),
            "exit_time": utc(trades["exit_time"]),
            "exit_price": np.array(trades["exit_price"]),
            "quantity": np.array(trades["quantity"]),
            "pnl": np.array(trades["pnl"]),
            "pnl_percent": _percent(trades["pnl"], trades, names, trades["rate"]),
            **_as_they_are(trades, ("gross", "costs", "part", "financing")),
            "exit_reason": words(trades["reason"], REASONS),
            "bars": np.array(trades["bars"]),
            "holding_period_hours": np.array(held),
            **_as_they_are(trades, ("stop", "target")),
            "ambiguous": trades["ambiguous"] != 0,
            **_as_they_are(trades, ("mae", "mfe", "entry_bar", "exit_bar", "entry_order", "exit_order")),
        }
    )


def orders_frame(orders: np.recarray[Any, Any], names: Names) -> pd.DataFrame:
    """Return orders as they were decided, and what became of them."""
    return pd.DataFrame(
        {
            "id": np.array(orders["id"]),
            "time": utc(orders["time"]),
            **_who(orders, names),
            "side": _side(orders, _TRADED),
            "action": words(orders["action"], records.ACTIONS),
            "kind": words(orders["kind"], records.KINDS),
            "quantity": np.array(orders["quantity"]),
            "price": np.array(orders["price"]),
            "reason": words(orders["reason"], REASONS),
            "status": words(orders["status"], records.STATUSES),
            "unfilled_reason": words(orders["final"], REASONS),
            **_as_they_are(orders, ("stop_distance", "target_distance", "trail_distance", "bar", "trade")),
            "stop_limit": np.where(orders["kind"] == records.STOP_LIMIT, orders["limit"], np.nan),
        }
    )


def fills_frame(fills: np.recarray[Any, Any], names: Names) -> pd.DataFrame:
    """Return fills in the order in which they happened."""
    return pd.DataFrame(
        {
            "id": np.array(fills["id"]),
            "time": utc(fills["time"]),
            **_who(fills, names),
            "side": _side(fills, _TRADED),
            **_as_they_are(fills, ("quantity", "price", "commission", "slippage", "spread", "rate")),
            "reason": words(fills["reason"], REASONS),
            **_as_they_are(fills, ("order", "trade", "bar")),
        }
    )


def cashflows_frame(cashflows: np.recarray[Any, Any], names: Names) -> pd.DataFrame:
    """Return swaps, dividends and splits of open positions; `value` is nights, money per unit or the ratio."""
    return pd.DataFrame(
        {
            "time": utc(cashflows["time"]),
            **_who(cashflows, names),
            "kind": words(cashflows["kind"], records.CASHFLOWS),
            **_as_they_are(cashflows, ("value", "amount", "trade")),
        }
    )


def refusals_frame(refusals: np.recarray[Any, Any], names: Names) -> pd.DataFrame:
    """Return entries that were wanted and not made: `value` broke `limit` (NaN where no number belongs to it)."""
    return pd.DataFrame(
        {
            "time": utc(refusals["time"]),
            **_who(refusals, names),
            "side": _side(refusals, _HELD),
            "reason": words(refusals["reason"], REASONS),
            **_as_they_are(refusals, ("value", "limit", "bar")),
        }
    )


def open_profit(
    positions: np.recarray[Any, Any], marks: np.recarray[Any, Any], multipliers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what each open position has gained in account money at `marks`, before costs and financing (S12).

    What is financed converts its profit at the last rate; what is owned was paid for at the rate of its entry.
    """
    at = marks[positions["symbol"]]
    entry_rate = np.where(at["financed"] != 0, at["rate"], positions["entry_rate"])
    change = _mark(positions, at) * at["rate"] - positions["entry_price"] * entry_rate
    return np.asarray(positions["side"] * positions["quantity"] * multipliers[positions["symbol"]] * change)


def _mark(positions: np.recarray[Any, Any], at: np.recarray[Any, Any]) -> NDArray[np.float64]:
    """Return the price that each position would leave at: longs at the bid, shorts at the ask (S9)."""
    return np.where(positions["side"] > 0, at["bid"], at["ask"])


def positions_frame(positions: np.recarray[Any, Any], names: Names, ends: Ends) -> pd.DataFrame:
    """Return positions open at the end, marked at their symbol's last close; the entry bar counts as 1 in `bars`.

    `unrealized_pnl` is what they gained less the costs paid so far, with the financing so far.
    """
    at = ends.marks[positions["symbol"]]
    profit = open_profit(positions, ends.marks, names.multipliers) - positions["costs"] + positions["financing"]
    return pd.DataFrame(
        {
            "id": np.array(positions["id"]),
            **_who(positions, names),
            "side": _side(positions, _HELD),
            "entry_time": utc(positions["entry_time"]),
            "entry_price": np.array(positions["entry_price"]),
            "quantity": np.array(positions["quantity"]),
            "mark": _mark(positions, at),
            "unrealized_pnl": profit,
            "unrealized_percent": _percent(profit, positions, names, at["rate"]),
            **_as_they_are(positions, ("costs", "financing", "parts")),
            "holding_period_hours": np.array((ends.time - positions["entry_time"]) / HOUR),
            "bars": np.array(ends.bars[positions["symbol"]] - positions["entry_bar"]),
            **_as_they_are(positions, ("stop", "target", "trail")),
            "break_even": np.array(positions["even"]),
            "decided_exit": words(positions["exit_reason"], REASONS),
            **_as_they_are(positions, ("entry_rate", "entry_bar", "entry_order")),
        }
    )


def signals_frame(
    signals: Sequence[SignalEvents], names: Names, close_times: Sequence[NDArray[np.int64]]
) -> pd.DataFrame:
    """Return every signal event at the instant at which it is known, one column per output.

    An output that a signal does not have is missing (NaN) in its rows; one called like a column of this table gets
    ``_output`` behind its name.
    """
    parts = [_events_frame(events, names, close_times[events.symbol]) for events in signals]
    filled = [part for part in parts if len(part)] or parts[:1]
    if not filled:
        nothing = SignalEvents(0, 0, "", np.empty(0, np.int64), {})
        return _events_frame(nothing, names, np.empty(0, np.int64))
    return pd.concat(filled, ignore_index=True).sort_values("time", kind="stable", ignore_index=True)


def _events_frame(events: SignalEvents, names: Names, close_time: NDArray[np.int64]) -> pd.DataFrame:
    count = len(events.bars)
    base = {
        "time": utc(close_time[events.bars]),
        "strategy": words(np.full(count, events.strategy), names.strategies),
        "symbol": words(np.full(count, events.symbol), names.symbols),
        "name": pd.Series([events.name] * count, dtype="str"),
        "bar": np.array(events.bars),
    }
    outputs = {f"{name}_output" if name in base else name: _output(values) for name, values in events.outputs.items()}
    return pd.DataFrame({**base, **outputs})


def _output(values: NDArray[Any]) -> Any:
    return pd.Series(values, dtype="str") if values.dtype.kind in "UOT" else np.array(values)


def monthly_returns(daily_equity: pd.Series[float], capital: float) -> pd.DataFrame:
    """Return each month's change as a fraction: a row per year, columns 1 to 12 and `total` (the year's).

    The first month starts from `capital`; months without a trading day are NaN.
    """
    index = pd.DatetimeIndex(daily_equity.index)
    equity: NDArray[np.float64] = np.array(daily_equity, dtype=np.float64)
    years, months = np.asarray(index.year), np.asarray(index.month)
    rows = np.unique(years)
    table = np.full((len(rows), 13), np.nan)
    last = _last_of_each(12 * years + months)
    table[np.searchsorted(rows, years[last]), months[last] - 1] = ratios.daily_returns(equity[last], capital)
    last = _last_of_each(years)
    table[:, 12] = ratios.daily_returns(equity[last], capital)
    return pd.DataFrame(table, index=pd.Index(rows, name="year"), columns=[*range(1, 13), "total"])


def _last_of_each(keys: NDArray[Any]) -> NDArray[np.intp]:
    """Return the position of the last of each run of equal keys."""
    return np.flatnonzero(np.diff(keys, append=-1))
