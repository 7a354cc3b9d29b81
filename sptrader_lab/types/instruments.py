"""What is traded: the facts about a symbol that sizing, rounding, financing and calendars need."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final, NamedTuple

from sptrader_lab.errors import InputError, unknown
from sptrader_lab.types.calendar import FX_DAY_END, UTC_MIDNIGHT, DayEnd

CURRENCIES: Final = frozenset("AUD CAD CHF CNH CZK DKK EUR GBP HKD HUF JPY MXN NOK NZD PLN SEK SGD TRY USD ZAR".split())
CRYPTO: Final = frozenset("ADA AVAX BCH BNB BTC DOGE DOT ETH LINK LTC SOL TRX XLM XRP".split())
KINDS: Final = ("pair", "crypto", "equity", "generic")
_CRYPTO_QUOTES: Final = ("USDT", "USDC", "USD", "EUR", "BTC")
#: The order in which the market names two of these: the earlier one is the base.
_MARKET_ORDER: Final = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "JPY")
_WEDNESDAY, _THURSDAY = 2, 3
#: Pairs that settle one business day after the trade instead of two, so that the weekend falls on Thursday's roll.
_NEXT_DAY: Final = frozenset({"USDCAD", "USDTRY"})

#: Step and smallest quantity in units, by venue and kind of instrument. What one account really has, its broker says.
VENUES: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    # SYMBOL_VOLUME_MIN and SYMBOL_VOLUME_STEP are 0.01 lots of SYMBOL_TRADE_CONTRACT_SIZE 100,000 with most brokers.
    "metatrader": {"pair": (1_000.0, 1_000.0)},
    # v20 API: minimumTradeSize 1 and tradeUnitsPrecision 0 for currency pairs.
    "oanda": {"pair": (1.0, 1.0)},
    # Exchanges match whole shares; fractions of a share are a service of single brokers.
    "nasdaq": {"equity": (1.0, 1.0)},
    "nyse": {"equity": (1.0, 1.0)},
}


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
    kind : str
        "pair" (of currencies), "crypto", "equity" or "generic".
    spread : float or str
        Ask minus bid in price units, "column" for the candles' own, 0 for none (S9).
    swap_long, swap_short : float
        What a night pays (negative: costs), in pips, or as a yearly fraction of the value where `swap_unit` says so (S11).
    swap_unit : str
        "pips" or "yearly".
    triple_day : int or None
        Weekday (Monday 0) whose end counts three nights; None for one night every calendar day.
    splits, dividends : tuple of (int, float)
        Instant (ns UTC) from which they hold, and ratio or quote money per unit (S12).
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
    kind: str = "generic"
    spread: float | str = 0.0
    swap_long: float = 0.0
    swap_short: float = 0.0
    swap_unit: str = "pips"
    triple_day: int | None = None
    splits: tuple[tuple[int, float], ...] = ()
    dividends: tuple[tuple[int, float], ...] = ()

    @property
    def days_per_year(self) -> int:
        """Trading days in a year, the square of the annualisation factor (S16)."""
        return 365 if self.every_day else 252


def _pair(symbol: str, base: str, quote: str) -> Instrument:
    pip = 0.01 if quote in {"JPY", "HUF"} else 0.0001
    triple = _THURSDAY if base + quote in _NEXT_DAY else _WEDNESDAY
    return Instrument(symbol, base, quote, pip=pip, day_end=FX_DAY_END, kind="pair", triple_day=triple)


#: The 28 majors and crosses, by name.
PAIRS: Final[Mapping[str, Instrument]] = {
    base + quote: _pair(base + quote, base, quote) for base, quote in combinations(_MARKET_ORDER, 2)
}


def plain(symbol: str) -> str:
    """Return a symbol without what only its writing adds: `eur/usd`, `EUR_USD` and `EURUSD` are one."""
    return symbol.upper().replace("/", "").replace("-", "").replace("_", "")


def instrument(symbol: str, kind: str = "") -> Instrument:
    """Return what the name of a symbol tells: a currency pair, a crypto pair, or a generic one.

    Parameters
    ----------
    symbol : str
        However it is written: `EURUSD`, `eur/usd`, `BTC-USDT`.
    kind : str, optional
        One of `KINDS`, where the name alone does not tell: an equity, or a pair of which one side is no known currency.

    Raises
    ------
    InputError
        When a pair is asked for and the name is not one of six letters.

    Examples
    --------
    >>> instrument("USDJPY").pip, instrument("USDJPY").quote
    (0.01, 'JPY')
    >>> instrument("BTC/USDT").every_day
    True
    >>> instrument("XAUUSD", "pair").base
    'XAU'
    """
    word = plain(symbol)
    base, quote = word[:3], word[3:]
    found = Instrument(symbol, symbol, "USD")
    if word in PAIRS:
        found = PAIRS[word]._replace(symbol=symbol)
    elif base in CURRENCIES and quote in CURRENCIES:
        found = _pair(symbol, base, quote)
    else:
        coins = [(word.removesuffix(end), end) for end in _CRYPTO_QUOTES if word.endswith(end)]
        coin = next(((coin, end) for coin, end in coins if coin in CRYPTO), None)
        if coin is not None:
            found = Instrument(symbol, *coin, every_day=True, kind="crypto")
    if kind in {"", found.kind}:
        return found
    if kind not in KINDS:
        raise InputError(unknown("kind of instrument", kind, KINDS))
    if kind == "pair":
        if len(word) != 6 or not word.isalpha():
            raise InputError(
                f"symbol {symbol!r} can't be a pair: a pair's name is base and quote, such as EURUSD or XAUUSD"
            )
        return _pair(symbol, base, quote)
    return found._replace(kind=kind, every_day=kind == "crypto", triple_day=None)


def at_venue(instrument: Instrument, name: str) -> Instrument:
    """Return the instrument with the lot step and the smallest quantity that a venue trades it in.

    Raises
    ------
    InputError
        When the venue is not known (with the nearest one), or nothing is known of such instruments there.
    """
    venue = VENUES.get(name.strip().lower())
    if venue is None:
        raise InputError(unknown("venue", name, VENUES) + " Or say instrument.step and instrument.minimum, in units.")
    if instrument.kind not in venue:
        raise InputError(
            f"venue {name!r} trades {', '.join(venue)}, and {instrument.symbol} is {instrument.kind}; "
            "say instrument.kind, or instrument.step and instrument.minimum, in units"
        )
    step, minimum = venue[instrument.kind]
    return instrument._replace(step=step, minimum=minimum)


def spellings(one: str, other: str) -> tuple[str, str]:
    """Return the two names of the pair of two currencies, the one that the market uses first.

    Examples
    --------
    >>> spellings("JPY", "EUR")
    ('EURJPY', 'JPYEUR')
    """
    names = one + other, other + one
    return names if names[0] in PAIRS or names[1] not in PAIRS else (names[1], names[0])
