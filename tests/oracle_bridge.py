"""One trading case, and how to put it before the oracle and before the engine so that the answers compare."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
import oracle

from sptrader_lab.types.calendar import FX_DAY_END
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.reasons import REASONS
from sptrader_lab.types.records import CONTRACT, INTRABAR, SIZERS

HOUR = 3600 * oracle.SECOND
SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD")
ATRS = ("stop_atr", "target_atr", "trail_atr", "size_atr")
RULES_OFF = oracle.Rules(slippage=0.0)


@dataclass
class Case:
    """Everything that a run is given, in the oracle's plain words; bars are hours."""

    bars: list[list[oracle.Bar]]
    legs: list[oracle.Leg]
    rules: list[oracle.Rules]
    contracts: list[oracle.Contract]
    capital: float = 10_000.0
    start: int | None = None


def ask_oracle(case: Case) -> oracle.Outcome:
    times = [bar.time for bars in case.bars for bar in bars]
    ends = oracle.new_york_day_ends(min(times), max(times))
    return oracle.replay(
        case.bars, case.legs, case.rules, case.contracts, capital=case.capital, day_ends=ends, start=case.start
    )


def ask_engine(case: Case) -> oracle.Outcome:
    return in_plain_words(run_engine(case))


def run_engine(case: Case) -> Any:
    """Return the engine's own Outcome."""
    from sptrader_lab.backtesting.simulate import simulate
    from sptrader_lab.kernel.layout import Leg

    candles = [candles_of(SYMBOLS[number], bars) for number, bars in enumerate(case.bars)]
    legs = [Leg(leg.strategy, leg.symbol, decisions_of(leg)) for leg in case.legs]
    return simulate(
        candles, legs, rules_of(case.rules), contracts_of(case.contracts), case.capital, FX_DAY_END, start=case.start
    )


def candles_of(symbol: str, bars: list[oracle.Bar]) -> Candles:
    columns = {name: np.array([getattr(bar, name) for bar in bars], float) for name in ("open", "high", "low", "close")}
    time = np.array([bar.time for bar in bars], np.int64)
    candles = Candles(symbol, "1h", time, **columns, volume=np.zeros(len(bars)), source="test", day_end=FX_DAY_END)
    assert candles.close_time.tolist() == [bar.close_time for bar in bars]
    return candles


def decisions_of(leg: oracle.Leg) -> Decisions:
    flags = ("entry_long", "entry_short", "exit_long", "exit_short", "blocked")
    return Decisions(
        *(np.array(getattr(leg, name), np.uint8) for name in flags),
        *(np.array(getattr(leg, name), np.float64) for name in ATRS),
    )


def rules_of(rules: list[oracle.Rules]) -> Any:
    from sptrader_lab.types.records import default_rules

    rows = []
    for rule in rules:
        fields = asdict(rule)
        fields["sizer"] = SIZERS.index(rule.sizer)
        fields["intrabar"] = INTRABAR.index(rule.intrabar)
        fields["fill_close"] = int(rule.fill_close)
        rows.append(default_rules(**fields))
    return np.concatenate(rows).view(np.recarray)


def contracts_of(contracts: list[oracle.Contract]) -> Any:
    return np.array([tuple(contract) for contract in contracts], CONTRACT).view(np.recarray)


def in_plain_words(outcome: Any) -> oracle.Outcome:
    """Read the engine's records into the oracle's plain ones."""

    def rows(table: Any, kind: Any) -> list[Any]:
        columns = []
        for name in kind._fields:
            values = table[name].tolist()
            if name in {"reason", "exit_reason"}:
                values = [REASONS[code] for code in values]
            columns.append([bool(value) for value in values] if name == "ambiguous" else values)
        return [kind(*values) for values in zip(*columns, strict=True)]

    return oracle.Outcome(
        trades=rows(outcome.trades, oracle.Trade),
        positions=rows(outcome.positions, oracle.Held),
        fills=rows(outcome.fills, oracle.Fill),
        refusals=rows(outcome.refusals, oracle.Refusal),
        time=outcome.time.tolist(),
        equity=outcome.equity.tolist(),
        orders=len(outcome.orders),
    )


