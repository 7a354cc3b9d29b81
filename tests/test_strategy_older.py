"""Strategies over components of the older styles: names, words, several events on a bar, what is kept of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sptrader_lab as lab
from sptrader_lab.components import vocabulary
from sptrader_lab.components.library import Library, own_library, scan
from sptrader_lab.components.spec import Input, Output, Spec
from sptrader_lab.errors import ComponentFailed, StrategyError
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from tests.older_files import MA_CROSSOVER, SIMPLE_RSI, SMA, write, write_workspace

CROSS = """\
name: cross
dependencies: {indicators: [core.indicators.trend.sma], signals: [core.signals.ma_crossover]}
parameters: {fast: 3, separation: 0.0}
signal_config:
  ma_crossover:
    required_indicators:
      - {name: ma_fast, type: sma, params: {period: parameters.fast, source: close}}
      - {name: ma_slow, type: sma, params: {period: 8, source: close}}
    parameters: {min_separation: parameters.separation}
entry:
  when: [{signal: ma_crossover, outputs: {crossover_type: golden_cross, signal_strength: "> 0.1"}}]
  action: buy
  size: 0.1
exit:
  signal_exit: {when: [{signal: ma_crossover, outputs: {crossover_type: death_cross}}], action: close_all}
"""
STEPPING = "name: x\ndependencies: {signals: [core/signals/steps.py]}\nentry: {when: [WHEN], size: 0.1}\n"


def candles(close, symbol: str = "TEST") -> Candles:
    close = np.array(close, dtype=float)
    time = parse_time("2025-01-06T00:00") + np.arange(len(close)) * HOUR
    volume = np.full(len(close), 100.0)
    return Candles(symbol, "1h", time, close, close + 0.5, close - 0.5, close, volume)


WAVE = candles(500.0 + np.round(8 * np.sin(np.arange(200) ** 1.2 / 6), 2))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return write_workspace(tmp_path / "old")


def plan(folder: Path, text: str) -> Plan:
    strategy = load_strategy(write(folder / "strategies" / "x.yaml", text))
    assert strategy.origin.library is not None
    return make_plan(strategy, strategy.origin.library)


def keys(folder: Path, text: str) -> list[str]:
    return [call.key for call in plan(folder, text).calls]


def bars(folder: Path, text: str, given: Candles, rule: str = "entry_long") -> list[int]:
    made = plan(folder, text)
    return np.flatnonzero(getattr(made.decide(given, made.compute(given)), rule)).tolist()


def problem(folder: Path, text: str) -> str:
    with pytest.raises(StrategyError) as caught:
        plan(folder, text)
    return str(caught.value)


def crossings(given: Candles, fast: int, slow: int) -> pd.DataFrame:
    """The crossover by hand, from the text of its class."""
    close = pd.Series(given.close)
    one, other = close.rolling(fast, min_periods=1).mean(), close.rolling(slow, min_periods=1).mean()
    above = (one > other).to_numpy()
    before = np.append(False, above[:-1])
    strength = np.minimum(abs(one - other) / other / 0.01, 1.0)
    return pd.DataFrame({"up": above & ~before, "down": ~above & before, "strength": strength})


# Words and numbers


def test_a_class_signal_is_asked_by_word_and_by_number(workspace: Path) -> None:
    expected = crossings(WAVE, 3, 8)
    strong = expected.up & (expected.strength > 0.1)
    assert 0 < strong.sum() < expected.up.sum()
    assert bars(workspace, CROSS, WAVE) == np.flatnonzero(strong).tolist()
    assert bars(workspace, CROSS, WAVE, "exit_long") == np.flatnonzero(expected.down).tolist()


@pytest.mark.parametrize(
    ("outputs", "chosen"),
    [
        ("{crossover_type: '!= golden_cross'}", lambda it: it.down),
        ("{signal_type: death_cross}", lambda it: it.down),
        ("{strength: '< 0.1'}", lambda it: (it.up | it.down) & (it.strength < 0.1)),
        ("{signal: true}", lambda it: it.up | it.down),
        ("{crossover_type: none}", lambda it: ~(it.up | it.down)),
        ("{signal: 0}", lambda it: ~(it.up | it.down)),
        ("{crossover_type: golden_cross, signal_strength: '>= parameters.separation'}", lambda it: it.up),
    ],
)
def test_what_an_output_of_a_class_may_be_asked(workspace: Path, outputs: str, chosen) -> None:
    text = CROSS.replace('{crossover_type: golden_cross, signal_strength: "> 0.1"}', outputs)
    assert bars(workspace, text, WAVE) == np.flatnonzero(chosen(crossings(WAVE, 3, 8))).tolist()


def library_with(*specs: Spec) -> Library:
    return Library((), (*specs, *scan(own_library()).entries))


def made(name: str, outputs: tuple[Output, ...], function, kind="signal", **more) -> Spec:
    inputs = tuple(map(Input, ("time", "open", "high", "low", "close", "volume")))
    return Spec(name, kind, "", inputs, (), outputs, function, f"/{name}.py", "0" * 64, "class", **more)


def test_a_number_is_never_compared_with_a_word() -> None:
    """A word's code is a huge negative number; `< 0.5` must not hold for it."""
    mixed = np.array([vocabulary.code("low"), 0.2, np.nan, 0.9])
    spec = made("odd", (Output("signal"), Output("kind", mixed=True)), lambda *_: (np.ones(4), mixed.copy()))
    library = library_with(spec)
    for test, expected in {
        "'< 0.5'": [1], "'> 0.5'": [3], "'!= 0.2'": [3], "0.9": [3], "low": [0], "'!= high'": [0, 1, 3]
    }.items():  # fmt: skip
        text = f"name: x\nentry: {{when: {{signal: odd, outputs: {{kind: {test}}}}}, size: 0.1}}\n"
        found = make_plan(load_strategy(text, library=library), library)
        given = candles([1, 2, 3, 4])
        assert np.flatnonzero(found.decide(given, found.compute(given)).entry_long).tolist() == expected, test


