"""Results to draw: made by the real kernel from candles and hand-made decisions, no strategy file needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from sptrader_lab.backtesting.simulate import simulate
from sptrader_lab.kernel.layout import Leg
from sptrader_lab.kernel.rolling import crosses_above, crosses_below, rolling_mean
from sptrader_lab.results.result import Result
from sptrader_lab.types.account import Account
from sptrader_lab.types.calendar import MINUTE, timeframe
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instruments import instrument
from sptrader_lab.types.records import LIMIT, TARGET, default_contract, default_rules
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
    contracts = np.concatenate([default_contract() for _ in every]).view(np.recarray)
    settled = default_rules(max_positions=len(every), **settings)
    outcome = simulate(every, legs, settled, contracts, Account(10_000.0), facts.day_end)
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


#: Two targets of half the position each.
TARGETS = np.array([(0.004, 0.0, 0.0, 0.5), (0.012, 0.0, 0.0, 1.0)], TARGET).view(np.recarray)


def make_portfolio(count: int = 600) -> Result:
    """Three strategies on two pairs, 40 + 40 + 20 % of the money.

    Trend takes two targets and moves its stop to the entry; dips buys and sells below and above the market and trails; slow
    only holds. Nights are paid for.
    """
    candles = (random_candles(count), random_candles(count, symbol="GBPUSD", seed=3))
    names = ("trend", "buys dips", "slow")
    shared = {"max_positions": 2, "stop_fraction": 0.006}
    rules = [
        default_rules(size=1.5, allocation=0.4, targets=2, even_fraction=0.003, even_offset=0.0002, **shared),
        default_rules(size=1.0, allocation=0.4, entry_kind=LIMIT, trail_fraction=0.004, **shared),
        default_rules(size=2.0, allocation=0.2, **shared),
    ]
    legs, overlays = [], {}
    for symbol, each in enumerate(candles):
        lines = {length: rolling_mean(each.close, length) for length in (5, 8, 21, 55)}
        trend = _decisions(each, lines[8], lines[21], trade=True)
        dips = _decisions(each, lines[5], lines[21], trade=True)
        dips = dips._replace(long_price=0.9985 * each.close, short_price=1.0015 * each.close)
        slow = _decisions(each, lines[21], lines[55], trade=True)
        legs += [
            Leg(number, symbol, one) for number, one in enumerate((trend, dips, slow)) if (number, symbol) != (2, 1)
        ]
        overlays[each.symbol] = tuple(Overlay(f"sma({length})", "price", lines[length]) for length in (8, 21, 21, 55))
    contracts = [default_contract(financed=1, swap_long=-0.00008, swap_short=0.00002, triple_day=2) for _ in candles]
    terms = Account(10_000.0, leverage=4.0, maintenance=0.1, max_positions=4)
    outcome = simulate(
        candles,
        legs,
        np.concatenate(rules).view(np.recarray),
        np.concatenate(contracts).view(np.recarray),
        terms,
        instrument("EURUSD").day_end,
        targets=TARGETS,
    )
    return Result(
        outcome,
        candles,
        names,
        10_000.0,
        "USD",
        252,
        instrument("EURUSD").day_end,
        {"strategies": [{"name": name} for name in names]},
        overlays=overlays,
        lookahead="nothing moved",
        band=lambda: (-55.5, 123.25),
    )
