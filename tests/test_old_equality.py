"""The same strategy written natively, as a class of the older system and as scripts trades the same, to the last digit.

Averages that touch are where such things differ: TA-Lib's running sums, pandas' and those of a fresh process carry other
last bits, so a tie is a crossing for one of them and none for the other. The specimens therefore know ties as S22 does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import copy_old_workspace

import sptrader_lab as lab
from sptrader_lab.components.library import Library, own_library, scan
from sptrader_lab.results.result import Result
from sptrader_lab.types.candles import Candles

#: Scripts are asked candle by candle, 1 to 30 ms each.
SCRIPTED = 700


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, eurusd_1h: Candles) -> Path:
    return copy_old_workspace(tmp_path_factory.mktemp("equality") / "old", eurusd_1h)


@pytest.fixture(scope="module")
def native() -> Library:
    return scan(own_library())


@pytest.fixture(scope="module")
def old(workspace: Path) -> Library:
    """The old workspace first, then the laboratory's own components, as `load_strategy` looks them up."""
    return scan(workspace / "core", own_library())


@pytest.fixture(scope="module", params=["as they are", "in steps of 0.001"])
def hours(request: pytest.FixtureRequest, eurusd_1h: Candles) -> Candles:
    """Real hours; in coarse steps averages touch all the time."""
    return eurusd_1h if request.param == "as they are" else in_steps(eurusd_1h)


def in_steps(candles: Candles) -> Candles:
    prices = {name: np.round(getattr(candles, name), 3) for name in ("open", "high", "low", "close")}
    return replace(candles, **prices)


def trade(text: str, library: Library, candles: Candles, style: str, **more: object) -> Result:
    """Run a strategy and make sure that its components are written in the style that the test is about."""
    strategy = lab.load_strategy(text, library=library)
    result = lab.backtest(strategy, candles, **more)
    assert {library.find(name).style for name in named(text)} == {style}, named(text)
    return result


def named(text: str) -> list[str]:
    """The components that a text of this module names behind `type:` or as a dependency."""
    found = [line.split("#")[1].split() for line in text.splitlines() if line.startswith("# ")]
    return [name for names in found for name in names]


def assert_same(one: Result, other: Result, at_least: int) -> None:
    pd.testing.assert_frame_equal(one.trades, other.trades, check_exact=True)
    pd.testing.assert_frame_equal(one.orders, other.orders, check_exact=True)
    assert one.digest == other.digest
    assert len(one.trades) >= at_least


# 1: an indicator, over a class with metadata of version 1

AVERAGE = """
# {name}
name: average
description: The close over its average
indicators:
  average: {{type: {name}, params: {{{params}}}}}
entry:
  when: ["crosses_above(close, average)"]
  action: buy
  size: 0.1
exit:
  when: ["crosses_below(close, average)"]
  stop_loss: {{type: percentage, value: 0.004}}
"""


@pytest.mark.parametrize("params", ["period: 20", "period: 7", "period: 33, source: open", "period: 12, source: hlc3"])
def test_an_indicator_as_function_and_as_class(params, native, old, hours):
    function = trade(AVERAGE.format(name="sma", params=params), native, hours, "native")
    with_class = trade(AVERAGE.format(name="core.indicators.trend.sma", params=params), old, hours, "class")
    assert_same(function, with_class, at_least=100)


def test_an_indicator_as_function_class_and_script(native, old, eurusd_1h):
    hours = eurusd_1h.rows(0, SCRIPTED)
    function = trade(AVERAGE.format(name="sma", params="period: 20"), native, hours, "native")
    with_class = trade(AVERAGE.format(name="core.indicators.trend.sma", params="period: 20"), old, hours, "class")
    script = trade(AVERAGE.format(name="core/indicators/test_average.py", params=""), old, hours, "script")
    assert_same(function, with_class, at_least=30)
    assert_same(function, script, at_least=30)


def test_the_comparison_can_fail(native, old, eurusd_1h):
    other = trade(AVERAGE.format(name="sma", params="period: 21"), native, eurusd_1h, "native")
    mine = trade(AVERAGE.format(name="core.indicators.trend.sma", params="period: 20"), old, eurusd_1h, "class")
    with pytest.raises(AssertionError):
        assert_same(other, mine, at_least=1)


# 2: a signal, over a class with metadata of version 2 and required indicators

