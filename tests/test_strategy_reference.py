"""The reference of every key and the schema for editors: made from the code, and true."""

from __future__ import annotations

import argparse
import re
from typing import Any

import jsonschema
import pytest

from sptrader_lab.cli import strategy as command
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.strategy.describe import SECTIONS, form, keys
from sptrader_lab.strategy.examples import EXAMPLES, whole
from sptrader_lab.strategy.json_schema import json_schema, json_text
from sptrader_lab.strategy.legacy import MEANINGLESS
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.parameters import typed
from sptrader_lab.strategy.reference import reference
from sptrader_lab.strategy.schema.section import Section
from sptrader_lab.strategy.source import Listed, Mapped, Problems, Scalar, read
from sptrader_lab.strategy.strategy import Strategy
from tests.conftest import ROOT
from tests.test_strategy_load import LEGACY, OLDER

LIBRARY = scan(own_library())
SCHEMA = ROOT / "sptrader_lab" / "strategy" / "schema" / "strategy.schema.json"
VALIDATOR = jsonschema.Draft7Validator(json_schema())
ALL = [pytest.param(heading, example, id=heading) for heading, several in EXAMPLES.items() for example in several]
SMALL = "name: small\nentry: {when: close > sma, size: 0.1}\nexit: {when: close < sma}\n"


def plain(node: Any) -> Any:
    """A file's tree as an editor sees it: numbers, booleans, texts, lists, mappings."""
    if isinstance(node, Mapped):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, Listed):
        return [plain(item) for item in node]
    return typed(str(node)) if isinstance(node, Scalar) else None


def tree(text: str) -> Any:
    problems = Problems("<text>")
    found = read(text, problems)
    assert not problems
    return found


def accepted(text: str) -> bool:
    return VALIDATOR.is_valid(plain(tree(text)))


# What is committed is what the code says


def test_the_committed_page_and_schema_are_those_that_the_code_makes():
    assert (ROOT / "docs" / "reference.md").read_text() == reference(), "run: make reference"
    assert SCHEMA.read_text() == json_text(), "run: make reference"


@pytest.mark.parametrize(("word", "made"), [("reference", reference), ("schema", json_text)])
def test_the_command_prints_them(word, made, capsys):
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    args = parser.parse_args(["strategy", word])
    assert args.run(args) == 0
    assert capsys.readouterr().out == made()


# The page names every key, and every key of the page is accepted


def sections_of(model: type[Section]) -> set[type[Section]]:
    """Every section that a file may hold, found by walking the models."""
    found = {form(model)}
    for field in form(model).model_fields.values():
        text = repr(field.annotation)
        for each in Section.__subclasses__() + [
            deep for sub in Section.__subclasses__() for deep in sub.__subclasses__()
        ]:
            if re.search(rf"\.{each.__name__}\b", text) and form(each) not in found:
                found |= sections_of(each)
    return found


def test_every_section_has_its_place_on_the_page():
    assert sections_of(Strategy) == set(SECTIONS.values())


def test_every_key_has_a_line_with_its_type_and_meaning():
    page = reference()
    for heading, model in SECTIONS.items():
        part = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        for key in keys(model):
            (row,) = [line for line in part.splitlines() if line.startswith(f"| `{key.name}` |")]
            assert all(cell.strip() for place, cell in enumerate(row.split("|")[1:-1]) if place != 3), row
            assert row.count("|") == 6
    for section, key in MEANINGLESS:
        assert f"| `{section}.{key}` |" in page


def test_every_rule_that_the_page_names_exists():
    rules = (ROOT / "docs" / "semantics.md").read_text()
    for number in set(re.findall(r"\bS(\d+)\b", reference())):
        assert re.search(rf"\*\*S{number}\*\*", rules), number


def test_every_link_of_the_page_leads_somewhere():
    page = reference()
    headings = {line[3:].lower().replace(" ", "-") for line in page.splitlines() if line.startswith("## ")}
    for anchor in re.findall(r"\]\(#([^)]+)\)", page):
        assert anchor in headings
    assert "\n## Conditions\n" in (ROOT / "docs" / "strategy.md").read_text()


@pytest.mark.parametrize(("heading", "example"), ALL)
def test_every_example_of_the_page_loads(heading, example):
    load_strategy(whole(example), library=LIBRARY)
    assert f"```yaml\n{example}```" in reference()


#: Where a section stands in a file; `*` is any name or item.
PLACES = {
    "The file": "",
    "indicators": "indicators.*",
    "signal_config": "signal_config.*",
    "required_indicators": "signal_config.*.required_indicators.*",
    "side of an entry": "entry.long",
    "size": "entry.size",
    "order": "entry.order",
    "price": "entry.order.price",
    "expiry": "entry.order.expiry",
    "side of an exit": "exit.long",
    "signal_exit": "exit.signal_exit",
    "level": "exit.stop_loss",
    "target": "exit.take_profit.*",
    "break-even": "exit.break_even",
    "break-even offset": "exit.break_even.offset",
    "session": "exit.session",
    "commission": "execution.commission",
    "swap": "instrument.swap",
    "split": "instruments.*.splits.*",
    "dividend": "instruments.*.dividends.*",
}


