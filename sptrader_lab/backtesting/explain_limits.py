"""How near the limits of account and strategy were at one close (S11, S14), and where moving levels lay (S8)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sptrader_lab.backtesting.past import Past
from sptrader_lab.backtesting.world import currency_numbers
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.kernel.match import fills_at_open, to_tick, trail_level
from sptrader_lab.kernel.rolling import at_least, reaches_up
from sptrader_lab.results import moments, ratios
from sptrader_lab.results.explain import iso
from sptrader_lab.results.explanation import InForce, Limit
from sptrader_lab.results.metrics import day_marks
from sptrader_lab.results.moments import Holding
from sptrader_lab.types.records import ENTRY, MARKET, SPLIT, STOP_LIMIT

_SIDES = {1: "long", -1: "short"}
#: A symbol, a side, a notional in account money.
Exposed = tuple[int, int, float]


def limits(past: Past, rules: Any, leg: Leg) -> Iterator[Limit]:
    """Yield the account's limits, and those of the strategy where it has money of its own, with the numbers of this close."""
    outcome, account = past.outcome, past.world.account
    last = moments.step_at(outcome.time, past.now)
    if last < 0:
        return
    times, equity = outcome.time[: last + 1], outcome.equity[: last + 1]
    yield from _losses(past, "", times, equity, account.capital, (account.max_drawdown, account.daily_loss_limit))
    if len(outcome.strategy_equity):
        rule = rules[leg.strategy]
        own = np.ascontiguousarray(outcome.strategy_equity[: last + 1, leg.strategy])
        allowed = float(rule.max_drawdown), float(rule.daily_loss_limit)
        base = float(outcome.shares["base"][leg.strategy])
        yield from _losses(past, "strategy's ", times, own, base, allowed)
    if account.maintenance > 0.0:
        began = _day_began(past, times) + 1
        call = account.maintenance * outcome.exposure[began : last + 1]
        called = at_least(call, np.where(call > 0.0, equity[began:], math.nan))
        since = iso(int(times[began:][called.argmax()])) if called.any() else ""
        name = f"margin ({account.maintenance:.4g} x exposure {past.gross:,.2f}): equity"
        yield Limit(name, past.equity, account.maintenance * past.gross, since, "money")
    yield from _exposures(past, leg)


def _losses(
    past: Past, whose: str, times: Any, equity: Any, base: float, allowed: tuple[float, float]
) -> Iterator[Limit]:
    under = ratios.drawdowns(equity, base)
    # Without a limit, what stops trading for good is that everything is lost.
    since = _since(times, under, min(allowed[0], 1.0))
    yield Limit(f"{whose}drawdown", float(under[-1]), allowed[0], since)
    began = _day_began(past, times)
    start = float(equity[began]) if began >= 0 else base
    lost = (start - equity[began + 1 :]) / start
    since = _since(times[began + 1 :], lost, allowed[1])
    yield Limit(f"{whose}loss of the day", float(lost[-1]), allowed[1], since)


def _day_began(past: Past, times: Any) -> int:
    """Return the last step of the trading day before, -1 on the first."""
    days = day_marks(times, past.world.day_end)
    return int(days.step[-2]) if len(days.step) > 1 else -1


def _since(times: Any, losses: Any, allowed: float) -> str:
    """Return the first of these closes at which a limit was reached (S22), "" if none."""
    reached = at_least(np.ascontiguousarray(losses), np.full(len(losses), allowed))
    return iso(int(times[reached.argmax()])) if reached.any() else ""


# Limits of the account that refuse entries


def _exposures(past: Past, leg: Leg) -> Iterator[Limit]:
    """Yield those limits of the account on number, exposure and likeness that are set."""
    account, equity = past.world.account, past.equity
    most = (
        account.max_gross_exposure,
        account.max_net_exposure,
        account.max_currency_exposure,
        account.correlation_limit,
    )
    if not account.max_positions and min(most) == math.inf:
        return
    each = _exposed(past)
    if account.max_positions:
        yield Limit("positions and waiting entries", _count(past), account.max_positions, unit="count")
    if account.max_gross_exposure < math.inf:
        gross = past.committed((-1, -1, 0), None)
        yield Limit("gross exposure", gross / equity, account.max_gross_exposure, unit="multiple")
    if account.max_net_exposure < math.inf:
        net = sum(side * money for _, side, money in each)
        yield Limit("net exposure", net / equity, account.max_net_exposure, unit="multiple")
    if account.max_currency_exposure < math.inf:
        for name, number in currency_numbers(past.world.instruments, account.currency).items():
            parts = [side * money * _weight(past.world.contracts[one], number) for one, side, money in each]
            if number > 0 and any(parts):
                allowed = account.max_currency_exposure
                yield Limit(f"exposure in {name}", sum(parts) / equity, allowed, unit="multiple")
    if account.correlation_limit < math.inf:
        for other, side in dict.fromkeys((one, side) for one, side, _ in each if one != leg.symbol):
            alike = side * _correlation(past, leg.symbol, other)
            if not math.isnan(alike):
                name = f"correlation of a long entry with the {_SIDES[side]} {past.world.traded[other].symbol}"
                yield Limit(name, alike, account.correlation_limit, unit="correlation")


