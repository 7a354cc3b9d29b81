"""A sweep over two of its names: a coloured cell per pair of values, the best marked, the undefined hatched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.core.properties import field
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    FixedTicker,
    LinearColorMapper,
    Range1d,
    ResetTool,
    SaveTool,
)
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure
from numpy.typing import NDArray

from sptrader_lab.charts.frame import FONT, Canvas, hover, new_figure, number_axis
from sptrader_lab.charts.palette import Palette, palette
from sptrader_lab.errors import InputError, unknown
from sptrader_lab.research.orders import check_metric, goodness, matching
from sptrader_lab.research.watch import shown, told

if TYPE_CHECKING:
    from sptrader_lab.research.table import Sweep

#: Values per axis that are drawn; of more, evenly spread ones.
MOST_VALUES: Final = 200
_MOST_LABELS: Final = 24
_BESIDE: Final = ("total_return", "max_drawdown", "total_trades")


def sweep_heatmap(
    sweep: Sweep,
    x: str | None = None,
    y: str | None = None,
    *,
    by: str | None = None,
    fixed: Mapping[str, object] | None = None,
    theme: str = "auto",
) -> figure:
    """Return a heatmap of one metric over two names.

    Parameters
    ----------
    sweep : Sweep
    x, y : str, optional
        Names of the grid; the first two that have several values, unless given.
    by : str, optional
        The metric, the objective unless given.
    fixed : mapping, optional
        Values of other names to keep to. Where several combinations lie in one cell, the best of them is shown, and the
        title says so.
    theme : {"auto", "light", "dark"}

    Raises
    ------
    InputError
        When a name is not swept, or a fixed value was not tried.
    """
    name, colours = check_metric(sweep.objective if by is None else by), palette(theme)
    across, up = _axes(sweep, x, y)
    cells = _cells(sweep, name, across, up, dict(fixed or {}))
    fig: Canvas = new_figure(
        colours,
        height=_height(len(cells.ys)),
        title=cells.title,
        view=Range1d(start=-0.5, end=len(cells.xs) - 0.5),
        y_range=Range1d(start=-0.5, end=len(cells.ys) - 0.5),
        x_axis_label=across,
        y_axis_label=up,
    )
    fig.grid.grid_line_color = None
    _label(fig.xaxis[0], cells.xs)
    _label(fig.yaxis[0], cells.ys)
    _draw(fig, cells, name, colours)
    fig.add_tools(ResetTool(), SaveTool())
    drawn: figure = fig
    return drawn


class _Cells:
    """What is drawn: the values along both axes, and a row of facts per cell."""

    def __init__(self, xs: list[str], ys: list[str], title: str, rows: dict[str, Any], best: int | None) -> None:
        self.xs, self.ys, self.title, self.rows, self.best = xs, ys, title, rows, best

    def part(self, chosen: NDArray[np.bool_]) -> ColumnDataSource:
        """Return the rows of some cells."""
        return ColumnDataSource({key: list(np.asarray(values, object)[chosen]) for key, values in self.rows.items()})


def _axes(sweep: Sweep, x: str | None, y: str | None) -> tuple[str, str]:
    """Return the two names; of a sweep over one name the second is ''."""
    names = [name.removeprefix("parameters.") for name in (x, y) if name is not None]
    for name in names:
        if name not in sweep.combinations.levels:
            raise InputError(unknown("swept name", name, sweep.combinations.levels))
    if len(set(names)) < len(names):
        raise InputError(f"x and y are both {names[0]!r}; a heatmap needs two names")
    sizes = sorted(sweep.combinations.levels.items(), key=lambda item: len(item[1]) < 2)
    rest = iter(name for name, _ in sizes if name not in names)
    across = x.removeprefix("parameters.") if x is not None else next(rest, "")
    up = y.removeprefix("parameters.") if y is not None else next(rest, "")
    return across, up


def _cells(sweep: Sweep, name: str, across: str, up: str, fixed: dict[str, object]) -> _Cells:
    """Return the best combination of every pair of values."""
    levels, names = sweep.combinations.levels, list(sweep.combinations.names)
    digits = sweep.combinations.digits(sweep.numbers)
    held = np.flatnonzero(matching(levels, digits, fixed))
    values = sweep.metric(name)[held]
    columns, rows = (_ranks(levels, digits[held], names, axis) for axis in (across, up))
    good = np.where(np.isnan(values), -np.inf, goodness(name, values))
    order = np.lexsort((-np.arange(len(good)), good))
    pair = columns[0] * max(len(rows[1]), 1) + rows[0]
    last: dict[int, int] = {int(pair[place]): int(place) for place in order}  # the best of a cell comes last
    several = len(last) < len(held)
    best = int(order[-1]) if len(order) and np.isfinite(good[order[-1]]) else None
    kept_x, kept_y = (
        _spread(len(texts), None if best is None else int(found[best])) for found, texts in (columns, rows)
    )
    drawn = [place for place in last.values() if columns[0][place] in kept_x and rows[0][place] in kept_y]
    title = _title(sweep, name, held, values, best, several=several)
    found = {
        "x": [kept_x[int(columns[0][place])] for place in drawn],
        "y": [kept_y[int(rows[0][place])] for place in drawn],
        "value": values[drawn],
        "number": sweep.numbers[held[drawn]],
        "said": [shown(float(value)) for value in values[drawn]],
        **_facts(sweep, held[drawn]),
    }
    texts_x, texts_y = ([texts[rank] for rank in kept] for (_, texts), kept in ((columns, kept_x), (rows, kept_y)))
    return _Cells(texts_x, texts_y, title, found, None if best is None else drawn.index(best))


def _ranks(
    levels: Mapping[str, tuple[Any, ...]], digits: NDArray[np.int64], names: list[str], axis: str
) -> tuple[NDArray[np.int64], list[str]]:
    """Return where each combination lies along an axis, and the values there in ascending order."""
    if not axis:
        return np.zeros(len(digits), np.int64), [""]
    values = levels[axis]
    words = any(isinstance(value, str) for value in values)
    order = list(range(len(values))) if words else sorted(range(len(values)), key=lambda place: values[place])
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.arange(len(values))
    return ranks[digits[:, names.index(axis)]], [str(values[place]) for place in order]


def _spread(count: int, best: int | None) -> dict[int, int]:
    """Return rank -> place on the axis of the values that are drawn; the best one's always is."""
    chosen = set(np.linspace(0, count - 1, min(count, MOST_VALUES)).round().astype(int).tolist())
    if best is not None:
        chosen.add(best)
    return {rank: place for place, rank in enumerate(sorted(chosen))}


