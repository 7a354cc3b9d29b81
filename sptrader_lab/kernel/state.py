"""What the kernel reads (Market, Legs) and what it keeps (Book, Journal): arrays grouped by name.

A *leg* is one strategy on one symbol. Legs are sorted by (strategy, symbol); every loop over them is therefore in the
order of S5. Leg `k` owns `positions[first[k] : first[k] + open_count[k]]` and
`waiting[first[k] : first[k] + waiting_count[k]]`, oldest first.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = np.recarray[Any, Any]

# Bits of `Legs.flags`.
ENTER_LONG: Final = 1
ENTER_SHORT: Final = 2
EXIT_LONG: Final = 4
EXIT_SHORT: Final = 8
SESSION_EXIT: Final = 16
SIGNAL_CLOSE: Final = 32


class Market(NamedTuple):
    """Candles of all symbols, one behind the other: symbol `s` owns rows `first[s]` .. `last[s] - 1`.

    The run begins at row `begin[s]`; earlier rows are warm-up. `spread` and the rates have one value per row, or none at all.
    `nights[s, d]` is what the day that ends at `day_ends[d]` counts for swap. Symbol `s` owns
    `actions[action_first[s] : action_first[s + 1]]` and the finer candles `finer_first[s]` .. `finer_first[s + 1] - 1`.
    """

    time: NDArray[np.int64]
    close_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    begin: NDArray[np.int64]
    contracts: Records
    day_ends: NDArray[np.int64]
    spread: NDArray[np.float64]
    rate_open: NDArray[np.float64]
    rate_close: NDArray[np.float64]
    nights: NDArray[np.int8]
    actions: Records
    action_first: NDArray[np.int64]
    finer_time: NDArray[np.int64]
    finer_open: NDArray[np.float64]
    finer_high: NDArray[np.float64]
    finer_low: NDArray[np.float64]
    finer_close: NDArray[np.float64]
    finer_first: NDArray[np.int64]


class Legs(NamedTuple):
    """Decisions of all legs, one behind the other: bar `i` of leg `k` is row `offset[k] + i`.

    The ATR and price columns are empty where no leg uses one. `paced[k]` is 1 where signals come from longer candles (S13).
    """

    strategy: NDArray[np.int64]
    symbol: NDArray[np.int64]
    offset: NDArray[np.int64]
    flags: NDArray[np.uint8]
    blocked: NDArray[np.uint8]
    stop_atr: NDArray[np.float64]
    target_atr: NDArray[np.float64]
    trail_atr: NDArray[np.float64]
    size_atr: NDArray[np.float64]
    even_atr: NDArray[np.float64]
    long_price: NDArray[np.float64]
    short_price: NDArray[np.float64]
    long_limit: NDArray[np.float64]
    short_limit: NDArray[np.float64]
    paced: NDArray[np.uint8]


class Book(NamedTuple):
    """Everything that one instant hands to the next.

    `row[s]` is the next row of symbol `s`; `due[s]` says whether it has a candle at this instant; `mark[s]` is its last
    known price, the bid is `mark[s] - below[s]`, the ask `mark[s] + above[s]`, and `rate[s]` what its money is worth; `action[s]` is
    its next split or dividend. `shares` and `returns` (the last trades' profits as fractions) have one row per strategy.
    """

    account: Records
    positions: Records
    waiting: Records
    first: NDArray[np.int64]
    open_count: NDArray[np.int64]
    waiting_count: NDArray[np.int64]
    row: NDArray[np.int64]
    due: NDArray[np.bool_]
    mark: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]
    rate: NDArray[np.float64]
    action: NDArray[np.int64]
    shares: Records
    returns: NDArray[np.float64]


class Journal(NamedTuple):
    """What happened, appended in order; `used` counts what is written so far, see below.

    `strategy_equity` has one column per strategy, and no rows where one strategy has the account to itself.
    """

    orders: Records
    fills: Records
    trades: Records
    refusals: Records
    cashflows: Records
    time: NDArray[np.int64]
    equity: NDArray[np.float64]
    exposure: NDArray[np.float64]
    strategy_equity: NDArray[np.float64]
    used: NDArray[np.int64]


class Run(NamedTuple):
    """All of it: what the functions of the kernel hand to each other."""

    market: Market
    legs: Legs
    rules: Records
    targets: Records
    book: Book
    journal: Journal


# Positions in `Journal.used`.
ORDERS: Final = 0
FILLS: Final = 1
TRADES: Final = 2
REFUSALS: Final = 3
CASHFLOWS: Final = 4
STEPS: Final = 5
