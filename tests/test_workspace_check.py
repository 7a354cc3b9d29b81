"""`sptrader-lab workspace check`: every file of an old workspace, whatever it does when it is loaded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sptrader_lab.backtesting.workspace.check import check_workspace
from sptrader_lab.backtesting.workspace.files import find
from sptrader_lab.backtesting.workspace.report import Checked, Remark, Workspace
from sptrader_lab.cli.main import main
from sptrader_lab.cli.workspace import page
from sptrader_lab.errors import InputError
from tests.conftest import ROOT

SIGNAL = """
__metadata__ = {{"name": "it", "outputs": ["signal"], "parameters": {{"wait": {{"type": "int", "default": 0, "min": 0, "max": 3}}}}{more}}}
{first}
class It:
    def __init__(self, wait=0):
        self.wait = wait

    def evaluate(self, data, indicators):
        return {answer}
"""
RISES = "data['close'] > data['close'].shift(1)"
SCRIPT = """
import json, os
rows = json.loads(os.environ["CANDLE_DATA"])
index = int(os.environ["CURRENT_INDEX"])
{first}
print("INDICATOR_START")
print(json.dumps({{"values": [], "current": rows[index]["close"]}}))
print("INDICATOR_END")
"""
STRATEGY = """\
name: rises
dependencies: {{signals: [core.signals.{signal}], orders: [core.orders.market_order]}}
entry:
  when: [{{signal: {signal}}}]
  action: buy
  size: 0.1
exit:
  max_holding_period: 3
