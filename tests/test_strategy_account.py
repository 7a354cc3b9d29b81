"""Account, instrument and sizes: what a file may say, what does not go together, and references to parameters everywhere."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import InputError, StrategyError
from sptrader_lab.strategy.examples import EXAMPLES, whole
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.strategy.source import Listed, Mapped, Problems, read
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import Instrument, instrument

LIBRARY = scan(own_library())
SMALL = "name: small\nentry: {when: close > sma, size: 0.1}\nexit: {when: close < sma}\n"


def load(text: str) -> Strategy:
    return load_strategy(text, library=LIBRARY)


def problems(text: str) -> list[str]:
    with pytest.raises(StrategyError) as error:
        load(text)
    return [str(problem) for problem in error.value.problems]


def facts(text: str, symbol: str = "EURUSD") -> Instrument:
    return make_plan(load(SMALL + text), LIBRARY).instrument(symbol)


# The account (S11, S12)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", (None, "cash", 1.0, 0.0)),
        ("{currency: usd}", ("USD", "cash", 1.0, 0.0)),
        ("{type: margin, leverage: 30}", (None, "margin", 30.0, 0.5 / 30)),
        ("{type: margin, leverage: 30, maintenance: 0.02}", (None, "margin", 30.0, 0.02)),
        ("{type: margin, leverage: 30, maintenance: 0}", (None, "margin", 30.0, 0.0)),
    ],
)
def test_an_account_is_cash_or_margin_with_its_leverage(written, expected):
    account = load(f"{SMALL}account: {written}\n").account
    assert (account.currency, account.type, account.leverage, account.maintenance) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{type: margin}", "account.leverage: nothing; a margin account says how much: leverage: 30"),
        ("{leverage: 30}", "account.leverage: '30'; a cash account has no leverage; write type: margin beside it"),
        ("{maintenance: 0.1}", "account.maintenance: '0.1'; a cash account has no margin"),
        ("{type: margin, leverage: 1}", "must be above 1; without leverage write type: cash"),
        ("{type: margin, leverage: 30, maintenance: 0.05}", "must be below 1 / leverage = 0.03333"),
        ("{type: margn}", "must be one of cash, margin (did you mean 'margin'?)"),
        ("{currency: $}", "must be a currency such as USD"),
    ],
)
def test_an_account_that_makes_no_sense_is_one_problem_with_the_way_out(written, message):
    (found,) = problems(f"{SMALL}account: {written}\n")
    assert found.startswith("<text>:4: account")
    assert message in found


def test_more_than_equity_needs_a_margin_account_and_no_more_than_its_leverage():
    five = SMALL.replace("size: 0.1", "size: 5")
    rule = "must be a fraction up to 1: 0.02 means 2 %; more needs a margin account"
    assert problems(five) == [f"<text>:2: entry.size.value: '5'; {rule} (did you mean '0.05'?)"]
    margin = "account: {type: margin, leverage: 4}\n"
    assert problems(five + margin) == ["<text>:2: entry.size.value: '5'; must be at most the account's leverage, 4"]
    assert load(five + margin.replace("4", "5")).size.value == 5
    limit = SMALL + "risk: {position_limit: 2}\n"
    assert "risk.position_limit: '2'; must be a fraction up to 1" in problems(limit)[0]
    assert load(limit + margin).risk.position_limit == 2
    sized = SMALL.replace("size: 0.1", "size: {type: fraction, value: parameters.much}") + "parameters: {much: 2}\n"
    assert "entry.size.value: '2' (from parameters.much)" in problems(sized)[0]


def test_a_wrong_account_does_not_accuse_the_size_too():
    (found,) = problems(SMALL.replace("size: 0.1", "size: 5") + "account: {type: margin, leverage: lots}\n")
    assert "account.leverage: 'lots'; must be a number" in found


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("{type: kelly, value: 2}", "must be a part of the Kelly fraction, up to 1: 0.5 is half Kelly"),
        ("{type: kelly, value: 0.5, cap: 2}", "entry.size.cap: '2'; must be a fraction up to 1"),
        ("{type: fraction, value: 0.1, window: 9}", "belongs to a size of type kelly; this one is of type fraction"),
        ("{type: risk, value: 2}", "must be a fraction up to 1"),
    ],
)
def test_a_size_that_makes_no_sense_is_a_problem(size, message):
    text = SMALL.replace("size: 0.1", f"size: {size}").replace("exit: {", "exit: {stop_loss: 0.01, ")
    (found,) = problems(text)
    assert message in found


# The instrument


def test_what_the_file_says_replaces_what_the_name_tells():
    text = """\
