"""Classes and lists of events of the older system: described, asked, refused."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.components import native
from sptrader_lab.components.answer import Answer
from sptrader_lab.components.exam import exam_candles, examine, gather
from sptrader_lab.components.legacy.frames import Unusable, numbers
from sptrader_lab.components.library import Broken, Library, own_library, scan
from sptrader_lab.components.reading import read, style_of
from sptrader_lab.components.run import ask
from sptrader_lab.components.spec import Input, Output, Parameter, Spec
from sptrader_lab.components.vocabulary import code, word
from sptrader_lab.components.words import Requires
from sptrader_lab.errors import ComponentError, ComponentFailed, InputError
from sptrader_lab.types.market import Market

CANDLES = exam_candles(300)
MARKET = Market(CANDLES.symbol, CANDLES.timeframe, CANDLES.day_end)
OWN = scan(own_library())
LEVEL = float(np.median(CANDLES.close))
TIMES = ("time", "open", "high", "low", "close", "volume")

AVERAGE = """
import pandas as pd
from core.base.indicator import Indicator

__metadata_version__ = 1
__metadata__ = {
    'name': 'average',
    'description': 'Mean of a price',
    'inputs': ['close'],
    'outputs': ['average'],
    'min_lookback': 20,
    'parameters': {
        'period': {'type': 'int', 'default': 20, 'min': 2, 'max': 200, 'description': 'Bars'},
        'source': {'type': 'str', 'default': 'close', 'options': ['close', 'hl2']},
    },
}

class Mean(Indicator):
    def __init__(self, period=20, source='close'):
        super().__init__()
        self.period = period
        self.source = source

    def calculate(self, data):
        price = (data['high'] + data['low']) / 2 if self.source == 'hl2' else data[self.source]
        return pd.DataFrame({'average': price.rolling(self.period).mean()})
"""

CROSS = """
import pandas as pd
from core.base.signal import Signal

__metadata_version__ = 2
__metadata__ = {
    'name': 'cross',
    'required_indicators': [
        {'name': 'fast', 'type': 'sma', 'params': {'period': 5, 'source': 'close'}},
        {'name': 'slow', 'type': 'sma', 'parameters': {'period': 12}},
    ],
    'outputs': ['signal', 'signal_strength', 'crossover_type'],
    'lookback_required': 50,
}

class Cross(Signal):
    @property
    def required_indicators(self):
        return __metadata__['required_indicators']

    def evaluate(self, data, indicators):
        fast, slow = indicators['fast'], indicators['slow']
        above = fast > slow
        before = above.shift(1).fillna(False)
        kind = pd.Series('none', index=data.index)
        kind[above & ~before] = 'golden_cross'
        kind[~above & before] = 'death_cross'
        return pd.DataFrame({
            'signal': kind != 'none', 'crossover_type': kind, 'signal_strength': abs(fast - slow) / slow,
        })
"""

EVENTS = """
__metadata__ = {
    'required_indicators': [{'name': 'line', 'type': 'sma', 'parameters': {'period': 5}}],
    'parameters': {'level': {'type': 'float', 'default': 1.1}},
}

def generate_signals(indicators, parameters=None):
    above = indicators['close'] > parameters['level']
    print('asked about', len(above))
    return [
        {'timestamp': time.isoformat(), 'signal_type': 'above', 'strength': 0.5, 'metadata': {'gap': 2, 'side': 'up'}}
        for time, yes in above.items() if yes
    ]