def test_a_word_that_is_never_said_is_a_warning_with_the_nearest(workspace: Path) -> None:
    text = CROSS.replace("{crossover_type: golden_cross, ", "{crossover_type: golden_cros, ")
    made = plan(workspace, text)
    said = " ".join(made.remarks(WAVE, made.compute(WAVE)))
    assert "line 11: ma_crossover.crossover_type was never 'golden_cros' (did you mean 'golden_cross'?)" in said
    assert "it was: death_cross, golden_cross, none" in said
    right = plan(workspace, CROSS)
    assert right.remarks(WAVE, right.compute(WAVE)) == ()


# Names


def test_keys_are_readable_and_leave_the_candles_out(workspace: Path) -> None:
    fast, slow = "sma(period=3, source=close)", "sma(period=8, source=close)"
    signal = f"ma_crossover(ma_fast={fast}, ma_slow={slow}, min_separation=0.0, confirmation_bars=1)"
    assert keys(workspace, CROSS) == [fast, slow, signal]


def test_an_overridden_parameter_reaches_what_a_class_requires(workspace: Path) -> None:
    made = plan(workspace, CROSS)
    other = make_plan(made.strategy.with_parameters({"fast": 5, "separation": 0.001}), made.strategy.origin.library)
    assert [call.parameters["period"] for call in other.calls[:2]] == [5, 8]
    assert other.calls[2].parameters["min_separation"] == 0.001


OLDER = """\
name: older
dependencies: {indicators: [core.indicators.momentum.simple_rsi, core.indicators.trend.sma]}
entry:
  primary: {indicator: rsi, condition: "< 40", min_bars: 2, description: "two weak bars"}
  filters: [{indicator: close, condition: "> sma"}]
  size_method: fixed_percentage
  size_value: 0.1
exit: {signal_exit: [{indicator: rsi, condition: "> 70"}]}
"""


