"""Sizing: how many units an entry orders, final at the decision (S10)."""

from __future__ import annotations

import math
from typing import Any

from sptrader_lab.kernel.compile import inlined
from sptrader_lab.types.records import CASH, FRACTION, RISK, UNITS


@inlined
def wanted_notional(
    rule: Any, equity: float, close: float, multiplier: float, stop_distance: float, atr: float
) -> float:
    """Return the account money that the strategy's sizer asks for, before any limit."""
    size = rule["size"]  # not `rule.size`, which interpreted code reads as numpy's own attribute
    if rule.sizer == FRACTION:
        return equity * size
    if rule.sizer == UNITS:
        return size * close * multiplier
    if rule.sizer == CASH:
        return size
    distance = stop_distance if rule.sizer == RISK else atr
    if distance <= 0.0:
        return 0.0
    return equity * size / distance * close


@inlined
def quantity(rule: Any, contract: Any, equity: float, close: float, committed: float, wanted: float) -> float:
    """Return the quantity that the account allows, a multiple of the lot step; 0 or less when nothing is left.

    Parameters
    ----------
    equity, close : float
        Account money and price at the decision.
    committed : float
        Open notional plus what waiting entries have reserved.
    wanted : float
        What the sizer asks for, see `wanted_notional`.
    """
    free = (equity - committed) / (1.0 + rule.cash_buffer) / (1.0 + (rule.commission + rule.slippage))
    notional = min(wanted, equity * rule.position_limit, free)
    if notional <= 0.0:
        return 0.0
    return math.floor(notional / (close * contract.multiplier) / contract.step + 1e-9) * contract.step


@inlined
def commission(rule: Any, quantity: float, notional: float) -> float:
    """Return the commission of one fill: fraction of notional, per unit, per order, at least the minimum (S9)."""
    charge = notional * rule.commission + quantity * rule.commission_per_unit + rule.commission_per_order
    return max(charge, rule.commission_minimum)
