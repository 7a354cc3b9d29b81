"""Sizing: how many units an entry orders, final at the decision (S10)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sptrader_lab.kernel.compile import formula
from sptrader_lab.types.records import CASH, FRACTION, KELLY, RISK, UNITS


@formula
def wanted_notional(
    rule: Any, equity: float, price: float, multiplier: float, stop_distance: float, atr: float, edge: float
) -> float:
    """Return the account money that the strategy's sizer asks for, before any limit.

    Parameters
    ----------
    equity : float
        Account money that the strategy's fractions are of.
    price : float
        The close of the decision, or the entry order's own level.
    multiplier : float
        Account money per unit and price move of 1.
    stop_distance, atr : float
        Price units, for the sizers that use them.
    edge : float
        See `kelly_fraction`.
    """
    size = rule["size"]  # not `rule.size`, which interpreted code reads as numpy's own attribute
    if rule.sizer == FRACTION:
        return equity * size
    if rule.sizer == UNITS:
        return size * price * multiplier
    if rule.sizer == CASH:
        return size
    if rule.sizer == KELLY:
        return equity * edge
    distance = stop_distance if rule.sizer == RISK else atr
    if distance <= 0.0:
        return 0.0
    return equity * size / distance * price


@formula
def kelly_fraction(rule: Any, share: Any, returns: Any, strategy: int) -> float:
    """Return the fraction of equity that Kelly's rule bets: times the rule's size, at most its cap; 0 or less without an edge.

    Thorp's continuous form, mean(r) / mean(r^2) over the strategy's last trades [1]_; until there are as many as the window
    asks for, the rule's initial fraction.

    .. [1] E. O. Thorp, "The Kelly criterion in blackjack, sports betting and the stock market", 2006.
    """
    if share.trades < rule.kelly_window:
        return rule.kelly_initial
    total, squares = 0.0, 0.0
    for number in range(rule.kelly_window):
        total += returns[strategy, number]
        squares += returns[strategy, number] * returns[strategy, number]
    return min(rule.kelly_cap, rule["size"] * (total / squares)) if squares > 0.0 else 0.0


@formula
def quantity(
    rule: Any, contract: Any, equity: float, free_money: float, price: float, rate: float, wanted: float
) -> float:
    """Return the quantity that the account allows, a multiple of the lot step; 0 or less when nothing is left.

    Parameters
    ----------
    equity : float
        Account money that the strategy's fractions are of.
    free_money : float
        Buying power less open notional and what waiting entries have reserved.
    price, rate : float
        Price that the entry is sized at, and account money per unit of its currency.
    wanted : float
        What the sizer asks for, see `wanted_notional`.
    """
    free = free_money / (1.0 + rule.cash_buffer) / (1.0 + (rule.commission + rule.slippage))
    notional = min(wanted, equity * rule.position_limit, free)
    if notional <= 0.0:
        return 0.0
    # numpy's floor stays a float; of math's, compiled code makes an integer, which a huge quantity overflows.
    return np.floor(notional / (price * contract.multiplier * rate) / contract.step + 1e-9) * contract.step


@formula
def commission(rule: Any, quantity: float, notional: float) -> float:
    """Return the commission of one fill: fraction of notional, per unit, per order, at least the minimum (S9)."""
    charge = notional * rule.commission + quantity * rule.commission_per_unit + rule.commission_per_order
    return max(charge, rule.commission_minimum)
