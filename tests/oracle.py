"""The slow oracle: `docs/semantics.md` as a program that a person can check by reading it.

It is written from that page and knows nothing of the engine. Plain Python lists and floats, no numpy, no cleverness; every
function names the rule (S1 ...) it stands for. `replay` is the whole of it: lists in, an `Outcome` of plain records out. Its
nouns are in `oracle_words.py`, where levels lie is in `oracle_levels.py`, what a bar's range can do is in `oracle_orders.py`, and what past
trades and other symbols say is in `oracle_limits.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from oracle_levels import (
    atr_asked,
    break_even,
    clamped,
    distances_of,
    entry_side,
    exit_side,
    part_of,
    skip_targets,
    stop_in_force,
    stop_touched,
    target_in_force,
    target_touched,
    to_tick,
    trail_of,
)
from oracle_limits import correlation, currency_exposures, kelly_fraction
from oracle_orders import (
    STAY,
    STOP,
    Question,
    Reached,
    answer,
    filled_at,
    first_of_pair,
    nearer_first,
    reached_at_open,
    reached_inside,
)
from oracle_words import (
    INF,
    LONG,
    NAN,
    SECOND,
    SHORT,
    Action,
    Around,
    Bar,
    Cashflow,
    Contract,
    Fill,
    Held,
    Leg,
    Order,
    Outcome,
    Position,
    Refusal,
    Rules,
    Target,
    Terms,
    Trade,
    at_or_above,
    at_or_below,
    closing,
    crosses_above,
    crosses_below,
    exponential_average,
    new_york_day_ends,
    same,
    simple_average,
    weekday_ending,
)

__all__ = [
    "INF",
    "LONG",
    "NAN",
    "SECOND",
    "SHORT",
    "Action",
    "Around",
    "Bar",
    "Cashflow",
    "Contract",
    "Fill",
    "Held",
    "Leg",
    "Outcome",
    "Refusal",
    "Rules",
    "Target",
    "Terms",
    "Trade",
    "closing",
    "crosses_above",
    "crosses_below",
    "exponential_average",
    "new_york_day_ends",
    "replay",
    "simple_average",
]

ACCOUNT_CURRENCY = 0
FILTERS = {16: "trading_hours", 17: "trading_days", 18: "min_volume", 19: "max_spread"}


class Share:
    """One strategy's own money (S14): its part of the capital and the profit it has made of it."""

    def __init__(self, base: float) -> None:
        self.base = base
        self.realised = 0.0
        self.equity = base
        self.high_water = base
        self.day_equity = base
        self.halted = False
        self.halted_today = False


