"""A run whose result nobody keeps leaves nothing behind: no candles, no records, no columns, also when it fails."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.errors import ComponentFailed, LabError, LookaheadError
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from tests.conftest import ROOT

BARS = 4000
STRATEGY = ROOT / "strategies" / "ma_crossover.yaml"
OWN = """
name: trial
indicators: {mine: {type: own}}
entry: {when: ["close > mine"]}
exit: {when: ["close < mine"]}
"""
COLUMN = BARS * 8  # bytes


def candles(symbol: str = "EURUSD", seed: int = 1) -> Candles:
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, 0.002, BARS)))
    opens = np.concatenate([[1.1], close[:-1]])
    high, low = np.maximum(opens, close) * 1.001, np.minimum(opens, close) * 0.999
    time = parse_time("2025-01-06") + np.arange(BARS, dtype=np.int64) * HOUR
    return Candles(symbol, "1h", time, opens, high, low, close, np.ones(BARS))


@pytest.fixture
def by_counting_alone() -> Iterator[None]:
    """Without the collector: what is in a cycle stays, so that a million candles would wait for it."""
    one()  # the compiler makes cycles that hold the arguments of the first call
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def one() -> Any:
    return lab.backtest(lab.load_strategy(STRATEGY), candles())


def ambiguous() -> Any:
    """Stop and target both in many a bar, so that the profit band runs the kernel again."""
    near = {"stop_loss": 0.0005, "take_profit": 0.0005}
    return lab.backtest(STRATEGY, candles(), parameters=near)


def several() -> Any:
    return lab.backtest([STRATEGY, STRATEGY], [candles(), candles("GBPUSD", 2)])


def on_shorter_candles() -> Any:
    hours = candles()
    longer = hours.to_frame().resample("4h").agg({"open": "first", "high": "max", "low": "min", "close": "last"})
    signals = Candles.from_frame(longer.dropna(), symbol="EURUSD", timeframe="4h")
    return lab.backtest(STRATEGY, signals, trade_on=hours)


def looked_at(result: Any) -> Any:
    """Ask for everything that a result makes and keeps."""
    assert result.metrics["total_trades"] > 0
    assert result.profit_band[0] <= result.profit_band[1]
    assert len(result.trades) == len(result.completed_trades)
    assert min(len(result.orders), len(result.fills), len(result.signals)) > 0
    assert all([str(result.explain(trade=1)), result.describe(), result.run_id, result.digest, result.to_dict()])
    return result


def parts(result: Any) -> list[weakref.ref[Any]]:
    """Refer weakly to a result, its records and its candles, columns included."""
    arrays = [value for value in vars(result.outcome).values() if isinstance(value, np.ndarray)]
    columns = [array for part in result.candles for array in (part.time, part.close, part.close_time)]
    lines = [line.values for each in result.overlays.values() for line in each if isinstance(line.values, np.ndarray)]
    return [weakref.ref(part) for part in (result, result.outcome, *result.candles, *arrays, *columns, *lines)]


@pytest.mark.parametrize("run", [one, ambiguous, several, on_shorter_candles])
@pytest.mark.usefixtures("by_counting_alone")
def test_a_result_dies_with_its_last_name_and_takes_its_memory_along(run: Callable[[], Any]) -> None:
    result = run()
    held = parts(result)
    assert len(held) > 10
    assert all(part() is not None for part in held)
    del result
    assert [part() for part in held if part() is not None] == []


@pytest.mark.parametrize("run", [one, ambiguous, several])
def test_a_result_that_was_looked_at_dies_too(run: Callable[[], Any]) -> None:
    result = looked_at(run())
    held = parts(result)
    del result
    gc.collect()  # frames and text makers of other libraries may form cycles
    assert [part() for part in held if part() is not None] == []


@pytest.mark.parametrize(
    ("body", "error"),
    [("return np.roll(close, -1)", LookaheadError), ("return close / {}['gone']", ComponentFailed)],
)
def test_a_run_that_fails_lets_go_of_its_candles_with_its_error(
    tmp_path: Path, body: str, error: type[LabError]
) -> None:
    (folder := tmp_path / "components" / "indicators").mkdir(parents=True)
    head = '"""An indicator."""\n\nimport numpy as np\n\nfrom sptrader_lab.components import Column\n'
    (folder / "own.py").write_text(f"{head}\n\ndef own(close: Column) -> Column:\n    {body}\n")
    (path := tmp_path / "trial.yaml").write_text(OWN)
    given = candles()
    held = [weakref.ref(part) for part in (given, given.close, given.time)]
    with pytest.raises(error) as caught:
        lab.backtest(path, given)
    del given, caught
    gc.collect()  # an error and the frames that it passed through form a cycle
    assert [part() for part in held if part() is not None] == []


@pytest.mark.parametrize("run", [ambiguous, several])
def test_more_runs_need_no_more_memory(run: Callable[[], Any]) -> None:
    """Neither at the end nor at the peak: not a quarter of a column per run, where numba and numpy keep small things."""
    more = 8
    looked_at(run())
    gc.collect()
    tracemalloc.start()
    try:
        few, many = traced(run, 3), traced(run, more)
    finally:
        tracemalloc.stop()
    for what, before, after in zip(("held", "peak"), few, many, strict=True):
        assert after - before < more * COLUMN / 4, f"{what}: {before:,} bytes after 3 runs, {after:,} after {more} more"


def traced(run: Callable[[], Any], times: int) -> tuple[int, int]:
    """Return the bytes that Python and numpy hold after so many runs, and the most that they held meanwhile."""
    tracemalloc.reset_peak()
    for _ in range(times):
        looked_at(run())
        gc.collect()  # when it comes by itself is chance
    return tracemalloc.get_traced_memory()
