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
KINDS: Final[tuple[str, ...]] = ("market", "stop", "limit", "stop_limit")
STATUSES: Final[tuple[str, ...]] = ("waiting", "filled", "cancelled", "refused")

ENTRY: Final = 0
EXIT: Final = 1
MARKET: Final = 0
STOP: Final = 1
LIMIT: Final = 2
STOP_LIMIT: Final = 3
WAITING: Final = 0
FILLED: Final = 1
CANCELLED: Final = 2
REFUSED: Final = 3

#: One decided order. `time` is the decision's instant (the close of `bar`; for a protective order the opening instant
#: of the bar that reached it), `price` the close it was decided on, or its own level, `final` why it ended unfilled. `limit` is the
#: limit of a stop-limit order, `group` the id of the first of two orders that cancel each other, `age` the bars it has
#: waited, `even_distance` the known part of the break-even trigger, `target_unit` the ATR that targets count in (0: none),
#: `split` the splits since the decision (0: none).
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
        ("limit", "f8"),
        ("group", "i8"),
        ("age", "i8"),
        ("even_distance", "f8"),
        ("target_unit", "f8"),
        ("split", "f8"),
    ],
    align=True,
)

#: One fill. `time` is the opening instant of its bar; `slippage` and `spread` are costs in account money, included in
#: `price`; `rate` is account money per unit of the quote currency.
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
        ("spread", "f8"),
        ("rate", "f8"),
    ],
    align=True,
)

#: One open position. `exit_reason` is an exit already decided (0: none); `stop` and `target` are the levels set at the
#: entry (NaN: none); `trail` is the trailing level in force, from `extreme`, the best price of closed bars (S8); `even` the
#: break-even stop once it is set (NaN before). `opened` is the quantity at the entry, `targets_taken` and `parts` count the
#: targets and the closing fills so far; `age` counts closes of signal candles; `inside` says that the entry filled inside its
#: bar, `split` the product of the splits since the decision, `entry_split` what it was at the entry, `doubtful` that what came first in a bar has already mattered; `financing` is swap and dividends in account money.
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
        ("opened", "f8"),
        ("targets_taken", "i8"),
        ("target_unit", "f8"),
        ("even", "f8"),
        ("even_distance", "f8"),
        ("age", "i8"),
        ("parts", "i8"),
        ("entry_rate", "f8"),
        ("financing", "f8"),
        ("split", "f8"),
        ("entry_split", "f8"),
        ("inside", "i1"),
        ("doubtful", "i1"),
    ],
    align=True,
)

#: One closed trade, or one closed part of a position (`part` 1, 2, ...; 0 for the whole). `gross` = side x quantity x
#: multiplier x (exit - entry) x rate (of what is owned in another currency: exit x its rate - entry x its rate); `pnl` = gross - costs + financing; `stop` is the level set at the entry, `target` the one
#: then in force (NaN: none); `mae` and `mfe` the worst and best excursion in account money, at the exit's rate.
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
        ("part", "i8"),
        ("financing", "f8"),
        ("rate", "f8"),
    ],
    align=True,
)

# What moved cash without a fill: positions in this list.
CASHFLOWS: Final[tuple[str, ...]] = ("swap", "dividend", "split")
SWAP: Final = 0
DIVIDEND: Final = 1
SPLIT: Final = 2

#: One cash flow of an open position at an opening instant: `value` is the nights, the amount per unit or the split's ratio,
#: `amount` the account money received (negative: paid).
CASHFLOW: Final = np.dtype(
    [
        ("time", "i8"),
        ("trade", "i8"),
        ("strategy", "i4"),
        ("symbol", "i4"),
        ("kind", "i1"),
        ("value", "f8"),
        ("amount", "f8"),
    ],
    align=True,
)

#: One dated event of an equity, in force before the first candle that opens at or after `time`: a dividend of `value` quote
#: money per unit, or a split of ratio `value` (2: two new for one old). `kind` is DIVIDEND or SPLIT.
ACTION: Final = np.dtype([("time", "i8"), ("symbol", "i4"), ("kind", "i1"), ("value", "f8")], align=True)

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
SIZERS: Final[tuple[str, ...]] = ("fraction", "units", "cash", "risk", "volatility", "kelly")
FRACTION: Final = 0
UNITS: Final = 1
CASH: Final = 2
RISK: Final = 3
VOLATILITY: Final = 4
KELLY: Final = 5

