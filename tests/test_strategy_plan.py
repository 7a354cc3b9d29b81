"""Plans: what is computed once, what is decided at each close, what fires, what fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import ComponentFailed, InputError
from sptrader_lab.strategy.filters import blocked, local_minutes
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.strategy.schema.sections import Filters
from sptrader_lab.types import reasons
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

LIBRARY = scan(own_library())
STRATEGIES = Path(__file__).resolve().parent.parent / "strategies"


def candles(close, *, start="2025-01-06T00:00", timeframe="1h", volume=100.0, spread=None) -> Candles:
    close = np.array(close, dtype=float)
    bars = len(close)
    step = {"1h": HOUR, "1m": MINUTE}[timeframe]
    time = parse_time(start) + np.arange(bars) * step
    columns = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
    volumes = np.broadcast_to(np.asarray(volume, dtype=float), bars)
    spreads = None if spread is None else np.broadcast_to(np.asarray(spread, dtype=float), bars)
    return Candles("TEST", timeframe, time, **columns, volume=volumes, spread=spreads)


def plan(text: str) -> Plan:
    return make_plan(load_strategy(text, library=LIBRARY), LIBRARY)


def decided(text: str, given: Candles):
    made = plan(text)
    return made.decide(given, made.compute(given))


def bars(flags) -> list[int]:
    assert flags.dtype == np.uint8
    return np.flatnonzero(flags).tolist()


WAVE = [10, 11, 12, 13, 12, 11, 10, 9, 8, 9, 10, 11, 12]


def test_golden_decisions_of_comparisons():
    found = decided(
        """\
name: x
indicators: {slow: {type: sma, params: {period: 3}}}
entry: {when: close > slow, size: 0.1}
exit: {when: "not close > slow"}
""",
        candles(WAVE),
    )
    # sma(3) is defined from bar 2 on; before it neither rule fires.
    assert bars(found.entry_long) == [2, 3, 9, 10, 11, 12]
    assert bars(found.exit_long) == [4, 5, 6, 7, 8]
    assert bars(found.entry_short) == bars(found.exit_short) == []


def test_golden_decisions_of_a_signal_and_its_labels():
    text = """\
name: x
signal_config:
  ma_crossover:
    required_indicators: [{name: ma_fast, type: sma, params: {period: 1}}, {name: ma_slow, type: sma, params: {period: 3}}]
entry:
  long: {when: {signal: ma_crossover, outputs: {crossover_type: golden_cross}}}
  short: {when: {signal: ma_crossover, outputs: {crossover_type: death_cross}}}
  size: 0.1
exit:
  long: {when: {not: {signal: ma_crossover, outputs: {crossover_type: "!= death_cross"}}}}
  short: {when: {signal: ma_crossover}}
"""
    found = decided(text, candles(WAVE))
    assert bars(found.entry_long) == [9]
    assert bars(found.entry_short) == [4]
    assert bars(found.exit_short) == [4, 9]
    assert 9 not in bars(found.exit_long)
    assert 4 in bars(found.exit_long)


def test_nothing_happened_can_be_asked_for_by_its_label():
    text = "name: x\nentry: {when: {signal: macd_cross, outputs: {crossover_type: none}}, size: 0.1}\n"
    rising = 10 + np.arange(60) + np.sin(np.arange(60))
    found = decided(text, candles(rising))
    fired = decided(text.replace(", outputs: {crossover_type: none}", ""), candles(rising))
    assert set(bars(found.entry_long)) & set(bars(fired.entry_long)) == set()
    assert len(bars(found.entry_long)) > 10
    assert len(bars(fired.entry_long)) > 0


def test_a_call_used_in_several_places_is_made_once():
    made = plan(
        """\
name: x
indicators:
  a: {type: sma, params: {period: 20}}
  b: {type: sma, params: {source: close}}
  unused: {type: ema}
entry: {when: [close > a, close > b, close > sma], size: 0.1}
exit: {stop_loss: {type: atr, value: 2}, trailing_stop: {type: atr, value: 3}}
"""
    )
    assert [call.key for call in made.calls] == ["sma(close, period=20)", "atr(high, low, close, period=14)"]


def test_calls_stand_after_what_they_depend_on():
    made = plan(
        """\
name: x
indicators:
  z: {type: ema, params: {period: 3, source: y}}
  y: {type: rsi, params: {period: 5}}