def test_a_name_may_be_the_output_of_a_listed_dependency(workspace: Path) -> None:
    """The older dialect says `rsi` and lists core.indicators.momentum.simple_rsi."""
    assert keys(workspace, OLDER) == ["simple_rsi(period=14)", "sma(period=20, source=close)"]
    unlisted = OLDER.replace("core.indicators.momentum.simple_rsi, ", "")
    assert keys(workspace, unlisted)[0] == "rsi(close, period=14)"


def test_a_file_of_the_workspace_wins_over_an_output_of_that_name(workspace: Path) -> None:
    write(workspace / "core/indicators/rsi.py", SIMPLE_RSI.replace("simple_rsi", "rsi"))
    assert keys(workspace, OLDER)[0] == "rsi(period=14)"


ASKING = "name: x\nDEPENDS\nsignal_config: {rsi_oversold: CONFIG}\nentry: {when: [{signal: rsi_oversold}], size: 0.1}\n"


@pytest.mark.parametrize(
    ("config", "first"),
    [
        ("{}", "simple_rsi(period=14)"),
        ("{required_indicators: [{name: rsi, type: rsi, params: {period: 10}}]}", "simple_rsi(period=10)"),
        ("{required_indicators: [{name: rsi, type: simple_rsi, params: {period: 9}}]}", "simple_rsi(period=9)"),
        ("{parameters: {rsi_period: 8}}", "simple_rsi(period=8)"),
        ("{rsi_period: 7, oversold_threshold: 25}", "simple_rsi(period=7)"),
    ],
)
def test_a_required_indicator_by_a_bare_word_is_found_and_set_up(workspace: Path, config: str, first: str) -> None:
    listed = "dependencies: {indicators: [core.indicators.momentum.simple_rsi]}"
    found = keys(workspace, ASKING.replace("DEPENDS", listed).replace("CONFIG", config))
    assert found[0] == first
    assert found[1].startswith(f"rsi_oversold(rsi={first}, oversold_threshold=")


def test_without_the_dependency_a_bare_word_is_the_librarys(workspace: Path) -> None:
    assert (
        keys(workspace, ASKING.replace("DEPENDS", "type: strategy").replace("CONFIG", "{}"))[0]
        == "rsi(close, period=14)"
    )


INDICATOR = "name: x\nindicators: {own: {type: TYPE, params: {PARAMS}}}\nentry: {when: close > own, size: 0.1}\n"


def test_a_source_of_its_own_is_a_parameter_like_any_other(workspace: Path) -> None:
    text = INDICATOR.replace("TYPE", "sma")
    assert keys(workspace, text.replace("PARAMS", "source: hl2, period: 5")) == ["sma(period=5, source=hl2)"]
    said = problem(workspace, text.replace("PARAMS", "source: hlc3"))
    assert "x.yaml:2: sma: source = 'hlc3' is not one of open, close, hl2" in said


def test_a_class_without_a_source_says_that_it_reads_the_candles_itself(workspace: Path) -> None:
    text = INDICATOR.replace("TYPE", "simple_rsi")
    said = problem(workspace, text.replace("PARAMS", "source: hl2"))
    assert "x.yaml:2: source: 'hl2'; simple_rsi reads the candles itself and has no parameter 'source'" in said
    assert "simple_rsi.py" in said
    warned = plan(workspace, text.replace("PARAMS", "source: close")).strategy.warnings
    assert any("source: 'close' has no effect" in str(one) for one in warned)


def test_one_file_of_a_name_is_used_whatever_else_is_declared(workspace: Path) -> None:
    """The workspace's sma and the library's may both be named; using both is refused."""
    shared = own_library() / "indicators" / "sma.py"
    text = f"""\
name: x
indicators:
  theirs: {{type: {shared}}}
  ours: {{type: sma}}
entry: {{when: close > ours, size: 0.1}}
"""
    assert keys(workspace, text) == ["sma(period=20, source=close)"]
    said = problem(workspace, text.replace("close > ours", "theirs > ours"))
    assert "two components are called 'sma'" in said


