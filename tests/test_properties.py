"""What must hold for every run of the engine, whatever the candles, decisions and rules (S2, S7, S9, S11, S13, S15)."""

from __future__ import annotations

from dataclasses import replace

import oracle
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle_bridge import Case, ask_engine, run_engine
from oracle_cases import plain_case, random_case

from sptrader_lab.types.records import EXIT

MIRROR = 4096.0

quick = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def cases(most_hours: int = 14, most_symbols: int = 2, draw=plain_case) -> st.SearchStrategy[Case]:
    randoms = st.randoms(use_true_random=False)
    return st.builds(draw, randoms, most_hours=st.just(most_hours), most_symbols=st.just(most_symbols))


def near(a: float, b: float, scale: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), abs(scale))


def until(case: Case, instant: int) -> Case:
    """Return the case as it was known before `instant`: candles that open later never existed, nor anything around them."""
    counts = [sum(bar.time < instant for bar in bars) for bars in case.bars]
    around = [
        replace(
            beside,
            **{name: getattr(beside, name)[:count] for name in ("spread", "rate_open", "rate_close")},
            **{name: [row for row in getattr(beside, name) if row.time < instant] for name in ("actions", "finer")},
        )
        for beside, count in zip(case.around, counts, strict=False)
    ]

    def cut(leg: oracle.Leg) -> oracle.Leg:
        count = counts[leg.symbol]
        columns = {name: column[:count] for name, column in vars(leg).items() if isinstance(column, list)}
        return replace(leg, **columns)

    bars = [bars[:count] for bars, count in zip(case.bars, counts, strict=True)]
    return replace(case, bars=bars, legs=[cut(leg) for leg in case.legs], around=around)


# --- S15: money -------------------------------------------------------------------------------------------------------


@quick
@given(cases(most_hours=20, most_symbols=3))
def test_s15_every_change_of_equity_is_profit_on_what_was_held_less_costs(case):
    outcome = ask_engine(case)
    fills = list(outcome.fills)
    held = [0.0] * len(case.bars)
    last = [0.0] * len(case.bars)
    by_time = [{bar.time: bar for bar in bars} for bars in case.bars]
    instants = sorted({bar.time for bars in case.bars for bar in bars if bar.time >= (case.start or 0)})
    equity = case.capital
    for instant, marked in zip(instants, outcome.equity, strict=True):
        gross = costs = 0.0
        for symbol, bars in enumerate(by_time):
            if instant in bars:
                gross += held[symbol] * (bars[instant].close - last[symbol]) * case.contracts[symbol].multiplier
                last[symbol] = bars[instant].close
        while fills and fills[0].time == instant:
            fill = fills.pop(0)
            bought = fill.side * fill.quantity
            gross += bought * (last[fill.symbol] - fill.price) * case.contracts[fill.symbol].multiplier
            costs += fill.commission
            held[fill.symbol] += bought
        assert near(marked - equity, gross - costs, max(abs(equity), abs(marked)))
        equity = marked
    assert not fills


@quick
@given(cases(most_hours=20, most_symbols=3))
def test_s15_closed_and_open_profits_add_up_to_the_change_of_equity(case):
    outcome = run_engine(case)
    total = sum(trade.pnl for trade in outcome.trades)
    for position in outcome.positions:
        close = case.bars[position.symbol][-1].close
        multiplier = case.contracts[position.symbol].multiplier
        total += position.side * position.quantity * multiplier * (close - position.entry_price)
        total -= position.costs
    assert near(outcome.equity[-1] - case.capital if len(outcome.equity) else 0.0, total, case.capital)


@quick
@given(cases(most_hours=20, most_symbols=1))
def test_s11_exposure_at_an_entry_never_exceeds_equity(case):
    case = replace(case, rules=[replace(rule, fill_close=False) for rule in case.rules])
    outcome = run_engine(case)
    action = dict(zip(outcome.orders.id.tolist(), outcome.orders.action.tolist(), strict=True))
    multiplier = case.contracts[0].multiplier
    cash, held = case.capital, {}
    for fill in outcome.fills:
        opening = case.bars[0][fill.bar].open
        cash -= fill.side * fill.quantity * fill.price * multiplier + fill.commission
        if action[fill.order] == EXIT:
            del held[fill.trade]
            continue
        equity = cash + sum(held.values()) * opening * multiplier + fill.side * fill.quantity * fill.price * multiplier
        exposure = sum(map(abs, held.values())) * opening * multiplier + fill.quantity * fill.price * multiplier
        assert exposure <= equity * (1 + 1e-8)
        held[fill.trade] = fill.side * fill.quantity


# --- S6, S9: prices ---------------------------------------------------------------------------------------------------


@quick
@given(cases(most_symbols=3))
def test_s6_s9_no_fill_lies_outside_its_bar_but_for_slippage(case):
    outcome = ask_engine(case)
    for fill in outcome.fills:
        bar = case.bars[fill.symbol][fill.bar]
        slippage = 0.0 if fill.reason == "take_profit" else case.rules[fill.strategy].slippage
        raw = fill.price / (1 + fill.side * slippage)
        assert bar.time == fill.time
        assert bar.low * (1 - 1e-9) <= raw <= bar.high * (1 + 1e-9)


@quick
@given(cases(most_symbols=3))
def test_s3_every_entry_fills_at_an_open_after_a_close_that_decided_it(case):
    outcome = ask_engine(case)
    legs = {(leg.strategy, leg.symbol): leg for leg in case.legs}
    entries = [(t.strategy, t.symbol, t.side, t.entry_bar, t.entry_price) for t in outcome.trades]
    entries += [(p.strategy, p.symbol, p.side, p.entry_bar, p.entry_price) for p in outcome.positions]
    for strategy, symbol, side, bar, price in entries:
        rules, leg = case.rules[strategy], legs[strategy, symbol]
        decided = bar if rules.fill_close else bar - 1
        raw = case.bars[symbol][bar].close if rules.fill_close else case.bars[symbol][bar].open
        assert (leg.entry_long if side > 0 else leg.entry_short)[decided]
        assert price == raw * (1 + side * rules.slippage)


