"""Runs made by hand for the tests of results: small enough to check every number by eye."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from sptrader_lab.results.result import Result
from sptrader_lab.types import reasons, records
from sptrader_lab.types.calendar import HOUR, UTC_MIDNIGHT
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.signals import Overlay, SignalEvents

START = int(np.datetime64("2025-01-06T00:00", "ns").astype(np.int64))  # a Monday


def table(dtype: np.dtype[Any], *rows: dict[str, Any]) -> np.recarray[Any, Any]:
    """Records of `dtype`, zero where a row says nothing."""
    made = records.records(len(rows), dtype)
    for number, row in enumerate(rows):
        for name, value in row.items():
            made[name][number] = value
    return made


def an_outcome(time: Any, equity: Any, **tables: Any) -> Outcome:
    """An outcome with these marks; tables are empty unless given. The drawdown is counted from the first equity."""
    equity = np.asarray(equity, dtype=np.float64)
    marks = accumulate(equity.tolist(), max)
    deepest = max((1 - value / mark for value, mark in zip(equity.tolist(), marks, strict=True)), default=0.0)
    layouts = {"orders": "ORDER", "fills": "FILL", "trades": "TRADE", "refusals": "REFUSAL", "positions": "POSITION"}
    return Outcome(
        **{name: tables.get(name, table(getattr(records, layout))) for name, layout in layouts.items()},
        time=np.asarray(time, dtype=np.int64),
        equity=equity,
        exposure=np.asarray(tables.get("exposure", np.zeros(len(equity)))),
        account=tables.get("account", table(records.ACCOUNT, {"cash": 0.0, "max_drawdown": deepest})),
        **{name: tables[name] for name in ("cashflows", "strategy_equity", "shares", "marks") if name in tables},
    )


def some_candles(count: int = 72, symbol: str = "AAPL", timeframe: str = "1h") -> Candles:
    """Candles that rise by one from 100, an hour apart."""
    close = 101.0 + np.arange(count)
    time = START + HOUR * np.arange(count)
    volume = np.full(count, 5.0)
    return Candles(symbol, timeframe, time, close - 1, close + 1, close - 2, close, volume, source="made")


def trade(number: int, pnl: float, **changes: Any) -> dict[str, Any]:
    """A row of a trade of 2 units from 100, entered at bar 2 x number and left two bars later, that paid 0.5."""
    entry = START + 2 * number * HOUR
    return {
        "id": number,
        "side": 1,
        "reason": reasons.SIGNAL,
        "entry_time": entry,
        "exit_time": entry + 2 * HOUR,
        "entry_bar": 2 * number,
        "exit_bar": 2 * number + 2,
        "bars": 3,
        "quantity": 2.0,
        "rate": 1.0,
        "entry_price": 100.0,
        "exit_price": 100.0 + (pnl + 0.5) / 2,
        "stop": np.nan,
        "target": np.nan,
        "gross": pnl + 0.5,
        "costs": 0.5,
        "pnl": pnl,
        **changes,
    }


def a_result(**changes: Any) -> Result:
    """Three days of hours in AAPL: one win, one loss by its stop, one refusal, one position left open."""
    candles = some_candles()
    order = {"bar": 1, "side": 1, "quantity": 2.0, "price": 100.0, "status": records.FILLED, "reason": reasons.SIGNAL}
    orders = table(
        records.ORDER,
        {**order, "id": 1, "time": START + 2 * HOUR},
        {**order, "id": 2, "time": START + 4 * HOUR, "side": -1, "action": records.EXIT, "kind": records.STOP},
        {**order, "id": 3, "time": START + 5 * HOUR, "status": records.REFUSED, "final": reasons.NOT_COVERED},
    )
    fill = {"id": 1, "order": 1, "time": START + 2 * HOUR, "side": 1, "quantity": 2.0, "price": 100.0, "rate": 1.0}
    fills = table(
        records.FILL,
        {**fill, "commission": 0.25, "slippage": 0.125},
        {**fill, "id": 2, "order": 2, "side": -1, "price": 110.0, "commission": 0.25, "slippage": 0.125},
    )
    trades = table(
        records.TRADE,
        trade(1, 20.0, target=110.0),
        trade(2, -10.0, side=-1, reason=reasons.STOP_LOSS, exit_price=104.75, stop=104.75),
    )
    refusals = table(
        records.REFUSAL,
        {"time": START + 6 * HOUR, "side": -1, "reason": reasons.MAX_POSITIONS, "value": 1.0, "limit": 1.0},
        {"time": START + 7 * HOUR, "side": 1, "reason": reasons.NOT_COVERED, "value": np.nan, "limit": np.nan},
        {"time": START + 8 * HOUR, "side": 1, "reason": reasons.MAX_POSITIONS, "value": 1.0, "limit": 1.0},
    )
    positions = table(
        records.POSITION,
        {"id": 3, "side": 1, "entry_time": START + 40 * HOUR, "entry_bar": 40, "quantity": 1.0, "entry_price": 142.0},
    )
    equity = np.concatenate([np.full(24, 1020.0), np.full(24, 1010.0), np.full(24, 1040.0)])
    outcome = an_outcome(
        candles.close_time,
        equity,
        orders=orders,
        fills=fills,
        trades=trades,
        refusals=refusals,
        positions=positions,
        exposure=np.where(np.arange(72) < 18, 100.0, 0.0),
        account=table(records.ACCOUNT, {"cash": 868.0, "max_drawdown": 10.0 / 1020.0}),
    )
    events = {
        "crossover_type": np.array(["golden_cross", "death_cross"], dtype=object),
        "signal_strength": np.array([0.5, 0.25]),
    }
    given: dict[str, Any] = {
        "outcome": outcome,
        "candles": (candles,),
        "strategies": ("cross",),
        "capital": 1000.0,
        "currency": "USD",
        "days_per_year": 252,
        "day_end": UTC_MIDNIGHT,
        "manifest": {"strategy": "cross", "parameters": {"fast": 8, "size": 0.1}, "limit": np.inf},
        "sources": {"strategies/cross.yaml": "name: cross\n"},
        "signal_events": (SignalEvents(0, 0, "cross", np.array([1, 3]), events),),
        "overlays": {"AAPL": (Overlay("sma(10)", "price", candles.close - 3),)},
        "lookahead": "3 prefixes of 2 components, nothing moved",
        "warnings": ("`live.alert_on_signal` means nothing yet",),
        "seconds": {"kernel": 0.25},
    }
    return Result(**{**given, **changes})


def a_portfolio(**changes: Any) -> Result:
    """Two strategies on two symbols, half of 1,000 each: trend closes in two parts, carry pays swap and is short at the end."""
    candles = some_candles(), some_candles(symbol="MSFT")
    part = {"financing": 0.0, "costs": 1.0}
    trades = table(
        records.TRADE,
        trade(1, 19.0, **part, gross=20.0, part=1, reason=reasons.TAKE_PROFIT, target=112.0, quantity=1.0),
        trade(2, 8.0, strategy=1, symbol=1, gross=10.0, costs=0.0, financing=-2.0),
        {
            **trade(1, -5.5, gross=-5.0, costs=1.0, financing=0.5, part=2),
            "exit_time": START + 30 * HOUR,
            "exit_bar": 30,
        },
    )
    positions = table(
        records.POSITION,
        {"id": 3, "strategy": 1, "side": -1, "entry_time": START + 48 * HOUR, "entry_bar": 48, "quantity": 1.0,
         "entry_price": 150.0, "costs": 0.5, "financing": 0.25, "entry_rate": 1.0, "even": np.nan},
    )  # fmt: skip
    flow = {"kind": records.SWAP, "value": 1.0}
    cashflows = table(
        records.CASHFLOW,
        {**flow, "time": START + 5 * HOUR, "trade": 2, "strategy": 1, "symbol": 1, "amount": -2.0},
        {**flow, "time": START + 20 * HOUR, "trade": 1, "amount": 0.5},
        {
            "time": START + 60 * HOUR,
            "trade": 3,
            "strategy": 1,
            "kind": records.DIVIDEND,
            "value": -0.25,
            "amount": 0.25,
        },
    )
    refusals = table(
        records.REFUSAL,
        {
            "time": START + 6 * HOUR,
            "side": 1,
            "strategy": 1,
            "reason": reasons.MAX_ACCOUNT_POSITIONS,
            "value": 3,
            "limit": 2,
        },
        {"time": START + 7 * HOUR, "side": 1, "reason": reasons.CORRELATION, "value": 0.9, "limit": 0.8},
    )
    own = np.repeat([[519.0, 508.0], [513.5, 508.0], [513.5, 485.75]], 24, axis=0)
    outcome = an_outcome(
        candles[0].close_time,
        own.sum(axis=1),
        trades=trades,
        positions=positions,
        cashflows=cashflows,
        refusals=refusals,
        strategy_equity=own,
        shares=table(records.SHARE, {"base": 500.0, "equity": 513.5}, {"base": 500.0, "equity": 485.75}),
        exposure=np.repeat([1500.0, 0.0, 172.0], 24),
    )
    manifest = {"strategies": [{"name": "trend"}, {"name": "carry"}]}
    events = tuple(SignalEvents(n, m, "cross", np.array([1]), {}) for n in (0, 1) for m in (0, 1))
    given = {"outcome": outcome, "candles": candles, "strategies": ("trend", "carry"), "manifest": manifest}
    return a_result(**{**given, "signal_events": events, "overlays": {}, "warnings": (), **changes})
