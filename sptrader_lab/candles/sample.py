"""Sample candles: three currency pairs that behave like a market and belong to nobody, and two crosses made from them.

Two years of minutes, drawn from a generator whose stream is frozen (numpy's RandomState), and rounded to a tenth of a pip,
so that every machine draws the same candles. What is modelled: the FX week, busy and quiet hours, days and hours of high
and low volatility that cluster, fat tails, stretches with a trend, weekend gaps, a spread that widens at the rollover,
tick volume that follows volatility, and a common dollar factor that correlates the pairs. A cross costs what its two
pairs cost, so that converting through it or through them comes to the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from sptrader_lab.candles.rows import Rows
from sptrader_lab.candles.sessions import TradingDays, trading_days
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import instrument

#: Changes whenever the drawn candles change, so that older ones on disk are made again.
MAKER: Final = "sample 1"
FIRST, LAST = "2024-01-01", "2025-12-31"

Array = NDArray[np.float64]


class Pair(NamedTuple):
    """What tells one sample pair from another: price, daily volatility (fraction), spread in pips, dollar's share."""

    seed: int
    price: float
    volatility: float
    spread: float
    dollar: float


PAIRS: Final = {
    "EURUSD": Pair(11, 1.1040, 0.0045, 0.6, -0.75),
    "GBPUSD": Pair(23, 1.2730, 0.0052, 1.0, -0.70),
    "USDJPY": Pair(37, 141.00, 0.0060, 0.8, 0.60),
}

#: A cross, the two pairs that it is made from, and the power of the second one's price in its own.
CROSSES: Final = {"EURGBP": ("EURUSD", "GBPUSD", -1), "EURJPY": ("EURUSD", "USDJPY", 1)}
SYMBOLS: Final = (*PAIRS, *CROSSES)


class Course(NamedTuple):
    """What a pair's minutes are drawn along: instants, hours of the trading day, volatilities and log steps."""

    time: NDArray[np.int64]
    hour: Array
    sigma: Array
    steps: Array


_DOLLAR_SEED: Final = 5
#: Volatility by the hour of the trading day (0 is 17:00 New York): Tokyo, London, the overlap, the quiet evening.
_BY_HOUR: Final = np.array(
    [
        0.35,
        0.4,
        0.55,
        0.75,
        0.75,
        0.65,
        0.6,
        0.6,
        0.65,
        0.9,
        1.25,
        1.3,
        1.15,
        1.0,
        0.95,
        1.25,
        1.7,
        1.75,
        1.55,
        1.2,
        0.9,
        0.75,
        0.65,
        0.45,
    ]
)


def make(symbol: str) -> Rows:
    """Draw the sample minutes of one of `SYMBOLS`; the same rows on every call."""
    if symbol in CROSSES:
        return _cross(symbol)
    pair, facts = PAIRS[symbol], instrument(symbol)
    time, hour = _minutes(trading_days(parse_time(FIRST), parse_time(LAST), facts))
    random = RandomState(pair.seed)
    level = _volatility(random, time)
    sigma = pair.volatility / np.sqrt(1440) * level * _busy(hour)
    shocks = pair.dollar * _shocks(RandomState(_DOLLAR_SEED), len(time)) + np.sqrt(1 - pair.dollar**2) * _shocks(
        random, len(time)
    )
    steps = sigma * shocks + _trend(random, len(time)) * pair.volatility
    return _candles(random, pair, facts.pip, Course(time, hour, sigma, steps))


def _minutes(days: TradingDays) -> tuple[NDArray[np.int64], Array]:
    """Return every minute of the open days, and its hour in its trading day."""
    stop = parse_time(LAST, end=True)
    parts = [
        np.arange(low, high, MINUTE) for low, high in zip(days.start[days.open], days.stop[days.open], strict=True)
    ]
    time = np.concatenate(parts)
    start = np.repeat(days.start[days.open], [len(part) for part in parts])
    keep = (time >= parse_time(FIRST)) & (time < stop)
    return time[keep], ((time - start) / HOUR)[keep]


def _busy(hour: Array) -> Array:
    return np.asarray(np.interp(hour, np.arange(25) + 0.5, np.append(_BY_HOUR, _BY_HOUR[0])))


