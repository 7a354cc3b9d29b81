"""Notes beside the numbers: alarms first, failures before doubts, keys without effect in one line, what components printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sptrader_lab as lab
from sptrader_lab.charts.summary import summary_html
from sptrader_lab.results.notes import notes
from sptrader_lab.types.candles import Candles

STRATEGY = (Path(__file__).resolve().parent.parent / "strategies" / "ma_crossover.yaml").read_text()
IDLE = "live: {alert_on_signal: true}\nexecution: {urgency: now, slippage_tolerance: 0.1, rebalance_frequency: 1d}\n"


@pytest.fixture(scope="module")
def candles(tmp_path_factory) -> Candles:
    return lab.CandleStore(tmp_path_factory.mktemp("store")).candles("EURUSD", "1h")[:3000]


def test_a_filter_that_keeps_every_entry_out_is_named_with_what_it_wanted_and_what_there_was(candles):
    result = lab.backtest(STRATEGY + "filters: {min_volume_usd: 1000000}\n", candles)
    most = float((candles.volume * candles.close).max())
    (said,) = [text for text in result.warnings if "kept out by filters" in text]
    assert "min_volume_usd is 1,000,000, and volume x close of EURUSD was" in said
    told = float(said.partition("EURUSD was ")[2].partition(" at most")[0].replace(",", ""))
    assert 0 < told <= most * (1 + 1e-5)
    assert result.refusal_counts["min_volume"] == int(said.partition("(")[2].partition(")")[0])
    low = lab.backtest(STRATEGY + "filters: {min_volume_usd: 1}\n", candles)
    assert not any("kept out" in text for text in low.warnings)
    some = lab.backtest(STRATEGY + f"filters: {{min_volume_usd: {told * 0.8}}}\n", candles)
    assert not any("kept out" in text for text in some.warnings)


def test_many_keys_without_effect_are_one_line_at_the_end_and_whole_in_warnings(candles):
    result = lab.backtest(STRATEGY + IDLE, candles)
    said = notes(result)
    assert said[-1].startswith("warning: 4 keys have no effect: live.alert_on_signal, execution.urgency, ")
    assert sum("no effect" in text for text in said) == 1
    assert sum("no effect" in text for text in result.warnings) == 4
    few = notes(lab.backtest(STRATEGY + "live: {alert_on_signal: true}\n", candles))
    assert "alerts do not exist yet" in few[-1]


def test_an_alarm_stands_first_in_red_and_in_the_name_and_what_was_printed_is_at_hand(candles):
    plain = lab.backtest(STRATEGY, candles)
    result = replace(plain, warnings=("other", "LOOKS AHEAD: peek: <moved>"), logs={"peek(period=3)": "1 < 2\n"})
    assert notes(result)[:2] == ["LOOKS AHEAD: peek: <moved>", "warning: other"]
    assert repr(result).startswith("<Result LOOKS AHEAD ma_crossover")
    assert "LOOKS" not in repr(plain)
    page = summary_html(result)
    assert '<li class="spt-alarm">LOOKS AHEAD: peek: &lt;moved&gt;</li>' in page
    assert "<b>peek(period=3)</b><pre>1 &lt; 2\n</pre>" in page
    assert "What components printed" not in summary_html(plain)
