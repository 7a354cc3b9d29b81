"""Loading: every legacy key, both dialects, precedence, and errors with file, line, rule and nearest choice."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import InputError, StrategyError
from sptrader_lab.strategy import tree as t
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.strategy.strategy import Strategy

LIBRARY = scan(own_library())

LEGACY = """\
name: my_cross
type: strategy
version: 1.0.0
author: someone
description: free text
dependencies:
  indicators: [core.indicators.trend.sma]
  signals:    [core.signals.ma_crossover]
parameters: {position_size: 0.02, max_positions: 1, stop_loss: 0.02, take_profit: 0.04, ma_fast_period: 10}
signal_config:
  ma_crossover:
    required_indicators:
      - {name: ma_fast, type: sma, params: {period: 10, source: close}}
      - {name: ma_slow, type: sma, params: {period: 30, source: close}}
    parameters: {min_separation: 0.0001, confirmation_bars: 1}
    fast_period: 12
entry:
  when:
    - signal: ma_crossover
      outputs: {crossover_type: golden_cross, signal_strength: "> 0.1"}
  action: buy
  size: parameters.position_size
exit:
  action: close
  signal_exit: {when: [{signal: ma_crossover, outputs: {crossover_type: death_cross}}], action: close_all}
  stop_loss:   {type: percentage, value: 0.02}
  take_profit: {type: percentage, value: 0.04}
  max_holding_period: 20
risk: {max_drawdown: 0.15, daily_loss_limit: 0.03, position_limit: 0.05, max_positions: 1,
       position_size: 0.1, stop_loss: 0.03, take_profit: 0.05, correlation_limit: 0.7}
execution: {order_type: market, slippage_tolerance: 0.001, rebalance_frequency: 1d, urgency: high}
filters: {min_volume_usd: 1000000, max_spread_bps: 10, trading_hours: "00:00-23:59", trading_days: "Mon-Sun",
          avoid_major_news: true, news_blackout_minutes: 30}
metrics: {track: [win_rate, profit_factor, sharpe_ratio, karma], report_frequency: daily}
backtest: {start_date: "2023-01-01", end_date: "2023-12-31", initial_capital: 10000, commission: 0.001,
           data_frequency: "1d", optimization: {ma_fast_period: [5, 10, 15, 20]}}
live: {enabled: false, paper_trade: true, max_position_value: 1000, alert_on_signal: true}
"""

OLDER = """\
name: old
parameters: {rsi_oversold: 30, position_size: 0.05}
entry:
  primary: {indicator: rsi, condition: "< parameters.rsi_oversold", min_bars: 2}
  filters:
    - {indicator: close, condition: "> sma"}
    - {indicator: volume, condition: "> volume.rolling(20).mean()"}
  size_method: fixed_percentage
  size_value: parameters.position_size
exit:
  signal_exit: [{indicator: rsi, condition: "> 70"}]
