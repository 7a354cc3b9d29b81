"""Panes of their own: indicators that don't share the price's scale, below the candles and on their rows."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from bokeh.models import DataRange1d
from bokeh.models.annotations import Legend, LegendItem, Span

from sptrader_lab.charts.frame import Canvas, add_tools, new_figure, number_axis, style_legend
from sptrader_lab.charts.price import PRICE_PANE, Line, PricePane

_HEIGHT = 130
_LEGEND = 20


def indicator_panes(price: PricePane, cross: Span) -> list[Canvas]:
    """Return one figure per pane that the run's indicators name, in the order in which they come."""
    own = [line for line in price.about.lines if line.overlay.pane != PRICE_PANE]
    names = list(dict.fromkeys(line.overlay.pane for line in own))
    own.sort(key=lambda line: names.index(line.overlay.pane))
    return [_pane(price, name, list(lines), cross) for name, lines in groupby(own, key=lambda line: line.overlay.pane)]


def _pane(price: PricePane, name: str, lines: list[Line], cross: Span) -> Canvas:
    colours = price.about.colours
    named = [line.overlay.label for line in lines] != [name]
    height = _HEIGHT + _LEGEND * named
    fig = new_figure(
        colours, height=height, view=price.fig.x_range, y_axis_label=name, toolbar_location=None, window_axis="x"
    )
    drawn: list[Any] = []
    for place, line in enumerate(lines):
        colour = colours.series[place % len(colours.series)]
        drawn.append(fig.line("x", line.column, line_color=colour, line_width=1.4, source=price.rows))
    fig.y_range = DataRange1d(renderers=drawn, range_padding=0.12)
    fig.yaxis.formatter = number_axis()
    if named:  # else the axis says it
        both = zip(lines, drawn, strict=True)
        items = [LegendItem(label=line.overlay.label, renderers=[glyph]) for line, glyph in both]
        fig.add_layout(Legend(items=items), "above")
    style_legend(fig, colours)
    price.about.axis.label(fig, price.rows)
    add_tools(fig, colours, cross=cross, wheel=True)
    return fig
