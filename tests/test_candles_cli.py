"""`sptrader-lab data` lists, imports and checks."""

from __future__ import annotations

import argparse
import json

import pytest

from sptrader_lab.cli import data
from sptrader_lab.errors import ImportRefused, InputError

HISTDATA = """20240102 170000;1.10427;1.10429;1.10425;1.10429;0
20240102 170100;1.10429;1.10429;1.10416;1.10420;0
20240102 170200;1.10420;1.10425;1.10430;1.10422;0
"""


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers(required=True))
    args = parser.parse_args(["data", *map(str, words)])
    return args.run(args)


def test_import_list_and_check_follow_each_other(tmp_path, capsys):
    file = tmp_path / "histdata.csv"
    file.write_text(HISTDATA)
    assert run("import", file, "--symbol", "EURUSD", "--data", tmp_path / "d") == 0
    text = capsys.readouterr().out
    assert "2 of 3 rows imported as EURUSD 1m" in text
    assert "1 row not imported: high is below low" in text
    assert run("list", "--data", tmp_path / "d") == 0
    assert (
        "EURUSD       1m         store                2  2024-01-02 22:00 .. 2024-01-02 22:01"
        in capsys.readouterr().out
    )
    assert run("check", "--symbol", "EURUSD", "--data", tmp_path / "d") == 0
    assert "Quality of EURUSD 1m (store)" in capsys.readouterr().out


def test_every_command_answers_in_json(tmp_path, capsys):
    file = tmp_path / "histdata.csv"
    file.write_text(HISTDATA)
    run("import", file, "--symbol", "EURUSD", "--data", tmp_path, "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["imported"], report["quarantined"], report["quality"]["rows"]) == (2, 1, 3)
    run("list", "--data", tmp_path, "--json")
    table = json.loads(capsys.readouterr().out)
    assert {"symbol": "EURUSD", "timeframe": "1m", "source": "sample", "candles": 0, "from": None, "to": None} in table
    run("check", "--symbol", "EURUSD", "--timeframe", "1m", "--data", tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)[0]["rows"] == 2


def test_refusals_reach_the_caller(tmp_path):
    file = tmp_path / "histdata.csv"
    file.write_text(HISTDATA)
    with pytest.raises(ImportRefused, match=r"histdata.csv:3: high is below low"):
        run("import", file, "--symbol", "EURUSD", "--data", tmp_path, "--bad-rows", "refuse")
    with pytest.raises(InputError, match="is not OURS=THEIRS"):
        run("import", file, "--symbol", "EURUSD", "--data", tmp_path, "--columns", "time")


def test_columns_are_read_with_commas_and_colons_inside_patterns():
    assert data.parse_columns("time=Date:%b %d, %Y,open=O") == {"time": "Date:%b %d, %Y", "open": "O"}
    assert data.parse_columns("") == {}


def test_importing_makes_the_folder_and_warns_of_missing_candles(tmp_path, capsys):
    file = tmp_path / "few.csv"
    file.write_text("time,open,high,low,close\n" + "".join(f"2024-01-02T10:{k}0Z,1,1,1,1\n" for k in (0, 1, 2, 5)))
    assert run("import", file, "--symbol", "EURUSD", "--data", tmp_path / "new") == 0
    warned = "warning: EURUSD 10m: 33.3 % of the expected candles are missing (2 of 6)"
    assert warned in capsys.readouterr().out
    assert run("check", "--symbol", "eur/usd", "--data", tmp_path / "new") == 0
    assert warned in capsys.readouterr().out


def test_listing_a_mistyped_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        run("list", "--data", tmp_path / "q")
    assert not (tmp_path / "q").exists()
