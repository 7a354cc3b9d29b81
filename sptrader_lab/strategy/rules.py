"""Rules: a strategy's limits, levels, costs, size and orders as the records that the kernel reads."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sptrader_lab.strategy.schema.levels import BreakEven, Level, Target
from sptrader_lab.strategy.schema.orders import Order
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.records import INTRABAR, KINDS, SIZERS, TARGET, default_rules, records

_MANY: Final = 2**31 - 1
_FIELDS: Final = {"percentage": "fraction", "price": "distance", "atr": "atr"}


def make_rules(strategy: Strategy) -> np.recarray[Any, Any]:
    """Return the strategy's rules, one record of `types.records.RULES`; a level that is not given is 0."""
    table = default_rules()
    rule = table[0]
    risk, execution, commission = strategy.risk, strategy.execution, strategy.commission
    _put_size(rule, strategy)
    rule.position_limit = _or_infinite(risk.position_limit)
    rule.max_positions = risk.max_positions or _MANY
    rule.max_positions_per_symbol = risk.max_positions_per_symbol or 1
    _put_level(rule, "stop", strategy.stop_loss)
    _put_targets(rule, strategy.targets)
    _put_level(rule, "trail", strategy.trailing_stop)
    _put_break_even(rule, strategy.break_even)
    rule.max_holding_period = strategy.max_holding_period or 0
    rule.slippage = execution.slippage
    rule.commission, rule.commission_per_unit = commission.fraction, commission.per_unit
    rule.commission_per_order, rule.commission_minimum = commission.per_order, commission.minimum
    rule.max_drawdown = _or_infinite(risk.max_drawdown)
    rule.daily_loss_limit = _or_infinite(risk.daily_loss_limit)
    rule.fill_close = int(execution.fill == "close")
    _put_order(rule, strategy.order, execution.expire_after)
    rule.intrabar = INTRABAR.index(execution.intrabar)
    return table


def make_targets(strategy: Strategy) -> np.recarray[Any, Any]:
    """Return the strategy's targets, records of `types.records.TARGET`; none where one or no target is said by its rules."""
    targets = strategy.targets if len(strategy.targets) > 1 else ()
    table = records(len(targets), TARGET)
    for row, target in zip(table, targets, strict=True):
        row[_FIELDS[target.type]] = target.value
        row.share = target.share
    return table


def _put_size(rule: Any, strategy: Strategy) -> None:
    size = strategy.size
    rule.sizer = SIZERS.index(size.type)
    rule["size"] = size.value  # `rule.size` reads as numpy's own attribute
    if size.type == "kelly":
        rule.kelly_cap, rule.kelly_initial, rule.kelly_window = size.cap, size.initial, size.window


def _put_level(rule: Any, name: str, level: Level | None) -> None:
    if level is not None:
        rule[f"{name}_{_FIELDS[level.type]}"] = level.value


def _put_targets(rule: Any, targets: tuple[Target, ...]) -> None:
    rule.targets = len(targets)
    if len(targets) == 1:
        _put_level(rule, "target", targets[0])


def _put_break_even(rule: Any, given: BreakEven | None) -> None:
    if given is not None:
        _put_level(rule, "even", given.trigger)
        rule["even_offset_fraction" if given.offset.type == "percentage" else "even_offset"] = given.offset.value


def _put_order(rule: Any, order: Order, expire_after: int | None) -> None:
    rule.entry_kind = KINDS.index(order.type)
    rule.expire_bars, rule.expire_day = order.expiry.bars or 0, int(order.expiry.day)
    rule.expire_after = order.expiry.after or expire_after or 0
    rule.oco = int(order.oco)


def _or_infinite(limit: float | None) -> float:
    return np.inf if limit is None else limit
