"""The slow oracle: `docs/semantics.md` as a program that a person can check by reading it.

It is written from that page and knows nothing of the engine. Plain Python lists and floats, no numpy, no cleverness; every
function names the rule (S1 ...) it stands for. `replay` is the whole of it: lists in, an `Outcome` of plain records out.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
LONG, SHORT = 1, -1
NAN = math.nan
INF = math.inf


class Bar(NamedTuple):
    """One candle; `time` opens it, `close_time` closes it (ns UTC, S1)."""

    time: int
    close_time: int
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True)
class Leg:
    """What one strategy says about one symbol at the close of each of its bars (S2). Empty ATR lists are never read."""

    strategy: int
    symbol: int
    entry_long: list[int]
    entry_short: list[int]
    exit_long: list[int]
    exit_short: list[int]
    blocked: list[int]
    stop_atr: list[float] = field(default_factory=list)
    target_atr: list[float] = field(default_factory=list)
    trail_atr: list[float] = field(default_factory=list)
    size_atr: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """One strategy's numbers; the fields of `types.records.RULES` under the same names, words for the choices."""

    sizer: str = "fraction"
    size: float = 0.1
    position_limit: float = INF
    cash_buffer: float = 0.005
    max_positions: int = 1
    max_positions_per_symbol: int = 1
    stop_fraction: float = 0.0
    stop_distance: float = 0.0
    stop_atr: float = 0.0
    target_fraction: float = 0.0
    target_distance: float = 0.0
    target_atr: float = 0.0
    trail_fraction: float = 0.0
    trail_distance: float = 0.0
    trail_atr: float = 0.0
    max_holding_period: int = 0
    slippage: float = 0.0001
    commission: float = 0.0
    commission_per_unit: float = 0.0
    commission_per_order: float = 0.0
    commission_minimum: float = 0.0
    max_drawdown: float = INF
    daily_loss_limit: float = INF
    fill_close: bool = False
    expire_after: int = 0
    intrabar: str = "worst"


class Contract(NamedTuple):
    """Facts about a symbol (S10, S12)."""

    step: float = 0.01
    minimum: float = 0.0
    multiplier: float = 1.0
    tick: float = 0.0


@dataclass
class Order:
    """A waiting entry; its distances are what is left to add to `fraction x fill` (S10)."""

    leg: Leg
    side: int
    bar: int
    time: int
    quantity: float
    price: float
    atr: dict[str, float]


@dataclass
class Position:
    """An open position; `exit_reason` is the reason of an exit already decided."""

    id: int
    strategy: int
    symbol: int
    side: int
    quantity: float
    entry_bar: int
    entry_time: int
    entry_price: float
    stop: float
    target: float
    trail_atr: float
    extreme: float
    age: int
    costs: float
    exit_reason: str = ""


class Fill(NamedTuple):
    strategy: int
    symbol: int
    bar: int
    time: int
    side: int
    reason: str
    quantity: float
    price: float
    commission: float


class Trade(NamedTuple):
    strategy: int
    symbol: int
    side: int
    reason: str
    ambiguous: bool
    entry_bar: int
    exit_bar: int
    entry_time: int
    exit_time: int
    bars: int
    quantity: float
    entry_price: float
    exit_price: float
    stop: float
    target: float
    gross: float
    costs: float
    pnl: float


class Refusal(NamedTuple):
    strategy: int
    symbol: int
    bar: int
    side: int
    reason: str


class Held(NamedTuple):
    """A position still open at the end."""

    strategy: int
    symbol: int
    side: int
    entry_bar: int
    entry_time: int
    quantity: float
    entry_price: float
    stop: float
    target: float
    exit_reason: str


@dataclass
class Outcome:
    trades: list[Trade] = field(default_factory=list)
    positions: list[Held] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    orders: int = 0


# --- Comparing prices (S22) -------------------------------------------------------------------------------------------


def same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-10 * abs(b) < INF


def at_or_below(price: float, level: float) -> bool:
    return price <= level or same(price, level)


def at_or_above(price: float, level: float) -> bool:
    return price >= level or same(price, level)


# --- Instants (S1, S4) -------------------------------------------------------------------------------------------------


