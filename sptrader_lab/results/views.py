"""Views: what a run left as tables and series; each is made when first asked for, then kept."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sptrader_lab.errors import InputError, unknown
from sptrader_lab.results import frames, ratios
from sptrader_lab.results.attribution import Parts, by_leg, by_one, legs, parts
from sptrader_lab.results.metrics import DayMarks, day_marks
from sptrader_lab.types.calendar import DayEnd, trading_dates
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import Instrument
from sptrader_lab.types.outcome import MARK, Outcome
from sptrader_lab.types.records import records
from sptrader_lab.types.signals import SignalEvents


class Views:
    """The frames of a result, which has these fields."""

    outcome: Outcome
    candles: tuple[Candles, ...]
    strategies: tuple[str, ...]
    capital: float
    day_end: DayEnd
    signal_events: tuple[SignalEvents, ...]
    instruments: tuple[Instrument, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """One per candles, in the order in which records name symbols."""
        return tuple(one.symbol for one in self.candles)

    # -- tables

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Closed trades in the order of their exits; a position closed in parts is one per part."""
        return frames.trades_frame(self.outcome.trades, self._names)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Orders as they were decided, and what became of them."""
        return frames.orders_frame(self.outcome.orders, self._names)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Fills in the order in which they happened."""
        return frames.fills_frame(self.outcome.fills, self._names)

    @cached_property
    def refusals(self) -> pd.DataFrame:
        """Entries that were wanted and not made, each with its reason."""
        return frames.refusals_frame(self.outcome.refusals, self._names)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Positions open at the end, marked at the last close."""
        ends = frames.Ends(
            marks=self._end_marks,
            bars=np.array([len(one) for one in self.candles], dtype=np.int64),
            time=int(self.outcome.time[-1]) if len(self.outcome.time) else 0,
        )
        return frames.positions_frame(self.outcome.positions, self._names, ends)

    @cached_property
    def cashflows(self) -> pd.DataFrame:
        """Swaps, dividends and splits of open positions, in the order in which they happened."""
        return frames.cashflows_frame(self.outcome.cashflows, self._names)

    @cached_property
    def attribution(self) -> pd.DataFrame:
        """What each strategy made on each symbol; `pnl` adds up to `total_pnl`."""
        known = {(events.strategy, events.symbol) for events in self.signal_events}
        pairs = legs(self.outcome, self._names, known)
        return by_leg(self._parts, self._names, pairs)

    def attribution_by(self, column: str) -> pd.DataFrame:
        """Return `attribution` added up by ``"strategy"`` or by ``"symbol"``.

        Raises
        ------
        InputError
            For any other word.
        """
        if column not in {"strategy", "symbol"}:
            raise InputError(unknown("column to add up by", str(column), ("strategy", "symbol")))
        return by_one(self._parts, self._names, column)

    @cached_property
    def signals(self) -> pd.DataFrame:
        """Signal events at the instant at which each is known, one column per output."""
        closes = [one.close_time for one in self.candles]
        return frames.signals_frame(self.signal_events, self._names, closes)

    # -- series

    @cached_property
    def equity(self) -> pd.Series[float]:
        """Account money at each closing instant, open positions marked."""
        return pd.Series(np.array(self.outcome.equity), index=self._instants, name="equity")

    @cached_property
    def drawdown(self) -> pd.Series[float]:
        """Fraction under the high-water mark, which starts at the capital, at each closing instant; 0 at a new high."""
        under = ratios.drawdowns(self.outcome.equity, self.capital)
        return pd.Series(under, index=self._instants, name="drawdown")

    @cached_property
    def exposure(self) -> pd.Series[float]:
        """Gross open notional in account money at each closing instant."""
        return pd.Series(np.array(self.outcome.exposure), index=self._instants, name="exposure")

    @cached_property
    def strategy_equity(self) -> pd.DataFrame:
        """Each strategy's own equity (S14) at each closing instant, a column per strategy: its share of the capital and its profit."""
        own = self.outcome.strategy_equity
        if not len(own):  # one strategy has the account to itself
            own = np.array(self.outcome.equity)[:, np.newaxis]
        return pd.DataFrame(own, index=self._instants, columns=list(self.strategies))

    @cached_property
    def strategy_correlation(self) -> pd.DataFrame:
        """Pearson correlation of the daily changes of the strategies' own equity; NaN for one that never changed."""
        start = pd.DataFrame([self.strategy_capital], columns=list(self.strategies))
        return pd.concat([start, self.strategy_equity.iloc[self._marks.step]]).diff().iloc[1:].corr()

    @cached_property
    def strategy_capital(self) -> tuple[float, ...]:
        """What each strategy's own equity starts from (S14)."""
        return tuple(self.outcome.shares["base"].tolist()) if len(self.outcome.strategy_equity) else (self.capital,)

    @cached_property
    def daily_equity(self) -> pd.Series[float]:
        """Equity at each trading day's last step, indexed by the date that names the day (S4)."""
        days = trading_dates(self._marks.end, self.day_end).astype("datetime64[ns]")
        return pd.Series(self.outcome.equity[self._marks.step], index=pd.DatetimeIndex(days, name="day"), name="equity")

    @cached_property
    def daily_returns(self) -> pd.Series[float]:
        """Each trading day's change as a fraction; the first is against the capital (S16)."""
        values = ratios.daily_returns(self.outcome.equity[self._marks.step], self.capital)
        return pd.Series(values, index=self.daily_equity.index, name="return")

    @cached_property
    def monthly_returns(self) -> pd.DataFrame:
        """Each month's change as a fraction: a row per year, columns 1 to 12 and `total` (the year's)."""
        return frames.monthly_returns(self.daily_equity, self.capital)

    # -- within

    @cached_property
    def _names(self) -> frames.Names:
        multipliers = np.array([one.multiplier for one in self.instruments], dtype=np.float64)
        return frames.Names(self.strategies, self.symbols, multipliers)

    @cached_property
    def _parts(self) -> Parts:
        return parts(self.outcome, self._names, self._end_marks)

    @cached_property
    def _end_marks(self) -> np.recarray[Any, Any]:
        """What positions are marked at; of runs that don't say so, the last closes."""
        if len(self.outcome.marks):
            return self.outcome.marks
        marks = records(len(self.candles), MARK)
        marks["bid"] = marks["ask"] = [one.close[-1] if len(one) else np.nan for one in self.candles]
        marks["rate"], marks["financed"] = 1.0, 1
        return marks

    @cached_property
    def _instants(self) -> pd.DatetimeIndex:
        return frames.utc(self.outcome.time, "time")

    @cached_property
    def _marks(self) -> DayMarks:
        return day_marks(self.outcome.time, self.day_end)
