"""The engine of sweeps against `lab.backtest`: every metric of every combination, whatever is shared on the way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sptrader_lab as lab
from sptrader_lab.errors import LabError
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research import engine as module
from sptrader_lab.research.engine import Batch, Engine
from sptrader_lab.strategy.template import Template
from sptrader_lab.types.calendar import HOUR, MINUTE
from tests.conftest import ROOT

CROSSOVER = ROOT / "strategies" / "ma_crossover.yaml"
START = 1_704_067_200_000_000_000


def walk(bars: int, seed: int = 1, symbol: str = "EURUSD", timeframe: str = "1h") -> lab.Candles:
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0.0, 0.003, bars)))
    opens = np.concatenate([[1.1], close[:-1]]) * (1 + random.normal(0.0, 0.0003, bars))
    reach = random.exponential(0.001, (2, bars))
    high, low = np.maximum(opens, close) * (1 + reach[0]), np.minimum(opens, close) * (1 - reach[1])
    time = START + np.arange(bars) * (HOUR if timeframe == "1h" else 5 * MINUTE)
    return lab.Candles(symbol, timeframe, time, opens, high, low, close, random.integers(1, 99, bars).astype(float))


def grid(**values: Sequence[object]) -> list[dict[str, object]]:
    names = [name.replace("__", ".") for name in values]
    return [dict(zip(names, each, strict=True)) for each in itertools.product(*values.values())]


def ran(strategy: lab.Strategy, candles: Any, values: dict[str, object], options: dict[str, Any]) -> Any:
    """Return the result of a backtest, or what it says when it fails."""
    try:
        return lab.backtest(strategy.with_values(values), candles, **options)
    except LabError as error:
        return str(error)


def assert_agrees(
    strategy: lab.Strategy, candles: Any, combinations: list[dict[str, object]], batch: Batch, **options: Any
) -> None:
    """Each row is the metrics of a backtest with its values, or its error."""
    for place, values in enumerate(combinations):
        result = ran(strategy, candles, values, options)
        if isinstance(result, str):
            assert batch.errors[place] == result
            assert np.isnan(batch.metrics[place]).all()
            continue
        assert batch.errors[place] == ""
        for name, value in zip(SUMMARY, batch.metrics[place].tolist(), strict=True):
            assert value == pytest.approx(float(result.metrics[name]), rel=1e-12, abs=0.0, nan_ok=True), (values, name)
        returns = result.daily_returns.to_numpy()
        assert batch.blocks[place, :, 0].sum() == len(returns)
        assert batch.blocks[place, :, 1].sum() == pytest.approx(returns.sum(), rel=1e-9, abs=1e-12)


def counted(engine: Engine, combinations: list[dict[str, object]]) -> tuple[Batch, int]:
    """Run and count the full binds."""
    count = 0
    bind = engine._bind

    def counting(values: Mapping[str, object]) -> Any:
        nonlocal count
        count += 1
        return bind(values)

    engine._bind = counting  # type: ignore[method-assign]
    return engine.run(combinations), count


def test_a_grid_of_periods_levels_and_costs_agrees_without_full_binds() -> None:
    strategy, candles = lab.load_strategy(CROSSOVER), walk(3000)
    combinations = grid(
        ma_fast_period=[3, 5, 8], ma_slow_period=[5, 8, 13], stop_loss=[0.004, 0.02], take_profit=[0.006, 0.03],
        execution__slippage=[0.0, 0.0005], execution__commission__per_order=[0.0, 1.0],
    )  # fmt: skip
    engine = Engine(strategy, candles)
    engine.prepare(combinations)
    batch, binds = counted(engine, combinations)
    assert binds < 10  # all that can be known was found out before
    batch, binds = counted(Engine(strategy, candles), combinations)
    assert binds < 40 < len(combinations)
    assert_agrees(strategy, candles, combinations[::7], Batch(*(part[::7] for part in batch)))


SWEPT: dict[str, dict[str, list[object]]] = {
    "bollinger_reversion": {"execution.slippage": [0.0, 0.001], "risk.max_positions_per_symbol": [1, 2]},
    "donchian_breakout": {"risk.max_drawdown": [0.01, 0.5], "risk.daily_loss_limit": [0.002, 0.4]},
    "limit_reversion": {"execution.slippage": [0.0, 0.001], "exit.max_holding_period": [3, 30]},
    "ma_crossover_long_short": {"execution.fill": ["close", "next_open"], "exit.trailing_stop": [0.005, 0.02]},
    "macd_trend": {"execution.intrabar": ["worst", "best"], "account.leverage": [1.0, 3.0]},
    "opening_breakout": {"filters.trading_zone": ["UTC", "Europe/London"], "instrument.tick": [0.0001, 0.001]},
    "rsi_reversion": {"execution.spread": [0.0002, 0.001], "entry.size": [0.1, 0.9]},
    "supertrend_rider": {"backtest.initial_capital": [500.0, 9000.0], "exit.break_even": [0.002, 0.01]},
}


@pytest.mark.parametrize("name", SWEPT)
def test_shipped_strategies_agree_whatever_is_swept(name: str) -> None:
    strategy, candles = lab.load_strategy(ROOT / "strategies" / f"{name}.yaml"), walk(1500, seed=4)
    values = {
        parameter: [value, value * 2] if isinstance(value, int) else [value, value * 0.7]
        for parameter in strategy.referenced_parameters[:2]
        if isinstance(value := strategy.parameters[parameter], (int, float)) and not isinstance(value, bool)
    }
    names, columns = zip(*{**values, **SWEPT[name]}.items(), strict=True)
    combinations = [dict(zip(names, each, strict=True)) for each in itertools.product(*columns)]
    batch = Engine(strategy, candles).run(combinations)
    assert_agrees(strategy, candles, combinations, batch)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_combinations_agree(data: st.DataObject) -> None:
    text = """