"""


def write(tmp_path: Path, name: str, text: str, kind: str = "indicators") -> Path:
    path = tmp_path / "core" / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def answer(spec: Spec, *, library: Library = OWN, market: Market = MARKET, **parameters: object) -> Answer:
    return ask(spec, gather(spec, CANDLES, library), spec.resolve(parameters), market)


def indicator(body: str, metadata: str = "{'outputs': ['out']}", head: str = "") -> str:
    """Return a file whose class answers with `body`."""
    lines = "\n".join(f"        {line}" for line in dedent(body).strip().splitlines())
    return f"import numpy as np\nimport pandas as pd\n{head}\n__metadata__ = {metadata}\n\nclass Own:\n    def calculate(self, data):\n{lines}\n"


def signal(body: str, metadata: str = "{'outputs': ['signal', 'kind']}") -> str:
    return indicator(body, metadata).replace("calculate(self, data)", "evaluate(self, data, indicators)")


# What a file says of itself


def test_an_indicator_is_described_by_its_metadata(tmp_path):
    spec = read(write(tmp_path, "mean", AVERAGE))
    assert (spec.name, spec.kind, spec.style, spec.summary, spec.lookback) == (
        "mean",
        "indicator",
        "class",
        "Mean of a price",
        20,
    )
    assert spec.inputs == tuple(map(Input, TIMES))
    assert spec.outputs == (Output("average"),)
    assert spec.parameters == (
        Parameter("period", "int", 20, 2, 200, (), "Bars"),
        Parameter("source", "str", "close", None, None, ("close", "hl2"), ""),
    )
    assert spec.reshape is None
    assert spec.takes_market


def test_an_indicator_gives_what_the_library_gives(tmp_path):
    spec = read(write(tmp_path, "mean", AVERAGE))
    for source, column in (("close", CANDLES.close), ("hl2", (CANDLES.high + CANDLES.low) / 2)):
        wanted = ask(OWN.find("sma"), [column], {"period": 7}).columns[0]
        np.testing.assert_allclose(answer(spec, period=7, source=source).columns[0], wanted, rtol=1e-12)


def test_a_signal_names_its_requirements_and_codes_its_words(tmp_path):
    spec = read(write(tmp_path, "cross", CROSS, "signals"))
    assert [each.name for each in spec.inputs] == [*TIMES, "fast", "slow"]
    assert spec.inputs[6].requires == Requires("sma", period=5, source="close")
    assert spec.inputs[7].requires == Requires("sma", period=12)
    assert spec.outputs == (
        Output("signal"),
        Output("signal_strength", mixed=True),
        Output("crossover_type", mixed=True),
    )
    assert (spec.kind, spec.lookback) == ("signal", 50)
    fired, strength, kind = answer(spec).columns
    fast, slow = (ask(OWN.find("sma"), [CANDLES.close], {"period": period}).columns[0] for period in (5, 12))
    above = [a > b for a, b in zip(fast.tolist(), slow.tolist(), strict=True)]
    words = ["none"] * len(above)
    for bar, now in enumerate(above):
        if now != (above[bar - 1] if bar else False):
            words[bar] = "golden_cross" if now else "death_cross"
    assert [word(number) for number in kind.tolist()] == words
    assert 10 < sum(each != "none" for each in words) < 100
    assert fired.tolist() == [float(each != "none") for each in words]
    assert np.isnan(strength[:11]).all()
    assert strength[20] == abs(fast[20] - slow[20]) / slow[20]


def test_requirements_by_bare_name_are_name_and_type_and_candle_columns_are_there_anyway(tmp_path):
    spec = read(
        write(
            tmp_path,
            "low_rsi",
            signal(
                "return (indicators['rsi'] < 40) & (indicators['high'] > 0) & (indicators['close'] == data['close'])",
                "{'outputs': ['boolean'], 'required_indicators': ['rsi', 'high']}",
            ),
            "signals",
        )
    )
    assert spec.inputs[6:] == (Input("rsi", Requires("rsi")),)
    assert spec.outputs == (Output("signal"),)
    (rsi,) = ask(OWN.find("rsi"), [CANDLES.close], {}).columns
    with np.errstate(invalid="ignore"):
        assert answer(spec).columns[0].tolist() == (rsi < 40).astype(float).tolist()


def test_kinds_of_parameters_have_many_names_and_bounds_may_be_missing(tmp_path):
    metadata = """{'parameters': {
        'a': {'type': 'integer', 'default': 5}, 'b': {'type': 'double', 'default': 1, 'min': 0},
        'c': {'type': 'number', 'default': 0.5, 'max': 1}, 'd': {'type': 'boolean', 'default': True},
        'e': {'type': 'string', 'default': 'any'}, 'f': {'type': 'choice', 'default': 'x', 'choices': ['x', 'y']},
        'g': {'type': 'int', 'default': 10, 'options': [5, 10, 20], 'description': 'Step'}, 'h': 3,
        'i': {'type': float, 'default': 2.0}, 'j': {'type': 'int'},
    }}"""
    text = indicator("return data['close']", metadata).replace(
        "    def calc", "    def __init__(self, a, b, c, d, e, f, g, h, i, j=4):\n        pass\n    def calc"
    )
    spec = read(write(tmp_path, "many", text))
    assert spec.parameters == (
        Parameter("a", "int", 5),
        Parameter("b", "float", 1.0, 0),
        Parameter("c", "float", 0.5, None, 1),
        Parameter("d", "bool", True),
        Parameter("e", "str", "any"),
        Parameter("f", "str", "x", None, None, ("x", "y")),
        Parameter("g", "int", 10, 5, 20, (), "Step (one of 5, 10, 20)"),
        Parameter("h", "int", 3),
        Parameter("i", "float", 2.0),
        Parameter("j", "int", 4),
    )
    assert spec.outputs == (Output("many"),)
    with pytest.raises(InputError, match=r"b = -1 is not a number from 0 up; nearest: 0"):
        spec.resolve({"b": -1})
    with pytest.raises(InputError, match=r"a = 'x' is not a whole number$"):
        spec.resolve({"a": "x"})


REFUSED = {
    "metadata no dict": ("['close']", 4, "__metadata__ is a list; it is a dict"),
    "unknown type": (
        "{'parameters': {\n'a': {\n'type': 'flaot', 'default': 1}}}",
        6,
        "parameter 'a': unknown type 'flaot' (did you mean 'float'?); types are int, float, bool and str",
    ),
    "beyond its bounds": (
        "{'parameters': {'a': {'type': 'int',\n'default': 500, 'min': 2, 'max': 200}}}",
        5,
        "the default of parameter a = 500 is not a whole number from 2 to 200; nearest: 200",
    ),
    "no default": ("{'parameters': {'b': {'type': 'int'}}}", 4, "parameter 'b': no default"),
    "bounds crossed": ("{'parameters': {'a': {'default': 5, 'min': 9, 'max': 2}}}", 4, "min 9 is above max 2"),
    "bound no number": ("{'parameters': {'a': {'default': 5, 'min': 'x'}}}", 4, "min has 'x', which is not a number"),
    "bound too large": ("{'parameters': {'a': {'default': 5, 'max': 10**400}}}", 4, "which is not a number"),
    "not among options": (
        "{'parameters': {'a': {'type': 'str', 'default': 'clsoe', 'options': ['close', 'open']}}}",
        4,
        "a = 'clsoe' is not one of close, open (did you mean 'close'?)",
    ),
    "parameters no dict": ("{'parameters': ['a']}", 4, "parameters is a list; write them as {'period'"),
    "not in the constructor": (
        "{'parameters': {\n'perod': {'type': 'int', 'default': 5}, 'b': 1}}",
        5,
        "parameter 'perod' is in the metadata, but the constructor of Own takes a, b",
    ),
    "not in the metadata": ("{}", 7, "the constructor of Own needs 'b', of which the metadata say nothing"),
    "required no list": ("{'required_indicators': 'rsi'}", 4, "required_indicators are a str; write them as [{"),
    "required without name": (
        "{'required_indicators': [{'params': {}}]}",
        4,
        "the name of required indicator number 1",
    ),
    "required twice": ("{'required_indicators': ['rsi',\n'rsi']}", 5, "'rsi' is called like another one"),
    "output twice": ("{'outputs': ['a', 'a']}", 4, "output 'a' is declared twice"),
    "output no name": ("{'outputs': [3]}", 4, "output number 1 is 3, not a name"),
    "lookback no number": (
        "{'lookback_required': 'long'}",
        4,
        "lookback_required is 'long', not a whole number of bars",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_contradictions_are_refused_with_their_line(tmp_path, case):
    metadata, line, what = REFUSED[case]
    text = indicator("return data['close']", metadata).replace(
        "    def calc", "    def __init__(self, a=1, *, b):\n        pass\n    def calc"
    )
    path = write(tmp_path, "wrong", text)
    with pytest.raises(ComponentError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert what in str(caught.value)


def test_unknown_keys_and_constructors_that_take_anything_are_fine(tmp_path):
    text = indicator("return data['close'] * self.by", "{'tags': [], 'parameters': {'by': 2.0}, 3: 4}").replace(
        "    def calc", "    def __init__(self, **kwargs):\n        self.by = kwargs['by']\n    def calc"
    )
    spec = read(write(tmp_path, "scaled", text))
    assert answer(spec, by=3.0).columns[0].tolist() == (CANDLES.close * 3.0).tolist()


# Which class


def test_the_class_is_found_by_its_method_whatever_it_is_called_and_not_among_imported_ones(tmp_path):
    write(tmp_path, "mean", AVERAGE)
    text = """
        from core.indicators.mean import Mean
        __metadata__ = {'parameters': {'period': 3}}
        class _Helper:
            def calculate(self, data): ...
        class Base:
            def calculate(self, data): ...
        class AnyName(Base):
            def __init__(self, period): self.inner = Mean(period)
            def calculate(self, data): return self.inner.calculate(data)['average']
    """
    spec = read(write(tmp_path, "other", text))
    assert np.isnan(answer(spec).columns[0][:2]).all()
    assert answer(spec).columns[0][2] == pytest.approx(CANDLES.close[:3].mean(), rel=1e-12)


def test_two_classes_are_refused_by_name(tmp_path):
    text = "__metadata__ = {}\nclass One:\n    def calculate(self, data): ...\nclass Two:\n    def evaluate(self, d, i): ...\n"
    path = write(tmp_path, "two", text)
    with pytest.raises(ComponentError, match=rf"{path}:4: 2 classes with calculate or evaluate \(One and Two\)"):
        read(path)


def test_a_class_without_metadata_and_a_method_of_another_shape_are_refused(tmp_path):
    path = write(tmp_path, "bare", "class Bare:\n    def calculate(self, data): ...\n")
    with pytest.raises(ComponentError, match=rf"{path}:1: class Bare needs a __metadata__ beside it"):
        read(path)
    path = write(tmp_path, "few", "__metadata__ = {}\nclass Few:\n    def evaluate(self, data): ...\n")
    with pytest.raises(
        ComponentError, match=r":3: evaluate can't be called: it is called as evaluate\(data, indicators\)"
    ):
        read(path)


SPEAKS = """
if __name__ == "__main__":
    print("INDICATOR_START")
