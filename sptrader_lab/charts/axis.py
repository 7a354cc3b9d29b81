"""The axis that bars lie on: side by side, so that weekends leave no hole, or in real time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSTicker,
    CustomJSTickFormatter,
    DatetimeTicker,
    DatetimeTickFormatter,
    LayoutDOM,
    Range1d,
)
from numpy.typing import NDArray

from sptrader_lab.charts.buckets import Bars, Window
from sptrader_lab.charts.frame import Canvas
from sptrader_lab.charts.scripts import script

Places = NDArray[np.float64]
_MS = 1e6
_BODY = 0.72
_FEWEST = 12


@dataclass(frozen=True)
class BarAxis:
    """Places of bars on the x-axis.

    Attributes
    ----------
    time : numpy.ndarray of int64, shape (bars,)
        Instant of each bar, ns UTC, ascending.
    length : float
        Duration of one bar, ns.
    gaps : bool
        False: a bar's place is its position, and the labels tell the time. True: its time, in ms.
    """

    time: NDArray[np.int64]
    length: float
    gaps: bool

    def place(self, bars: Bars) -> Places:
        """Return the places of bars."""
        return self.time[bars] / _MS if self.gaps else bars.astype(np.float64)

    def middle(self, window: Window) -> Places:
        """Return the places of drawn candles: the middle of the bars that each stands for."""
        return (self.place(window.first) + self.place(window.last)) / 2

    def body(self, window: Window) -> float:
        """Return the width of a drawn candle's body."""
        return _BODY * window.per * (self.length / _MS if self.gaps else 1.0)

    def bars(self, start: float, end: float) -> tuple[int, int]:
        """Return the half-open range of bars between two places."""
        count = len(self.time)
        if self.gaps:
            low, high = np.searchsorted(self.time, [int(start * _MS), int(end * _MS)])
        else:
            low, high = np.floor(start), np.ceil(end)
        return max(0, min(int(low), count)), max(0, min(int(high) + 1, count))

    def view(self, start_bar: int, stop_bar: int) -> Range1d:
        """Return the x-range that shows the bars, and that can't be moved off what exists."""
        low, high = self._ends(0, len(self.time))
        start, end = self._ends(start_bar, stop_bar)
        view = Range1d(start=start, end=end, bounds=(low, high))
        least = min(_FEWEST * (self.length / _MS if self.gaps else 1.0), high - low)
        keep = CustomJS(args={"least": least}, code=script("least"))
        view.js_on_change("start", keep)
        view.js_on_change("end", keep)
        return view

    def label(self, fig: Canvas, rows: ColumnDataSource) -> None:
        """Give `fig` the ticks and labels of this axis; `rows` has the columns x and time (ms) of what is drawn."""
        if self.gaps:
            fig.xaxis.ticker = DatetimeTicker(desired_num_ticks=9)
            fig.xaxis.formatter = DatetimeTickFormatter(
                minutes="%H:%M", hourmin="%H:%M", hours="%H:%M", days="%d %b", months="%b %Y", years="%Y"
            )
            return
        fig.xaxis.ticker = CustomJSTicker(args={"rows": rows}, major_code=script("ticks"))
        fig.xaxis.formatter = CustomJSTickFormatter(args={"rows": rows}, code=script("labels"))
        fig.xgrid.ticker = fig.xaxis[0].ticker

    def _ends(self, start: int, stop: int) -> tuple[float, float]:
        if stop <= start:
            return 0.0, 1.0
        ends = self.place(np.array([start, stop - 1]))
        margin = (self.length / _MS if self.gaps else 1.0) * max(1.0, 0.01 * (stop - start))
        return float(ends[0] - margin), float(ends[1] + margin)


def ends(view: Range1d) -> tuple[float, float]:
    """Return where an x-range starts and ends, as places."""
    start: Any = view.start  # Bokeh would also hold a date there; this axis never puts one in
    end: Any = view.end
    return float(start), float(end)


@dataclass(frozen=True)
class Drawing:
    """A finished figure and the means to draw another stretch of it.

    Attributes
    ----------
    root : bokeh.models.LayoutDOM
        What to show: a figure or a layout of figures.
    view : bokeh.models.Range1d
        The x-range that all its panes share.
    axis : BarAxis
        What places on that range mean.
    draw : callable
        `draw(start_bar, stop_bar)` fills the sources anew for these bars, in at most as many rows as before.
    """

    root: LayoutDOM
    view: Range1d
    axis: BarAxis
    draw: Callable[[int, int], None]
