"""One trading case, and how to put it before the oracle and before the engine so that the answers compare."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any

import numpy as np
import oracle

from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import FX_DAY_END
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.reasons import REASONS
from sptrader_lab.types.records import (
    ACTION,
    CASHFLOWS,
    INTRABAR,
    KINDS,
    SIZERS,
    TARGET,
    default_contract,
    default_rules,
    records,
)
from sptrader_lab.types.surroundings import Surroundings

HOUR = 3600 * oracle.SECOND
QUARTER = HOUR // 4
SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD")
ATRS = ("stop_atr", "target_atr", "trail_atr", "size_atr", "even_atr")
LEVELS = ("long_price", "short_price", "long_limit", "short_limit")
RULES_OFF = oracle.Rules(slippage=0.0)


@dataclass
class Case:
    """Everything that a run is given, in the oracle's plain words; bars are hours, finer ones quarters of an hour."""

    bars: list[list[oracle.Bar]]
    legs: list[oracle.Leg]
    rules: list[oracle.Rules]
    contracts: list[oracle.Contract]
    capital: float = 10_000.0
    start: int | None = None
    terms: oracle.Terms = field(default_factory=oracle.Terms)
    around: list[oracle.Around] = field(default_factory=list)  # one per symbol, or none at all


def ask_oracle(case: Case) -> oracle.Outcome:
    times = [bar.time for bars in case.bars for bar in bars]
    ends = oracle.new_york_day_ends(min(times), max(times))
    return oracle.replay(
        case.bars, case.legs, case.rules, case.contracts,
        capital=case.capital, day_ends=ends, start=case.start, terms=case.terms, around=case.around,
    )  # fmt: skip


def ask_engine(case: Case) -> oracle.Outcome:
    return in_plain_words(run_engine(case))


MACHINES = {"oracle": ask_oracle, "engine": ask_engine}


def run_engine(case: Case) -> Any:
    """Return the engine's own Outcome."""
    from sptrader_lab.backtesting.simulate import simulate
    from sptrader_lab.kernel.layout import Leg

    candles = [candles_of(SYMBOLS[number], bars) for number, bars in enumerate(case.bars)]
    legs = [Leg(leg.strategy, leg.symbol, decisions_of(leg)) for leg in case.legs]
    rules, targets = rules_of(case.rules)
    account = Account(case.capital, **case.terms._asdict())
    around = [surroundings_of(SYMBOLS[number], one) for number, one in enumerate(case.around)]
    return simulate(
        candles, legs, rules, contracts_of(case.contracts), account, FX_DAY_END,
        start=case.start, targets=targets, surroundings=around,
    )  # fmt: skip


def candles_of(symbol: str, bars: list[oracle.Bar], frame: str = "1h") -> Candles:
    columns = {name: np.array([getattr(bar, name) for bar in bars], float) for name in ("open", "high", "low", "close")}
    time = np.array([bar.time for bar in bars], np.int64)
    candles = Candles(symbol, frame, time, **columns, volume=np.zeros(len(bars)), source="test", day_end=FX_DAY_END)
    assert candles.close_time.tolist() == [bar.close_time for bar in bars]
    return candles


def decisions_of(leg: oracle.Leg) -> Decisions:
    flags = ("entry_long", "entry_short", "exit_long", "exit_short", "blocked", "session_exit", "signal_close")
    columns = {name: np.array(getattr(leg, name), np.uint8) for name in flags}
    columns |= {name: np.array(getattr(leg, name), np.float64) for name in (*ATRS, *LEVELS)}
    return Decisions(**columns)


def rules_of(rules: list[oracle.Rules]) -> tuple[Any, Any]:
    """Return RULES and the TARGET rows that they point into."""
    rows, targets = [], []
    for rule in rules:
        fields = asdict(rule)
        several = fields.pop("targets")
        fields["sizer"] = SIZERS.index(rule.sizer)
        fields["intrabar"] = INTRABAR.index(rule.intrabar)
        fields["entry_kind"] = KINDS.index(rule.entry_kind)
        for name in ("fill_close", "expire_day", "oco"):
            fields[name] = int(fields[name])
        rows.append(default_rules(**fields, first_target=len(targets), targets=len(several)))
        targets += [tuple(target) for target in several]
    return np.concatenate(rows).view(np.recarray), np.array(targets, TARGET).view(np.recarray)


