"""Why an order, an exit or a refusal happened: one numbering for kernel and frames.

The kernel stores the small integers; `REASONS[code]` is the word a researcher reads.
Codes are part of saved results: append, never renumber.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NONE: Final = 0
SIGNAL: Final = 1
STOP_LOSS: Final = 2
TAKE_PROFIT: Final = 3
TRAILING_STOP: Final = 4
MAX_HOLDING_PERIOD: Final = 5
MAX_DRAWDOWN: Final = 6
DAILY_LOSS_LIMIT: Final = 7
LIQUIDATION: Final = 8
# Refusals of an entry, at its decision or at its fill.
MAX_POSITIONS: Final = 9
MAX_POSITIONS_PER_SYMBOL: Final = 10
ZERO_QUANTITY: Final = 11
UNDER_MINIMUM: Final = 12
NOT_COVERED: Final = 13
HALTED: Final = 14
HALTED_TODAY: Final = 15
TRADING_HOURS: Final = 16
TRADING_DAYS: Final = 17
MIN_VOLUME: Final = 18
MAX_SPREAD: Final = 19
EXPIRED: Final = 20
CANCELLED_BY_LIMIT: Final = 21
UNDEFINED_DISTANCE: Final = 22
STOP_BEYOND_ZERO: Final = 23

REASONS: Final[tuple[str, ...]] = (
    "",
    "signal",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "max_holding_period",
    "max_drawdown",
    "daily_loss_limit",
    "liquidation",
    "max_positions",
    "max_positions_per_symbol",
    "zero_quantity",
    "under_minimum",
    "not_covered",
    "halted",
    "halted_today",
    "trading_hours",
    "trading_days",
    "min_volume",
    "max_spread",
    "expired",
    "cancelled_by_limit",
    "undefined_distance",
    "stop_beyond_zero",
)

#: What a refusal's reason means, for a reader who does not know the rules yet.
PLAIN: Final[Mapping[int, str]] = {
    MAX_POSITIONS: "as many positions as allowed were open",
    MAX_POSITIONS_PER_SYMBOL: "already in a position",
    ZERO_QUANTITY: "the size came to nothing",
    UNDER_MINIMUM: "less than the smallest quantity",
    NOT_COVERED: "more than the account can pay",
    HALTED: "trading had stopped for good at a loss limit",
    HALTED_TODAY: "trading had stopped for the day at a loss limit",
    TRADING_HOURS: "outside the trading hours",
    TRADING_DAYS: "not on a trading day",
    MIN_VOLUME: "too little volume",
    MAX_SPREAD: "the spread was too wide",
    EXPIRED: "the order ran out of time",
    CANCELLED_BY_LIMIT: "a loss limit cancelled the order",
    UNDEFINED_DISTANCE: "the stop's distance was not known yet",
    STOP_BEYOND_ZERO: "the stop would lie below zero",
}
