"""The oracle's nouns: what a run is given and what it answers, and how two prices compare. Plain Python, no numpy."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
LONG, SHORT = 1, -1
NAN = math.nan
INF = math.inf
NEW_YORK = ZoneInfo("America/New_York")


# --- What a run is given ----------------------------------------------------------------------------------------------


class Bar(NamedTuple):
    """One candle; `time` opens it, `close_time` closes it (ns UTC, S1)."""

    time: int
    close_time: int
    open: float
    high: float
    low: float
    close: float


class Action(NamedTuple):
    """A split or a dividend: `value` is the ratio, or the money per unit (S12)."""

    time: int
    kind: str
    value: float


@dataclass(frozen=True)
class Around:
    """What a run knows about a symbol besides its candles; an empty list: no spread, a rate of 1, no finer candles."""

    spread: list[float] = field(default_factory=list)
    rate_open: list[float] = field(default_factory=list)
    rate_close: list[float] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    finer: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Leg:
    """What one strategy says about one symbol at the close of each of its bars (S2). Empty lists are never read."""

    strategy: int
    symbol: int
    entry_long: list[int]
    entry_short: list[int]
    exit_long: list[int]
    exit_short: list[int]
    blocked: list[int]
    stop_atr: list[float] = field(default_factory=list)
    target_atr: list[float] = field(default_factory=list)
    trail_atr: list[float] = field(default_factory=list)
    size_atr: list[float] = field(default_factory=list)
    even_atr: list[float] = field(default_factory=list)
    long_price: list[float] = field(default_factory=list)
    short_price: list[float] = field(default_factory=list)
    long_limit: list[float] = field(default_factory=list)
    short_limit: list[float] = field(default_factory=list)
    session_exit: list[int] = field(default_factory=list)
    signal_close: list[int] = field(default_factory=list)


class Target(NamedTuple):
    """One of several targets: its distance, and the share of the opening quantity that it closes."""

    fraction: float = 0.0
    distance: float = 0.0
    atr: float = 0.0
    share: float = 1.0


@dataclass(frozen=True)
class Rules:
    """One strategy's numbers; the fields of `types.records.RULES` under the same names, words for the choices."""

    sizer: str = "fraction"
    size: float = 0.1
    position_limit: float = INF
    cash_buffer: float = 0.005
    max_positions: int = 1
    max_positions_per_symbol: int = 1
    stop_fraction: float = 0.0
    stop_distance: float = 0.0
    stop_atr: float = 0.0
    target_fraction: float = 0.0
    target_distance: float = 0.0
    target_atr: float = 0.0
    trail_fraction: float = 0.0
    trail_distance: float = 0.0
    trail_atr: float = 0.0
    max_holding_period: int = 0
    slippage: float = 0.0001
    commission: float = 0.0
    commission_per_unit: float = 0.0
    commission_per_order: float = 0.0
    commission_minimum: float = 0.0
    max_drawdown: float = INF
    daily_loss_limit: float = INF
    fill_close: bool = False
    expire_after: int = 0
    intrabar: str = "worst"
    allocation: float = 1.0
    entry_kind: str = "market"
    expire_bars: int = 0
    expire_day: bool = False
    oco: bool = False
    targets: tuple[Target, ...] = ()  # two or more; a single one is said by target_...
    even_fraction: float = 0.0
    even_distance: float = 0.0
    even_atr: float = 0.0
    even_offset_fraction: float = 0.0
    even_offset: float = 0.0
    kelly_cap: float = 0.0
    kelly_initial: float = 0.0
    kelly_window: int = 0


class Contract(NamedTuple):
    """Facts about a symbol (S9 to S12); currencies are numbers: 0 is the account's own, a base of -1 no currency at all."""

    step: float = 0.01
    minimum: float = 0.0
    multiplier: float = 1.0
    tick: float = 0.0
    base: int = -1
    quote: int = 0
    financed: bool = False
    bid_share: float = 0.5
    ask_share: float = 0.5
    swap_long: float = 0.0
    swap_short: float = 0.0
    swap_yearly: bool = False
    triple_day: int = -1


class Terms(NamedTuple):
    """The account's terms besides its capital (S11, S14)."""

    leverage: float = 1.0
    maintenance: float = 0.0
    max_drawdown: float = INF
    daily_loss_limit: float = INF
    max_positions: int = 0
    max_gross_exposure: float = INF
    max_net_exposure: float = INF
    max_currency_exposure: float = INF
    correlation_limit: float = INF
    correlation_window: int = 100


# --- What it answers --------------------------------------------------------------------------------------------------


class Fill(NamedTuple):
    strategy: int
    symbol: int
    bar: int
    time: int
    side: int
    reason: str
    quantity: float
    price: float
    commission: float
    rate: float


class Trade(NamedTuple):
    strategy: int
    symbol: int
    side: int
    reason: str
    ambiguous: bool
    entry_bar: int
    exit_bar: int
    entry_time: int
    exit_time: int
    bars: int
    quantity: float
    entry_price: float
    exit_price: float
    stop: float
    target: float
    gross: float
    costs: float
    pnl: float
    part: int
    financing: float
    rate: float


class Refusal(NamedTuple):
    strategy: int
    symbol: int
    bar: int
    side: int
    reason: str


class Cashflow(NamedTuple):
    """A swap (`value`: nights), a dividend (money per unit) or a split (ratio) of an open position."""

    time: int
    strategy: int
    symbol: int
    kind: str
    value: float
    amount: float


class Held(NamedTuple):
    """A position still open at the end."""

    strategy: int
    symbol: int
    side: int
    entry_bar: int
    entry_time: int
    quantity: float
    entry_price: float
    stop: float
    target: float
    exit_reason: str
    costs: float
    financing: float


