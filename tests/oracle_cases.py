"""Random trading cases that like trouble: prices on a coarse grid so that ties are common, gaps, missing candles, tight limits."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import replace

import oracle
from oracle_bridge import HOUR, QUARTER, Case

UNITS = [1.0, 0.5, 0.1, 0.01]


def random_case(rng: random.Random, most_hours: int = 70, most_symbols: int = 3) -> Case:
    """Draw a whole case: a plain one, and on most of them a few of the other features, rarely many at once."""
    unit = rng.choice(UNITS)
    case = plain_case(rng, most_hours, most_symbols, unit)
    count = rng.choice([0, 0, 1, 1, 1, 1, 2, 2, 3, 6])
    for add in rng.sample(FEATURES, count):
        case = add(rng, case, unit)
    return in_keeping(case)


def plain_case(rng: random.Random, most_hours: int = 70, most_symbols: int = 3, unit: float | None = None) -> Case:
    """Draw a case of market entries in an account of one currency; most use only a few of the rules."""
    unit = unit or rng.choice(UNITS)
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


# --- Features that a plain case has not ---------------------------------------------------------------------------------
# Each takes a case and gives it one more; prices stay on the grid of `unit`.


def in_keeping(case: Case) -> Case:
    """Take back what a strategy's file could not ask for: a level under `fill: close`, owned things on margin, EUREUR."""
    rules = [replace(rule, fill_close=rule.fill_close and rule.entry_kind == "market") for rule in case.rules]
    contracts = [
        contract._replace(
            financed=contract.financed or case.terms.leverage > 1,
            base=-1 if contract.base == contract.quote else contract.base,
        )
        for contract in case.contracts
    ]
    return replace(case, rules=rules, contracts=contracts)


def around_of(case: Case) -> list[oracle.Around]:
    return case.around or [oracle.Around() for _ in case.bars]


def with_spread(rng: random.Random, case: Case, unit: float) -> Case:
    around, contracts = [], []
    for beside, bars, contract in zip(around_of(case), case.bars, case.contracts, strict=True):
        bid, ask = rng.choice([(0.5, 0.5), (0.0, 1.0), (1.0, 0.0)])
        wide = [0.5, 1.0, 2.0] if bid == 0 else [0.25, 0.5]  # no price at or below zero
        fixed = rng.choice(wide) * unit
        column = [rng.choice([0.0, *wide]) * unit for _ in bars] if rng.random() < 0.4 else [fixed] * len(bars)
        around.append(replace(beside, spread=column if rng.random() < 0.8 else []))
        contracts.append(contract._replace(bid_share=bid, ask_share=ask))
    return replace(case, around=around, contracts=contracts)


def with_rates(rng: random.Random, case: Case, unit: float) -> Case:
    around, contracts = [], []
    for beside, bars, contract in zip(around_of(case), case.bars, case.contracts, strict=True):
        rate, opens, closes = rng.choice([0.5, 0.8, 1.25, 150.0]), [], []
        for _ in bars:
            rate *= rng.choice([1.0, 1.0, 1.0, 1.02, 0.98, 1.25, 0.8])
            opens.append(rate)
            rate *= rng.choice([1.0, 1.0, 1.02, 0.98])
            closes.append(rate)
        known = rng.random() < 0.8
        around.append(replace(beside, rate_open=opens if known else [], rate_close=closes if known else []))
        contracts.append(contract._replace(financed=rng.random() < 0.5, quote=rng.choice([1, 2]) if known else 0))
    return replace(case, around=around, contracts=contracts)


def with_swap(rng: random.Random, case: Case, unit: float) -> Case:
    contracts = []
    for contract in case.contracts:
        yearly = rng.random() < 0.4
        size = 0.5 if yearly else unit * 0.2
        long, short = (rng.choice([-1.0, 0.0, 0.3, 1.0]) * size for _ in range(2))
        contracts.append(
            contract._replace(
                swap_long=long, swap_short=short, swap_yearly=yearly, triple_day=rng.choice([-1, 0, 2, 4])
            )
        )
    return replace(case, contracts=contracts)


