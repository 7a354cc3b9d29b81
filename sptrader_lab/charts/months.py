"""Monthly returns as a heatmap: a row per year, the year's total beside it."""

from __future__ import annotations

import calendar
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.core.properties import field, value
from bokeh.models import ColumnDataSource, FactorRange, LinearColorMapper
from bokeh.plotting import figure

from sptrader_lab.charts.frame import FONT, Canvas, hover, new_figure
from sptrader_lab.charts.numbers import percent, signed
from sptrader_lab.charts.palette import palette

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

TOTAL: Final = "Year"
_ROW: Final = 34


def monthly_heatmap(result: Result, *, theme: str = "auto") -> figure:
    """Return each month's change of equity as a coloured, written cell; colours are symmetric about zero."""
    table, colours = result.monthly_returns, palette(theme)
    years = [str(year) for year in table.index]
    months = [*calendar.month_abbr[1:], TOTAL]
    title = "Monthly returns, %" if years else "Monthly returns   \N{MIDDLE DOT}   no days"
    fig: Canvas = new_figure(
        colours,
        height=64 + _ROW * max(1, len(years)),
        title=title,
        view=FactorRange(factors=months),
        y_range=FactorRange(factors=years[::-1]),
        x_axis_location="above",
        toolbar_location=None,
    )
    fig.grid.grid_line_color = None
    fig.outline_line_color = None
    source = ColumnDataSource(_cells(table.to_numpy(dtype=np.float64), years, months))
    values = table.to_numpy(dtype=np.float64)[:, :12]
    reach = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
    shade = LinearColorMapper(
        palette=colours.diverging, low=-(reach or 1.0), high=reach or 1.0, nan_color=colours.paper
    )
    cells = fig.rect(
        "month", "year", 0.96, 0.9, fill_color=field("value", shade), line_color=None, border_radius=3, source=source
    )
    for group, weight in (("text", "normal"), ("total", "bold")):
        fig.text(
            "month",
            "year",
            text=group,
            text_color=colours.ink,
            text_align="center",
            text_baseline="middle",
            text_font=value(FONT),
            text_font_size="12px",
            text_font_style=weight,
            source=source,
        )
    fig.add_tools(hover([("@month @year", "@whole")], renderers=[cells], mode="mouse"))
    drawn: figure = fig
    return drawn


def _cells(table: np.ndarray[Any, np.dtype[np.float64]], years: list[str], months: list[str]) -> dict[str, Any]:
    rows = [
        (year, month, table[y, m])
        for y, year in enumerate(years)
        for m, month in enumerate(months)
        if table[y, m] == table[y, m]
    ]
    return {
        "year": [year for year, _, _ in rows],
        "month": [month for _, month, _ in rows],
        "value": [math.nan if month == TOTAL else value for _, month, value in rows],
        "text": ["" if month == TOTAL else signed(100 * value, 1) for _, month, value in rows],
        "total": [signed(100 * value, 1) if month == TOTAL else "" for _, month, value in rows],
        "whole": [percent(value, 3, sign=True) for _, _, value in rows],
    }
