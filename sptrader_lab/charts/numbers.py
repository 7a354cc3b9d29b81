"""Numbers as text: prices with the instrument's digits, signed money, percents, instants."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import CURRENCIES, Instrument

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


class PriceText(NamedTuple):
    """How one symbol's prices are written: decimals, and its pip where pips are spoken of (else 0)."""

    digits: int
    pip: float

    @property
    def numeral(self) -> str:
        """The same number of decimals as a format for Bokeh's hover and axes."""
        return "0." + "0" * self.digits if self.digits else "0"

    def price(self, value: float) -> str:
        """Write a price; NaN is a dash."""
        return f"{value:.{self.digits}f}" if math.isfinite(value) else NOTHING

    def move(self, value: float) -> str:
        """Write a signed distance: in pips for currency pairs, else in price units."""
        if not math.isfinite(value):
            return NOTHING
        return f"{signed(value / self.pip, 1)} pips" if self.pip else signed(value, self.digits)


def price_text(candles: Candles, facts: Instrument) -> PriceText:
    """Return how this symbol's prices are written: tenths of a pip, the tick, or about six digits."""
    if facts.base in CURRENCIES and facts.quote in CURRENCIES:
        return PriceText(round(-math.log10(facts.pip)) + 1, facts.pip)
    if facts.tick:
        exponent = Decimal(repr(facts.tick)).normalize().as_tuple().exponent  # a logarithm would give 0.25 one digit
        return PriceText(max(0, -int(exponent)), 0.0)
    level = float(candles.close[-1]) if len(candles) else 1.0
    return PriceText(2 if level >= 10 else 4 if level >= 0.1 else 8, 0.0)


def trade_name(number: int, part: int) -> str:
    """Return a trade's number; of a position closed in parts, with the part behind a dot."""
    return f"{number}.{part}" if part else f"{number}"


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign and thousands separators; NaN is a dash, and a rounded zero has no sign."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "+\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}"
    text = f"{abs(value):,.{digits}f}"
    if not any("1" <= digit <= "9" for digit in text):
        return text
    return ("+" if value > 0 else MINUS) + text


def plain(value: float, digits: int = 2) -> str:
    """Write a number with thousands separators; only a negative one carries its sign."""
    return signed(value, digits).removeprefix("+")


def percent(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """Write a fraction of one as percent."""
    text = (signed if sign else plain)(100 * value, digits)
    return text if text == NOTHING else f"{text} %"


def instant(time: int) -> str:
    """Write an instant (ns UTC) to the minute, or to the second when it has some."""
    text = str(np.datetime64(int(time), "ns").astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(":00")


def instants(time: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    """Write many instants (ns UTC)."""
    return [instant(int(each)) for each in time]
