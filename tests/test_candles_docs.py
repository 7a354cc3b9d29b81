"""Every error and report in docs/candles.md is what the commands really print."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from sptrader_lab.cli import data
from sptrader_lab.errors import CandleError, LabError
from sptrader_lab.types.candles import Candles

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
    assert len(COMMANDS) == 6


@pytest.mark.parametrize(("command", "output"), COMMANDS)
def test_a_command_prints_what_the_page_shows(tmp_path, monkeypatch, capsys, command, output):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPTRADER_DATA", raising=False)
    for name, text in FILES:
        Path(name).write_text(text, encoding="utf-8")
    assert printed(command, capsys) == output


def test_candles_out_of_order_print_what_the_page_shows():
    times = pd.to_datetime(["2025-01-06 11:00", "2025-01-06 10:00"])
    frame = pd.DataFrame({"open": 1.1, "high": 1.2, "low": 1.0, "close": 1.1}, index=times)
    with pytest.raises(CandleError) as error:
        Candles.from_frame(frame, symbol="EURUSD", timeframe="1h")
    assert f"```text\nsptrader_lab.errors.CandleError: {error.value}\n```" in TEXT
