"""`sptrader-lab component migrate`: the same bits, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sptrader_lab.cli.main import main
from sptrader_lab.components import native, reading
from sptrader_lab.components.exam import exam_candles, gather, market_of
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.components.migration.compare import wild
from sptrader_lab.components.migration.run import migrate
from sptrader_lab.components.run import run
from sptrader_lab.components.vocabulary import word
from sptrader_lab.errors import ComponentError, InputError

MEAN = '''"""Module."""
import sys
import pandas as pd
from typing import Dict
from core.base.indicator import Indicator

sys.path.append("/nowhere")
SCALE = 2.0

__metadata_version__ = 1
__metadata__ = {
    "name": "mean",
    "description": "Mean of a price",
    "outputs": ["mean", "twice"],
    "parameters": {
        "period": {"type": "int", "default": 5, "min": 2, "max": 50, "description": "Bars"},
        "source": {"type": "str", "default": "close", "options": ["open", "close"]},
        "shift": {"type": "float", "default": 0.25},
        "rounded": {"type": "bool", "default": False},
    },
}


def scaled(values):
    return values * SCALE


class Mean(Indicator):
    """The mean of the class."""

    DIGITS = 4

    def __init__(self, period: int = 5, source: str = "close", shift=0.25, rounded=False, unused=3):
        super().__init__()
        self.period = period
        self.source = source
        self.alpha = shift / (period + 1)
        self.rounded = rounded
        self.extra = unused

    def calculate(self, data: pd.DataFrame) -> pd.DataFrame:
        period = self.period
        alpha = 1.0  # not the attribute
        line = self._smooth(data[self.source], period) * alpha
        self.kept = line + self.extra
        if self.rounded:
            line = line.round(self.DIGITS)
        return pd.DataFrame({"mean": line, "twice": scaled(self.kept)})

    def _smooth(self, series, window):
        return series.rolling(window).mean() + self.alpha

    @property
    def metadata(self):
        return __metadata__
'''

CROSS = """import pandas as pd
from core.base.signal import Signal

__metadata__ = {
    "name": "cross",
    "required_indicators": [
        {"name": "fast", "type": "sma", "params": {"period": 3}},
        {"name": "slow", "type": "sma", "params": {"period": 9}},
    ],
    "outputs": ["signal", "gap", "kind"],
    "parameters": {"bars": {"type": "int", "default": 1, "min": 1, "max": 3}},
}


class Cross(Signal):
    def __init__(self, bars=1):
        self.bars = bars

    def evaluate(self, data, indicators):
        above = indicators["fast"] > indicators["slow"]
        before = above.shift(self.bars).fillna(False)
        kind = pd.Series("none", index=data.index)
        kind[above & ~before] = "up_cross"
        kind[~above & before] = "down_cross"
        return pd.DataFrame({"signal": kind != "none", "gap": indicators["fast"] - indicators["slow"], "kind": kind})
