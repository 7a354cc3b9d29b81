"""Every order in which open, high, low, close, entry, stop, target, trail and break-even can lie in one bar, ties included (S5 to S9).

A scenario names its levels and what must hold between them; the table holds every weak ordering that does. Each ordering is
laid on a grid, put before the engine under `worst` and `best`, for longs and for shorts, and compared with an oracle that counts in decimals
(`intrabar_oracle.play`): what fills, where, for which reason, and whether it was ambiguous. How many orderings there must be is counted in another
way than they are listed, so that the table cannot shrink in silence.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import pytest
from intrabar_bridge import engine_fates
from intrabar_oracle import ONE, ZERO, Bar, Case, Fate, Terms, play

CANDLE = ("open", "high", "low", "close")
A_CANDLE = "low<=open low<=close open<=high close<=high"
MIDDLE, ANCHOR, STEP = 1024, 64, 4  # prices: one fixed level, how far the next fixed one lies, and what ranks are apart
SLIP = Decimal(ANCHOR) / MIDDLE  # moves a fill at MIDDLE to the next fixed level, exactly
FAR = 512  # a trail so wide that no bar of the table reaches it
FALL = (1400, 1400, 300, 300)  # the bar that shows where a trail or a break-even stop lies
SWING = (600, 1400, 600, 1000)  # the bar that shows whether, and as what, an order still waits
TWO = ((ONE, Decimal("0.25")), (Decimal(2), Decimal("0.5")))  # of four units: one, two, and one that runs on


class Scenario(NamedTuple):
    """Levels beside the candle's own and what holds between them, for a long; the short is the same upside down.

    `entry`, `level` and `limit` name the level that is meant; `fixed` lie at MIDDLE and then ANCHOR apart.
    """

    name: str
    levels: tuple[str, ...]
    relations: str
    kind: str = "market"
    entry: str = "open"
    level: str = ""
    limit: str = ""
    protects: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    slippage: Decimal = ZERO
    spread: Decimal = ZERO
    held: bool = False
    even_offset: int = 0
    then: tuple[int, ...] = ()


# --- Orderings, listed and counted ------------------------------------------------------------------------------------


def pairs(relations: str) -> Iterator[tuple[str, str, bool]]:
    for word in relations.split():
        low, high = word.replace("<=", "<").split("<")
        yield low, high, "<=" in word


def orderings(names: tuple[str, ...], relations: str) -> Iterator[dict[str, int]]:
    """List every weak ordering as ranks from 0: again and again take a set of levels that may come next together."""
    strict: dict[str, set[str]] = {name: set() for name in names}
    weak: dict[str, set[str]] = {name: set() for name in names}
    for low, high, touching in pairs(relations):
        (weak if touching else strict)[high].add(low)

    def extend(placed: dict[str, int], rank: int) -> Iterator[dict[str, int]]:
        if len(placed) == len(names):
            yield placed
        ready = [name for name in names if name not in placed and strict[name] <= placed.keys()]
        for size in range(1, len(ready) + 1):
            for together in combinations(ready, size):
                if all(weak[name] <= placed.keys() | set(together) for name in together):
                    yield from extend(placed | dict.fromkeys(together, rank), rank + 1)

    return extend({}, 0)


def counted(names: tuple[str, ...], relations: str) -> int:
    """Count the same: maps into m ranks are a product of comparison matrices, inclusion and exclusion keeps those that use every rank."""
    letters = {name: chr(ord("a") + at) for at, name in enumerate(names)}

    def maps(ranks: int) -> int:
        matrices = [np.ones(ranks)] * len(names)
        axes = list(letters.values())
        for low, high, touching in pairs(relations):
            matrices.append(np.triu(np.ones((ranks, ranks)), 0 if touching else 1))
            axes.append(letters[low] + letters[high])
        return round(float(np.einsum(",".join(axes) + "->", *matrices, optimize="greedy")))

    all_maps = [0, *(maps(ranks) for ranks in range(1, len(names) + 1))]
    return sum(
        (-1) ** (used - ranks) * comb(used, ranks) * all_maps[ranks]
        for used in range(1, len(names) + 1)
        for ranks in range(used + 1)
    )


# --- Scenarios --------------------------------------------------------------------------------------------------------


def protected(of: Scenario, *levels: str) -> Scenario:
    """Add protective levels: stop and trail on the losing side of the entry, targets on the other."""
    rules = {
        "stop": f"stop<{of.entry}",
        "trail": f"trail<{of.entry}",
        "target": f"{of.entry}<target",
        "second": "target<second",
        "even": f"{of.entry}<even",
    }
    if of.held:  # a trail has followed the price, but no further than short of the target; nor is break-even beyond it
        rules["trail"] = "trail<target" if "target" in levels else ""
        rules["even"] += " even<target" if "target" in levels else ""
    fixed = of.fixed
    if "second" in levels:
        fixed = (of.entry, "target", "second")
    elif "even" in levels:
        fixed, of = (of.entry, "even"), of._replace(even_offset=ANCHOR)
    named = tuple(level for level in levels if level != "at_entry")
    return of._replace(
        name=" ".join([of.name, *levels]),
        levels=(*of.levels, *named),
        relations=" ".join([of.relations, *(rules[level] for level in named)]),
        protects=levels,
        fixed=fixed,
    )


def subsets(*levels: str) -> list[tuple[str, ...]]:
    return [some for size in range(len(levels) + 1) for some in combinations(levels, size)]


HELD = Scenario("held", ("entry",), A_CANDLE, "limit", "entry", "entry", slippage=SLIP, held=True)
MARKET = Scenario("market", (), A_CANDLE)


def entry_orders() -> list[Scenario]:
    """Every way in which an order can meet its bar, by where its level lies; for each kind they leave nothing out."""
    limit = Scenario("limit", ("level",), A_CANDLE, "limit", level="level", slippage=SLIP)
    stop = Scenario("stop", ("level",), A_CANDLE, "stop", level="level")
    both = Scenario(
        "stop_limit", ("level", "limit"), A_CANDLE + " level<=limit", "stop_limit", level="level", limit="limit"
    )
    return [
        meeting(limit, "at the open", "open", "open<=level"),
        meeting(limit, "inside", "level", "low<=level level<open"),
        meeting(limit, "not filled", "", "level<low"),
        meeting(stop, "at the open", "open", "level<=open"),
        meeting(stop, "inside", "level", "open<level level<=high"),
        meeting(stop, "not filled", "", "high<level"),
        meeting(both, "at the open", "open", "level<=open open<=limit"),
        meeting(both, "inside", "level", "open<level level<=high"),
        meeting(both, "resting, inside", "limit", "low<=limit limit<open"),
        meeting(both, "resting, not filled", "", "limit<low level<=open"),
        meeting(both, "not filled", "", "high<level"),
    ]  # fmt: skip


def meeting(of: Scenario, name: str, entry: str, relations: str) -> Scenario:
    return of._replace(name=f"{of.name} {name}", entry=entry, relations=f"{of.relations} {relations}")


def moved_entries() -> list[Scenario]:
    """Entries whose fill lies away from where the exit side was then: by slippage, or by a spread.

    An order fills where the exit side has come to `point`: to its level itself, or with a spread to that far from its level.
    """
    market = Scenario("market", ("entry",), A_CANDLE + " open<entry", entry="entry", fixed=("open", "entry"))
    order = Scenario("", ("point", "entry"), A_CANDLE, level="point")
    limit, stop = order._replace(name="limit", kind="limit"), order._replace(name="stop", kind="stop")
    at_open, inside = {"fixed": ("open", "entry")}, {"fixed": ("point", "entry")}
    stops = [
        meeting(stop, "at the open", "entry", "point<=open open<entry")._replace(**at_open),
        meeting(stop, "inside", "entry", "open<point point<=high point<entry")._replace(**inside),
    ]
    limits = [
        meeting(limit, "at the open", "entry", "open<=point open<entry")._replace(**at_open),
        meeting(limit, "inside", "entry", "low<=point point<open point<entry")._replace(**inside),
    ]
    slipped = [of._replace(name=f"{of.name}, slipped", slippage=SLIP) for of in (market, *stops)]
    widened = [of._replace(name=f"{of.name}, spread", spread=Decimal(ANCHOR)) for of in (market, *stops, *limits)]
    return slipped + widened


def capped_entries() -> list[Scenario]:
    """Stop-limits whose slipped fill comes to lie beyond their limit, or not."""
    of = Scenario(
        "stop_limit", ("point", "limit", "slipped"), A_CANDLE, "stop_limit", level="point", limit="limit", slippage=SLIP
    )
    found = []
    for entry, order in (("limit", "limit<=slipped"), ("slipped", "slipped<limit")):
        at_open = meeting(of, f"at the open, fills at {entry}", entry, f"point<=open open<=limit open<slipped {order}")
        inside = meeting(
            of, f"inside, fills at {entry}", entry, f"open<point point<=high point<=limit point<slipped {order}"
        )
        found += [at_open._replace(fixed=("open", "slipped")), inside._replace(fixed=("point", "slipped"))]
    return found


def followed() -> list[Scenario]:
    """What a bar leaves behind for the next: the extreme that a trail hangs on, break-even, an order that waits."""
    filled = [one for one in entry_orders() if one.entry]
    found = [one._replace(then=SWING) for one in entry_orders() if not one.entry]
    for of in (one._replace(then=FALL, slippage=ZERO) for one in (HELD, MARKET, *filled)):
        found.append(of._replace(name=f"{of.name}, then its trail", protects=("wide",)))
        trigger = of._replace(levels=(*of.levels, "trigger"), relations=f"{of.relations} {of.entry}<trigger")
        found.append(trigger._replace(name=f"{of.name}, then break-even", protects=("trigger",)))
    return found


def scenarios() -> list[Scenario]:
    every = subsets("stop", "target", "trail")
    loose = [some for some in every if not {"stop", "trail"} <= set(some)]
    filled = [one for one in entry_orders() if one.entry]
    plain = [one for one in filled if one.kind != "stop_limit"]  # a filled stop-limit is like one of the others
    found = [protected(HELD, *some) for some in subsets("stop", "target", "trail", "even")]
    found += [protected(HELD, *some, "at_entry") for some in every]
    found += [protected(of, *some) for of in (MARKET, *filled) for some in every]
    found += [protected(of, *some) for of in moved_entries() for some in loose]
    found += [protected(of, *some) for of in capped_entries() for some in subsets("stop", "target")]
    found += [protected(of, *some, "target", "second") for of in (HELD, MARKET, *plain) for some in loose[:2]]
    return found + followed()


# --- From an ordering to a case ---------------------------------------------------------------------------------------


@cache
def grid(anchors: tuple[int, ...], ranks: int) -> tuple[int, ...]:
    """Return the price of every rank: those of the anchors are fixed, the others lie in between."""
    found = []
    for rank in range(ranks):
        at = max((at for at, anchor in enumerate(anchors) if anchor <= rank), default=0)
        found.append(MIDDLE + ANCHOR * at + STEP * (rank - anchors[at]))
    assert found == sorted(set(found))
    return tuple(found)


def case_of(scenario: Scenario, ranks: dict[str, int], side: int) -> Case:
    """Make the case of a long, or of a short upside down."""
    on_grid = grid(tuple(ranks[name] for name in scenario.fixed or ("open",)), max(ranks.values()) + 1)
    at = {name: on_grid[rank] for name, rank in ranks.items()}
    bars = [tuple(at[name] for name in CANDLE)]
    entry = at.get(scenario.entry, 0)
    gaps: dict[str, int] = {"stop": entry - at.get("stop", 0), "trail": entry - at.get("trail", 0)}
    gaps |= {"target": at.get("target", 0) - entry, "wide": FAR, "trigger": at.get("trigger", 0) - entry}
    if scenario.held:
        far = entry + (STEP // 2 if {"even", "at_entry"} & set(scenario.protects) else 0)
        if "trail" in at:  # the price had come so far that the trail now lies there
            far = max(far, at["trail"] + STEP // 2)
            gaps["trail"] = far - at["trail"]
        gaps["even"] = gaps["at_entry"] = STEP // 2
        bars = [(entry, far, entry, entry), *bars]
    if scenario.then:
        bars.append(scenario.then)
    fields = {"wide": "trail", "even": "trigger", "at_entry": "trigger"}
    given = {fields.get(name, name): Decimal(gaps[name]) for name in scenario.protects if name != "second"}
    for field, name in (("level", scenario.level), ("limit", scenario.limit)):
        if name:
            given[field] = turned(at[name], side) + side * scenario.spread
    return Case(tuple(bar_of(bar, side) for bar in bars), turned(MIDDLE, side), **given)


@cache
def turned(price: int, side: int) -> Decimal:
    return Decimal(price if side > 0 else 2 * MIDDLE - price)


@cache
def bar_of(bar: tuple[int, ...], side: int) -> Bar:
    opening, high, low, close = (turned(price, side) for price in bar)
    return Bar(opening, max(high, low), min(high, low), close)


def terms_of(scenario: Scenario, side: int) -> Terms:
    targets = {"targets": TWO, "units": Decimal(4)} if "second" in scenario.protects else {}
    offset = Decimal(scenario.even_offset)
    return Terms(side, scenario.kind, scenario.slippage, scenario.spread, even_offset=offset, **targets)


# --- The table --------------------------------------------------------------------------------------------------------

TABLE = scenarios()
CANDLES = 12  # orders of open, high, low and close
ORDERINGS = 189_272  # of all scenarios together, each for both sides under worst and best


@pytest.fixture(autouse=True)
def no_collecting() -> Iterator[None]:
    """Millions of small tuples without a cycle: looking for one would take a third of the time."""
    gc.disable()
    yield
    gc.enable()


def bare(fate: Fate) -> Fate:
    """Return the fate without its flags."""
    return fate._replace(exits=tuple(leaving._replace(ambiguous=False) for leaving in fate.exits))


def flagged(fate: Fate) -> bool:
    return any(leaving.ambiguous for leaving in fate.exits)


def differ(worst: Fate, best: Fate) -> bool:
    return (bare(worst) != bare(best)) if flagged(worst) and flagged(best) else worst != best


@pytest.mark.parametrize("scenario", TABLE, ids=lambda scenario: scenario.name)
def test_s6_s7_every_ordering_of_levels_in_one_bar_ends_as_the_rules_say(scenario: Scenario) -> None:
    names = (*CANDLE, *scenario.levels)
    ranked = list(orderings(names, scenario.relations))
    assert len(ranked) == len({tuple(ranks[name] for name in names) for ranks in ranked})
    assert len(ranked) == counted(names, scenario.relations)
    for side in (1, -1):
        cases, terms = [case_of(scenario, ranks, side) for ranks in ranked], terms_of(scenario, side)
        worst, best = (engine_fates(cases, terms, intrabar) for intrabar in ("worst", "best"))
        for intrabar, fates in (("worst", worst), ("best", best)):
            expected = [play(case, terms, intrabar) for case in cases]
            wrong = [row for row in zip(cases, expected, fates, strict=True) if row[1] != row[2]]
            assert not wrong, f"{len(wrong)} of {len(cases)}, {intrabar}, {terms}\n" + "\n".join(map(str, wrong[0]))
        for case, low, high in zip(cases, worst, best, strict=True):
            assert flagged(low) == flagged(high) == differ(low, high), f"{terms}\n{case}\n{low}\n{high}"


def test_the_table_is_whole() -> None:
    """Nothing has dropped out of the table, and the ways in which an order meets its bar are all the ways there are."""
    assert len({scenario.name for scenario in TABLE}) == len(TABLE)
    assert sum(counted((*CANDLE, *scenario.levels), scenario.relations) for scenario in TABLE) == ORDERINGS
    assert counted(CANDLE, A_CANDLE) == CANDLES
    for kind, relations in (("limit", ""), ("stop", ""), ("stop_limit", "level<=limit")):
        ways = [one for one in entry_orders() if one.kind == kind]
        found = sum(counted((*CANDLE, *one.levels), one.relations) for one in ways)
        assert found == counted((*CANDLE, *ways[0].levels), f"{A_CANDLE} {relations}")