def test_two_files_that_make_the_same_call_stay_apart(tmp_path: Path) -> None:
    text = "def twin(close):\n    return close + BY\n"
    folder = tmp_path / "components" / "indicators"
    one, other = (
        write(folder / f"{name}" / "twin.py", text.replace("BY", by)) for name, by in (("a", "1"), ("b", "-1"))
    )
    strategy = f"name: x\nindicators: {{first: {{type: {one}}}, second: {{type: {other}}}}}\nentry: {{when: close > second, size: 0.1}}\n"
    assert bars(tmp_path, strategy, candles([1, 2, 3])) == [0, 1, 2]
    assert bars(tmp_path, strategy.replace("> second", "> first"), candles([1, 2, 3])) == []


def test_an_unknown_output_of_a_class_names_the_known_ones(workspace: Path) -> None:
    said = problem(workspace, CROSS.replace("signal_strength:", "signal_strenght:"))
    assert "unknown output of ma_crossover 'signal_strenght'" in said
    assert "crossover_type, signal, signal_strength" in said


# Events


STAIRS = candles([1, 3, 4, 3, 3.5, 7, 7, 5])


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{signal: steps}", [1, 2, 3, 5, 7]),
        ("{signal: steps, outputs: {signal_type: down}}", [3, 7]),
        ("{signal: steps, outputs: {signal_type: alarm}}", [1, 5]),
        ("{signal: steps, outputs: {size: '> 2.5'}}", [5]),
        ("{signal: steps, outputs: {size: huge}}", [1, 5]),
        ("{signal: steps, outputs: {size: '< 0'}}", [3, 7]),
        ("{signal: steps, outputs: {signal_type: alarm, size: '> 0'}}", []),
        ("{signal: steps, outputs: {signal_type: up, strength: '> 0.8'}}", []),
        ("{signal: steps, outputs: {signal_strength: '> 0.8'}}", [1, 5]),
        ("{signal: steps, outputs: {signal_name: steps, signal_type: up}}", [1, 2, 5]),
        ("{signal: loud}", [1, 5]),
        ("{signal: loud, outputs: {strength: '> 0.95'}}", []),
        ("{not: {signal: steps, outputs: {signal_type: up}}}", [0, 3, 4, 6, 7]),
        ("{signal: steps, outputs: {signal: 0}}", [0, 4, 6]),
    ],
)
def test_several_events_of_a_bar_are_asked_one_by_one(workspace: Path, when: str, expected: list[int]) -> None:
    """All outputs wanted must be those of one event."""
    assert bars(workspace, STEPPING.replace("WHEN", when), STAIRS) == expected


def test_a_name_of_events_must_be_of_one_component(workspace: Path) -> None:
    two = STEPPING.replace("[core/signals/steps.py]", "[core.signals.steps, core.signals.strides]")
    source = (workspace / "core/signals/steps.py").read_text()
    write(workspace / "core/signals/strides.py", source.replace("steps", "strides"))
    assert "unknown signal 'loud'" in problem(workspace, two.replace("WHEN", "{signal: loud}"))


def test_an_event_name_that_nothing_tells_is_a_warning(workspace: Path) -> None:
    made = plan(workspace, STEPPING.replace("WHEN", "{signal: lout}"))
    said = " ".join(made.remarks(STAIRS, made.compute(STAIRS)))
    assert "an event of steps was never 'lout' (did you mean 'loud'?)" in said


def test_the_table_of_signals_has_a_row_for_every_event_in_words(workspace: Path) -> None:
    when = "{any: [{signal: steps, outputs: {size: '> 0'}}, {signal: loud}]}"
    table = lab.backtest(write(workspace / "x.yaml", STEPPING.replace("WHEN", when)), STAIRS).signals
    assert table["bar"].tolist() == [1, 1, 2, 3, 5, 5, 7]
    assert table["name"].unique().tolist() == ["steps"]
    assert table["signal_name"].tolist() == ["steps", "loud", "steps", "steps", "steps", "loud", "steps"]
    assert table["signal_type"].tolist() == ["up", "alarm", "up", "down", "up", "alarm", "down"]
    assert table["size"].tolist() == ["2", "huge", "1", "-1", "3.5", "huge", "-2"]
    assert table["strength"].tolist() == [0.5, 0.9, 0.5, 0.5, 0.5, 0.9, 0.5]