entry: {when: [z > 50, macd.histogram > 0, talib.MACD.macdhist > 0], size: 0.1}
"""
    )
    keys = [call.key for call in made.calls]
    assert keys[:2] == ["rsi(close, period=5)", "ema(rsi(close, period=5), period=3)"]
    for place, call in enumerate(made.calls):
        assert not {name for name in call.inputs if name in keys[place:]}


def test_atr_columns_come_only_where_a_level_counts_in_them():
    text = "name: x\nentry: {when: close > 1, size: {type: volatility, value: 0.01}}\nexit: {stop_loss: {type: atr, value: 2}}\n"
    found = decided(text, candles(np.linspace(10, 20, 40)))
    assert (len(found.stop_atr), len(found.target_atr), len(found.trail_atr), len(found.size_atr)) == (40, 0, 0, 40)
    assert found.stop_atr[-1] > 0
    assert found.stop_atr is found.size_atr


def test_signal_events_carry_words_and_numbers():
    made = plan("name: x\nentry: {when: {signal: breakout}, size: 0.1}\n")
    given = candles(np.concatenate([np.full(25, 10.0), [12.0, 13.0], np.full(25, 10.0), [5.0]]))
    (events,) = made.signals(made.compute(given))
    assert events.name == "breakout"
    assert events.bars.tolist() == [25, 52]
    assert events.outputs["breakout_type"].tolist() == ["up", "down"]
    assert events.outputs["signal_strength"].dtype == np.float64


def test_overlays_say_where_they_are_drawn():
    made = plan("name: x\nentry: {when: [close > sma, rsi < 50, supertrend.direction > 0], size: 0.1}\n")
    computed = made.compute(candles(100 + np.sin(np.arange(300)) * 3))
    panes = {line.label: line.pane for line in made.overlays(computed)}
    assert panes == {
        "sma(20)": "price",
        "rsi(14)": "rsi(14)",
        "supertrend(10, 3).supertrend": "price",
        "supertrend(10, 3).direction": "supertrend(10, 3)",
    }


BROKEN = '''"""Breaks."""

from sptrader_lab.components import Column


def broken(close: Column) -> Column:
    """Break."""
    raise RuntimeError("division of labour")
'''


def test_a_failing_component_ends_the_run_with_its_own_traceback_or_is_recorded(tmp_path: Path):
    folder = tmp_path / "indicators"
    folder.mkdir()
    (folder / "broken.py").write_text(BROKEN)
    library = scan(tmp_path, own_library())
    text = """\
