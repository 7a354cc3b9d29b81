"""How the sizes of entries came about: the kernel's own sizing, asked again with what the account had at that close (S10)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from sptrader_lab.backtesting.past import Past
from sptrader_lab.kernel.decide import protection
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.kernel.sizing import kelly_fraction, quantity, wanted_notional
from sptrader_lab.results.explanation import Sizing
from sptrader_lab.types import reasons
from sptrader_lab.types.records import ENTRY, KELLY, MARKET, RISK, SHARE, SIZERS, VOLATILITY, records

_SIDES: Final = {1: "long", -1: "short"}
#: Reasons of refusals that name the quantity that came out.
_SIZED: Final = (reasons.ZERO_QUANTITY, reasons.UNDER_MINIMUM)


def sizings(past: Past, rules: Any, leg: Leg, bar: int) -> Iterator[Sizing | str]:
    """Yield the sizes of the entries that were decided on, or refused because nothing came of it.

    A text says that records can't tell how a size came about.

    Parameters
    ----------
    past : Past
        The account at the close of `bar`.
    rules : numpy.recarray of RULES, shape (strategies,)
    leg : Leg
    bar : int
        Of the traded candles.
    """
    for table, sized in ((past.outcome.orders, None), (past.outcome.refusals, _SIZED)):
        mine = table[(table["bar"] == bar) & (table["time"] == past.now)]
        mine = mine[(mine["strategy"] == leg.strategy) & (mine["symbol"] == leg.symbol)]
        mine = mine[mine["action"] == ENTRY] if sized is None else mine[np.isin(mine["reason"], sized)]
        for row in mine:
            sizing = _sizing(past, rules[leg.strategy], leg, bar, int(row["side"]))
            found = float(row["quantity" if sized is None else "value"])
            if sizing.quantity == found:
                yield sizing
            else:
                yield (
                    f"{sizing.side}: the records do not tell how {found:,.10g} units came about (from them it would be "
                    f"{sizing.quantity:,.10g}); orders that changed while they waited can't be told again"
                )


def _sizing(past: Past, rule: Any, leg: Leg, bar: int, side: int) -> Sizing:
    """Ask the sizer again with what the records say the account had."""
    contract = past.world.contracts[leg.symbol]
    price, rate = _price(past, rule, leg, bar, side), past.rate(leg.symbol)
    leverage, share = past.world.account.leverage, float(rule.allocation)
    # One of two entries that cancel each other may use what the other has reserved.
    before = (leg.strategy, leg.symbol, -1 if rule.oco else -side)
    committed, own = past.committed(before, None), False
    free = past.equity * leverage - committed
    if share < 1.0:
        mine = past.committed(before, leg.strategy)
        part = past.equity * share * leverage - mine
        if part < free:
            committed, free, own = mine, part, True
    to_stop = atr = 0.0
    if rule.sizer == RISK:
        stop = protection(rule.stop_distance, rule.stop_atr, leg.decisions.stop_atr, bar)
        to_stop = rule.stop_fraction * price + stop
    elif rule.sizer == VOLATILITY:
        atr = protection(0.0, 1.0, leg.decisions.size_atr, bar)
    edge, asked_by = _edge(past, rule, leg)
    equity = past.equity * share
    asked = wanted_notional(rule, equity, price, contract.multiplier * rate, to_stop, atr, edge)
    unlimited = rule.copy()
    unlimited["position_limit"] = math.inf
    return Sizing(
        side=_SIDES[side],
        asked_by=asked_by,
        equity=equity,
        allocation=share,
        asked=float(asked),
        limit=equity * float(rule.position_limit),
        leverage=leverage,
        own=own,
        committed=committed,
        cash_buffer=float(rule.cash_buffer),
        costs=float(rule.commission + rule.slippage),
        affordable=quantity(unlimited, contract, equity, free, price, rate, math.inf),
        price=price,
        rate=rate,
        step=float(contract.step),
        minimum=float(contract.minimum),
        quantity=quantity(rule, contract, equity, free, price, rate, asked),
    )


def _edge(past: Past, rule: Any, leg: Leg) -> tuple[float, str]:
    """Return the fraction that Kelly's rule bets, and the sizer in words."""
    words = f"{SIZERS[rule.sizer]} {rule['size']:g}"
    if rule.sizer != KELLY:
        return 1.0, words
    window = int(rule.kelly_window)
    share = records(1, SHARE)[0]
    share.trades, returns = past.returns(leg.strategy, window)
    edge = float(kelly_fraction(rule, share, returns, 0))
    learned = f"of the last {window} trades" if share.trades >= window else f"initial, after {share.trades} trades"
    return edge, f"{words} ({learned}: {edge:.4g} of equity)"


def _price(past: Past, rule: Any, leg: Leg, bar: int, side: int) -> float:
    """Return what an entry is sized at: the close, or the level of its own order."""
    if rule.entry_kind == MARKET:
        return float(past.candles(leg.symbol).close[bar])
    return float((leg.decisions.long_price if side > 0 else leg.decisions.short_price)[bar])