CROSSOVER = """
# {name}
name: crossover
description: Averages that cross
parameters: {{fast: {fast}, slow: {slow}}}
dependencies: {{signals: [{name}]}}
signal_config:
  ma_crossover:
    required_indicators:
      - {{name: ma_fast, type: sma, params: {{period: parameters.fast, source: close}}}}
      - {{name: ma_slow, type: sma, params: {{period: parameters.slow, source: close}}}}
    parameters: {{min_separation: {least}, confirmation_bars: 1}}
entry:
  when: [{{signal: ma_crossover, outputs: {{crossover_type: golden_cross}}}}]
  action: buy
  size: 0.1
exit:
  when: [{{signal: ma_crossover, outputs: {{crossover_type: death_cross}}}}]
  stop_loss: {{type: percentage, value: 0.01}}
  take_profit: {{type: percentage, value: 0.01}}
"""


@pytest.mark.parametrize(("fast", "slow", "least"), [(5, 15, 0.0001), (10, 30, 0.0), (2, 3, 0.0), (8, 21, 0.00005)])
def test_a_signal_as_function_and_as_class(fast, slow, least, native, old, hours):
    function, with_class = (
        trade(CROSSOVER.format(name=name, fast=fast, slow=slow, least=least), library, hours, style)
        for name, library, style in (("ma_crossover", native, "native"), ("core.signals.ma_crossover", old, "class"))
    )
    assert_same(function, with_class, at_least=40)


def test_what_a_class_requires_itself_is_what_its_metadata_say(native, old, hours):
    """Without required_indicators in the strategy: 20 and 50 bars, not the native signal's 10 and 30."""
    text = CROSSOVER.format(name="core.signals.ma_crossover", fast=1, slow=1, least=0)
    start, stop = text.index("parameters:"), text.index("entry:")
    own = "dependencies: {signals: [core.signals.ma_crossover]}\nsignal_config: {ma_crossover: {min_separation: 0}}\n"
    with_class = trade(text[:start] + own + text[stop:], old, hours, "class")
    function = trade(CROSSOVER.format(name="ma_crossover", fast=20, slow=50, least=0), native, hours, "native")
    assert_same(function, with_class, at_least=25)


# 3: two scripts

PAIR = """
# {names}
name: pair
description: Averages that cross, while the close is above another one
dependencies:
  indicators: [{indicator}]
  signals: [{signal}]
indicators:
  average: {{type: {indicator}}}
{more}
entry:
  when:
    - {{signal: {short}, outputs: {{{output}: golden_cross}}}}
    - close > average
  action: buy
  size: 0.02
exit:
  when: [{{signal: {short}, outputs: {{{output}: death_cross}}}}]
  action: close
"""
TEN_AND_TWENTY = """
signal_config:
  ma_crossover:
    required_indicators:
      - {name: ma_fast, type: sma, params: {period: 10}}
      - {name: ma_slow, type: sma, params: {period: 20}}
    min_separation: 0
"""


def test_a_pair_of_scripts_as_functions_and_as_classes(native, old, eurusd_1h):
    hours = eurusd_1h.rows(0, SCRIPTED)
    written: dict[str, Mapping[str, str]] = {
        "script": {"indicator": "core/indicators/test_average.py", "signal": "core/signals/test_crossover.py"},
        "native": {"indicator": "sma", "signal": "ma_crossover"},
        "class": {"indicator": "core.indicators.trend.sma", "signal": "core.signals.ma_crossover"},
    }
    found = {}
    for style, names in written.items():
        scripted = style == "script"
        text = PAIR.format(
            names=" ".join(names.values()),
            short="test_crossover" if scripted else "ma_crossover",
            output="signal_type" if scripted else "crossover_type",
            more="" if scripted else TEN_AND_TWENTY,
            **names,
        )
        found[style] = trade(text, native if style == "native" else old, hours, style)
    assert_same(found["native"], found["script"], at_least=15)
    assert_same(found["class"], found["script"], at_least=15)


# 4: the older dialect

DIALECT = """
# {names}
name: dialect
description: Weakness under an average, on volume
{dependencies}
parameters: {{weak: 45, strong: 55, position_size: 0.05}}
entry:
  primary: {{indicator: rsi, condition: "< parameters.weak", min_bars: 2}}
  filters:
    - {{indicator: close, condition: "< sma"}}
    - {{indicator: volume, condition: "> volume.rolling(20).mean()"}}
  size_method: fixed_percentage
  size_value: parameters.position_size
exit:
  signal_exit: [{{indicator: rsi, condition: "> parameters.strong"}}]
  stop_loss: {{type: percentage, value: 0.005}}
  max_holding_period: 24
"""


