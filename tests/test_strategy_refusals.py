"""What a file asks for and does not get, each time with the reason or with what to write instead."""

from __future__ import annotations

import re

import pytest

from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import StrategyError
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.misplaced import PLACES
from sptrader_lab.strategy.unavailable import KEYS
from tests.conftest import ROOT

LIBRARY = scan(own_library())
SMALL = "name: small\nentry: {when: close > sma, size: 0.1}\nexit: {when: close < sma}\n"
NOT_YET = {
    "walk_forward: {}": "walk-forward analysis from a file",
    "backtest: {walk_forward: {}}": "walk-forward analysis from a file",
    "live: {broker: oanda}": "paper and live trading",
    "paper: true": "paper and live trading",
}
#: How other programs write what stands elsewhere here: where, and what to write there.
ELSEWHERE = {
    "leverage: 30": "account.leverage",
    "risk: {leverage: 30}": "account.leverage",
    "account: {margin_call: 0.5}": "maintenance",
    "instrument: {margin: 0.03}": "account.type",
    "backtest: {currency: JPY}": "account.currency",
    "backtest: {cash: 5000}": "initial_capital",
    "spread: 0.0001": "execution.spread",
    "execution: {time_in_force: gtc}": "entry.order.expiry",
    "execution: {limit_price: 1.1}": "entry.order",
    "swap: -0.3": "instrument.swap",
    "instrument: {swap_long: -0.3}": "swap",
    "instrument: {lot_size: 1000}": "step",
    "risk: {break_even: 0.01}": "exit.break_even",
    "exit: {breakeven: 0.01}": "break_even",
    "exit: {tp: 0.04}": "take_profit",
    "filters: {close_at: '16:45'}": "exit.session",
    "execution: {fees: 0.001}": "commission",
}


def problems(text: str) -> list[str]:
    with pytest.raises(StrategyError) as error:
        load_strategy(text, library=LIBRARY)
    return [str(problem) for problem in error.value.problems]


def warnings(text: str) -> list[str]:
    return [str(warning) for warning in load_strategy(text, library=LIBRARY).warnings]


@pytest.mark.parametrize("section", NOT_YET)
def test_what_this_version_cannot_do_is_refused_with_that_reason(section):
    (found,) = problems(f"{SMALL}{section}\n")
    assert found.startswith("<text>:4: ")
    assert f"not available in this version: {NOT_YET[section]}" in found


def test_the_readme_calls_not_yet_what_is_refused_and_nothing_else():
    said = " ".join((ROOT / "README.md").read_text().split("## Not yet\n")[1].split(".")[0].split()).lower()
    assert re.split(r",\s+", said) == ["paper and live trading", "walk-forward analysis from a file"]
    assert set(KEYS.values()) == set(NOT_YET.values()) == set(re.split(r",\s+", said))


@pytest.mark.parametrize("section", ELSEWHERE)
def test_a_key_of_another_program_is_answered_with_where_it_stands_here(section):
    text = SMALL.split("exit:", maxsplit=1)[0] if section.startswith("exit") else SMALL
    (found,) = problems(f"{text}{section}\n")
    assert f"(did you mean {ELSEWHERE[section]!r}?)" in found
    shown = re.search(r"; write (.*) \(did you mean", found)
    assert shown
    load_strategy(_beside(shown[1]), library=LIBRARY)  # what it says to write is accepted


def test_what_to_write_for_every_word_of_another_program_is_accepted():
    for place, (example, _) in PLACES.items():
        strategy = load_strategy(_beside(example), library=LIBRARY)
        found = strategy
        for step in place.split("."):
            found = getattr(found, step)
        assert found is not None, place


def _beside(example: str) -> str:
    """Return an example as a whole strategy: with the name, the entry and the exit that it leaves out."""
    both = "long: {when: close > sma}, short: {when: close < sma}, size: 0.1"
    entry = f"entry: {{{both}}}\n"
    if example.startswith("entry: {"):
        entry = ""
        example = example.replace("entry: {", f"entry: {{{both if 'size' not in example else both[:-11]}, ")
    return f"name: small\n{entry}{example}\n"


def test_an_entry_with_a_limit_is_told_how_orders_are_written():
    (found,) = problems(SMALL.replace("size: 0.1", "size: 0.1, limit: 1.1"))
    assert found == (
        "<text>:2: unknown key in entry 'limit'; write entry: {order: {type: limit, price: close - 0.5 * atr}} "
        "(did you mean 'order'?)"
    )
    (found,) = problems(f"{SMALL}execution: {{order_type: Stop-Limit}}\n")
    assert found == (
        "<text>:4: execution.order_type: 'Stop-Limit'; orders are written under entry: "
        "entry.order: {type: limit, offset: 0.001}"
    )


@pytest.mark.parametrize(
    ("section", "near"), [("risk: {stop: 0.1}", "stop_loss"), ("filters: {spread: 2}", "max_spread_bps")]
)
def test_a_slip_that_looks_like_something_unavailable_stays_a_slip(section, near):
    (found,) = problems(f"{SMALL}{section}\n")
    assert f"(did you mean {near!r}?)" in found