@dataclass
class Outcome:
    trades: list[Trade] = field(default_factory=list)
    positions: list[Held] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    cashflows: list[Cashflow] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    exposure: list[float] = field(default_factory=list)
    strategy_equity: list[list[float]] = field(default_factory=list)  # with several strategies: one list per step
    orders: int = 0


# --- What waits and what is held --------------------------------------------------------------------------------------


@dataclass
class Distance:
    """So much of a price, plus so much known at the decision (S10)."""

    fraction: float
    known: float

    def at(self, price: float) -> float:
        return self.fraction * price + self.known


@dataclass
class Distances:
    """How far from its entry everything of one order lies; `shares` says what each target closes."""

    stop: Distance
    targets: list[Distance]
    shares: list[float]
    trail: Distance
    even: Distance
    even_offset: Distance

    def split(self, ratio: float) -> None:
        for distance in (self.stop, *self.targets, self.trail, self.even, self.even_offset):
            distance.known /= ratio


@dataclass(eq=False)
class Order:
    """A waiting entry. `price` is what it is reserved at; `level` is what it waits for (a market order: nothing)."""

    leg: Leg
    side: int
    kind: str
    bar: int
    time: int
    quantity: float
    price: float
    level: float
    limit: float
    distances: Distances
    day_end: int
    age: int = 0
    partner: Order | None = None  # one cancels the other

    def split(self, ratio: float) -> None:
        self.quantity *= ratio
        self.price /= ratio
        self.level /= ratio
        self.limit /= ratio
        self.distances.split(ratio)


@dataclass(eq=False)
class Position:
    """An open position; `exit_reason` is the reason of an exit already decided."""

    id: int
    strategy: int
    symbol: int
    side: int
    quantity: float
    opened: float
    entry_bar: int
    entry_time: int
    entry_price: float
    entry_rate: float
    inside: bool
    stop: float
    targets: list[float]
    distances: Distances
    extreme: float
    age: int
    costs: float
    doubtful: bool
    swapped: int  # the day ends up to this instant are paid
    financing: float = 0.0
    taken: int = 0  # targets behind it
    parts: int = 0  # closing fills behind it
    trail: float = NAN  # the trailing stop of the bars to come
    even: float = NAN  # the break-even stop, once it is set
    exit_reason: str = ""

    def split(self, ratio: float) -> None:
        self.quantity *= ratio
        self.opened *= ratio
        self.entry_price /= ratio
        self.stop /= ratio
        self.trail /= ratio
        self.even /= ratio
        self.targets = [level / ratio for level in self.targets]
        self.extreme /= ratio
        self.distances.split(ratio)


# --- Comparing prices (S22) -------------------------------------------------------------------------------------------


def same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-10 * abs(b) < INF


def at_or_below(price: float, level: float) -> bool:
    return price <= level or same(price, level)


def at_or_above(price: float, level: float) -> bool:
    return price >= level or same(price, level)


# --- Instants (S1, S4) -------------------------------------------------------------------------------------------------


def new_york_day_ends(first: int, last: int) -> list[int]:
    """Return every 17:00 New York from before `first` to after `last`, by walking the calendar day by day."""
    day = dt.datetime.fromtimestamp(first // SECOND, dt.UTC).date() - dt.timedelta(days=2)
    stop = dt.datetime.fromtimestamp(last // SECOND, dt.UTC).date() + dt.timedelta(days=3)
    ends = []
    while day <= stop:
        ends.append(int(dt.datetime.combine(day, dt.time(17), NEW_YORK).timestamp()) * SECOND)
        day += dt.timedelta(days=1)
    return ends


def weekday_ending(day_end: int) -> int:
    """Return the weekday (Monday 0) of the trading day that ends there: the local date of its last moment (S11)."""
    local = dt.datetime.fromtimestamp(day_end // SECOND, NEW_YORK) - dt.timedelta(microseconds=1)
    return local.weekday()


def closing(time: int, length: int, day_ends: list[int]) -> int:
    """Return when an intraday candle closes: after its length, or with its day when that ends first."""
    return min(time + length, day_ends[bisect_right(day_ends, time)])


# --- Moving averages and their crossings (S22) -------------------------------------------------------------------------


def simple_average(values: list[float], period: int) -> list[float]:
    """Return the mean of the last `period` values, NaN before there are as many."""
    sums = (sum(values[at + 1 - period : at + 1]) for at in range(period - 1, len(values)))
    return ([NAN] * (period - 1) + [total / period for total in sums])[: len(values)]


def exponential_average(values: list[float], period: int) -> list[float]:
    """Return the average that weighs each newer value by 2 / (period + 1), from the mean of the first `period` on."""
    averages = [NAN] * len(values)
    for at in range(period - 1, len(values)):
        before = averages[at - 1]
        first = at == period - 1
        averages[at] = sum(values[:period]) / period if first else before + (values[at] - before) * 2 / (period + 1)
    return averages


def crosses_above(fast: list[float], slow: list[float]) -> list[int]:
    """Return 1 where `fast` is above `slow` now and was not one bar before, both defined on both bars."""
    defined = [not (math.isnan(a) or math.isnan(b)) for a, b in zip(fast, slow, strict=True)]
    above = [a > b and not same(a, b) for a, b in zip(fast, slow, strict=True)]
    crossed = [0] * len(fast)
    for at in range(1, len(fast)):
        crossed[at] = int(defined[at] and defined[at - 1] and above[at] and not above[at - 1])
    return crossed


def crosses_below(fast: list[float], slow: list[float]) -> list[int]:
    """Return 1 where `fast` is below `slow` now and was not one bar before."""
    return crosses_above([-value for value in fast], [-value for value in slow])
