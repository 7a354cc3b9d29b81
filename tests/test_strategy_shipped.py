"""The strategies that come along, the command that checks files, and the page about them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from sptrader_lab.cli import strategy as command
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import StrategyError
from sptrader_lab.results import metrics as results
from sptrader_lab.strategy.legacy import METRICS
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "strategies").glob("*.yaml"))
PAGE = ROOT / "docs" / "strategy.md"
LIBRARY = scan(own_library())


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    args = parser.parse_args(["strategy", "check", *words])
    return args.run(args)


def test_portfolios_are_checked_as_what_they_are(capsys, tmp_path):
    shipped = ROOT / "portfolios" / "two_trends.yaml"
    broken = tmp_path / "broken.yaml"
    broken.write_text(shipped.read_text().replace("limits:", "limts:"))
    assert run(str(shipped), str(broken)) == 1
    good, _, bad = capsys.readouterr().out.partition("broken.yaml:")
    assert "ok (two_trends; a portfolio of ma_crossover, donchian_breakout)" in good
    assert "did you mean 'limits'" in bad


def test_there_are_at_least_six_long_and_short_among_them():
    loaded = [load_strategy(file, library=LIBRARY) for file in FILES]
    assert len(loaded) >= 6
    assert sum(strategy.entry.short is not None for strategy in loaded) >= 2
    assert len({strategy.name for strategy in loaded}) == len(loaded)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_strategy_is_documented_without_warnings_and_every_parameter_acts(file):
    strategy = load_strategy(file, library=LIBRARY)
    assert strategy.name == file.stem
    assert strategy.description
    assert strategy.warnings == ()
    assert set(strategy.referenced_parameters) == set(strategy.parameters)
    assert file.read_text().startswith("# ")


def test_orders_targets_and_the_clock_are_among_them():
    loaded = [load_strategy(file, library=LIBRARY) for file in FILES]
    assert {"stop", "limit"} <= {strategy.order.type for strategy in loaded}
    both = next(strategy for strategy in loaded if strategy.order.oco)
    assert both.order.expiry.day
    assert both.break_even is not None
    assert len(both.targets) == 2
    assert any(strategy.session for strategy in loaded)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_strategy_enters_and_exits_on_real_candles(file, eurusd_1h):
    plan = make_plan(load_strategy(file, library=LIBRARY), LIBRARY)
    scripted = any(call.spec.style == "script" for call in plan.calls)  # a process for each candle
    hours = eurusd_1h[:500] if scripted else eurusd_1h
    found = plan.decide(hours, plan.compute(hours))
    for side, flags in (("long", found.entry_long), ("short", found.entry_short)):
        wanted = f"entry_{side}" in plan.bound.rules
        assert bool(((flags == 1) & (found.blocked == 0)).sum() >= 5) == wanted
        level = found.long_price if side == "long" else found.short_price
        if plan.strategy.order.type != "market":
            assert np.isfinite(level[flags == 1]).all()
            assert (level[flags == 1] > 0).all()


def test_the_classic_takes_its_period_from_a_parameter():
    strategy = load_strategy(ROOT / "strategies" / "ma_crossover.yaml", library=LIBRARY)
    plan = make_plan(strategy.with_parameters({"ma_fast_period": 8}), LIBRARY)
    assert [call.key for call in plan.calls][:2] == ["sma(close, period=8)", "sma(close, period=30)"]


def test_check_says_ok_and_exits_with_0(capsys):
    assert run(*map(str, FILES)) == 0
    assert capsys.readouterr().out.count(": ok (") == len(FILES)


def test_check_lists_every_problem_and_exits_with_1(tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: bad\nentry: {when: close > smaa, size: 10}\nrisk: {max_drawdwn: 1}\n")
    assert run(str(FILES[0]), str(bad)) == 1
    printed = capsys.readouterr().out
    assert f"{bad}: 3 problems" in printed
    assert f"{bad}:2: unknown name 'smaa'" in printed


def test_check_speaks_json(tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: bad\n")
    assert run("--json", str(bad), str(tmp_path / "missing.yaml"), str(FILES[0])) == 1
    first, second, third = json.loads(capsys.readouterr().out)
    assert (first["ok"], first["problems"][0]["line"]) == (False, 1)
    assert (second["ok"], third["ok"], third["name"]) == (False, True, FILES[0].stem)


def test_every_metric_of_a_result_can_be_tracked_and_no_other():
    assert frozenset(results.METRICS) == METRICS


# The page about strategies


def _block(text: str, heading: str, language: str) -> str:
    return text.split(f"## {heading}")[1].split(f"```{language}\n")[1].split("```", maxsplit=1)[0]


def test_the_troubleshooting_shows_what_is_really_printed():
    text = PAGE.read_text()
    with pytest.raises(StrategyError) as error:
        load_strategy(_block(text, "Troubleshooting", "yaml"), library=LIBRARY)
    assert len(error.value.problems) == 5
    assert (
        "error: " + str(error.value).replace("<text>", "five.yaml") == _block(text, "Troubleshooting", "text").strip()
    )


def test_every_example_of_the_page_loads():
    examples = PAGE.read_text().split("## Troubleshooting")[0].split("```yaml\n")[1:]
    assert len(examples) >= 3
    for example in examples:
        load_strategy(example.split("```")[0], library=LIBRARY)
