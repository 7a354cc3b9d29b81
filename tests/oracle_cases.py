"""Random trading cases that like trouble: prices on a coarse grid so that ties are common, gaps, missing candles, tight limits."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace

import oracle
from oracle_bridge import HOUR, Case


def random_case(rng: random.Random, most_hours: int = 70, most_symbols: int = 3) -> Case:
    """Draw a whole case; every rule field gets its turn, and most cases use only a few of them."""
    unit = rng.choice([1.0, 0.5, 0.1, 0.01])
    symbols, strategies = min(rng.choice([1, 1, 2, 3]), most_symbols), rng.choice([1, 1, 2])
    clock = random_clock(rng, most_hours)
    missing = rng.choice([0.0, 0.0, 0.1, 0.4])
    bars = [random_bars(rng, clock, unit, missing) for _ in range(symbols)]
    rules = [random_rules(rng, unit) for _ in range(strategies)]
    legs = [random_leg(rng, n, m, len(bars[m]), unit) for n in range(strategies) for m in range(symbols)]
    rng.shuffle(legs)
    contracts = [random_contract(rng, unit) for _ in range(symbols)]
    start = rng.choice([None, None, clock[len(clock) // 3], clock[0] + HOUR // 4])
    return Case(bars, legs, rules, contracts, rng.choice([10_000.0, 500.0]), start)


def random_clock(rng: random.Random, most_hours: int) -> list[int]:
    """Hours across several trading days: a weekend, often the one when New York's clocks change."""
    first = rng.choice(["2024-01-08T00:00", "2024-01-11T20:00", "2024-03-08T12:00", "2024-11-01T06:30"])
    begin = int(dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC).timestamp()) * oracle.SECOND
    hours = rng.randint(3, most_hours)
    clock, time = [], begin
    while len(clock) < hours:
        moment = dt.datetime.fromtimestamp(time // oracle.SECOND, dt.UTC)
        closed = (moment.weekday(), moment.hour) >= (4, 22) and (moment.weekday(), moment.hour) < (6, 22)
        if not closed:
            clock.append(time)
        time += HOUR
    return clock


def random_bars(rng: random.Random, clock: list[int], unit: float, missing: float) -> list[oracle.Bar]:
    ends = oracle.new_york_day_ends(clock[0], clock[-1])
    wild = rng.choice([1, 1, 3, 12])
    level, bars = 100, []
    for time in clock:
        opening = max(level + rng.choice([0, 0, 0, 1, -1, rng.randint(-6, 6) * wild]), 3)
        close = max(opening + rng.randint(-3, 3) * wild, 3)
        high = max(opening, close) + rng.choice([0, 1, 2, rng.randint(0, 8) * wild])
        low = max(min(opening, close) - rng.choice([0, 1, 2, rng.randint(0, 8) * wild]), 1)
        level = close
        if rng.random() >= missing:
            prices = [number * unit for number in (opening, high, low, close)]
            bars.append(oracle.Bar(time, oracle.closing(time, HOUR, ends), *prices))
    if not bars:
        bars.append(oracle.Bar(clock[0], oracle.closing(clock[0], HOUR, ends), *[100 * unit] * 4))
    return bars


def random_leg(rng: random.Random, strategy: int, symbol: int, count: int, unit: float) -> oracle.Leg:
    def flags(share: float) -> list[int]:
        return [int(rng.random() < share) for _ in range(count)]

    def atr() -> list[float]:
        unknown, least = rng.choice([0, 0, 4]), rng.choice([0, 1, 1])
        return [float("nan") if at < unknown else rng.randint(least, 6) * unit for at in range(count)]

    entries, exits = rng.choice([0.1, 0.4, 0.9]), rng.choice([0.0, 0.1, 0.4])
    sides = rng.choice([(1, 1), (1, 1), (1, 0), (0, 1)])
    blocked = [rng.choice([0, 0, 0, 16, 17, 18, 19]) for _ in range(count)] if rng.random() < 0.2 else [0] * count
    return oracle.Leg(
        strategy, symbol, flags(entries * sides[0]), flags(entries * sides[1]), flags(exits), flags(exits), blocked,
        atr(), atr(), atr(), atr(),
    )  # fmt: skip


def random_rules(rng: random.Random, unit: float) -> oracle.Rules:
    def some(share: float, *choices: float) -> float:
        return rng.choice(choices) if rng.random() < share else 0.0

    def limit(share: float, *choices: float) -> float:
        return rng.choice(choices) if rng.random() < share else oracle.INF

    rules = oracle.Rules(
        size=rng.choice([0.01, 0.1, 0.3, 0.6, 1.0, 2.0]),
        position_limit=limit(0.2, 0.05, 0.5, 1.0),
        cash_buffer=rng.choice([0.005, 0.005, 0.0, 0.1]),
        max_positions=rng.choice([1, 2, 3]),
        max_positions_per_symbol=rng.choice([1, 1, 2]),
        slippage=rng.choice([0.0, 0.0, 0.0001, 0.01]),
        commission=some(0.2, 0.0005, 0.01),
        commission_per_unit=some(0.1, 0.001, 0.1),
        commission_per_order=some(0.1, 1.0, 20.0),
        commission_minimum=some(0.1, 0.5, 30.0),
        max_drawdown=limit(0.2, 0.01, 0.05, 0.2),
        daily_loss_limit=limit(0.25, 0.002, 0.01, 0.05),
        max_holding_period=int(some(0.3, 1, 2, 5)),
        fill_close=rng.random() < 0.15,
        expire_after=rng.choice([0, 0, 0, HOUR, 5 * HOUR]),
        intrabar=rng.choice(["worst", "worst", "best"]),
    )
    for name, share in (("stop", 0.6), ("target", 0.5), ("trail", 0.3)):
        if rng.random() < share:
            rules = replace(rules, **random_distance(rng, name, unit))
    return replace(rules, **random_sizer(rng, rules))


def random_distance(rng: random.Random, name: str, unit: float) -> dict[str, float]:
    ways = {
        f"{name}_fraction": rng.choice([0.001, 0.01, 0.02, 0.05, 0.5]),
        f"{name}_distance": rng.choice([1, 2, 3, 5, 8, 90]) * unit,
        f"{name}_atr": rng.choice([0.5, 1.0, 2.0, 3.0]),
    }
    chosen = rng.choice([[way] for way in ways] * 3 + [list(ways)])
    return {way: ways[way] for way in chosen}


def random_sizer(rng: random.Random, rules: oracle.Rules) -> dict[str, object]:
    sizer = rng.choice(["fraction", "fraction", "fraction", "units", "cash", "risk", "volatility"])
    stopped = rules.stop_fraction or rules.stop_distance or rules.stop_atr
    if sizer == "risk" and not stopped:
        sizer = "fraction"  # the strategy would be refused before it ran
    sizes = {
        "units": [0.5, 10.0, 1000.0],
        "cash": [300.0, 3000.0, 20_000.0],
        "risk": [0.001, 0.01, 0.2],
        "volatility": [0.0005, 0.005, 0.1],
    }
    return {
        "sizer": sizer,
        "size": rng.choice(sizes[sizer]) if sizer in sizes else rules.size,
    }


def random_contract(rng: random.Random, unit: float) -> oracle.Contract:
    return oracle.Contract(
        step=rng.choice([0.01, 0.01, 1.0, 0.3]),
        minimum=rng.choice([0.0, 0.0, 1.0, 5.0]),
        multiplier=rng.choice([1.0, 1.0, 10.0, 0.37]),
        tick=rng.choice([0.0, 0.0, unit, unit / 2, unit * 3]),
    )
