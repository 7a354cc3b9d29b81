"""An old workspace as its user left it: every file is read as it is, every strategy runs, what it means is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import sptrader_lab as lab
from sptrader_lab.components.library import scan
from sptrader_lab.errors import LookaheadError
from sptrader_lab.results.result import Result
from sptrader_lab.types.candles import Candles

#: Keys that every_key.yaml has and that mean nothing, as section.key.
SAID = """dependencies.orders parameters.max_positions parameters.trailing_stop risk.correlation_limit risk.trailing_stop
execution.urgency execution.slippage_tolerance execution.rebalance_frequency filters.avoid_major_news
filters.news_blackout_minutes metrics.track metrics.track metrics.report_frequency live.alert_on_signal""".split()


def run(workspace: Path, name: str, candles: Candles, **more: object) -> Result:
    return lab.backtest(workspace / "strategies" / f"{name}.yaml", candles, **more)


def test_every_file_is_read_in_its_own_style(old_workspace):
    library = scan(old_workspace / "core")
    assert not library.broken
    assert {name: (spec.kind, spec.style) for name, spec in library.specs.items()} == {
        "sma": ("indicator", "class"),
        "ema": ("indicator", "class"),
        "simple_rsi": ("indicator", "class"),
        "bands": ("indicator", "class"),
        "test_average": ("indicator", "script"),
        "ma_crossover": ("signal", "class"),
        "rsi_oversold": ("signal", "class"),
        "ema_events": ("signal", "events"),
        "test_crossover": ("signal", "script"),
        "test_ma_crossover": ("signal", "script"),
    }
    assert library.find("bands").lookback == 50
    assert [output.name for output in library.find("bands").outputs] == ["upper", "middle", "lower", "width"]


@pytest.mark.parametrize(
    ("name", "trades"),
    [("every_key", 15), ("simple_momentum", 5), ("ma_cross", 40), ("ema_events", 40), ("oversold", 40)],
)
def test_every_strategy_trades(old_workspace, eurusd_1h, name, trades):
    result = run(old_workspace, name, eurusd_1h)
    assert len(result.trades) >= trades
    assert "no value moved" in result.lookahead


def test_the_pair_of_scripts_trades(old_workspace, eurusd_1h):
    result = run(old_workspace, "real_execution", eurusd_1h.rows(0, 300))
    assert len(result.trades) >= 5
    assert "by construction" in result.lookahead


def test_every_key_without_a_meaning_is_said_with_its_line(old_workspace):
    path = old_workspace / "strategies" / "every_key.yaml"
    said = lab.load_strategy(path).warnings
    assert sorted(warning.what.split(" ")[0].rstrip(":") for warning in said) == sorted(SAID)
    lines = path.read_text().splitlines()
    for warning in said:
        section, _, key = warning.what.split(" ")[0].rstrip(":").partition(".")
        written = lines[warning.line - 1]
        assert key in written or section in written or "- " in written, warning


def test_the_signal_that_looks_ahead_is_caught_with_its_parameter(old_workspace, eurusd_1h):
    path = old_workspace / "strategies" / "ma_cross.yaml"
    path.write_text(path.read_text().replace("min_separation: 0.0001", "confirmation_bars: 2"))
    with pytest.raises(LookaheadError, match=r"ma_crossover.*looks ahead.*confirmation_bars=2"):
        run(old_workspace, "ma_cross", eurusd_1h)
    result = run(old_workspace, "ma_cross", eurusd_1h, on_lookahead="warn")
    assert result.lookahead.startswith("LOOKS AHEAD")
    assert any(warning.startswith("LOOKS AHEAD") for warning in result.warnings)


def test_what_a_class_prints_is_kept(old_workspace, eurusd_1h):
    text = "name: wide\nentry: {when: [close > bands.upper], size: 0.1}\nexit: {when: [close < bands.middle]}\n"
    path = old_workspace / "strategies" / "wide.yaml"
    path.write_text(text)
    result = lab.backtest(path, eurusd_1h)
    assert len(result.trades) >= 20
    assert any("bands over 3207 candles" in text for text in result.logs.values())
