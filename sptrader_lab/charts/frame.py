"""One look for every figure: fonts, grid, tools, tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from bokeh.models import (
    CrosshairTool,
    CustomJS,
    CustomJSTickFormatter,
    HoverTool,
    NumeralTickFormatter,
    PanTool,
    Range,
    ResetTool,
    SaveTool,
    TickFormatter,
    WheelZoomTool,
)
from bokeh.models.annotations import Label, Span
from bokeh.plotting import figure

from sptrader_lab.charts.palette import Palette
from sptrader_lab.charts.scripts import script

#: A Bokeh figure being drawn on. Bokeh's stubs describe what a property holds (a `Title`, a `Value`), not what may be
#: assigned to it (a text, a colour), so nearly every line of styling would be an error to them.
Canvas: TypeAlias = Any

FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_LEFT = 66
# Of a legend, in pixels: between items, a key, and a letter of its label, which is set in 11 px.
_GAP, _KEY, _LETTER = 12, 18, 6.6


def new_figure(colours: Palette, *, height: int, title: str = "", view: Range | None = None, **options: Any) -> Canvas:
    """Return an empty figure in these colours, as wide as the page lets it be."""
    if view is not None:
        options["x_range"] = view
    fig: Canvas = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=[],
        title=title or None,
        min_border_left=_LEFT,
        min_border_right=16,
        **options,
    )
    fig.toolbar.logo = None
    fig.toolbar.autohide = False
    _paint(fig, colours)
    return fig


def _paint(fig: Canvas, colours: Palette) -> None:
    fig.background_fill_color = colours.paper
    fig.border_fill_color = None
    fig.outline_line_color = colours.line
    for axis in (*fig.xaxis, *fig.yaxis):
        axis.axis_line_color = None
        axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.major_label_text_color = colours.muted
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = "11px"
        axis.axis_label_text_color = colours.muted
        axis.axis_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = "11px"
    for grid in (*fig.xgrid, *fig.ygrid):
        grid.grid_line_color = colours.grid
    if fig.title is not None:
        fig.title.text_color = colours.ink
        fig.title.text_font = FONT
        fig.title.text_font_size = "13px"
        fig.title.text_font_style = "bold"


def add_tools(fig: Canvas, colours: Palette, *, cross: Span | None = None, wheel: bool = False) -> None:
    """Give `fig` the tools of a time series: drag to pan, wheel to zoom (if `wheel`), reset, save, a cross line."""
    pan = PanTool(dimensions="width")
    zoom = WheelZoomTool(dimensions="width", maintain_focus=False)
    fig.add_tools(pan, zoom, ResetTool(), SaveTool())
    fig.toolbar.active_drag = pan
    fig.toolbar.active_scroll = zoom if wheel else None
    if cross is not None:
        level = Span(dimension="width", line_color=colours.muted, line_dash="dotted", line_width=1)
        fig.add_tools(CrosshairTool(overlay=(cross, level)))
        forget(fig.x_range, spans=[cross, level])
        forget(fig.y_range, spans=[level])


def forget(range_: Any, *, line: Label | None = None, spans: Sequence[Span] = ()) -> None:
    """Clear the line of facts and the cross when the range moves: they told of what was under the pointer before."""
    away = CustomJS(args={"line": line, "spans": list(spans)}, code=script("away"))
    range_.js_on_change("start", away)
    range_.js_on_change("end", away)


def cross_line(colours: Palette) -> Span:
    """Return the vertical line that figures with one x-range share."""
    return Span(dimension="height", line_color=colours.muted, line_dash="dotted", line_width=1)


def style_legend(fig: Canvas, colours: Palette) -> None:
    """Lay the legend above the frame, in one line where it fits; a click hides what it names."""
    for legend in fig.legend:
        legend.orientation = "horizontal"
        legend.click_policy = "hide"
        legend.background_fill_alpha = 0
        legend.border_line_color = None
        legend.label_text_color = colours.ink
        legend.label_text_font = FONT
        legend.label_text_font_size = "11px"
        legend.inactive_fill_color = colours.paper
        legend.inactive_fill_alpha = 0.7
        legend.spacing = _GAP
        legend.margin = 0
        legend.padding = 2
        legend.glyph_height = 16
        legend.glyph_width = _KEY
        legend.label_standoff = 4
        widths = [_KEY + 4 + _LETTER * len(item.label.value) for item in legend.items]
        args = {"fig": fig, "legend": legend, "widths": widths, "gap": _GAP}
        fig.js_on_change("inner_width", CustomJS(args=args, code=script("legend")))


def hover(facts: list[tuple[str, str]], *, renderers: list[Any], title: str = "", **options: Any) -> HoverTool:
    """Return a hover tool whose tooltip lists facts as (name, Bokeh field) under an optional title."""
    head = f'<div style="font-weight:600;margin-bottom:3px">{title}</div>' if title else ""
    rows = "".join(
        f'<div style="opacity:.65">{name}</div><div style="text-align:right">{field}</div>' for name, field in facts
    )
    grid = "display:grid;grid-template-columns:auto auto;column-gap:14px;font-variant-numeric:tabular-nums"
    text = f'<div style="font:12px/1.45 {FONT.replace(chr(39), "")}">{head}<div style="{grid}">{rows}</div></div>'
    return HoverTool(tooltips=text, renderers=renderers, show_arrow=False, **options)


def price_axis(digits: int) -> TickFormatter:
    """Return the format of a price axis."""
    return NumeralTickFormatter(format="0,0." + "0" * digits if digits else "0,0")


def percent_axis() -> TickFormatter:
    """Return the format of an axis of fractions, as percent with as many decimals as the ticks need."""
    code = """
        const gap = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) * 100 : 1
        const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(gap) - 1e-9)))
        return (100 * tick).toFixed(digits).replace("-", "\\u2212").replace(/^\\u2212(0\\.?0*)$/, "$1") + " %"
    """
    return CustomJSTickFormatter(code=code)


def number_axis() -> TickFormatter:
    """Return the format of an axis of plain numbers: separators, and decimals only where ticks are that close."""
    code = """
        const gap = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1
        const digits = gap >= 1 ? 0 : Math.min(8, Math.ceil(-Math.log10(gap) - 1e-9))
        const text = tick.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits})
        return text.replace("-", "\\u2212")
    """
    return CustomJSTickFormatter(code=code)
