"""Explain: finds the closes that a question is about and puts together what the run knows of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sptrader_lab.errors import InputError, unknown
from sptrader_lab.results import moments
from sptrader_lab.results.explanation import Explanation, Filled, Held, Ordered, Part, Reasons, Refused, clock, price
from sptrader_lab.results.explanation_headline import headline
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.reasons import PLAIN, REASONS
from sptrader_lab.types.records import ACTIONS, CANCELLED, EXIT, FILLED, KINDS, MARKET, REFUSED

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

_SIDES = ("long", "short")
_TRADED = ("buy", "sell")


class Moment(NamedTuple):
    """One strategy on one symbol at the close of one bar: positions in the run's lists and in the symbol's candles."""

    strategy: int
    symbol: int
    bar: int


def explain(
    result: Result, time: object, *, order: int | None, trade: int | None, strategy: str | None, symbol: str | None
) -> Explanation:
    """Explain one close, or the closes at which an order or a trade was decided; see `Result.explain`."""
    if sum(given is not None for given in (time, order, trade)) != 1:
        raise InputError(
            "explain takes one of a time, order=ID or trade=ID, such as result.explain('2025-03-04 10:00')"
        )
    if time is not None:
        asked = _moments_at(result, parse_time(time), _legs(result, strategy, symbol))
    elif strategy is not None or symbol is not None:
        raise InputError("strategy and symbol choose among those at a time; an order or a trade has one of each")
    else:
        orders = [_known(result, order)] if order is not None else _orders_of_trade(result, trade)
        asked = [_moment_of(row) for row in orders]
    told = ((moment, result.explainer(*moment) if result.explainer else None) for moment in asked)
    parts = tuple(_part(result, *one) for one in told if one[1] or not result.explainer)
    if not parts:
        raise InputError(f"strategy {strategy!r} does not trade {symbol!r} in this run")
    again = f"lab.rerun({result.run_id[:12]!r}).result.explain(...)"
    unknown_reasons = f"signals, rules, filters and sizes are not kept with a saved run; {again} tells them too"
    return Explanation(parts, () if result.explainer else (unknown_reasons,))


def iso(time: int) -> str:
    """Return an instant (ns UTC) as ISO-8601, to the second unless it has a part of one."""
    stamp = np.datetime64(int(time), "ns")
    whole = stamp.astype("datetime64[s]")
    return f"{whole if whole == stamp else stamp}+00:00"


# Where


def _legs(result: Result, strategy: str | None, symbol: str | None) -> list[tuple[int, int]]:
    """Return the pairs of strategy and symbol that the names choose."""
    for kind, name, known in (("strategy", strategy, result.strategies), ("symbol", symbol, result.symbols)):
        if name is not None and name not in known:
            raise InputError(unknown(kind, str(name), set(known)))
    strategies = [place for place, name in enumerate(result.strategies) if strategy in (None, name)]
    symbols = [place for place, name in enumerate(result.symbols) if symbol in (None, name)]
    return [(one, other) for one in strategies for other in symbols]


def _moments_at(result: Result, now: int, legs: list[tuple[int, int]]) -> list[Moment]:
    """Return the candle of each leg that closes at `now`, else the one that `now` lies in."""
    found = []
    for strategy, symbol in legs:
        bar = _bar_at(result.candles[symbol], now)
        if bar is not None:
            found.append(Moment(strategy, symbol, bar))
    if not found:
        symbols = sorted({symbol for _, symbol in legs})
        nearest = "; ".join(_nearest(result.candles[symbol], now) for symbol in symbols)
        raise InputError(f"no candle of this run holds {clock(iso(now))} UTC; {nearest}")
    return found


def _bar_at(candles: Candles, now: int) -> int | None:
    bar = int(np.searchsorted(candles.close_time, now))
    return bar if bar < len(candles) and candles.time[bar] <= now else None


def _nearest(candles: Candles, now: int) -> str:
    if not len(candles):
        return f"{candles.symbol} has no candles"
    after = min(int(np.searchsorted(candles.time, now)), len(candles) - 1)
    gaps = {bar: max(candles.time[bar] - now, now - candles.close_time[bar]) for bar in (max(0, after - 1), after)}
    bar = min(gaps, key=lambda one: gaps[one])
    opened, closed = (clock(iso(int(times[bar]))) for times in (candles.time, candles.close_time))
    return f"nearest of {candles.symbol}: {opened} .. {closed}"


def _known(result: Result, number: int | None) -> Any:
    orders = result.outcome.orders
    same = orders[orders["id"] == number]
    if not len(same):
        raise InputError(f"there is no order {number!r}; {_range(orders['id'], 'orders')}")
    return same[0]


def _orders_of_trade(result: Result, number: int | None) -> list[Any]:
    """Return the entry's order and those that closed the position, or are to."""
    orders = result.outcome.orders
    same = orders[(orders["trade"] == number) & (orders["trade"] > 0)]
    if not len(same):
        raise InputError(
            f"there is no trade {number!r}; {_range(np.unique(orders['trade'][orders['trade'] > 0]), 'trades')}"
        )
    return list(same)