class Replay:
    """The account, its positions and its waiting entries, moved forward one instant at a time."""

    def __init__(self, bars, legs, rules, contracts, *, capital, day_ends, start=None, terms=None, around=None):
        self.bars: list[list[Bar]] = bars
        self.legs: list[Leg] = sorted(legs, key=lambda leg: (leg.strategy, leg.symbol))
        self.leg_of = {(leg.strategy, leg.symbol): leg for leg in self.legs}
        self.rules: list[Rules] = rules
        self.contracts: list[Contract] = contracts
        self.day_ends: list[int] = day_ends
        self.start: int | None = start
        self.terms: Terms = terms or Terms()
        self.around: list[Around] = around or [Around()] * len(bars)
        self.actions_left = [
            sorted(around.actions, key=lambda action: (action.time, action.kind != "split")) for around in self.around
        ]
        self.capital = capital
        self.cash = capital
        self.equity = capital
        self.high_water = capital
        self.day_equity = capital
        self.day: int | None = None
        self.halted = False
        self.halted_today = False
        self.shares = [Share(rule.allocation * capital) for rule in rules]
        self.positions: list[Position] = []
        self.waiting: list[Order] = []
        # What is last known of each symbol: at its open in steps 1 and 2, at its close from step 3 on.
        self.price: dict[int, float] = {}
        self.spread: dict[int, float] = {}
        self.rate: dict[int, float] = {}  # account money per unit of the quote currency (S12)
        self.here: dict[int, int] = {}  # symbol -> bar number, for the symbols with a candle at this instant (S13)
        self.instant = 0
        self.entries = 0
        self.out = Outcome()

    def run(self) -> Outcome:
        """Step through every instant at which some symbol has a candle (S13), warm-up left out."""
        following = [0] * len(self.bars)
        for instant in sorted({bar.time for bars in self.bars for bar in bars}):
            self.here, self.instant = {}, instant
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
        self.pay_swaps()
        self.set_rates("open")
        self.set_prices("open")
        self.apply_splits_and_dividends()
        self.fill_waiting_exits()
        self.fill_levels_passed_at_the_open()
        self.fill_waiting_entries()
        self.fill_levels_inside_the_bar()
        self.fill_entries_inside_the_bar()
        self.follow_extremes()
        self.set_rates("close")
        self.set_prices("close")
        self.begin_day()
        self.mark()
        self.test_limits()
        for leg in self.legs:
            if leg.symbol in self.here:
                self.count_age(leg)
                self.decide_exits(leg)
        self.decide_entries()
        self.fill_exits_at_the_close()
        self.fill_entries_at_the_close()
        self.out.time.append(self.close_time())
        self.out.equity.append(self.equity)
        self.out.exposure.append(sum(self.notional(position) for position in self.positions))
        if len(self.rules) > 1:
            self.out.strategy_equity.append([share.equity for share in self.shares])

    def bar(self, symbol: int) -> Bar:
        return self.bars[symbol][self.here[symbol]]

    def close_time(self) -> int:
        return max(self.bar(symbol).close_time for symbol in self.here)

    def set_prices(self, which: str) -> None:
        for symbol, at in self.here.items():
            spread = self.around[symbol].spread
            self.price[symbol] = getattr(self.bar(symbol), which)
            self.spread[symbol] = spread[at] if spread else 0.0

    def set_rates(self, which: str) -> None:
        for symbol, at in self.here.items():
            rates = getattr(self.around[symbol], f"rate_{which}")
            self.rate[symbol] = rates[at] if rates else 1.0

    def in_order(self, waiting: list[Order]) -> list[Order]:
        """Return waiting entries in the order (strategy, symbol), then as they were decided: long before short (S13)."""
        return sorted(waiting, key=lambda order: (order.leg.strategy, order.leg.symbol))

    def present(self) -> list[Position]:
        """Open positions of symbols with a candle now, in order."""
        return [position for position in self.everyone() if position.symbol in self.here]

    def everyone(self) -> list[Position]:
        """Open positions in the order (strategy, symbol, age)."""
        return sorted(self.positions, key=lambda position: (position.strategy, position.symbol, position.id))

    # --- What a position and an order see (S9) ----------------------------------------------------------------------

    def seen_by(self, position: Position, bar: Bar) -> Bar:
        """A position sees the prices of its exit side."""
        return exit_side(bar, self.spread[position.symbol], self.contracts[position.symbol], position.side)

    def seen_by_order(self, order: Order, bar: Bar) -> Bar:
        """An entry order sees the prices of its entry side."""
        return entry_side(bar, self.spread[order.leg.symbol], self.contracts[order.leg.symbol], order.side)

    def last_price(self, position: Position) -> float:
        """What the position would fetch at the last known price of its symbol."""
        contract, spread = self.contracts[position.symbol], self.spread[position.symbol]
        price = self.price[position.symbol]
        return price - spread * contract.bid_share if position.side == LONG else price + spread * contract.ask_share

    def notional(self, position: Position) -> float:
        multiplier = self.contracts[position.symbol].multiplier
        return position.quantity * self.last_price(position) * multiplier * self.rate[position.symbol]

    def waiting_notional(self, order: Order) -> float:
        """Measured at the decision's close, or at the order's level."""
        symbol = order.leg.symbol
        return order.quantity * order.price * self.contracts[symbol].multiplier * self.rate[symbol]

    # --- S5 step 1: at the open -----------------------------------------------------------------------------------

    def pay_swaps(self) -> None:
        """S11: every day end since the entry that is not paid yet, in one cash flow, at the price and rate last known."""
        for position in self.everyone():
            contract = self.contracts[position.symbol]
            due = [end for end in self.day_ends if position.swapped < end <= self.instant]
            nights = sum(nights_of(contract, weekday_ending(end)) for end in due)
            position.swapped = max(position.swapped, self.instant)
            swap = contract.swap_long if position.side == LONG else contract.swap_short
            if not nights or not swap:
                continue
            night = self.last_price(position) * swap / 360 if contract.swap_yearly else swap
            amount = position.quantity * contract.multiplier * night * nights * self.rate[position.symbol]
            self.receive(position, "swap", nights, amount)

    def apply_splits_and_dividends(self) -> None:
        """S12: those dated up to this open, in order of time, splits first. The last mark has been replaced already."""
        for symbol in self.here:
            left = self.actions_left[symbol]
            while left and left[0].time <= self.instant:
                action = left.pop(0)
                for position in self.everyone():
                    if position.symbol != symbol:
                        continue
                    if action.kind == "split":
                        position.split(action.value)
                        skip_targets(position, self.contracts[position.symbol].step)
                        self.receive(position, "split", action.value, 0.0)
                    else:
                        paid = position.side * position.quantity * action.value * self.contracts[symbol].multiplier
                        self.receive(position, "dividend", action.value, paid * self.rate[symbol])
                if action.kind == "split":
                    for order in self.waiting:
                        if order.leg.symbol == symbol:
                            order.split(action.value)

    def receive(self, position: Position, kind: str, value: float, amount: float) -> None:
        position.financing += amount
        self.cash += amount
        row = Cashflow(self.instant, position.strategy, position.symbol, kind, float(value), amount)
        self.out.cashflows.append(row)

    def fill_waiting_exits(self) -> None:
        for position in self.present():
            if position.exit_reason:
                opening = self.seen_by(position, self.bar(position.symbol)).open
                self.leave(position, opening, position.exit_reason, slips=True)

    def fill_levels_passed_at_the_open(self) -> None:
        """S6: a level that the open has passed fills at the open and is never ambiguous."""
        for position in self.present():
            self.leave_if_passed(position, self.seen_by(position, self.bar(position.symbol)).open)

    def leave_if_passed(self, position: Position, opening: float) -> None:
        stop, reason = stop_in_force(position)
        if stop_touched(position.side, opening, stop):
            self.leave(position, opening, reason, slips=True)
        while position in self.positions and target_touched(position.side, opening, target_in_force(position)):
            self.take_target(position, opening)

    def fill_waiting_entries(self) -> None:
        for order in self.in_order(self.waiting):
            if order.leg.symbol not in self.here or order not in self.waiting:  # cancelled meanwhile
                continue
            bar, rules = self.bar(order.leg.symbol), self.rules[order.leg.strategy]
            late = rules.expire_after and bar.time > order.time + rules.expire_after
            if late or (rules.expire_day and bar.time >= order.day_end):
                self.give_up(order, "expired")
                continue
            reached = reached_at_open(order, self.seen_by_order(order, bar))
            if reached:
                self.enter(order, reached)

    def give_up(self, order: Order, reason: str) -> None:
        """A waiting entry ends unfilled, here and now."""
        self.stop_waiting(order)
        self.refuse(order.leg, order.side, reason)

    def stop_waiting(self, order: Order) -> None:
        self.waiting.remove(order)
        if order.partner:
            order.partner.partner = None

    # --- S5 step 2: inside the bar ---------------------------------------------------------------------------------

    def fill_levels_inside_the_bar(self) -> None:
        """S6, S7: on the bar of an entry at the open too; its own slippage or spread may have put it beyond its stop."""
        for position in self.present():
            self.leave_if_passed(position, self.seen_by(position, self.bar(position.symbol)).open)
            if position in self.positions:
                self.leave_if_reached(position, None)

    def leave_if_reached(self, position: Position, entry: Order | None) -> None:
        """Ask the bar what comes first until the position has left or stays. `entry` has filled inside this bar."""
        bar = self.seen_by(position, self.bar(position.symbol))
        finer = self.finer(position.symbol)
        of_exit = [self.seen_by(position, candle) for candle in finer]
        of_entry = [self.seen_by_order(entry, candle) for candle in finer] if entry else []
        question = Question(position.side, bar, of_exit, of_entry, entry)
        while position in self.positions:
            stop, reason = stop_in_force(position)
            target = target_in_force(position)
            happens, doubtful = answer(question, self.rules[position.strategy].intrabar, stop, target)
            position.doubtful = position.doubtful or doubtful
            if happens == STAY:
                return
            if happens == STOP:
                self.leave(position, clamped(stop, bar), reason, slips=True)
            else:  # a later target may come into force when the open has passed it already
                better = entry is None and target_touched(position.side, bar.open, target)
                self.take_target(position, bar.open if better else clamped(target, bar))

    def finer(self, symbol: int) -> list[Bar]:
        bar = self.bar(symbol)
        return [c for c in self.around[symbol].finer if c.time >= bar.time and c.close_time <= bar.close_time]

    def fill_entries_inside_the_bar(self) -> None:
        for order in self.in_order(self.waiting):
            if order.leg.symbol not in self.here or order not in self.waiting:
                continue
            bar, partner = self.bar(order.leg.symbol), order.partner
            reached = reached_inside(order, self.seen_by_order(order, bar))
            if partner and reached and reached_inside(partner, self.seen_by_order(partner, bar)):
                self.enter_one_of(order, partner)
            elif reached:
                self.enter_inside(order, doubtful=False)

    def enter_one_of(self, order: Order, partner: Order) -> None:
        """One cancels the other, and this bar reaches both (S7)."""
        bar, finer = self.bar(order.leg.symbol), self.finer(order.leg.symbol)
        opens = [self.seen_by_order(one, bar).open for one in (order, partner)]
        first, second = nearer_first(order, partner, *opens)
        doubtful = True
        if self.rules[order.leg.strategy].intrabar == "finer":
            seen = [[self.seen_by_order(one, candle) for candle in finer] for one in (order, partner)]
            found = first_of_pair(order, partner, *seen)
            if found:
                first, second, doubtful = found, order if found is partner else partner, False
        if not self.enter_inside(first, doubtful=doubtful):
            self.enter_inside(second, doubtful=False)  # it would have filled whichever came first

    def enter_inside(self, order: Order, *, doubtful: bool) -> bool:
        """Enter at the order's level, then see what the rest of the bar does with the position."""
        symbol = order.leg.symbol
        reached = reached_inside(order, self.seen_by_order(order, self.bar(symbol)))
        position = self.enter(order, reached, inside=True)
        if not position:
            return False
        position.doubtful = doubtful
        contract = self.contracts[symbol]
        across = self.spread[symbol] * (contract.bid_share + contract.ask_share)
        point_of_entry = reached.raw - order.side * across
        stop, reason = stop_in_force(position)
        if stop_touched(order.side, point_of_entry, stop):
            self.leave(position, point_of_entry, reason, slips=True)
        else:
            self.leave_if_reached(position, order)
        return True

    def follow_extremes(self) -> None:
        """S8: what counts from the next bar on; of a bar that was entered inside only its close."""
        for position in self.present():
            bar = self.seen_by(position, self.bar(position.symbol))
            entered_inside = position.inside and position.entry_bar == self.here[position.symbol]
            if position.side == LONG:
                position.extreme = max(position.extreme, bar.close if entered_inside else bar.high)
            else:
                position.extreme = min(position.extreme, bar.close if entered_inside else bar.low)
            tick = self.contracts[position.symbol].tick
            position.trail = trail_of(position, tick)
            if math.isnan(position.even):
                position.even = break_even(position, tick)

    # --- S5 step 3: the mark ---------------------------------------------------------------------------------------

    def worth(self) -> float:
        """S15: a ledger. Cash plus what the open positions would bring at the last known prices."""
        total = self.cash
        for position in self.positions:
            if self.contracts[position.symbol].financed:
                total += self.open_profit(position)
            else:
                total += position.side * self.notional(position)
        return total

    def open_profit(self, position: Position) -> float:
        """Unrealised profit before costs: financed at the rate of the moment, owned at the rates of both moments (S12)."""
        return self.profit(position, position.quantity, self.last_price(position))

    def profit(self, position: Position, quantity: float, price: float) -> float:
        contract, rate = self.contracts[position.symbol], self.rate[position.symbol]
        if contract.financed:
            return position.side * quantity * contract.multiplier * (price - position.entry_price) * rate
        paid = position.entry_price * position.entry_rate
        return position.side * quantity * contract.multiplier * (price * rate - paid)

    def begin_day(self) -> None:
        today = bisect_left(self.day_ends, self.close_time())  # S1: the day of the candle's last nanosecond
        if today == self.day:
            return
        self.day = today
        self.day_equity = self.equity  # of the last mark; the capital on the first day
        self.halted_today = False
        for share in self.shares:
            share.day_equity = share.equity
            share.halted_today = False

    def mark(self) -> None:
        self.equity = self.worth()
        self.high_water = max(self.high_water, self.equity)
        for number, share in enumerate(self.shares):
            mine = [position for position in self.positions if position.strategy == number]
            open_profit = sum(self.open_profit(p) - p.costs + p.financing for p in mine)
            share.equity = share.base + share.realised + open_profit
            share.high_water = max(share.high_water, share.equity)
        self.conserve()

    def conserve(self) -> None:
        """S15: equity is the capital and every profit, less every cost, plus swaps and dividends."""
        profits = sum(share.equity - share.base for share in self.shares)
        scale = max(self.capital, abs(self.equity), sum(self.notional(position) for position in self.positions))
        assert abs(self.capital + profits - self.equity) <= 1e-9 * scale, "money was made or lost by nobody"

    # --- S5 step 4: limits (S11, S14) ------------------------------------------------------------------------------

    def test_limits(self) -> None:
        """Liquidation, margin call, drawdown, daily loss of the account; then each strategy's own, if there are several."""
        several = len(self.rules) > 1
        most_drawdown, most_loss = self.terms.max_drawdown, self.terms.daily_loss_limit
        if not several:
            most_drawdown = min(most_drawdown, self.rules[0].max_drawdown)
            most_loss = min(most_loss, self.rules[0].daily_loss_limit)
        if not self.halted and self.equity <= 0:
            self.trip("liquidation")
            self.halted = True
        if not self.halted and not self.halted_today and self.margin_is_short():
            self.trip("margin_call")
            self.halted_today = True
        if not self.halted and at_or_above(drawdown(self), most_drawdown):
            self.trip("max_drawdown")
            self.halted = True
        if not self.halted and not self.halted_today and at_or_above(daily_loss(self), most_loss):
            self.trip("daily_loss_limit")
            self.halted_today = True
        for number, share in enumerate(self.shares if several else []):
            rules = self.rules[number]
            if not share.halted and at_or_above(drawdown(share), rules.max_drawdown):
                self.trip("max_drawdown", number)
                share.halted = True
            if not share.halted and not share.halted_today and at_or_above(daily_loss(share), rules.daily_loss_limit):
                self.trip("daily_loss_limit", number)
                share.halted_today = True

    def margin_is_short(self) -> bool:
        if not self.positions or not self.terms.maintenance:
            return False
        gross = sum(self.notional(position) for position in self.positions)
        return at_or_below(self.equity, self.terms.maintenance * gross)

    def trip(self, reason: str, strategy: int | None = None) -> None:
        """Close and cancel everything, or one strategy's."""
        for position in self.positions:
            if strategy in (None, position.strategy):
                position.exit_reason = position.exit_reason or reason
        for order in self.in_order(self.waiting):
            if strategy in (None, order.leg.strategy):
                self.stop_waiting(order)
                self.out.refusals.append(
                    Refusal(order.leg.strategy, order.leg.symbol, order.bar, order.side, "cancelled_by_limit")
                )

    # --- S5 step 5: age --------------------------------------------------------------------------------------------

    def count_age(self, leg: Leg) -> None:
        """S13: ages count the closes of signal candles."""
        if leg.signal_close and not leg.signal_close[self.here[leg.symbol]]:
            return
        rules = self.rules[leg.strategy]
        for position in self.positions:
            if (position.strategy, position.symbol) == (leg.strategy, leg.symbol):
                position.age += 1
                if rules.max_holding_period and position.age >= rules.max_holding_period:
                    position.exit_reason = position.exit_reason or "max_holding_period"
        for order in list(self.waiting):
            if order.leg is leg:
                order.age += 1
                if order.age == rules.expire_bars:
                    self.give_up(order, "expired")

    # --- S5 step 6: decisions --------------------------------------------------------------------------------------

    def decide_exits(self, leg: Leg) -> None:
        """The clock's exit, then the exit rule's; both withdraw waiting entries, but not market orders."""
        at = self.here[leg.symbol]
        clock = bool(leg.session_exit) and bool(leg.session_exit[at])
        rule = {LONG: bool(leg.exit_long[at]), SHORT: bool(leg.exit_short[at])}
        for position in self.positions:
            if (position.strategy, position.symbol) == (leg.strategy, leg.symbol) and (clock or rule[position.side]):
                position.exit_reason = position.exit_reason or ("session_exit" if clock else "signal")
        for order in list(self.waiting):
            if order.leg is leg and order.kind != "market" and (clock or rule[order.side]):
                self.give_up(order, "withdrawn")

    def decide_entries(self) -> None:
        for leg in self.legs:
            if leg.symbol not in self.here:
                continue
            at, long = self.here[leg.symbol], None
            if leg.entry_long[at]:
                long = self.decide_entry(leg, LONG, None)
            if leg.entry_short[at]:
                self.decide_entry(leg, SHORT, long if self.rules[leg.strategy].oco else None)

    def decide_entry(self, leg: Leg, side: int, partner: Order | None) -> Order | None:
        """Refuse for the first reason that holds, else leave a waiting order of final quantity (S10)."""
        at, rules, bar = self.here[leg.symbol], self.rules[leg.strategy], self.bar(leg.symbol)
        level, limit = self.asked_price(leg, side)
        sized_at = bar.close if rules.entry_kind == "market" else level
        atr = atr_asked(leg, rules, at)
        reason = self.not_allowed(leg, side, partner)
        if not reason and not all(value > 0 for value in atr.values()):
            reason = "undefined_distance"
        if not reason and rules.entry_kind != "market" and not level > 0:
            reason = "undefined_price"
        if not reason and rules.entry_kind == "stop_limit" and not limit > 0:
            reason = "undefined_price"
        quantity = 0.0
        if not reason:
            distances = distances_of(rules, atr)
            fraction = kelly_fraction(rules, self.trades_of(leg.strategy)) if rules.sizer == "kelly" else NAN
            if fraction is None:
                reason = "no_edge"
            else:
                quantity = self.quantity(leg, sized_at, distances, atr, fraction, partner)
                reason = self.too_small(leg.symbol, quantity) or self.too_exposed(
                    leg, side, quantity, sized_at, partner
                )
        if reason:
            self.refuse(leg, side, reason)
            return None
        day_end = self.day_ends[bisect_right(self.day_ends, bar.close_time)]
        order = Order(
            leg, side, rules.entry_kind, at, bar.close_time, quantity, sized_at, level, limit, distances, day_end
        )
        if partner:
            order.partner, partner.partner = partner, order
        self.waiting.append(order)
        self.out.orders += 1
        return order

    def asked_price(self, leg: Leg, side: int) -> tuple[float, float]:
        levels, limits = (leg.long_price, leg.long_limit) if side == LONG else (leg.short_price, leg.short_limit)
        at = self.here[leg.symbol]
        return (levels[at] if levels else NAN), (limits[at] if limits else NAN)

    def not_allowed(self, leg: Leg, side: int, partner: Order | None) -> str:
        """Say why no entry may be decided now, before any number is computed; "" when it may."""
        rules, share, at = self.rules[leg.strategy], self.shares[leg.strategy], self.here[leg.symbol]
        taken = [(p.strategy, p.symbol) for p in self.positions if not p.exit_reason]
        taken += [(order.leg.strategy, order.leg.symbol) for order in self.waiting_once(partner)]
        if self.halted:
            return "halted"
        if self.halted_today:
            return "halted_today"
        if share.halted:
            return "halted"
        if share.halted_today:
            return "halted_today"
        if leg.blocked[at]:
            return FILTERS[leg.blocked[at]]
        if taken.count((leg.strategy, leg.symbol)) >= rules.max_positions_per_symbol:
            return "max_positions_per_symbol"
        if sum(strategy == leg.strategy for strategy, _ in taken) >= rules.max_positions:
            return "max_positions"
        if self.terms.max_positions and len(taken) >= self.terms.max_positions:
            return "max_account_positions"
        if self.too_alike(leg.symbol, side):
            return "correlation"
        return ""

    def waiting_once(self, partner: Order | None) -> list[Order]:
        """Waiting entries as the maxima count them: a pair is one, and the partner of the order being decided is none."""
        return [order for order in self.waiting if order is not partner and not (order.partner and order.side == SHORT)]

    def too_alike(self, symbol: int, side: int) -> bool:
        """S14: some other symbol that is held or waited for moves like this one, both sides considered."""
        held = {(p.symbol, p.side) for p in self.positions if not p.exit_reason}
        held |= {(order.leg.symbol, order.side) for order in self.waiting}
        for other, other_side in held:
            if other == symbol or self.terms.correlation_limit == INF:
                continue
            now, window = self.bar(symbol).close_time, self.terms.correlation_window
            moves = correlation(self.bars[symbol], self.bars[other], now, window)
            if moves is not None and at_or_above(moves * side * other_side, self.terms.correlation_limit):
                return True
        return False

    def quantity(self, leg, sized_at, distances, atr, kelly, partner) -> float:
        """S10: notional by the sizer, limited by the account and by the allocation, then whole steps; left to right."""
        rules, contract, rate = self.rules[leg.strategy], self.contracts[leg.symbol], self.rate[leg.symbol]
        equity = rules.allocation * self.equity
        notional = equity * rules.size
        if rules.sizer == "units":
            notional = rules.size * sized_at * contract.multiplier * rate
        elif rules.sizer == "cash":
            notional = rules.size
        elif rules.sizer == "risk":
            notional = equity * rules.size / distances.stop.at(sized_at) * sized_at
        elif rules.sizer == "volatility":
            notional = equity * rules.size / atr["size"] * sized_at
        elif rules.sizer == "kelly":
            notional = equity * kelly
        notional = min(notional, equity * rules.position_limit)
        costs = rules.commission + rules.slippage
        everyone = self.equity * self.terms.leverage - self.taken(None, partner)
        own = equity * self.terms.leverage - self.taken(leg.strategy, partner)
        notional = min(notional, min(everyone, own) / (1 + rules.cash_buffer) / (1 + costs))
        return math.floor(notional / (sized_at * contract.multiplier * rate) / contract.step + 1e-9) * contract.step

    def taken(self, strategy: int | None, partner: Order | None) -> float:
        """Open notional and reservations (S10), of everyone or of one strategy; a pair reserves the larger of its two."""
        total = 0.0
        for position in self.positions:
            if strategy in (None, position.strategy) and not position.exit_reason:
                total += self.notional(position)
        for order in self.waiting_once(partner):
            if strategy in (None, order.leg.strategy):
                both = [order, order.partner] if order.partner else [order]
                total += max(self.waiting_notional(one) for one in both)
        return total

    def trades_of(self, strategy: int) -> list[float]:
        """Return what each trade so far earned per unit of its entry's notional (Kelly's r)."""
        return [
            trade.pnl / (trade.quantity * trade.entry_price * self.contracts[trade.symbol].multiplier * trade.rate)
            for trade in self.out.trades
            if trade.strategy == strategy
        ]

    def too_small(self, symbol: int, quantity: float) -> str:
        minimum = self.contracts[symbol].minimum
        if quantity <= 0:
            return "zero_quantity"
        return "under_minimum" if quantity < minimum and not same(quantity, minimum) else ""

    def too_exposed(self, leg: Leg, side: int, quantity: float, sized_at: float, partner: Order | None) -> str:
        """S14: what all strategies hold and wait for, with this entry, against multiples of equity."""
        contract, terms = self.contracts[leg.symbol], self.terms
        new = side * quantity * sized_at * contract.multiplier * self.rate[leg.symbol]
        held = [(p.symbol, p.side * self.notional(p)) for p in self.positions if not p.exit_reason]
        held += [(o.leg.symbol, o.side * self.waiting_notional(o)) for o in self.waiting if o is not partner]

        def exceeds(exposure: float, limit: float) -> bool:
            return exposure > limit * self.equity + 1e-9 * self.equity

        if exceeds(self.taken(None, partner) + abs(new), terms.max_gross_exposure):
            return "max_gross_exposure"
        net = sum(amount for _, amount in held)
        if exceeds(abs(net + new), terms.max_net_exposure) and abs(net + new) > abs(net):
            return "max_net_exposure"
        before = currency_exposures(held, self.contracts)
        after = currency_exposures([*held, (leg.symbol, new)], self.contracts)
        for currency, amount in after.items():
            grows = abs(amount) > abs(before.get(currency, 0.0))
            if currency != ACCOUNT_CURRENCY and grows and exceeds(abs(amount), terms.max_currency_exposure):
                return "max_currency_exposure"
        return ""

    # --- fill: close (S3) ------------------------------------------------------------------------------------------

    def fill_exits_at_the_close(self) -> None:
        for position in self.present():
            if position.exit_reason and self.rules[position.strategy].fill_close:
                self.leave(position, self.last_price(position), position.exit_reason, slips=True)

    def fill_entries_at_the_close(self) -> None:
        for order in self.in_order(self.waiting):
            if order.leg.symbol in self.here and self.rules[order.leg.strategy].fill_close:
                close = self.seen_by_order(order, self.bar(order.leg.symbol)).close
                self.enter(order, Reached(close, slips=True), age=1)
        if any(rules.fill_close for rules in self.rules):
            self.mark()

    def take_target(self, position: Position, raw: float) -> None:
        step = self.contracts[position.symbol].step
        self.leave(position, raw, "take_profit", slips=False, quantity=part_of(position, step))
        position.taken += 1
        skip_targets(position, step)

    # --- Fills (S9, S10, S15) --------------------------------------------------------------------------------------

    def enter(self, order: Order, reached: Reached, *, age: int = 0, inside: bool = False) -> Position | None:
        """Open the position, or refuse it whole: not covered, or a level that protects nothing."""
        self.waiting.remove(order)
        leg, side, distances, symbol = order.leg, order.side, order.distances, order.leg.symbol
        rules, contract, rate = self.rules[leg.strategy], self.contracts[symbol], self.rate[symbol]
        price = filled_at(order, reached, rules.slippage)
        notional = order.quantity * price * contract.multiplier * rate
        commission = commission_of(rules, order.quantity, notional)
        gross = sum(self.notional(position) for position in self.positions)
        equity = self.worth()
        stop_away, trail_away = distances.stop.at(price), distances.trail.at(price)
        targets_away = [distance.at(price) for distance in distances.targets]
        stop = to_tick(price - side * stop_away, contract.tick, -side) if stop_away else NAN
        targets = [to_tick(price + side * away, contract.tick, side) if away else NAN for away in targets_away]
        trail = to_tick(price - side * trail_away, contract.tick, -side) if trail_away else NAN
        refused = ""
        if gross + notional > (equity - commission) * self.terms.leverage + 1e-9 * equity:
            refused = "not_covered"
        elif trail <= 0 or (stop <= 0 if side == LONG else any(target <= 0 for target in targets)):
            refused = "stop_beyond_zero"
        if refused:
            if order.partner:
                order.partner.partner = None
            self.refuse(leg, side, refused)
            return None
        self.entries += 1
        bar, at = self.bar(symbol), self.here[symbol]
        position = Position(
            self.entries, leg.strategy, symbol, side, order.quantity, order.quantity, at, bar.time, price, rate, inside,
            stop, targets, distances, extreme=price, age=age, costs=commission, doubtful=False, swapped=bar.time, trail=trail,
        )  # fmt: skip
        self.positions.append(position)
        skip_targets(position, contract.step)
        if not contract.financed:
            self.cash -= side * notional
        self.cash -= commission
        self.out.fills.append(
            Fill(leg.strategy, symbol, at, bar.time, side, "signal", order.quantity, price, commission, rate)
        )
        if order.partner:
            other = order.partner
            self.give_up(other, "cancelled_by_oco")
        return position

    def leave(self, held: Position, raw: float, reason: str, *, slips: bool, quantity: float | None = None) -> None:
        """Close the position, or `quantity` of it: a trade with its part of the entry's costs and of the financing."""
        rules, contract, rate = self.rules[held.strategy], self.contracts[held.symbol], self.rate[held.symbol]
        target = target_in_force(held)
        whole = quantity is None or quantity >= held.quantity
        quantity = held.quantity if whole else quantity
        share = 1.0 if whole else quantity / held.quantity
        price = raw * (1 - held.side * rules.slippage) if slips else raw
        notional = quantity * price * contract.multiplier * rate
        commission = commission_of(rules, quantity, notional)
        gross = self.profit(held, quantity, price)
        entry_costs, financing = held.costs * share, held.financing * share
        costs = entry_costs + commission
        pnl = gross - costs + financing
        at, bar = self.here[held.symbol], self.bar(held.symbol)
        self.cash += gross if contract.financed else held.side * notional
        self.cash -= commission
        self.shares[held.strategy].realised += pnl
        held.quantity -= quantity
        held.costs -= entry_costs
        held.financing -= financing
        if not whole or held.parts:
            held.parts += 1
        if whole:
            self.positions.remove(held)
        self.out.fills.append(
            Fill(held.strategy, held.symbol, at, bar.time, -held.side, reason, quantity, price, commission, rate)
        )
        self.out.trades.append(
            Trade(
                held.strategy, held.symbol, held.side, reason, held.doubtful, held.entry_bar, at, held.entry_time,
                bar.time, 1 + at - held.entry_bar, quantity, held.entry_price, price, held.stop, target,
                gross, costs, pnl, held.parts, financing, rate,
            )
        )  # fmt: skip

    def refuse(self, leg: Leg, side: int, reason: str) -> None:
        self.out.refusals.append(Refusal(leg.strategy, leg.symbol, self.here[leg.symbol], side, reason))

    def finish(self) -> None:
        """A run ends with open positions listed as open, not as trades."""
        for p in self.everyone():
            self.out.positions.append(
                Held(
                    p.strategy, p.symbol, p.side, p.entry_bar, p.entry_time, p.quantity, p.entry_price, p.stop,
                    target_in_force(p), p.exit_reason, p.costs, p.financing,
                )
            )  # fmt: skip
        waiting_exits = sum(bool(p.exit_reason) for p in self.positions)
        self.out.orders += len(self.out.trades) + waiting_exits  # every trade has one exit order, decided or protective


def drawdown(money: Replay | Share) -> float:
    """S14: of the account or of one strategy."""
    return (money.high_water - money.equity) / money.high_water


def daily_loss(money: Replay | Share) -> float:
    return (money.day_equity - money.equity) / money.day_equity if money.day_equity > 0 else 0.0


def nights_of(contract: Contract, weekday: int) -> int:
    """S11: how many nights a trading day counts for swap."""
    if contract.triple_day < 0:
        return 1
    if weekday == contract.triple_day:
        return 3
    return 0 if weekday >= 5 else 1


def commission_of(rules: Rules, quantity: float, notional: float) -> float:
    """S9: a fraction of the notional, so much per unit and per order, but never under the minimum."""
    wanted = rules.commission * notional + rules.commission_per_unit * quantity + rules.commission_per_order
    return max(wanted, rules.commission_minimum)


def replay(bars, legs, rules, contracts, *, capital, day_ends, start=None, terms=None, around=None) -> Outcome:
    """Run `legs` over `bars` (one list per symbol) with one account; `rules` per strategy, `contracts` per symbol."""
    return Replay(
        bars, legs, rules, contracts, capital=capital, day_ends=day_ends, start=start, terms=terms, around=around
    ).run()