"""

SMALL = "name: small\nentry: {when: close > sma, size: 0.1}\nexit: {when: close < sma}\n"


def load(text: str) -> Strategy:
    return load_strategy(text, library=LIBRARY)


def small(**sections: str) -> str:
    return SMALL + "".join(f"{name}: {value}\n" for name, value in sections.items())


def problems(text: str) -> list[str]:
    with pytest.raises(StrategyError) as error:
        load(text)
    return [str(problem) for problem in error.value.problems]


def calls(strategy: Strategy) -> list[str]:
    return [call.key for call in make_plan(strategy, LIBRARY).calls]


def rule(strategy: Strategy):
    return make_plan(strategy, LIBRARY).rules[0]


# Legacy


def test_every_legacy_key_loads_and_means_what_it_says():
    strategy = load(LEGACY)
    assert (strategy.name, strategy.version, strategy.author) == ("my_cross", "1.0.0", "someone")
    assert strategy.description == "free text"
    assert strategy.parameters["ma_fast_period"] == 10
    assert strategy.entry.short is None
    assert strategy.entry.long is not None
    assert strategy.exit.long is not None
    assert strategy.exit.short is None
    rules = rule(strategy)
    assert (rules["size"], rules.position_limit, rules.max_positions) == (0.02, 0.05, 1)
    assert (rules.stop_fraction, rules.target_fraction, rules.max_holding_period) == (0.02, 0.04, 20)
    assert (rules.max_drawdown, rules.daily_loss_limit) == (0.15, 0.03)
    assert (rules.slippage, rules.commission) == (0.0001, 0.001)
    assert strategy.filters.min_volume_usd == 1_000_000
    assert strategy.backtest.start_date == "2023-01-01"
    assert strategy.backtest.end_date == "2023-12-31"
    assert strategy.backtest.initial_capital == 10_000
    assert strategy.backtest.data_frequency == "1d"
    assert strategy.backtest.optimization == {"ma_fast_period": ("5", "10", "15", "20")}
    assert (strategy.live.enabled, strategy.live.paper_trade, strategy.live.max_position_value) == (False, True, 1000)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("risk.correlation_limit", 30),
        ("execution.slippage_tolerance", 31),
        ("execution.rebalance_frequency", 31),
        ("execution.urgency", 31),
        ("filters.avoid_major_news", 33),
        ("filters.news_blackout_minutes", 33),
        ("karma", 34),
        ("metrics.report_frequency", 34),
        ("backtest.optimization.ma_fast_period", 36),
        ("live.alert_on_signal", 37),
    ],
)
def test_a_legacy_key_without_a_meaning_is_a_warning_with_its_line(key, line):
    found = [warning for warning in load(LEGACY).warnings if key in warning.what]
    assert [warning.line for warning in found] == [line]


def test_dependencies_on_orders_and_a_trailing_stop_of_false_are_warnings():
    strategy = load(SMALL.replace("exit: {", "exit: {trailing_stop: false, ") + "dependencies: {orders: [market]}\n")
    assert [warning.what for warning in strategy.warnings] == [
        "exit.trailing_stop: false has no effect",
        "dependencies.orders has no effect",
    ]
    assert strategy.trailing_stop is None


def test_the_shorthand_under_a_signal_reaches_the_indicator_and_says_what_it_replaces():
    strategy = load(LEGACY)
    assert calls(strategy)[:2] == ["sma(close, period=12)", "sma(close, period=30)"]
    assert "fast_period: 12 replaces period: 10 of ma_fast" in [warning.what for warning in strategy.warnings]


def test_the_older_dialect_loads():
    strategy = load(OLDER)
    assert isinstance(strategy.entry.long, t.All)
    first, filters = strategy.entry.long.items
    assert isinstance(filters, t.All)
    second, third = filters.items
    assert first == t.Held(t.Compare("<", t.Name("rsi"), t.Number(30.0)), 2)
    assert second == t.Compare(">", t.Name("close"), t.Name("sma"))
    assert third == t.Compare(">", t.Name("volume"), t.Rolling("mean", t.Name("volume"), 20))
    assert strategy.exit.long == t.Compare(">", t.Name("rsi"), t.Number(70.0))
    assert strategy.size.value == 0.05
    assert strategy.referenced_parameters == ("position_size", "rsi_oversold")


def test_the_action_of_the_older_dialect_may_stand_in_primary():
    strategy = load(
        "name: x\nentry:\n  primary: {indicator: rsi, condition: '> 70', action: sell}\n  size_value: 0.1\n"
    )
    assert strategy.entry.long is None
    assert strategy.entry.short == t.Compare(">", t.Name("rsi"), t.Number(70.0))


@pytest.mark.parametrize("name", ["core.indicators.trend.sma", "core/indicators/sma.py", "sma", "talib.SMA"])
def test_a_component_is_found_by_every_kind_of_name(name):
    assert load(small(dependencies=f"{{indicators: [{name}]}}")).dependencies.indicators == (name,)


def test_the_strategys_own_workspace_wins_over_the_library(tmp_path: Path):
    folder = tmp_path / "core" / "indicators"
    folder.mkdir(parents=True)
    (folder / "sma.py").write_text(
        '"""Own."""\n\nfrom sptrader_lab.components import Column\n\n\ndef sma(open: Column) -> Column:\n    """Open."""\n    return open\n'
    )
    file = tmp_path / "strategies" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(SMALL)
    strategy = load_strategy(file)
    assert strategy.origin.library is not None
    assert [call.key for call in make_plan(strategy, strategy.origin.library).calls] == ["sma(open)"]


# Signals and their indicators


def signal_config(text: str) -> str:
    return (
        f"name: x\nsignal_config: {{ma_crossover: {{{text}}}}}\nentry: {{when: {{signal: ma_crossover}}, size: 0.1}}\n"
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", ["sma(close, period=10)", "sma(close, period=30)"]),
        ("fast_period: 5", ["sma(close, period=5)", "sma(close, period=30)"]),
        ("parameters: {ma_slow_period: 50}", ["sma(close, period=10)", "sma(close, period=50)"]),
        (
            "required_indicators: [{name: ma_slow, type: ema, params: {period: 9}}]",
            ["sma(close, period=10)", "ema(close, period=9)"],
        ),
        (
            "required_indicators: [{name: a, type: ema}, {name: b, type: wma}]",
            ["ema(close, period=20)", "wma(close, period=20)"],
        ),
        (
            "required_indicators: [{name: a, type: sma, params: {source: hl2}}, {name: b, type: ema, params: {source: a}}]",
            ["sma(hl2, period=20)", "ema(sma(hl2, period=20), period=20)"],
        ),
        (
            "required_indicators: [{name: a, type: talib.SMA, params: {timeperiod: 7}}]",
            ["talib.SMA(close, timeperiod=7)", "sma(close, period=30)"],
        ),
    ],
)
def test_required_indicators_fill_the_signals_inputs_by_name_or_in_order(config, expected):
    assert calls(load(signal_config(config)))[:-1] == expected


def test_one_entry_fills_both_lines_of_a_channel():
    text = (
        "name: x\nsignal_config: {breakout: {required_indicators: [{name: c, type: donchian, params: {period: 9}}]}}\n"
    )
    strategy = load(text + "entry: {when: {signal: breakout}, size: 0.1}\n")
    channel = "donchian(high, low, period=9)"
    assert make_plan(strategy, LIBRARY).calls[-1].inputs == ("close", f"{channel}.upper", f"{channel}.lower")


def test_a_parameter_of_the_yaml_reaches_the_indicator_it_is_written_for():
    text = signal_config(
        "required_indicators: [{name: ma_fast, type: sma, params: {period: parameters.ma_fast_period}}]"
    )
    strategy = load(text + "parameters: {ma_fast_period: 10}\n")
    assert calls(strategy.with_parameters({"ma_fast_period": 8}))[0] == "sma(close, period=8)"
    assert calls(strategy)[0] == "sma(close, period=10)"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("fst_period: 5", "unknown parameter of ma_crossover 'fst_period'"),
        ("parameters: {min_separation: lots}", "min_separation = 'lots' is not a number"),
        ("parameters: {confirmation_bars: 0}", "confirmation_bars = 0 is not a whole number from 1 to 100; nearest: 1"),
        ("required_indicators: [{name: ma_fast, type: smaa}]", "unknown indicator 'smaa'"),
        ("required_indicators: [{name: ma_fast, type: sma, params: {perod: 5}}]", "unknown parameter of sma 'perod'"),
        ("required_indicators: [{name: ma_fast, type: sma, params: {source: clos}}]", "unknown name 'clos'"),
        ("required_indicators: [{name: a, type: sma}, {name: b, type: sma}, {name: c, type: sma}]", "unknown input of"),
        (
            "required_indicators: [{name: a, type: sma, params: {source: b}}, {name: b, type: sma, params: {source: a}}]",
            "its own source",
        ),
    ],
)
def test_a_wrong_signal_setup_is_a_problem(config, message):
    assert any(message in found and found.startswith("<text>:2: ") for found in problems(signal_config(config)))


# Forms of entry and exit


def test_both_sides_and_nesting():
    strategy = load(
        """\