def with_actions(rng: random.Random, case: Case, unit: float) -> Case:
    around = []
    for beside, bars in zip(around_of(case), case.bars, strict=True):
        actions = []
        for _ in range(rng.choice([0, 1, 2, 4, 8])):
            time = rng.choice(bars).time - rng.choice([0, 0, 1, QUARTER, 3 * HOUR])
            split = rng.random() < 0.5
            amount = rng.choice([2.0, 0.5, 3.0, 1.5]) if split else rng.choice([0.5, 1.0, 5.0]) * unit
            actions.append(oracle.Action(time, "split" if split else "dividend", amount))
        around.append(replace(beside, actions=sorted(actions, key=lambda action: action.time)))
    return replace(case, around=around)


def with_targets(rng: random.Random, case: Case, unit: float) -> Case:
    def some(rule: oracle.Rules) -> oracle.Rules:
        count, targets = rng.choice([2, 2, 3]), []
        for number in range(count):
            away = rng.choice(
                [
                    {"distance": (number + rng.randint(1, 3)) * unit},
                    {"fraction": 0.01 * (number + 1)},
                    {"atr": 0.5 + number},
                ]
            )
            targets.append(oracle.Target(**away, share=rng.choice([0.5, 0.3, 0.1, 0.001, 1 / 3])))
        if rng.random() < 0.6:
            targets[-1] = targets[-1]._replace(share=1.0)
        return replace(rule, targets=tuple(targets), target_fraction=0.0, target_distance=0.0, target_atr=0.0)

    return replace(case, rules=[some(rule) for rule in case.rules])


def with_break_even(rng: random.Random, case: Case, unit: float) -> Case:
    def some(rule: oracle.Rules) -> oracle.Rules:
        trigger = rng.choice([{"even_distance": rng.randint(1, 4) * unit}, {"even_fraction": 0.02}, {"even_atr": 1.0}])
        offset = rng.choice([{}, {}, {"even_offset": rng.choice([1, 2, -1]) * unit}, {"even_offset_fraction": 0.005}])
        return replace(rule, **trigger, **offset)

    legs = [replace(leg, even_atr=leg.stop_atr[::-1]) for leg in case.legs]
    return replace(case, legs=legs, rules=[some(rule) for rule in case.rules])


def with_entry_levels(rng: random.Random, case: Case, unit: float) -> Case:
    kinds = [rng.choice(["limit", "stop", "stop_limit"]) for _ in case.rules]
    rules = [
        replace(
            rule,
            entry_kind=kind,
            expire_bars=rng.choice([0, 0, 1, 2, 5]),
            expire_day=rng.random() < 0.2,
            oco=rng.random() < 0.4,
        )
        for rule, kind in zip(case.rules, kinds, strict=True)
    ]

    def some(leg: oracle.Leg) -> oracle.Leg:
        closes = [bar.close for bar in case.bars[leg.symbol]]
        wild = rng.choice([2, 4, 8])
        long, short = (
            [
                rng.choice([oracle.NAN, 0.0]) if rng.random() < 0.03 else c + rng.randint(-wild, wild) * unit
                for c in closes
            ]
            for _ in range(2)
        )
        limits = [
            [p + side * rng.choice([0, 0, 1, 3]) * unit for p in prices] for side, prices in ((1, long), (-1, short))
        ]
        columns = (
            dict(zip(("long_limit", "short_limit"), limits, strict=True)) if kinds[leg.strategy] == "stop_limit" else {}
        )
        return replace(leg, long_price=long, short_price=short, **columns)

    return replace(case, rules=rules, legs=[some(leg) for leg in case.legs])


def with_session(rng: random.Random, case: Case, unit: float) -> Case:
    every = rng.choice([3, 7, 12])
    return replace(
        case,
        legs=[replace(leg, session_exit=[int(rng.random() < 1 / every) for _ in leg.blocked]) for leg in case.legs],
    )


def with_longer_signals(rng: random.Random, case: Case, unit: float) -> Case:
    def some(leg: oracle.Leg) -> oracle.Leg:
        every = rng.choice([2, 3, 4])
        closes = [int(at % every == every - 1) for at in range(len(leg.blocked))]
        flags = {
            name: [flag * close for flag, close in zip(getattr(leg, name), closes, strict=True)]
            for name in ("entry_long", "entry_short", "exit_long", "exit_short")
        }
        return replace(leg, signal_close=closes, **flags)

    return replace(case, legs=[some(leg) for leg in case.legs])


