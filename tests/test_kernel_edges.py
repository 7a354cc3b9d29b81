"""Numbers at the edges of what the kernel meets: early instants, means of zero, huge quantities."""

from __future__ import annotations

import numpy as np
import pytest

from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import FX_DAY_END, HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.reasons import CORRELATION, NONE
from sptrader_lab.types.records import default_contract, default_rules


def candles(symbol: str, closes: list[float], start: str) -> Candles:
    close = np.array(closes)
    opens = np.concatenate([close[:1], close[:-1]])
    time = parse_time(start) + np.arange(len(close), dtype=np.int64) * HOUR
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    return Candles(symbol, "1h", time, opens, high, low, close, np.ones(len(close)))


def enters_at(bars: int, *where: int) -> Decisions:
    wishes = np.zeros(bars, np.uint8)
    wishes[list(where)] = 1
    none = np.zeros(bars, np.uint8)
    return Decisions(wishes, none, none, none, none, *[np.empty(0)] * 4)


def run(several: list[Candles], where: list[int], account: Account, step: float = 0.01, **rules: float) -> Outcome:
    legs = [Leg(0, number, enters_at(len(one), *where)) for number, one in enumerate(several)]
    contracts = np.concatenate([default_contract(step=step) for _ in several]).view(np.recarray)
    settings = default_rules(slippage=0.0, max_positions=len(several), **rules)
    return simulate(several, legs, settings, contracts, account, FX_DAY_END)


@pytest.mark.parametrize("symbols", [1, 2])
def test_instants_before_1970_are_instants_like_any_other(symbols: int) -> None:
    closes = [100.0 + bar % 7 for bar in range(100)]
    early, late = (
        run(
            [candles(f"S{n}", closes, start) for n in range(symbols)],
            [3, 40],
            Account(10_000.0),
            daily_loss_limit=0.001,
        )
        for start in ("1965-01-04", "1993-01-04")
    )
    assert early.equity.tolist() == late.equity.tolist()
    assert len(early.orders) == len(late.orders) > 0
    assert (np.diff(early.time) == HOUR).all()
    assert early.time[-1] < 0


def test_correlation_is_measured_where_both_means_are_exactly_zero() -> None:
    closes = [128.0, 192.0, 96.0, 144.0, 72.0, 72.0]  # returns of 1/2, -1/2, 1/2, -1/2
    account = Account(100_000.0, correlation_limit=0.5, correlation_window=4)
    outcome = run([candles("AAA", closes, "2025-01-06"), candles("BBB", closes, "2025-01-06")], [4], account)
    assert outcome.refusals.reason.tolist() == [CORRELATION]
    assert outcome.refusals.value.tolist() == [1.0]


def test_a_huge_quantity_is_no_integer_that_overflows() -> None:
    outcome = run([candles("TINY", [1e-5] * 4, "2025-01-06")], [1], Account(1e8), step=1e-8)
    assert outcome.refusals.reason.tolist() == []
    assert outcome.positions.quantity[0] == pytest.approx(1e12)
    assert outcome.positions.exit_reason[0] == NONE