name: random
parameters: {fast: 4, slow: 9, stop: 1.5, level: 50, bars: 2}
indicators:
  fast: {type: %s, params: {period: parameters.fast}}
  slow: {type: sma, params: {period: parameters.slow}}
  rsi: {type: rsi, params: {period: 7}}
entry:
  long: {when: [%s]}
  short: {when: ["crosses_below(fast, slow)"]}
  size: 0.3
exit:
  long: {when: {any: ["rsi > parameters.level", "close < close.shift(parameters.bars)"]}}
  stop_loss: {type: atr, value: parameters.stop, period: 5}
  max_holding_period: 20
"""
    kind = data.draw(st.sampled_from(["sma", "ema"]))
    rule = data.draw(st.sampled_from(['"fast > slow"', '"crosses_above(fast, slow)"', '"rsi < parameters.level"']))
    strategy = lab.load_strategy(text % (kind, rule))
    combination = st.fixed_dictionaries(
        {
            "fast": st.integers(1, 20),
            "slow": st.integers(1, 30),
            "stop": st.floats(0.1, 5.0),
            "level": st.integers(10, 90),
            "bars": st.integers(0, 6),
            "exit.stop_loss.period": st.integers(2, 6),
        }
    )
    combinations: list[dict[str, object]] = data.draw(st.lists(combination, min_size=3, max_size=8))
    candles = walk(data.draw(st.integers(30, 700)), seed=data.draw(st.integers(0, 99)))
    start = data.draw(st.sampled_from([None, "2024-01-05", "2030-01-01"]))
    batch = Engine(strategy, candles, start=start, capital=5_000.0).run(combinations)
    assert_agrees(strategy, candles, combinations, batch, start=start, capital=5_000.0)


def test_several_symbols_and_longer_signals_agree() -> None:
    strategy = lab.load_strategy(CROSSOVER).with_values({"risk.max_positions": 2, "position_size": 0.4})
    several = [walk(900, 1, "ASSET1"), walk(700, 2, "ASSET2")]
    combinations = grid(ma_fast_period=[3, 6], ma_slow_period=[9, 15], stop_loss=[0.004, 0.03])
    assert_agrees(strategy, several, combinations, Engine(strategy, several).run(combinations))
    minutes = walk(12 * 800, 3, timeframe="5m")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    hours = lab.Candles.from_frame(minutes.to_frame().resample("1h").agg(rules), symbol="EURUSD", timeframe="1h")
    batch = Engine(strategy, hours, trade_on=minutes).run(combinations)
    assert_agrees(strategy, hours, combinations, batch, trade_on=minutes)


def test_a_result_is_the_backtest_with_these_values() -> None:
    strategy, candles = lab.load_strategy(CROSSOVER), walk(2000)
    engine = Engine(strategy, candles, capital=3_000.0, start="2024-01-10")
    values = {"ma_fast_period": 4, "execution.slippage": 0.0003}
    batch = engine.run([values])
    result = engine.result(values)
    again = lab.backtest(strategy.with_values(values), candles, capital=3_000.0, start="2024-01-10")
    assert result.digest == again.digest
    assert result.run_id == again.run_id
    assert batch.metrics[0, SUMMARY.index("total_pnl")] == result.total_pnl


def test_threads_and_other_orders_give_the_same_bytes() -> None:
    strategy, candles = lab.load_strategy(CROSSOVER), walk(2500, 9)
    combinations = grid(ma_fast_period=[3, 4, 5, 6, 7, 8], ma_slow_period=[9, 12, 15, 20], stop_loss=[0.004, 0.01])
    one = Engine(strategy, candles).run(combinations)
    engine = Engine(strategy, candles)
    engine.prepare(combinations)
    chunks = [combinations[place : place + 5][::-1] for place in range(0, len(combinations), 5)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(engine.run, chunks))
    together = np.concatenate([part.metrics[::-1] for part in parts])
    assert together.tobytes() == one.metrics.tobytes()
    assert np.concatenate([part.blocks[::-1] for part in parts]).tobytes() == one.blocks.tobytes()


def test_what_an_earlier_run_left_in_memory_does_not_shine_through() -> None:
    """One combination writes pairs of orders and limits, the next one none of them."""
    strategy = lab.load_strategy(ROOT / "strategies" / "opening_breakout.yaml")
    other = lab.load_strategy(CROSSOVER)
    candles = walk(3000, 6)
    combinations = grid(execution__slippage=[0.0, 0.001], exit__max_holding_period=[2, 40])
    engine = Engine(strategy, candles)
    first = engine.run(combinations)
    second = Engine(other, candles)
    second._scratch = engine._scratch
    crossings = grid(ma_fast_period=[3, 9], ma_slow_period=[5, 30])
    assert_agrees(other, candles, crossings, second.run(crossings))
    assert engine.run(combinations[::-1]).metrics[::-1].tobytes() == first.metrics.tobytes()


BROKEN = '''
import numpy as np
from typing import Annotated
from sptrader_lab.components import Bounds, Column


def picky(close: Column, *, period: Annotated[int, Bounds(1, 50)] = 3) -> Column:
    """Return the close, but not for every period."""
    if period == 13:
        raise ValueError("thirteen")
    return close * 1.0
'''
PEEKING = '''
import numpy as np
from typing import Annotated
from sptrader_lab.components import Bounds, Column


def peek(close: Column, *, period: Annotated[int, Bounds(1, 50)] = 3) -> Column:
    """Return the next close."""
    return np.append(close[1:], close[-1])
'''


def own_component(folder: Path, name: str, text: str) -> lab.Strategy:
    place = folder / "components" / "indicators"
    place.mkdir(parents=True)
    (place / f"{name}.py").write_text(text)
    path = folder / "strategy.yaml"
    path.write_text(
        f"name: own\nparameters: {{period: 3, stop: 0.02}}\n"
        f"indicators: {{own: {{type: {name}, params: {{period: parameters.period}}}}}}\n"
        'entry: {when: ["close > own.shift(2)"], action: buy, size: 0.2}\n'
        'exit: {when: ["close < own.shift(1)"], stop_loss: parameters.stop}\n'
    )
    return lab.load_strategy(path)


def test_a_combination_that_fails_is_a_row_with_its_error(tmp_path: Path) -> None:
    strategy, candles = own_component(tmp_path, "picky", BROKEN), walk(400)
    combinations = grid(period=[2, 13, 99, 4], stop=[0.01, 1.5])
    batch = Engine(strategy, candles).run(combinations)
    said = [error.splitlines()[0] if error else "" for error in batch.errors]
    assert [bool(error) for error in said] == [False, True, True, True, True, True, False, True]
    assert "thirteen" in said[2]
    assert "problem" in said[1]
    assert_agrees(strategy, candles, combinations, batch)


def test_a_component_that_looks_ahead_is_no_row_to_believe(tmp_path: Path) -> None:
    strategy, candles = own_component(tmp_path, "peek", PEEKING), walk(3000)
    engine = Engine(strategy, candles)
    batch = engine.run(grid(period=[1, 2], stop=[0.01, 0.02]))
    assert all("looks ahead" in error for error in batch.errors)
    assert np.isnan(batch.metrics).all()


def test_look_ahead_is_checked_once_and_said() -> None:
    engine = Engine(CROSSOVER, walk(1200))
    engine.run(grid(ma_fast_period=[3, 4], ma_slow_period=[9, 10]))
    assert engine.lookahead.count("no value moved") == 1


def test_names_that_change_more_than_numbers_are_bound_apart() -> None:
    text = (
        CROSSOVER.read_text()
        .replace(
            "type: sma, params: {period: parameters.ma_fast_period",
            "type: parameters.kind, params: {period: parameters.ma_fast_period",
        )
        .replace("parameters:\n", "parameters:\n  kind: sma\n", 1)
    )
    strategy, candles = lab.load_strategy(text), walk(900)
    combinations = grid(kind=["sma", "ema"], ma_fast_period=list(range(2, 8)), ma_slow_period=[9, 12, 15])
    engine = Engine(strategy, candles)
    batch = engine.run(combinations)
    assert engine._structural == ("kind",)
    assert not engine._exact
    assert_agrees(strategy, candles, combinations, batch)


def test_a_template_that_is_wrong_is_found_out_and_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with full binds is what makes templates right: one that mixes up values must not get through."""
    honest = Template.numbers

    def mixed_up(self: Template, combination: Mapping[str, object]) -> list[Any] | None:
        found = honest(self, combination)
        both = combination["ma_fast_period"] == 5 and combination["ma_slow_period"] == 12
        return [-1.0, *found[1:]] if both and found else found

    monkeypatch.setattr(module.Template, "numbers", mixed_up)
    strategy, candles = lab.load_strategy(CROSSOVER), walk(600)
    combinations = grid(ma_fast_period=[4, 5], ma_slow_period=[9, 12])
    engine = Engine(strategy, candles)
    batch = engine.run(combinations)
    assert engine._exact
    assert_agrees(strategy, candles, combinations, batch)


