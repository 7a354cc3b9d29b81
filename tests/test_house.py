"""The house: layers, the front door, what an import costs, notebooks without outputs, files without addresses."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sptrader_lab as lab
from tests.conftest import ROOT

PACKAGE = ROOT / "sptrader_lab"

# Room -> floor. An import may point to a lower floor, or to the same room; to a room on its own floor only where ALLOWED says so.
FLOORS = {
    "errors": 1,
    "types": 1,
    "kernel": 2,
    "components": 3,
    "strategy": 3,
    "candles": 4,
    "results": 4,
    "streams": 4,
    "backtesting": 5,
    "research": 5,
    "charts": 6,
    "widgets": 7,
    "cli": 7,
}
ALLOWED = {("types", "errors"), ("errors", "types"), ("strategy", "components"), ("research", "backtesting")}
# Library -> the only rooms that may import it.
HOMES = {
    "numba": {"kernel"},
    "talib": {"components"},
    "yaml": {"strategy"},
    "pydantic": {"strategy"},
    "pydantic_core": {"strategy"},
    "duckdb": {"candles", "research", "results"},
    "pyarrow": {"candles", "research", "results"},
    "pandas": {"candles", "components", "research", "results", "types", "charts", "widgets"},
    "bokeh": {"charts", "widgets"},
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "traitlets": {"widgets"},
    "redis": {"streams"},
    "scipy": {"research"},
    "optuna": {"research"},
}


def imports(path: Path) -> list[str]:
    """Every module that a file imports, at the top or inside a function, but not for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append("." * node.level + (node.module or ""))
    return found


def room_files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name == "errors.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in room_files()} == set(FLOORS)


@pytest.mark.parametrize("path", room_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    mine = room_of(path)
    for module in imports(path):
        assert not module.startswith("."), f"{path}: relative import {module!r}; write it from sptrader_lab"
        first, *rest = module.split(".")
        if first == "sptrader_lab" and rest and rest[0] in FLOORS:
            other = rest[0]
            down = FLOORS[other] < FLOORS[mine] or other == mine or (mine, other) in ALLOWED
            assert down, f"{mine} (floor {FLOORS[mine]}) imports {other} (floor {FLOORS[other]}): {module}"
        elif first == "sptrader_lab":
            assert mine == "cli", f"{mine} imports the front door"
        assert mine in HOMES.get(first, {mine}), f"{mine} imports {first}, at home in {sorted(HOMES[first])}"


@pytest.mark.parametrize("path", sorted((ROOT / "components").rglob("*.py")), ids=lambda path: path.stem)
def test_the_library_of_components_stays_free_of_frames_files_and_faces(path: Path) -> None:
    allowed = {"__future__", "typing", "math", "numpy", "numba", "talib", "sptrader_lab"}
    if "CANDLE_DATA" in path.read_text(encoding="utf-8"):  # a script is handed its candles as JSON in the environment
        allowed = {"__future__", "datetime", "json", "os"}
    for module in imports(path):
        parts = module.split(".")
        assert parts[0] in allowed, f"{path.name} imports {module}"
        assert parts[0] != "sptrader_lab" or parts[1] in {"components", "kernel"}, f"{path.name} imports {module}"


def test_the_front_door_has_these_names_and_no_others() -> None:
    assert lab.__all__ == sorted(lab.__all__)
    assert [name for name in dir(lab) if not name.startswith("_")] == lab.__all__
    for name in lab.__all__:
        assert getattr(lab, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'backtset'"):
        lab.backtset  # noqa: B018 - the access is the test


def test_importing_the_laboratory_loads_nothing_heavy() -> None:
    heavy = ["bokeh", "ipywidgets", "redis", "optuna", "pandas", "numba", "duckdb", "pydantic"]
    code = f"import sys, sptrader_lab; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_notebooks_are_committed_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_lock_holds_versions_and_hashes_but_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|^--|file:", text, flags=re.MULTILINE)
    pinned = re.findall(r"^[A-Za-z0-9_.-]+==", text, flags=re.MULTILINE)
    assert len(pinned) > 100
    assert text.count("--hash=sha256:") >= len(pinned)