name: x
entry:
  long: {when: [{any: [close > sma, {not: close < ema}]}], size: 0.1}
  short: close < sma
exit:
  long: {when: close < sma}
  when: rsi > 50
"""
    )
    above, below = (t.Compare(op, t.Name("close"), t.Name(name)) for op, name in ((">", "sma"), ("<", "ema")))
    flat = t.Compare(">", t.Name("rsi"), t.Number(50.0))
    assert strategy.entry.long == t.Either((above, t.Not(below)))
    assert strategy.exit.long == t.Either((t.Compare("<", t.Name("close"), t.Name("sma")), flat))
    assert strategy.exit.short == flat


def test_a_flat_exit_closes_the_side_that_the_action_opens():
    strategy = load("name: x\nentry: {when: close > sma, action: sell, size: 0.1}\nexit: {when: close < sma}\n")
    assert (strategy.entry.long, strategy.exit.long) == (None, None)
    assert strategy.exit.short is not None


@pytest.mark.parametrize(
    ("level", "field", "value"),
    [
        ("stop_loss: 0.02", "stop_fraction", 0.02),
        ("stop_loss: {type: price, value: 0.0030}", "stop_distance", 0.003),
        ("stop_loss: {type: atr, value: 2.0}", "stop_atr", 2.0),
        ("take_profit: {value: 0.04}", "target_fraction", 0.04),
        ("take_profit: {type: atr, value: 3, period: 10}", "target_atr", 3.0),
        ("trailing_stop: 0.01", "trail_fraction", 0.01),
        ("trailing_stop: {type: atr, value: 2.5}", "trail_atr", 2.5),
    ],
)
def test_levels_may_be_fractions_distances_or_multiples_of_the_atr(level, field, value):
    assert rule(load(SMALL.replace("exit: {", f"exit: {{{level}, ")))[field] == value


@pytest.mark.parametrize(
    ("size", "sizer", "value"),
    [
        ("0.25", 0, 0.25),
        ("{type: units, value: 1000}", 1, 1000),
        ("{type: cash, value: 500}", 2, 500),
        ("{type: risk, value: 0.01}", 3, 0.01),
        ("{type: volatility, value: 0.01, period: 20}", 4, 0.01),
    ],
)
def test_every_sizer_of_s10_can_be_written(size, sizer, value):
    text = SMALL.replace("size: 0.1", f"size: {size}").replace("exit: {", "exit: {stop_loss: 0.01, ")
    assert (rule(load(text)).sizer, rule(load(text))["size"]) == (sizer, value)


def test_costs_and_execution():
    rules = rule(
        load(small(execution="{fill: close, slippage: 0, commission: {per_order: 2, minimum: 3}, expire_after: 2h}"))
    )
    assert (rules.fill_close, rules.slippage, rules.commission_per_order, rules.commission_minimum) == (
        1,
        0.0,
        2.0,
        3.0,
    )
    assert rules.expire_after == 2 * 3_600 * 10**9


def test_facts_about_the_instrument_and_the_day_end_are_handed_on():
    plan = make_plan(load(small(instrument="{step: 1000, day_end: 17:30 Europe/London}")), LIBRARY)
    assert plan.instrument("EURUSD").step == 1000
    assert plan.day_end("EURUSD") == (17, 30, "Europe/London")


# Precedence


@pytest.mark.parametrize(
    ("exit_", "risk", "parameters", "expected"),
    [
        ("stop_loss: 0.01,", "{stop_loss: 0.02}", "{stop_loss: 0.03}", 0.01),
        ("", "{stop_loss: 0.02}", "{stop_loss: 0.03}", 0.02),
        ("", "{}", "{stop_loss: 0.03}", 0.03),
        ("", "{}", "{}", 0.0),
    ],
)
def test_exit_wins_over_risk_over_parameters(exit_, risk, parameters, expected):
    text = SMALL.replace("exit: {", f"exit: {{{exit_} ") + f"risk: {risk}\nparameters: {parameters}\n"
    assert rule(load(text)).stop_fraction == expected


def test_false_under_exit_turns_off_a_level_under_risk():
    text = SMALL.replace("exit: {", "exit: {stop_loss: false, trailing_stop: false, ")
    rules = rule(load(text + "risk: {stop_loss: 0.02, trailing_stop: 0.01}\n"))
    assert (rules.stop_fraction, rules.trail_fraction) == (0.0, 0.0)


def test_an_indicator_of_a_signal_has_its_name_in_conditions_too_unless_two_signals_differ():
    named = "required_indicators: [{name: ma_fast, type: ema, params: {period: 5}}]"
    text = signal_config(named).replace("{signal: ma_crossover}", "close > ma_fast")
    assert calls(load(text)) == ["ema(close, period=5)"]
    two = text.replace("}]}}", "}]}, other: {type: ma_crossover, " + named.replace("5", "6") + "}}")
    assert any("unknown name 'ma_fast'" in found for found in problems(two))


def test_an_action_beside_both_sides_is_a_warning():
    strategy = load("name: x\nentry: {long: close > sma, short: close < sma, action: sell, size: 0.1}\n")
    assert strategy.warnings[0].what == "entry.action has no effect"


@pytest.mark.parametrize(
    ("entry", "risk", "expected"),
    [("size: 0.1", "{position_size: 0.2}", 0.1), ("", "{position_size: 0.2}", 0.2), ("", "{}", 0.3)],
)
def test_entry_wins_over_risk_over_parameters_for_the_size(entry, risk, expected):
    text = SMALL.replace("size: 0.1", entry) + f"risk: {risk}\nparameters: {{position_size: 0.3}}\n"
    assert rule(load(text))["size"] == expected


def test_a_parameter_that_acts_through_precedence_counts_as_referred():
    strategy = load(small(parameters="{stop_loss: 0.03, max_positions: 2}"))
    assert strategy.referenced_parameters == ("max_positions", "stop_loss")
    assert rule(strategy.with_parameters({"stop_loss": 0.05})).stop_fraction == 0.05


# Parameters


def test_setting_a_parameter_that_nothing_refers_to_says_so():
    with pytest.raises(InputError, match="nothing refers to parameter 'ma_fast_period'"):
        load(LEGACY).with_parameters({"ma_fast_period": 8})


def test_setting_an_unknown_parameter_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'position_size'"):
        load(LEGACY).with_parameters({"positon_size": 0.1})


def test_an_override_is_checked_where_it_is_used():
    strategy = load(small(parameters="{stop: 0.02}").replace("exit: {", "exit: {stop_loss: parameters.stop, "))
    with pytest.raises(
        StrategyError, match=r"exit\.stop_loss\.value: '5' \(from parameters\.stop\); must be a fraction"
    ):
        strategy.with_parameters({"stop": 5})


def test_overrides_add_up_and_change_the_hash():
    strategy = load(OLDER)
    first = strategy.with_parameters({"rsi_oversold": 25})
    second = first.with_parameters({"position_size": 0.2})
    assert second.parameters == {"rsi_oversold": 25, "position_size": 0.2}
    assert len({strategy.sha256, first.sha256, second.sha256}) == 3
    assert second.with_parameters({"rsi_oversold": 30, "position_size": 0.05}).sha256 == strategy.sha256


def test_parameters_keep_what_they_are():
    strategy = load(small(parameters="{a: 10, b: 0.5, c: true, d: word, e: 1:30, f: 1e-4}"))
    assert strategy.parameters == {"a": 10, "b": 0.5, "c": True, "d": "word", "e": "1:30", "f": 1e-4}


# Frozen, hashed


def test_the_hash_ignores_layout_comments_and_shorthands():
    long = """\