instrument:
  pip: 0.001
  step: 1000
  minimum: 2000
  multiplier: 10
  tick: 0.00001
  day_end: 17:30 Europe/London
  every_day: true
  spread: 0.0002
  swap: {long: -0.7, short: 0.2}
  triple_day: Fri
"""
    known, found = instrument("EURUSD"), facts(text)
    assert found == known._replace(
        pip=0.001, step=1000, minimum=2000, multiplier=10, tick=0.00001, day_end=found.day_end, every_day=True,
        spread=0.0002, swap_long=-0.7, swap_short=0.2, swap_unit="pips", triple_day=4,
    )  # fmt: skip
    assert found.day_end == (17, 30, "Europe/London")
    assert facts("") == known


def test_a_symbol_of_its_own_wins_over_all_symbols_and_execution_is_asked_last():
    text = """\
execution: {spread: column}
instrument: {step: 1000, tick: 0.1}
instruments: {USD/JPY: {step: 100, spread: 0.02, day_end: 00:00 UTC}, GBPUSD: {triple_day: none}}
"""
    assert (facts(text).step, facts(text).spread) == (1000, "column")
    assert (facts(text, "USDJPY").step, facts(text, "USDJPY").spread, facts(text, "USDJPY").tick) == (100, 0.02, 0.1)
    assert facts(text, "GBPUSD").triple_day is None
    assert facts(text, "EURUSD").triple_day == instrument("EURUSD").triple_day
    plan = make_plan(load(SMALL + text), LIBRARY)
    assert (plan.day_end("EURUSD"), plan.day_end("USDJPY")) == (None, (0, 0, "UTC"))
    assert facts(text.replace("0.02", "0"), "USDJPY").spread == 0.0


def test_splits_and_dividends_are_instants_in_order():
    found = facts(
        "instrument: {kind: equity, splits: [{date: 2024-06-10, ratio: 10}, {date: 2021-07-20, ratio: 4}],"
        " dividends: [{date: '2024-06-11T09:30-04:00', amount: 0.01}]}\n",
        "NVDA",
    )
    assert found.kind == "equity"
    assert found.splits == ((parse_time("2021-07-20"), 4.0), (parse_time("2024-06-10"), 10.0))
    assert found.dividends == ((parse_time("2024-06-11T13:30"), 0.01),)


def test_a_venue_gives_the_steps_that_the_file_does_not():
    assert facts("instrument: {venue: metatrader}\n").step == 1000
    assert facts("instrument: {venue: metatrader, step: 5000}\n").step == 5000
    with pytest.raises(InputError, match="venue 'oanda' trades pair, and NVDA is equity"):
        facts("instrument: {venue: oanda, kind: equity}\n", "NVDA")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("instrument: {kind: pair, splits: [{date: 2024-06-10, ratio: 2}]}", "only shares have them; kind is pair"),
        (
            "instrument: {splits: [{date: 2024-06-10, ratio: 2}, {date: 2024-06-10, ratio: 3}]}",
            "'2024-06-10' stands twice",
        ),
        ("instrument: {splits: [{date: soon, ratio: 2}]}", "instrument.splits.0.date: 'soon'"),
        ("instrument: {dividends: {date: 2024-06-10, amount: 1}}", "instrument.dividends: a mapping; must be a list"),
        (
            "instrument: {kind: equity, swap: {long: -1}}",
            "a swap in pips of equity without a pip; a pip is a currency pair's",
        ),
        (
            "instruments: {BTCUSD: {swap: {long: -1}}}",
            "BTCUSD: a swap in pips without a pip; say instrument.pip, or write unit: yearly",
        ),
        (
            "instrument: {swap: {long: -2, unit: yearly}}",
            "a yearly swap of -2; must be a fraction: 0.02 means 2 % a year",
        ),
        ("instrument: {triple_day: Wedn-Thu}", "must be a weekday such as Wed, or none"),
        ("instrument: {triple_day: Wod}", "(did you mean 'Wed'?)"),
        ("instrument: {spread: colum}", "or column for the candles' own (did you mean 'column'?)"),
        ("instrument: {kind: share}", "must be one of pair, crypto, equity, generic"),
        ("instrument: {venue: onada}", "(did you mean 'oanda'?)"),
        ("instruments: {EURUSD: {stp: 1}}", "unknown key in instruments.EURUSD 'stp'"),
        ("instruments: {AB: {kind: pair}}", "instruments.AB: symbol 'AB' can't be a pair"),
        ("execution: {spread: -0.1}", "execution.spread: '-0.1'; must be price units such as 0.0002"),
        ("execution: {intrabar: fine}", "must be one of worst, best, finer (did you mean 'finer'?)"),
    ],
)
def test_facts_that_make_no_sense_are_one_problem_with_the_way_out(section, message):
    (found,) = problems(f"{SMALL}{section}\n")
    assert found.startswith("<text>:4: ")
    assert message in found


def test_a_swap_in_pips_of_a_symbol_without_pips_is_refused_when_the_symbol_is_known():
    text = "instrument: {swap: {long: -0.7}}\n"
    assert facts(text, "EURUSD").swap_long == -0.7
    with pytest.raises(InputError, match="NVDA: a swap in pips without a pip"):
        facts(text, "NVDA")
    assert facts("instrument: {pip: 1, swap: {long: -0.7}}\n", "NVDA").swap_long == -0.7


# `parameters.NAME` wherever a value may stand

#: Where texts are conditions, names of components or of parameters, or plain words.
_NOT_VALUES = {
    "when", "long", "short", "primary", "filters", "signal_exit", "name", "description", "author", "version", "track",
    "dependencies", "parameters", "optimization", "metrics",
}  # fmt: skip


def referring(node: Any, names: dict[str, str], path: tuple[str, ...] = ()) -> Any:
    """The tree with every value replaced by a reference; the values by the names they got."""
    if isinstance(node, Mapped):
        swap = path[-1:] == ("swap",)  # its keys are called long and short
        return {
            key: value
            if key in _NOT_VALUES and not swap and (key != "filters" or path)
            else referring(value, names, (*path, key))
            for key, value in node.items()
        }
    if isinstance(node, Listed):
        return [referring(item, names, path) for item in node]
    if node is None or str(node).startswith("parameters.") or (path and path[0] in ("name", "type")):
        return node
    name = f"p{len(names)}"
    names[name] = str(node)
    return f"parameters.{name}"


def as_plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): as_plain(value) for key, value in node.items()}
    return [as_plain(item) for item in node] if isinstance(node, list) else None if node is None else str(node)


def content(strategy: Strategy) -> dict[str, Any]:
    return strategy.model_dump(exclude={"parameters"})


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=f"{heading}-{place}")
        for heading, several in EXAMPLES.items()
        for place, example in enumerate(several)
    ],
)
def test_a_parameter_may_stand_for_every_value(example):
    text = whole(example)
    tree = read(text, Problems("<text>"))
    names: dict[str, str] = {}
    changed = as_plain(referring(tree, names))
    changed["parameters"] = {**as_plain(tree.get("parameters") or {}), **names}
    strategy = load(yaml.safe_dump(changed, sort_keys=False))
    assert content(strategy) == content(load(text))
    assert set(names) <= set(strategy.referenced_parameters)