def contracts_of(contracts: list[oracle.Contract]) -> Any:
    return np.concatenate([default_contract(**contract._asdict()) for contract in contracts]).view(np.recarray)


def surroundings_of(symbol: str, around: oracle.Around) -> Surroundings:
    actions = records(len(around.actions), ACTION)
    for row, action in zip(actions, around.actions, strict=True):
        row.time, row.kind, row.value = action.time, CASHFLOWS.index(action.kind), action.value
    return Surroundings(
        spread=np.array(around.spread, np.float64),
        rate_open=np.array(around.rate_open, np.float64),
        rate_close=np.array(around.rate_close, np.float64),
        actions=actions,
        finer=candles_of(symbol, around.finer, "15m") if around.finer else None,
    )


def in_plain_words(outcome: Any) -> oracle.Outcome:
    """Read the engine's records into the oracle's plain ones."""
    words = {"reason": REASONS, "exit_reason": REASONS, "kind": CASHFLOWS, "ambiguous": (False, True)}

    def rows(table: Any, kind: Any) -> list[Any]:
        columns = []
        for name in kind._fields:
            values = table[name].tolist()
            columns.append([words[name][value] for value in values] if name in words else values)
        return [kind(*values) for values in zip(*columns, strict=True)]

    return oracle.Outcome(
        trades=rows(outcome.trades, oracle.Trade),
        positions=rows(outcome.positions, oracle.Held),
        fills=rows(outcome.fills, oracle.Fill),
        refusals=rows(outcome.refusals, oracle.Refusal),
        cashflows=rows(outcome.cashflows, oracle.Cashflow),
        time=outcome.time.tolist(),
        equity=outcome.equity.tolist(),
        exposure=outcome.exposure.tolist(),
        strategy_equity=outcome.strategy_equity.tolist(),
        orders=len(outcome.orders),
    )


def differences(expected: oracle.Outcome, got: oracle.Outcome) -> list[str]:
    """Say where two outcomes disagree: words and whole numbers exactly, prices and money to 1e-9 relative."""
    told = []
    tables = ("refusals", "trades", "fills", "positions", "cashflows", "time", "equity", "exposure", "strategy_equity")
    for name in tables:
        left, right = getattr(expected, name), getattr(got, name)
        if name == "cashflows":  # within one instant the rules name no order
            left, right = sorted(left), sorted(right)
        pairs = enumerate(zip_longest(left, right))
        first = next(((at, one, other) for at, (one, other) in pairs if not alike(one, other)), None)
        if first:
            at, one, other = first
            told.append(f"{name}[{at}] of {len(left)} and {len(right)}\n  expected {one}\n  found    {other}")
    if expected.orders != got.orders:
        told.append(f"orders: {expected.orders} expected, {got.orders} found")
    return told


MONEY = {
    "pnl",
    "gross",
    "costs",
    "financing",
    "amount",
}  # differences of larger numbers: on the scale of what they differ from


