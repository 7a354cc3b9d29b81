"""`sptrader-lab component new`: what it writes passes its own test, and nothing that is there is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sptrader_lab.cli.main import main
from sptrader_lab.components.exam import exam_candles, examine
from sptrader_lab.components.library import own_library, scan


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "columns"),
    [
        ("my_mean", "indicator", ["close"]),
        ("of_three", "indicator", ["high", "low", "close"]),
        ("my_cross", "signal", ["hl2"]),
    ],
)
def test_what_is_written_passes_the_exam(empty_folder, capsys, name, kind, columns):
    assert main(["component", "new", name, "--kind", kind, "--input", *columns]) == 0
    said = capsys.readouterr().out
    file = empty_folder / "components" / f"{kind}s" / f"{name}.py"
    assert f"written  {file.relative_to(empty_folder)}" in said
    library = scan(empty_folder / "components", own_library())
    spec = library.find(str(file))
    assert (spec.kind, spec.style) == (kind, "native")
    assert [each.name for each in spec.inputs if each.requires is None] == columns
    assert all(each.description and each.low is not None for each in spec.parameters)
    exam = examine(spec, exam_candles(), library=library)
    assert exam.passed, str(exam)


def test_the_written_tests_pass_and_can_fail(empty_folder):
    for name, kind in (("my_mean", "indicator"), ("my_cross", "signal")):
        assert main(["component", "new", name, "--kind", kind, "--input", "high", "low"]) == 0

    def run_tests() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
        return subprocess.run(command, cwd=empty_folder, capture_output=True, text=True)

    done = run_tests()
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
    file = empty_folder / "components" / "indicators" / "my_mean.py"
    file.write_text(file.read_text().replace("return line", "return line + 1.0"))
    assert "1 failed, 3 passed" in run_tests().stdout


def test_the_written_files_are_laid_out_as_the_house_wants(empty_folder):
    for name, kind in (("my_mean", "indicator"), ("my_cross", "signal")):
        assert main(["component", "new", name, "--kind", kind]) == 0
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", "--line-length", "120", "."]
    assert subprocess.run(command, capture_output=True, cwd=empty_folder).returncode == 0


def test_nothing_is_overwritten_and_it_is_said_what_is_there(empty_folder, capsys):
    file = empty_folder / "components" / "indicators" / "mine.py"
    file.parent.mkdir(parents=True)
    file.write_text('"""My best idea."""\n')
    assert main(["component", "new", "mine", "--kind", "indicator"]) == 2
    assert capsys.readouterr().err == (
        "error: components/indicators/mine.py is there already (My best idea.); nothing was written. Take another name.\n"
    )
    assert file.read_text() == '"""My best idea."""\n'
    assert not (empty_folder / "tests").exists()


def test_a_test_that_is_there_keeps_the_component_from_being_written(empty_folder, capsys):
    test = empty_folder / "tests" / "test_mine.py"
    test.parent.mkdir()
    test.write_text("")
    assert main(["component", "new", "mine", "--kind", "signal"]) == 2
    assert "tests/test_mine.py is there already; nothing was written" in capsys.readouterr().err
    assert not (empty_folder / "components").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Range Share", "did you mean 'range_share'?"),
        ("RangeShare", "did you mean 'range_share'?"),
        ("1st", "did you mean 'of_1st'?"),
        ("if", "did you mean 'of_if'?"),
        ("_own", "did you mean 'own'?"),
        ("../up", "did you mean 'up'?"),
        ("", "can't name a component; a component's name is a Python name in lower case"),
        ("close", "is a column of candles"),
        ("test_it", "files called test_... are tests"),
        ("crossing", "the laboratory itself has that name"),
        ("talib", "the laboratory itself has that name"),
    ],
)
def test_a_bad_name_has_an_answer(empty_folder, capsys, name, said):
    assert main(["component", "new", name, "--kind", "signal"]) == 2
    assert said in capsys.readouterr().err
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("columns", "said"),
    [(["closse"], "Did you mean 'close'?"), (["close", "close"], "names a column twice; give each once")],
)
def test_a_bad_column_has_an_answer(capsys, columns, said):
    assert main(["component", "new", "mine", "--kind", "indicator", "--input", *columns]) == 2
    assert said in capsys.readouterr().err


def test_json_names_both_files(empty_folder, capsys):
    assert main(["components", "new", "mine", "--kind", "signal", "--folder", "deep/core", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "component": str(Path("deep/core/signals/mine.py")),
        "test": str(Path("deep/tests/test_mine.py")),
    }
    assert all((empty_folder / path).is_file() for path in document.values())


def test_a_name_of_the_librarys_is_refused_with_a_free_one(empty_folder, capsys):
    assert main(["component", "new", "sma", "--kind", "indicator"]) == 2
    said = capsys.readouterr().err
    assert "'sma' is taken by " in said
    assert "indicators/sma.py" in said
    assert "such as 'my_sma'." in said
    assert list(empty_folder.iterdir()) == []
    assert main(["component", "new", "my_sma", "--kind", "indicator"]) == 0
    capsys.readouterr()
    assert main(["component", "new", "sma", "--kind", "signal"]) == 2
    assert "such as 'my_sma_2'." in capsys.readouterr().err


def test_a_name_of_the_workspaces_own_in_a_deeper_folder_is_refused(empty_folder, capsys):
    file = empty_folder / "components" / "indicators" / "trend" / "slope.py"
    file.parent.mkdir(parents=True)
    file.write_text("def slope(close):\n    return close\n")
    assert main(["component", "new", "slope", "--kind", "signal"]) == 2
    assert f"'slope' is taken by {file}" in capsys.readouterr().err
