"""Signals from longer candles (S13): where their decisions are taken, that none looks ahead, and that none is lost in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.backtesting.pacing import pace
from sptrader_lab.errors import CandleError
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.signals import Overlay, SignalEvents

MONDAY = parse_time("2025-01-06T06:00")


def series(timeframe: str, time: list[int]) -> Candles:
    ones = np.ones(len(time))
    return Candles("EURUSD", timeframe, np.array(time, np.int64), ones, ones, ones, ones, ones)


def decided(bars: int, **columns: Any) -> Decisions:
    never, nothing = np.zeros(bars, np.uint8), np.empty(0)
    base = Decisions(never, never, never, never, never, nothing, nothing, nothing, nothing)
    return base._replace(**columns)


gaps = st.lists(st.booleans(), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(gaps, st.lists(st.booleans(), min_size=1, max_size=160))
def test_a_decision_is_taken_at_the_last_traded_close_inside_its_candle(
    hours: list[bool], quarters: list[bool]
) -> None:
    """An oracle that looks at every pair of candles says the same."""
    signals = series("1h", [MONDAY + n * HOUR for n, there in enumerate(hours) if there])
    traded = series("15m", [MONDAY + n * 15 * MINUTE for n, there in enumerate(quarters) if there])
    rows = pace(signals, traded).rows
    for bar in range(len(signals)):
        opened, closed = signals.time[bar], signals.close_time[bar]
        inside = [row for row in range(len(traded)) if opened <= traded.time[row] and traded.close_time[row] <= closed]
        assert rows[bar] == (inside[-1] if inside else -1)
        if inside and inside[-1] + 1 < len(traded):
            assert traded.time[inside[-1] + 1] >= closed  # what fills next opens when the signal is known


@settings(max_examples=100, deadline=None)
@given(gaps.filter(any), st.integers(0, 2**32 - 1))
def test_columns_keep_their_values_where_decisions_are_taken_and_say_nothing_elsewhere(
    hours: list[bool], seed: int
) -> None:
    random = np.random.default_rng(seed)
    signals = series("1h", [MONDAY + n * HOUR for n, there in enumerate(hours) if there])
    traded = series("30m", [MONDAY + n * 30 * MINUTE for n in range(2 * len(hours)) if random.random() < 0.7])
    bars = len(signals)
    own = decided(
        bars,
        entry_long=random.integers(0, 2, bars).astype(np.uint8),
        blocked=random.integers(0, 20, bars).astype(np.uint8),
        stop_atr=random.random(bars),
    )
    pacing = pace(signals, traded)
    found = pacing.decisions(own)
    taken = {int(row): bar for bar, row in enumerate(pacing.rows) if row >= 0}
    for row in range(len(traded)):
        bar = taken.get(row)
        assert found.signal_close[row] == (bar is not None)
        assert found.entry_long[row] == (0 if bar is None else own.entry_long[bar])
        assert found.blocked[row] == (0 if bar is None else own.blocked[bar])
        assert found.stop_atr[row] == own.stop_atr[bar] if bar is not None else np.isnan(found.stop_atr[row])
    assert all(len(column) in (0, len(traded)) for column in found)
    assert len(found.target_atr) == len(found.long_price) == 0


def test_a_candle_that_is_open_while_a_signal_closes_is_refused_because_it_would_look_ahead() -> None:
    """S2: its open would be paid before the signal is known."""
    signals = series("1h", [MONDAY, MONDAY + HOUR])
    with pytest.raises(CandleError, match=r"1 1h candles close inside a 40m candle, the first at 2025-01-06T07:00 UTC"):
        pace(signals, series("40m", [MONDAY, MONDAY + 40 * MINUTE, MONDAY + 80 * MINUTE]))


def test_lost_decisions_are_counted_and_named() -> None:
    signals = series("1h", [MONDAY + n * HOUR for n in range(4)])
    traded = series("30m", [MONDAY, MONDAY + 3 * HOUR])
    pacing = pace(signals, traded)
    assert pacing.rows.tolist() == [0, -1, -1, 1]
    wishes = decided(4, exit_short=np.array([1, 0, 1, 1], np.uint8))
    said = pacing.lost(wishes, None)
    assert "of 2 1h candles without a 30m candle inside them 1 decided something, which is lost" in said
    assert "2025-01-06T08:00" in said
    assert pacing.lost(wishes, MONDAY + 3 * HOUR) == ""  # before the start nothing is decided
    assert pacing.lost(decided(4), None) == ""


def test_events_and_lines_are_shown_when_they_are_known() -> None:
    signals = series("1h", [MONDAY + n * HOUR for n in range(3)])
    traded = series("30m", [MONDAY + n * 30 * MINUTE for n in (0, 1, 4, 5)])
    pacing = pace(signals, traded)
    events = pacing.events(SignalEvents(0, 0, "own", np.array([0, 1, 2]), {"side": np.array([1.0, 2.0, 3.0])}))
    assert events.bars.tolist() == [1, 3]
    assert events.outputs["side"].tolist() == [1.0, 3.0]
    line = pacing.overlay(Overlay("own", "price", np.array([1.0, 2.0, 3.0]))).values
    assert np.isnan(line[0])
    assert line[1:].tolist() == [1.0, 2.0, 3.0]


def test_an_order_leads_back_to_the_signal_candle_that_it_came_from() -> None:
    signals = series("1h", [MONDAY + n * HOUR for n in range(3)])
    traded = series("30m", [MONDAY + n * 30 * MINUTE for n in (0, 1, 4, 5)])
    assert pace(signals, traded).signal_bars(np.array([1, 3])).tolist() == [0, 2]