def test_an_explanation_says_words_and_the_event_that_came_nearest(workspace: Path) -> None:
    when = "{signal: loud, outputs: {size: huge, strength: '> 0.95'}}"
    result = lab.backtest(write(workspace / "x.yaml", STEPPING.replace("WHEN", when)), STAIRS)
    said = str(result.explain(result.signals["time"].iloc[0]))
    assert "steps.signal_name == loud: signal_name loud" in said
    assert "loud.size == huge: size huge" in said
    assert "loud.strength > 0.95: strength 0.9" in said
    assert "e+15" not in said


def test_an_explanation_of_a_class_says_words(workspace: Path) -> None:
    result = lab.backtest(write(workspace / "x.yaml", CROSS), WAVE)
    said = str(result.explain(order=1))
    assert "crossover_type golden_cross" in said
    assert "ma_crossover.signal_strength > 0.1: signal_strength" in said
    assert "e+15" not in said


# What is kept


def run(folder: Path, text: str = CROSS, **options) -> Result:
    return lab.backtest(write(folder / "strategies" / "x.yaml", text), WAVE, **options)


def test_a_run_over_classes_is_saved_with_what_they_import_and_runs_again(workspace: Path, tmp_path: Path) -> None:
    text = CROSS.replace(
        "[core.indicators.trend.sma]", "[core.indicators.trend.sma, core/indicators/momentum/simple_rsi.py]"
    )
    result = run(workspace, text)
    assert len(result.trades) > 3
    run_id = result.save(tmp_path / "runs")
    assert sorted(result.sources) == [
        "core/indicators/momentum/simple_rsi.py",
        "core/indicators/trend/sma.py",
        "core/signals/ma_crossover.py",
        "core/utils/smoothing.py",
        "strategy.yaml",
    ]
    for file in workspace.rglob("*.py"):
        file.write_text("raise SystemExit\n")
    again = lab.rerun(run_id, tmp_path / "runs")
    assert again.same
    assert again.changed == ()


def test_a_declared_but_unused_component_is_saved_too(tmp_path: Path) -> None:
    """Loading the strategy again asks for it."""
    text = "name: x\nindicators: {a: {type: sma}, b: {type: ema}}\nentry: {when: close > a, size: 0.1}\n"
    run_id = lab.backtest(text, WAVE).save(tmp_path)
    assert lab.rerun(run_id, tmp_path).same


def test_events_run_again_to_the_same_bytes(workspace: Path, tmp_path: Path) -> None:
    run_id = run(workspace, STEPPING.replace("WHEN", "{signal: loud}")).save(tmp_path)
    loaded = lab.load_result(run_id, tmp_path)
    assert set(loaded.signals["signal_type"]) == {"up", "down", "alarm"}
    assert lab.rerun(run_id, tmp_path).same


def test_what_a_class_imports_is_part_of_the_runs_identity(workspace: Path) -> None:
    first = run(workspace)
    helper = workspace / "core/utils/smoothing.py"
    assert "core/utils/smoothing.py" in first.manifest["components"]
    helper.write_text(helper.read_text() + "\n# as before\n")
    assert run(workspace).run_id != first.run_id


def test_what_components_print_is_kept_with_the_result(workspace: Path, tmp_path: Path) -> None:
    result = run(workspace)
    (key, text), *others = result.logs.items()
    assert key.startswith("ma_crossover(ma_fast=")
    assert text == f"crossings: {crossings(WAVE, 3, 8).up.sum()}\n"
    assert not others
    assert "result.logs" in result.describe()
    assert lab.load_result(result.save(tmp_path), tmp_path).logs == result.logs
    two = lab.backtest(workspace / "strategies/x.yaml", [WAVE, candles(WAVE.close + 3, "OTHER")])
    assert [name.split(" ")[0] for name in two.logs] == ["TEST", "OTHER"]


