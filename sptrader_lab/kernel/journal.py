"""Journal: how events are written down, in the order they happen. Nothing here decides anything."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.state import CASHFLOWS, FILLS, ORDERS, REFUSALS, STEPS, TRADES, Book, Journal, Run
from sptrader_lab.types.reasons import NONE
from sptrader_lab.types.records import ENTRY, EXIT, WAITING


@inlined
def note_entry_order(
    journal: Journal, time: int, bar: int, strategy: int, symbol: int, side: int, kind: int, price: float
) -> Any:
    """Append an order that opens a position and return it for its quantity and distances."""
    number = journal.used[ORDERS] + 1
    journal.used[ORDERS] = number
    order = journal.orders[number - 1]
    order.id, order.time, order.bar, order.trade = number, time, bar, 0
    order.strategy, order.symbol, order.side = strategy, symbol, side
    order.action, order.kind, order.status, order.final = ENTRY, kind, WAITING, NONE
    order.price = price
    return order


@inlined
def note_exit_order(
    journal: Journal, time: int, bar: int, position: Any, kind: int, reason: int, price: float, quantity: float
) -> Any:
    """Append an order that closes `quantity` of `position` and return it."""
    number = journal.used[ORDERS] + 1
    journal.used[ORDERS] = number
    order = journal.orders[number - 1]
    order.id, order.time, order.bar, order.trade = number, time, bar, position.id
    order.strategy, order.symbol, order.side = position.strategy, position.symbol, -position.side
    order.action, order.kind, order.status, order.final = EXIT, kind, WAITING, NONE
    order.reason, order.quantity, order.price = reason, quantity, price
    order.stop_distance = order.target_distance = order.trail_distance = 0.0
    return order


@inlined
def note_fill(
    run: Run,
    position: Any,
    order: Any,
    bar: int,
    quantity: float,
    slipped: float,
    spread: float,
    price: float,
    commission: float,
) -> None:
    """Append a fill at `price`, which lost `slipped` to slippage and `spread` to its side's part of the spread."""
    market, journal = run.market, run.journal
    number = journal.used[FILLS] + 1
    journal.used[FILLS] = number
    fill = journal.fills[number - 1]
    fill.id, fill.order, fill.trade = number, order.id, position.id
    fill.time, fill.bar = market.time[market.first[position.symbol] + bar], bar
    fill.strategy, fill.symbol = position.strategy, position.symbol
    fill.side, fill.reason = order.side, order.reason
    fill.quantity, fill.price, fill.commission = quantity, price, commission
    multiplier, rate = market.contracts[position.symbol].multiplier, run.book.rate[position.symbol]
    fill.slippage = slipped * quantity * multiplier * rate
    fill.spread = spread * quantity * multiplier * rate
    fill.rate = rate


@inlined
def note_trade(
    run: Run,
    position: Any,
    order: int,
    bar: int,
    quantity: float,
    price: float,
    reason: int,
    ambiguous: bool,
    gross: float,
    costs: float,
    financing: float,
) -> None:
    """Append what closing `quantity` of `position` at `price` made of it."""
    market, journal = run.market, run.journal
    number = journal.used[TRADES]
    journal.used[TRADES] = number + 1
    trade = journal.trades[number]
    trade.id, trade.strategy, trade.symbol, trade.side = position.id, position.strategy, position.symbol, position.side
    trade.reason, trade.ambiguous = reason, ambiguous or position.doubtful
    trade.entry_order, trade.exit_order = position.entry_order, order
    trade.entry_time, trade.exit_time = position.entry_time, market.time[market.first[position.symbol] + bar]
    trade.entry_bar, trade.exit_bar, trade.bars = position.entry_bar, bar, 1 + bar - position.entry_bar
    trade.quantity, trade.entry_price, trade.exit_price = quantity, position.entry_price, price
    trade.stop, trade.target = position.stop, position.target
    trade.gross, trade.costs, trade.financing = gross, costs, financing
    trade.pnl = gross - costs + financing
    rate = run.book.rate[position.symbol]
    size = quantity * market.contracts[position.symbol].multiplier
    long = position.side > 0
    highest, lowest = max(position.highest, price), min(position.lowest, price)
    worst, best = (lowest, highest) if long else (highest, lowest)
    trade.mae = position.side * size * (worst - position.entry_price) * rate
    trade.mfe = position.side * size * (best - position.entry_price) * rate
    trade.part = 0 if position.parts == 1 and quantity >= position.quantity else position.parts
    trade.rate = rate


@inlined
def note_cashflow(run: Run, position: Any, time: int, kind: int, value: float, amount: float) -> None:
    """Append what a night, a dividend or a split did to `position`."""
    journal = run.journal
    number = journal.used[CASHFLOWS]
    journal.used[CASHFLOWS] = number + 1
    flow = journal.cashflows[number]
    flow.time, flow.trade, flow.strategy, flow.symbol = time, position.id, position.strategy, position.symbol
    flow.kind, flow.value, flow.amount = kind, value, amount


@inlined
def note_end(journal: Journal, order: Any, status: int, reason: int, time: int, bar: int) -> None:
    """Write down that a waiting entry ended unfilled, and why."""
    written = journal.orders[order.id - 1]
    written.status, written.final = status, reason
    note_refusal(journal, time, bar, order.strategy, order.symbol, order.side, reason, math.nan, math.nan)


@inlined
def note_refusal(
    journal: Journal,
    time: int,
    bar: int,
    strategy: int,
    symbol: int,
    side: int,
    reason: int,
    value: float,
    limit: float,
) -> None:
    """Append an entry that was wanted and did not happen."""
    number = journal.used[REFUSALS]
    journal.used[REFUSALS] = number + 1
    refusal = journal.refusals[number]
    refusal.time, refusal.bar, refusal.strategy, refusal.symbol = time, bar, strategy, symbol
    refusal.side, refusal.reason, refusal.value, refusal.limit = side, reason, value, limit


@inlined
def note_step(journal: Journal, book: Book, time: int, exposure: float) -> None:
    """Append the account's equity and gross open notional at a closing instant, and each strategy's own equity."""
    number = journal.used[STEPS]
    equity = book.account[0].equity
    journal.used[STEPS] = number + 1
    journal.time[number], journal.equity[number], journal.exposure[number] = time, equity, exposure
    for share in range(len(book.shares) if len(journal.strategy_equity) > 0 else 0):
        journal.strategy_equity[number, share] = book.shares[share].equity
