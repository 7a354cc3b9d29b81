"""Monthly returns as a heatmap: a row per year, the year's total beside it."""

from __future__ import annotations

import calendar
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.core.properties import field, value
from bokeh.models import ColumnDataSource, CustomJS, FactorRange, LinearColorMapper
from bokeh.plotting import figure
from numpy.typing import NDArray

from sptrader_lab.charts.frame import FONT, Canvas, hover, new_figure
from sptrader_lab.charts.numbers import percent, signed
from sptrader_lab.charts.palette import Palette, palette
from sptrader_lab.charts.scripts import script

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
    fig.background_fill_color = None
    values = table.to_numpy(dtype=np.float64)
    every = np.abs(values[:, :12])
    reach = float(np.nanmax(every)) if np.isfinite(every).any() else 0.0
    source = ColumnDataSource(_cells(values, years, months, digits=1 if reach >= 0.01 else 2))
    _add_cells(fig, source, reach or 1.0, colours)
    drawn: figure = fig
    return drawn


def _add_cells(fig: Canvas, source: ColumnDataSource, reach: float, colours: Palette) -> None:
    shade = LinearColorMapper(palette=colours.diverging, low=-reach, high=reach, nan_color="#00000000")
    cells = fig.rect(
        "month", "year", 0.96, 0.9, fill_color=field("value", shade), line_color=None, border_radius=3, source=source
    )
    texts = {}
    for group, weight in (("text", "normal"), ("total", "bold")):
        texts[group] = fig.text(
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
        ).glyph
    args = {"fig": fig, "texts": texts, "columns": len(fig.x_range.factors)}
    fig.js_on_change("inner_width", CustomJS(args=args, code=script("cells")))
    fig.add_tools(hover([("@month @year", "@whole")], renderers=[cells], mode="mouse"))


def _cells(table: NDArray[np.float64], years: list[str], months: list[str], digits: int) -> dict[str, Any]:
    rows = [
        (year, month, float(table[y, m]))
        for y, year in enumerate(years)
        for m, month in enumerate(months)
        if np.isfinite(table[y, m])
    ]
    cells: dict[str, Any] = {
        "year": [year for year, _, _ in rows],
        "month": [month for _, month, _ in rows],
        "value": [math.nan if month == TOTAL else change for _, month, change in rows],
        "whole": [percent(change, 3, sign=True) for _, _, change in rows],
    }
    for name, yearly in (("text", False), ("total", True)):
        mine = [change if (month == TOTAL) == yearly else None for _, month, change in rows]
        cells[name] = ["" if change is None else signed(100 * change, digits) for change in mine]
        # `cells.js` shows these where a cell is narrow: months of less than a percent keep one decimal.
        cells[f"{name}_short"] = [
            "" if change is None else signed(100 * change, digits - 1).lstrip("+") for change in mine
        ]
    return cells