def test_a_warm_up_is_as_long_as_a_component_says_it_looks_back(workspace: Path) -> None:
    assert plan(workspace, CROSS).warm_up == 700


def test_a_class_that_raises_ends_the_run_or_is_recorded(workspace: Path) -> None:
    broken = MA_CROSSOVER.replace('print("crossings:", int(up.sum()))', "raise LookupError('no such thing')")
    write(workspace / "core/signals/ma_crossover.py", broken)
    with pytest.raises(ComponentFailed, match="no such thing"):
        run(workspace)
    result = run(workspace, on_component_error="continue")
    assert any("failed and is undefined on every bar" in one for one in result.warnings)
    assert len(result.trades) == 0


def test_words_are_not_drawn_and_lines_of_classes_are(workspace: Path) -> None:
    drawn = [line.label for line in run(workspace).overlays["TEST"]]
    assert drawn == ["sma(3, close)", "sma(8, close)"]
    spec = made("talk", (Output("talk", mixed=True),), lambda market, *columns: columns[4] * 1.0, "indicator")
    library = library_with(spec)
    text = "name: x\nentry: {when: close > talk, size: 0.1}\n"
    found = make_plan(load_strategy(text, library=library), library)
    assert found.overlays(found.compute(WAVE)) == ()


def test_the_market_is_told_to_older_components(tmp_path: Path) -> None:
    heard = []
    spec = made(
        "told", (Output("told"),), lambda market, *columns: heard.append(market) or columns[4] * 1.0, "indicator"
    )
    library = library_with(spec)
    found = make_plan(load_strategy("name: x\nentry: {when: close > told, size: 0.1}\n", library=library), library)
    found.compute(WAVE)
    assert [(one.symbol, one.timeframe, one.day_end) for one in heard] == [("TEST", "1h", WAVE.day_end)]


def test_a_workspace_component_that_requires_sma_gets_the_workspaces(workspace: Path) -> None:
    """Also when the library has one of that name; the library's would take the period."""
    write(workspace / "core/indicators/trend/sma.py", SMA.replace('"max": 200', '"max": 30'))
    assert "period = 50 is not a whole number from 2 to 30" in problem(
        workspace, "name: x\nentry: {when: {signal: ma_crossover}, size: 0.1}\n"
    )


# Inputs that ask for the same

PAIR = """
import pandas as pd

__metadata__ = {
    "outputs": ["signal", "crossover_type"],
    "required_indicators": [{"name": "ma_fast", "type": "sma"}, {"name": "ma_slow", "type": "sma"}],
}


class Pair:
    def evaluate(self, data, indicators):
        up = indicators["ma_fast"] > indicators["ma_slow"]
        return pd.DataFrame({"signal": up, "crossover_type": up.map({True: "golden_cross", False: "none"})})
"""
PAIRED = """\
name: x
signal_config: {pair: CONFIG}
entry: {when: [{signal: pair, outputs: {crossover_type: golden_cross}}], size: 0.1}
"""


def paired(folder: Path, config: str) -> list[object]:
    """Return the periods that the fast and the slow average have."""
    made = plan(folder, PAIRED.replace("CONFIG", config))
    calls = {call.key: call for call in made.calls}
    return [calls[key].parameters["period"] for key in made.bound.signals["pair"].inputs[-2:]]


@pytest.mark.parametrize(
    ("config", "periods"),
    [
        ("{fast_period: 5}", [5, 20]),
        ("{slow_period: 30}", [20, 30]),
        ("{fast_period: 5, slow_period: 30}", [5, 30]),
        ("{required_indicators: [{name: a, type: sma, params: {period: 7}}]}", [7, 20]),
        ("{required_indicators: [{name: ma_slow, type: sma, params: {period: 7}}]}", [20, 7]),
        (
            "{required_indicators: [{name: ma_fast, type: sma, params: {period: 5}}, {name: ma_slow, type: sma}], fast_period: 9}",
            [9, 20],
        ),
    ],
)
def test_required_indicators_that_ask_for_the_same_are_set_one_by_one(
    workspace: Path, config: str, periods: list[int]
) -> None:
    write(workspace / "core/signals/pair.py", PAIR)
    assert paired(workspace, config) == periods