name: x
indicators: {smooth: {type: sma, params: {source: broken, period: 2}}}
entry: {when: {any: [smooth > 0, close > 11]}, size: 0.1}
exit: {when: "not smooth > 0"}
"""
    made = make_plan(load_strategy(text, library=library), library)
    given = candles([10, 11, 12, 13])
    with pytest.raises(ComponentFailed, match="division of labour"):
        made.compute(given)
    computed = made.compute(given, on_error="continue")
    assert "division of labour" in computed.failures["broken(close)"]
    assert computed.failures["sma(broken(close), period=2)"] == "its input broken(close) failed"
    found = made.decide(given, computed)
    assert bars(found.entry_long) == [2, 3]
    assert bars(found.exit_long) == []


def test_a_column_that_the_candles_lack_is_an_error_before_anything_runs():
    made = plan("name: x\nentry: {when: spread < 0.0002, size: 0.1}\n")
    with pytest.raises(InputError, match="spread"):
        made.compute(candles([1, 2, 3]))


def test_no_candles_give_no_decisions():
    found = decided(
        "name: x\nentry: {when: close > sma, size: 0.1}\nfilters: {trading_hours: '08:00-09:00'}\n", candles([])
    )
    assert [len(column) for column in found[:5]] == [0] * 5


@pytest.mark.parametrize("file", sorted(STRATEGIES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_prefix_of_the_candles_gives_a_prefix_of_the_decisions_s2(file, eurusd_1h):
    made = make_plan(load_strategy(file, library=LIBRARY), LIBRARY)
    scripted = any(call.spec.style == "script" for call in made.calls)  # a process for each candle
    hours = eurusd_1h[:250] if scripted else eurusd_1h
    full = made.decide(hours, made.compute(hours))
    for cut in (1, 200, 1501):
        part = hours[:cut]
        found = made.decide(part, made.compute(part))
        for whole, short in zip(full, found, strict=True):
            assert np.array_equal(whole[:cut], short, equal_nan=whole.dtype.kind == "f")


# Filters (S4): tested at the decision, the closing instant


def reasons_at(filters: dict, given: Candles) -> list[str]:
    return [reasons.REASONS[code] for code in blocked(Filters.model_validate(filters), given)]


def test_trading_hours_include_both_ends_and_look_at_the_close_s4():
    given = candles([1] * 24)  # opens 00:00 ... 23:00, so closes 01:00 ... 24:00
    found = reasons_at({"trading_hours": "08:00-10:00"}, given)
    assert [bar + 1 for bar, reason in enumerate(found) if not reason] == [8, 9, 10]
    assert set(found) == {"", "trading_hours"}


def test_trading_hours_may_wrap_midnight():
    found = reasons_at({"trading_hours": "22:00-02:00"}, candles([1] * 24))
    assert [bar + 1 for bar, reason in enumerate(found) if not reason] == [1, 2, 22, 23, 24]


def test_the_whole_day_of_older_files_blocks_nothing():
    given = candles([1] * 24, timeframe="1m", start="2025-01-05T23:50")
    assert set(reasons_at({"trading_hours": "00:00-23:59", "trading_days": "Mon-Sun"}, given)) == {""}


def test_trading_days_are_those_of_the_closing_instant_s4():
    given = candles([1] * 48, start="2025-01-10T00:00")  # a Friday
    found = reasons_at({"trading_days": "Mon-Fri"}, given)
    assert found.index("trading_days") == 23  # closes on Saturday 00:00
    assert reasons_at({"trading_days": "Sat,Sun"}, given)[0] == "trading_days"
    assert set(reasons_at({"trading_days": "Fri-Mon"}, given)) == {""}


def test_hours_in_a_zone_follow_its_clocks_over_a_change_s4():
    given = candles([1] * 96, start="2025-03-08T00:00")  # New York's clocks change on 9 March
    minutes = local_minutes(given.close_time, "America/New_York")
    stamps = given.to_frame().index + np.timedelta64(1, "h")
    expected = stamps.tz_convert("America/New_York")
    assert (minutes % 1440).tolist() == (expected.hour * 60 + expected.minute).tolist()


def test_volume_and_spread_filters_name_their_reason():
    given = candles([10, 10, 10], volume=[1, 100, 100], spread=[0.001, 0.001, 0.1])
    assert reasons_at({"min_volume_usd": 500, "max_spread_bps": 10}, given) == ["min_volume", "", "max_spread"]


def test_a_spread_filter_without_a_spread_is_noted_not_applied():
    made = plan("name: x\nentry: {when: close > 1, size: 0.1}\nfilters: {max_spread_bps: 1}\n")
    without, with_spread = candles([1, 2]), candles([1, 2], spread=0.5)
    assert "not applied" in made.notes(without)[0]
    assert bars(made.decide(without, made.compute(without)).blocked) == []
    assert made.notes(with_spread) == ()
    assert bars(made.decide(with_spread, made.compute(with_spread)).blocked) == [0, 1]


def silence(text: str, given: Candles) -> tuple[str, ...]:
    made = plan(text)
    computed = made.compute(given, "continue")
    return made.silence(given, computed, made.decide(given, computed))


def test_a_run_that_never_wanted_to_enter_says_why():
    text = "name: x\nindicators: {slow: {type: sma, params: {period: 30}}}\nentry: {when: close > slow, size: 0.1}\n"
    assert silence(text, candles([1.0] * 22)) == (
        "no entry condition ever held on 22 candles of TEST; undefined on all of them: sma(close, period=30)",
    )
    assert silence(text, candles([1.0] * 40)) == ("no entry condition ever held on 40 candles of TEST",)
    assert silence(text, candles(np.arange(1.0, 41.0))) == ()


def test_a_plan_wants_ten_times_its_longest_period_before_a_start():
    text = "name: x\nindicators: {slow: {type: sma, params: {period: %d}}}\nentry: {when: close > slow, size: 0.1}\n"
    assert plan(text % 30).warm_up == 500
    assert plan(text % 200).warm_up == 2_000