execution: {{order_type: market, urgency: normal}}
"""
FILES = {
    "core/__init__.py": "",
    "lib/spread.py": "SPREAD = 1.0\n",
    "core/utils/prices.py": "def middle(data):\n    return (data['high'] + data['low']) / 2\n",
    "core/signals/good.py": SIGNAL.format(
        more="",
        first="import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '../../lib'))\nimport spread",
        answer=RISES,
    ),
    "core/signals/peeks.py": SIGNAL.format(more="", first="", answer="data['close'].shift(-1) > data['close']"),
    "core/signals/waits.py": SIGNAL.format(
        more="", first="", answer=f"({RISES}).shift(-self.wait).fillna(False).astype(bool)"
    ),
    "core/signals/dice.py": SIGNAL.format(
        more="", first="import numpy as np", answer="np.random.default_rng().random(len(data)) > 0.5"
    ),
    "core/signals/raises.py": SIGNAL.format(more="", first="", answer="data['closse'] > 0"),
    "core/signals/lost.py": SIGNAL.format(
        more=', "required_indicators": [{"name": "line", "type": "gooood"}]', first="", answer="indicators['line'] > 0"
    ),
    "core/signals/hangs.py": SIGNAL.format(more="", first="while True:\n    pass", answer=RISES),
    "core/signals/exits.py": SIGNAL.format(more="", first="import os\nos.write(1, b'bye')\nos._exit(3)", answer=RISES),
    "core/signals/crashes.py": SIGNAL.format(
        more="", first="import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", answer=RISES
    ),
    "core/signals/typo.py": "def typo(close)\n    return close\n",
    "core/signals/test_good.py": "def test_good():\n    assert True\n",
    "core/indicators/test_spoken.py": SCRIPT.format(first=""),
    "core/indicators/mute.py": SCRIPT.format(first="raise ValueError('no voice')"),
    "core/indicators/_draft.py": "1 / 0\n",
    "strategies/runs.yaml": STRATEGY.format(signal="good"),
    "strategies/peeks.yaml": STRATEGY.format(signal="peeks"),
    "strategies/unknown.yaml": STRATEGY.format(signal="goood").replace("exit:", "exits:"),
    "strategies/hung.yaml": STRATEGY.format(signal="hangs"),
    "settings.yaml": "colour: blue\n",
    "data/EURUSD_1h.csv": "time,open,high,low,close,volume\n"
    + "".join(f"2024-01-02 {hour:02}:00:00,1.1,1.2,1.0,1.1,5\n" for hour in range(24)),
    "data/notes.csv": "who,what\nme,nothing\n",
    "data/EURUSD.pkl": "x",
    "README.md": "# mine\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("old")
    for name, text in FILES.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


@pytest.fixture(scope="module")
def found(folder) -> Workspace:
    return check_workspace(folder, limit=20.0)


def one(found: Workspace, path: str) -> Checked:
    return next(each for each in (*found.components, *found.strategies, *found.data) if each.path == path)


def told(each: Checked) -> str:
    return "\n".join(f"{remark.seen}\n{remark.todo}" for remark in each.remarks)


def test_every_file_is_accounted_for(folder, found):
    listed = [each.path for each in (*found.components, *found.strategies, *found.data)]
    assert sorted([*listed, *found.left_alone]) == sorted(FILES)


@pytest.mark.parametrize(
    ("path", "kind", "style", "status"),
    [
        ("core/signals/good.py", "signal", "class", "ok"),
        ("core/signals/peeks.py", "signal", "class", "warning"),
        ("core/signals/waits.py", "signal", "class", "warning"),
        ("core/signals/dice.py", "signal", "class", "warning"),
        ("core/signals/raises.py", "signal", "class", "broken"),
        ("core/signals/lost.py", "signal", "class", "broken"),
        ("core/signals/hangs.py", "?", "", "broken"),
        ("core/signals/exits.py", "?", "", "broken"),
        ("core/signals/crashes.py", "?", "", "broken"),
        ("core/signals/typo.py", "?", "", "broken"),
        ("core/indicators/test_spoken.py", "indicator", "script", "ok"),
        ("core/indicators/mute.py", "indicator", "script", "broken"),
        ("strategies/runs.yaml", "strategy", "", "warning"),
        ("strategies/peeks.yaml", "strategy", "", "warning"),
        ("strategies/unknown.yaml", "strategy", "", "broken"),
        ("strategies/hung.yaml", "strategy", "", "broken"),
    ],
)
def test_kind_style_and_status_of_each(found, path, kind, style, status):
    each = one(found, path)
    assert (each.kind, each.style, each.status) == (kind, style, status), told(each)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("core/signals/peeks.py", "looks ahead: signal at bar"),
        ("core/signals/peeks.py", "--on-lookahead warn"),
        ("core/signals/waits.py", "looks ahead with wait=3: signal at bar"),
        ("core/signals/dice.py", "answers otherwise when asked again: signal at bar"),
        ("core/signals/raises.py", "KeyError: 'closse'"),
        ("core/signals/lost.py", "it requires 'gooood' (called 'line' there)"),
        ("core/signals/lost.py", "Did you mean 'good'?"),
        ("core/signals/hangs.py", "hangs while loading, at core/signals/hangs.py:3"),
        ("core/signals/hangs.py", "every run reads the whole workspace"),
        ("core/signals/exits.py", "ends the process (exit code 3) while loading"),
        ("core/signals/exits.py", "it had printed:\nbye"),
        ("core/signals/crashes.py", "crashes while loading (SIGSEGV), at core/signals/crashes.py:4"),
        ("core/signals/typo.py", "core/signals/typo.py:1: not valid Python"),
        ("core/indicators/mute.py", "no voice"),
        ("strategies/runs.yaml", "strategies/runs.yaml:2: dependencies.orders has no effect"),
        ("strategies/runs.yaml", "execution.urgency has no effect"),
        ("strategies/peeks.yaml", "LOOKS AHEAD"),
        ("strategies/unknown.yaml", "strategies/unknown.yaml:7: unknown key in the strategy 'exits'"),
        ("strategies/unknown.yaml", "(did you mean 'exit'?)"),
        ("strategies/hung.yaml", "hangs while loading"),
        ("data/EURUSD_1h.csv", "data import"),
        ("data/EURUSD_1h.csv", "--symbol EURUSD --tz UTC"),
        ("data/EURUSD.pkl", "to_parquet"),
    ],
)
def test_what_is_wrong_and_what_to_do_is_said(found, path, said):
    assert said in told(one(found, path))


def test_what_runs_says_on_what(found):
    assert one(found, "core/signals/good.py").summary == "passed on 1,500 candles"
    assert one(found, "strategies/runs.yaml").summary.startswith("ran on 1,000 made-up candles, ")
    assert one(found, "core/indicators/mute.py").summary == "fails on every candle"
    assert one(found, "data/EURUSD_1h.csv").summary == "24 candles of 1h, 2024-01-02 00:00 .. 2024-01-02 23:00 UTC"


def test_files_left_alone_are_named_with_the_reason(found):
    assert found.left_alone["core/__init__.py"] == "makes a folder a package"
    assert found.left_alone["core/signals/test_good.py"] == "a test"
    assert found.left_alone["core/indicators/_draft.py"] == "its name begins with _"
    assert found.left_alone["core/utils/prices.py"].startswith("a module that components may import")
    assert found.left_alone["settings.yaml"].startswith("no strategy")


def test_nothing_is_written_into_the_workspace(folder, found):
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == set(FILES)
    assert not found.runs


def test_no_process_is_left(found):
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [
        line
        for line in listed.splitlines()
        if "workspace.child" in line and "/sptrader_check_" in line and "old" in line
    ]
    assert found.components


@pytest.mark.parametrize("end", ["", "os._exit(3)", "while True: pass"])
def test_what_left_the_session_of_its_process_is_ended_too(tmp_path, end):
    noted = tmp_path / "noted"
    first = f"""
