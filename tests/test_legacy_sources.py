"""What a run over older components keeps of their workspace, so that it can be run again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.components.modules import source_bytes, source_text
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

BARS = 80
CLOSE = 50.0 + np.round(8.0 * np.sin(np.arange(BARS) ** 1.2 / 6.0), 2)
TIME = parse_time("2025-01-06T00:00") + np.arange(BARS) * HOUR
CANDLES = Candles("EURUSD", "1h", TIME, CLOSE, CLOSE + 0.5, CLOSE - 0.5, CLOSE, np.full(BARS, 100.0))
TIMES = "__metadata__ = {'outputs': ['times']}\nclass Times:\n    def calculate(self, data):\n        return data['close'] * K\n"
BY_PATH = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '../../lib'))\n"
STRATEGY = "name: x\nentry: {when: 'times > 50', size: 0.1}\nexit: {max_holding_period: 1}\n"


def run(folder: Path, files: dict[str, bytes | str], strategy: str = STRATEGY) -> lab.Result:
    for name, text in {**files, "strategies/x.yaml": strategy}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lab.backtest(folder / "strategies/x.yaml", CANDLES)


def runs_again(result: lab.Result, folder: Path) -> bool:
    """Save it, take the workspace away, run it again."""
    run_id = result.save(folder / "runs")
    for name in ("core", "lib"):
        shutil.rmtree(folder / name, ignore_errors=True)
    again = lab.rerun(run_id, folder / "runs")
    return again.same and again.changed == ()


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        ("from hz import K\n", ["lib/deeper.py", "lib/hz.py"]),
        ("from pack import K\n", ["lib/pack/__init__.py", "lib/pack/inner.py"]),
        ("import importlib\nK = importlib.import_module('hz').K\n", ["lib/deeper.py", "lib/hz.py"]),
    ],
)
def test_helpers_found_by_way_of_the_path_are_kept(tmp_path, head, kept):
    files = {
        "core/indicators/times.py": BY_PATH + head + TIMES,
        "lib/hz.py": "from deeper import K\n",
        "lib/deeper.py": "K = 1.0\n",
        "lib/pack/__init__.py": "from .inner import K\n",
        "lib/pack/inner.py": "K = 1.0\n",
        "lib/not_asked.py": "",
    }
    result = run(tmp_path, files)
    assert len(result.trades) > 3
    assert sorted(result.sources) == ["core/indicators/times.py", *kept, "strategy.yaml"]
    assert set(kept) <= result.manifest["components"].keys()
    assert runs_again(result, tmp_path)


def test_a_helper_imported_when_asked_is_kept(tmp_path):
    late = TIMES.replace("        return", "        from hz import K\n        return")
    files = {"core/indicators/times.py": BY_PATH + "place = sys.path[0]\n" + late, "lib/hz.py": "K = 1.0\n"}
    files["core/indicators/times.py"] = files["core/indicators/times.py"].replace(
        "        from hz", "        sys.path.insert(0, place)\n        from hz"
    )
    assert runs_again(run(tmp_path, files), tmp_path)


def test_an_edited_helper_makes_another_run(tmp_path):
    files = {"core/indicators/times.py": BY_PATH + "from hz import K\n" + TIMES, "lib/hz.py": "K = 1.0\n"}
    first = run(tmp_path, files)
    other = run(tmp_path, {**files, "lib/hz.py": "K = 0.0\n"})
    assert (len(first.trades) > 3, len(other.trades)) == (True, 0)
    assert first.run_id != other.run_id


def test_what_an_unused_component_imports_is_kept_too(tmp_path):
    files = {"core/indicators/times.py": "from core.util import K\n" + TIMES, "core/util.py": "K = 1.0\n"}
    strategy = "name: x\nindicators: {a: {type: sma}, b: {type: times}}\nentry: {when: close > a, size: 0.1}\n"
    result = run(tmp_path, files, strategy)
    assert "core/util.py" in result.sources
    assert runs_again(result, tmp_path)


LATIN = "# -*- coding: latin-1 -*-\nname = 'caf\u00e9'\nassert len(name) == 4\nK = 1.0\n".encode("latin-1")


@pytest.mark.parametrize(
    "files",
    [
        {"core/indicators/times.py": LATIN + TIMES.encode()},
        {"core/indicators/times.py": "from core.util import K\n" + TIMES, "core/util.py": LATIN},
        {"core/indicators/times.py": b"\xef\xbb\xbfK = 1.0\r\n" + TIMES.replace("\n", "\r\n").encode()},
        {"core/indicators/times.py": "from core.util import K\r\n" + TIMES, "core/util.py": b"\xef\xbb\xbfK = 1.0\r\n"},
    ],
    ids=["component", "helper", "component with marks", "helper with marks"],
)
def test_texts_in_any_coding_are_kept_to_the_byte(tmp_path, files):
    result = run(tmp_path, files)
    given = {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
    assert {name: source_bytes(result.sources[name]) for name in given} == given
    assert runs_again(result, tmp_path)


def test_a_helper_that_is_no_python_and_was_not_imported_is_no_obstacle(tmp_path):
    late = TIMES.replace("        return", "        if len(data) < 0:\n            import core.draft\n        return")
    files = {"core/indicators/times.py": "K = 1.0\n" + late, "core/draft.py": "def ("}
    assert runs_again(run(tmp_path, files), tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"x = 1\n", b"# coding: cp1252\n# \x80\n", "'\u20ac'\r\n".encode("utf-8-sig")]
)
def test_a_text_comes_back_to_the_byte(content):
    assert source_bytes(source_text(Path("x.py"), content)) == content