# --- S2: time ---------------------------------------------------------------------------------------------------------


@quick
@given(cases(draw=random_case), st.floats(0.1, 0.95))
def test_s2_a_prefix_of_the_candles_gives_a_prefix_of_everything_that_happened(case, share):
    instants = sorted({bar.time for bars in case.bars for bar in bars})
    instant = instants[int(len(instants) * share)]
    part = until(case, instant)
    assume(all(part.bars))
    whole, early = ask_engine(case), ask_engine(part)
    for name in ("trades", "fills", "refusals", "cashflows", "time", "equity", "strategy_equity"):
        before = getattr(early, name)
        assert repr(before) == repr(getattr(whole, name)[: len(before)]), name
    later = [row for name in ("fills", "trades") for row in getattr(whole, name)[len(getattr(early, name)) :]]
    assert all(getattr(row, "exit_time", getattr(row, "time", 0)) >= instant for row in later)


# --- S7: the worst and the best case ----------------------------------------------------------------------------------


@quick
@given(cases(most_hours=24))
def test_s7_from_one_state_the_worst_case_is_never_better_and_the_difference_is_flagged(case):
    worst, best = (
        ask_engine(replace(case, rules=[replace(rule, intrabar=intrabar) for rule in case.rules]))
        for intrabar in ("worst", "best")
    )
    pairs = zip(worst.trades, best.trades, strict=False)
    first = next(((low, high) for low, high in pairs if repr(low) != repr(high)), None)
    if first is None:
        assert worst.equity == best.equity or len(worst.trades) != len(best.trades)
        return
    low, high = first
    assert low.ambiguous
    assert high.ambiguous
    assert (low.entry_bar, low.exit_bar, low.quantity) == (high.entry_bar, high.exit_bar, high.quantity)
    assert low.pnl <= high.pnl


# --- S11: long and short ----------------------------------------------------------------------------------------------


def mirrored(case: Case) -> Case:
    """Turn prices upside down and long into short."""
    bars = [
        [
            bar._replace(open=MIRROR - bar.open, high=MIRROR - bar.low, low=MIRROR - bar.high, close=MIRROR - bar.close)
            for bar in bars
        ]
        for bars in case.bars
    ]
    legs = [
        replace(leg, entry_long=leg.entry_short, entry_short=leg.entry_long, exit_long=leg.exit_short,
                exit_short=leg.exit_long)
        for leg in case.legs
    ]  # fmt: skip
    return replace(case, bars=bars, legs=legs)


def for_the_mirror(case: Case) -> Case:
    """Keep what is symmetric in price: distances, no costs, a quantity that ignores the price, prices far from zero."""
    rules = [
        replace(
            rule, sizer="units", size=3.0, position_limit=oracle.INF, slippage=0.0, commission=0.0,
            stop_fraction=0.0, target_fraction=0.0, trail_fraction=0.0,
        )
        for rule in case.rules
    ]  # fmt: skip
    bars = [
        [bar._replace(**{name: round(getattr(bar, name) * 4) / 4 + 1024.0 for name in bar._fields[2:]}) for bar in bars]
        for bars in case.bars
    ]
    legs = [
        replace(leg, entry_short=[int(s and not b) for s, b in zip(leg.entry_short, leg.entry_long, strict=True)])
        for leg in case.legs
    ]  # at one close the long goes first, so both at once would not be symmetric
    contracts = [contract._replace(minimum=0.0, tick=0.0, step=1.0) for contract in case.contracts]
    return replace(case, bars=bars, legs=legs, rules=rules, contracts=contracts, capital=float(2**24))


@quick
@given(cases(most_hours=24))
def test_s11_upside_down_prices_turn_longs_into_equal_shorts(case):
    case = for_the_mirror(case)
    plain, turned = ask_engine(case), ask_engine(mirrored(case))
    assert [near(a, b, case.capital) for a, b in zip(plain.equity, turned.equity, strict=True)].count(False) == 0
    assert len(plain.trades) == len(turned.trades)
    for one, other in zip(plain.trades, turned.trades, strict=True):
        words = ("strategy", "symbol", "reason", "ambiguous", "entry_bar", "exit_bar", "quantity")
        assert [getattr(one, name) for name in words] == [getattr(other, name) for name in words]
        assert one.side == -other.side
        assert near(one.entry_price + other.entry_price, MIRROR, 0.0)
        assert near(one.exit_price + other.exit_price, MIRROR, 0.0)


# --- S13: nothing else matters ---------------------------------------------------------------------------------------


@quick
@given(cases(draw=random_case), st.randoms(use_true_random=False))
def test_s13_the_order_in_which_legs_are_given_changes_no_byte(case, rng):
    shuffled = list(case.legs)
    rng.shuffle(shuffled)
    assert run_engine(case).digest == run_engine(replace(case, legs=shuffled)).digest


@quick
@given(cases(most_symbols=1), cases(most_symbols=1))
def test_s13_a_symbol_that_never_trades_changes_no_trade(case, other):
    idle_bars = [bar for bar in other.bars[0] if bar.time in {mine.time for mine in case.bars[0]}]
    assume(idle_bars)
    with_idle = replace(
        case, bars=[*case.bars, idle_bars], contracts=[*case.contracts, oracle.Contract()], legs=case.legs
    )
    alone, beside = run_engine(case), run_engine(with_idle)
    assert alone.digest == beside.digest
