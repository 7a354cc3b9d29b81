"""The oracle on what one bar's range can do: entry orders, stops and targets, and which of two came first (S6, S7).

Everything here is a question about prices; money, positions and the order of a run are in `oracle.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from oracle_levels import clamped, stop_reached, stop_touched, target_reached, target_touched
from oracle_words import LONG, Bar, Order, at_or_below, same

STOP, TARGET, STAY = "stop", "target", "stay"


# --- Entry orders -----------------------------------------------------------------------------------------------------


class Reached(NamedTuple):
    """An entry that fills: at this price on its side of the market, and whether that slips."""

    raw: float
    slips: bool


def passed(order: Order, price: float) -> bool:
    """Say whether a price on the entry's side has come to the order's level: a limit's from above, a stop's from below."""
    favourable = order.kind == "limit"
    return (
        stop_touched(order.side, price, order.level) if favourable else target_touched(order.side, price, order.level)
    )


def beyond_limit(order: Order, price: float) -> bool:
    """Say whether a stop-limit would fill worse than its limit there."""
    if same(price, order.limit):
        return False
    return price > order.limit if order.side == LONG else price < order.limit


def reached_at_open(order: Order, bar: Bar) -> Reached | None:
    """Say how an order fills at the open of a bar on its entry side; a stop-limit that is passed too far rests from here on."""
    if order.kind == "market":
        return Reached(bar.open, slips=True)
    if not passed(order, bar.open):
        return None
    if order.kind == "stop_limit" and beyond_limit(order, bar.open):
        order.kind, order.level, order.price = "limit", order.limit, order.limit
        return None
    return Reached(bar.open, slips=order.kind != "limit")


def reached_inside(order: Order, bar: Bar) -> Reached | None:
    """Say how an order fills inside a bar on its entry side, whose open has not filled it."""
    if order.kind == "market":
        return None
    toward = bar.low if (order.side == LONG) == (order.kind == "limit") else bar.high
    return Reached(clamped(order.level, bar), slips=order.kind != "limit") if passed(order, toward) else None


def filled_at(order: Order, reached: Reached, slippage: float) -> float:
    """S9: only market and stop fills slip; a stop-limit never beyond its limit."""
    if not reached.slips:
        return reached.raw
    price = reached.raw * (1 + order.side * slippage)
    if order.kind == "stop_limit":
        return min(price, order.limit) if order.side == LONG else max(price, order.limit)
    return price


def nearer_first(one: Order, other: Order, one_open: float, other_open: float) -> tuple[Order, Order]:
    """One cancels the other: the one nearer to the open on its own side of the market, the long one when equal."""
    long, short = (one, other) if one.side == LONG else (other, one)
    long_open, short_open = (one_open, other_open) if one.side == LONG else (other_open, one_open)
    long_is_nearer = at_or_below(abs(long.level - long_open), abs(short.level - short_open))
    return (long, short) if long_is_nearer else (short, long)


# --- Stop or target: what came first in a bar (S7) -----------------------------------------------------------------------


class Question(NamedTuple):
    """What a position asks of one bar. All bars are in its exit side's prices, but `finer_entry` in its entry side's.

    `entry` is the order that entered inside this bar; None for a position held from before or from the open.
    """

    side: int
    bar: Bar
    finer: list[Bar]
    finer_entry: list[Bar]
    entry: Order | None


def answer(question: Question, intrabar: str, stop: float, target: float) -> tuple[str, bool]:
    """Return what happens next in the bar (stop, target or stay), and whether that depends on the choice."""
    worst = worst_case(question.side, question.bar, question.entry, stop, target)
    best = best_case(question.side, question.bar, question.entry, stop, target)
    if worst == best:
        return worst, False
    if intrabar == "finer":
        found = finer_case(question, stop, target)
        if found is not None:
            return found
    return (best if intrabar == "best" else worst), True


def worst_case(side: int, bar: Bar, entry: Order | None, stop: float, target: float) -> str:
    """The stop if the range reaches it; a target on the bar of an inside entry only when the close is beyond it."""
    if stop_reached(side, bar, stop):
        return STOP
    counts = entry is None or target_touched(side, bar.close, target)
    return TARGET if target_reached(side, bar, target) and counts else STAY


def best_case(side: int, bar: Bar, entry: Order | None, stop: float, target: float) -> str:
    """The target if the range reaches it; a stop on the bar of an inside entry only when it must have come after it."""
    if target_reached(side, bar, target):
        return TARGET
    counts = entry is None or entry.kind == "limit" or stop_touched(side, bar.close, stop)
    return STOP if stop_reached(side, bar, stop) and counts else STAY


def finer_case(question: Question, stop: float, target: float) -> tuple[str, bool] | None:
    """Look at the finer candles in order, from the one of the entry on; None when they don't answer."""
    side, entry = question.side, question.entry
    entered, doubtful = entry is None, False
    for at, candle in enumerate(question.finer):
        its_entry = None
        if not entered:
            of_entry = question.finer_entry[at]
            opened_past = passed(entry, of_entry.open)  # a whole bar of a held position
            if not opened_past and not reached_inside(entry, of_entry):
                continue
            entered, its_entry = True, None if opened_past else entry
        worst = worst_case(side, candle, its_entry, stop, target)
        doubtful = doubtful or worst != best_case(side, candle, its_entry, stop, target)
        if worst != STAY:
            return worst, doubtful
    close = question.bar.close
    by_limit = entry is not None and entry.kind == "limit"  # whose adverse extreme comes after it
    must_stop = stop_reached(side, question.bar, stop) if by_limit else stop_touched(side, close, stop)
    missed = must_stop or target_touched(side, close, target)  # some finer candle is missing
    return None if entry is None or not entered or missed else (STAY, doubtful)


def first_of_pair(one: Order, other: Order, finer_one: list[Bar], finer_other: list[Bar]) -> Order | None:
    """Return which order of a pair the finer candles reach first; None when they reach both at once, or neither."""
    for bar, other_bar in zip(finer_one, finer_other, strict=True):
        ones = passed(one, bar.open) or reached_inside(one, bar) is not None
        others = passed(other, other_bar.open) or reached_inside(other, other_bar) is not None
        if ones or others:
            return None if ones and others else one if ones else other
    return None
