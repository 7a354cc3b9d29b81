"""What is traded: the facts about a symbol that sizing, rounding and calendars need."""

from __future__ import annotations

from typing import Final, NamedTuple

from sptrader_lab.types.calendar import FX_DAY_END, UTC_MIDNIGHT, DayEnd

CURRENCIES: Final = frozenset("AUD CAD CHF CNH CZK DKK EUR GBP HKD HUF JPY MXN NOK NZD PLN SEK SGD TRY USD ZAR".split())
CRYPTO: Final = frozenset("ADA AVAX BCH BNB BTC DOGE DOT ETH LINK LTC SOL TRX XLM XRP".split())
_CRYPTO_QUOTES: Final = ("USDT", "USDC", "USD", "EUR", "BTC")


class Instrument(NamedTuple):
    """Facts about one symbol.

    Attributes
    ----------
    symbol, base, quote : str
        `quote` is the currency that prices and profits are in.
    pip : float
        Price units per pip (0.0001 for EURUSD, 0.01 for USDJPY).
    step, minimum : float
        Lot step and smallest quantity, in units of `base` (S10).
    multiplier : float
        Account value of a price move of 1 per unit.
    tick : float
        Smallest price step; 0 leaves prices unrounded.
    day_end : DayEnd
        When its trading day ends (S4).
    every_day : bool
        Trades all week: 365 instead of 252 days in a year (S16).
    """

    symbol: str
    base: str
    quote: str
    pip: float = 0.01
    step: float = 0.01
    minimum: float = 0.0
    multiplier: float = 1.0
    tick: float = 0.0
    day_end: DayEnd = UTC_MIDNIGHT
    every_day: bool = False

    @property
    def days_per_year(self) -> int:
        """Trading days in a year, the square of the annualisation factor (S16)."""
        return 365 if self.every_day else 252


def instrument(symbol: str) -> Instrument:
    """Return what the name of a symbol tells: a currency pair, a crypto pair, or a generic one.

    Examples
    --------
    >>> instrument("USDJPY").pip, instrument("USDJPY").quote
    (0.01, 'JPY')
    >>> instrument("BTC/USDT").every_day
    True
    """
    plain = symbol.upper().replace("/", "").replace("-", "").replace("_", "")
    base, quote = plain[:3], plain[3:]
    if base in CURRENCIES and quote in CURRENCIES:
        return Instrument(symbol, base, quote, pip=0.01 if quote in {"JPY", "HUF"} else 0.0001, day_end=FX_DAY_END)
    for coin_quote in _CRYPTO_QUOTES:
        coin = plain.removesuffix(coin_quote)
        if coin != plain and coin in CRYPTO:
            return Instrument(symbol, coin, coin_quote, every_day=True)
    return Instrument(symbol, symbol, "USD")