def new_york_day_ends(first: int, last: int) -> list[int]:
    """Return every 17:00 New York from before `first` to after `last`, by walking the calendar day by day."""
    zone = ZoneInfo("America/New_York")
    day = dt.datetime.fromtimestamp(first // SECOND, dt.UTC).date() - dt.timedelta(days=2)
    stop = dt.datetime.fromtimestamp(last // SECOND, dt.UTC).date() + dt.timedelta(days=3)
    ends = []
    while day <= stop:
        ends.append(int(dt.datetime.combine(day, dt.time(17), zone).timestamp()) * SECOND)
        day += dt.timedelta(days=1)
    return ends


def closing(time: int, length: int, day_ends: list[int]) -> int:
    """Return when an intraday candle closes: after its length, or with its day when that ends first."""
    return min(time + length, day_ends[bisect_right(day_ends, time)])


# --- One run ----------------------------------------------------------------------------------------------------------


class Replay:
    """The account, its positions and its waiting entries, moved forward one instant at a time."""

    def __init__(self, bars, legs, rules, contracts, *, capital, day_ends, start=None):
        self.bars: list[list[Bar]] = bars
        self.legs: list[Leg] = sorted(legs, key=lambda leg: (leg.strategy, leg.symbol))
        self.rules: list[Rules] = rules
        self.contracts: list[Contract] = contracts
        self.day_ends: list[int] = day_ends
        self.start: int | None = start
        self.cash = capital
        self.equity = capital
        self.high_water = capital
        self.day_equity = capital
        self.day: int | None = None
        self.halted = False
        self.halted_today = False
        self.positions: list[Position] = []
        self.waiting: list[Order] = []
        self.price: dict[int, float] = {}  # last known price of each symbol: its open in step 1, its close from step 3
        self.here: dict[int, int] = {}  # symbol -> bar number, for the symbols with a candle at this instant (S13)
        self.entries = 0
        self.out = Outcome()

    def run(self) -> Outcome:
        """Step through every instant at which some symbol has a candle (S13), warm-up left out."""
        following = [0] * len(self.bars)
        for instant in sorted({bar.time for bars in self.bars for bar in bars}):
            self.here = {}
            for symbol, bars in enumerate(self.bars):
                at = following[symbol]
                if at < len(bars) and bars[at].time == instant:
                    self.here[symbol] = at
                    following[symbol] = at + 1
            if self.start is None or instant >= self.start:
                self.one_instant()
        self.finish()
        return self.out

    def one_instant(self) -> None:
        """S5: one bar, always in this order."""
        self.set_prices("open")
        self.fill_waiting_exits()
        self.fill_levels_passed_at_the_open()
        self.fill_waiting_entries()
        self.fill_levels_inside_the_bar()
        self.set_prices("close")
        self.mark_at_the_close()
        self.test_limits()
        self.count_age()
        self.decide_exits()
        self.fill_exits_at_the_close()
        self.decide_entries()
        self.fill_entries_at_the_close()
        self.out.time.append(self.close_time())
        self.out.equity.append(self.equity)

    def bar(self, symbol: int) -> Bar:
        return self.bars[symbol][self.here[symbol]]

    def close_time(self) -> int:
        return max(self.bar(symbol).close_time for symbol in self.here)

    def set_prices(self, which: str) -> None:
        for symbol in self.here:
            self.price[symbol] = getattr(self.bar(symbol), which)

    @staticmethod
    def in_order(waiting: list[Order]) -> list[Order]:
        """Return waiting entries in the order (strategy, symbol), long before short as they were decided (S13)."""
        return sorted(waiting, key=lambda order: (order.leg.strategy, order.leg.symbol))

    def present(self) -> list[Position]:
        """Open positions of symbols with a candle now, in the order (strategy, symbol, age)."""
        return sorted(
            (position for position in self.positions if position.symbol in self.here),
            key=lambda position: (position.strategy, position.symbol, position.id),
        )

    # --- S5 step 1: at the open -----------------------------------------------------------------------------------

    def fill_waiting_exits(self) -> None:
        for position in self.present():
            if position.exit_reason:
                self.leave(position, self.bar(position.symbol).open, position.exit_reason, slips=True)

    def fill_levels_passed_at_the_open(self) -> None:
        """S6: a level that the open has passed fills at the open and is never ambiguous."""
        for position in self.present():
            opening = self.bar(position.symbol).open
            stop, reason = self.stop_in_force(position)
            if self.stop_touched(position, opening, stop):
                self.leave(position, opening, reason, slips=True)
            elif self.target_touched(position, opening):
                self.leave(position, opening, "take_profit", slips=False)

    def fill_waiting_entries(self) -> None:
        for order in self.in_order(self.waiting):
            if order.leg.symbol not in self.here:
                continue
            self.waiting.remove(order)
            bar = self.bar(order.leg.symbol)
            expire_after = self.rules[order.leg.strategy].expire_after
            if expire_after and bar.time > order.time + expire_after:
                self.refuse(order.leg, order.side, "expired")
            else:
                self.enter(order, bar.open, age=0)

    # --- S5 step 2: inside the bar ---------------------------------------------------------------------------------

    def fill_levels_inside_the_bar(self) -> None:
        """S6, S7: on the entry bar too; both reached is ambiguous and `intrabar` says which one fills."""
        for position in self.present():
            bar = self.bar(position.symbol)
            against, along = (bar.low, bar.high) if position.side == LONG else (bar.high, bar.low)
            stop, reason = self.stop_in_force(position)
            if self.stop_touched(position, bar.open, stop):  # its own slippage filled it beyond the stop
                self.leave(position, bar.open, reason, slips=True)
                continue
            if self.target_touched(position, bar.open):
                self.leave(position, bar.open, "take_profit", slips=False)
                continue
            stopped = self.stop_touched(position, against, stop)
            won = self.target_touched(position, along)
            both = stopped and won
            if stopped and (not both or self.rules[position.strategy].intrabar == "worst"):
                self.leave(position, min(max(stop, bar.low), bar.high), reason, slips=True, ambiguous=both)
            elif won:
                level = min(max(position.target, bar.low), bar.high)
                self.leave(position, level, "take_profit", slips=False, ambiguous=both)
            else:
                best = max if position.side == LONG else min
                position.extreme = best(position.extreme, along)  # S8: counts from the next bar on

    # --- S5 step 3: the mark ---------------------------------------------------------------------------------------

    def worth(self) -> float:
        """S15: a ledger. Cash plus what the open positions would fetch at the last known prices."""
        total = self.cash
        for position in self.positions:
            multiplier = self.contracts[position.symbol].multiplier
            total += position.side * position.quantity * self.price[position.symbol] * multiplier
        return total

    def mark_at_the_close(self) -> None:
        today = bisect_left(self.day_ends, self.close_time())  # S1: the day of the candle's last nanosecond
        if today != self.day:
            self.day = today
            self.day_equity = self.equity  # of the last mark; the capital on the first day
            self.halted_today = False
        self.equity = self.worth()
        self.high_water = max(self.high_water, self.equity)

    # --- S5 step 4: limits (S11, S14) ------------------------------------------------------------------------------

    def test_limits(self) -> None:
        """Liquidation, then drawdown, then daily loss. The tightest limit of any strategy holds for their account."""
        if not self.halted and self.equity <= 0:
            self.trip("liquidation")
            self.halted = True
        drawdown = (self.high_water - self.equity) / self.high_water
        if not self.halted and any(at_or_above(drawdown, rules.max_drawdown) for rules in self.rules):
            self.trip("max_drawdown")
            self.halted = True
        loss = (self.day_equity - self.equity) / self.day_equity if self.day_equity > 0 else 0.0
        reached = any(at_or_above(loss, rules.daily_loss_limit) for rules in self.rules)
        if not self.halted and not self.halted_today and reached:
            self.trip("daily_loss_limit")
            self.halted_today = True

    def trip(self, reason: str) -> None:
        for position in self.positions:
            position.exit_reason = position.exit_reason or reason
        for order in self.in_order(self.waiting):
            self.out.refusals.append(
                Refusal(order.leg.strategy, order.leg.symbol, order.bar, order.side, "cancelled_by_limit")
            )
        self.waiting = []

    # --- S5 step 5: age --------------------------------------------------------------------------------------------

    def count_age(self) -> None:
        for position in self.present():
            position.age += 1
            longest = self.rules[position.strategy].max_holding_period
            if longest and position.age >= longest:
                position.exit_reason = position.exit_reason or "max_holding_period"

    # --- S5 step 6: decisions --------------------------------------------------------------------------------------

    def decide_exits(self) -> None:
        for leg in self.legs:
            if leg.symbol not in self.here:
                continue
            at = self.here[leg.symbol]
            for position in self.positions:
                if (position.strategy, position.symbol) == (leg.strategy, leg.symbol):
                    rule = leg.exit_long if position.side == LONG else leg.exit_short
                    if rule[at]:
                        position.exit_reason = position.exit_reason or "signal"

    def decide_entries(self) -> None:
        for leg in self.legs:
            if leg.symbol not in self.here:
                continue
            at = self.here[leg.symbol]
            if leg.entry_long[at]:
                self.decide_entry(leg, LONG)
            if leg.entry_short[at]:
                self.decide_entry(leg, SHORT)

    def decide_entry(self, leg: Leg, side: int) -> None:
        """Refuse for the first reason that holds, else leave a waiting order of final quantity (S10)."""
        at, rules = self.here[leg.symbol], self.rules[leg.strategy]
        taken = [(p.strategy, p.symbol) for p in self.positions if not p.exit_reason]
        taken += [(order.leg.strategy, order.leg.symbol) for order in self.waiting]
        atr = self.distances(leg, at)
        if self.halted:
            return self.refuse(leg, side, "halted")
        if self.halted_today:
            return self.refuse(leg, side, "halted_today")
        if leg.blocked[at]:
            return self.refuse(leg, side, FILTERS[leg.blocked[at]])
        if taken.count((leg.strategy, leg.symbol)) >= rules.max_positions_per_symbol:
            return self.refuse(leg, side, "max_positions_per_symbol")
        if sum(strategy == leg.strategy for strategy, _ in taken) >= rules.max_positions:
            return self.refuse(leg, side, "max_positions")
        if not all(value > 0 for value in atr.values()):
            return self.refuse(leg, side, "undefined_distance")
        quantity = self.quantity(leg, atr)
        minimum = self.contracts[leg.symbol].minimum
        if quantity <= 0:
            return self.refuse(leg, side, "zero_quantity")
        if quantity < minimum and not same(quantity, minimum):
            return self.refuse(leg, side, "under_minimum")
        bar = self.bar(leg.symbol)
        self.waiting.append(Order(leg, side, at, bar.close_time, quantity, bar.close, atr))
        self.out.orders += 1
        return None

    def distances(self, leg: Leg, at: int) -> dict[str, float]:
        """Return the ATRs that the rules ask for, as known at this close; the others are left out."""
        rules = self.rules[leg.strategy]
        asked = {
            "stop": (rules.stop_atr, leg.stop_atr),
            "target": (rules.target_atr, leg.target_atr),
            "trail": (rules.trail_atr, leg.trail_atr),
            "size": (float(rules.sizer == "volatility"), leg.size_atr),
        }
        return {name: values[at] for name, (multiple, values) in asked.items() if multiple}

    def quantity(self, leg: Leg, atr: dict[str, float]) -> float:
        """S10: notional by the sizer, limited, then whole steps; left to right."""
        rules, contract = self.rules[leg.strategy], self.contracts[leg.symbol]
        close = self.bar(leg.symbol).close
        if rules.sizer == "units":
            notional = rules.size * close * contract.multiplier
        elif rules.sizer == "cash":
            notional = rules.size
        elif rules.sizer == "risk":
            notional = self.equity * rules.size / self.stop_distance(rules, close, atr) * close
        elif rules.sizer == "volatility":
            notional = self.equity * rules.size / atr["size"] * close
        else:
            notional = self.equity * rules.size
        notional = min(notional, self.equity * rules.position_limit)
        taken = sum(
            position.quantity * self.price[position.symbol] * self.contracts[position.symbol].multiplier
            for position in self.positions
            if not position.exit_reason
        )
        reserved = sum(o.quantity * o.price * self.contracts[o.leg.symbol].multiplier for o in self.waiting)
        costs = rules.commission + rules.slippage
        notional = min(notional, (self.equity - taken - reserved) / (1 + rules.cash_buffer) / (1 + costs))
        return math.floor(notional / (close * contract.multiplier) / contract.step + 1e-9) * contract.step

    # --- fill: close (S3) ------------------------------------------------------------------------------------------

    def fill_exits_at_the_close(self) -> None:
        for position in self.present():
            if position.exit_reason and self.rules[position.strategy].fill_close:
                self.leave(position, self.bar(position.symbol).close, position.exit_reason, slips=True)

    def fill_entries_at_the_close(self) -> None:
        for order in self.in_order(self.waiting):
            if order.leg.symbol in self.here and self.rules[order.leg.strategy].fill_close:
                self.waiting.remove(order)
                self.enter(order, self.bar(order.leg.symbol).close, age=1)
        if any(rules.fill_close for rules in self.rules):
            self.equity = self.worth()
            self.high_water = max(self.high_water, self.equity)

    # --- Levels (S6, S8, S10) --------------------------------------------------------------------------------------

    def stop_distance(self, rules: Rules, price: float, atr: dict[str, float]) -> float:
        return rules.stop_fraction * price + rules.stop_distance + rules.stop_atr * atr.get("stop", 0.0)

    def target_distance(self, rules: Rules, price: float, atr: dict[str, float]) -> float:
        return rules.target_fraction * price + rules.target_distance + rules.target_atr * atr.get("target", 0.0)

    def to_tick(self, symbol: int, level: float, direction: int) -> float:
        """Round up (+1) or down (-1) to the tick; a level on the tick but for the last bits stays there."""
        tick = self.contracts[symbol].tick
        if not tick:
            return level
        return (math.ceil(level / tick - 1e-9) if direction > 0 else math.floor(level / tick + 1e-9)) * tick

    def stop_in_force(self, position: Position) -> tuple[float, str]:
        """Return the tighter of stop and trail (NaN: neither); the trail is named only when strictly tighter."""
        rules, side = self.rules[position.strategy], position.side
        if not (rules.trail_fraction or rules.trail_distance or rules.trail_atr):
            return position.stop, "stop_loss"
        away = rules.trail_fraction * position.extreme + rules.trail_distance + rules.trail_atr * position.trail_atr
        trail = self.to_tick(position.symbol, position.extreme - side * away, -side)
        if math.isnan(position.stop) or side * trail > side * position.stop:
            return trail, "trailing_stop"
        return position.stop, "stop_loss"

    @staticmethod
    def stop_touched(position: Position, price: float, stop: float) -> bool:
        return at_or_below(price, stop) if position.side == LONG else at_or_above(price, stop)

    @staticmethod
    def target_touched(position: Position, price: float) -> bool:
        touched = at_or_above if position.side == LONG else at_or_below
        return touched(price, position.target)

    # --- Fills (S9, S10, S15) --------------------------------------------------------------------------------------

    def enter(self, order: Order, raw: float, age: int) -> None:
        """Open the position, or refuse it whole: not covered, or a level that protects nothing."""
        leg, side = order.leg, order.side
        rules, contract = self.rules[leg.strategy], self.contracts[leg.symbol]
        price = raw * (1 + side * rules.slippage)
        stop_away = self.stop_distance(rules, price, order.atr)
        target_away = self.target_distance(rules, price, order.atr)
        stop = self.to_tick(leg.symbol, price - side * stop_away, -side) if stop_away else NAN
        target = self.to_tick(leg.symbol, price + side * target_away, side) if target_away else NAN
        notional = order.quantity * price * contract.multiplier
        commission = commission_of(rules, order.quantity, notional)
        open_notional = sum(
            p.quantity * self.price[p.symbol] * self.contracts[p.symbol].multiplier for p in self.positions
        )
        equity = self.worth()
        if open_notional + notional > equity - commission + 1e-9 * equity:
            return self.refuse(leg, side, "not_covered")
        trails = rules.trail_fraction * price + rules.trail_distance + rules.trail_atr * order.atr.get("trail", 0.0)
        trail = self.to_tick(leg.symbol, price - side * trails, -side) if trails else NAN
        if (stop if side == LONG else target) <= 0 or trail <= 0:
            return self.refuse(leg, side, "stop_beyond_zero")
        self.entries += 1
        bar, at = self.bar(leg.symbol), self.here[leg.symbol]
        trail_atr = order.atr.get("trail", 0.0)
        self.positions.append(
            Position(
                self.entries, leg.strategy, leg.symbol, side, order.quantity, at, bar.time, price, stop, target,
                trail_atr, extreme=price, age=age, costs=commission,
            )
        )  # fmt: skip
        self.cash -= side * notional
        self.cash -= commission
        self.out.fills.append(
            Fill(leg.strategy, leg.symbol, at, bar.time, side, "signal", order.quantity, price, commission)
        )
        return None

    def leave(self, held: Position, raw: float, reason: str, *, slips: bool, ambiguous: bool = False) -> None:
        rules, multiplier = self.rules[held.strategy], self.contracts[held.symbol].multiplier
        price = raw * (1 - held.side * rules.slippage) if slips else raw
        notional = held.quantity * price * multiplier
        commission = commission_of(rules, held.quantity, notional)
        gross = held.side * held.quantity * multiplier * (price - held.entry_price)
        costs = held.costs + commission
        at, bar = self.here[held.symbol], self.bar(held.symbol)
        self.positions.remove(held)
        self.cash += held.side * notional
        self.cash -= commission
        self.out.fills.append(
            Fill(held.strategy, held.symbol, at, bar.time, -held.side, reason, held.quantity, price, commission)
        )
        self.out.trades.append(
            Trade(
                held.strategy, held.symbol, held.side, reason, ambiguous, held.entry_bar, at, held.entry_time, bar.time,
                1 + at - held.entry_bar, held.quantity, held.entry_price, price, held.stop, held.target,
                gross, costs, gross - costs,
            )
        )  # fmt: skip

    def refuse(self, leg: Leg, side: int, reason: str) -> None:
        self.out.refusals.append(Refusal(leg.strategy, leg.symbol, self.here[leg.symbol], side, reason))

    def finish(self) -> None:
        """A run ends with open positions listed as open, not as trades."""
        for p in sorted(self.positions, key=lambda p: (p.strategy, p.symbol, p.id)):
            self.out.positions.append(
                Held(
                    p.strategy, p.symbol, p.side, p.entry_bar, p.entry_time, p.quantity, p.entry_price, p.stop,
                    p.target, p.exit_reason,
                )
            )  # fmt: skip
        waiting_exits = sum(bool(p.exit_reason) for p in self.positions)
        self.out.orders += len(self.out.trades) + waiting_exits  # every trade has one exit order, decided or protective


# --- Moving averages and their crossings (S22) -------------------------------------------------------------------------


def simple_average(values: list[float], period: int) -> list[float]:
    """Return the mean of the last `period` values, NaN before there are as many."""
    sums = (sum(values[at + 1 - period : at + 1]) for at in range(period - 1, len(values)))
    return ([NAN] * (period - 1) + [total / period for total in sums])[: len(values)]


def exponential_average(values: list[float], period: int) -> list[float]:
    """Return the average that weighs each newer value by 2 / (period + 1), from the mean of the first `period` on."""
    averages = [NAN] * len(values)
    for at in range(period - 1, len(values)):
        before = averages[at - 1]
        first = at == period - 1
        averages[at] = sum(values[:period]) / period if first else before + (values[at] - before) * 2 / (period + 1)
    return averages


def crosses_above(fast: list[float], slow: list[float]) -> list[int]:
    """Return 1 where `fast` is above `slow` now and was not one bar before, both defined on both bars."""
    defined = [not (math.isnan(a) or math.isnan(b)) for a, b in zip(fast, slow, strict=True)]
    above = [a > b and not same(a, b) for a, b in zip(fast, slow, strict=True)]
    crossed = [0] * len(fast)
    for at in range(1, len(fast)):
        crossed[at] = int(defined[at] and defined[at - 1] and above[at] and not above[at - 1])
    return crossed


def crosses_below(fast: list[float], slow: list[float]) -> list[int]:
    """Return 1 where `fast` is below `slow` now and was not one bar before."""
    return crosses_above([-value for value in fast], [-value for value in slow])


FILTERS = {16: "trading_hours", 17: "trading_days", 18: "min_volume", 19: "max_spread"}


def commission_of(rules: Rules, quantity: float, notional: float) -> float:
    """S9: a fraction of the notional, so much per unit and per order, but never under the minimum."""
    wanted = rules.commission * notional + rules.commission_per_unit * quantity + rules.commission_per_order
    return max(wanted, rules.commission_minimum)


def replay(bars, legs, rules, contracts, *, capital, day_ends, start=None) -> Outcome:
    """Run `legs` over `bars` (one list per symbol) with one account; `rules` per strategy, `contracts` per symbol."""
    return Replay(bars, legs, rules, contracts, capital=capital, day_ends=day_ends, start=start).run()
