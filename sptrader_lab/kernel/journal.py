"""Journal: how events are written down, in the order they happen. Nothing here decides anything."""

from __future__ import annotations

from typing import Any

from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.state import FILLS, ORDERS, REFUSALS, STEPS, TRADES, Journal, Market
from sptrader_lab.types.reasons import NONE
from sptrader_lab.types.records import ENTRY, EXIT, MARKET, WAITING


@inlined
def note_entry_order(journal: Journal, time: int, bar: int, strategy: int, symbol: int, side: int, price: float) -> Any:
    """Append a market order that opens a position and return it for its quantity and distances."""
    number = journal.used[ORDERS] + 1
    journal.used[ORDERS] = number
    order = journal.orders[number - 1]
    order.id, order.time, order.bar, order.trade = number, time, bar, 0
    order.strategy, order.symbol, order.side = strategy, symbol, side
    order.action, order.kind, order.status, order.final = ENTRY, MARKET, WAITING, NONE
    order.price = price
    return order


@inlined
def note_exit_order(journal: Journal, time: int, bar: int, position: Any, kind: int, reason: int, price: float) -> int:
    """Append an order that closes `position`; return its id."""
    number = journal.used[ORDERS] + 1
    journal.used[ORDERS] = number
    order = journal.orders[number - 1]
    order.id, order.time, order.bar, order.trade = number, time, bar, position.id
    order.strategy, order.symbol, order.side = position.strategy, position.symbol, -position.side
    order.action, order.kind, order.status, order.final = EXIT, kind, WAITING, NONE
    order.reason, order.quantity, order.price = reason, position.quantity, price
    order.stop_distance = order.target_distance = order.trail_distance = 0.0
    return number


@inlined
def note_fill(
    journal: Journal,
    market: Market,
    position: Any,
    order: Any,
    bar: int,
    asked: float,
    price: float,
    commission: float,
) -> None:
    """Append a fill of the whole position at `price`; what it lost against `asked` is its slippage."""
    number = journal.used[FILLS] + 1
    journal.used[FILLS] = number
    fill = journal.fills[number - 1]
    fill.id, fill.order, fill.trade = number, order.id, position.id
    fill.time, fill.bar = market.time[market.first[position.symbol] + bar], bar
    fill.strategy, fill.symbol = position.strategy, position.symbol
    fill.side, fill.reason = order.side, order.reason
    fill.quantity, fill.price, fill.commission = position.quantity, price, commission
    multiplier = market.contracts[position.symbol].multiplier
    fill.slippage = order.side * (price - asked) * position.quantity * multiplier


@inlined
def note_trade(
    journal: Journal, market: Market, position: Any, order: int, bar: int, price: float, reason: int, ambiguous: bool
) -> None:
    """Append the closed trade of `position`, which left at `price`."""
    number = journal.used[TRADES]
    journal.used[TRADES] = number + 1
    trade = journal.trades[number]
    trade.id, trade.strategy, trade.symbol, trade.side = position.id, position.strategy, position.symbol, position.side
    trade.reason, trade.ambiguous = reason, ambiguous
    trade.entry_order, trade.exit_order = position.entry_order, order
    trade.entry_time, trade.exit_time = position.entry_time, market.time[market.first[position.symbol] + bar]
    trade.entry_bar, trade.exit_bar, trade.bars = position.entry_bar, bar, 1 + bar - position.entry_bar
    trade.quantity, trade.entry_price, trade.exit_price = position.quantity, position.entry_price, price
    trade.stop, trade.target = position.stop, position.target
    size = position.quantity * market.contracts[position.symbol].multiplier
    trade.gross = position.side * size * (price - position.entry_price)
    trade.costs = position.costs
    trade.pnl = trade.gross - trade.costs
    long = position.side > 0
    worst, best = (position.lowest, position.highest) if long else (position.highest, position.lowest)
    trade.mae = position.side * size * (worst - position.entry_price)
    trade.mfe = position.side * size * (best - position.entry_price)


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
def note_step(journal: Journal, time: int, equity: float, exposure: float) -> None:
    """Append the account's equity and gross open notional at a closing instant."""
    number = journal.used[STEPS]
    journal.used[STEPS] = number + 1
    journal.time[number], journal.equity[number], journal.exposure[number] = time, equity, exposure