def standing_at(node: Any, steps: list[str]) -> list[Any]:
    if not steps:
        return [node]
    if steps[0] == "*":
        items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        return [found for item in items for found in standing_at(item, steps[1:])]
    return standing_at(node[steps[0]], steps[1:]) if isinstance(node, dict) and steps[0] in node else []


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_examples_of_a_section_hold_every_key_of_it(heading):
    place = PLACES.get(heading, heading)
    shown: set[str] = set()
    for example in EXAMPLES[heading]:
        for found in standing_at(tree(whole(example)), place.split(".") if place else []):
            shown |= set(found) if isinstance(found, dict) else set()
    missing = {key.name for key in keys(SECTIONS[heading])} - shown
    assert missing == set()


# The schema accepts what loads and not what doesn't


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize(("heading", "example"), ALL)
def test_the_schema_accepts_every_example(heading, example):
    assert accepted(whole(example))


@pytest.mark.parametrize("file", sorted((ROOT / "strategies").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_schema_accepts_every_shipped_strategy(file):
    found = [error.message for error in VALIDATOR.iter_errors(plain(tree(file.read_text())))]
    assert found == []


@pytest.mark.parametrize("text", [LEGACY, OLDER], ids=["legacy", "older"])
def test_the_schema_accepts_files_of_the_older_dialect(text):
    assert accepted(text)


@pytest.mark.parametrize(
    "condition",
    [
        "close > sma",
        "[close > sma, rsi < 30]",
        "{signal: ma_crossover, outputs: {crossover_type: golden_cross}}",
        "[{any: [close > sma, {not: {signal: breakout}}]}]",
        "{indicator: rsi, condition: '< 30', min_bars: 2}",
    ],
)
def test_the_schema_accepts_every_form_of_a_condition(condition):
    assert accepted(SMALL.replace("close > sma", condition))


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("name: small\n", ""),
        SMALL.replace("entry: {when: close > sma, size: 0.1}\n", ""),
        SMALL.replace("when: close > sma, ", ""),
        SMALL.replace("when: close > sma", "whn: close > sma"),
        SMALL.replace("size: 0.1", "size: 10%"),
        SMALL.replace("size: 0.1", "size: {type: percent, value: 0.1}"),
        SMALL.replace("size: 0.1", "size: {type: fraction, value: 0.1, cap: 0.2}"),
        SMALL.replace("size: 0.1", "size: 0.1, order: limit"),
        SMALL.replace("size: 0.1", "size: 0.1, order: {type: limitt, offset: 0.1}"),
        SMALL.replace("size: 0.1", "size: 0.1, order: {type: limit, offset: 0.1, price: close}"),
        SMALL.replace("size: 0.1", "size: 0.1, order: {type: limit, offset: 0.1, limit_offset: 0.1}"),
        SMALL.replace("size: 0.1", "size: 0.1, order: {offset: 0.1}"),
        SMALL.replace("size: 0.1", "size: 0.1, order: {type: limit, offset: 0.1, expiry: tomorrow}"),
        SMALL.replace("exit: {", "exit: {stop_loss: 2, "),
        SMALL.replace("exit: {", "exit: {stop_loss: {value: 2}, "),
        SMALL.replace("exit: {", "exit: {stop_los: 0.02, "),
        SMALL.replace("exit: {", "exit: {take_profit: [], "),
        SMALL.replace("exit: {", "exit: {take_profit: [{value: 0.02, share: 1.5}], "),
        SMALL.replace("exit: {", "exit: {session: noon, "),
        SMALL.replace("when: close < sma", "when: {every: [close < sma]}"),
        SMALL + "risk: {max_drawdown: 15}\n",
        SMALL + "account: {leverage: 30}\n",
        SMALL + "account: {type: margin}\n",
        SMALL + "execution: {spread: wide}\n",
        SMALL + "instrument: {swap: -0.3}\n",
        SMALL + "instrument: {kind: pair, splits: [{date: 2024-06-10, ratio: 2}]}\n",
        SMALL + "leverage: 30\n",
    ],
)
def test_the_schema_notices_what_loading_refuses(text):
    assert not accepted(text)
    with pytest.raises(Exception, match="nothing was run"):
        load_strategy(text, library=LIBRARY)


def test_a_reference_may_stand_for_a_value_in_an_editor_too():
    text = SMALL.replace("size: 0.1", "size: parameters.size").replace(
        "exit: {", "exit: {stop_loss: {value: parameters.stop}, "
    )
    assert accepted(text + "parameters: {size: 0.1, stop: 0.02}\n")
