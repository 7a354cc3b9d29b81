"""The price chart: candles, indicators and trades of one symbol, in as many rows as a screen can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from bokeh.core.properties import field
from bokeh.models import ColumnDataSource, CustomJS, DataRange1d, HoverTool, LinearColorMapper, Range1d
from bokeh.models.annotations import Label, Legend, LegendItem, Span
from bokeh.plotting import figure

from sptrader_lab.charts.axis import BarAxis
from sptrader_lab.charts.buckets import Window, window
from sptrader_lab.charts.frame import FONT, add_tools, cross_line, forget, new_figure, price_axis, style_legend
from sptrader_lab.charts.marks import MOST_TRADES, Marks, in_view, largest, marks, symbol_index
from sptrader_lab.charts.numbers import PriceText, instant, price_text
from sptrader_lab.charts.palette import Palette, palette
from sptrader_lab.charts.scripts import script
from sptrader_lab.charts.trades import add_labels, add_trades, trade_columns
from sptrader_lab.errors import InputError
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.signals import Overlay

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

PRICE_PANE: Final = "price"
_MS: Final = 1e6


class Line(NamedTuple):
    """One indicator, and the name of its column in the rows."""

    column: str
    overlay: Overlay


class Subject(NamedTuple):
    """What a price chart is about: one symbol of a run, and the look to draw it in."""

    candles: Candles
    trades: Marks
    lines: tuple[Line, ...]
    text: PriceText
    axis: BarAxis
    colours: Palette
    currency: str
    max_candles: int
    strategies: tuple[str, ...]


def price_chart(
    result: Result,
    symbol: int | str = 0,
    start: object = None,
    end: object = None,
    max_candles: int = 2000,
    *,
    gaps: bool = False,
    theme: str = "auto",
) -> figure:
    """Return candles with indicators and trades of one symbol.

    Parameters
    ----------
    symbol : int or str
        Position in the run's list of candles, or the symbol's name.
    start, end : str, datetime, int or None
        The stretch to draw (half-open; a bare end date is included whole); everything when None.
    max_candles : int
        Rows that the page gets at most. When there are more bars, each drawn candle stands for several, keeps their
        highest high and lowest low, and the title says how many.
    gaps : bool
        True: the x-axis is real time, with weekends as holes.
    theme : str
        ``"light"``, ``"dark"`` or ``"auto"`` (the page's own theme, where the page knows how to).

    Raises
    ------
    InputError
        For an unknown symbol or theme, a time that is none, or a stretch without candles.
    """
    about = subject(result, symbol, max_candles, gaps=gaps, theme=theme)
    bars = stretch(about.candles, start, end)
    fig: figure = PricePane(about, about.axis.view(*bars), bars).fig
    return fig


def subject(
    result: Result, symbol: int | str, max_candles: int = 2000, *, gaps: bool = False, theme: str = "auto"
) -> Subject:
    """Gather what the chart of one symbol needs."""
    which = symbol_index(result, symbol)
    candles = result.candles[which]
    drawn = _different(result.overlays.get(candles.symbol, ()))
    lines = [Line(f"line{place}", overlay) for place, overlay in enumerate(drawn)]
    axis = BarAxis(candles.time, float(candles.period.ns), gaps)
    return Subject(
        candles,
        marks(result, which),
        tuple(lines),
        price_text(candles, result.instruments[which]),
        axis,
        palette(theme),
        result.currency,
        max_candles,
        result.strategies,
    )


def _different(overlays: tuple[Overlay, ...]) -> list[Overlay]:
    """Leave out what another strategy draws already: the same line under the same name."""
    kept: list[Overlay] = []
    for one in overlays:
        twins = (other for other in kept if other[:2] == one[:2])
        if not any(np.array_equal(other.values, one.values, equal_nan=True) for other in twins):
            kept.append(one)
    return kept


def stretch(candles: Candles, start: object, end: object) -> tuple[int, int]:
    """Return the half-open range of bars that open within two times; there must be some, unless the run has none."""
    low = 0 if start is None else int(np.searchsorted(candles.time, parse_time(start)))
    high = len(candles) if end is None else int(np.searchsorted(candles.time, parse_time(end, end=True)))
    if high <= low and len(candles):
        asked = " and ".join(
            f"{name} {value!r}" for name, value in (("start", start), ("end", end)) if value is not None
        )
        run = f"{instant(int(candles.time[0]))} .. {instant(int(candles.time[-1]))} UTC"
        raise InputError(f"no candle of {candles.symbol} {candles.timeframe} lies within {asked}; the run has {run}")
    return low, max(low, high)


class PricePane:
    """The figure of a price chart, its sources, and how to fill them for another stretch of bars."""

    def __init__(
        self, about: Subject, view: Range1d, bars: tuple[int, int], *, cross: Span | None = None, height: int = 460
    ) -> None:
        self.about = about
        self.rows: ColumnDataSource = ColumnDataSource()
        self.trades: ColumnDataSource = ColumnDataSource()
        colours = about.colours
        self.fig = new_figure(
            colours,
            height=height,
            title=" ",
            view=view,
            window_axis="x",
            y_axis_location="left",
            toolbar_location="above",
        )
        self.draw(*bars)
        self._add_candles()
        self._add_lines()
        self.fig.yaxis.formatter = price_axis(about.text.digits)
        about.axis.label(self.fig, self.rows)
        self._add_legend()
        add_tools(self.fig, colours, cross=cross or cross_line(colours), wheel=True)
        add_labels(self.fig, self.trades, self.rows, colours)

    def draw(self, start_bar: int, stop_bar: int) -> None:
        """Fill rows, trades and title for the bars `start_bar`..`stop_bar` (half-open)."""
        about = self.about
        shown = window(about.candles, start_bar, stop_bar, about.max_candles)
        self.rows.data = _columns(about, shown)
        living = in_view(about.trades, start_bar, stop_bar)
        chosen = largest(about.trades, living)
        self.trades.data = trade_columns(about.trades, chosen, about.axis, shown, about.text, about.strategies)
        self.fig.title.text = _title(about, shown, len(chosen), len(living))

    def _add_candles(self) -> None:
        fig, colours = self.fig, self.about.colours
        colour = field("up", LinearColorMapper(palette=[colours.falling, colours.rising], low=0, high=1))
        wicks = fig.segment("x", "high", "x", "low", color=colour, source=self.rows)
        # Rectangles, not bars: Bokeh draws bars that lie outside the view along the frame's edges. It leaves out empty
        # rectangles, so the close has a line of its own; and only bars know which of them is above or below the pointer.
        fig.rect("x", "middle", "width", "body", fill_color=colour, line_color=colour, source=self.rows)
        fig.segment("left", "close", "right", "close", color=colour, source=self.rows)
        spans = fig.vbar("x", "width", "low", "high", fill_color=None, line_color=None, source=self.rows)
        self._ranged: list[Any] = [wicks]
        line = Label(
            x=6,
            y=4,
            x_units="screen",
            y_units="screen",
            text="",
            text_color=colours.ink,
            text_font=FONT,
            text_font_size="11px",
            text_baseline="bottom",
            background_fill_color=colours.paper,
            background_fill_alpha=0.8,
        )
        fig.add_layout(line)
        extra = [[each.overlay.label, each.column, each.overlay.pane == PRICE_PANE] for each in self.about.lines]
        args = {"rows": self.rows, "line": line, "digits": self.about.text.digits, "extra": extra}
        tell = CustomJS(args=args, code=script("readout"))
        fig.add_tools(HoverTool(tooltips=None, renderers=[spans], mode="vline", callback=tell, visible=False))
        forget(fig.x_range, line=line)
        self.rows.js_on_change("data", CustomJS(args={"line": line, "spans": []}, code=script("away")))

    def _add_lines(self) -> None:
        colours = self.about.colours
        self._lines: list[LegendItem] = []
        mine = [each for each in self.about.lines if each.overlay.pane == PRICE_PANE]
        for place, each in enumerate(mine):
            colour = colours.series[place % len(colours.series)]
            line = self.fig.line("x", each.column, line_color=colour, line_width=1.5, source=self.rows)
            self._ranged.append(line)
            self._lines.append(LegendItem(label=each.overlay.label, renderers=[line]))

    def _add_legend(self) -> None:
        about = self.about
        marks = add_trades(self.fig, self.trades, about.trades, about.colours, about.currency, about.strategies)
        items = self._lines + marks
        self.fig.y_range = DataRange1d(renderers=self._ranged, range_padding=0.12, only_visible=False)
        self.fig.add_layout(Legend(items=items), "above")
        style_legend(self.fig, self.about.colours)


def _columns(about: Subject, shown: Window) -> dict[str, Any]:
    x, width = about.axis.middle(shown), about.axis.body(shown)
    return {
        "x": x,
        "width": np.full(len(x), width),
        "left": x - width / 2,
        "right": x + width / 2,
        "middle": (shown.open + shown.close) / 2,
        "body": np.abs(shown.close - shown.open),
        "time": shown.time / _MS,
        "open": shown.open,
        "high": shown.high,
        "low": shown.low,
        "close": shown.close,
        "volume": shown.volume,
        "up": (shown.close >= shown.open).astype(np.float64),
        **{each.column: each.overlay.values[shown.last] for each in about.lines},
    }


def _title(about: Subject, shown: Window, drawn: int, living: int) -> str:
    candles = about.candles
    parts = [f"{candles.symbol} {candles.timeframe}"]
    if not len(candles):
        parts.append("no candles")
    if shown.per > 1:
        parts.append(f"each candle here = {shown.per} \N{MULTIPLICATION SIGN} {candles.timeframe}")
    if not len(about.trades.id):
        parts.append("no trades")
    elif drawn < living:
        parts.append(f"{drawn:,} of {living:,} trades drawn, the largest gains and losses (at most {MOST_TRADES:,})")
    return "   \N{MIDDLE DOT}   ".join(parts)
