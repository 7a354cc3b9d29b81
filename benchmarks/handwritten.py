"""A loop written by hand for one strategy alone: the speed that a general kernel is measured against.

The rules of the kernel for this one case (S3, S5-S10, S15): a crossing enters long, the opposite one leaves, stop and target as
fractions of the fill, slippage, size as a fraction of equity. With `keep` it leaves the same records as the kernel, to the
last byte; without it only the equity curve, the drawdown and the number of trades.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba

# Codes of sptrader_lab.types.reasons and types.records, written out: this loop shares nothing with the laboratory.
SIGNAL, STOP_LOSS, TAKE_PROFIT = 1, 2, 3
FILLED, EXIT, MARKET, STOP, LIMIT = 1, 1, 0, 1, 2


class Curves(NamedTuple):
    """One value per bar each."""

    time: Any
    equity: Any
    exposure: Any


@numba.njit(nogil=True)
def crossover_loop(
    time, close_time, open_, high, low, close, enter, leave, settings, keep, orders, fills, trades, curves
):
    """Return trades, last equity and deepest drawdown; `settings` = capital, size, slippage, stop and target fraction."""
    capital, size, slippage, stop_fraction, target_fraction = settings
    cash, held, entry, stop, target, entry_bar, top, bottom = capital, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0
    wanted, leaving, peak, worst, count, worth = 0.0, False, capital, 0.0, 0, capital
    order, fill, entry_order, exit_order = 0, 0, 0, 0
    for i in range(len(close)):
        price, asked, reason, kind = 0.0, 0.0, SIGNAL, MARKET
        if held > 0.0:
            if leaving:
                asked, price = open_[i], open_[i] * (1.0 - slippage)
            elif open_[i] <= stop:
                asked, price, reason, kind = open_[i], open_[i] * (1.0 - slippage), STOP_LOSS, STOP
            elif open_[i] >= target:
                asked, price, reason, kind = open_[i], open_[i], TAKE_PROFIT, LIMIT
        closed_at_open = price > 0.0
        for _ in range(2):  # at the open, then inside the bar
            if price > 0.0:
                cash += held * price
                top, bottom = max(top, price), min(bottom, price)
                if keep:
                    if kind != MARKET:
                        order += 1
                        exit_order = order
                        write_exit(orders[order - 1], order, time[i], i, count + 1, kind, reason, held, asked)
                    orders[exit_order - 1].status = FILLED
                    fill += 1
                    write_fill(fills[fill - 1], fill, exit_order, count + 1, time[i], i, -1, reason, held, price, asked)
                    write_trade(
                        trades[count],
                        count + 1,
                        reason,
                        entry_order,
                        exit_order,
                        time,
                        entry_bar,
                        i,
                        held,
                        entry,
                        price,
                    )
                    trade = trades[count]
                    trade.stop, trade.target = stop, target
                    trade.mae, trade.mfe = held * (bottom - entry), held * (top - entry)
                count += 1
                held, leaving, price = 0.0, False, 0.0
            if wanted > 0.0:
                entry = open_[i] * (1.0 + slippage)
                if wanted * entry <= cash + 1e-9 * abs(cash):
                    held, entry_bar, top, bottom = wanted, i, entry, entry
                    cash -= held * entry
                    stop, target = entry - stop_fraction * entry, entry + target_fraction * entry
                    if keep:
                        orders[entry_order - 1].trade, orders[entry_order - 1].status = count + 1, FILLED
                        fill += 1
                        write_fill(
                            fills[fill - 1], fill, entry_order, count + 1, time[i], i, 1, SIGNAL, held, entry, open_[i]
                        )
                wanted, closed_at_open = 0.0, False
            if held <= 0.0 or closed_at_open:
                break
            if low[i] <= stop:
                asked, price, reason, kind = stop, stop * (1.0 - slippage), STOP_LOSS, STOP
            elif high[i] >= target:
                asked, price, reason, kind = target, target, TAKE_PROFIT, LIMIT
            else:
                break
        value = held * close[i]
        worth = cash + value
        top, bottom = max(top, high[i]), min(bottom, low[i])
        peak = max(peak, worth)
        worst = max(worst, (peak - worth) / peak)
        if keep:
            curves.time[i], curves.exposure[i] = close_time[i], value
        curves.equity[i] = worth
        if held > 0.0 and leave[i]:
            leaving = True
            if keep:
                order += 1
                exit_order = order
                write_exit(orders[order - 1], order, close_time[i], i, count + 1, MARKET, SIGNAL, held, close[i])
        if enter[i] and (held == 0.0 or leaving):
            free = (worth - (0.0 if leaving else value)) / 1.005 / (1.0 + slippage)
            wanted = math.floor(min(worth * size, free) / close[i] / 0.01 + 1e-9) * 0.01
            if keep:
                order += 1
                entry_order = order
                row = orders[order - 1]
                row.id, row.time, row.bar, row.side, row.reason = order, close_time[i], i, 1, SIGNAL
                row.quantity, row.price = wanted, close[i]
    return count, worth, worst


@numba.njit(inline="always")
def write_exit(row, number, time, bar, trade, kind, reason, quantity, price):
    """Write an order that closes the position."""
    row.id, row.time, row.bar, row.trade, row.side, row.action = number, time, bar, trade, -1, EXIT
    row.kind, row.reason, row.quantity, row.price = kind, reason, quantity, price


@numba.njit(inline="always")
def write_fill(row, number, order, trade, time, bar, side, reason, quantity, price, asked):
    """Write a fill."""
    row.id, row.order, row.trade, row.time, row.bar, row.side, row.reason = (
        number,
        order,
        trade,
        time,
        bar,
        side,
        reason,
    )
    row.quantity, row.price, row.commission, row.slippage = quantity, price, 0.0, side * (price - asked) * quantity
    row.rate = 1.0


@numba.njit(inline="always")
def write_trade(row, number, reason, entry_order, exit_order, time, entry_bar, bar, quantity, entry, price):
    """Write a closed trade but for its levels and excursions."""
    row.id, row.side, row.reason, row.entry_order, row.exit_order = number, 1, reason, entry_order, exit_order
    row.entry_time, row.exit_time, row.entry_bar, row.exit_bar = time[entry_bar], time[bar], entry_bar, bar
    row.bars, row.quantity, row.entry_price, row.exit_price = 1 + bar - entry_bar, quantity, entry, price
    row.gross = quantity * (price - entry)
    row.costs, row.pnl, row.rate = 0.0, quantity * (price - entry), 1.0