def test_the_older_dialect_over_functions_and_over_classes(native, old, hours):
    function = trade(DIALECT.format(names="rsi sma", dependencies=""), native, hours, "native")
    classes = "core.indicators.momentum.simple_rsi core.indicators.trend.sma"
    dependencies = f"dependencies: {{indicators: [{classes.replace(' ', ', ')}]}}"
    with_class = trade(DIALECT.format(names=classes, dependencies=dependencies), old, hours, "class")
    assert_same(function, with_class, at_least=60)


# 5: a signal that answers true or false; 6: events

OVERSOLD = """
# {name}
name: oversold
description: RSI below a level for two bars
{more}
entry:
  when: [{condition}]
  action: buy
  size: 0.1
exit:
  max_holding_period: 5
"""


def test_a_signal_of_true_and_false_as_a_condition_and_as_a_class(native, old, eurusd_1h):
    condition = "{indicator: rsi, condition: '< 35', min_bars: 2}"
    function = trade(OVERSOLD.format(name="rsi", condition=condition, more=""), native, eurusd_1h, "native")
    more = """
dependencies: {indicators: [core.indicators.momentum.simple_rsi], signals: [core.signals.rsi_oversold]}
signal_config: {rsi_oversold: {oversold_threshold: 35}}
"""
    with_class = trade(
        OVERSOLD.format(name="core.signals.rsi_oversold", condition="{signal: rsi_oversold}", more=more),
        old,
        eurusd_1h,
        "class",
    )
    assert_same(function, with_class, at_least=60)


EVENTS = """
# {name}
name: events
description: Exponential averages that cross
{more}
entry:
  when: [{enter}]
  action: buy
  size: 0.1
exit:
  when: [{leave}]
  stop_loss: {{type: percentage, value: 0.01}}
"""


def test_events_as_an_expression_and_as_a_list(native, old, eurusd_1h):
    """The class' averages have values from the first bar on; 600 bars later no memory of that is left in 15 digits."""
    start = eurusd_1h.time[600].item()
    more = "indicators: {fast: {type: ema, params: {period: 12}}, slow: {type: ema, params: {period: 26}}}"
    enter, leave = "'crosses_above(fast, slow)'", "'crosses_below(fast, slow)'"
    function = trade(
        EVENTS.format(name="ema", more=more, enter=enter, leave=leave), native, eurusd_1h, "native", start=start
    )
    listed = trade(
        EVENTS.format(
            name="core.signals.ema_events",
            more="dependencies: {indicators: [core.indicators.trend.ema], signals: [core.signals.ema_events]}",
            enter="{signal: ema_events, outputs: {signal_type: golden_cross}}",
            leave="{signal: ema_events, outputs: {crossover_type: death_cross}}",
        ),
        old,
        eurusd_1h,
        "events",
        start=start,
    )
    assert_same(function, listed, at_least=30)


# The specimens themselves


def test_ties_are_there_so_that_equality_means_something(eurusd_1h):
    """In coarse steps averages touch, and often only in all but the last bits: without S22 those would decide."""
    close = pd.Series(in_steps(eurusd_1h).close)
    fast, slow = close.rolling(2).mean(), close.rolling(3).mean()
    touching = (fast - slow).abs() <= 1e-10 * slow
    assert touching.sum() >= 200
    assert (touching & (fast != slow)).sum() >= 20


def test_the_first_values_come_on_the_same_bar(native, old, eurusd_1h):
    from sptrader_lab.components.exam import gather
    from sptrader_lab.components.run import run
    from sptrader_lab.types.market import Market

    hours = eurusd_1h.rows(0, 300)
    market = Market(hours.symbol, hours.timeframe, hours.day_end)
    for mine, theirs in (("sma", "core.indicators.trend.sma"), ("rsi", "core.indicators.momentum.simple_rsi")):
        columns = []
        for spec in (native.find(mine), old.find(theirs)):
            (column,) = run(spec, gather(spec, hours, old), spec.resolve({"period": 9}), market)
            columns.append(column)
        assert np.isnan(columns[0]).tolist() == np.isnan(columns[1]).tolist()
        np.testing.assert_allclose(*columns, rtol=1e-11)