"""


@pytest.fixture
def workspace(tmp_path):
    def put(name: str, text: str, kind: str = "indicators") -> Path:
        path = tmp_path / "core" / kind / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return put


def columns_of(path: Path, parameters: dict, candles):
    library = scan(own_library())
    spec = reading.read(path)
    return spec, run(spec, gather(spec, candles, library), spec.resolve(parameters), market_of(candles))


def written(tmp_path: Path, path: Path, kind: str = "indicators") -> Path:
    target = tmp_path / "new" / kind / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(migrate(path).text)
    return target


@pytest.mark.parametrize(
    "parameters",
    [{}, {"period": 7, "source": "open"}, {"shift": -3.5, "rounded": True}, {"period": 50, "rounded": True}],
)
def test_an_indicator_gives_the_same_bits_on_candles_that_migrate_never_saw(tmp_path, workspace, parameters):
    path = workspace("mean", MEAN)
    new = written(tmp_path, path)
    candles = exam_candles(900, seed=99)
    old_spec, before = columns_of(path, parameters, candles)
    new_spec, after = columns_of(new, parameters, candles)
    assert (old_spec.style, new_spec.style) == ("class", "native")
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.view(np.int64), other.view(np.int64))
    assert not np.isnan(after[0]).all()


def test_the_signature_says_what_the_metadata_said(tmp_path, workspace):
    spec = native.load(written(tmp_path, workspace("mean", MEAN)))
    period, source, shift, rounded = spec.parameters
    assert (period.kind, period.default, period.low, period.high, period.description) == ("int", 5, 2, 50, "Bars")
    assert (source.kind, source.choices) == ("str", ("open", "close"))
    assert (shift.kind, shift.low, shift.high) == ("float", -np.inf, np.inf)
    assert (rounded.kind, rounded.default) == ("bool", False)
    assert [each.name for each in spec.outputs] == ["mean", "twice"]
    assert spec.summary == "Mean of a price."
    assert "The mean of the class." in (spec.function.__doc__ or "")


def test_what_was_not_carried_over_is_said(workspace):
    done = migrate(workspace("mean", MEAN))
    assert "not carried over: line 7: sys.path.append('/nowhere')" in done.notes
    assert "shift has no bounds in the metadata; give it some in place of math.inf" in done.notes
    assert "sys.path" not in done.text
    assert "core.base" not in done.text


@pytest.mark.parametrize("parameters", [{}, {"bars": 3}])
def test_a_signal_says_the_same_words_by_labels(tmp_path, workspace, parameters):
    path = workspace("cross", CROSS, "signals")
    new = written(tmp_path, path, "signals")
    candles = wild(exam_candles(900, seed=5))
    _, before = columns_of(path, parameters, candles)
    spec, after = columns_of(new, parameters, candles)
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    labels = spec.outputs[2].labels
    assert labels == ("none", "up_cross", "down_cross")
    said = [labels[int(code)] for code in after[2]]
    assert said == [word(value) for value in before[2].tolist()]
    assert said.count("up_cross") > 20
    assert spec.inputs[0].requires is not None
    assert (spec.inputs[0].name, spec.inputs[0].requires.parameters) == ("fast", {"period": 3})


def test_columns_are_the_candles_that_the_class_uses(workspace):
    text = CROSS.replace('indicators["fast"] - indicators["slow"]', 'data["high"] - indicators["close"]')
    done = migrate(workspace("cross", text, "signals"))
    assert "    high: Column,\n    close: Column,\n    fast: Annotated" in done.text
    assert "volume" not in done.text


def test_one_column_of_flags_is_a_signal(tmp_path, workspace):
    text = CROSS.replace('return pd.DataFrame({"signal": kind != "none"', 'return kind != "none" ; dict({"signal": 0')
    path = workspace("cross", text, "signals")
    done = migrate(path)
    assert "gap is declared and was never given; it is undefined everywhere" in done.notes
    candles = wild(exam_candles(600, seed=3))
    _, before = columns_of(path, {}, candles)
    _, after = columns_of(written(tmp_path, path, "signals"), {}, candles)
    np.testing.assert_array_equal(before[0], after[0])
    assert before[0].sum() > 20


SIMPLE = """import pandas as pd
__metadata__ = {{"name": "simple", "outputs": ["simple"], "parameters": {{"period": {{"type": "int", "default": 5}}}}}}
{above}
class Simple{base}:
    def __init__(self, period=5):
        self.period = period

    def calculate(self, data):
        {body}
