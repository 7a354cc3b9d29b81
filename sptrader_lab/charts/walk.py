"""Out of sample: the stitched equity of a walk forward, and the paths of a cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure

from sptrader_lab.charts.frame import Canvas, add_tools, hover, new_figure, number_axis, percent_axis
from sptrader_lab.charts.palette import palette
from sptrader_lab.research.watch import told

if TYPE_CHECKING:
    from sptrader_lab.research.cross_validation import CrossValidation
    from sptrader_lab.research.walk_forward import WalkForward

#: Points of a line that are drawn; of more, the last of each of as many equal parts.
_MOST_POINTS: Final = 4_000
#: Paths that are drawn; of more, evenly spread ones by their Sharpe ratio.
_MOST_PATHS: Final = 100


def walk_figure(found: WalkForward, *, theme: str = "auto") -> figure:
    """Return the stitched out-of-sample equity, every other segment shaded; hovering tells a segment's values.

    Parameters
    ----------
    found : WalkForward
    theme : {"auto", "light", "dark"}
    """
    colours, equity = palette(theme), found.equity
    said = f"return {found.metrics['total_return']:.2%}, Sharpe ratio {found.metrics['sharpe_ratio']:.2f}"
    fig: Canvas = new_figure(
        colours,
        height=320,
        title=f"Out of sample, {len(found.steps)} segments   \N{MIDDLE DOT}   {said}",
        x_axis_type="datetime",
        y_axis_label="equity",
    )
    fig.yaxis.formatter = number_axis()
    borders = [found.line.instant(step.test.first) for step in found.steps]
    for first, last in zip(
        borders[1::2], [*borders[2::2], found.line.instant(found.steps[-1].test.last)], strict=False
    ):
        fig.add_layout(
            BoxAnnotation(left=first / 1e6, right=last / 1e6, fill_color=colours.muted, fill_alpha=0.08, level="image")
        )
    fig.add_layout(
        Span(location=found.out_of_sample.capital, dimension="width", line_color=colours.muted, line_width=1)
    )
    kept = _thinned(len(equity))
    time = equity.index.to_numpy("datetime64[ns]")[kept]
    segment = np.searchsorted(np.array(borders, "datetime64[ns]"), time) - 1
    said_of = [told(step.values) if step.values else "nothing traded" for step in found.steps]
    data: dict[str, Any] = {
        "time": time.astype("datetime64[ms]"),
        "equity": equity.to_numpy()[kept],
        "segment": segment,
        "values": [said_of[place] for place in segment],
    }
    line = fig.line("time", "equity", source=ColumnDataSource(data), color=colours.series[0], line_width=1.8)
    facts = [
        ("time", "@time{%F %H:%M}"),
        ("equity", "<b>@equity{0,0.00}</b>"),
        ("segment", "@segment"),
        ("values", "@values"),
    ]
    fig.add_tools(hover(facts, renderers=[line], mode="vline", formatters={"@time": "datetime"}))
    add_tools(fig, colours)
    drawn: figure = fig
    return drawn


def paths_figure(found: CrossValidation, *, theme: str = "auto") -> figure:
    """Return the growth along every path, a line each; a hundred of more.

    Parameters
    ----------
    found : CrossValidation
    theme : {"auto", "light", "dark"}
    """
    colours, ratios = palette(theme), found.sharpe_ratios
    ranked = list(ratios.sort_values(na_position="first").index)
    chosen = [ranked[place] for place in _spread(len(ranked))]
    fig: Canvas = new_figure(
        colours,
        height=320,
        title=f"{len(ratios):,} paths out of sample   \N{MIDDLE DOT}   median Sharpe ratio {ratios.median():.2f}",
        x_axis_type="datetime",
        y_axis_label="return",
    )
    fig.yaxis.formatter = percent_axis()
    fig.add_layout(Span(location=0, dimension="width", line_color=colours.muted, line_width=1))
    time = found.returns.index.to_numpy("datetime64[ns]").astype("datetime64[ms]")
    kept = _thinned(len(time))
    data: dict[str, Any] = {
        "time": [time[kept]] * len(chosen),
        "growth": [found.equity[path].to_numpy()[kept] - 1.0 for path in chosen],
        "path": chosen,
        "sharpe": [f"{ratios[path]:.2f}" for path in chosen],
    }
    lines = fig.multi_line(
        "time",
        "growth",
        source=ColumnDataSource(data),
        color=colours.series[0],
        line_alpha=max(0.25, 1 / len(chosen) ** 0.5),
        line_width=1.6,
        hover_line_color=colours.warning,
        hover_line_alpha=1.0,
    )
    fig.add_tools(hover([("path", "@path"), ("Sharpe ratio", "<b>@sharpe</b>")], renderers=[lines]))
    add_tools(fig, colours)
    drawn: figure = fig
    return drawn


def _thinned(count: int) -> Any:
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(np.int64))


def _spread(count: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, _MOST_PATHS)).round().astype(int).tolist()))