def alike(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(near(a, b, 0.0) for a, b in zip(one, other, strict=True))
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
CLOCKS = {"session": "session_exit", "signal": "signal_close"}
SIDES = {"L@": ("long_price", "long_limit"), "S@": ("short_price", "short_limit")}


def instant(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * oracle.SECOND


def candles_and_words(text: str, first: str, length: int) -> tuple[list[oracle.Bar], list[list[str]]]:
    """Read candles written as `open high low close words`, one after the other; `-` is one that is missing."""
    time = instant(first)
    ends = oracle.new_york_day_ends(time, time + 90 * 24 * HOUR)
    bars, rows = [], []
    for line in text.strip().splitlines():
        words = line.split()
        if words != ["-"]:
            bar = oracle.Bar(time, oracle.closing(time, length, ends), *map(float, words[:4]))
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high, line
            bars.append(bar)
            rows.append(words[4:])
        time += length
    return bars, rows


def table(text: str, *, first: str = "2024-01-09T00:00") -> tuple[list[oracle.Bar], oracle.Leg, oracle.Around]:
    """Read hours written as `open high low close words`; `-` is an hour without a candle.

    Words are decisions at that close: L, S enter (`L@98` at a level of 98, `L@98/99` with a limit of 99); xL, xS exit; `blocked=16`
    a filter; `atr=1.5` the ATR; `session` the clock's exit; `signal` a longer candle's close. Others say what surrounds
    the candle: `spread=0.2`; `rate=1.1`, or `rate=1.1:1.2` at its open and at its close.
    """
    bars, rows = candles_and_words(text, first, HOUR)
    says: dict[str, list[Any]] = {name: [int(word in row) for row in rows] for word, name in FLAGS.items()}
    says["blocked"] = [int(value(row, "blocked=", "0")) for row in rows]
    for word, name in CLOCKS.items():
        if any(word in row for row in rows):
            says[name] = [int(word in row) for row in rows]
    for word, (level, limit) in SIDES.items():
        asked = [value(row, word, "") for row in rows]
        if any(asked):
            says[FLAGS[word[0]]] = [int(bool(one) or word[0] in row) for one, row in zip(asked, rows, strict=True)]
            says[level] = [float(one.split("/")[0] or "nan") for one in asked]
            says[limit] = [float(one.split("/")[1]) if "/" in one else oracle.NAN for one in asked]
    says |= {name: [float(value(row, "atr=", "nan")) for row in rows] for name in ATRS}
    rates = [value(row, "rate=", "1").split(":") for row in rows]
    spread = [float(value(row, "spread=", "0")) for row in rows]
    around = oracle.Around(
        spread=spread if any(spread) else [],
        rate_open=[float(rate[0]) for rate in rates] if "rate=" in text else [],
        rate_close=[float(rate[-1]) for rate in rates] if "rate=" in text else [],
    )
    return bars, oracle.Leg(0, 0, **says), around


def value(row: list[str], word: str, default: str) -> str:
    return next((item.removeprefix(word) for item in row if item.startswith(word)), default)


def case_of(*texts: str, first: str = "2024-01-09T00:00", capital: float = 10_000.0, **changes: Any) -> Case:
    """Make a case of one table per symbol and one strategy.

    `changes` are fields of Rules, Contract and Terms by their names (`account=` for a dict of Terms), `start` (a bar), `finer` (a table of
    quarters for the first symbol), `actions` ((bar, kind, value) for the first symbol) or `contracts` (one dict per symbol).
    """
    facts = {name: changes.pop(name) for name in oracle.Contract._fields if name in changes}
    start, terms = changes.pop("start", None), oracle.Terms(**changes.pop("account", {}))
    finer, actions = changes.pop("finer", ""), changes.pop("actions", [])
    contracts = [oracle.Contract(**facts | own) for own in changes.pop("contracts", [{}] * len(texts))]
    bars, legs, around = [], [], []
    for symbol, text in enumerate(texts):
        candles, leg, beside = table(text, first=first)
        bars.append(candles)
        legs.append(replace(leg, symbol=symbol))
        around.append(beside)
    happened = [oracle.Action(bars[0][at].time, kind, amount) for at, kind, amount in actions]
    around[0] = replace(around[0], actions=happened, finer=candles_and_words(finer, first, QUARTER)[0])
    begin = None if start is None else bars[0][start].time
    return Case(bars, legs, [replace(RULES_OFF, **changes)], contracts, capital, begin, terms, around)


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


def together(*cases: Case, **account: Any) -> Case:
    """Make one case of several strategies on the candles of the first; `account` are fields of Terms."""
    legs = [replace(leg, strategy=number) for number, case in enumerate(cases) for leg in case.legs]
    rules = [rule for case in cases for rule in case.rules]
    return replace(cases[0], legs=legs, rules=rules, terms=oracle.Terms(**account))
