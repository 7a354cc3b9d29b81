"""Past: what the account of a run was worth and had in use at one close, told again from its records and the world it ran in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from sptrader_lab.backtesting.world import World
from sptrader_lab.results import moments
from sptrader_lab.results.moments import Holding
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import ENTRY


class Past:
    """The account at one close, before anything was decided there.

    Parameters
    ----------
    outcome : Outcome
    world : World
    now : int
        A closing instant, ns UTC.
    """

    def __init__(self, outcome: Outcome, world: World, now: int) -> None:
        self.outcome = outcome
        self.world = world
        self.now = now

    @cached_property
    def holdings(self) -> list[Holding]:
        """The open positions of all strategies."""
        return moments.holdings(self.outcome, self.now)

    @cached_property
    def waiting(self) -> moments.Records:
        """The entries that wait from earlier closes."""
        return moments.waiting(self.outcome, self.now)

    def candles(self, symbol: int) -> Candles:
        """Return the candles that the symbol is traded on."""
        return self.world.traded[symbol]

    def row(self, symbol: int) -> int:
        """Return the symbol's last closed candle."""
        return moments.step_at(self.candles(symbol).close_time, self.now)

    def exit_shift(self, symbol: int, side: int, rows: Any) -> Any:
        """Return what turns prices of some candles into those at which a position of `side` leaves (S9)."""
        contract, spread = self.world.contracts[symbol], self._spread(symbol)
        if not len(spread):
            return 0.0
        return -spread[rows] * contract.bid_share if side > 0 else spread[rows] * contract.ask_share

    def rate(self, symbol: int) -> float:
        """Return account money per unit of the symbol's quote currency at its last close (S12)."""
        around = self.world.surroundings
        rates = around[symbol].rate_close if around else ()
        return float(rates[self.row(symbol)]) if len(rates) else 1.0

    def value(self, held: Holding) -> float:
        """Return the open notional of a position in account money, at the price of its exit side."""
        row = self.row(held.symbol)
        price = self.candles(held.symbol).close[row] + self.exit_shift(held.symbol, held.side, row)
        return float(held.quantity * price * self._unit(held.symbol))

    def reserved(self, order: Any) -> float:
        """Return what an entry that is not filled yet takes of the account; a split leaves quantity x price as it is."""
        return float(order["quantity"] * order["price"] * self._unit(int(order["symbol"])))

    @cached_property
    def gross(self) -> float:
        """Gross open notional, positions that are leaving included."""
        return sum(map(self.value, self.holdings), 0.0)

    @cached_property
    def equity(self) -> float:
        """Equity before the decisions of this close: what fills at this very close (`fill: close`) cost comes later."""
        step = moments.step_at(self.outcome.time, self.now)
        marked = float(self.outcome.equity[step]) if step >= 0 else self.world.account.capital
        fills: moments.Records = self.outcome.fills[self.outcome.fills["time"] < self.now]
        orders = moments.orders_of(self.outcome, fills)
        at_close = orders["time"] == self.now
        for fill, order in zip(fills[at_close], orders[at_close], strict=True):
            marked += float(fill["slippage"] + fill["commission"])
            symbol = int(fill["symbol"])
            if order["action"] == ENTRY and len(self._spread(symbol)):
                # It was bought on one side and is marked on the other: the whole spread.
                marked += float(fill["quantity"] * self._spread(symbol)[self.row(symbol)] * self._unit(symbol))
        return marked

    def committed(self, before: tuple[int, int, int], strategy: int | None) -> float:
        """Return the notional of positions that stay, of waiting entries and of those decided just `before`.

        `before` is a strategy, a symbol and a side with its sign turned, in the order of decisions. Of one strategy, or all.
        """
        mine = (held for held in self.holdings if not held.leaving and strategy in (None, held.strategy))
        money = sum(map(self.value, mine), 0.0)
        orders = self.outcome.orders
        beside = orders[(orders["time"] == self.now) & (orders["action"] == ENTRY)]
        earlier = [order for order in beside if (order["strategy"], order["symbol"], -order["side"]) < before]
        reserved: dict[int, float] = {}
        for order in (*self.waiting, *earlier):
            if strategy in (None, order["strategy"]):
                pair = int(order["group"] or order["id"])  # of two that cancel each other the larger counts
                reserved[pair] = max(reserved.get(pair, 0.0), self.reserved(order))
        return money + sum(reserved.values())

    def returns(self, strategy: int, window: int) -> tuple[int, np.ndarray[Any, np.dtype[np.float64]]]:
        """Return how many trades a strategy has closed, and the last of their profits by notional, kept as the kernel keeps them."""
        trades = self.outcome.trades[self.outcome.trades["strategy"] == strategy]
        orders = self.outcome.orders
        decided = orders["time"][np.searchsorted(orders["id"], trades["exit_order"])]
        trades = trades[(trades["exit_time"] < self.now) & (decided < self.now)]
        found = np.zeros((1, window))
        for number, one in enumerate(trades):
            notional = (
                one["quantity"] * one["entry_price"] * self.world.contracts[one["symbol"]].multiplier * one["rate"]
            )
            found[0, number % window] = one["pnl"] / notional
        return len(trades), found

    def _spread(self, symbol: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        around = self.world.surroundings
        return around[symbol].spread if around else np.empty(0)

    def _unit(self, symbol: int) -> float:
        """Return the account money of one unit at a price of 1."""
        return float(self.world.contracts[symbol].multiplier) * self.rate(symbol)
