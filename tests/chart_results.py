"""Results to draw: made by the real kernel from candles and hand-made decisions, no strategy file needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.kernel.layout import Leg, contract
from sptrader_lab.kernel.rolling import crosses_above, crosses_below, rolling_mean
from sptrader_lab.results.result import Result
from sptrader_lab.types.calendar import MINUTE, timeframe
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instruments import instrument
from sptrader_lab.types.records import default_rules
from sptrader_lab.types.signals import Overlay, SignalEvents

START = 1_736_121_600_000_000_000  # Monday 2025-01-06 00:00 UTC
DAY = 1440 * MINUTE


def random_candles(count: int = 600, *, symbol: str = "EURUSD", frame: str = "1h", seed: int = 7) -> Candles:
    """A random walk from Monday to Friday, whose weekends are missing."""
    rng = np.random.default_rng(seed)
    time = START + np.arange(3 * count, dtype=np.int64) * timeframe(frame).ns
    time = time[((time // DAY + 3) % 7) < 5][:count]
    close = 1.08 * np.exp(np.cumsum(rng.normal(0, 0.0012, count)))
    open_ = np.concatenate([[1.08], close[:-1]]) if count else close
    reach = np.abs(rng.normal(0, 0.0008, (2, count)))
    high, low = np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1]
    return Candles(symbol, frame, time, open_, high, low, close, rng.integers(50, 900, count).astype(float))


def _decisions(candles: Candles, fast: Any, slow: Any, *, trade: bool) -> Decisions:
    up, down = (
        flags.astype(np.uint8) * np.uint8(trade) for flags in (crosses_above(fast, slow), crosses_below(fast, slow))
    )
    nothing, none = np.zeros(len(candles), np.uint8), np.empty(0)
    return Decisions(up, down, down, up, nothing, none, none, none, none)


def make_result(*several: Candles, trade: bool = True, fast: int = 8, slow: int = 21, **rules: float) -> Result:
    """Two moving averages, long and short, with a stop and a target, on one or several symbols."""
    every = several or (random_candles(),)
    legs, overlays, events = [], {}, []
    settings = {"size": 0.9, "stop_fraction": 0.006, "target_fraction": 0.012, **rules}
    for symbol, candles in enumerate(every):
        lines = rolling_mean(candles.close, fast), rolling_mean(candles.close, slow)
        legs.append(Leg(0, symbol, _decisions(candles, *lines, trade=trade)))
        spread = (lines[0] - lines[1]) * 1e4
        overlays[candles.symbol] = (
            Overlay(f"sma({fast})", "price", lines[0]),
            Overlay(f"sma({slow})", "price", lines[1]),
            Overlay("fast - slow", "difference, pips", spread),
        )
        bars = np.flatnonzero(legs[-1].decisions.entry_long)
        events.append(SignalEvents(0, symbol, "ma_crossover", bars, {"strength": np.ones(len(bars))}))
    facts = instrument(every[0].symbol)
    contracts = np.concatenate([contract(instrument(candles.symbol)) for candles in every]).view(np.recarray)
    outcome = simulate(
        every, legs, default_rules(max_positions=len(every), **settings), contracts, 10_000.0, facts.day_end
    )
    return Result(
        outcome,
        tuple(every),
        ("two averages",),
        10_000.0,
        facts.quote,
        252,
        facts.day_end,
        {"strategy": "two averages", "parameters": {"fast": fast, "slow": slow}, "costs": {"slippage": 0.0001}},
        sources={"two_averages.yaml": "name: two averages\nparameters: {fast: 8, slow: 21}  # <&> stays text\n"},
        signal_events=tuple(events),
        overlays=overlays,
        lookahead="3 prefixes of 600 bars, nothing moved",
    )
