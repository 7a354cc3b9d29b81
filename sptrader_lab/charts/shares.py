"""Shares: what each strategy of a portfolio alone has made, as lines on the equity chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.models.annotations import Legend, LegendItem
from numpy.typing import NDArray

from sptrader_lab.charts.frame import Canvas, style_legend
from sptrader_lab.charts.palette import Palette, strategy_colour

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result


def own_equity(result: Result) -> dict[str, NDArray[np.float64]]:
    """Return the capital and what each strategy alone has made of it, by the name of a column; none for one strategy."""
    own = result.outcome.strategy_equity
    if len(result.strategies) < 2 or not len(own):
        return {}
    start = result.capital - np.array(result.strategy_capital)
    return {f"own{number}": own[:, number] + start[number] for number in range(own.shape[1])}


def add_own(
    fig: Canvas, rows: ColumnDataSource, own: Sequence[str], strategies: Sequence[str], account: Any, colours: Palette
) -> list[Any]:
    """Draw a line per strategy beside the account's and name them; all start at one point, and their profits add up."""
    if not own:
        return []
    items, drawn = [LegendItem(label="account", renderers=[account])], []
    for number, (column, name) in enumerate(zip(own, strategies, strict=True)):
        colour = strategy_colour(colours, number)
        drawn.append(fig.line("x", column, line_color=colour, line_width=1.3, source=rows))
        items.append(LegendItem(label=f"{name} alone", renderers=drawn[-1:]))
    fig.add_layout(Legend(items=items), "above")
    style_legend(fig, colours)
    return drawn