"""


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("script", "import os\ndef own(prices, period=14):\n    return prices\n" + SPEAKS),
        ("script", "def own(prices: list[float], period: int = 14) -> list[float]:\n    return prices\n" + SPEAKS),
        ("script", "def own(close):\n    return close\n" + SPEAKS),
        ("script", "__metadata__ = {}\ndef own(close):\n    return close\n" + SPEAKS),
        ("native", "def own(close: Column) -> Column:\n    return close\n" + SPEAKS),
        ("native", "def own(line: 'Annotated[Column, Requires(\"sma\")]'):\n    return line\n" + SPEAKS),
        ("native", "def own(close, *, n: Annotated[int, Bounds(1, 2)] = 1):\n    return close\n" + SPEAKS),
        ("native", "def own(close):\n    return close\n" + SPEAKS + "    lab.run_as_script()\n"),
        ("native", "'Reads CANDLE_DATA.'\n# INDICATOR_START\ndef own(close):\n    'CANDLE_DATA'\n    return close\n"),
    ],
)
def test_a_script_with_a_function_called_like_its_file_is_a_script(tmp_path, style, text):
    assert style_of(tmp_path / "own.py", text.encode()) == style


BASE = """
class Base:
    def calculate(self, data):
        return data["close"] * self.by
    def evaluate(self, data, indicators):
        return data["close"] > self.by
