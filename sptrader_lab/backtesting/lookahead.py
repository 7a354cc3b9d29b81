"""Look-ahead: on every run, components are run again on prefixes of the candles, and nothing earlier may move (S2).

A component that peeks gives itself away at the last bars of a prefix, whatever the prefix. Short prefixes are nearly free, so a
run takes several, and says how much they covered. `exhaustive` takes one prefix per bar on which an order was decided.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import numpy as np

from sptrader_lab.components.exam import first_moved
from sptrader_lab.errors import LookaheadError
from sptrader_lab.strategy.plan import Computed, Plan
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.outcome import Outcome

Mode = Literal["check", "exhaustive", "off"]

#: Of the candles, the part that the prefixes of an ordinary check may add up to; few candles get `_LEAST` bars anyway.
_SHARE: Final = 0.06
_LEAST: Final = 6_000
_PREFIXES: Final = 5


def prefix_lengths(bars: int, seed: str) -> list[int]:
    """Return ascending lengths of prefixes, drawn from `seed`, that add up to about 6 % of the bars (6,000 at least)."""
    if bars < 3:
        return []
    budget = max(_LEAST, int(bars * _SHARE))
    longest = min(bars - 1, budget // 2)
    number = int.from_bytes(hashlib.sha256(f"{seed}|{bars}".encode()).digest()[:8], "little")
    shares = np.random.default_rng(number).uniform(0.1, 1.0, _PREFIXES - 1)
    return sorted({longest, *(max(2, int(longest * share * 0.5)) for share in shares)})


def order_bars(outcome: Outcome, symbol: int, bars: int) -> list[int]:
    """Return the lengths of the prefixes that end on a bar of `symbol` on which an order was decided."""
    decided = outcome.orders.bar[outcome.orders.symbol == symbol]
    return sorted({int(bar) + 1 for bar in decided if bar + 1 < bars})


def check(plan: Plan, candles: Candles, computed: Computed, lengths: list[int]) -> str:
    """Run the plan's components on prefixes and compare bit for bit; return what that covered.

    Raises
    ------
    LookaheadError
        Naming component, parameters, output, bar and both values of the first one that moved.
    """
    for length in lengths:
        prefix = plan.compute(candles.rows(0, length), on_error="continue")
        for call in plan.calls:
            if call.key in computed.failures or call.key in prefix.failures:
                continue
            for name, full in computed.outputs[call.key].items():
                again = prefix.outputs[call.key][name]
                bar = first_moved(full, again)
                if bar is not None:
                    raise LookaheadError(
                        _moved(call.key, call.spec.path, name, candles, bar, full[bar], again[bar], length)
                    )
    if not lengths or not plan.calls:
        return f"{candles.symbol} {candles.timeframe}: nothing to check"
    share = sum(lengths) / len(candles)
    return (
        f"{candles.symbol} {candles.timeframe}: {len(plan.calls)} components ran again on {len(lengths)} prefixes "
        f"({min(lengths):,} to {max(lengths):,} of {len(candles):,} candles, {share:.1%} of the work): no value moved"
    )


def _moved(key: str, path: str, output: str, candles: Candles, bar: int, full: float, again: float, length: int) -> str:
    when = str(candles.time[bar : bar + 1].view("datetime64[ns]")[0])[:19]
    return (
        f"{key} looks ahead: output {output!r} at bar {bar} ({when} UTC) is {full!r} with all {len(candles):,} candles, but "
        f"{again!r} when only the first {length:,} are known (S2). See {path or 'the component'}; a value may use bars up to its own only."
    )
