"""Conversion: account money per unit of a quote currency, from the candles of a currency pair (S12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.backtesting.shelf import in_order, source_of
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import CandleError, InputError, MissingCandles
from sptrader_lab.types.calendar import DAY
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import plain, spellings

#: How far before a run its first rate may lie, and how old a rate may get before a reader is warned: longer than a weekend.
_BEFORE: Final = 10 * DAY
_OLD: Final = 5 * DAY


class Rates(NamedTuple):
    """The pair that converts one quote currency.

    Attributes
    ----------
    quote, account : str
        From which currency, into which.
    candles : Candles
        Of the pair.
    """

    quote: str
    account: str
    candles: Candles

    @property
    def inverted(self) -> bool:
        """Whether the pair says how much of the quote currency one unit of account money is."""
        return plain(self.candles.symbol) == self.account + self.quote

    def at(self, instants: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return account money per unit at each instant: the last close known by then, NaN before the first."""
        close = 1.0 / self.candles.close if self.inverted else self.candles.close
        known = np.searchsorted(self.candles.close_time, instants, side="right") - 1
        return np.append(close, np.nan)[known]

    def beside(self, candles: Candles, start: int | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rates at the opening and closing instants of candles.

        Raises
        ------
        CandleError
            When some candle that is measured closes before the first rate is known, which says from when on there are any.
        """
        opening, closing = self.at(candles.time), self.at(candles.close_time)
        begin = 0 if start is None else int(np.searchsorted(candles.time, start))
        if begin < len(closing) and np.isnan(closing[begin]):
            since = _instant(int(self.candles.close_time[0]))
            raise CandleError(
                f"{candles.symbol} closes at {_instant(int(candles.close_time[begin]))} UTC and no {self.candles.symbol} "
                f"{self.candles.timeframe} candle is closed by then: what one {self.quote} is worth in {self.account} is known "
                f"from {since} UTC on; measure from there with start={since.replace(' ', 'T')!r}, or give earlier candles (S12)"
            )
        # Nothing is held before the first measured close, so what stands here is read and never counts.
        first = closing[begin] if begin < len(closing) else 1.0
        return np.where(np.isnan(opening), first, opening), np.where(np.isnan(closing), first, closing)

    def aged(self, candles: Candles) -> str:
        """Say how old the rates get, "" when they are never older than a long weekend."""
        known = np.searchsorted(self.candles.close_time, candles.close_time, side="right") - 1
        age = candles.close_time - self.candles.close_time[np.maximum(known, 0)]
        if not len(age) or age.max() <= _OLD + self.candles.period.ns:
            return ""
        bar = int(age.argmax())
        return (
            f"the rate of {self.quote} in {self.account} at {_instant(int(candles.close_time[bar]))} UTC is "
            f"{age[bar] / DAY:.0f} days old: {self.candles.symbol} {self.candles.timeframe} has no candles between"
        )


def find_rates(
    quote: str,
    account: str,
    traded: Sequence[Candles],
    converted: Sequence[Candles],
    store: CandleStore | None,
    start: int | None,
) -> Rates:
    """Return the pair of two currencies: from the run's own candles, else from the store.

    Parameters
    ----------
    traded : sequence of Candles
        The run's candles.
    converted : sequence of Candles
        Those of them that are quoted in `quote`; what is read from the store covers their time.
    start : int, optional
        Instant from which on rates are needed.

    Raises
    ------
    InputError, MissingCandles
        When there is no such pair, with both of its names.
    """
    names = spellings(quote, account)
    for one in traded:
        if plain(one.symbol) in names:
            return Rates(quote, account, one)
    needed = f"profits in {quote} are converted to {account} (S12) with candles of {names[0]} or {names[1]}"
    if store is None:
        raise InputError(
            f"{needed}, and neither is among the run's candles; add them, or give the store that has them: store=CandleStore('data')"
        )
    # Drawn candles convert drawn candles only: a market's money has a market's rate.
    sources = {source_of(one) for one in converted}
    source = "sample" if sources == {"sample"} else "store"
    first = min(int(one.time[0]) for one in converted) if start is None else start
    last = max(int(one.close_time[-1]) for one in converted)
    frame = min((one.period for one in converted), key=lambda period: period.ns)
    reason = ""
    for name in names:
        try:
            held = store.timeframes(name, source=source)
        except MissingCandles:
            continue
        for text in in_order(held, frame):
            try:
                return Rates(quote, account, store.candles(name, text, start=first - _BEFORE, end=last, source=source))
            except MissingCandles as error:
                reason = f": {error}"
    if reason:
        raise MissingCandles(needed + reason)
    drawn = "" if source == "sample" else "; sample candles convert sample candles only"
    raise MissingCandles(
        f"{needed}, and the store has neither{drawn}. To bring them in: sptrader-lab data import FILE --symbol {names[0]}"
    )


def _instant(nanoseconds: int) -> str:
    return str(np.datetime64(nanoseconds, "ns"))[:16].replace("T", " ")
