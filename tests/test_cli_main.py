"""The command itself: help that is true, and answers to mistyped words."""

from __future__ import annotations

import pytest

from sptrader_lab.cli.main import main
from tests.conftest import ROOT


def test_without_a_command_it_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    bare = capsys.readouterr().out
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    assert capsys.readouterr().out == bare
    assert "live" not in bare
    for command in ("backtest", "rerun", "data", "components", "strategy"):
        assert f"    {command}" in bare


@pytest.mark.parametrize(
    ("words", "meant"), [(["bactest"], "backtest"), (["data", "imprt"], "import"), (["components", "sho"], "show")]
)
def test_a_mistyped_command_is_answered_with_the_nearest(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 2
    said = capsys.readouterr().err
    assert f"Did you mean {meant!r}?" in said
    assert "error: " in said


def test_a_parameter_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["backtest", str(ROOT / "strategies" / "ma_crossover.yaml"), "--param", "ma_fast_period=3"]
    assert main([*words, "--param", "ma_fast_period=4"]) == 2
    assert capsys.readouterr().err == "error: --param ma_fast_period stands twice: 3 and 4; give it once\n"


def test_a_strategy_by_its_bare_name_is_answered_with_its_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["backtest", "ma_crossover"]) == 2
    said = capsys.readouterr().err
    assert "Did you mean 'strategies/ma_crossover.yaml'?" in said
    assert "FileNotFoundError" not in said
