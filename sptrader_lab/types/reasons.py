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
# Appended later: exits, then refusals.
BREAK_EVEN: Final = 24
SESSION_EXIT: Final = 25
MARGIN_CALL: Final = 26
UNDEFINED_PRICE: Final = 27
NO_EDGE: Final = 28
MAX_ACCOUNT_POSITIONS: Final = 29
CORRELATION: Final = 30
MAX_GROSS_EXPOSURE: Final = 31
MAX_NET_EXPOSURE: Final = 32
MAX_CURRENCY_EXPOSURE: Final = 33
CANCELLED_BY_OCO: Final = 34
WITHDRAWN: Final = 35

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
    "break_even",
    "session_exit",
    "margin_call",
    "undefined_price",
    "no_edge",
    "max_account_positions",
    "correlation",
    "max_gross_exposure",
    "max_net_exposure",
    "max_currency_exposure",
    "cancelled_by_oco",
    "withdrawn",
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
    UNDEFINED_PRICE: "the order's price was not known yet",
    NO_EDGE: "the last trades show no edge to bet on",
    MAX_ACCOUNT_POSITIONS: "the account held as many positions as allowed",
    CORRELATION: "too much like a position already held",
    MAX_GROSS_EXPOSURE: "the account's gross exposure would be too large",
    MAX_NET_EXPOSURE: "the account's net exposure would be too large",
    MAX_CURRENCY_EXPOSURE: "the exposure to one currency would be too large",
    CANCELLED_BY_OCO: "the order on the other side filled first",
    WITHDRAWN: "an exit rule withdrew the waiting order",
}
