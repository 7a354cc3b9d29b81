"""A sweep as parallel coordinates: an axis per name, the metric last, a line per combination coloured by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from bokeh.core.properties import field, value
from bokeh.models import ColumnDataSource, FixedTicker, LinearColorMapper, Range1d, ResetTool, SaveTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from sptrader_lab.charts.frame import FONT, Canvas, hover, new_figure
from sptrader_lab.charts.palette import Palette, palette
from sptrader_lab.errors import InputError
from sptrader_lab.research.orders import check_metric, goodness
from sptrader_lab.research.watch import shown, told

if TYPE_CHECKING:
    from sptrader_lab.research.table import Sweep

#: Lines that are drawn; of more, those spread evenly from the best to the worst.
MOST_LINES: Final = 1_000
_MOST_LABELS: Final = 8
_BOLD: Final = 5
#: Height of a label as a share of its axis.
_LABEL: Final = 0.045


class _Axis(NamedTuple):
    """One axis: where each line crosses it, from 0 to 1, and what is written beside it."""

    name: str
    places: NDArray[np.float64]
    ticks: list[tuple[float, str]]


def sweep_parallel(sweep: Sweep, *, by: str | None = None, lines: int = MOST_LINES, theme: str = "auto") -> figure:
    """Return parallel coordinates of all names and one metric; the best lie on top, the very best are bold.

    Combinations without a value have no line; the title counts them.

    Parameters
    ----------
    sweep : Sweep
    by : str, optional
        The metric, the objective unless given.
    lines : int
        How many are drawn at most.
    theme : {"auto", "light", "dark"}
    """
    name, colours = check_metric(sweep.objective if by is None else by), palette(theme)
    if isinstance(lines, bool) or not isinstance(lines, int) or lines < 1:
        raise InputError(f"lines={lines!r} must be a whole number, at least 1")
    ranking = sweep.ranking(name)
    drawn = ranking[np.unique(np.linspace(0, max(len(ranking) - 1, 0), min(lines, len(ranking))).round().astype(int))]
    values = sweep.metric(name)[np.searchsorted(sweep.numbers, drawn)]
    axes = [*_names(sweep, drawn), _metric(name, values)]
    fig: Canvas = new_figure(
        colours,
        height=380,
        title=_title(sweep, name, len(drawn), len(ranking)),
        view=Range1d(start=-0.3, end=len(axes) - 0.55),
        y_range=Range1d(start=-0.06, end=1.06),
    )
    fig.grid.grid_line_color = None
    fig.outline_line_color = None
    fig.yaxis.visible = False
    fig.xaxis.ticker = FixedTicker(ticks=list(range(len(axes))))
    fig.xaxis.major_label_overrides = {place: axis.name for place, axis in enumerate(axes)}
    fig.xaxis.major_label_text_color = colours.ink
    fig.xaxis.major_label_text_font_size = "12px"
    _add_lines(fig, sweep, axes, drawn, values, colours)
    _add_axes(fig, axes, colours)
    fig.add_tools(ResetTool(), SaveTool())
    found: figure = fig
    return found


def _names(sweep: Sweep, drawn: NDArray[np.int64]) -> list[_Axis]:
    """Return an axis per swept name: numbers at their distances, words one step apart."""
    digits = sweep.combinations.digits(drawn)
    found = []
    for place, (name, values) in enumerate(sweep.combinations.levels.items()):
        words = any(isinstance(each, (str, bool)) for each in values)
        numbers = np.arange(len(values), dtype=np.float64) if words else np.array(values, np.float64)
        scaled = _scaled(numbers, numbers)
        order = np.argsort(numbers, kind="stable")
        labelled = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), _MOST_LABELS)).round().astype(int))]
        ticks = _apart([(float(scaled[each]), str(values[each])) for each in labelled])
        found.append(_Axis(name, scaled[digits[:, place]], ticks))
    return found


def _metric(name: str, values: NDArray[np.float64]) -> _Axis:
    ends = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    steps = np.linspace(*ends, 5) if ends[0] < ends[1] else np.array(ends[:1])
    ticks = [(float(place), shown(float(step))) for place, step in zip(_scaled(steps, steps), steps, strict=True)]
    return _Axis(name, _scaled(values, steps), ticks)


def _scaled(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where values lie between the least and the greatest of `among`; the middle where these are one."""
    low, high = float(among.min()), float(among.max())
    return np.full(len(values), 0.5) if low == high else (values - low) / (high - low)


def _apart(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the ticks whose labels don't lie over each other, the first and the last among them."""
    kept = ticks[:1]
    for tick in ticks[1:-1]:
        if tick[0] - kept[-1][0] >= _LABEL and ticks[-1][0] - tick[0] >= _LABEL:
            kept.append(tick)
    return [*kept, *ticks[1:][-1:]]


def _add_lines(
    fig: Canvas,
    sweep: Sweep,
    axes: list[_Axis],
    drawn: NDArray[np.int64],
    values: NDArray[np.float64],
    colours: Palette,
) -> None:
    crossings = np.stack([axis.places for axis in axes], axis=1)[::-1]  # the best last, on top of the others
    good = np.argsort(np.argsort(goodness(axes[-1].name, values)[::-1], kind="stable"), kind="stable")
    count = len(drawn)
    bold = np.arange(count) >= count - _BOLD
    source = ColumnDataSource(
        {
            "xs": [list(range(len(axes)))] * count,
            "ys": [row.tolist() for row in crossings],
            "rank": good / max(count - 1, 1),
            "width": np.where(bold, 2.6, 1.0),
            "alpha": np.where(bold, 1.0, max(0.15, min(0.6, 60 / max(count, 1)))),
            "number": drawn[::-1],
            "told": [told(each) for each in sweep.combinations.rows(drawn[::-1])],
            "said": [shown(float(each)) for each in values[::-1]],
        }
    )
    shade = LinearColorMapper(palette=colours.diverging, low=0, high=1)
    lines = fig.multi_line(
        "xs",
        "ys",
        line_color=field("rank", shade),
        line_width="width",
        line_alpha="alpha",
        hover_line_color=colours.ink,
        hover_line_alpha=1.0,
        source=source,
    )
    facts = [(axes[-1].name, "<b>@said</b>"), ("combination", "@number")]
    fig.add_tools(hover(facts, renderers=[lines], title="@told", mode="mouse", line_policy="interp", limit=3))


def _add_axes(fig: Canvas, axes: list[_Axis], colours: Palette) -> None:
    places = list(range(len(axes)))
    fig.segment(places, 0, places, 1, line_color=colours.muted, line_width=1.2)
    rows = [(place, height, text) for place, axis in enumerate(axes) for height, text in axis.ticks]
    source = ColumnDataSource(
        {"x": [row[0] for row in rows], "y": [row[1] for row in rows], "text": [row[2] for row in rows]}
    )
    fig.scatter("x", "y", marker="dash", size=7, color=colours.muted, source=source)
    fig.text(
        "x",
        "y",
        text="text",
        x_offset=7,
        text_baseline="middle",
        text_color=colours.ink,
        text_font=value(FONT),
        text_font_size="11px",
        background_fill_color=colours.paper,
        background_fill_alpha=0.75,
        source=source,
    )


def _title(sweep: Sweep, name: str, drawn: int, ranked: int) -> str:
    parts = [f"{ranked:,} combinations by {name}"]
    if drawn < ranked:
        parts.append(f"{drawn:,} drawn")
    if ranked < len(sweep.numbers):
        parts.append(f"{len(sweep.numbers) - ranked:,} undefined, without a line")
    return "   \N{MIDDLE DOT}   ".join(parts)