"""


@pytest.mark.parametrize(
    ("above", "base", "body", "said"),
    [
        (
            "",
            "",
            "return self._go(data, self)\n    def _go(self, data, who): return data['close']",
            "self is used as a whole",
        ),
        ("", "", "self.period = 3; return data['close'] * self.period", "self.period is set outside the constructor"),
        ("", "", "import core.utils.prices as prices; return prices.f(data)", "it uses core.utils.prices"),
        ("from core.utils.prices import f", "", "return f(data)", "it uses core.utils.prices"),
        ("", "", "global x; x = 1; return data['close']", "it changes names of its module"),
        ("class Base:\n    pass", "(Base)", "return data['close']", "the class inherits from Base"),
        ("", "", "return data['close'] * self.nowhere", "self.nowhere is set nowhere in the class"),
    ],
)
def test_what_cannot_be_carried_is_refused_with_its_line(workspace, tmp_path, capsys, above, base, body, said):
    workspace("x", "def f(data): return data['close']\n", "utils")
    (tmp_path / "core" / "utils" / "prices.py").write_text("def f(data): return data['close']\n")
    path = workspace("simple", SIMPLE.format(above=above, base=base, body=body))
    target = tmp_path / "out.py"
    assert main(["component", "migrate", str(path), "--output", str(target)]) == 2
    error = capsys.readouterr().err
    assert "nothing was written" in error
    line = next(
        number for number, text in enumerate(path.read_text().splitlines(), 1) if _cause(text, body, above, base)
    )
    assert f"{path}:{line}: {said}" in error
    assert not target.exists()


def _cause(text: str, body: str, above: str, base: str) -> bool:
    cause = f"class Simple{base}" if base else above or body.splitlines()[0]
    return cause in text


def test_other_bits_are_refused_with_the_first_difference(workspace):
    body = "hours = getattr(data.index, 'hour', 0); return data['close'] + (hours == 7)"
    path = workspace("simple", SIMPLE.format(above="", base="", body=body))
    with pytest.raises(
        ComponentError, match=r"gives other bits, so nothing was written: with default parameters: simple at bar 7 was"
    ):
        migrate(path)


def test_a_class_that_fails_is_not_called_the_same(workspace):
    path = workspace("simple", SIMPLE.format(above="", base="", body="raise ValueError('never')"))
    with pytest.raises(ComponentError, match=r"the old one fails: .*never"):
        migrate(path)


def test_other_styles_are_refused_with_the_reason(workspace):
    script = workspace("spoken", 'print("INDICATOR_START")\n')
    with pytest.raises(ComponentError, match=r"spoken is a script.*it runs as it is"):
        migrate(script)
    native_file = workspace("plain", "def plain(close):\n    return close\n")
    with pytest.raises(ComponentError, match="plain is native already"):
        migrate(native_file)
    with pytest.raises(InputError, match="no component file"):
        migrate(native_file.with_name("nowhere.py"))


def test_the_command_writes_prints_and_never_overwrites(workspace, tmp_path, capsys):
    path = workspace("mean", MEAN)
    target = tmp_path / "components" / "indicators" / "average.py"
    assert main(["component", "migrate", str(path), "--output", str(target)]) == 0
    said = capsys.readouterr().out
    assert f"written  {target}" in said
    assert "same bits on 1,200 candles" in said
    assert native.load(target).name == "average"
    before = target.read_text()
    assert main(["component", "migrate", str(path), "--output", str(target)]) == 2
    assert "is there already; nothing was written" in capsys.readouterr().err
    assert target.read_text() == before
    assert main(["component", "migrate", str(path)]) == 0
    compile(capsys.readouterr().out, "printed", "exec")
    assert main(["component", "migrate", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == "mean"
    assert all(each["passed"] for each in document["exam"])
    assert path.read_text() == MEAN


def test_a_printed_file_is_the_file_alone(workspace, capsys):
    """Whatever the class prints; what is to know of it goes to standard error."""
    text = MEAN.replace("        alpha = 1.0", "        print('mean of', len(data))\n        alpha = 1.0")
    assert "print(" in text
    path = workspace("mean", text)
    assert main(["component", "migrate", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out == migrate(path).text
    assert said.out.startswith('"""')
    assert said.err.startswith("same bits on 1,200 candles")
    assert "not carried over" in said.err
    assert "mean of" not in said.err


def test_only_comments_that_are_there_are_said_to_be_lost(workspace):
    (line,) = [number for number, text in enumerate(MEAN.splitlines(), 1) if "# not the attribute" in text]
    lost = f"comments were not carried over (line {line})"
    assert lost in migrate(workspace("mean", MEAN)).notes
    bare = "#!/usr/bin/env python\n" + MEAN.replace("  # not the attribute", "")
    assert not [each for each in migrate(workspace("bare", bare)).notes if "comment" in each]