def test_a_native_signal_with_two_equal_inputs_is_set_one_by_one(tmp_path: Path) -> None:
    native = """
from typing import Annotated
from sptrader_lab.components.words import Column, Labels, Requires


def pair(
    ma: Annotated[Column, Requires("sma")], ma_slow: Annotated[Column, Requires("sma")]
) -> Annotated[Column, Labels("none", "golden_cross")]:
    return (ma > ma_slow) * 1.0
"""
    write(tmp_path / "components/signals/pair.py", native)
    text = PAIRED.replace(", outputs: {crossover_type: golden_cross}", "")
    made = plan(tmp_path, text.replace("CONFIG", "{ma_period: 5, ma_slow_period: 9}"))
    assert made.bound.signals["pair"].inputs == ("sma(close, period=5)", "sma(close, period=9)")


def test_a_line_of_a_channel_is_set_by_its_own_name(tmp_path: Path) -> None:
    """The one entry that fills both lines stays; a parameter with a line's name is that line's."""
    text = "name: x\nsignal_config: {breakout: {upper_period: 9}}\nentry: {when: {signal: breakout}, size: 0.1}\n"
    upper, lower = plan(tmp_path, text).bound.signals["breakout"].inputs[1:]
    assert (upper, lower) == ("donchian(high, low, period=9).upper", "donchian(high, low, period=20).lower")


def test_a_class_that_requires_nothing_is_given_what_the_file_lists(workspace: Path) -> None:
    head, _, tail = PAIR.partition('    "required_indicators"')
    listed = head + tail[tail.index("\n") + 1 :]
    write(workspace / "core/signals/pair.py", listed)
    given = (
        "{required_indicators: [{name: ma_fast, type: sma, params: {period: 5}},"
        " {name: ma_slow, type: sma, params: {period: 9}}]}"
    )
    assert paired(workspace, given) == [5, 9]
    close = pd.Series(WAVE.close)
    above = close.rolling(5, min_periods=1).mean() > close.rolling(9, min_periods=1).mean()
    assert bars(workspace, PAIRED.replace("CONFIG", given), WAVE) == np.flatnonzero(above).tolist()
    taken = PAIRED.replace("CONFIG", given.replace("ma_fast", "close"))
    assert "indicator 'close'; a candle column has this name" in problem(workspace, taken)
    asked = PAIRED.replace("CONFIG", given).replace("crossover_type:", "crossover_tipe:")
    assert "unknown output of pair 'crossover_tipe'" in problem(workspace, asked)


# Nothing happened

TREND = """
import pandas as pd

__metadata__ = {"outputs": ["signal", "trend", "divergence", "cross_type"]}


class Trend:
    def evaluate(self, data, indicators):
        number = pd.Series(range(len(data)), index=data.index)
        fires = number % 4 == 1
        kind = number.map({1: "golden", 6: "golden", 7: "none"}).where(number != 5, "none")
        return pd.DataFrame({"signal": fires, "trend": "up", "divergence": "none", "cross_type": kind})
"""


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ("{trend: up}", [1, 5]),
        ("{trend: up, divergence: none}", [1, 5]),
        ("{divergence: none}", [1, 5]),
        ("{cross_type: golden, divergence: none}", [1]),
        ("{trend: up, cross_type: none}", [5]),  # a word among others
        ("{cross_type: none}", [0, 2, 3, 4, 5, 7]),  # said, or not a word where it does not fire; not the golden 6
        ("{signal_type: none}", [0, 2, 3, 4, 5, 7]),
    ],
)
def test_none_is_silence_only_of_what_says_that_the_signal_fired(
    workspace: Path, outputs: str, expected: list[int]
) -> None:
    write(workspace / "core/signals/trend.py", TREND)
    text = f"name: x\nentry: {{when: [{{signal: trend, outputs: {outputs}}}], size: 0.1}}\n"
    assert bars(workspace, text, candles([1] * 8)) == expected
    made = plan(workspace, text)
    assert made.remarks(candles([1] * 8), made.compute(candles([1] * 8))) == ()