def with_margin(rng: random.Random, case: Case, unit: float) -> Case:
    leverage = rng.choice([2.0, 5.0, 30.0])
    maintenance = rng.choice([0.0, 0.5 / leverage, 0.9 / leverage])
    rules = [
        replace(rule, sizer="fraction", size=rng.choice([0.3, 0.6, 0.9, 2.0]) * leverage)
        if rng.random() < 0.7
        else rule
        for rule in case.rules
    ]
    return replace(case, rules=rules, terms=case.terms._replace(leverage=leverage, maintenance=maintenance))


def with_account_limits(rng: random.Random, case: Case, unit: float) -> Case:
    def limit(*choices: float) -> float:
        return rng.choice(choices) if rng.random() < 0.4 else oracle.INF

    terms = case.terms._replace(
        max_drawdown=limit(0.02, 0.1),
        daily_loss_limit=limit(0.005, 0.03),
        max_positions=rng.choice([0, 0, 1, 2, 3]),
        max_gross_exposure=limit(0.2, 0.5, 1.0),
        max_net_exposure=limit(0.1, 0.3, 0.6),
        max_currency_exposure=limit(0.1, 0.3, 0.6),
        correlation_limit=limit(0.3, 0.8, -0.2, 1.0),
        correlation_window=rng.choice([3, 5, 10]),
    )
    pairs = [(-1, 0), (-1, 1), (0, 1), (1, 0), (1, 2), (2, 1), (3, 1)]
    named = [dict(zip(("base", "quote"), rng.choice(pairs), strict=True)) for _ in case.contracts]
    contracts = [contract._replace(**names) for contract, names in zip(case.contracts, named, strict=True)]
    return replace(case, terms=terms, contracts=contracts)


def with_allocation(rng: random.Random, case: Case, unit: float) -> Case:
    rules = [
        replace(
            rule,
            allocation=rng.choice([0.2, 0.5, 0.5, 1.0]),
            max_drawdown=rng.choice([oracle.INF, 0.01, 0.05]),
            daily_loss_limit=rng.choice([oracle.INF, 0.005, 0.02]),
        )
        for rule in case.rules
    ]
    return replace(case, rules=rules)


def with_kelly(rng: random.Random, case: Case, unit: float) -> Case:
    rules = [
        replace(
            rule,
            sizer="kelly",
            size=rng.choice([0.1, 0.5, 1.0]),
            kelly_cap=rng.choice([0.25, 1.0]),
            kelly_initial=rng.choice([0.02, 0.3, 1e-6]),
            kelly_window=rng.choice([1, 2, 5]),
        )
        for rule in case.rules
    ]
    return replace(case, rules=rules)


def with_finer(rng: random.Random, case: Case, unit: float) -> Case:
    missing = rng.choice([0.0, 0.0, 0.0, 0.2, 0.7])
    around = [
        replace(beside, finer=[c for bar in bars for c in quarters_of(rng, bar, unit) if rng.random() >= missing])
        for beside, bars in zip(around_of(case), case.bars, strict=True)
    ]
    return replace(case, around=around, rules=[replace(rule, intrabar="finer") for rule in case.rules])


def quarters_of(rng: random.Random, bar: oracle.Bar, unit: float) -> list[oracle.Bar]:
    """Make quarters of an hour that together are this bar."""
    low, high = round(bar.low / unit), round(bar.high / unit)
    opens = list(range(bar.time, bar.close_time, QUARTER))
    highest, lowest = rng.randrange(len(opens)), rng.randrange(len(opens))
    level, quarters = bar.open, []
    for number, time in enumerate(opens):
        opening = level if number == 0 or rng.random() < 0.8 else rng.randint(low, high) * unit
        level = bar.close if number == len(opens) - 1 else rng.randint(low, high) * unit
        reach = [opening, level, *(rng.randint(low, high) * unit for _ in range(rng.choice([0, 0, 2])))]
        top = bar.high if number == highest else min(max(reach), bar.high)
        bottom = bar.low if number == lowest else max(min(reach), bar.low)
        close = min(time + QUARTER, bar.close_time)
        quarters.append(oracle.Bar(time, close, clip(opening, bar), top, bottom, clip(level, bar)))
    return quarters


def clip(price: float, bar: oracle.Bar) -> float:
    return min(max(price, bar.low), bar.high)


FEATURES: list[Callable[[random.Random, Case, float], Case]] = [
    with_spread,
    with_rates,
    with_swap,
    with_actions,
    with_targets,
    with_break_even,
    with_entry_levels,
    with_entry_levels,
    with_session,
    with_longer_signals,
    with_margin,
    with_account_limits,
    with_allocation,
    with_kelly,
    with_finer,
]