def _volatility(random: RandomState, time: NDArray[np.int64]) -> Array:
    """Return a factor around 1 that wanders over weeks and, faster, over hours."""
    hours = np.arange(int((time[-1] - time[0]) // HOUR) + 2)
    slow = _wander(random, len(hours), half_life=24 * 15, spread=0.30)
    fast = _wander(random, len(hours), half_life=5, spread=0.30)
    wander: Array = np.interp((time - time[0]) / HOUR, hours, slow + fast)
    return np.asarray(np.exp(wander - 0.09))


def _wander(random: RandomState, count: int, half_life: float, spread: float) -> Array:
    keep = 0.5 ** (1 / half_life)
    noise = random.standard_normal(count) * spread * np.sqrt(1 - keep**2)
    values = np.empty(count)
    value = 0.0
    for position, push in enumerate(noise.tolist()):
        value = keep * value + push
        values[position] = value
    return values


def _shocks(random: RandomState, count: int) -> Array:
    """Return fat-tailed draws with unit variance."""
    draws: Array = np.clip(random.standard_t(5, count), -12, 12)
    return np.asarray(draws / np.sqrt(5 / 3))


def _trend(random: RandomState, count: int) -> Array:
    """Return each minute's drift in daily volatilities: most stretches have none, some run up or down for days."""
    lengths = random.exponential(2.0 * 1440, count // 500).astype(np.int64) + 120
    drifts: Array = np.where(random.random_sample(len(lengths)) < 0.35, random.standard_normal(len(lengths)) * 0.6, 0.0)
    return np.repeat(drifts / 1440, lengths)[:count]


def _candles(random: RandomState, pair: Pair, pip: float, course: Course) -> Rows:
    """Turn log steps into candles; highs and lows are drawn as the extremes of a Brownian bridge."""
    time, hour, sigma, steps = course
    count = len(time)
    gap = np.where(np.diff(time, prepend=time[0] - MINUTE) > HOUR, 0.25 * pair.volatility, 0.05 * sigma)
    gaps = gap * random.standard_normal(count)
    path = np.cumsum(steps + gaps)
    path -= np.linspace(0, path[-1] * 0.7, count)  # two years of a free walk may end anywhere; keep it in a known range
    closes = np.log(pair.price) + path
    opens = np.concatenate([[np.log(pair.price)], closes[:-1]]) + gaps
    up, down = (-1.6 * sigma**2 * np.log1p(-random.random_sample(count)) for _ in range(2))
    distance = closes - opens
    highs = (opens + closes + np.sqrt(distance**2 + up)) / 2
    lows = (opens + closes - np.sqrt(distance**2 + down)) / 2
    spread = pair.spread * pip * (1 + 4 * np.exp(-hour / 0.5)) * np.exp(0.25 * random.standard_normal(count))
    volume = np.ceil(45 * (sigma / sigma.mean()) * np.exp(0.5 * random.standard_normal(count)))
    tick = pip / 10
    return Rows(
        time,
        open=_rounded(np.exp(opens), tick),
        high=_rounded(np.exp(highs), tick),
        low=_rounded(np.exp(lows), tick),
        close=_rounded(np.exp(closes), tick),
        volume=volume,
        spread=np.maximum(_rounded(spread, tick), tick),
    )


def _cross(symbol: str) -> Rows:
    """Multiply the minutes of two pairs; of both ranges beyond open and close about half falls together."""
    one, other, power = CROSSES[symbol]
    left, right = make(one), make(other)
    tick = instrument(symbol).pip / 10
    opens, closes = left.open * right.open**power, left.close * right.close**power
    far, near = (right.high, right.low) if power > 0 else (1 / right.low, 1 / right.high)
    body = right.open**power, right.close**power
    up = left.high / np.maximum(left.open, left.close) + far / np.maximum(*body) - 2
    down = 2 - left.low / np.minimum(left.open, left.close) - near / np.minimum(*body)
    opens, closes = _rounded(opens, tick), _rounded(closes, tick)
    return Rows(
        left.time,
        open=opens,
        high=np.maximum(_rounded(np.maximum(opens, closes) * (1 + up / 2), tick), np.maximum(opens, closes)),
        low=np.minimum(_rounded(np.minimum(opens, closes) * (1 - down / 2), tick), np.minimum(opens, closes)),
        close=closes,
        volume=np.ceil((left.volume + right.volume) / 2),
        spread=np.maximum(_rounded(closes * (left.spread / left.close + right.spread / right.close), tick), tick),
    )


def _rounded(values: Array, tick: float) -> Array:
    return np.round(values, len(f"{tick:.8f}".rstrip("0").split(".")[1]))
