"""Put many small cases of one order each before the engine in one run, and read each one's fate back.

A case is a candle that decides, its bars, and the next candle, at whose open everything leaves and at whose close the next case is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from intrabar_oracle import ONE, Bar, Case, Exit, Fate, Terms

from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.reasons import REASONS
from sptrader_lab.types.records import INTRABAR, KINDS, SIZERS, TARGET, default_contract, default_rules, records
from sptrader_lab.types.surroundings import Surroundings

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
FIRST = 1_704_067_200 * 10**9  # 2024-01-01
UTC = DayEnd(0, 0, "UTC")
CAPITAL = 1e9


def engine_fates(
    cases: Sequence[Case],
    terms: Terms,
    intrabar: str,
    finer: Sequence[Sequence[Sequence[Bar | None]]] = (),
    minutes: int = 1,
) -> list[Fate]:
    """Return the fate of each case; all of them have as many bars, and the same distances given.

    `finer` are, for each case and each of its bars, the finer candles of `minutes` each, None where one is missing.
    """
    bars = len(cases[0].bars)
    period = bars + 1
    rows = len(cases) * period + 1
    start = cases[0].final
    prices = [Bar(start, start, start, start)]
    for case in cases:
        prices += [*case.bars, Bar(case.final, case.final, case.final, case.final)]
    candles = candles_of("1h", FIRST + HOUR * np.arange(rows), prices)
    leg = Leg(0, 0, decisions(cases, terms, rows, period))
    within = [
        (FIRST + HOUR * (1 + number * period + bar) + MINUTE * minutes * at, one)
        for number, several in enumerate(finer)
        for bar, parts in enumerate(several)
        for at, one in enumerate(parts)
        if one is not None
    ]
    shorter = (
        candles_of(f"{minutes}m", np.array([time for time, _ in within]), [one for _, one in within])
        if within
        else None
    )
    around = Surroundings(spread=np.full(rows, float(terms.spread)) if terms.spread else np.empty(0), finer=shorter)
    shares = {"bid_share": float(terms.side < 0), "ask_share": float(terms.side > 0)}
    outcome = simulate(
        [candles], [leg], rules(cases[0], terms, intrabar), default_contract(**shares), Account(CAPITAL), UTC,
        targets=target_rows(cases[0], terms), surroundings=[around],
    )  # fmt: skip
    assert set(outcome.refusals.reason.tolist()) <= {REASONS.index("withdrawn")}
    assert not len(outcome.positions)
    fates = read(outcome.trades, len(cases), period)
    unfilled = [(bar - 1) // period for bar in outcome.refusals.bar.tolist()]
    assert unfilled == [number for number, fate in enumerate(fates) if fate.entry is None]
    return fates


def read(trades: Any, cases: int, period: int) -> list[Fate]:
    exits: list[list[Exit]] = [[] for _ in range(cases)]
    entries: list[tuple[int, Decimal] | None] = [None] * cases
    names = ("entry_bar", "entry_price", "exit_bar", "quantity", "exit_price", "reason", "ambiguous")
    for entry_bar, entry, bar, quantity, price, reason, ambiguous in zip(
        *(trades[name].tolist() for name in names), strict=True
    ):
        number = (entry_bar - 1) // period
        first = number * period + 1
        entered = entry_bar - first, Decimal(entry)
        assert entries[number] in {None, entered}
        entries[number] = entered
        exits[number].append(Exit(bar - first, Decimal(quantity), Decimal(price), REASONS[reason], bool(ambiguous)))
    return [Fate(entry, tuple(several)) for entry, several in zip(entries, exits, strict=True)]


def candles_of(frame: str, time: Any, bars: Sequence[Bar]) -> Candles:
    columns = np.array([[float(price) for price in bar] for bar in bars]).T.copy()
    named = dict(zip(("open", "high", "low", "close"), columns, strict=True))
    return Candles(
        "CASES", frame, time.astype(np.int64), **named, volume=np.zeros(len(bars)), source="test", day_end=UTC
    )


def decisions(cases: Sequence[Case], terms: Terms, rows: int, period: int) -> Decisions:
    decided = np.arange(len(cases)) * period

    def flags(at: Any) -> Any:
        column = np.zeros(rows, np.uint8)
        column[at] = 1
        return column

    def column(name: str) -> Any:
        if getattr(cases[0], name) is None:
            return np.empty(0)
        values = np.full(rows, np.nan)
        values[decided] = [float(getattr(case, name)) for case in cases]
        return values

    never, none = np.zeros(rows, np.uint8), np.empty(0)
    entry, leave = flags(decided), flags(decided + period - 1)
    sides = {1: ("long", "short"), -1: ("short", "long")}[terms.side]
    return Decisions(
        **{f"entry_{sides[0]}": entry, f"exit_{sides[0]}": leave, f"entry_{sides[1]}": never, f"exit_{sides[1]}": never},
        **{f"{sides[0]}_price": column("level"), f"{sides[0]}_limit": column("limit")},
        blocked=never, stop_atr=column("stop"), target_atr=column("target"), trail_atr=column("trail"),
        size_atr=none, even_atr=column("trigger"),
    )  # fmt: skip


def rules(case: Case, terms: Terms, intrabar: str) -> Any:
    """Return rules under which one ATR is the case's distance."""
    return default_rules(
        sizer=SIZERS.index("units"), size=float(terms.units), slippage=float(terms.slippage),
        intrabar=INTRABAR.index(intrabar), entry_kind=KINDS.index(terms.kind),
        stop_atr=float(case.stop is not None), target_atr=float(case.target is not None),
        trail_atr=float(case.trail is not None), even_atr=float(case.trigger is not None),
        even_offset=float(terms.even_offset), targets=len(target_rows(case, terms)),
    )  # fmt: skip


def target_rows(case: Case, terms: Terms) -> Any:
    """Return the rows of several targets; the rules say a single one."""
    several = case.target is not None and terms.targets != ((ONE, ONE),)
    rows = records(len(terms.targets) if several else 0, TARGET)
    for row, (multiple, share) in zip(rows, terms.targets, strict=False):
        row.atr, row.share = float(multiple), float(share)
    return rows