# a comment
exit:
  when:
    - close < sma
  stop_loss: {value: 0.02, type: percentage}
entry:
  long:
    when: [close   >  sma]
  size: 0.1
name: small
"""
    assert load(long).sha256 == load(SMALL.replace("exit: {", "exit: {stop_loss: 0.02, ")).sha256


def test_the_hash_sees_every_value():
    assert load(SMALL).sha256 != load(SMALL.replace("close > sma", "close >= sma")).sha256
    assert load(SMALL).sha256 != load(small(execution="{slippage: 0.0002}")).sha256


def test_a_strategy_is_frozen_and_can_be_pickled():
    strategy = load(OLDER)
    with pytest.raises(ValueError, match="frozen"):
        strategy.name = "other"
    again = pickle.loads(pickle.dumps(strategy))
    assert again.sha256 == strategy.sha256
    assert calls(again.with_parameters({"rsi_oversold": 20})) == calls(strategy)


def test_it_shows_itself_without_trusting_its_texts():
    page = load(small(description="'<script>'"))._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


# Errors


def test_all_problems_of_a_file_come_at_once_in_order_with_their_lines(tmp_path: Path):
    file = tmp_path / "five.yaml"
    file.write_text(
        """\
name: five
entry:
  when:
    - signal: ma_crossover
      outputs: {crossover_type: golden_cros, strenth: "> 0.1"}
    - close > smaa
  size: 0.1
