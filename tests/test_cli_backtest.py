"""The main job as a user does it: import a file, run a strategy on the command line, read its JSON, run it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sptrader_lab as lab
from sptrader_lab.cli.main import main
from tests.conftest import REAL, ROOT

STRATEGY = str(ROOT / "strategies" / "ma_crossover.yaml")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh folder with the real EURUSD minutes, imported by the command line in a process of its own."""
    if not REAL.parent.exists():
        pytest.skip(f"real candles are not here: {REAL.parent.name} folder missing beside the repository")
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "sptrader_lab.cli.main", "data", "import", str(REAL), "--symbol", "EURUSD"]
    done = subprocess.run(
        [*command, "--data", str(folder), "--json"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "191906" in done.stdout
    return folder


@pytest.mark.parametrize("timeframe", ["5m", "1h"])
def test_the_command_line_gives_the_trades_of_the_notebook(
    imported: Path, timeframe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--symbol", "EURUSD", "--timeframe", timeframe, "--data", imported, "--json")
    code, out, _ = run(capsys, "backtest", STRATEGY, *options)
    document = json.loads(out)
    result = lab.backtest(STRATEGY, lab.CandleStore(imported).candles("EURUSD", timeframe))
    assert code == 0
    assert document["digest"] == result.digest
    assert document["total_trades"] == len(document["completed_trades"]) == len(result.trades) > 50
    assert [trade["entry_price"] for trade in document["completed_trades"]] == result.trades["entry_price"].tolist()


def test_options_reach_the_run_and_files_are_written(
    imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: list[Any] = ["--symbol", "EURUSD", "--timeframe", "1h", "--from", "2025-03-01", "--to", "2025-03-31"]
    options += ["--param", "ma_fast_period=8", "--capital", 5000, "--data", imported]
    written = ["--report", tmp_path / "out.html", "--csv", tmp_path / "csv", "--save", "--json"]
    code, out, _ = run(capsys, "backtest", STRATEGY, *options, *written)
    document = json.loads(out)
    assert code == 0
    assert document["start_capital"] == 5000
    entries = [trade["entry_time"] for trade in document["completed_trades"]]
    assert min(entries) >= "2025-03-01"
    assert max(entries) < "2025-04-01"
    assert (tmp_path / "out.html").stat().st_size > 500_000
    assert len((tmp_path / "csv" / "trades.csv").read_text().splitlines()) == len(entries) + 1
    code, out, _ = run(capsys, "rerun", document["run_id"][:12], "--data", imported)
    assert code == 0
    assert "the same bytes" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--param", "ma_fast_perid=8"], "Did you mean 'ma_fast_period'?"),
        (["--param", "ma_fast_period"], "is not NAME=VALUE"),
        (["--param", "ma_fast_period=0"], "nearest: 1"),
        (["--timeframe", "7m"], "does not divide a day evenly"),
        (["--from", "2030-01-01"], "2025"),
        (["--from", "tomorrow"], "write it like 2025-03-01"),
        (["--symbol", "EURUDS"], "EURUSD"),
        (["--lookahead", "exhaustiv"], "Did you mean 'exhaustive'?"),
        (["--capital", "-5"], "above zero"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write_instead(
    imported: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = options if "--symbol" in options else ["--symbol", "EURUSD", *options]
    code, out, err = run(capsys, "backtest", STRATEGY, "--data", imported, *given)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert said in err


def test_the_only_symbol_of_a_store_need_not_be_named(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "backtest", STRATEGY, "--timeframe", "4h", "--data", imported)
    assert code == 0
    assert "EURUSD 4h" in out


def test_a_run_from_a_date_knows_the_candles_before_it(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same run as in Python over all earlier candles; one that begins cold misses what its averages knew."""
    options = ["--symbol", "EURUSD", "--timeframe", "1h", "--data", imported]
    options += ["--from", "2025-08-04", "--to", "2025-08-31"]
    code, out, _ = run(capsys, "backtest", STRATEGY, *options, "--json")
    document = json.loads(out)
    store = lab.CandleStore(imported)
    warm = lab.backtest(STRATEGY, store.candles("EURUSD", "1h", end="2025-08-31"), start="2025-08-04")
    cold = lab.backtest(STRATEGY, store.candles("EURUSD", "1h", start="2025-08-04", end="2025-08-31"))
    assert code == 0
    traded = [(trade["entry_price"], trade["exit_price"]) for trade in document["completed_trades"]]
    in_python, begun_cold = (
        list(zip(r.trades["entry_price"], r.trades["exit_price"], strict=True)) for r in (warm, cold)
    )
    assert traded == in_python != begun_cold
    assert document["end_capital"] == warm.metrics["end_capital"]
    assert document["measured"]["warm_up_candles"] == 500
    code, out, _ = run(capsys, "backtest", STRATEGY, *options)
    assert "measured from 2025-08-04 00:00 to 2025-08-31 23:00 UTC, after 500 earlier candles" in out


def test_a_store_with_fewer_candles_before_the_start_gives_all_of_them(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--symbol", "EURUSD", "--timeframe", "1h", "--data", imported, "--from", "2025-03-01")
    _, out, _ = run(capsys, "backtest", STRATEGY, *options)
    earlier = len(lab.CandleStore(imported).candles("EURUSD", "1h", end="2025-02-28"))
    assert 0 < earlier < 500
    assert f", after {earlier} earlier candles for the indicators" in out


def test_a_run_from_the_beginning_of_the_store_says_nothing_about_earlier_candles(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--symbol", "EURUSD", "--timeframe", "1h", "--data", imported)
    _, bare, _ = run(capsys, "backtest", STRATEGY, *options)
    assert "measured" not in bare
    _, dated, _ = run(capsys, "backtest", STRATEGY, *options, "--from", "2024-06-01")
    assert "measured from 2025-" in dated
    assert "earlier" not in dated
    assert bare.split("digest ")[1].split()[0] == dated.split("digest ")[1].split()[0]


def test_a_period_longer_than_fifty_bars_is_given_more_candles(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--symbol", "EURUSD", "--timeframe", "5m", "--data", imported, "--from", "2025-06-01", "--json")
    _, out, _ = run(capsys, "backtest", STRATEGY, *options, "--param", "ma_slow_period=200")
    assert json.loads(out)["measured"]["warm_up_candles"] == 2_000