def _exposed(past: Past) -> list[Exposed]:
    """Return positions that stay and entries that wait."""
    held = [(one.symbol, one.side, past.value(one)) for one in past.holdings if not one.leaving]
    return held + [(int(one["symbol"]), int(one["side"]), past.reserved(one)) for one in past.waiting]


def _count(past: Past) -> int:
    """Count positions that stay and entries that wait, two that cancel each other as one."""
    pairs = {int(one["group"] or one["id"]) for one in past.waiting}
    return sum(not one.leaving for one in past.holdings) + len(pairs)


def _weight(contract: Any, currency: int) -> float:
    """Return with which sign a long position counts in a currency: a pair holds its base and owes its quote."""
    if contract["base"] == currency:
        return 1.0
    if contract["quote"] == currency:
        return -1.0 if contract["base"] >= 0 else 1.0
    return 0.0


def _correlation(past: Past, one: int, other: int) -> float:
    """Return the correlation of two symbols' last returns between closes that both have; NaN where that means nothing (S14)."""
    window = past.world.account.correlation_window
    closes = []
    for symbol in (one, other):
        end = past.row(symbol) + 1
        candles = past.candles(symbol)
        closes.append((candles.close_time[:end], candles.close[:end]))
    common, mine, theirs = np.intersect1d(closes[0][0], closes[1][0], assume_unique=True, return_indices=True)
    if len(common) <= window:
        return math.nan
    returns = [prices[rows[-window - 1 :]] for (_, prices), rows in zip(closes, (mine, theirs), strict=True)]
    returns = [prices[1:] / prices[:-1] - 1.0 for prices in returns]
    if min(float(np.std(part)) for part in returns) <= 1e-12:
        return math.nan
    mine, theirs = (part - part.mean() for part in returns)
    return float((mine * theirs).sum() / math.sqrt((mine * mine).sum() * (theirs * theirs).sum()))


# Moving levels


def levels(past: Past, rules: Any, leg: Leg) -> Iterator[InForce]:
    """Yield the trailing and break-even stops of the leg's positions, from the candles since their entries.

    Left out for a position that a split has changed, and for one that came from a stop-limit order.
    """
    rule, symbol, world = rules[leg.strategy], leg.symbol, past.world
    outcome, tick = past.outcome, float(world.contracts[symbol].tick)
    split = outcome.cashflows["trade"][outcome.cashflows["kind"] == SPLIT]
    for held in past.holdings:
        order = outcome.orders[(outcome.orders["trade"] == held.id) & (outcome.orders["action"] == ENTRY)][0]
        if (held.strategy, held.symbol) != (leg.strategy, symbol) or held.id in split or order["kind"] == STOP_LIMIT:
            continue
        side, best = held.side, _best(past, held, order)
        trail = trail_level(best, rule.trail_fraction, float(order["trail_distance"]), side, tick)
        if not math.isnan(trail):
            yield InForce(held.id, "trailing stop", float(trail))
        trigger = rule.even_fraction * held.price + order["even_distance"]
        if trigger > 0.0 and reaches_up(side * best, side * (held.price + side * trigger)):
            offset = rule.even_offset_fraction * held.price + rule.even_offset
            yield InForce(held.id, "break-even stop", float(to_tick(held.price + side * offset, -side, tick)))


def _best(past: Past, held: Holding, order: Any) -> float:
    """Return the best price since the entry, in prices of the exit side (S8)."""
    candles, fills = past.candles(held.symbol), past.outcome.fills
    first = int(fills["bar"][fills["order"] == order["id"]][0])
    rows = np.arange(first, past.row(held.symbol) + 1)
    prices = (candles.high if held.side > 0 else candles.low)[rows].copy()
    entry_side = past.exit_shift(held.symbol, -held.side, first)
    opened = float(candles.open[first] + entry_side)
    inside = order["kind"] != MARKET and not fills_at_open(order["kind"], held.side, opened, float(order["price"]))
    if order["time"] >= candles.close_time[first]:  # filled at the close: none of that bar is its own
        rows, prices = rows[1:], prices[1:]
    elif inside:  # what came before the entry is not the position's
        prices[0] = candles.close[first]
    prices = prices + past.exit_shift(held.symbol, held.side, rows)
    reach = max if held.side > 0 else min
    return float(reach([held.price, *prices]))
