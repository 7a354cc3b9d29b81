"""The oracle on levels: both sides of the market, where stops and targets lie, which of them is in force (S6, S8, S9, S10)."""

from __future__ import annotations

import math

from oracle_words import (
    LONG,
    NAN,
    Bar,
    Contract,
    Distance,
    Distances,
    Leg,
    Position,
    Rules,
    Target,
    at_or_above,
    at_or_below,
    same,
)

# --- Both sides of the market (S9) ------------------------------------------------------------------------------------


def shifted(bar: Bar, by: float) -> Bar:
    return bar._replace(open=bar.open + by, high=bar.high + by, low=bar.low + by, close=bar.close + by)


def sold_at(bar: Bar, spread: float, contract: Contract) -> Bar:
    """Return the candle on the bid: where longs leave and shorts enter."""
    return shifted(bar, -spread * contract.bid_share)


def bought_at(bar: Bar, spread: float, contract: Contract) -> Bar:
    """Return the candle on the ask: where longs enter and shorts leave."""
    return shifted(bar, spread * contract.ask_share)


def exit_side(bar: Bar, spread: float, contract: Contract, side: int) -> Bar:
    return (sold_at if side == LONG else bought_at)(bar, spread, contract)


def entry_side(bar: Bar, spread: float, contract: Contract, side: int) -> Bar:
    return (bought_at if side == LONG else sold_at)(bar, spread, contract)


def clamped(level: float, bar: Bar) -> float:
    return min(max(level, bar.low), bar.high)


# --- Touching a level (S6) ------------------------------------------------------------------------------------------------------


def stop_touched(side: int, price: float, stop: float) -> bool:
    return at_or_below(price, stop) if side == LONG else at_or_above(price, stop)


def target_touched(side: int, price: float, target: float) -> bool:
    return at_or_above(price, target) if side == LONG else at_or_below(price, target)


def stop_reached(side: int, bar: Bar, stop: float) -> bool:
    return stop_touched(side, bar.low if side == LONG else bar.high, stop)


def target_reached(side: int, bar: Bar, target: float) -> bool:
    return target_touched(side, bar.high if side == LONG else bar.low, target)


# --- Where levels lie (S10) --------------------------------------------------------------------------------------------


def atr_asked(leg: Leg, rules: Rules, at: int) -> dict[str, float]:
    """Return the ATRs that the rules ask for, as known at this close; the others are left out."""
    asked = {
        "stop": (rules.stop_atr, leg.stop_atr),
        "target": (max([rules.target_atr, *(target.atr for target in rules.targets)]), leg.target_atr),
        "trail": (rules.trail_atr, leg.trail_atr),
        "even": (rules.even_atr, leg.even_atr),
        "size": (float(rules.sizer == "volatility"), leg.size_atr),
    }
    return {name: values[at] for name, (multiple, values) in asked.items() if multiple}


def distances_of(rules: Rules, atr: dict[str, float]) -> Distances:
    """Each distance is a fraction of the price, plus a price distance, plus a multiple of the ATR."""
    unit = {name: atr.get(name, 0.0) for name in ("stop", "target", "trail", "even")}
    targets = rules.targets or (Target(rules.target_fraction, rules.target_distance, rules.target_atr),)
    return Distances(
        stop=Distance(rules.stop_fraction, rules.stop_distance + rules.stop_atr * unit["stop"]),
        targets=[Distance(t.fraction, t.distance + t.atr * unit["target"]) for t in targets],
        shares=[target.share for target in targets],
        trail=Distance(rules.trail_fraction, rules.trail_distance + rules.trail_atr * unit["trail"]),
        even=Distance(rules.even_fraction, rules.even_distance + rules.even_atr * unit["even"]),
        even_offset=Distance(rules.even_offset_fraction, rules.even_offset),
    )


def to_tick(level: float, tick: float, direction: int) -> float:
    """Round up (+1) or down (-1) to the tick; a level on the tick but for the last bits stays there."""
    if not tick:
        return level
    return (math.ceil(level / tick - 1e-9) if direction > 0 else math.floor(level / tick + 1e-9)) * tick


# --- Which of them is in force -----------------------------------------------------------------------------------------


def tighter(side: int, level: float, other: float) -> bool:
    """Say whether a stop is strictly tighter than another (S22); one is tighter than none (NaN)."""
    if math.isnan(level) or math.isnan(other):
        return not math.isnan(level)
    return side * level > side * other and not same(level, other)


def stop_in_force(position: Position) -> tuple[float, str]:
    """Return the tightest of stop, trail and break-even (NaN: none) and its reason; a later one only when strictly tighter."""
    level, reason = position.stop, "stop_loss"
    if tighter(position.side, position.trail, level):
        level, reason = position.trail, "trailing_stop"
    if tighter(position.side, position.even, level):
        level, reason = position.even, "break_even"
    return level, reason


def trail_of(position: Position, tick: float) -> float:
    """Return the trailing level that follows from the extreme so far (NaN: none)."""
    away = position.distances.trail.at(position.extreme)
    return to_tick(position.extreme - position.side * away, tick, -position.side) if away else NAN


def break_even(position: Position, tick: float) -> float:
    """Return where a break-even stop lies once the extreme has come as far as its trigger (NaN: not yet, or none)."""
    side, entry, distances = position.side, position.entry_price, position.distances
    trigger = distances.even.at(entry)
    if not trigger or not target_touched(side, position.extreme, entry + side * trigger):
        return NAN
    return to_tick(entry + side * distances.even_offset.at(entry), tick, -side)


def target_in_force(position: Position) -> float:
    """Return the level of the next target (NaN: none)."""
    return position.targets[position.taken] if position.taken < len(position.targets) else NAN


def part_of(position: Position, step: float) -> float:
    """What the target in force closes: whole steps of its share of what was opened, or all; at most what is left."""
    share = position.distances.shares[position.taken]
    part = math.floor(share * position.opened / step + 1e-9) * step
    return position.quantity if share == 1 or at_or_above(part, position.quantity) else part


def skip_targets(position: Position, step: float) -> None:
    """Pass over targets that would close nothing: when one comes into force, and when a split changes quantities."""
    while position.taken < len(position.targets) and part_of(position, step) <= 0:
        position.taken += 1
