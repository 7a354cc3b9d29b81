"""Every error and report in docs/candles.md is what the commands really print, and its Python runs as written."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from sptrader_lab.cli import data
from sptrader_lab.errors import CandleError, LabError

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "candles.md").read_text(encoding="utf-8")
FILES = re.findall(r"`(\w+\.csv)`:\n\n```csv\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"```console\n\$ sptrader-lab (.*?)\n(.*?)```", TEXT, re.DOTALL)


def printed(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers(required=True))
    args = parser.parse_args(shlex.split(command))
    try:
        args.run(args)
    except LabError as error:
        return f"error: {error}\n"
    return capsys.readouterr().out


def test_the_troubleshooting_has_examples():
    assert len(FILES) == 4
    assert len(COMMANDS) == 7


@pytest.mark.parametrize(("command", "output"), COMMANDS)
def test_a_command_prints_what_the_page_shows(tmp_path, monkeypatch, capsys, command, output):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPTRADER_DATA", raising=False)
    Path("data").mkdir()
    for name, text in FILES:
        Path(name).write_text(text, encoding="utf-8")
    assert printed(command, capsys).replace(str(tmp_path), "FOLDER") == output


def test_the_python_on_the_page_runs_as_written_and_fails_as_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, disorder = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(first, names)
    assert len(names["candles"]) > 3000
    with pytest.raises(CandleError) as error:
        exec(disorder, names)
    assert f"```text\nsptrader_lab.errors.CandleError: {error.value}\n```" in TEXT
