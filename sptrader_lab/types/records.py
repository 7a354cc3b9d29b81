"""Records: the declared layout of every noun that the kernel reads or writes.

One dtype per noun, all of them here. The arrays are `numpy.recarray`, so that `position.stop` means the same in compiled
and in interpreted code. Instants are int64 ns UTC; `bar` is the position in the symbol's own candles; `symbol` and
`strategy` are positions in the run's lists; `side` is +1 for long (buy) and -1 for short (sell); `reason` is a code of
`types.reasons`; prices are in the quote currency, quantities in units of the base.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

# Orders: `action`, `kind` and `status` are positions in these lists.
ACTIONS: Final[tuple[str, ...]] = ("entry", "exit")
KINDS: Final[tuple[str, ...]] = ("market", "stop", "limit")
STATUSES: Final[tuple[str, ...]] = ("waiting", "filled", "cancelled", "refused")

ENTRY: Final = 0
EXIT: Final = 1
MARKET: Final = 0
STOP: Final = 1
LIMIT: Final = 2
WAITING: Final = 0
FILLED: Final = 1
CANCELLED: Final = 2
REFUSED: Final = 3

#: One decided order. `time` is the decision's instant (the close of `bar`; for a protective order the opening instant
#: of the bar that reached it), `price` the close it was decided on or the protective level, `final` why it ended unfilled.
ORDER: Final = np.dtype(
    [
        ("id", "i8"),
        ("time", "i8"),
        ("bar", "i8"),
        ("trade", "i8"),
        ("strategy", "i4"),
        ("symbol", "i4"),
        ("side", "i1"),
        ("action", "i1"),
        ("kind", "i1"),
        ("status", "i1"),
        ("reason", "i1"),
        ("final", "i1"),
        ("quantity", "f8"),
        ("price", "f8"),
        ("stop_distance", "f8"),
        ("target_distance", "f8"),
        ("trail_distance", "f8"),
    ],
    align=True,
)

#: One fill. `time` is the opening instant of its bar; `slippage` is the cost in account money, included in `price`.
FILL: Final = np.dtype(
    [
        ("id", "i8"),
        ("order", "i8"),
        ("trade", "i8"),
        ("time", "i8"),
        ("bar", "i8"),
        ("strategy", "i4"),
        ("symbol", "i4"),
        ("side", "i1"),
        ("reason", "i1"),
        ("quantity", "f8"),
        ("price", "f8"),
        ("commission", "f8"),
        ("slippage", "f8"),
    ],
    align=True,
)

#: One open position. `exit_reason` is an exit already decided (0: none); `stop` and `target` are the levels set at the
#: entry (NaN: none); `trail` is the trailing level in force, from `extreme`, the best price of closed bars (S8).
POSITION: Final = np.dtype(
    [
        ("id", "i8"),
        ("strategy", "i4"),
        ("symbol", "i4"),
        ("side", "i1"),
        ("exit_reason", "i1"),
        ("entry_order", "i8"),
        ("exit_order", "i8"),
        ("entry_time", "i8"),
        ("entry_bar", "i8"),
        ("quantity", "f8"),
        ("entry_price", "f8"),
        ("stop", "f8"),
        ("target", "f8"),
        ("trail", "f8"),
        ("trail_distance", "f8"),
        ("extreme", "f8"),
        ("costs", "f8"),
        ("highest", "f8"),
        ("lowest", "f8"),
    ],
    align=True,
)

#: One closed trade. `gross` = side x quantity x multiplier x (exit - entry); `pnl` = gross - costs; `stop` and `target`
#: are the levels set at the entry (NaN: none); `mae` and `mfe` the worst and best excursion in account money.
TRADE: Final = np.dtype(
    [
        ("id", "i8"),
        ("strategy", "i4"),
        ("symbol", "i4"),
        ("side", "i1"),
        ("reason", "i1"),
        ("ambiguous", "i1"),
        ("entry_order", "i8"),
        ("exit_order", "i8"),
        ("entry_time", "i8"),
        ("exit_time", "i8"),
        ("entry_bar", "i8"),
        ("exit_bar", "i8"),
        ("bars", "i8"),
        ("quantity", "f8"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("stop", "f8"),
        ("target", "f8"),
        ("gross", "f8"),
        ("costs", "f8"),
        ("pnl", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
    ],
    align=True,
)

#: One entry that was wanted and did not happen: `value` broke `limit` (NaN where no number belongs to the reason).
REFUSAL: Final = np.dtype(
    [
        ("time", "i8"),
        ("bar", "i8"),
        ("strategy", "i4"),
        ("symbol", "i4"),
        ("side", "i1"),
        ("reason", "i1"),
        ("value", "f8"),
        ("limit", "f8"),
    ],
    align=True,
)

# Sizing methods (S10), positions in this list.
SIZERS: Final[tuple[str, ...]] = ("fraction", "units", "cash", "risk", "volatility")
FRACTION: Final = 0
UNITS: Final = 1
CASH: Final = 2
RISK: Final = 3
VOLATILITY: Final = 4

# What fills first when stop and target lie in one bar (S7).
INTRABAR: Final[tuple[str, ...]] = ("worst", "best")
WORST: Final = 0
BEST: Final = 1

#: One strategy's rules, resolved to numbers. Fractions are of 1 (0.02 is 2 %); 0 is off where no comment says what is.
#: Distances add up: a stop lies `stop_fraction` x fill + `stop_distance` + `stop_atr` x ATR away from the fill.
RULES: Final = np.dtype(
    [
        ("sizer", "i8"),
        ("size", "f8"),
        ("position_limit", "f8"),  # fraction of equity; inf: none
        ("cash_buffer", "f8"),
        ("max_positions", "i8"),
        ("max_positions_per_symbol", "i8"),
        ("stop_fraction", "f8"),
        ("stop_distance", "f8"),
        ("stop_atr", "f8"),
        ("target_fraction", "f8"),
        ("target_distance", "f8"),
        ("target_atr", "f8"),
        ("trail_fraction", "f8"),
        ("trail_distance", "f8"),
        ("trail_atr", "f8"),
        ("max_holding_period", "i8"),  # bars; 0: none
        ("slippage", "f8"),
        ("commission", "f8"),  # fraction of notional
        ("commission_per_unit", "f8"),
        ("commission_per_order", "f8"),
        ("commission_minimum", "f8"),
        ("max_drawdown", "f8"),  # fraction; inf: none
        ("daily_loss_limit", "f8"),  # fraction; inf: none
        ("fill_close", "i8"),  # 1: research only (S3)
        ("expire_after", "i8"),  # ns after the decision; 0: never
        ("intrabar", "i8"),
    ],
    align=True,
)

#: What the kernel needs of an instrument (S10, S12).
CONTRACT: Final = np.dtype([("step", "f8"), ("minimum", "f8"), ("multiplier", "f8"), ("tick", "f8")], align=True)

#: The account between two instants. `day_equity` is equity at the previous day end (S14); `halted` and `halted_today`
#: hold the reason code of the limit that tripped, or 0; `entries` counts the positions
#: ever opened, whose numbers are the trades' ids; `leaving` the open ones with a decided exit, `waiting` the entries not yet
#: filled. The limits are the tightest of all strategies; `fill_close` says whether any of them fills at the close.
ACCOUNT: Final = np.dtype(
    [
        ("cash", "f8"),
        ("equity", "f8"),
        ("high_water", "f8"),
        ("max_drawdown", "f8"),
        ("day_equity", "f8"),
        ("day", "i8"),
        ("halted", "i8"),
        ("halted_today", "i8"),
        ("entries", "i8"),
        ("drawdown_limit", "f8"),
        ("daily_loss_limit", "f8"),
        ("fill_close", "i8"),
        ("leaving", "i8"),
        ("waiting", "i8"),
    ],
    align=True,
)


def records(count: int, dtype: np.dtype[Any]) -> np.recarray[Any, Any]:
    """Return `count` zeroed records whose fields read as attributes."""
    return np.zeros(count, dtype).view(np.recarray)


def default_rules(**changes: float) -> np.recarray[Any, Any]:
    """Return one RULES record with every limit and distance off: 10 % of equity, one position, slippage 0.0001."""
    rules = records(1, RULES)
    settings: dict[str, float] = {
        "size": 0.1,
        "position_limit": np.inf,
        "cash_buffer": 0.005,
        "max_positions": 1,
        "max_positions_per_symbol": 1,
        "slippage": 0.0001,
        "max_drawdown": np.inf,
        "daily_loss_limit": np.inf,
        **changes,
    }
    for name, value in settings.items():
        rules[0][name] = value
    return rules
