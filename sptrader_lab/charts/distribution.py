"""How profits are spread over trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from bokeh.core.properties import field
from bokeh.models import AdaptiveTicker, ColumnDataSource, LinearColorMapper, Span
from bokeh.plotting import figure

from sptrader_lab.charts.frame import hover, money_axis, new_figure
from sptrader_lab.charts.numbers import plain, signed
from sptrader_lab.charts.palette import palette

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

_MOST_BINS: Final = 40


def trade_distribution(result: Result, *, theme: str = "auto") -> figure:
    """Return a histogram of the trades' profit and loss; zero is a border between bins, the mean a dashed line."""
    colours = palette(theme)
    pnl = np.asarray(result.outcome.trades["pnl"], dtype=np.float64)
    title = f"Profit per trade, {result.currency}"
    if not len(pnl):
        fig = new_figure(colours, height=230, title=f"{title}   \N{MIDDLE DOT}   no trades", toolbar_location=None)
        fig.x_range.start, fig.x_range.end = -1, 1
        fig.y_range.start, fig.y_range.end = 0, 1
        return fig
    edges = _edges(pnl)
    count, _ = np.histogram(pnl, edges)
    data = {
        "left": edges[:-1],
        "right": edges[1:],
        "count": count,
        "won": (edges[:-1] >= 0).astype(np.float64),
        "from": [signed(each) for each in edges[:-1]],
        "to": [signed(each) for each in edges[1:]],
    }
    mean = float(pnl.mean())
    fig = new_figure(
        colours,
        height=230,
        title=f"{title}   \N{MIDDLE DOT}   {plain(len(pnl), 0)} trades, mean {signed(mean)}, median {signed(float(np.median(pnl)))}",
        toolbar_location=None,
        y_axis_label="trades",
    )
    colour = field("won", LinearColorMapper(palette=[colours.loss, colours.profit], low=0, high=1))
    bars = fig.quad(
        left="left",
        right="right",
        top="count",
        bottom=0,
        fill_color=colour,
        fill_alpha=0.75,
        line_color=colours.paper,
        source=ColumnDataSource(data),
    )
    fig.add_layout(Span(location=0, dimension="height", line_color=colours.muted, line_width=1))
    fig.add_layout(
        Span(location=mean, dimension="height", line_color=colours.warning, line_dash="dashed", line_width=1.5)
    )
    fig.y_range.start = 0
    fig.yaxis.ticker = AdaptiveTicker(min_interval=1)
    fig.xgrid.grid_line_color = None
    fig.xaxis.formatter = money_axis()
    fig.add_tools(
        hover([("from", "@from"), ("to", "@to"), ("trades", "<b>@count</b>")], renderers=[bars], mode="vline")
    )
    return fig


def _edges(pnl: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return bin edges of one round width, of which zero is one."""
    reach = float(max(pnl.max(), 0.0) - min(pnl.min(), 0.0)) or 1.0
    bins = min(_MOST_BINS, max(8, round(2 * len(pnl) ** 0.5)))
    rough = reach / bins
    scale = 10.0 ** np.floor(np.log10(rough))
    width = float(scale * next(step for step in (1, 2, 2.5, 5, 10) if step * scale >= rough))
    low, high = int(np.floor(min(pnl.min(), 0.0) / width)), int(np.floor(max(pnl.max(), 0.0) / width)) + 1
    return np.arange(low, high + 1) * width