def test_a_file_that_wants_to_trade_live_loads_with_a_warning():
    assert warnings(SMALL + "live: {enabled: true}\n") == [
        "<text>:4: live.enabled has no effect; this version only backtests"
    ]
    assert warnings(SMALL + "live: {enabled: false, paper_trade: true}\n") == []


# Ranges of a sweep, parameters without effect

USED = SMALL.replace("size: 0.1", "size: parameters.size") + "parameters: {size: 0.1}\n"


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (
            "{sze: [0.1, 0.2]}",
            "backtest.optimization.sze; there is no such parameter; known: size (did you mean 'size'?)",
        ),
        ("{size: []}", "backtest.optimization.size is empty; list at least one value"),
        ("{size: [0.1, small]}", "backtest.optimization.size: 'small'; parameters.size is a number: 0.1"),
        ("{size: [true]}", "backtest.optimization.size: 'true'; parameters.size is a number: 0.1"),
    ],
)
def test_a_range_that_no_sweep_could_try_is_refused(ranges, said):
    assert problems(f"{USED}backtest: {{optimization: {ranges}}}\n") == [f"<text>:5: {said}"]


def test_a_range_that_a_sweep_could_try_loads():
    assert warnings(USED + "backtest: {optimization: {size: [0.1, 1]}}\n") == []


def test_a_parameter_that_nothing_refers_to_is_a_warning():
    assert warnings(USED.replace("{size: 0.1}", "{size: 0.1, period: 14}")) == [
        "<text>:4: parameters.period has no effect; nothing refers to it; write parameters.period where the value is used"
    ]


# What is often written


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("rsi(14) < 30", "rsi_14: {type: rsi, params: {period: 14}}", "rsi_14"),
        ("close > ema(200)", "ema_200: {type: ema, params: {period: 200}}", "ema_200"),
        ("close > ema(close, 200)", "ema_200: {type: ema, params: {period: 200}}", "ema_200"),
        ("close > ema(hl2, period=9)", "ema_hl2_9: {type: ema, params: {source: hl2, period: 9}}", "ema_hl2_9"),
        ("rsi(parameters.n) < 30", "rsi: {type: rsi, params: {period: parameters.n}}", "rsi"),
        ("talib.RSI(14) < 30", "rsi_14: {type: talib.RSI, params: {timeperiod: 14}}", "rsi_14"),
    ],
)
def test_a_component_written_like_a_function_is_answered_with_the_line_to_declare(text, line, name):
    (found,) = problems(SMALL.replace("close > sma", f'"{text}"'))
    assert f"declare `{line}` under `indicators` and write {name} here" in found
    called = text.split(" > ")[-1].split(" < ")[0]
    mended = SMALL.replace("close > sma", f'"{text.replace(called, name)}"') + f"indicators: {{{line}}}\n"
    load_strategy(mended + "parameters: {n: 14}\n", library=LIBRARY)  # the line is the one that works


def test_a_signal_written_like_a_function_is_answered_with_its_form():
    (found,) = problems(SMALL.replace("close > sma", '"ma_crossover(10, 30)"'))
    assert "ma_crossover is a signal: write {signal: ma_crossover" in found


def test_a_function_that_is_none_is_answered_with_the_nearest_of_functions_and_components():
    assert "(did you mean 'rsi'?)" in problems(SMALL.replace("close > sma", '"rsii(14) < 30"'))[0]
    assert "(did you mean 'crosses_above'?)" in problems(SMALL.replace("close > sma", '"cross_above(close, sma)"'))[0]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rsi => 50", "write >= instead of =>"),
        ("rsi =< 50", "write <= instead of =<"),
        ("rsi = 50", "write == instead of =, to compare"),
        ("rsi <> 50", "write != instead of <>"),
        ("close > sma && rsi < 30", "write `and` instead of &"),
        ("close > sma & rsi < 30", "write `and` instead of &"),
        ("close > sma || rsi < 30", "write `or` instead of |"),
        ("!(close > sma)", "write `not` instead of !"),
        ("close > sma AND rsi < 30", "write `and`, `or`, `not` in small letters"),
        ("close > 2%", "2 % is written 0.02"),
        ("fast crosses above slow", "write crosses_above(fast, slow)"),
        ("fast crossed under slow.lower", "write crosses_below(fast, slow.lower)"),
        ("close is above sma", "write close > sma"),
    ],
)
def test_a_condition_of_another_language_is_answered_in_this_one(text, rule):
    (found,) = problems(SMALL.replace("close > sma", f'"{text}"'))
    assert rule in found


@pytest.mark.parametrize(
    "section",
    [
        "indicators: {slow: {type: sma, period: 30}}",
        "signal_config: {ma_crossover: {required_indicators: [{name: ma_fast, type: sma, period: 30}]}}",
    ],
)
def test_a_parameter_beside_the_type_is_told_where_it_belongs(section):
    (found,) = problems(f"{SMALL}{section}\n")
    assert "'period'; parameters of a component stand under params: {type: ..., params: {period: ...}}" in found


def test_a_mistyped_key_of_an_indicator_is_answered_with_the_nearest():
    (first, second) = problems(SMALL + "indicators: {slow: {typ: sma}}\n")
    assert "'indicators.slow.type' is missing" in first
    assert "known: output, params, type (did you mean 'type'?)" in second
