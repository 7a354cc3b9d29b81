"""What happens inside a bar, told twice from docs/semantics.md (S5 to S9) alone: by the rules on its candle, and tick by tick.

`play` follows the rules on candles under `worst` or `best`; `walk` follows the price itself through every tick of them. Prices and
money are decimals and exact; nothing here has seen the engine. One order is decided before the first bar, and whatever it became leaves,
or is withdrawn, at the open after the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

ZERO, ONE = Decimal(0), Decimal(1)
LIMITS = {"limit", "resting"}


class Bar(NamedTuple):
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Terms(NamedTuple):
    """What many cases share. A longer spread moves entries only: bid candles for longs, ask candles for shorts.

    `targets` are (multiple of the case's distance, share of the opening quantity); `even_offset` is how far beyond the entry a
    break-even stop lies.
    """

    side: int = 1
    kind: str = "market"
    slippage: Decimal = ZERO
    spread: Decimal = ZERO
    units: Decimal = ONE
    targets: tuple[tuple[Decimal, Decimal], ...] = ((ONE, ONE),)
    even_offset: Decimal = ZERO


class Case(NamedTuple):
    """One order, its distances from the fill (None: not given) and the bars that it meets; all leaves at `final`."""

    bars: tuple[Bar, ...]
    final: Decimal
    level: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    trail: Decimal | None = None
    trigger: Decimal | None = None


class Exit(NamedTuple):
    bar: int
    quantity: Decimal
    price: Decimal
    reason: str
    ambiguous: bool


class Fate(NamedTuple):
    """The entry's bar and price (None: it never filled), and every closing fill."""

    entry: tuple[int, Decimal] | None
    exits: tuple[Exit, ...]


@dataclass
class Position:
    """An open position; prices are those of its exit side."""

    case: Case
    terms: Terms
    bar: int
    entry: Decimal
    extreme: Decimal
    left: Decimal
    taken: int = 0
    even: Decimal | None = None
    doubtful: bool = False
    exits: list[Exit] = field(default_factory=list)

    def losing(self, price: Decimal, level: Decimal) -> bool:
        """Say whether a price is at the level or on its losing side."""
        return price <= level if self.terms.side > 0 else price >= level

    def winning(self, price: Decimal, level: Decimal) -> bool:
        return price >= level if self.terms.side > 0 else price <= level

    def stop(self) -> tuple[Decimal, str] | None:
        """Return the tightest of stop, trail and break-even; a later one only where it is strictly tighter."""
        side, found = self.terms.side, None
        levels = [
            (None if self.case.stop is None else self.entry - side * self.case.stop, "stop_loss"),
            (None if self.case.trail is None else self.extreme - side * self.case.trail, "trailing_stop"),
            (self.even, "break_even"),
        ]
        for level, reason in levels:
            if level is not None and (found is None or not self.losing(level, found[0])):
                found = level, reason
        return found

    def target(self) -> Decimal | None:
        """Return the target in force."""
        if self.case.target is None or self.taken == len(self.terms.targets) or not self.left:
            return None
        return self.entry + self.terms.side * self.terms.targets[self.taken][0] * self.case.target

    def leave(self, bar: int, price: Decimal, reason: str) -> None:
        """Close what is left, slipped."""
        slipped = price * (1 - self.terms.side * self.terms.slippage)
        self.exits.append(Exit(bar, self.left, slipped, reason, self.doubtful))
        self.left = ZERO

    def take(self, bar: int, price: Decimal) -> None:
        """Close the part of the target in force."""
        share = self.terms.targets[self.taken][1]
        part = self.left if share == 1 else min(self.left, share * self.terms.units)
        self.exits.append(Exit(bar, part, price, "take_profit", self.doubtful))
        self.left -= part
        self.taken += 1

    def close(self, best_price: Decimal) -> None:
        """Let the bar's close move the extreme and set the break-even stop (S8)."""
        if not self.losing(best_price, self.extreme):
            self.extreme = best_price
        side, trigger = self.terms.side, self.case.trigger
        if trigger is not None and side * (self.extreme - self.entry) >= trigger:
            self.even = self.entry + side * self.terms.even_offset


@dataclass
class Waiting:
    """An entry order that has not filled; prices are those of its entry side."""

    case: Case
    terms: Terms
    kind: str

    def at_open(self, price: Decimal) -> Decimal | None:
        """Return the price of a fill at this open. A stop-limit that the open leaves behind rests as a limit order."""
        side, level, limit = self.terms.side, self.case.level, self.case.limit
        slipped = price * (1 + side * self.terms.slippage)
        if self.kind == "market":
            return slipped
        if self.kind in LIMITS:
            return price if side * (price - self.resting) <= 0 else None
        if side * (price - level) < 0:
            return None
        if self.kind == "stop":
            return slipped
        if side * (price - limit) > 0:
            self.kind = "resting"
            return None
        return within(side, slipped, limit)

    @property
    def resting(self) -> Decimal:
        return self.case.limit if self.kind == "resting" else self.case.level

    def inside(self, bar: Bar) -> tuple[Decimal, Decimal] | None:
        """Return the level that the bar's range reaches, and the price of the fill."""
        side = self.terms.side
        if self.kind in LIMITS:
            reached = bar.low <= self.resting if side > 0 else bar.high >= self.resting
            return (self.resting, self.resting) if reached else None
        level = self.case.level
        if not (bar.high >= level if side > 0 else bar.low <= level):
            return None
        slipped = level * (1 + side * self.terms.slippage)
        return level, within(side, slipped, self.case.limit) if self.kind == "stop_limit" else slipped


def within(side: int, price: Decimal, limit: Decimal) -> Decimal:
    return min(price, limit) if side > 0 else max(price, limit)


# --- By the rules -----------------------------------------------------------------------------------------------------


def play(case: Case, terms: Terms, intrabar: str) -> Fate:
    """Follow the rules of S5 through the bars."""
    order: Waiting | None = Waiting(case, terms, terms.kind)
    held: Position | None = None
    for number, bar in enumerate(case.bars):
        if held and held.left:
            leave_at_open(held, number, bar.open)
        entered_inside = False
        if order:
            seen = shifted(bar, terms.side * terms.spread)
            price = order.at_open(seen.open)
            if price is not None:
                order, held = None, Position(case, terms, number, price, price, terms.units)
                leave_at_open(held, number, bar.open)  # slippage or spread may have put the stop beyond the open
        if held and held.left:
            play_bar(held, number, bar, intrabar)
        elif order and (reached := order.inside(seen)):
            held = Position(case, terms, number, reached[1], reached[1], terms.units)
            entered_inside, limit = True, order.kind in LIMITS
            order = None
            play_entry_bar(held, number, bar, intrabar, point=reached[0] - terms.side * terms.spread, limit=limit)
        if held:
            best = bar.close if entered_inside else (bar.high if terms.side > 0 else bar.low)
            held.close(best)
    return ended(held, len(case.bars), case.final)


def shifted(bar: Bar, by: Decimal) -> Bar:
    return Bar(*(price + by for price in bar)) if by else bar


def ended(held: Position | None, bar: int, price: Decimal) -> Fate:
    """Leave at the open after the last bar."""
    if held is None:
        return Fate(None, ())
    if held.left:
        held.leave(bar, price, "signal")
    return Fate((held.bar, held.entry), tuple(held.exits))


def leave_at_open(held: Position, number: int, price: Decimal) -> None:
    """Fill at the open what the open has passed: the stop, or one target after the other (S5, S6)."""
    stop = held.stop()
    if stop and held.losing(price, stop[0]):
        held.leave(number, price, stop[1])
    while (target := held.target()) is not None and held.winning(price, target):
        held.take(number, price)


def play_bar(held: Position, number: int, bar: Bar, intrabar: str) -> None:
    """Try stop and targets on the range of a bar that the position has seen from its open (S7)."""
    worst_price, best_price = (bar.low, bar.high) if held.terms.side > 0 else (bar.high, bar.low)
    stop = held.stop()
    stopped = stop is not None and held.losing(worst_price, stop[0])
    while (target := held.target()) is not None and held.winning(best_price, target):
        if stopped:
            held.doubtful = True
            if intrabar == "worst":
                break
        held.take(number, target)
    if stopped and held.left:
        held.leave(number, *stop)


def play_entry_bar(held: Position, number: int, bar: Bar, intrabar: str, *, point: Decimal, limit: bool) -> None:
    """Try stop and targets on the bar inside which the entry filled, at `point` in prices of the exit side (S7)."""
    worst_price, best_price = (bar.low, bar.high) if held.terms.side > 0 else (bar.high, bar.low)
    stop = held.stop()
    if stop and held.losing(point, stop[0]):
        held.leave(number, point, stop[1])
        return
    stopped = stop is not None and held.losing(worst_price, stop[0])
    certain = stopped and (limit or held.losing(bar.close, stop[0]))
    while held.left:
        target = held.target()
        won = target is not None and held.winning(best_price, target)
        sure = won and held.winning(bar.close, target)
        answers = {
            "worst": "stop" if stopped else "target" if sure else "",
            "best": "target" if won else "stop" if certain else "",
        }
        held.doubtful |= answers["worst"] != answers["best"]
        answer = answers[intrabar]
        if answer == "stop":
            held.leave(number, *stop)
        if answer != "target":
            return
        held.take(number, target)


# --- Tick by tick -----------------------------------------------------------------------------------------------------


def candle(ticks: Sequence[Decimal]) -> Bar:
    return Bar(ticks[0], max(ticks), min(ticks), ticks[-1])


def walk(case: Case, terms: Terms, path: Iterable[Sequence[Decimal]]) -> Fate:
    """Follow the price: `path` holds the ticks of each bar, the first of them its open; within a bar none is skipped.

    Levels that live on closed bars (trailing, break-even) move at their closes, by what the bars allow to know (S8).
    """
    order: Waiting | None = Waiting(case, terms, terms.kind)
    held: Position | None = None
    number = -1
    for number, ticks in enumerate(path):
        entered_inside = False
        for at, tick in enumerate(ticks):
            if held and held.left:
                tick_exit(held, number, tick, opening=at == 0)
            if not order:
                continue
            found = tick_entry(order, tick + terms.side * terms.spread, opening=at == 0)
            if found is not None:
                order, held = None, Position(case, terms, number, found, found, terms.units)
                entered_inside = at > 0
                stop = held.stop()
                if stop and held.losing(tick, stop[0]):
                    held.leave(number, tick, stop[1])
        if held:
            bar = candle(ticks)
            held.close(bar.close if entered_inside else (bar.high if terms.side > 0 else bar.low))
    return ended(held, number + 1, case.final)


def tick_exit(held: Position, number: int, tick: Decimal, *, opening: bool) -> None:
    """Leave at a level that the price touches, or at an open beyond it."""
    stop = held.stop()
    if stop and held.losing(tick, stop[0]):
        held.leave(number, tick if opening else stop[0], stop[1])
    while (target := held.target()) is not None and held.winning(tick, target):
        held.take(number, tick if opening else target)


def tick_entry(order: Waiting, tick: Decimal, *, opening: bool) -> Decimal | None:
    """Return the price of a fill at this tick."""
    if opening:
        return order.at_open(tick)
    reached = order.inside(Bar(tick, tick, tick, tick))
    return reached[1] if reached else None


def value(fate: Fate, terms: Terms, bar: int, close: Decimal) -> tuple[Decimal, Decimal]:
    """Return what is still held after a bar, and profit: taken so far, and open at the close."""
    if fate.entry is None or fate.entry[0] > bar:
        return ZERO, ZERO
    done = [leaving for leaving in fate.exits if leaving.bar <= bar]
    left = terms.units - sum((leaving.quantity for leaving in done), ZERO)
    ends = [(leaving.quantity, leaving.price) for leaving in done] + [(left, close)]
    return left, sum((terms.side * part * (price - fate.entry[1]) for part, price in ends), ZERO)
