"""How profits are spread over trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.core.properties import field
from bokeh.models import AdaptiveTicker, ColumnDataSource, LinearColorMapper
from bokeh.models.annotations import Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from sptrader_lab.charts.frame import Canvas, hover, new_figure, number_axis
from sptrader_lab.charts.numbers import plain, signed
from sptrader_lab.charts.palette import Palette, palette

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

_MOST_BINS: Final = 40
Profits = NDArray[np.float64]


def trade_distribution(result: Result, *, theme: str = "auto") -> figure:
    """Return a histogram of the trades' profit and loss; zero is a border between bins, the mean a dashed line."""
    colours = palette(theme)
    pnl = np.asarray(result.outcome.trades["pnl"], dtype=np.float64)
    said = "no trades"
    if len(pnl):
        mean, median = signed(float(pnl.mean())), signed(float(np.median(pnl)))
        said = f"{plain(len(pnl), 0)} trades, mean {mean}, median {median}"
    title = f"Profit per trade, {result.currency}   \N{MIDDLE DOT}   {said}"
    canvas = new_figure(colours, height=230, title=title, toolbar_location=None, y_axis_label="trades")
    canvas.y_range.start = 0
    canvas.yaxis.ticker = AdaptiveTicker(min_interval=1)
    canvas.xaxis.formatter = number_axis()
    canvas.xgrid.grid_line_color = None
    _add_bars(canvas, pnl, colours)
    fig: figure = canvas
    return fig


def _add_bars(canvas: Canvas, pnl: Profits, colours: Palette) -> None:
    edges = _edges(pnl)
    data: dict[str, Any] = {
        "left": edges[:-1],
        "right": edges[1:],
        "count": np.histogram(pnl, edges)[0],
        "won": (edges[:-1] >= 0).astype(np.float64),
        "from": [signed(each) for each in edges[:-1]],
        "to": [signed(each) for each in edges[1:]],
    }
    colour = field("won", LinearColorMapper(palette=[colours.loss, colours.profit], low=0, high=1))
    bars = canvas.quad(
        left="left",
        right="right",
        top="count",
        bottom=0,
        fill_color=colour,
        fill_alpha=0.75,
        line_color=colours.paper,
        source=ColumnDataSource(data),
    )
    canvas.add_layout(Span(location=0, dimension="height", line_color=colours.muted, line_width=1))
    if len(pnl):
        mean = float(pnl.mean())
        canvas.add_layout(
            Span(location=mean, dimension="height", line_color=colours.warning, line_dash="dashed", line_width=1.5)
        )
    facts = [("from", "@from"), ("to", "@to"), ("trades", "<b>@count</b>")]
    canvas.add_tools(hover(facts, renderers=[bars], mode="vline"))


def _edges(pnl: Profits) -> Profits:
    """Return bin edges of one round width, of which zero is one."""
    if not len(pnl):
        return np.array([-1.0, 0.0, 1.0])
    reach = float(max(pnl.max(), 0.0) - min(pnl.min(), 0.0)) or 1.0
    bins = min(_MOST_BINS, max(8, round(2 * len(pnl) ** 0.5)))
    rough = reach / bins
    scale = 10.0 ** np.floor(np.log10(rough))
    width = float(scale * next(step for step in (1, 2, 2.5, 5, 10) if step * scale >= rough))
    low, high = int(np.floor(min(pnl.min(), 0.0) / width)), int(np.floor(max(pnl.max(), 0.0) / width)) + 1
    return np.arange(low, high + 1, dtype=np.float64) * width
