"""Rules: a strategy's limits, levels, costs and size as the one record that the kernel reads."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sptrader_lab.strategy.schema.sections import Level
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.records import INTRABAR, SIZERS, default_rules

_MANY: Final = 2**31 - 1
_FIELDS: Final = {"percentage": "fraction", "price": "distance", "atr": "atr"}


def make_rules(strategy: Strategy) -> np.recarray[Any, Any]:
    """Return the strategy's rules, one record of `types.records.RULES`; a level that is not given is 0."""
    table = default_rules()
    rule = table[0]
    risk, execution, commission = strategy.risk, strategy.execution, strategy.commission
    rule.sizer = SIZERS.index(strategy.size.type)
    rule["size"] = strategy.size.value  # `rule.size` reads as numpy's own attribute
    rule.position_limit = _or_infinite(risk.position_limit)
    rule.max_positions = risk.max_positions or _MANY
    rule.max_positions_per_symbol = risk.max_positions_per_symbol or 1
    _put_level(rule, "stop", strategy.stop_loss)
    _put_level(rule, "target", strategy.take_profit)
    _put_level(rule, "trail", strategy.trailing_stop)
    rule.max_holding_period = strategy.max_holding_period or 0
    rule.slippage = execution.slippage
    rule.commission, rule.commission_per_unit = commission.fraction, commission.per_unit
    rule.commission_per_order, rule.commission_minimum = commission.per_order, commission.minimum
    rule.max_drawdown = _or_infinite(risk.max_drawdown)
    rule.daily_loss_limit = _or_infinite(risk.daily_loss_limit)
    rule.fill_close = int(execution.fill == "close")
    rule.expire_after = execution.expire_after or 0
    rule.intrabar = INTRABAR.index(execution.intrabar)
    return table


def _put_level(rule: Any, name: str, level: Level | None) -> None:
    if level is not None:
        rule[f"{name}_{_FIELDS[level.type]}"] = level.value


def _or_infinite(limit: float | None) -> float:
    return np.inf if limit is None else limit