def _facts(sweep: Sweep, places: NDArray[np.int64]) -> dict[str, list[str]]:
    """Return what is said of each cell under the pointer."""
    frame = sweep.frame.iloc[places]
    found = {name: [shown(float(value)) for value in frame[name]] for name in _BESIDE}
    combinations = sweep.combinations.rows(frame.index.to_numpy())
    return {
        **found,
        "told": [told(each) for each in combinations],
        "why": [error.splitlines()[0] if error else "undefined" for error in frame["error"]],
    }


def _title(
    sweep: Sweep, name: str, held: NDArray[np.int64], values: NDArray[np.float64], best: int | None, *, several: bool
) -> str:
    parts = [f"{name}{', the best in each cell' if several else ''}"]
    if best is not None:
        number = int(sweep.numbers[held[best]])
        parts.append(f"best {shown(float(values[best]))} at {told(sweep.values(number))}")
    if np.isnan(values).any():
        parts.append(f"{int(np.isnan(values).sum()):,} undefined (hatched)")
    return "   \N{MIDDLE DOT}   ".join(parts)


def _draw(fig: Canvas, cells: _Cells, name: str, colours: Palette) -> None:
    values = np.asarray(cells.rows["value"], np.float64)
    defined = np.isfinite(values)
    shade = _shade(values[defined], name, colours)
    shape: dict[str, Any] = {"width": 1, "height": 1, "line_color": colours.paper, "line_width": 0.5}
    drawn = fig.rect("x", "y", fill_color=field("value", shade), source=cells.part(defined), **shape)
    hatch = {"hatch_pattern": "/", "hatch_color": colours.muted, "hatch_scale": 8, "hatch_weight": 1}
    bare = fig.rect("x", "y", fill_color=colours.grid, source=cells.part(~defined), **hatch, **shape)
    facts = [(name, "<b>@said</b>"), *((each, f"@{each}") for each in _BESIDE if each != name)]
    fig.add_tools(hover([*facts, ("combination", "@number")], renderers=[drawn], title="@told", mode="mouse"))
    fig.add_tools(hover([(name, "@why"), ("combination", "@number")], renderers=[bare], title="@told", mode="mouse"))
    if cells.best is not None:
        mark = ColumnDataSource({key: [cells.rows[key][cells.best]] for key in ("x", "y")})
        fig.rect("x", "y", width=1, height=1, fill_color=None, line_color=colours.ink, line_width=2.5, source=mark)
        fig.scatter("x", "y", marker="star", size=11, color=colours.ink, source=mark)
    if defined.any():
        bar = ColorBar(
            color_mapper=shade,
            ticker=BasicTicker(desired_num_ticks=6),
            formatter=number_axis(),
            width=10,
            padding=4,
            major_label_text_color=colours.muted,
            major_label_text_font=FONT,
            major_label_text_font_size="11px",
            background_fill_color=None,
            major_tick_line_color=None,
            bar_line_color=None,
        )
        fig.add_layout(bar, "right")


def _shade(values: NDArray[np.float64], name: str, colours: Palette) -> LinearColorMapper:
    """Return colours that read as good or bad: about zero where values lie on both sides of it, else from worst to best."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    turned = goodness(name, np.ones(1))[0] < 0
    steps = colours.diverging[::-1] if turned else colours.diverging
    if low < 0 < high:
        reach = max(-low, high)
        return LinearColorMapper(palette=steps, low=-reach, high=reach)
    half = steps[len(steps) // 2 :] if high > 0 else steps[: len(steps) // 2 + 1]
    if low == high:
        low, high = low - 0.5, high + 0.5
    return LinearColorMapper(palette=half, low=low, high=high)


def _label(axis: Any, texts: list[str]) -> None:
    """Write the values beside their cells, as many as are readable."""
    step = -(-len(texts) // _MOST_LABELS)
    places = list(range(0, len(texts), step))
    axis.ticker = FixedTicker(ticks=places)
    axis.major_label_overrides = {place: texts[place] for place in places}


def _height(rows: int) -> int:
    return int(min(620, 110 + max(26 * min(rows, 20), 60)))
