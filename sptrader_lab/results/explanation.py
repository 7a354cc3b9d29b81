"""Explanation: why a run did what it did at one close, as plain data and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.results.document import plain

if TYPE_CHECKING:
    from sptrader_lab.strategy.explain import Judged, Reading, Seen, Shown, Verdict

MARKS: Final = {True: "true", False: "false", None: "undefined"}


@dataclass(frozen=True)
class Sizing:
    """How the quantity of one entry came about (S10).

    Attributes
    ----------
    side : str
    asked_by : str
        The sizer and its number.
    equity, allocation : float
        Account money at the decision that fractions are of, and the share of all of it that this is.
    asked : float
        Notional that the sizer wanted.
    limit : float
        Notional that `position_limit` allows; inf for none.
    leverage : float
        Buying power as a multiple of equity.
    own : bool
        Whether the strategy's own share of the account allows less than the account does.
    committed : float
        Notional of positions that stay and of entries that wait, the strategy's own where that counts.
    cash_buffer, costs : float
        Fractions held back from the rest.
    affordable : float
        Quantity that the money left would have paid for, whatever was asked.
    price, rate : float
        What it was sized at, and account money per unit of its currency.
    step, minimum, quantity : float
        Lot step, smallest quantity, and what came out.
    """

    side: str
    asked_by: str
    equity: float
    allocation: float
    asked: float
    limit: float
    leverage: float
    own: bool
    committed: float
    cash_buffer: float
    costs: float
    affordable: float
    price: float
    rate: float
    step: float
    minimum: float
    quantity: float


@dataclass(frozen=True)
class Limit:
    """A limit at one close, before its entries: the number now, what is allowed (inf for none), and since when it has stopped trading.

    `unit` is "fraction" (of a loss), "money" (equity, and where the margin call lies), "count", "multiple" (of equity) or
    "correlation".
    """

    name: str
    now: float
    allowed: float
    since: str = ""
    unit: str = "fraction"


@dataclass(frozen=True)
class InForce:
    """A level that moves with the market, as it holds from this close on; `kind` is "trailing stop" or "break-even stop"."""

    trade: int
    kind: str
    price: float


@dataclass(frozen=True)
class Reasons:
    """What a strategy knew at one close, beyond the records of the run.

    Attributes
    ----------
    rules : mapping
        Each rule, condition by condition, by ``entry.long``, ``exit.long`` and so on.
    filters : tuple of Verdict
        Each filter of the file.
    blocked : str
        Word for the reason for which the filters forbade entries; "" when they didn't.
    sizings : tuple of Sizing
        Of each entry that got as far as a size and can be taken apart.
    levels : tuple of InForce
        Of the positions at the close.
    signal_candle : str
        The longer candle that conditions, indicators, signals and filters were read on (S13); "" for the candle itself.
    notes : tuple of str
        What can't be told, and why.
    """

    signals: tuple[Seen, ...]
    indicators: tuple[Reading, ...]
    rules: Mapping[str, Judged]
    filters: tuple[Verdict, ...]
    blocked: str
    sizings: tuple[Sizing, ...]
    limits: tuple[Limit, ...]
    levels: tuple[InForce, ...] = ()
    signal_candle: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A position at the close, before anything was decided; NaN for a level that it does not have."""

    trade: int
    side: str
    quantity: float
    since: str
    price: float
    stop: float
    target: float
    leaving: str


@dataclass(frozen=True)
class Ordered:
    """An order decided at the close, or one still waiting from before, and what became of it."""

    order: int
    action: str
    side: str
    kind: str
    quantity: float
    price: float
    reason: str
    time: str
    outcome: str


@dataclass(frozen=True)
class Refused:
    """An entry that was wanted and not made: at the decision, or else as an order that had been waiting.

    `value` broke `limit`; NaN where no number belongs to the reason.
    """

    side: str
    reason: str
    meaning: str
    value: float
    limit: float
    decided: bool


@dataclass(frozen=True)
class Filled:
    """A fill inside the bar, before its close was decided, or at it; `level` is the protective one that was reached."""

    order: int
    trade: int
    action: str
    side: str
    quantity: float
    price: float
    level: float
    slippage: float
    commission: float
    reason: str


@dataclass(frozen=True)
class Part:
    """One strategy on one symbol at one close; instants are ISO-8601 UTC.

    Attributes
    ----------
    headline : str
        What happened and why, in one sentence.
    positions, waiting : tuple
        Before the close was decided.
    ordered, refused : tuple
        What was decided there; a refusal at an open of this bar is among them.
    fills : tuple of Filled
        Of this bar.
    reasons : Reasons or None
        None where only the records of the run are known.
    """

    strategy: str
    symbol: str
    timeframe: str
    bar: int
    opened: str
    closed: str
    headline: str
    candle: Mapping[str, float]
    positions: tuple[Held, ...]
    waiting: tuple[Ordered, ...]
    ordered: tuple[Ordered, ...]
    refused: tuple[Refused, ...]
    fills: tuple[Filled, ...]
    reasons: Reasons | None = None

    @property
    def title(self) -> str:
        """What ran on which candle."""
        return f"{self.strategy} on {self.symbol} {self.timeframe}, candle {clock(self.opened)} .. {clock(self.closed)} UTC"


@dataclass(frozen=True)
class Explanation:
    """Why a run did what it did at one close: one part per strategy and symbol.

    It prints as text and shows itself in a notebook cell.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able data; undefined numbers are None."""
        found: dict[str, Any] = plain(asdict(self))
        return found

    def __str__(self) -> str:
        from sptrader_lab.results.explanation_text import to_text

        return to_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from sptrader_lab.results.explanation_html import to_html

        return to_html(self)


def clock(time: str) -> str:
    """Return an ISO-8601 instant as a person reads it."""
    return time.removesuffix("+00:00").replace("T", " ").removesuffix(":00")


def price(value: float) -> str:
    """Return a price to eight digits."""
    return f"{value:,.8g}"


def shown(value: Shown | None) -> str:
    """Return a value to six digits; NaN is "undefined"."""
    return different(value)[0] if value is not None else ""


def different(*values: Shown) -> list[str]:
    """Return values to six digits, and to as many more as it takes to tell different ones apart."""
    count = len({str(value) for value in values})  # as text, because NaN does not equal itself
    for digits in (6, 10, 17):
        texts = [_digits(value, digits) for value in values]
        if len(set(texts)) == count:
            break
    return texts


def _digits(value: Shown, digits: int) -> str:
    if isinstance(value, str):
        return value
    return "undefined" if math.isnan(value) else f"{value:,.{digits}g}"
