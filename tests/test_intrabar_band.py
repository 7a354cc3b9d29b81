"""What happened inside a bar lies between `worst` and `best` (S7): prices that move tick by tick, and the candles they leave behind.

A path touches every price of its grid between two ticks' extremes. Its ticks are followed one by one (`intrabar_oracle.walk`); the engine
sees their candles only. From one state, at the close of the first bar that matters: worst <= finer <= best, and worst <= what happened <= best.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intrabar_bridge import FIRST, HOUR, engine_fates
from intrabar_oracle import ONE, ZERO, Bar, Case, Fate, Terms, candle, value, walk

import sptrader_lab as lab

TICKS = 60  # in an hour: its finer candles of a minute are single ticks
START = 1024
SLIP = ONE / 1024  # about one tick
KINDS = ("market", "limit", "stop", "stop_limit")
TWO = ((ONE, Decimal("0.25")), (Decimal(2), Decimal("0.5")))  # of four units: one, two, and one that runs on
FOUR = {"targets": TWO, "units": Decimal(4)}

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Story(NamedTuple):
    """A case, and the ticks of each of its bars."""

    case: Case
    path: tuple[tuple[Decimal, ...], ...]


def story(rng: Random, terms: Terms, levels_given: Sequence[str], bars: int, ticks: int = TICKS) -> Story:
    """Draw a path that may jump between bars only, and an order with its distances."""
    price, path = START, []
    leaning = rng.choice((0, 0, 1, -1))
    for _ in range(bars):
        price += rng.choice((0, 0, rng.randint(-6, 6)))
        hour = [price]
        for _ in range(ticks - 1):
            price += rng.choice((-1, 0, 1, leaning))
            hour.append(price)
        path.append(tuple(map(Decimal, hour)))
    most = rng.choice((3, 8))
    levels = {name: Decimal(rng.randint(1, most)) for name in levels_given}
    if terms.kind != "market":
        levels["level"] = START + Decimal(rng.randint(-8, 8))
    if terms.kind == "stop_limit":
        levels["limit"] = levels["level"] + terms.side * rng.randint(0, 4)
    return Story(Case(tuple(map(candle, path)), Decimal(START), **levels), tuple(path))


def cut(path: Sequence[Sequence[Decimal]], ticks: int) -> list[list[Bar]]:
    """Return the finer candles of each bar."""
    return [[candle(hour[at : at + ticks]) for at in range(0, len(hour), ticks)] for hour in path]


class Fates(NamedTuple):
    worst: Fate
    best: Fate
    truth: Fate
    finer: dict[int, Fate]


def fates_of(stories: Sequence[Story], terms: Terms, minutes: Sequence[int] = (1, 15)) -> list[Fates]:
    """Ask the engine in every way, and the ticks."""
    cases = [one.case for one in stories]
    worst, best = (engine_fates(cases, terms, intrabar) for intrabar in ("worst", "best"))
    finer = {
        length: engine_fates(cases, terms, "finer", [cut(one.path, length) for one in stories], length)
        for length in minutes
    }
    truth = [walk(one.case, terms, one.path) for one in stories]
    return [
        Fates(worst[at], best[at], truth[at], {length: fates[at] for length, fates in finer.items()})
        for at in range(len(stories))
    ]


def tell(one: Story, fates: Fates, terms: Terms) -> str:
    lines = [str(terms), *map(str, one), *(f"{name}: {fate}" for name, fate in fates._asdict().items())]
    return "\n".join(["", *lines])


def check_band(one: Story, fates: Fates, terms: Terms) -> int:
    """Compare at the close of the first bar after which the runs differ; return 1 where there is one.

    Finer candles leave no more open than the traded one did, and take the worst of it: they are never better than what happened.
    """
    for number, bar in enumerate(one.case.bars):
        runs = (fates.worst, fates.best, fates.truth, *fates.finer.values())
        at_close = [value(fate, terms, number, bar.close) for fate in runs]
        if len(set(at_close)) > 1:
            worst, best, truth, *finer = (money for _, money in at_close)
            assert worst <= truth <= best, tell(one, fates, terms)
            assert all(worst <= money <= truth for money in finer), tell(one, fates, terms)
            return 1
    return 0


def flagged(fate: Fate) -> bool:
    return any(leaving.ambiguous for leaving in fate.exits)


def bare(fate: Fate) -> Fate:
    return fate._replace(exits=tuple(leaving._replace(ambiguous=False) for leaving in fate.exits))


def check_flags(one: Story, fates: Fates, terms: Terms) -> None:
    """Flags mark what worst and best see differently, and only that; what is not flagged is what happened."""
    told = tell(one, fates, terms)
    assert flagged(fates.worst) == flagged(fates.best) == (bare(fates.worst) != bare(fates.best)), told
    for fate in fates.finer.values():
        assert flagged(fates.worst) or not flagged(fate), told
    for fate in (fates.worst, *fates.finer.values()):
        assert flagged(fate) or fate == fates.truth, told
    if 1 in fates.finer:
        assert fates.finer[1] == fates.truth, told


def name_of(terms: Terms) -> str:
    words = [terms.kind, *(["several targets"] if len(terms.targets) > 1 else [])]
    return ", ".join([*words, *(["slippage"] if terms.slippage else []), *(["spread"] if terms.spread else [])])


COSTS = ((ZERO, ZERO), (SLIP, ZERO), (SLIP, ONE))
GIVEN = [("stop", "target"), ("stop",), ("target",), ("trail", "target"), ("stop", "target", "trail", "trigger")]
TERMS = [
    Terms(1, kind, slippage, spread, **more)
    for kind, (slippage, spread), more in product(KINDS, COSTS, ({}, FOUR))
]  # fmt: skip


@pytest.mark.parametrize("terms", TERMS, ids=name_of)
def test_s7_what_happened_lies_between_worst_and_best_and_is_known_where_nothing_is_flagged(terms: Terms) -> None:
    rng = Random(name_of(terms))
    for side in (1, -1):
        mattered = 0
        turned = terms._replace(side=side)
        for levels_given, bars in product(GIVEN, (1, 3)):
            stories = [story(rng, turned, levels_given, bars) for _ in range(40)]
            for one, fates in zip(stories, fates_of(stories, turned), strict=True):
                mattered += check_band(one, fates, turned)
                check_flags(one, fates, turned)
        assert mattered >= 10


@pytest.mark.parametrize("terms", TERMS, ids=name_of)
def test_s7_finer_candles_with_gaps_stay_between_worst_and_best(terms: Terms) -> None:
    rng = Random(name_of(terms))
    for side, levels_given in product((1, -1), GIVEN):
        turned = terms._replace(side=side)
        stories = [story(rng, turned, levels_given, 1) for _ in range(60)]
        cases = [one.case for one in stories]
        gaps = [[[part if rng.random() < 0.6 else None for part in cut(one.path, 5)[0]]] for one in stories]
        worst, best = (engine_fates(cases, turned, intrabar) for intrabar in ("worst", "best"))
        finer = engine_fates(cases, turned, "finer", gaps, 5)
        for case, *fates in zip(cases, worst, finer, best, strict=True):
            low, between, high = (value(fate, turned, 0, case.bars[0].close)[1] for fate in fates)
            assert low <= between <= high, f"\n{turned}\n{case}\n{fates}"
            assert flagged(fates[0]) or fates[0] == fates[1], f"\n{turned}\n{case}\n{fates}"


@st.composite
def any_story(draw: st.DrawFn) -> tuple[Story, Terms]:
    """Draw what shrinks well: few ticks, small distances."""
    slippage, spread = draw(st.sampled_from(COSTS))
    more = draw(st.sampled_from(({}, FOUR)))
    terms = Terms(draw(st.sampled_from((1, -1))), draw(st.sampled_from(KINDS)), slippage, spread, **more)
    path = []
    price = START
    for gap in draw(st.lists(st.integers(-4, 4), min_size=1, max_size=3)):
        price += gap
        hour = [price]
        for step in draw(st.lists(st.sampled_from((-1, 1)), max_size=TICKS - 1)):
            price += step
            hour.append(price)
        path.append(tuple(map(Decimal, hour)))
    levels_given = draw(st.sampled_from(GIVEN))
    levels = {name: Decimal(draw(st.integers(1, 5))) for name in levels_given}
    if terms.kind != "market":
        levels["level"] = START + Decimal(draw(st.integers(-5, 5)))
    if terms.kind == "stop_limit":
        levels["limit"] = levels["level"] + terms.side * draw(st.integers(0, 3))
    return Story(Case(tuple(map(candle, path)), Decimal(START), **levels), tuple(path)), terms


@quick
@given(any_story(), st.sampled_from((2, 5, 15, 30)))
def test_s7_any_path_lies_between_worst_and_best(drawn: tuple[Story, Terms], minutes: int) -> None:
    one, terms = drawn
    (fates,) = fates_of([one], terms, (1, minutes))
    check_band(one, fates, terms)
    check_flags(one, fates, terms)


@st.composite
def any_bars(draw: st.DrawFn) -> tuple[Story, Terms]:
    """Draw bars without a path between their prices."""
    one, terms = draw(any_story())
    bars = []
    for _ in one.case.bars:
        opening, close, *others = (Decimal(draw(st.integers(START - 9, START + 9))) for _ in range(4))
        bars.append(Bar(opening, max(opening, close, *others), min(opening, close, *others), close))
    return one._replace(case=one.case._replace(bars=tuple(bars))), terms


@quick
@given(any_bars())
def test_s7_from_one_state_worst_is_never_better_than_best_and_a_flag_says_that_they_differ(drawn) -> None:
    one, terms = drawn
    worst, best = (engine_fates([one.case], terms, intrabar)[0] for intrabar in ("worst", "best"))
    told = f"\n{terms}\n{one.case}\n{worst}\n{best}"
    assert flagged(worst) == flagged(best) == (bare(worst) != bare(best)), told
    for number, bar in enumerate(one.case.bars):
        (left, low), (kept, high) = (value(fate, terms, number, bar.close) for fate in (worst, best))
        if (left, low) != (kept, high):
            assert low <= high, told
            return


# --- The band of a whole run ------------------------------------------------------------------------------------------


TIGHT = """
name: tight
entry: {when: ["close > open"], size: 0.5}
exit:
  when: ["close < 0"]
  stop_loss: {type: percentage, value: 0.001}
  take_profit: {type: percentage, value: 0.001}
