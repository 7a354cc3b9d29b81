"""Pacing: signals from longer candles than those that orders fill on (S13)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.errors import CandleError
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.signals import Overlay, SignalEvents

#: Columns that are never left empty.
_ALWAYS = ("entry_long", "entry_short", "exit_long", "exit_short", "blocked")
_FLAGS = _ALWAYS[:4]


class Pacing(NamedTuple):
    """Where the closes of signal candles lie on the candles that are traded.

    Attributes
    ----------
    signals, traded : Candles
        Of one symbol; those traded are shorter.
    rows : numpy.ndarray of int64, shape (signal candles,)
        The traded candle at whose close a signal candle's decision is taken: the last one closed by then; -1 where none of
        them lies inside the signal candle.
    """

    signals: Candles
    traded: Candles
    rows: NDArray[np.int64]

    def decisions(self, own: Decisions) -> Decisions:
        """Return the decisions of the signal candles as columns of the traded ones, with `signal_close`.

        The clock of a session is not theirs: it is read on the traded candles, and its column stays empty here.
        """
        taken = self.rows >= 0
        rows, bars = self.rows[taken], len(self.traded)

        def spread_out(column: NDArray[Any]) -> NDArray[Any]:
            out = np.full(bars, np.nan if column.dtype.kind == "f" else 0, column.dtype)
            out[rows] = column[taken]
            return out

        used = [name for name in Decisions._fields if name in _ALWAYS or len(getattr(own, name))]
        closes = np.zeros(bars, np.uint8)
        closes[rows] = 1
        columns = {name: spread_out(getattr(own, name)) for name in used if name != "session_exit"}
        columns["session_exit"] = np.empty(0, np.uint8)
        return own._replace(**columns, signal_close=closes)

    def events(self, own: SignalEvents) -> SignalEvents:
        """Return events by the traded candle at whose close they are known, without those that none is known at."""
        bars = self.rows[own.bars]
        kept = bars >= 0
        return own._replace(bars=bars[kept], outputs={name: values[kept] for name, values in own.outputs.items()})

    def overlay(self, own: Overlay) -> Overlay:
        """Return the line that a trader saw: at each traded close the value of the last closed signal candle."""
        known = np.searchsorted(self.signals.close_time, self.traded.close_time, side="right") - 1
        values = np.append(own.values, np.nan)[known]  # -1: nothing is known yet
        return own._replace(values=values)

    def signal_bars(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each traded candle the first signal candle whose decision is taken at its close or later."""
        found = np.searchsorted(np.maximum.accumulate(self.rows), rows)
        return np.minimum(found, len(self.signals) - 1).astype(np.int64)

    def lost(self, own: Decisions, start: int | None) -> str:
        """Say what was decided at signal closes that no traded candle lies before, "" when nothing was."""
        wanted = self.rows < 0
        if start is not None:
            wanted &= self.signals.time >= start
        some = np.zeros(len(self.signals), np.bool_)
        for name in _FLAGS:
            column = getattr(own, name)
            some |= column.astype(np.bool_) if len(column) else False
        lost = np.flatnonzero(wanted & some)
        if not len(lost):
            return ""
        first, last = (str(self.signals.time[bar : bar + 1].view("datetime64[ns]")[0])[:16] for bar in lost[[0, -1]])
        signals, traded = self.signals, self.traded.timeframe
        return (
            f"{signals.symbol}: of {np.count_nonzero(wanted):,} {signals.timeframe} candles without a {traded} candle inside "
            f"them {len(lost):,} decided something, which is lost because nothing was traded then; the first opened at {first}, "
            f"the last at {last} UTC"
        )


def pace(signals: Candles, traded: Candles) -> Pacing:
    """Lay the closes of longer candles on shorter ones of the same symbol.

    Raises
    ------
    CandleError
        When a traded candle is open while a signal candle closes: its open would be paid before the signal is known (S2).
    """
    closes = signals.close_time
    rows = np.searchsorted(traded.close_time, closes, side="right") - 1
    following = np.append(traded.time, np.iinfo(np.int64).max)[rows + 1]
    torn = np.flatnonzero(following < closes)
    if len(torn):
        when = str(closes[torn[:1]].view("datetime64[ns]")[0])[:16]
        raise CandleError(
            f"{signals.symbol}: {len(torn):,} {signals.timeframe} candles close inside a {traded.timeframe} candle, the first at "
            f"{when} UTC; trade on candles of which every {signals.timeframe} candle holds whole ones (S13)"
        )
    opens = np.append(traded.time, np.iinfo(np.int64).min)[rows]  # -1: no candle has closed
    return Pacing(signals, traded, np.where(opens >= signals.time, rows, -1).astype(np.int64))
