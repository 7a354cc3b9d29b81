"""A template must give every combination the shape and the numbers of a full bind, or say that it can't."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sptrader_lab as lab
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import InputError, LabError, StrategyError
from sptrader_lab.strategy import template as module
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.template import BOUND_EACH, Flat, Template, build, flatten
from sptrader_lab.types.records import RULES
from tests.conftest import ROOT

LIBRARY = scan(own_library())
SHIPPED = sorted((ROOT / "strategies").glob("*.yaml"))
EVERYTHING = """
name: everything
parameters: {fast: 5, slow: 20, limit: 30, bars: 2, stop: 0.02, back: 3, window: 10, kind: sma}
indicators:
  fast: {type: sma, params: {period: parameters.fast}}
  slow: {type: parameters.kind, params: {period: parameters.slow}}
entry:
  long:
    when:
      - all: ["crosses_above(fast, slow)", {not: "close.rolling(parameters.window).mean() < -parameters.limit"}]
      - {indicator: fast, condition: "> 0", min_bars: 2}
  size: {type: risk, value: 0.01}
exit:
  long: {when: {any: ["close < fast.shift(parameters.back)", "rsi > parameters.limit"]}}
  stop_loss: {type: atr, value: 2.0, period: 14}
  take_profit: [{value: parameters.stop, share: 0.5}, {value: 0.2}]
"""


def flat_of(strategy: Strategy, values: Mapping[str, object]) -> Flat:
    return flatten(make_plan(strategy.with_values(values), LIBRARY))


def template_of(strategy: Strategy, base: Mapping[str, object]) -> Template:
    return Template(lambda values: flat_of(strategy, values), base, LabError)


def assert_same(template: Template, strategy: Strategy, values: Mapping[str, object]) -> None:
    found, whole = template.numbers(values), flat_of(strategy, values)
    assert template.flat.shape == whole.shape
    assert found == list(whole.numbers)
    assert [type(number) for number in found or ()] == [type(number) for number in whole.numbers]


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(
        st.fixed_dictionaries(
            {
                "fast": st.integers(2, 30),
                "slow": st.integers(2, 30),
                "limit": st.floats(1, 90),
                "window": st.integers(1, 20),
                "back": st.integers(0, 5),
                "stop": st.floats(0.001, 0.1),
                "exit.stop_loss": st.floats(0.5, 5.0),
                "execution.slippage": st.floats(0, 0.01),
                "risk.max_positions": st.integers(1, 5),
            }
        ),
        min_size=2,
        max_size=4,
    )
)
def test_a_template_gives_what_a_full_bind_gives(values: list[dict[str, object]]) -> None:
    strategy = lab.load_strategy(EVERYTHING)
    template = template_of(strategy, values[0])
    for combination in values:
        assert_same(template, strategy, combination)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_parameter_of_every_shipped_strategy_can_be_swept(path: Path) -> None:
    strategy = lab.load_strategy(path)
    numbers = {
        name: value
        for name in strategy.referenced_parameters
        if isinstance(value := strategy.parameters[name], (int, float)) and not isinstance(value, bool)
    }
    template = template_of(strategy, numbers)
    for name, value in numbers.items():
        other = value + 1 if isinstance(value, int) else value * 0.5
        combination = {**numbers, name: other}
        try:
            flat_of(strategy, combination)
        except LabError:
            assert template.numbers(combination) is None
            continue
        assert_same(template, strategy, combination)


def test_equal_components_are_told_apart_again() -> None:
    """With equal periods a full bind computes one average; the numbers must still be those of two."""
    strategy = lab.load_strategy(EVERYTHING)
    template = template_of(strategy, {"fast": 5, "slow": 20})
    for combination in ({"fast": 20, "slow": 20}, {"fast": 5, "slow": 5}, {"fast": 7, "slow": 9}):
        assert_same(template, strategy, combination)


def test_a_name_that_changes_more_than_numbers_is_found_out() -> None:
    template = template_of(lab.load_strategy(EVERYTHING), {"kind": "sma", "fast": 5})
    with pytest.raises(KeyError, match="kind"):
        template.numbers({"kind": "ema", "fast": 5})
    assert template.structural == {"kind"}


def test_two_names_for_one_number_are_found_out() -> None:
    """The last target takes what the others leave, so their shares both move its own."""
    targets = "[{value: 0.1, share: 0.2}, {value: 0.2, share: 0.3}, {value: 0.3}]"
    text = EVERYTHING.replace("[{value: parameters.stop, share: 0.5}, {value: 0.2}]", targets)
    names = "exit.take_profit.0.share", "exit.take_profit.1.share"
    template = template_of(lab.load_strategy(text.replace(" stop: 0.02,", "")), dict.fromkeys(names, 0.3))
    assert template.numbers({names[0]: 0.4, names[1]: 0.3}) is not None
    with pytest.raises(KeyError, match="share"):
        template.numbers({names[0]: 0.4, names[1]: 0.2})


def test_a_refused_value_is_left_to_the_full_bind() -> None:
    template = template_of(lab.load_strategy(EVERYTHING), {"fast": 5, "stop": 0.02})
    assert template.numbers({"fast": 5, "stop": 1.5}) is None
    assert template.numbers({"fast": 6, "stop": 0.03}) is not None


def test_of_many_numbers_only_some_are_bound() -> None:
    strategy = lab.load_strategy(EVERYTHING)
    bound: list[Any] = []

    def bind(values: Mapping[str, object]) -> Flat:
        bound.append(values)
        return flat_of(strategy, values)

    template = Template(bind, {"limit": 30.0}, LabError)
    drawn = np.random.default_rng(3).uniform(1, 99, 400).tolist()
    for value in drawn:
        template.numbers({"limit": value})
    assert BOUND_EACH < len(bound) < BOUND_EACH + 20  # the base, eight, and every new end
    for value in drawn[-20:]:
        assert_same(template, strategy, {"limit": value})


def test_values_that_are_known_beforehand_are_studied_at_their_ends() -> None:
    strategy = lab.load_strategy(EVERYTHING)
    bound: list[Any] = []

    def bind(values: Mapping[str, object]) -> Flat:
        bound.append(values["slow"])
        return flat_of(strategy, values)

    template = Template(bind, {"slow": 30}, LabError)
    template.study("slow", list(range(2, 200)))
    assert {"2", "199"} <= {str(value) for value in bound}
    assert len(bound) == BOUND_EACH + 1
    for value in range(2, 200):
        template.numbers({"slow": value})
    assert len(bound) == BOUND_EACH + 1
    for value in (2, 57, 199):
        assert_same(template, strategy, {"slow": value})


def test_words_are_bound_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A length of time becomes nanoseconds, which no rule for numbers could tell."""
    monkeypatch.setattr(module, "BOUND_EACH", 3)
    place = (RULES.names or ()).index("expire_after")
    template = template_of(lab.load_strategy(EVERYTHING), {"execution.expire_after": "1h"})
    for text in ("1h", "2h", "3h", "4h", "5h"):
        found = template.numbers({"execution.expire_after": text})
        assert found is not None
        assert found[place] == int(text[0]) * 3_600_000_000_000