"""


@pytest.mark.parametrize(
    ("head", "base"),
    [
        ("from core.base.common import Base", "Base"),
        ("from core.base.common import Base as B", "B"),
        ("from core.base import common", "common.Base"),
        ("import core.base.common", "core.base.common.Base"),
        ("import core.base.common as common", "common.Base"),
        ("from ..base.common import Base", "Base"),
        ("try:\n    from core.base.common import Base\nexcept ImportError:\n    Base = object", "Base"),
    ],
)
def test_a_class_may_have_its_method_from_a_class_of_the_workspace(tmp_path, head, base):
    common = tmp_path / "core" / "base" / "common.py"
    common.parent.mkdir(parents=True)
    common.write_text(BASE)
    path = tmp_path / "core" / "indicators" / "twice.py"
    path.parent.mkdir()
    path.write_text(f"{head}\n__metadata__ = {{'outputs': ['twice']}}\nclass Twice({base}):\n    by = 2.0\n")
    spec = read(path)
    assert (spec.style, spec.kind) == ("class", "indicator")
    (column,) = ask(spec, gather(spec, CANDLES, OWN), {}).columns
    np.testing.assert_array_equal(column, CANDLES.close * 2.0)


def test_a_class_without_any_method_is_still_refused(tmp_path):
    head = "from core.base.indicator import Indicator\n__metadata__ = {'outputs': ['x']}\n"
    with pytest.raises(ComponentError, match="no class of this file has calculate"):
        read(write(tmp_path, "x", head + "class X(Indicator):\n    by = 2.0\n"))


def test_values_that_only_raise_when_hashed_are_refused_with_a_reason():
    class Odd:
        def __hash__(self):
            raise TypeError("not today")

    with pytest.raises(Unusable, match="holds an Odd, not a number"):
        numbers(pd.Series([Odd(), Odd()], dtype=object), words=True)
    with pytest.raises(Unusable, match="holds a tuple, not a number"):
        numbers(pd.Series([([1],), ([1],)], dtype=object), words=True)


def test_a_text_that_can_not_be_kept_is_refused_where_it_is_read(tmp_path):
    path = write(tmp_path, "odd", "")
    path.write_bytes(b"# coding: utf-7\n__metadata__ = {'outputs': ['odd']}\nx = '+AGE-'\n" + BASE.encode())
    with pytest.raises(ComponentError, match=r"odd.py:1: its text can't be decoded and written again; .* UTF-8"):
        read(path)


def test_the_style_is_read_without_running_anything(tmp_path):
    boom = "raise SystemExit('ran')\n"
    cases = {
        "class": boom + AVERAGE,
        "events": boom + EVENTS,
        "native": boom + "def own(close):\n    return close\nif __name__ == '__main__':\n    print(1)\n",
        "script": boom + "def main(): ...\nif '__main__' == __name__:\n    main()\n",
    }
    for style, text in cases.items():
        assert style_of(tmp_path / "own.py", text.encode()) == style
    assert style_of(tmp_path / "own.py", b"print('x')") == "script"
    assert style_of(tmp_path / "own.py", b"import os\nraw = os.environ['CANDLE_DATA']\n") == "script"
    assert style_of(tmp_path / "own.py", b"def other(close): ...") == "native"
    assert (
        style_of(tmp_path / "own.py", b"try:\n  import x\nexcept ImportError:\n  x = 1\n" + AVERAGE.encode()) == "class"
    )


# Asking


def test_a_class_gets_candles_on_opening_instants_and_can_not_write_into_them(tmp_path):
    body = """
        assert list(data.columns) == ['open', 'high', 'low', 'close', 'volume']
        assert data.index.name == 'time' and data.index.tz is None and str(data.index.dtype) == 'datetime64[ns]'
        assert all(data.dtypes == 'float64')
        own = data['close'].copy()
        data.loc[:, :] = 0.0
        data['more'] = 1
        data.reset_index(inplace=True)
        return pd.Series(own.index.astype('int64') // 10**9, index=own.index)
    """
    spec = read(write(tmp_path, "clock", indicator(body)))
    inputs = gather(spec, CANDLES, OWN)
    before = [column.copy() for column in inputs]
    seconds = ask(spec, inputs, {}, MARKET).columns[0]
    assert seconds.tolist() == (CANDLES.time // 10**9).tolist()
    for old, new in zip(before, inputs, strict=True):
        assert old.tobytes() == new.tobytes()


def test_required_indicators_are_copies_on_the_same_index(tmp_path):
    body = """
        line = indicators['sma']
        assert line.index.equals(data.index) and line.name == 'sma'
        line[:] = -1.0
        indicators['close'][:] = -1.0
        return data['close'] > 0
    """
    spec = read(write(tmp_path, "greedy", signal(body, "{'required_indicators': ['sma']}"), "signals"))
    inputs = gather(spec, CANDLES, OWN)
    before = [column.copy() for column in inputs]
    assert ask(spec, inputs, {}, MARKET).columns[0].all()
    assert [column.tobytes() for column in before] == [column.tobytes() for column in inputs]


def test_every_call_has_an_instance_of_its_own(tmp_path):
    body = "self.seen = getattr(self, 'seen', 0) + 1\nreturn data['close'] * 0 + self.seen"
    spec = read(write(tmp_path, "counting", indicator(body)))
    assert [answer(spec).columns[0][0] for _ in range(3)] == [1, 1, 1]


SHAPES = {
    "a frame": "pd.DataFrame({'other': data['close'], 'out': data['open']})",
    "a frame with one column": "data[['open']]",
    "a series": "data['open']",
    "an array": "data['open'].to_numpy()",
    "a list": "data['open'].tolist()",
    "a frame made of arrays": "pd.DataFrame({'out': data['open'].to_numpy()})",
    "rows in another order": "data['open'].sort_values()",
    "nullable floats": "data['open'].astype('Float64')",
    "objects": "data['open'].astype(object)",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_output_may_come_in_many_shapes(tmp_path, shape):
    spec = read(write(tmp_path, "shaped", indicator(f"return {SHAPES[shape]}")))
    assert answer(spec).columns[0].tolist() == CANDLES.open.tolist()


def test_rows_that_were_left_out_are_undefined_and_silent(tmp_path):
    spec = read(write(tmp_path, "short", indicator("return data['close'].rolling(5).mean().dropna()")))
    column = answer(spec).columns[0]
    assert np.isnan(column[:4]).all()
    assert column[4] == pytest.approx(CANDLES.close[:5].mean())
    body = "return pd.DataFrame({'signal': True, 'kind': 'up'}, index=data.index[3:5])"
    fired, kind = answer(read(write(tmp_path, "pair", signal(body), "signals"))).columns
    assert fired.tolist() == [0, 0, 0, 1, 1, *[0] * 295]
    assert np.isnan(kind[[0, 2, 5]]).all()
    assert kind[3:5].tolist() == [code("up")] * 2


def test_an_empty_answer_on_the_candles_index_says_nothing(tmp_path):
    spec = read(write(tmp_path, "never", indicator("return data.iloc[:0][['close']]")))
    assert np.isnan(answer(spec).columns[0]).all()


UNUSABLE = {
    "None": ("pass", "returned nothing (None), not a DataFrame or a Series"),
    "a text": ("return 'up'", "returned a str, not a DataFrame or a Series"),
    "too few": ("return data['close'].to_numpy()[1:]", "returned 299 values for 300 candles"),
    "no index, too few": ("return pd.Series([1.0, 2.0])", "returned 2 values for 300 candles"),
    "a matrix": ("return data.to_numpy()", "returned values of shape (300, 5); one per candle is (300,)"),
    "other instants": (
        "return data['close'].set_axis(data.index + pd.Timedelta('30min'))",
        "returned 300 rows for 300 candles, among them 2024-01-01 00:30:00, which is no candle",
    ),
    "another index": ("return data['close'].set_axis(range(1, 301))", "returned rows on a RangeIndex"),
    "a candle twice": (
        "return pd.concat([data['close'], data['close'].iloc[:1]])",
        "returned more than one value for the candle of 2024-01-01 00:00:00",
    ),
    "a column twice": ("return data[['close', 'close']]", "returned column 'close' twice"),
    "other columns": ("return data[['close', 'open']]", "returned the columns close, open; its metadata declare out"),
    "a word": (
        "return pd.Series('up', index=data.index)",
        "output 'out' holds the text 'up', not a number at 2024-01-01 00:00:00",
    ),
    "an instant": ("return data.index.to_series()", "output 'out' holds Timestamp("),
    "a list in a cell": ("return pd.Series([[1]] * 300, index=data.index)", "output 'out' holds a list, not a number"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_is_no_answer_is_told_with_the_place_of_the_method(tmp_path, case):
    body, what = UNUSABLE[case]
    path = write(tmp_path, "wrong", indicator(body))
    with pytest.raises(ComponentFailed) as caught:
        answer(read(path))
    assert str(caught.value).startswith(f"component wrong: {what}")
    assert f'File "{path}", line 7, in calculate' in str(caught.value)


def test_a_signal_needs_its_event_and_words_are_none(tmp_path):
    with pytest.raises(ComponentFailed, match="returned the columns close, open and no column 'signal'"):
        answer(read(write(tmp_path, "a", signal("return data[['close', 'open']]"), "signals")))
    with pytest.raises(ComponentFailed, match="output 'signal' holds the text 'buy'"):
        answer(
            read(write(tmp_path, "b", signal("return pd.DataFrame({'signal': 'buy'}, index=data.index)"), "signals"))
        )


def test_words_flags_and_gaps_of_a_signal_become_numbers(tmp_path):
    body = """
        kind = pd.Series([None, '', 'up', True, False, 2, 2.5, np.nan], dtype=object)
        return pd.DataFrame({
            'signal': [1, -1, 0, None, True, False, 1.0, np.nan] + [0] * 292,
            'kind': kind.tolist() + [None] * 292,
        }, index=data.index)
    """
    fired, kind = answer(read(write(tmp_path, "words", signal(body), "signals"))).columns
    assert fired[:8].tolist() == [1, -1, 0, 0, 1, 0, 1, 0]
    assert [word(x) or x for x in kind[2:7].tolist()] == ["up", 1.0, 0.0, 2.0, 2.5]
    assert np.isnan(kind[[0, 1, 7]]).all()


def test_a_declared_output_that_does_not_come_is_undefined_and_said(tmp_path):
    spec = read(write(tmp_path, "half", signal("return data['close'] > 1.1"), "signals"))
    told = answer(spec)
    assert told.columns[0].tolist() == (CANDLES.close > 1.1).astype(float).tolist()
    assert np.isnan(told.columns[1]).all()
    assert told.notes == ("half: output 'kind' is not among what evaluate returned; it is undefined everywhere",)


def test_a_signal_without_declared_outputs_answers_what_it_is_asked(tmp_path):
    body = "return pd.DataFrame({'signal': 1, 'side': 'up', 'gap': data['close'] - indicators['line']})"
    spec = read(write(tmp_path, "open", signal(body, "{}"), "signals"))
    assert spec.outputs == (Output("signal"),)
    wider = spec.reshape(("side", "gap", "signal"), (Input("line", Requires("sma", period=5)),))
    assert [each.name for each in wider.outputs] == ["signal", "side", "gap"]
    assert wider.inputs[-1] == Input("line", Requires("sma", period=5))
    _, side, gap = answer(wider).columns
    assert {word(x) for x in side.tolist()} == {"up"}
    assert gap[4] == pytest.approx(CANDLES.close[4] - CANDLES.close[:5].mean())


def test_habits_of_older_pandas_still_hold(tmp_path):
    """Since pandas 3, filling a shifted column of flags gives objects, of which `~` makes -1 and -2."""
    body = """
        up = data['close'] > data['open']
        before = up.shift(1).fillna(False)
        later = up.shift(1)
        later = later.where(later.notna(), False)
        kind = pd.Series('no', index=data.index)
        kind[~before] = 'fresh'
        assert before.dtype == bool and (~later).isin([True, False]).all()
        assert data.gt(1.0).shift(1).fillna(True).dtypes.eq(bool).all()
        return pd.DataFrame({'signal': ~before, 'kind': kind})
    """
    fired, kind = answer(read(write(tmp_path, "habits", signal(body), "signals"))).columns
    up = (CANDLES.close > CANDLES.open).tolist()
    wanted = [not before for before in [False, *up[:-1]]]
    assert fired.tolist() == [float(each) for each in wanted]
    assert [word(x) for x in kind.tolist()] == ["fresh" if each else "no" for each in wanted]


# What it says on the way


def test_prints_and_warnings_are_its_log_and_never_errors(tmp_path, capsys):
    body = """
        print('hello')
        print('trouble', file=sys.stderr)
        logging.getLogger('old').warning('logged')
        warnings.warn('old habit', DeprecationWarning)
        np.log(np.zeros(2))
        return data['close']
    """
    head = "import logging, sys, warnings\nlogging.getLogger('old').addHandler(logging.StreamHandler())\nprint('loading')\nwarnings.warn('at import')\nx = '\\d'\n"
    path = write(tmp_path, "noisy", indicator(body, head=head))
    spec = read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = [answer(spec).log for _ in range(2)]
    assert capsys.readouterr() == ("", "")
    assert told[0] == told[1]
    lines = told[0].splitlines()
    for line in ("loading", "hello", "trouble", "logged"):
        assert line in lines
    for tail in (
        "DeprecationWarning: old habit",
        "UserWarning: at import",
        "RuntimeWarning: divide by zero encountered in log",
    ):
        assert sum(line.startswith(f"{path}:") and line.endswith(tail) for line in lines) == 1


def test_of_much_printing_the_first_megabyte_is_kept(tmp_path):
    spec = read(write(tmp_path, "loud", indicator("print('x' * 3_000_000)\nprint('end')\nreturn data['close']")))
    log = answer(spec).log
    assert len(log) < 1_048_576
    assert log.endswith("\n... 2,000,005 more characters were printed and not kept\n")


def test_threads_that_ask_at_once_hear_their_own_component(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    body = "import time\nfor _ in range(20):\n    print(self.__class__.__name__)\n    time.sleep(0.001)\nreturn data['close']"
    specs = [read(write(tmp_path, f"at{n}", indicator(body).replace("Own", f"Own{n}"))) for n in range(4)]
    streams = sys.stdout, sys.stderr, warnings.showwarning
    with ThreadPoolExecutor(4) as pool:
        logs = [told.log for told in pool.map(answer, specs)]
    assert logs == [f"Own{n}\n" * 20 for n in range(4)]
    assert streams == (sys.stdout, sys.stderr, warnings.showwarning)


def test_an_assignment_that_pandas_no_longer_writes_through_is_worth_a_note(tmp_path):
    spec = read(write(tmp_path, "chained", indicator("data['close'][data['close'] > 0] = 1.0\nreturn data['close']")))
    told = answer(spec)
    assert told.columns[0].tolist() == CANDLES.close.tolist()
    (note,) = told.notes
    assert f"{spec.path}:8: ChainedAssignmentError: " in note


# When it fails


def test_an_error_carries_the_components_own_frames_and_what_it_printed(tmp_path):
    text = indicator("print('so far')\nreturn helper(data)", head="def helper(data):\n    return data['clsoe']\n")
    path = write(tmp_path, "typo", text)
    with pytest.raises(ComponentFailed) as caught:
        answer(read(path))
    shown = str(caught.value)
    assert shown.startswith("component typo() raised KeyError: 'clsoe'")
    frames = [line.strip() for line in shown.splitlines() if line.strip().startswith(f'File "{path}"')]
    assert frames[0] == f'File "{path}", line 11, in calculate'
    assert frames[1] == f'File "{path}", line 4, in helper'
    assert len(frames) == 2
    assert "sptrader_lab/components/run.py" not in shown
    assert "It had printed:\nso far" in shown


def test_an_exit_ends_the_component_and_nothing_else(tmp_path):
    with pytest.raises(ComponentFailed, match=r"raised SystemExit: 3"):
        answer(read(write(tmp_path, "leaves", indicator("raise SystemExit(3)"))))
    path = write(tmp_path, "gone", indicator("return 1", head="import sys\nsys.exit(2)"))
    with pytest.raises(ComponentError, match=rf"{path}:4: raises while loading: SystemExit: 2"):
        read(path)
    (entry,) = [each for each in scan(tmp_path / "core").broken if each.name == "gone"]
    assert isinstance(entry, Broken)


def test_an_unchanged_file_runs_once_and_a_changed_one_again(tmp_path):
    head = f"with open({str(tmp_path / 'count')!r}, 'a') as file:\n    file.write('x')\n"
    path = write(tmp_path, "counted", indicator("return data['close']", head=head))
    first = read(path)
    assert read(path) is first
    assert scan(tmp_path / "core").find("counted") is first
    assert (tmp_path / "count").read_text() == "x"
    path.write_text(path.read_text().replace("data['close']", "data['open']"))
    assert read(path).sha256 != first.sha256
    assert (tmp_path / "count").read_text() == "xx"
    assert answer(read(path)).columns[0].tolist() == CANDLES.open.tolist()


# Events


def test_events_become_columns_and_answer_what_they_are_asked(tmp_path):
    spec = read(write(tmp_path, "level", EVENTS, "signals"))
    assert (spec.style, spec.kind, spec.slots) == ("events", "signal", 4)
    assert spec.inputs[6:] == (Input("line", Requires("sma", period=5)),)
    wider = spec.reshape(("side", "gap", "signal_strength"), ())
    told = answer(wider, level=LEVEL)
    columns = dict(zip((each.name for each in wider.outputs), told.columns, strict=True))
    stands = CANDLES.close > LEVEL
    assert 20 < stands.sum() < 280
    assert columns["signal"].tolist() == stands.astype(float).tolist()
    for name, value in (
        ("signal_name", "level"),
        ("signal_type", "above"),
        ("side", "up"),
        ("gap", 2.0),
        ("signal_strength", 0.5),
    ):
        assert {word(x) or x for x in columns[name][stands].tolist()} == {value}
        assert np.isnan(columns[name][~stands]).all()
    assert not columns["signal#2"].any()
    assert told.log == "asked about 300\n"


def test_events_of_another_shape_are_refused(tmp_path):
    for number, (body, what) in enumerate(
        {
            "return None": "the signals are None, not a list of events",
            "return [{'strength': 1}]": "event 0 has no timestamp",
            "return [{'timestamp': 'soon'}]": "event 0: timestamp 'soon' is not ISO-8601",
        }.items()
    ):
        text = f"__metadata__ = {{}}\ndef generate_signals(indicators):\n    {body}\n"
        path = write(tmp_path, f"odd{number}", text, "signals")
        with pytest.raises(ComponentFailed) as caught:
            answer(read(path))
        assert what in str(caught.value)
        assert f'File "{path}", line 2, in generate_signals' in str(caught.value)
    path = write(tmp_path, "many", "__metadata__ = {}\ndef generate_signals(a, b, c): ...\n", "signals")
    with pytest.raises(ComponentError, match=rf"{path}:2: generate_signals\(a, b, c\) can't be called"):
        read(path)


# The exam and the command line


def test_classes_sit_the_exam_as_far_as_it_is_fair(tmp_path):
    mean = examine(read(write(tmp_path, "mean", AVERAGE)), CANDLES, library=OWN)
    assert mean.passed, str(mean)
    assert mean.warmup == {"average": 19}
    assert "not asked; it takes only candles, which are never undefined" in str(mean)
    cross = examine(read(write(tmp_path, "cross", CROSS, "signals")), CANDLES, library=OWN)
    assert cross.passed, str(cross)
    assert cross.warmup == {"signal": 0}
    events = examine(read(write(tmp_path, "level", EVENTS, "signals")), CANDLES, library=OWN)
    assert [each.question[:14] for each in events.findings if not each.passed] == ["undefined bars"], str(events)


def test_the_exam_finds_a_class_that_looks_ahead_or_speaks_before_its_indicator(tmp_path):
    body = "up = data['close'] > indicators['sma']\nreturn up & ~up.shift(-1).fillna(False)"
    spec = read(write(tmp_path, "peek", signal(body, "{'required_indicators': ['sma']}"), "signals"))
    exam = examine(spec, exam_candles(), library=OWN)
    assert "FAIL no value moves when later bars are taken away: signal at bar" in str(exam)
    body = "return ~(indicators['sma'] > 1.1)"
    spec = read(write(tmp_path, "early", signal(body, "{'required_indicators': ['sma']}"), "signals"))
    exam = examine(spec, CANDLES, library=OWN)
    assert [each.seen for each in exam.findings if not each.passed] == ["signal at bar 0 is 1.0, not 0"]


def test_show_and_check_know_classes(tmp_path, monkeypatch, capsys):
    import argparse

    from sptrader_lab.cli import components

    write(tmp_path, "mean", AVERAGE)
    write(tmp_path, "cross", CROSS, "signals")
    text = indicator("return data['close']", "{'parameters': {'n': 3, 'name': 'a', 'm': {'default': 1.5, 'max': 2}}}")
    text = text.replace("    def calc", "    def __init__(self, n, name, m): ...\n    def calc")
    write(tmp_path, "free", text)
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    components.add(parser.add_subparsers(required=True))

    def typed(*words: str) -> list[str]:
        args = parser.parse_args(["components", *words])
        args.run(args)
        return capsys.readouterr().out.splitlines()

    lines = typed("show", "cross")
    assert "cross (signal, class)" in lines
    assert "  fast  from sma(period=5, source='close')" in lines
    assert "  crossover_type  (numbers or words)" in lines
    lines = typed("show", "free")
    assert "  n = 3  int, any" in lines
    assert "  name = 'a'  any text" in lines
    assert "  m = 1.5  float, up to 2" in lines
    assert typed("check", "cross")[-1] == "1 passed, 0 failed"
    assert ["mean", "Mean", "of", "a", "price"] in [line.split() for line in typed("list")]


def test_native_files_are_scanned_without_pandas(tmp_path):
    """The library's own bring it, because TA-Lib does."""
    path = tmp_path / "components" / "indicators" / "plain.py"
    path.parent.mkdir(parents=True)
    path.write_text("def plain(close):\n    return close\n")
    code = (
        "import sys; from pathlib import Path; from sptrader_lab.components.library import scan\n"
        f"library = scan(Path({str(tmp_path / 'components')!r})); print([*library.specs], 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["['plain']", "False"]


def test_native_loading_of_a_class_file_is_still_refused(tmp_path):
    with pytest.raises(ComponentError, match="no public function"):
        native.load(write(tmp_path, "mean", AVERAGE))


# Properties

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ODD = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3), max_leaves=8
)
KEYS = ["parameters", "outputs", "required_indicators", "lookback_required", "description", "min_lookback"]
RULES = st.dictionaries(st.sampled_from(["type", "default", "min", "max", "options", "choices", "description"]), ODD)


