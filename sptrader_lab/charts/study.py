"""An optimisation: its objective trial by trial, and how much each name matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from sptrader_lab.charts.frame import Canvas, add_tools, hover, new_figure, number_axis, percent_axis, style_legend
from sptrader_lab.charts.palette import palette
from sptrader_lab.research.watch import shown, told

if TYPE_CHECKING:
    from sptrader_lab.research.study import Optimization


def trials_figure(found: Optimization, *, by: str | None = None, theme: str = "auto") -> figure:
    """Return an objective trial by trial as dots, and the best so far as a line; what was pruned has no dot.

    Parameters
    ----------
    found : Optimization
    by : str, optional
        A metric, the first objective unless given.
    theme : {"auto", "light", "dark"}

    Raises
    ------
    InputError
        When `by` is no metric that is kept.
    """
    colours, name = palette(theme), found.objectives[0] if by is None else by
    history = found.history(name)
    said = f"{len(history):,} trials, {int(history[name].notna().sum()):,} ran to the end"
    fig: Canvas = new_figure(
        colours, height=300, title=f"{name}   \N{MIDDLE DOT}   {said}", x_axis_label="trial", y_axis_label=name
    )
    fig.yaxis.formatter = number_axis()
    history = history[history[name].notna()]
    numbers = history.index.to_numpy()
    data: dict[str, Any] = {
        "trial": numbers,
        "value": history[name].to_numpy(np.float64),
        "text": [shown(value) for value in history[name]],
        "values": [told(found.values(int(number))) for number in numbers],
    }
    dots = fig.scatter(
        "trial",
        "value",
        source=ColumnDataSource(data),
        size=6,
        color=colours.series[0],
        alpha=0.55,
        legend_label="each trial",
    )
    best = history["best"].to_numpy(np.float64)
    fig.step(numbers, best, mode="after", color=colours.warning, line_width=2, legend_label="best so far")
    fig.add_tools(hover([("trial", "@trial"), (name, "<b>@text</b>"), ("values", "@values")], renderers=[dots]))
    fig.add_layout(fig.legend[0], "above")
    style_legend(fig, colours)
    add_tools(fig, colours)
    drawn: figure = fig
    return drawn


def importances_figure(found: Optimization, *, theme: str = "auto") -> figure:
    """Return a bar per name, the one that matters most on top.

    Raises
    ------
    InputError
        When too few trials have a value, see `Optimization.importances`.
    """
    colours, shares = palette(theme), found.importances()[::-1]
    goal = "the Pareto front" if len(found.objectives) > 1 else f"the best tenth in {found.objectives[0]}"
    fig: Canvas = new_figure(
        colours,
        height=90 + 34 * len(shares),
        title=f"What matters for reaching {goal}",
        y_range=list(shares.index),
        toolbar_location=None,
    )
    data: dict[str, Any] = {"name": list(shares.index), "share": shares.to_numpy(np.float64)}
    data["text"] = [f"{100 * share:.0f} %" for share in data["share"]]
    bars = fig.hbar(
        y="name", right="share", height=0.6, source=ColumnDataSource(data), color=colours.series[0], fill_alpha=0.75
    )
    fig.x_range.start = 0
    fig.xaxis.formatter = percent_axis()
    fig.ygrid.grid_line_color = None
    fig.add_tools(hover([("@name", "<b>@text</b>")], renderers=[bars]))
    drawn: figure = fig
    return drawn