def _range(ids: Any, what: str) -> str:
    return f"this run has {what} {ids.min()} to {ids.max()}" if len(ids) else f"this run has no {what}"


def _moment_of(order: Any) -> Moment:
    return Moment(int(order["strategy"]), int(order["symbol"]), int(order["bar"]))


# What


def _part(result: Result, moment: Moment, reasons: Reasons | None) -> Part:
    outcome, candles = result.outcome, result.candles[moment.symbol]
    bar, opened, closed = moment.bar, int(candles.time[moment.bar]), int(candles.close_time[moment.bar])

    def mine(table: Any) -> Any:
        return table[(table["strategy"] == moment.strategy) & (table["symbol"] == moment.symbol)]

    here = mine(outcome.orders[outcome.orders["bar"] == bar])
    held = [one for one in moments.holdings(outcome, closed) if (one.strategy, one.symbol) == moment[:2]]
    refusals = mine(outcome.refusals)
    # A later one is of an order that a limit cancelled between the candles, which its outcome says.
    refusals = refusals[(refusals["bar"] == bar) & (refusals["time"] >= opened) & (refusals["time"] <= closed)]
    ends = set(outcome.orders["final"].tolist())  # what an order ended by is no refusal of a decision
    columns = {name: float(column[bar]) for name, column in candles.columns.items()}
    part = Part(
        strategy=result.strategies[moment.strategy],
        symbol=candles.symbol,
        timeframe=candles.timeframe,
        bar=bar,
        opened=iso(opened),
        closed=iso(closed),
        headline="",
        candle=columns,
        positions=tuple(_held(one, closed) for one in held),
        waiting=tuple(_ordered(result, one) for one in mine(moments.waiting(outcome, closed))),
        ordered=tuple(_ordered(result, one) for one in here[here["time"] >= closed]),
        refused=tuple(_refused(one, decided=int(one["reason"]) not in ends) for one in refusals),
        fills=tuple(_filled(result, one) for one in mine(outcome.fills[outcome.fills["bar"] == bar])),
        reasons=reasons,
    )
    started = len(outcome.time) > 0 and closed >= outcome.time[0]
    return headline(part, started=started)


def _held(one: moments.Holding, now: int) -> Held:
    return Held(
        trade=one.id,
        side=_SIDES[one.side < 0],
        quantity=one.quantity,
        since=iso(one.time),
        price=one.price,
        stop=one.stop,
        target=one.target,
        leaving=REASONS[one.leaving] if one.decided < now else "",
    )


def _ordered(result: Result, order: Any) -> Ordered:
    is_exit = order["action"] == EXIT
    held_side = -int(order["side"]) if is_exit else int(order["side"])
    return Ordered(
        order=int(order["id"]),
        action=ACTIONS[order["action"]],
        side=_SIDES[held_side < 0],
        kind=KINDS[order["kind"]],
        quantity=float(order["quantity"]),
        price=float(order["price"]),
        reason=REASONS[order["reason"]],
        time=iso(order["time"]),
        outcome=_outcome(result, order),
    )


def _outcome(result: Result, order: Any) -> str:
    """Say what became of an order."""
    fills = result.outcome.fills
    if order["status"] == FILLED:
        fill = fills[fills["order"] == order["id"]][0]
        opened = int(fill["time"])
        when = clock(iso(max(opened, int(order["time"]))))  # under `fill: close` it fills at its decision
        return f"filled {when} at {price(fill['price'])}"
    if order["status"] in (CANCELLED, REFUSED):
        word = "cancelled" if order["status"] == CANCELLED else "ended"
        return f"{word}: {PLAIN.get(int(order['final']), REASONS[order['final']])}"
    return "waiting when the run ended"


def _refused(one: Any, *, decided: bool) -> Refused:
    code = int(one["reason"])
    return Refused(
        side=_SIDES[int(one["side"] < 0)],
        reason=REASONS[code],
        meaning=PLAIN.get(code, REASONS[code].replace("_", " ")),
        value=float(one["value"]),
        limit=float(one["limit"]),
        decided=decided,
    )


def _filled(result: Result, fill: Any) -> Filled:
    order = moments.orders_of(result.outcome, np.atleast_1d(fill))[0]
    protective = order["action"] == EXIT and order["kind"] != MARKET
    return Filled(
        order=int(fill["order"]),
        trade=int(fill["trade"]),
        action=ACTIONS[order["action"]],
        side=_TRADED[int(fill["side"] < 0)],
        quantity=float(fill["quantity"]),
        price=float(fill["price"]),
        level=float(order["price"]) if protective else math.nan,
        slippage=float(fill["slippage"]),
        commission=float(fill["commission"]),
        reason=REASONS[fill["reason"]],
    )