@settings(deadline=None, max_examples=300)
@given(
    ODD
    | st.dictionaries(st.sampled_from(KEYS), ODD)
    | st.fixed_dictionaries(
        {"parameters": st.dictionaries(st.text(max_size=3) | st.just("n"), ODD | RULES, max_size=3)}
    )
    | st.fixed_dictionaries(
        {"required_indicators": st.lists(st.dictionaries(st.sampled_from(["name", "type", "params", "output"]), ODD))}
    )
)
def test_any_metadata_are_understood_or_refused_with_a_place(metadata):
    import ast

    from sptrader_lab.components.legacy.metadata import Place, understand

    place = Place(Path("odd.py"), ast.parse("__metadata__ = make()"))
    try:
        parameters = understand(metadata, place).parameters
    except ComponentError as error:
        refusal, parameters = str(error), ()
    else:
        refusal = "odd.py:1: "
    assert refusal.startswith("odd.py:1: ")
    for parameter in parameters:
        assert parameter.check(parameter.default) == parameter.default


@settings(deadline=None)
@given(
    st.lists(
        st.none() | st.booleans() | st.floats() | st.integers(-9, 9) | st.sampled_from(["", "up", "down"]), min_size=1
    )
)
def test_a_column_of_anything_keeps_numbers_and_codes_words(values):
    column = numbers(pd.Series(values, dtype=object), words=True)
    for value, number in zip(values, column.tolist(), strict=True):
        if value in (None, "") or (isinstance(value, float) and math.isnan(value)):
            assert math.isnan(number)
        elif isinstance(value, str):
            assert word(number) == value
        else:
            assert number == float(value)