# What fills first when stop and target lie in one bar (S7).
INTRABAR: Final[tuple[str, ...]] = ("worst", "best", "finer")
WORST: Final = 0
BEST: Final = 1
FINER: Final = 2

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
        ("allocation", "f8"),  # share of equity that sizes are fractions of
        ("entry_kind", "i8"),  # MARKET, STOP, LIMIT or STOP_LIMIT
        ("expire_bars", "i8"),  # bars that a waiting entry lives; 0: any number
        ("expire_day", "i8"),  # 1: waiting entries end with their trading day
        ("oco", "i8"),  # 1: the entries of one close cancel each other
        ("first_target", "i8"),  # rows of the TARGET table; `targets` is 0 or 1 where target_... says it all
        ("targets", "i8"),
        ("even_fraction", "f8"),  # break-even: trigger, then how far beyond the entry the stop goes
        ("even_distance", "f8"),
        ("even_atr", "f8"),
        ("even_offset_fraction", "f8"),
        ("even_offset", "f8"),
        ("kelly_cap", "f8"),
        ("kelly_initial", "f8"),
        ("kelly_window", "i8"),
    ],
    align=True,
)

#: One of several targets of a strategy; distances add up as in RULES, the ATR is that of the target column.
TARGET: Final = np.dtype([("fraction", "f8"), ("distance", "f8"), ("atr", "f8"), ("share", "f8")], align=True)

#: What the kernel needs of an instrument (S9-S12). `base` and `quote` number the run's currencies, 0 is the account's own, -1
#: none (the base of what is no currency pair); `financed` 1
#: converts profits only, 0 the whole value; bid = price - spread x bid_share, ask = price + spread x ask_share; swaps are price
#: units a night, or yearly fractions where `swap_yearly` is 1; `triple_day` is a weekday (Monday 0), or -1 for one night every day.
CONTRACT: Final = np.dtype(
    [
        ("step", "f8"),
        ("minimum", "f8"),
        ("multiplier", "f8"),
        ("tick", "f8"),
        ("base", "i8"),
        ("quote", "i8"),
        ("financed", "i8"),
        ("bid_share", "f8"),
        ("ask_share", "f8"),
        ("swap_long", "f8"),
        ("swap_short", "f8"),
        ("swap_yearly", "i8"),
        ("triple_day", "i8"),
    ],
    align=True,
)

#: The account between two instants. `day_equity` is equity at the previous day end (S14); `halted` and `halted_today`
#: hold the reason code of the limit that tripped, or 0; `entries` counts the positions
#: ever opened, whose numbers are the trades' ids; `leaving` the open ones with a decided exit, `waiting` the entries not yet
#: filled; `swapped` the day ends whose swap is paid. `fill_close` says whether any strategy fills at the close, `simple` whether
#: quiet bars may be hurried through. The rest are limits, see `types.account.Account`; `limited` says whether any of them
#: concerns entries. `choices` counts the times that the order of events inside a bar mattered (S7).
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
        ("swapped", "i8"),
        ("simple", "i8"),
        ("leverage", "f8"),
        ("maintenance", "f8"),
        ("max_positions", "i8"),
        ("max_gross_exposure", "f8"),
        ("max_net_exposure", "f8"),
        ("max_currency_exposure", "f8"),
        ("correlation_limit", "f8"),
        ("correlation_window", "i8"),
        ("limited", "i8"),
        ("choices", "i8"),
    ],
    align=True,
)

#: One strategy's own money between two instants (S14): `base` is allocation x capital, `realised` its profit after costs and
#: financing, `trades` how many it has closed.
SHARE: Final = np.dtype(
    [
        ("base", "f8"),
        ("realised", "f8"),
        ("equity", "f8"),
        ("high_water", "f8"),
        ("day_equity", "f8"),
        ("halted", "i8"),
        ("halted_today", "i8"),
        ("trades", "i8"),
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
        "allocation": 1.0,
        **changes,
    }
    for name, value in settings.items():
        rules[0][name] = value
    return rules


def default_contract(**changes: float) -> np.recarray[Any, Any]:
    """Return one CONTRACT record: steps of 0.01 units, multiplier 1, no tick, no spread, no swap, nothing converted."""
    contract = records(1, CONTRACT)
    settings = {"step": 0.01, "multiplier": 1.0, "base": -1, "quote": -1, "triple_day": -1, **changes}
    for name, value in settings.items():
        contract[0][name] = value
    return contract