import os, subprocess, sys
code = "import subprocess; print(subprocess.Popen(['sleep', '600'], stdout=-3, stderr=-3, start_new_session=True).pid)"
started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, start_new_session=True).stdout
open({str(noted)!r}, "a").write(started)
{end}
"""
    path = tmp_path / "old" / "core" / "signals" / "starts.py"
    path.parent.mkdir(parents=True)
    path.write_text(SIGNAL.format(more="", first=first, answer=RISES))
    check_workspace(tmp_path / "old", limit=3.0)
    pids = noted.read_text().split()
    assert pids
    assert not [pid for pid in pids if Path("/proc", pid).exists()]


def test_the_page_has_a_line_per_file_then_details(found):
    lines = page(found).splitlines()
    rows = [line for line in lines if line.startswith(("  ok ", "  warning ", "  broken "))]
    assert len(rows) == len(found.components) + len(found.strategies) + len(found.data)
    assert (
        len(
            {
                line.index(each.path)
                for line, each in zip(rows, (*found.components, *found.strategies, *found.data), strict=True)
            }
        )
        == 1
    )
    assert lines.index("to mend") < lines.index("to know") < lines.index("to import")
    broken = sum(each.status == "broken" for each in (*found.components, *found.strategies))
    assert lines[-1].endswith(f"{broken} files can't run")


def test_the_command_says_the_same_as_json_and_by_its_exit_code(tmp_path, capsys):
    shutil.copytree(
        ROOT / "components", tmp_path / "components", ignore=lambda _, names: [n for n in names if n not in KEPT]
    )
    assert main(["workspace", "check", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "1 component (1 ok): everything can run" in text
    (tmp_path / "components" / "signals").mkdir()
    (tmp_path / "components" / "signals" / "bad.py").write_text("x = 1\n")
    assert main(["workspace", "check", str(tmp_path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["runs"] is False
    statuses = {each["path"]: each["status"] for each in document["components"]}
    assert statuses == {"components/indicators/roc.py": "ok", "components/signals/bad.py": "broken"}


KEPT = ("indicators", "roc.py")


def test_a_folder_without_anything_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        find(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"nothing to check in .*a workspace holds components/ or core/"):
        find(tmp_path)
    inner = tmp_path / "work" / "core" / "signals"
    inner.mkdir(parents=True)
    (inner / "a.py").write_text("")
    with pytest.raises(InputError, match=r"Did you mean '.*work'"):
        find(tmp_path)
    with pytest.raises(InputError, match="Did you mean"):
        find(tmp_path / "work" / "core")


def test_a_workspace_runs_when_only_data_are_odd():
    odd = Checked("data/x.csv", "data", "csv", "warning", "not read as candles", (Remark("what"),))
    good = Checked("a.yaml", "strategy", "", "ok", "ran")
    assert Workspace("w", (), (good,), (odd,)).runs
    assert not Workspace("w", (Checked("a.py", "?", "", "broken", "no"),), (good,), (odd,)).runs


def test_everything_to_mend_says_what_to_do(found):
    lines = page(found).splitlines()
    advised: dict[str, bool] = {}
    for line in lines[lines.index("to mend") + 1 : lines.index("to know") - 1]:
        if not line.startswith("   "):
            advised[line.strip()] = False
        elif line.startswith("    > "):
            advised[[*advised][-1]] = True
    broken = {each.path for each in (*found.components, *found.strategies) if each.status == "broken"}
    assert advised == dict.fromkeys(broken, True)


REFUSED = STRATEGY.replace("execution:", "filters: {{min_volume_usd: 1.0e+15}}\nexecution:")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("small")
    for name, text in {
        "core/signals/good.py": SIGNAL.format(more="", first="", answer=RISES),
        "core/signals/raises.py": FILES["core/signals/raises.py"],
        "strategies/blamed.yaml": STRATEGY.format(signal="raises"),
        "strategies/refused.yaml": REFUSED.format(signal="good"),
        "data/EURUSD_1h.csv": FILES["data/EURUSD_1h.csv"],
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


class Watched:
    """A bar that remembers what it was told."""

    def __init__(self, total: int) -> None:
        self.total, self.steps, self.named = total, 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, count: int = 1) -> None:
        self.steps += count

    def set_postfix_str(self, text: str) -> None:
        self.named.append(text)


def test_a_small_workspace_names_the_file_being_tried_and_blames_once(small, monkeypatch):
    bars = []
    monkeypatch.setattr(
        "sptrader_lab.backtesting.workspace.check.bar",
        lambda total, _text, **_: bars.append(Watched(total)) or bars[-1],
    )
    monkeypatch.chdir(small)
    found = check_workspace(small, limit=30.0)
    (bar,) = bars
    listed = [each.path for each in (*found.components, *found.strategies, *found.data)]
    assert sorted(bar.named) == sorted(listed)
    assert bar.steps == bar.total == len(listed)

    (remark,) = one(found, "strategies/blamed.yaml").remarks
    assert "KeyError: 'closse'" in remark.seen
    assert "Traceback" not in remark.seen
    assert "\n" not in remark.seen
    assert remark.todo == "see core/signals/raises.py above"
    assert "File " in told(one(found, "core/signals/raises.py"))

    refused = one(found, "strategies/refused.yaml")
    assert ", 0 trades" in refused.summary
    assert re.search(r"every entry \(\d+\) was refused: too little volume", told(refused)), told(refused)

    assert f"--data {small.parent / 'data'}" in told(one(found, "data/EURUSD_1h.csv"))