def differences(expected: oracle.Outcome, got: oracle.Outcome) -> list[str]:
    """Say where two outcomes disagree: words and whole numbers exactly, prices and money to 1e-9 relative."""
    told = []
    for name in ("refusals", "trades", "fills", "positions", "time", "equity"):
        left, right = getattr(expected, name), getattr(got, name)
        pairs = enumerate(zip_longest(left, right))
        first = next(((at, one, other) for at, (one, other) in pairs if not alike(one, other)), None)
        if first:
            at, one, other = first
            told.append(f"{name}[{at}] of {len(left)} and {len(right)}\n  expected {one}\n  found    {other}")
    if expected.orders != got.orders:
        told.append(f"orders: {expected.orders} expected, {got.orders} found")
    return told


MONEY = {"pnl", "gross", "costs"}  # differences of larger numbers: compared on the scale of what they differ from


def alike(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if isinstance(one, tuple):
        scale = one.quantity * one.entry_price if hasattr(one, "gross") else 0.0
        return all(
            near(a, b, scale if name in MONEY else 0.0) for name, a, b in zip(one._fields, one, other, strict=True)
        )
    return near(one, other, 0.0)


def near(a: Any, b: Any, scale: float) -> bool:
    if isinstance(a, float):
        return a == b or (a != a and b != b) or abs(a - b) <= 1e-9 * max(abs(a), abs(b), scale)  # noqa: PLR0124
    return a == b


# --- Tables -----------------------------------------------------------------------------------------------------------

FLAGS = {"L": "entry_long", "S": "entry_short", "xL": "exit_long", "xS": "exit_short"}


def table(text: str, *, first: str = "2024-01-09T00:00") -> tuple[list[oracle.Bar], dict[str, list[Any]]]:
    """Read hours written as `open high low close words`; `-` is an hour without a candle.

    Words are decisions at that close: L, S enter; xL, xS exit; `blocked=16` a filter; `atr=1.5` the ATR.
    """
    time = int(dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC).timestamp()) * oracle.SECOND
    ends = oracle.new_york_day_ends(time, time + 90 * 24 * HOUR)
    bars, rows = [], []
    for line in text.strip().splitlines():
        words = line.split()
        if words != ["-"]:
            bars.append(oracle.Bar(time, oracle.closing(time, HOUR, ends), *map(float, words[:4])))
            rows.append(words[4:])
        time += HOUR
    says = {name: [int(word in row) for row in rows] for word, name in FLAGS.items()}
    says["blocked"] = [number(row, "blocked", 0, int) for row in rows]
    says["atr"] = [number(row, "atr", float("nan"), float) for row in rows]
    return bars, says


def number(row: list[str], word: str, default: Any, kind: Any) -> Any:
    return next((kind(item.split("=")[1]) for item in row if item.startswith(f"{word}=")), default)


def case_of(*texts: str, first: str = "2024-01-09T00:00", capital: float = 10_000.0, **changes: Any) -> Case:
    """Make a case of one table per symbol and one strategy; `changes` are fields of Rules and Contract, or `start`."""
    facts = {name: changes.pop(name) for name in oracle.Contract._fields if name in changes}
    start = changes.pop("start", None)
    bars, legs = [], []
    for symbol, text in enumerate(texts):
        candles, says = table(text, first=first)
        atr = says.pop("atr")
        bars.append(candles)
        legs.append(oracle.Leg(0, symbol, **says, **dict.fromkeys(ATRS, atr)))
    begin = None if start is None else bars[0][start].time
    contracts = [oracle.Contract(**facts)] * len(texts)
    return Case(bars, legs, [replace(RULES_OFF, **changes)], contracts, capital, begin)


def told(outcome: oracle.Outcome) -> list[str]:
    """Say what happened in lines that a reviewer can argue with: trades, refusals, then what stayed open."""
    side = {1: "long", -1: "short"}
    several = any(row.symbol for row in [*outcome.trades, *outcome.refusals, *outcome.positions])

    def who(row: Any) -> str:
        return f"{SYMBOLS[row.symbol]} {side[row.side]}" if several else side[row.side]

    lines = [
        f"{who(t)} {t.quantity:.10g}: {t.entry_price:.10g} at {t.entry_bar} -> {t.exit_price:.10g} at {t.exit_bar}, "
        f"{t.reason}{' (ambiguous)' * t.ambiguous}"
        for t in outcome.trades
    ]
    lines += [f"{who(r)} refused at {r.bar}: {r.reason}" for r in outcome.refusals]
    lines += [f"{who(p)} {p.quantity:.10g}: {p.entry_price:.10g} at {p.entry_bar}, open" for p in outcome.positions]
    return lines