def test_rules_between_two_values_are_kept() -> None:
    """A break-even offset must lie below its trigger, which no value alone can tell."""
    strategy, candles = lab.load_strategy(CROSSOVER), walk(600)
    strategy = lab.load_strategy(
        strategy.text.replace("\nrisk:", "  break_even: {trigger: 0.01, offset: 0.001}\n\nrisk:")
    )
    combinations = grid(exit__break_even__trigger=[0.002, 0.01], exit__break_even__offset=[0.0, 0.001, 0.005])
    engine = Engine(strategy, candles)
    engine.prepare(combinations)
    batch = engine.run(combinations)
    assert [bool(error) for error in batch.errors] == [False, False, True, False, False, False]
    assert_agrees(strategy, candles, combinations, batch)


def test_memory_for_columns_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 300_000)
    strategy, candles = lab.load_strategy(CROSSOVER), walk(2000)
    combinations = grid(ma_fast_period=list(range(2, 10)), ma_slow_period=list(range(11, 19)))
    engine = Engine(strategy, candles)
    batch = engine.run(combinations)
    assert engine._shelf.bytes <= 300_000
    assert engine._shelf.bytes == sum(size for _, size in engine._shelf.things.values())
    assert_agrees(strategy, candles, combinations[::13], Batch(*(part[::13] for part in batch)))


def test_no_combination_is_no_row() -> None:
    batch = Engine(CROSSOVER, walk(50)).run([])
    assert batch.metrics.shape == (0, len(SUMMARY))
    assert batch.errors == []


def test_too_few_candles_leave_the_capital() -> None:
    batch = Engine(CROSSOVER, walk(3)).run([{"ma_fast_period": 5}])
    assert batch.metrics[0, SUMMARY.index("total_trades")] == 0
    assert math.isnan(batch.metrics[0, SUMMARY.index("win_rate")])