def test_numbers_that_become_others_on_the_way_are_left_to_the_full_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share that the first target leaves is 1 less its own."""
    monkeypatch.setattr(module, "BOUND_EACH", 4)
    template = template_of(lab.load_strategy(EVERYTHING), {"exit.take_profit.0.share": 0.5})
    for share in (0.1, 0.9, 0.2, 0.8):
        assert template.numbers({"exit.take_profit.0.share": share}) is not None
    assert template.numbers({"exit.take_profit.0.share": 0.3}) is None


@pytest.mark.parametrize("path", [*SHIPPED, None], ids=lambda path: path.stem if path else "everything")
def test_roots_put_together_again_decide_the_same(path: Path | None) -> None:
    """What `build` makes of shape and numbers is the plan's own condition but for the names of columns."""
    strategy = lab.load_strategy(path or EVERYTHING)
    plan = make_plan(strategy, LIBRARY)
    flat = flatten(plan)
    trees = {**plan.bound.rules, **plan.bound.prices}
    assert flat.roots.keys() >= trees.keys()
    for name, tree in trees.items():
        built = build(flat.roots[name], flat.numbers, flat.specs)
        assert _without_names(built.tree) == _without_names(tree)
        for needed in built.needed.values():
            same = [call for call in plan.calls if call.spec == needed.spec and call.parameters == needed.parameters]
            assert same, f"{needed.spec.name} {needed.parameters} is nothing that the plan calls"


def _without_names(tree: Any) -> str:
    return re.sub(r"Name\(text=('.*?'|\".*?\")\)", "Name", repr(tree))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"fasst": 5}, "Did you mean 'fast'"),
        ({"execution.slipage": 0.1}, "did you mean 'slippage'"),
        ({"exekution.slippage": 0.1}, "Did you mean 'execution'"),
        ({"indicators.fats.period": 4}, "did you mean 'fast'"),
        ({"indicators.fast.perod": 4}, "period"),
        ({"exit.take_profit": 0.1}, "holds a list"),
        ({"exit.take_profit.5.value": 0.1}, "entry"),
        ({"execution.slippage": [1, 2]}, "one finite number"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_error_with_the_way(values: dict[str, object], said: str) -> None:
    with pytest.raises((InputError, StrategyError), match=said):
        lab.load_strategy(EVERYTHING).with_values(values)


def test_values_are_set_where_their_paths_lead() -> None:
    strategy = lab.load_strategy(ROOT / "strategies" / "ma_crossover.yaml")
    changed = strategy.with_values(
        {
            "parameters.ma_fast_period": 7,
            "signal_config.ma_crossover.confirmation_bars": 3,
            "signal_config.ma_crossover.required_indicators.ma_slow.period": 40,
            "exit.stop_loss": 0.03,
            "execution.commission.per_order": 1.5,
            "risk.max_drawdown": 0.4,
        }
    )
    setup = changed.signal_config["ma_crossover"]
    assert setup.parameters == {"confirmation_bars": "3"}
    assert [each.params["period"] for each in setup.required_indicators] == ["7", "40"]
    assert changed.stop_loss is not None
    assert (changed.stop_loss.value, changed.commission.per_order, changed.risk.max_drawdown) == (0.03, 1.5, 0.4)
    assert strategy.with_values({}).sha256 == strategy.sha256 != changed.sha256
    again = changed.with_values({"exit.stop_loss.value": 0.05})
    assert again.stop_loss is not None
    assert (again.stop_loss.value, again.risk.max_drawdown) == (0.05, 0.4)
