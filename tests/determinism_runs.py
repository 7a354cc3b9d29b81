"""Runs whose bytes must not depend on where they happen; as a script, tell those named on the command line as JSON."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import walk

import sptrader_lab as lab
from sptrader_lab.results.metrics import METRICS

STRATEGIES = Path(__file__).resolve().parent.parent / "strategies"
BUSY = """
name: busy
entry: {long: {when: "close > open"}, short: {when: "close < open"}, size: {type: risk, value: 0.01}}
exit:
  stop_loss: {type: atr, value: 1.0}
  take_profit: 0.002
  trailing_stop: {type: atr, value: 1.5}
  max_holding_period: 7
risk: {max_drawdown: 0.9, daily_loss_limit: 0.02}
execution: {slippage: 0.0001, commission: {fraction: 0.0001, per_order: 0.1}}
"""


def shipped(name: str) -> Callable[[], Any]:
    bars = 300 if "_script" in (STRATEGIES / f"{name}.yaml").read_text() else 3000  # a process for each candle
    return lambda: lab.backtest(STRATEGIES / f"{name}.yaml", walk(1, bars))


PARTS = """
name: parts
entry: {long: {when: "close > open"}, short: {when: "close < open"}, size: 0.5}
exit: {stop_loss: 0.004, take_profit: [{value: 0.002, share: 0.5}, {value: 0.006}]}
execution: {slippage: 0.0001, spread: 0.0002, commission: 0.0001}
instrument: {swap: {long: -0.5, short: 0.3}}
"""

#: Every strategy that comes along, an account of two symbols, one that meets every exit, and one that leaves in parts.
RUNS: dict[str, Callable[[], Any]] = {
    **{path.stem: shipped(path.stem) for path in sorted(STRATEGIES.glob("*.yaml"))},
    "two symbols": lambda: lab.backtest(
        STRATEGIES / "ma_crossover.yaml", [walk(2, 2000), walk(3, 1800, symbol="GBPUSD")]
    ),
    "busy": lambda: lab.backtest(lab.load_strategy(BUSY), walk(4, 3000)),
    "parts": lambda: lab.backtest(lab.load_strategy(PARTS), walk(6, 2000)),
    "busy and short": lambda: lab.backtest(lab.load_strategy(BUSY), walk(5, 400)),
    "cases": lambda: None,
    "few cases": lambda: None,
}
CASES = {"cases": 40, "few cases": 12}  # random cases of the oracle's, which ask for every rule of the kernel


def tell(name: str) -> list[str]:
    """Return the digest of a run and its trades, equity and metrics, byte for byte; of cases, the digest of each."""
    if name in CASES:
        from oracle_bridge import run_engine
        from oracle_cases import random_case

        return [run_engine(random_case(random.Random(seed), most_hours=30)).digest for seed in range(CASES[name])]
    result = RUNS[name]()
    assert len(result.trades) > 0, f"{name} traded nothing"
    metrics = {metric: float(result.metrics[metric]).hex() for metric in METRICS}
    tables = (getattr(result.outcome, table) for table in ("trades", "refusals", "positions", "cashflows"))
    return [result.digest, *map(checksum, tables), checksum(result.outcome.equity), json.dumps(metrics)]


def checksum(table: np.ndarray) -> str:
    """Every field of every record; not the padding between them, which holds what memory held."""
    columns = [table[name] for name in table.dtype.names] if table.dtype.names else [table]
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


if __name__ == "__main__":
    print(json.dumps({name: tell(name) for name in sys.argv[1:] or RUNS}))
