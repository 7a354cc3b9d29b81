"""What `load_strategy` is given: where it looked, which file may have been meant, and what is no strategy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.errors import InputError
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles

PRICES = np.ones(3)
CANDLES = Candles("TEST", "1h", np.arange(3, dtype=np.int64) * HOUR, PRICES, PRICES, PRICES, PRICES, PRICES)
STRATEGY = "name: small\nentry: {when: close > sma, size: 0.1}\nexit: {when: close < sma}\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("strategies", "notebooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "strategies" / "ma_crossover.yaml").write_text(STRATEGY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "given", "meant"),
    [
        ("", "ma_crossover", "strategies/ma_crossover.yaml"),
        ("", "ma_crossover.yaml", "strategies/ma_crossover.yaml"),
        ("", "strategies/ma_crossover", "strategies/ma_crossover.yaml"),
        ("", "strategies/ma_crosover.yaml", "strategies/ma_crossover.yaml"),
        ("", "ma_crosover.yaml", "strategies/ma_crossover.yaml"),
        ("notebooks", "strategies/ma_crosover.yaml", "../strategies/ma_crossover.yaml"),
        ("strategies", "ma_crossover", "ma_crossover.yaml"),
        ("notebooks", "strategies/ma_crossover.yaml", "../strategies/ma_crossover.yaml"),
        ("notebooks", "ma_crossover", "../strategies/ma_crossover.yaml"),
    ],
)
def test_a_missing_file_says_where_was_looked_and_which_file_is_there(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, folder: str, given: str, meant: str
) -> None:
    monkeypatch.chdir(workspace / folder)
    with pytest.raises(InputError) as error:
        lab.load_strategy(given)
    assert str(error.value) == (
        f"no strategy file {given!r}: looked for {workspace / folder / given}. Did you mean {meant!r}?"
    )
    assert lab.load_strategy(meant).name == "small"


@pytest.mark.parametrize(("given", "said"), [("nope/x.yaml", "looked for /"), ("", "directory"), ("\0", "null")])
def test_a_path_that_leads_nowhere_is_an_input_error_without_a_class_name(
    workspace: Path, given: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        lab.load_strategy(given)
    assert "Error" not in str(error.value)


@pytest.mark.parametrize("given", [{"name": "x"}, None, 3, CANDLES.to_frame()], ids=["dict", "None", "int", "frame"])
def test_what_is_no_strategy_is_answered_with_what_is(given: object) -> None:
    with pytest.raises(InputError, match=rf"^{type(given).__name__} .* is no strategy; give a file such as"):
        lab.load_strategy(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [CANDLES, [CANDLES, CANDLES]], ids=["one", "several"])
def test_candles_in_the_place_of_a_strategy_are_told_the_order(given: object) -> None:
    with pytest.raises(InputError, match=r"the strategy comes first: backtest\(strategy, candles\)"):
        lab.load_strategy(given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"the strategy comes first: backtest\(strategy, candles\)"):
        lab.backtest(given, CANDLES)  # type: ignore[arg-type]


def test_a_mistyped_name_of_the_front_door_is_answered_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'bactest'\. Did you mean 'backtest'"):
        lab.bactest  # noqa: B018 - the access is the test
    assert not hasattr(lab, "__wrapped__")