execution: {intrabar: %s}
"""


@pytest.mark.parametrize("default", ["worst", "best", "finer"])
def test_s7_the_profit_band_is_the_lowest_and_the_highest_of_worst_best_and_default(default, eurusd) -> None:
    store, hours = eurusd
    runs = {
        intrabar: lab.backtest(lab.load_strategy(TIGHT % intrabar), hours, store=store, lookahead="off")
        for intrabar in ("worst", "best", default)
    }
    totals = [run.total_pnl for run in runs.values()]
    assert runs["worst"].ambiguous_trades
    assert min(totals) < max(totals)
    assert runs[default].profit_band == (min(totals), max(totals))


LIMIT = """
name: last
entry: {when: ["close > open"], size: 0.5, order: {type: limit, price: "close - 0.2"}}
exit:
  when: ["close < 0"]
  take_profit: {type: percentage, value: 0.02}
execution: {intrabar: %s, slippage: 0}
"""


def test_s7_the_profit_band_sees_a_position_in_doubt_that_is_still_open() -> None:
    """The limit of 99.9 fills inside the last bar, whose high may have come before: worst holds on, best takes the target."""
    prices = np.array([(100, 100.2, 99.8, 100), (100, 100.2, 99.8, 100.1), (100, 104, 99.9, 100)]).T.copy()
    hours = lab.Candles("AAPL", "1h", FIRST + HOUR * np.arange(3), *prices, volume=np.ones(3))
    worst, best = (lab.backtest(lab.load_strategy(LIMIT % one), hours, lookahead="off") for one in ("worst", "best"))
    assert (worst.metrics["open_positions"], best.metrics["open_positions"]) == (1, 0)
    assert worst.total_pnl < best.total_pnl
    assert best.profit_band == (worst.total_pnl, best.total_pnl)
    assert worst.profit_band == (worst.total_pnl, best.total_pnl)


@pytest.fixture(scope="module")
def eurusd(tmp_path_factory) -> tuple[lab.CandleStore, lab.Candles]:
    """Sample minutes in a store, and the hours to trade."""
    folder = tmp_path_factory.mktemp("band") / "data"
    folder.mkdir()
    store = lab.CandleStore(folder)
    return store, store.load("EURUSD", "4h", "2025-01-01", "2025-03-01")
