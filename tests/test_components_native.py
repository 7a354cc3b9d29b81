"""Native component files: what their signatures say, what breaks them, where they are found."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from sptrader_lab.components import library as library_module
from sptrader_lab.components.library import Library, own_library, scan, standard_folders
from sptrader_lab.components.native import load
from sptrader_lab.components.spec import Parameter
from sptrader_lab.errors import ComponentError, InputError

HEAD = """\
from typing import Annotated, NamedTuple
from sptrader_lab.components import Bounds, Choices, Column, Labels, Requires
"""


def write(folder: Path, name: str, body: str) -> Path:
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + dedent(body))
    return path


def test_a_signature_is_the_whole_specification(tmp_path):
    path = write(
        tmp_path / "signals",
        "mix",
        '''
        class Mix(NamedTuple):
            mix_type: Annotated[Column, Labels("none", "up", "down")]
            weight: Column

        def mix(
            close: Column,
            slow: Annotated[Column, Requires("macd", output="signal", fast=3)],
            *,
            fast: Annotated[int, Bounds(2, 50)] = 5,
            share: Annotated[float, Bounds(0, 1)] = 1,
            strict: bool = False,
            kind: Annotated[str, Choices("plain", "fancy")] = "plain",
        ) -> Mix:
            """Mix two
            columns.

            More about it.

            Parameters
            ----------
            close : Column
                Not a parameter.
            fast, share : number
                Described together,
                on two lines.

            Returns
            -------
            kind
                Not described.
            """
            return Mix(close, slow)
        ''',
    )
    spec = load(path)
    assert (spec.name, spec.kind, spec.summary) == ("mix", "signal", "Mix two columns.")
    assert [each.name for each in spec.inputs] == ["close", "slow"]
    assert spec.inputs[0].requires is None
    required = spec.inputs[1].requires
    assert required is not None
    assert (required.component, required.output, required.parameters) == ("macd", "signal", {"fast": 3})
    together = "Described together, on two lines."
    assert spec.parameters == (
        Parameter("fast", "int", 5, 2, 50, (), together),
        Parameter("share", "float", 1.0, 0, 1, (), together),
        Parameter("strict", "bool", False),
        Parameter("kind", "str", "plain", choices=("plain", "fancy")),
    )
    assert [(each.name, each.labels) for each in spec.outputs] == [
        ("mix_type", ("none", "up", "down")),
        ("weight", ()),
    ]
    assert spec.path == str(path)
    assert spec.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_plain_return_is_one_output_named_like_the_component(tmp_path):
    spec = load(write(tmp_path, "twice", "def twice(close):\n    return close * 2\n"))
    assert [output.name for output in spec.outputs] == ["twice"]
    assert (spec.kind, spec.summary, spec.parameters) == ("indicator", "", ())


def test_annotations_may_stay_text(tmp_path):
    body = "def late(close: Column, *, period: Annotated[int, Bounds(1, 9)] = 3) -> Column:\n    return close\n"
    path = tmp_path / "late.py"
    path.write_text("from __future__ import annotations\n" + HEAD + body)
    assert load(path).parameters[0].high == 9


BROKEN = {
    "syntax": ("def syntax(close)\n    return close\n", 3, "not valid Python"),
    "raises": ("x = 1\nraise RuntimeError('no licence')\ndef raises(close): ...\n", 4, "RuntimeError: no licence"),
    "leaves": ("import sys\nsys.exit(3)\ndef leaves(close): ...\n", 4, "raises while loading: SystemExit"),
    "imports": ("import no_such_package_here\ndef imports(close): ...\n", 3, "ModuleNotFoundError"),
    "nothing": ("def _hidden(close): ...\n", 1, "no public function"),
    "twofold": ("def twofold(close): ...\ndef other(close): ...\n", 4, "2 public functions (twofold and other)"),
    "misnamed": ("def something(close): ...\n", 3, "call it 'misnamed'"),
    "waits": ("async def waits(close): ...\n", 3, "is async"),
    "replaced": ("def replaced(close): ...\nreplaced = 3\n", 3, "is not a function any more"),
    "empty": ("def empty(*, period: Annotated[int, Bounds(1, 2)] = 1): ...\n", 3, "no column comes in"),
    "rest": ("def rest(*columns): ...\n", 3, "*columns says nothing"),
    "column": ("def column(clsoe): ...\n", 3, "unknown column 'clsoe' (did you mean 'close'?)"),
    "positional": ("def positional(\n    close,\n    high=3,\n): ...\n", 5, "column 'high' has a default"),
    "bare": ("def bare(\n    close,\n    *,\n    period=20,\n): ...\n", 6, "parameter 'period' is not annotated"),
    "unbounded": ("def unbounded(close, *, period: int = 20): ...\n", 3, "'period' has no bounds; write it like"),
    "unchosen": ("def unchosen(close, *, kind: str = 'a'): ...\n", 3, "'kind' has no choices"),
    "missing": ("def missing(close, *, p: Annotated[int, Bounds(1, 2)]): ...\n", 3, "'p' has no default"),
    "outside": ("def outside(close, *, p: Annotated[int, Bounds(2, 9)] = 1): ...\n", 3, "from 2 to 9; nearest: 2"),
    "fraction": ("def fraction(close, *, p: Annotated[int, Bounds(2, 9)] = 2.5): ...\n", 3, "p = 2.5 is not a whole"),
    "listed": ("def listed(close, *, p: list = ()): ...\n", 3, "is a list; it can be int, float, bool or str"),
    "unreadable": ("def unreadable(close: 'Nowhere'): ...\n", 3, "an annotation can't be read: NameError"),
    "backwards": ("def backwards(close, *, p: Annotated[int, Bounds(9, 2)] = 3): ...\n", 3, "the low one comes first"),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_file_is_refused_with_file_line_and_rule(tmp_path, name):
    body, line, rule = BROKEN[name]
    path = write(tmp_path, name, body)
    with pytest.raises(ComponentError) as refused:
        load(path)
    message = str(refused.value)
    assert message.startswith(f"{path}:{line}: ")
    assert rule in message


def test_a_file_that_raises_leaves_no_half_loaded_module_behind(tmp_path):
    with pytest.raises(ComponentError):
        load(write(tmp_path, "halfway", "raise RuntimeError\ndef halfway(close): ...\n"))
    assert not any("halfway" in name for name in sys.modules)


def test_broken_files_are_listed_and_hide_no_other(tmp_path):
    for name, (body, _, _) in BROKEN.items():
        write(tmp_path / "indicators", name, body)
    write(tmp_path / "indicators" / "deep" / "er", "good", "def good(close):\n    return close\n")
    write(tmp_path / "indicators", "_helper", "raise RuntimeError\n")
    found = scan(tmp_path)
    assert sorted(found.specs) == ["good"]
    assert sorted(broken.name for broken in found.broken) == sorted(BROKEN)
    with pytest.raises(ComponentError, match="no licence"):
        found.find("raises")


def test_bytes_that_are_no_text_are_broken_not_fatal(tmp_path):
    (tmp_path / "zeros.py").write_bytes(b"\x00\xff")
    (tmp_path / "latin.py").write_bytes(b"def latin(close): return '\xff'\n")
    assert sorted(broken.name for broken in scan(tmp_path).broken) == ["latin", "zeros"]


def test_loading_by_path_leaves_the_import_path_alone_and_runs_an_unchanged_file_once(tmp_path):
    before = list(sys.path)
    path = write(tmp_path, "once", "import builtins\nMARK = object()\ndef once(close):\n    return MARK\n")
    first, second = load(path), load(path)
    assert first is second
    assert sys.modules[first.function.__module__].__dict__["MARK"] is first.function(None)
    path.write_text(path.read_text() + "\nMORE = 1\n")
    assert load(path).sha256 != first.sha256
    assert sys.path == before
    assert "once" not in sys.modules


def test_two_files_of_one_name_do_not_mix(tmp_path):
    one = write(tmp_path / "a", "same", "def same(close):\n    return 1\n")
    two = write(tmp_path / "b", "same", "def same(close):\n    return 2\n")
    assert (load(one).function(None), load(two).function(None)) == (1, 2)


@pytest.fixture
def workspace(tmp_path):
    body = "def {name}(close):\n    return close + {add}\n"
    write(tmp_path / "core/indicators/trend", "sma", body.format(name="sma", add=1))
    write(tmp_path / "core/indicators/other", "sma", body.format(name="sma", add=2))
    write(tmp_path / "core/indicators", "test_sma", body.format(name="test_sma", add=3))
    write(tmp_path / "core/base", "indicator", "class Indicator: ...\n")
    write(tmp_path / "components/signals", "mine", body.format(name="mine", add=4))
    (tmp_path / "strategies").mkdir()
    return tmp_path


def added(library: Library, name: str) -> float:
    return float(library.find(name).function(np.zeros(1))[0])


def test_names_are_found_bare_dotted_and_by_path_in_the_workspace_first(workspace):
    folders = standard_folders(workspace / "strategies" / "some.yaml")
    assert folders == (workspace / "components", workspace / "core", own_library())
    library = scan(*folders)
    assert not library.broken
    assert added(library, "sma") == 2  # the first in order of path
    assert added(library, "core.indicators.trend.sma") == 1
    assert added(library, "core/indicators/trend/sma.py") == 1
    assert added(library, "indicators.other.sma") == 2
    assert added(library, "core/indicators/test_sma.py") == 3
    assert added(library, "test_sma") == 3
    assert added(library, "mine") == 4
    assert added(library, str(workspace / "core/indicators/trend/sma.py")) == 1
    assert library.find("core.indicators.trend.ema").path == str(own_library() / "indicators" / "ema.py")
    assert library.find("talib.rsi").name == "talib.RSI"


def test_a_path_means_the_workspaces_file_wherever_the_program_was_started(workspace, tmp_path, monkeypatch):
    here = tmp_path / "elsewhere"
    write(here / "core/indicators", "test_sma", "def test_sma(close):\n    return close + 9\n")
    write(here / "other", "apart", "def apart(close):\n    return close + 7\n")
    monkeypatch.chdir(here)
    library = scan(*standard_folders(workspace / "strategies"))
    assert added(library, "core/indicators/test_sma.py") == 3
    assert added(library, str(here / "core/indicators/test_sma.py")) == 9
    assert added(library, "other/apart.py") == 7


def test_a_broken_file_of_the_workspace_is_not_replaced_in_silence_by_another_of_its_name(workspace):
    write(workspace / "components/indicators", "rsi", "def rsi(close)\n")
    library = scan(*standard_folders(workspace))
    with pytest.raises(ComponentError, match="not valid Python"):
        library.find("rsi")
    assert "rsi" not in library.specs


def test_an_unknown_name_gets_the_nearest():
    library = scan(*standard_folders())
    with pytest.raises(ComponentError, match=r"unknown component 'smaa'\. Did you mean 'sma'"):
        library.find("smaa")
    with pytest.raises(ComponentError, match=r"Did you mean 'talib\.RSI'"):
        library.find("talib.RSII")
    with pytest.raises(ComponentError, match="unknown component ''"):
        library.find("")


def test_the_laboratorys_own_room_is_no_workspace():
    room = Path(library_module.__file__).parent
    assert standard_folders(room / "some.yaml") == (own_library(),)


def test_an_installed_package_carries_its_library(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "sptrader_lab"
    (package / "_library" / "indicators").mkdir(parents=True)
    monkeypatch.setattr(library_module, "_PACKAGE", package)
    assert own_library() == package / "_library"
    (package / "_library" / "indicators").rmdir()
    with pytest.raises(ComponentError, match="library of components is missing"):
        own_library()


def test_parameters_are_completed_and_take_their_own_type():
    sma, macd = (scan(own_library()).find(name) for name in ("sma", "macd"))
    assert macd.resolve({"slow": np.int64(40), "fast": 8.0}) == {"fast": 8, "slow": 40, "signal": 9}
    assert [type(value) for value in macd.resolve({"fast": np.float64(8)}).values()] == [int, int, int]
    assert list(macd.resolve({"slow": 30})) == ["fast", "slow", "signal"]
    assert sma.resolve({}) == {"period": 20}


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("sma", {"perod": 3}, "sma: unknown parameter 'perod'. Did you mean 'period'"),
        ("sma", {"period": 0}, "sma: period = 0 is not a whole number from 1 to 5000; nearest: 1"),
        ("sma", {"period": 5001}, "nearest: 5000"),
        ("sma", {"period": 2.5}, "period = 2.5 is not a whole number"),
        ("sma", {"period": True}, "period = True is not a whole number"),
        ("sma", {"period": "ten"}, "period = 'ten' is not a whole number"),
        ("sma", {"period": None}, "period = None is not a whole number"),
        ("bollinger", {"deviations": float("nan")}, "deviations = nan is not a number from 0.1 to 10"),
        ("bollinger", {"deviations": float("inf")}, "deviations = inf is not a number"),
        ("talib.MA", {"matype": "SMMA"}, "matype = 'SMMA' is not one of SMA, EMA"),
    ],
)
def test_a_wrong_parameter_is_refused_with_value_rule_and_nearest(name, parameters, message):
    with pytest.raises(InputError) as refused:
        scan(own_library()).find(name).resolve(parameters)
    assert message in str(refused.value)


def test_flags_and_outputs_are_checked_too(tmp_path):
    spec = load(write(tmp_path, "flag", "def flag(close, *, on: bool = True):\n    return close\n"))
    assert spec.resolve({"on": np.bool_(0)}) == {"on": False}
    with pytest.raises(InputError, match="on = 1 is not true or false"):
        spec.resolve({"on": 1})
    assert spec.output().name == "flag"
    with pytest.raises(InputError, match=r"unknown output 'flga'\. Did you mean 'flag'"):
        spec.output("flga")