exit:
  stop_loss: 2
  stoploss: 0.02
risk: {max_drawdown: 15%}
"""
    )
    with pytest.raises(StrategyError) as error:
        load_strategy(file, library=LIBRARY)
    assert [(problem.line, problem.nearest) for problem in error.value.problems] == [
        (5, "golden_cross"),
        (5, "signal_strength"),
        (6, "sma"),
        (9, "0.02"),
        (10, "stop_loss"),
        (11, ""),
    ]
    assert all(str(problem).startswith(f"{file}:") for problem in error.value.problems)
    assert str(error.value).startswith("6 problems, nothing was run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entry: {when: close > sma, size: 0.1}", "<text>:1: 'name' is missing; it is required"),
        ("name: x", "<text>:1: 'entry' is missing"),
        ("name: x\nentry: {size: 0.1}", "<text>:2: the entry has no condition"),
        ("name: x\nentry: [a > b]", "<text>:2: 'entry' is not a mapping"),
        (SMALL.replace("close > sma", "ma_crossover > 0"), "'ma_crossover' is a signal, not a value"),
        (small(indicators="{close: {type: sma}}"), "a candle column has this name already"),
        (small(indicators="{a: }"), "'indicators.a.type' is missing"),
        (small(backtest="{optimization: {a: {min: 1}}}"), "backtest.optimization.a: a mapping; must be a list"),
        (SMALL + "stop_los: 1", "unknown key in the strategy 'stop_los'"),
        (small(risk="{max_drawdwn: 0.1}"), "(did you mean 'max_drawdown'?)"),
        (small(risk="{max_positions: 1.5}"), "risk.max_positions: '1.5'; must be a whole number, at least 1"),
        (small(risk="[1]"), "risk: a list; must be a mapping"),
        (small(filters="{trading_days: Mon-Fry}"), "did you mean Fri?"),
        (small(filters="{trading_hours: 25:00-26:00}"), "must be a range of times"),
        (small(filters="{trading_zone: Europe/Londn}"), "must be a time zone"),
        (small(execution="{fill: next_opn}"), "(did you mean 'next_open'?)"),
        (small(execution="{order_type: limt}"), "must be one of market"),
        (small(execution="{slippage: 2}"), "must be a fraction"),
        (small(execution="{expire_after: 3}"), "must be a length of time"),
        (small(backtest="{start_date: yesterday}"), "is not a date or time"),
        (small(backtest="{data_frequency: 7x}"), "timeframe '7x' is not known"),
        (small(backtest="{initial_capital: -5}"), "must be above 0"),
        (small(live="{enabled: maybe}"), "must be true or false"),
        (small(indicators="{a: {type: nope}}"), "unknown indicator 'nope'"),
        (small(indicators="{a: {params: {period: 3}}}"), "'indicators.a.type' is missing"),
        (
            small(indicators="{a: {type: macd}}").replace("close > sma", "a.histgram > 0"),
            "unknown output of macd 'histgram'",
        ),
        (small(dependencies="{signals: [ma_crosover]}"), "(did you mean 'ma_crossover'?)"),
        (SMALL.replace("size: 0.1", "size: parameters.sze") + "parameters: {size: 0.1}", "unknown parameter 'sze'"),
        (SMALL.replace("size: 0.1", "size: {type: risk, value: 0.01}"), "'risk' without a stop_loss"),
        (SMALL.replace("when: close > sma", "when: {signal: sma}"), "'sma' is an indicator, not a signal"),
        (SMALL.replace("when: close > sma", "when: {signal: macd_crss}"), "(did you mean 'macd_cross'?)"),
        (SMALL.replace("when: close > sma", "when: []"), "a list of conditions is empty"),
        (SMALL.replace("when: close > sma", "when: {every: [a > b]}"), "unknown key 'every'"),
        (SMALL.replace("when: close > sma", "when: {indicator: rsi}"), "an indicator condition is incomplete"),
        (SMALL.replace("when: close > sma", "when: {indicator: rsi, condition: 30}"), "it begins with >"),
        (SMALL.replace("when: close > sma", "when: close > sma, action: by"), "unknown action 'by'"),
        (SMALL.replace("when: close > sma", "when: 'shift(close, -1) > close'"), "looks ahead"),
        (SMALL.replace("entry: {", "entry: {long: {when: close > ema}, "), "stands beside entry.long"),
        ("name: x\nentry: {long: {when: a > b, size: 1}, short: {when: a < b, size: 0.5}}", "one size for both sides"),
        ("name: x\nentry: {when: [crosses_above(close, sma)], size: 0.1}", "comma splits it"),
        (SMALL.replace("size: 0.1", "size: 10%"), "must be a number: 2 % is written 0.02"),
        ("a: 1\na: 2\n", "stands twice"),
        ("just text\n", "a strategy is a mapping"),
    ],
)
def test_a_mistake_shows_value_rule_and_nearest_choice(text, message):
    found = problems(text if "\n" in text else text + "\n")
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("<text>:") for problem in found)


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("size: 0.1", "size: parameters.x"),
        SMALL.replace("exit: {", "exit: {stop_loss: {type: pips, value: 20}, "),
        small(indicators="{f: {type: sma, params: {period: parameters.x}}}"),
        SMALL.replace("close > sma", "close > parameters.x"),
    ],
)
def test_one_mistake_is_one_problem(text):
    assert len(problems(text)) == 1


def test_an_empty_section_is_no_section():
    empty = "exit:\nrisk:\nfilters:\nparameters:\nindicators:\nsignal_config:\n  ma_crossover:\n"
    assert load(SMALL.split("exit", maxsplit=1)[0] + empty).filters.trading_hours is None


def test_a_wrong_override_of_a_bounded_parameter_names_its_parameter():
    text = signal_config("required_indicators: [{name: ma_fast, type: sma, params: {period: parameters.p}}]")
    with pytest.raises(StrategyError, match=r"period = 0 is not a whole number .* \(from parameters\.p\)"):
        load(text + "parameters: {p: 0}\n")


def test_a_missing_file_names_the_nearest(tmp_path: Path):
    (tmp_path / "ma_cross.yaml").write_text(SMALL)
    with pytest.raises(InputError, match=r"Did you mean '.*ma_cross\.yaml'"):
        load_strategy(tmp_path / "ma_crosss.yaml")


def test_two_files_of_one_name_are_refused_not_confused(tmp_path: Path):
    for folder, factor in (("one", 1.0), ("two", 2.0)):
        place = tmp_path / "indicators" / folder
        place.mkdir(parents=True)
        (place / "avg.py").write_text(f"def avg(close):\n    return close * {factor}\n")
    text = "name: x\nindicators: {a: {type: one.avg}, b: {type: two.avg}}\nentry: {when: b > a, size: 0.1}\n"
    with pytest.raises(StrategyError, match=r"two components are called 'avg': .*one.avg\.py and .*two.avg\.py"):
        load_strategy(text, library=scan(tmp_path))


def test_a_broken_component_shows_its_own_error(tmp_path: Path):
    folder = tmp_path / "components" / "indicators"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text("def mine(close:\n")
    file = tmp_path / "s.yaml"
    file.write_text(SMALL.replace("close > sma", "close > mine"))
    with pytest.raises(StrategyError, match=r"mine\.py"):
        load_strategy(file)


def test_remarks_name_what_a_reader_may_not_expect():
    found = [warning.what for warning in load("name: x\nentry: {when: close > sma}\n").warnings]
    assert found == ["no size is given, so 0.1 of equity is used", "nothing closes a long position"]


# Anything at all

SCALARS = st.sampled_from(
    [
        "close > sma",
        "0.1",
        "1:30",
        "parameters.a",
        "golden_cross",
        "",
        "true",
        "{",
        "-5",
        "> 1",
        "sma",
        "stop",
        "kelly",
        "day",
    ]
)
KEYS = st.sampled_from(
    "name entry exit when long short size action signal outputs indicator condition min_bars all any not parameters a "
    "stop_loss type value risk filters signal_config ma_crossover required_indicators params indicators backtest "
    "optimization dependencies indicators signals live metrics track primary size_method signal_exit execution order price "
    "offset limit_offset expiry oco share take_profit break_even trigger session time zone account leverage maintenance "
    "instrument instruments swap unit splits date ratio dividends spread kind venue cap bars".split()
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=14,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=6))
def test_any_yaml_gives_a_strategy_or_a_strategy_error(tree):
    with contextlib.suppress(StrategyError):
        assert len(load("# generated\n" + yaml.safe_dump(tree)).sha256) == 64


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LEGACY)), st.integers(0, 12), st.text(max_size=6))
def test_a_damaged_file_gives_a_strategy_or_a_strategy_error(start, length, insert):
    with contextlib.suppress(StrategyError):
        assert len(load(LEGACY[:start] + insert + LEGACY[start + length :]).sha256) == 64
