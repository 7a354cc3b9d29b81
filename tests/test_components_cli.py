"""`sptrader-lab components` as a user types it."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from sptrader_lab.cli import components
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import ComponentError


@pytest.fixture
def type_in(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; return exit code and output."""
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    components.add(parser.add_subparsers(required=True))

    def run(*words: str) -> tuple[int, str]:
        args = parser.parse_args(["components", *words])
        return args.run(args), capsys.readouterr().out

    return run


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "components" / "indicators"
    folder.mkdir(parents=True)
    (folder / "peek.py").write_text("import numpy as np\ndef peek(close):\n    return np.roll(close, -1)\n")
    (folder / "typo.py").write_text("def typo(close)\n    return close\n")
    return folder


def test_list_shows_what_there_is_and_what_is_broken(type_in, workspace):
    code, text = type_in("list")
    assert code == 0
    assert re.search(r"^  supertrend +Line `multiple` average", text, re.MULTILINE)
    assert re.search(r"^  ma_crossover +Tell a golden cross", text, re.MULTILINE)
    assert text.index("indicators\n") < text.index("signals\n") < text.index("broken\n")
    assert f"{workspace / 'typo.py'}:1: not valid Python" in text


def test_list_speaks_json(type_in, workspace):
    document = json.loads(type_in("list", "--json")[1])
    sma = next(each for each in document["components"] if each["name"] == "sma")
    assert sma["parameters"][0] == {
        "name": "period",
        "kind": "int",
        "default": 20,
        "low": 1,
        "high": 5000,
        "choices": [],
        "description": "Bars in the average.",
    }
    assert [each["path"] for each in document["broken"]] == [str(workspace / "typo.py")]


def test_list_knows_ta_lib(type_in):
    assert "  talib.RSI " in type_in("list", "--talib")[1]


def test_show_tells_inputs_parameters_outputs_and_place(type_in):
    code, text = type_in("show", "ma_crossover")
    assert code == 0
    for line in (
        "ma_crossover (signal)",
        "  ma_fast  from sma(period=10)",
        "  min_separation = 0.0  float, 0 to 1",
        "      Smallest |fast - slow| / slow on the event's bar; a cross that has less then is no event.",
        "  crossover_type  (0 none, 1 golden_cross, 2 death_cross)",
    ):
        assert line in text.splitlines()
    assert "signals/ma_crossover.py" in text
    assert "  macd  from macd().macd" in type_in("show", "macd_cross")[1]
    assert "  matype = 'SMA'  one of SMA, EMA, WMA" in type_in("show", "talib.MA")[1]
    assert json.loads(type_in("show", "sma", "--json")[1])["inputs"][0]["name"] == "close"


def test_show_refuses_an_unknown_name_with_the_nearest(type_in):
    with pytest.raises(ComponentError, match="Did you mean 'stochastic'"):
        type_in("show", "stochastik")


def test_check_examines_everything_and_fails_when_something_does(type_in, workspace):
    code, text = type_in("check")
    assert code == 1
    assert "sma: passed on 1,500 candles, 19 bars of warm-up" in text
    assert "peek: FAILED on 1,500 candles" in text
    assert "FAIL no value moves when later bars are taken away: peek at bar 0 is" in text
    assert f"{workspace / 'typo.py'}:1: not valid Python" in text
    assert text.splitlines()[-1] == "22 passed, 2 failed"


def test_check_takes_a_file(type_in, workspace):
    code, text = type_in("check", str(workspace / "peek.py"))
    assert code == 1
    assert text.splitlines()[-1] == "0 passed, 1 failed"
    code, text = type_in("check", "talib.RSI", "--json")
    assert code == 0
    assert json.loads(text)["exams"][0]["warmup"] == {"real": 14}


def test_check_of_a_file_means_that_file(type_in, workspace, tmp_path):
    body = "def peek(close):\n    return close\n"
    (tmp_path / "peek.py").write_text(body)
    assert type_in("check", "peek.py")[0] == 0
    assert type_in("check", "components/indicators/peek.py")[0] == 1


def test_check_goes_on_when_a_requirement_is_missing(type_in, workspace):
    (workspace / "lost.py").write_text(
        "from typing import Annotated\nfrom sptrader_lab.components import Column, Requires\n"
        "def lost(x: Annotated[Column, Requires('nobody')]):\n    return x\n"
    )
    (workspace / "wrong.py").write_text(
        "from typing import Annotated\nfrom sptrader_lab.components import Column, Requires\n"
        "def wrong(x: Annotated[Column, Requires('sma', perod=3)]):\n    return x\n"
    )
    code, text = type_in("check")
    assert code == 1
    assert "lost: could not be examined: unknown component 'nobody'" in text
    assert "wrong: could not be examined: sma: unknown parameter 'perod'. Did you mean 'period'?" in text
    assert text.splitlines()[-1] == "22 passed, 4 failed"


ROOT = Path(__file__).resolve().parent.parent


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / "docs" / "components.md").read_text(), re.DOTALL)


def without_carets(text: str) -> str:
    """Where in a line an error is marked depends on the version of Python."""
    return "\n".join(line for line in text.splitlines() if not re.fullmatch(r"[ ~^]*[~^][ ~^]*", line))


def test_the_examples_of_the_documentation_print_what_it_says(type_in, tmp_path):
    """Every python block that begins with its path is written there; every text block is what `check` prints."""
    files = dict(re.findall(r"# (components/\S+\.py)\n(.*)", block, re.DOTALL)[0] for block in blocks("python"))
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n{text}")
    printed = type_in("check")[1].replace(str(tmp_path), "/home/you/research")
    said = blocks("text")
    assert len(said) >= 5
    assert len(files) >= 7
    for block in said:
        assert without_carets(block) in without_carets(printed)
    for good in ("range_share", "inside_break", "gap_up"):
        assert f"{good}: passed on 1,500 candles" in printed


def test_the_documentation_names_every_component_with_its_parameters_and_outputs():
    library = scan(own_library())
    rows = {cells[1].strip(" `"): cells for cells in (line.split("|") for line in TABLE.findall(DOCS.read_text()))}
    assert set(rows) == set(library.specs)
    for name, spec in library.specs.items():
        parameters = ", ".join(f"{each.name} {each.default!r}".replace("'", "") for each in spec.parameters) or "none"
        outputs = ", ".join(output.name for output in spec.outputs if "#" not in output.name)  # of the first event
        assert [cell.strip() for cell in rows[name][2:4]] == [parameters, outputs]


TABLE = re.compile(r"^\| `.*\|$", re.MULTILINE)
DOCS = ROOT / "docs" / "components.md"
