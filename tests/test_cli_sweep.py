"""`sptrader-lab sweep` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from sweep_cases import CROSSOVER, candles

import sptrader_lab as lab
from sptrader_lab.cli.main import main
from sptrader_lab.cli.sweep import _values
from sptrader_lab.errors import InputError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    lab.CandleStore(folder).write(candles())
    return folder


def command(data: Path, *more: str) -> list[str]:
    return ["sweep", str(CROSSOVER), "--data", str(data), *more]


GRID = ("--grid", "ma_fast_period=4:12:4", "--grid", "stop_loss=0.005,0.02")


def test_it_prints_the_best_and_what_they_are_worth(data, capsys):
    assert main(command(data, *GRID, "--top", "2")) == 0
    out = capsys.readouterr().out
    assert "ma_crossover on EURUSD 1h, 6 combinations of ma_fast_period, stop_loss" in out
    assert "Reality Check" in out
    assert "best sharpe_ratio" in out
    assert len(lab.sweeps(data / "sweeps")) == 1


def test_json_holds_the_rows_of_the_same_sweep_in_python(data, capsys):
    assert main(command(data, *GRID, "--json", "--no-statistics", "--csv", str(data / "rows.csv"))) == 0
    told = json.loads(capsys.readouterr().out)
    found = lab.load_sweep(told["sweep_id"], data / "sweeps")
    assert told["best"][0]["values"] == found.values(int(found.ranking()[0]))
    assert (told["done"], told["complete"], told["computed"], told["significance"]) == (6, True, 6, None)
    assert told["written"] == str(data / "rows.csv")
    assert pd.read_csv(data / "rows.csv")["total_trades"].tolist() == found.frame["total_trades"].tolist()
    assert main(command(data, *GRID, "--json", "--no-statistics")) == 0
    assert json.loads(capsys.readouterr().out)["computed"] == 0
    assert main(command(data, *GRID, "--json", "--no-statistics", "--fresh")) == 0
    assert json.loads(capsys.readouterr().out)["computed"] == 6


def test_constraints_samples_values_in_common_and_paths(data, capsys):
    more = ("--grid", "execution.slippage=0,0.0001", "--constraint", "2 * ma_fast_period < ma_slow_period")
    assert main(command(data, *GRID, *more, "--param", "ma_slow_period=18", "--json", "--no-statistics")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["combinations"] == 8
    assert {one["values"]["ma_fast_period"] for one in told["best"]} == {4, 8}
    assert main(command(data, *GRID, "--sample", "random", "--n", "3", "--json", "--no-statistics")) == 0
    assert json.loads(capsys.readouterr().out)["combinations"] == 3


def test_from_measures_from_there_after_earlier_candles(data, capsys):
    assert main(command(data, *GRID, "--from", "2025-01-27", "--json", "--no-statistics")) == 0
    told = json.loads(capsys.readouterr().out)
    best = lab.load_sweep(told["sweep_id"], data / "sweeps").result()
    assert best.manifest["start"] == 1_737_936_000_000_000_000
    assert len(best.candles[0]) > len(best.outcome.time)


def test_processes_give_the_same_rows(data, capsys):
    bests = []
    for executor in ("threads", "processes"):
        assert main(command(data, *GRID, "--json", "--no-statistics", "--fresh", "--executor", executor)) == 0
        bests.append(json.loads(capsys.readouterr().out)["best"])
    assert bests[0] == bests[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--grid", "ma_fst_period=5:9:1"), "Did you mean 'ma_fast_period'"),
        (("--grid", "ma_fast_period=0:9:1"), "ma_fast_period = 0 can't be tried"),
        (("--grid", "ma_fast_period"), "is not NAME=VALUES"),
        (("--grid", "ma_fast_period=5:x"), "is not FROM:TO:STEP"),
        (("--grid", "ma_fast_period=9:5:1"), "goes up from FROM to TO"),
        (("--grid", "ma_fast_period=5:9:0"), "goes up from FROM to TO"),
        (("--grid", "ma_fast_period=5,6", "--grid", "ma_fast_period=7"), "stands twice"),
        ((), "no ranges under backtest.optimization"),
        ((*GRID, "--executor", "thread"), "Did you mean 'threads'"),
        ((*GRID, "--executor", "dask"), "unknown executor"),
        ((*GRID, "--objective", "sharp_ratio"), "Did you mean 'sharpe_ratio'"),
        ((*GRID, "--symbol", "GBPUSX"), "GBPUSX"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(data, capsys, options, said):
    assert main(command(data, *options)) == 2
    assert said in capsys.readouterr().err
    assert not (data / "sweeps").exists()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=5:9:2", [5, 7, 9]),
        ("a=5:8:2", [5, 7]),
        ("a=5:7", [5, 6, 7]),
        ("a=0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("a=-1:1:0.5", [-1.0, -0.5, 0.0, 0.5, 1.0]),
        ("a=7", [7]),
        ("a=7, 8.5,true,word", [7, 8.5, True, "word"]),
        ("execution.slippage=0,0.001", [0, 0.001]),
    ],
)
def test_values_are_read_as_they_look(text, values):
    name, found = _values(text)
    assert name == text.split("=")[0]
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


def test_too_many_steps_are_refused():
    with pytest.raises(InputError, match="has 1,000,000,001 values"):
        _values("a=0:1:0.000000001")
