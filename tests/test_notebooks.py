"""Every notebook runs from top to bottom, offline, in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def copy_of_the_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's side of the repository, so that a run leaves nothing behind in it."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("notebooks", "strategies", "portfolios", "components"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_and_shows_trades_and_a_chart(path: Path, copy_of_the_project: Path) -> None:
    notebook = nbformat.read(copy_of_the_project / "notebooks" / path.name, as_version=4)
    resources = {"metadata": {"path": str(copy_of_the_project / "notebooks")}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr" and "Warning" in output.text]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in shown
    text = "".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)
    assert "total_trades" in text
