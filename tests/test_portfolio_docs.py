"""Every block of docs/portfolio.md is true: its Python runs as written, its YAML loads."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import sptrader_lab as lab
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "portfolio.md").read_text(encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("strategies", "portfolios"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_runs_from_top_to_bottom(workspace: Path) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(block, names)
    assert names["pair"].strategies == ("ma_crossover", "rsi_reversion")
    assert names["paced"].candles[0].timeframe == "5m"
    assert names["paced"].references == (names["hours"],)
    assert len(names["whole"].attribution)


def test_the_file_on_the_page_loads(workspace: Path) -> None:
    block, shares = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    lab.load_strategy(f"name: x\nentry: {{when: close > sma, size: 0.1}}\nexit: {{when: close < sma}}\n{shares}")
    path = workspace / "portfolios" / "page.yaml"
    path.write_text(block, encoding="utf-8")
    assert len(lab.load_portfolio(path).loaded) == 2
