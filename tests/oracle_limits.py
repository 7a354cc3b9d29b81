"""The oracle on what past trades and other symbols say about an entry: Kelly's fraction, correlation, currencies (S10, S14)."""

from __future__ import annotations

import itertools
import math

from oracle_words import Bar, Contract, Rules


def kelly_fraction(rules: Rules, earned: list[float]) -> float | None:
    """S10: the fraction of equity to bet, from what the last trades earned per unit of notional; None without an edge."""
    if len(earned) < rules.kelly_window:
        return rules.kelly_initial
    last = earned[-rules.kelly_window :]
    if sum(last) <= 0:
        return None
    squares = sum(r * r for r in last)
    f = (sum(last) / len(last)) / (squares / len(last))
    return min(rules.kelly_cap, rules.size * f)


def correlation(one: list[Bar], other: list[Bar], now: int, window: int) -> float | None:
    """S14: Pearson's, of the last `window` simple returns between closes that both have; None when it can't be known."""
    closes = {bar.close_time: bar.close for bar in one if bar.close_time <= now}
    others = {bar.close_time: bar.close for bar in other if bar.close_time <= now}
    common = sorted(closes.keys() & others.keys())[-(window + 1) :]
    if len(common) < window + 1:
        return None
    pairs = list(itertools.pairwise(common))
    x = [closes[after] / closes[before] - 1 for before, after in pairs]
    y = [others[after] / others[before] - 1 for before, after in pairs]
    mean_x, mean_y = sum(x) / window, sum(y) / window
    xx = sum((a - mean_x) ** 2 for a in x)
    yy = sum((b - mean_y) ** 2 for b in y)
    xy = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    if math.sqrt(min(xx, yy) / window) < 1e-12:
        return None
    return xy / math.sqrt(xx) / math.sqrt(yy)


def currency_exposures(held: list[tuple[int, float]], contracts: list[Contract]) -> dict[int, float]:
    """S14: signed account money per currency; a pair is its base against its quote, anything else its quote."""
    totals: dict[int, float] = {}
    for symbol, signed in held:
        base, quote = contracts[symbol].base, contracts[symbol].quote
        if base >= 0:
            totals[base] = totals.get(base, 0.0) + signed
            totals[quote] = totals.get(quote, 0.0) - signed
        else:
            totals[quote] = totals.get(quote, 0.0) + signed
    return totals
