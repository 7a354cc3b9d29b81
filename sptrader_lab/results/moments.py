"""Moments: what an account held at one close, before anything was decided there, told from its records alone.

`now` is a closing instant, ns UTC. What happens at a close happens in this order: fills of the bar, then decisions, then
(under `fill: close`) the fills of these decisions; so a fill counts when its bar opened before `now` and its order is older.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.reasons import CANCELLED_BY_OCO
from sptrader_lab.types.records import CANCELLED, ENTRY, EXIT, MARKET, REFUSED, SPLIT

Records = np.ndarray[Any, Any]


class Holding(NamedTuple):
    """One open position at a close.

    Attributes
    ----------
    id : int
        The number of its trade.
    strategy, symbol : int
        Positions in the run's lists.
    side : int
        +1 long, -1 short.
    quantity : float
        What is still open.
    time : int
        Opening instant of the bar of its entry's fill, ns UTC.
    price : float
        Of that fill, in units of now.
    stop, target : float
        Levels set at the entry; NaN for none.
    leaving : int
        Reason code of an exit decided and not filled yet, this close included; 0 for none.
    decided : int
        When that exit was decided, ns UTC; 0 for none.
    """

    id: int
    strategy: int
    symbol: int
    side: int
    quantity: float
    time: int
    price: float
    stop: float
    target: float
    leaving: int
    decided: int


def _rows(table: Any) -> Records:
    """Return records without their attributes, which cost more than all that is asked of them here."""
    rows: Records = table.view(np.ndarray)
    return rows


def orders_of(outcome: Outcome, fills: Records) -> Records:
    """Return the order of each fill."""
    orders = _rows(outcome.orders)
    return orders[np.searchsorted(orders["id"], fills["order"])]


def done(outcome: Outcome, now: int) -> Records:
    """Return the fills that had happened when the close `now` was decided."""
    fills = _rows(outcome.fills)
    return fills[(fills["time"] < now) & (orders_of(outcome, fills)["time"] < now)]


def holdings(outcome: Outcome, now: int) -> list[Holding]:
    """Return the positions of the whole account at a close, in the order in which they were opened.

    Quantities, prices and levels are in the units of that close, splits included (S12).
    """
    fills, orders, flows = done(outcome, now), _rows(outcome.orders), _rows(outcome.cashflows)
    splits = flows[flows["kind"] == SPLIT]
    is_entry = orders_of(outcome, fills)["action"] == ENTRY
    entries, exits = fills[is_entry], fills[~is_entry]
    filled = exits["order"]
    # A protective order is never decided before it fills; its instant is an open, which may be that right after this close.
    market = (orders["action"] == EXIT) & (orders["kind"] == MARKET)
    decided = orders[market & (orders["time"] <= now) & ~np.isin(orders["id"], filled)]
    leaving = {int(order["trade"]): (int(order["reason"]), int(order["time"])) for order in decided}
    bought, sold = (part["quantity"] * _ratios(splits, part["trade"], part["time"], now) for part in (entries, exits))
    closed = np.bincount(exits["trade"], weights=sold, minlength=int(fills["trade"].max(initial=0)) + 1)
    left = bought - closed[entries["trade"]]
    found = []
    for place in np.flatnonzero(left > 1e-9 * bought).tolist():
        fill, number = entries[place], int(entries["trade"][place])
        stop, target = _levels(outcome, splits, number, now)
        reason, since = leaving.get(number, (0, 0))
        found.append(
            Holding(
                id=number,
                strategy=int(fill["strategy"]),
                symbol=int(fill["symbol"]),
                side=int(fill["side"]),
                quantity=float(left[place]),
                time=int(fill["time"]),
                price=float(fill["price"] * fill["quantity"] / bought[place]),
                stop=stop,
                target=target,
                leaving=reason,
                decided=since,
            )
        )
    return found


def waiting(outcome: Outcome, now: int) -> Records:
    """Return the entry orders decided before the close `now` that had neither filled nor ended by then."""
    orders = _rows(outcome.orders)
    older: Records = orders[(orders["action"] == ENTRY) & (orders["time"] < now)]
    older = older[~np.isin(older["id"], done(outcome, now)["order"])]
    still = _ends(outcome, older) > now
    return older[still]


def step_at(time: NDArray[np.int64], now: int) -> int:
    """Return the position of the last step at or before `now`, -1 before the first."""
    return int(np.searchsorted(time, now, side="right")) - 1


def _ratios(splits: Records, trades: Any, since: Any, until: int) -> NDArray[np.float64]:
    """Return how many units at `until` each trade has for one at its instant `since`; opening instants count as later closes."""
    ratios = np.ones(len(trades))
    for split in splits[splits["time"] < until]:
        ratios[(trades == split["trade"]) & (since < split["time"])] *= split["value"]
    return ratios


def _levels(outcome: Outcome, splits: Records, number: int, now: int) -> tuple[float, float]:
    """Return the levels of a trade as its last record has them, in units of `now`."""
    far = np.iinfo(np.int64).max
    for table, ends in ((outcome.trades, "exit_time"), (outcome.positions, "")):
        same = table[table["id"] == number]
        if len(same):
            last = int(same[ends][0]) + 1 if ends else far
            mine = splits[splits["trade"] == number]
            later = mine["value"][(mine["time"] >= now) & (mine["time"] < last)].prod()
            earlier = mine["value"][(mine["time"] < now) & (mine["time"] >= last)].prod()
            return float(same["stop"][0] * later / earlier), float(same["target"][0] * later / earlier)
    return np.nan, np.nan


def _ends(outcome: Outcome, orders: Records) -> NDArray[np.int64]:
    """Return when each order was cancelled or refused; far ahead for one that was not.

    One of two that cancel each other ended when the other filled. Else an order and its refusal share strategy, symbol, side and
    reason, and the first such order ended first. Under `fill: close` an entry is refused at its own close, with the opening
    instant of its bar.
    """
    ends = np.full(len(orders), np.iinfo(np.int64).max)
    every, refusals = _rows(outcome.orders), _rows(outcome.refusals)
    every = every[(every["action"] == ENTRY) & np.isin(every["status"], (CANCELLED, REFUSED))]
    names = ("strategy", "symbol", "side")
    for key in {tuple(order[name] for name in (*names, "final")) for order in every}:
        mine, theirs = every["final"] == key[-1], refusals["reason"] == key[-1]
        for name, value in zip(names, key, strict=False):
            mine &= every[name] == value
            theirs &= refusals[name] == value
        own = np.isin(orders["id"], every["id"][mine])
        place = np.searchsorted(every["id"][mine], orders["id"][own])
        ends[own] = np.maximum(refusals["time"][theirs][place], orders["time"][own])
    fills, filled = _rows(outcome.fills), orders_of(outcome, _rows(outcome.fills))
    for number in np.flatnonzero(orders["final"] == CANCELLED_BY_OCO).tolist():
        ends[number] = fills["time"][(filled["group"] == orders["group"][number]) & (filled["action"] == ENTRY)][0]
    return ends
