"""A summary out of the kernel against the metrics of a result, on journals that no strategy would write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sptrader_lab.kernel.layout import make_journal
from sptrader_lab.kernel.state import FILLS, STEPS, TRADES, Journal
from sptrader_lab.kernel.summary import BLOCKS, SUMMARY, Yardstick, summarise
from sptrader_lab.results.metrics import METRICS, Facts, compute_metrics, day_marks
from sptrader_lab.types.calendar import HOUR, parse_day_end
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.records import ACCOUNT, records

DAY_END = parse_day_end("17:00 America/New_York")
CAPITAL = 10_000.0
START = 1_704_067_200_000_000_000


def written(seed: int, steps: int, trades: int, fills: int, *, symbols: int = 1, ruined: bool = False) -> Journal:
    """A journal of random hours, trades and fills; the numbers need not belong together."""
    random = np.random.default_rng(seed)
    journal = make_journal(max(trades, fills, 1), max(steps, 1), 1)
    journal.used[TRADES], journal.used[FILLS], journal.used[STEPS] = trades, fills, steps
    pnl = random.normal(0.0, 50.0, trades)
    pnl[random.random(trades) < 0.1] = 0.0
    journal.trades["pnl"][:trades] = pnl
    journal.trades["ambiguous"][:trades] = random.random(trades) < 0.2
    for name in ("quantity", "price", "commission", "slippage", "spread", "rate"):
        journal.fills[name][:fills] = random.exponential(3.0, fills)
    journal.fills["symbol"][:fills] = random.integers(symbols, size=fills)
    journal.time[:steps] = START + HOUR * np.cumsum(random.integers(1, 30, steps))
    journal.equity[:steps] = CAPITAL * np.exp(np.cumsum(random.normal(0.0, 0.01, steps)))
    if ruined:
        journal.equity[steps // 2 : steps] = -5.0
    journal.exposure[:steps] = np.maximum(0.0, random.normal(0.0, 100.0, steps))
    return journal


def summary(journal: Journal, multipliers: tuple[float, ...], deepest: float) -> tuple[dict[str, float], Any]:
    steps = journal.used[STEPS]
    time = journal.time[:steps]
    days = day_marks(time, DAY_END).step.astype(np.int64)
    yardstick = Yardstick(days, int(time[-1]) - START if steps else 0, 252, np.array(multipliers))
    row, blocks = np.full(len(SUMMARY), -1.0), np.full((BLOCKS, 3), -1.0)
    summarise(journal, CAPITAL, deepest, yardstick, row, blocks)
    return dict(zip(SUMMARY, row.tolist(), strict=True)), blocks


def told_by_results(journal: Journal, multipliers: tuple[float, ...], deepest: float) -> dict[str, float]:
    trades, fills, steps = journal.used[TRADES], journal.used[FILLS], journal.used[STEPS]
    account = records(1, ACCOUNT)
    account["max_drawdown"] = deepest
    outcome = Outcome(
        journal.orders[:0],
        journal.fills[:fills],
        journal.trades[:trades],
        journal.refusals[:0],
        records(0, np.dtype([("id", "i8")])),
        journal.time[:steps],
        journal.equity[:steps],
        journal.exposure[:steps],
        account,
    )
    facts = Facts(CAPITAL, START, 252, DAY_END, multipliers)
    return {name: float(compute_metrics(outcome, facts)[name]) for name in SUMMARY}


def test_a_summary_holds_metrics_by_their_names() -> None:
    assert set(SUMMARY) <= set(METRICS)
    assert len(set(SUMMARY)) == len(SUMMARY)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.integers(0, 600),
    trades=st.integers(0, 400),
    fills=st.integers(0, 400),
    ruined=st.booleans(),
)
@example(seed=1, steps=0, trades=0, fills=0, ruined=False)
@example(seed=2, steps=1, trades=1, fills=1, ruined=False)
@example(seed=3, steps=40, trades=129, fills=257, ruined=True)
def test_a_summary_says_what_the_metrics_of_a_result_say(
    seed: int, steps: int, trades: int, fills: int, *, ruined: bool
) -> None:
    journal = written(seed, steps, trades, fills, symbols=2, ruined=ruined)
    found, _ = summary(journal, (1.0, 50.0), 0.25)
    for name, value in told_by_results(journal, (1.0, 50.0), 0.25).items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=0.0, nan_ok=True), name


def test_long_sums_are_added_up_as_numpy_does() -> None:
    journal = written(5, 20, 70_001, 70_001)
    found, _ = summary(journal, (1.0,), 0.1)
    assert found["expectancy"] == journal.trades["pnl"].copy().sum() / 70_001
    costs = [float(journal.fills[name].sum()) for name in ("commission", "slippage", "spread")]
    assert found["total_costs"] == costs[0] + costs[1] + costs[2]


def test_blocks_hold_the_returns_of_sixteen_equal_stretches() -> None:
    journal = written(7, 900, 3, 6)
    _, blocks = summary(journal, (1.0,), 0.1)
    equity = journal.equity[day_marks(journal.time[:900], DAY_END).step]
    returns = equity / np.concatenate([[CAPITAL], equity[:-1]]) - 1.0
    assert len(returns) > 100
    for block, (count, total, squares) in enumerate(blocks.tolist()):
        part = returns[block * len(returns) // 16 : (block + 1) * len(returns) // 16]
        assert count == len(part)
        assert total == pytest.approx(part.sum(), rel=1e-12)
        assert squares == pytest.approx((part**2).sum(), rel=1e-12)
    assert blocks[:, 0].sum() == len(returns)
    assert blocks[:, 0].max() - blocks[:, 0].min() <= 1


def test_blocks_leave_out_days_without_a_return() -> None:
    journal = written(8, 400, 0, 0, ruined=True)
    _, blocks = summary(journal, (1.0,), 1.0)
    equity = journal.equity[day_marks(journal.time[:400], DAY_END).step]
    assert blocks[:, 0].sum() == np.count_nonzero(np.concatenate([[CAPITAL], equity[:-1]]) > 0)
    assert np.isfinite(blocks).all()


def test_no_steps_leave_the_capital_and_nothing_else() -> None:
    found, blocks = summary(written(1, 0, 0, 0), (1.0,), 0.0)
    assert (found["end_capital"], found["total_trades"], found["trading_days"]) == (CAPITAL, 0.0, 0.0)
    assert math.isnan(found["sharpe_ratio"])
    assert math.isnan(found["max_drawdown"])
    assert not blocks.any()
