"""Hurrying through quiet bars leaves no trace: the same bytes as taking every step (kernel/quiet.py)."""

from __future__ import annotations

from typing import Any

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
from sptrader_lab.types.records import LIMIT, MARKET, STOP, TARGET, default_contract, default_rules, records

BARS = 1200


def candles(symbol: str, random: np.random.Generator) -> Candles:
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.004, BARS))), 2)
    opens = np.round(np.concatenate([[100.0], close[:-1]]) * (1 + random.normal(0, 0.001, BARS)), 2)
    high, low = np.maximum(opens, close) + 0.2, np.minimum(opens, close) - 0.2
    time = parse_time("2025-01-06") + np.arange(BARS, dtype=np.int64) * HOUR
    return Candles(symbol, "1h", time, opens, high, low, close, np.ones(BARS))


def decisions(random: np.random.Generator, density: float, close: np.ndarray, kind: int) -> Decisions:
    """Wishes at random; a limit lies a little on the favourable side of the close, a stop on the other."""
    flags = [(random.random(BARS) < density).view(np.uint8) for _ in range(4)]
    away = {MARKET: 0.0, LIMIT: -0.3, STOP: 0.3}[kind]
    levels = {"long_price": close + away, "short_price": close - away} if kind != MARKET else {}
    session = {"session_exit": (np.arange(BARS) % 24 == 20).view(np.uint8)} if random.random() < 0.3 else {}
    return Decisions(*flags, np.zeros(BARS, np.uint8), *[np.empty(0)] * 4, **levels, **session)


def two_targets() -> Any:
    """Half of the position at 1 %, the rest at 4 %."""
    targets = records(2, TARGET)
    targets.fraction, targets.share = (0.01, 0.04), (0.5, 1.0)
    return targets


def random_rules(random: np.random.Generator) -> dict[str, Any]:
    """Rules of every kind that a quiet stretch must respect, each on in about half of the cases."""
    kinds = {
        "stop_fraction": 0.02,
        "target_fraction": 0.03,
        "trail_fraction": 0.015,
        "trail_distance": 1.5,
        "max_holding_period": 17,
        "max_drawdown": 0.08,
        "daily_loss_limit": 0.01,
        "commission": 0.0005,
        "fill_close": 1,
        "intrabar": 1,
        "targets": 2,
        "expire_bars": 4,
        "oco": 1,
    }
    chosen = {name: value for name, value in kinds.items() if random.random() < 0.4}
    return {"size": random.choice([0.1, 0.5, 0.95]), "max_positions_per_symbol": random.integers(1, 3), **chosen}


def run(rules: dict[str, Any], *legs: tuple[Candles, Decisions]) -> Outcome:
    contracts = np.concatenate([default_contract() for _ in legs]).view(np.recarray)
    numbered = [Leg(0, number, wishes) for number, (_, wishes) in enumerate(legs)]
    settings = default_rules(**{**rules, "max_positions": 2})
    return simulate(
        [one for one, _ in legs], numbered, settings, contracts, Account(10_000.0), FX_DAY_END, targets=two_targets()
    )


@pytest.mark.parametrize("seed", range(120))
def test_a_run_that_hurries_gives_the_bytes_of_one_that_steps(seed: int) -> None:
    """S17: a second symbol that never trades makes the kernel take every step."""
    random = np.random.default_rng(seed)
    mine, other = candles("EURUSD", random), candles("GBPUSD", random)
    rules = random_rules(random)
    kind = MARKET if "fill_close" in rules else int(random.choice([MARKET, MARKET, LIMIT, STOP]))
    rules["entry_kind"] = kind
    wishes = decisions(random, random.choice([0.005, 0.05, 0.3]), mine.close, kind)
    idle = Decisions(*[np.zeros(BARS, np.uint8)] * 5, *[np.empty(0)] * 4)
    hurried, stepped = run(rules, (mine, wishes)), run(rules, (mine, wishes), (other, idle))
    assert len(hurried.orders) > 0
    for name in ("orders", "fills", "trades", "refusals", "positions", "account"):
        one, other_one = getattr(hurried, name), getattr(stepped, name)
        for field in one.dtype.names:  # by field: the padding between fields is nobody's
            assert one[field].tobytes() == other_one[field].tobytes(), f"{name}.{field} differs with {rules}"
    for name in ("time", "equity", "exposure"):
        assert getattr(hurried, name).tobytes() == getattr(stepped, name).tobytes(), f"{name} differs with {rules}"