def test_the_opposite_of_silence_is_a_word_or_an_event_without_one(workspace: Path) -> None:
    write(workspace / "core/signals/trend.py", TREND)
    text = "name: x\nentry: {when: {not: {signal: trend, outputs: {cross_type: none}}}, size: 0.1}\n"
    assert bars(workspace, text, candles([1] * 8)) == [1, 6]


def test_an_explanation_tells_a_silence(workspace: Path) -> None:
    write(workspace / "core/signals/trend.py", TREND)
    text = "name: x\nentry: {when: [{signal: trend, outputs: {cross_type: none}}], size: 0.1}\n"
    result = lab.backtest(write(workspace / "x.yaml", text), candles([1] * 8))
    assert "trend.cross_type == none: cross_type" in str(result.explain(order=1))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ("{signal_type: none}", [0, 4, 6]),
        ("{size: none}", []),
        ("{signal_type: alarm, mood: none}", [1, 5]),
        ("{signal_type: up, mood: none}", []),
    ],
)
def test_none_of_events(workspace: Path, outputs: str, expected: list[int]) -> None:
    """The second event of a candle has a mood."""
    steps = workspace / "core/signals/steps.py"
    write(steps, steps.read_text().replace('"size": "huge"', '"size": "huge", "mood": "none"'))
    assert bars(workspace, STEPPING.replace("WHEN", f"{{signal: steps, outputs: {outputs}}}"), STAIRS) == expected


# Said to the reader


def said_of(spec: Spec, text: str, given: Candles) -> str:
    library = library_with(spec)
    found = make_plan(load_strategy(text, library=library), library)
    return " ".join(found.remarks(given, found.compute(given)))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("when: {signal: both}", "line 2: signal both is negative on 2 candles of TEST on which the entry buys"),
        ("when: {signal: both}, action: sell", "line 2: signal both is positive on 1 candles of TEST"),
        ("when: [{signal: both}, close > 3]", "negative on 1 candles"),
        ("when: [{signal: both}, close > 9]", ""),
        ("when: {signal: both, outputs: {signal: 1}}", ""),
        ("when: {not: {signal: both}}", ""),
        (
            "long: {when: {signal: both, outputs: {signal: '> 0'}}}, short: {when: {signal: both, outputs: {signal: -1}}}",
            "",
        ),
    ],
)
def test_an_entry_that_takes_either_direction_for_its_own_is_a_warning(entry: str, expected: str) -> None:
    values = np.array([0.0, -1.0, 1.0, 0.0, -1.0])
    spec = made("both", (Output("signal"),), lambda *_: values.copy())
    said = said_of(spec, f"name: x\nentry: {{{entry}, size: 0.1}}\n", candles([1, 2, 3, 4, 5]))
    assert expected in said if expected else said == ""


def test_a_flag_says_no_direction() -> None:
    spec = made("flag", (Output("signal"),), lambda *_: np.array([0.0, 1.0, 1.0]))
    text = "name: x\nentry: {when: {signal: flag}, action: sell, size: 0.1}\n"
    assert said_of(spec, text, candles([1, 2, 3])) == ""


def test_a_number_that_meets_texts_of_numbers_is_a_warning() -> None:
    texts = np.array([vocabulary.code(word) for word in ("1", "2", "low")])
    outputs = (Output("signal"), Output("kind", mixed=True))
    spec = made("odd", outputs, lambda *_: (np.ones(3), texts.copy()))
    text = "name: x\nentry: {when: {signal: odd, outputs: {kind: 1}}, size: 0.1}\n"
    assert "line 2: odd.kind is compared with the number 1" in (said := said_of(spec, text, candles([1, 2, 3])))
    assert "it was '1', '2'; let the component give numbers" in said
    words = made("odd", outputs, lambda *_: (np.ones(3), np.array([vocabulary.code("low"), 1.0, 2.0])))
    assert said_of(words, text, candles([1, 2, 3])) == ""
