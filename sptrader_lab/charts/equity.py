"""Equity and drawdown: what the account was worth at each step, and how far under its high-water mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from bokeh.core.properties import field
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, CustomJS, DataRange1d, LayoutDOM, LinearColorMapper, Range1d
from bokeh.models.annotations import Label, Span
from numpy.typing import NDArray

from sptrader_lab.charts.axis import BarAxis, Drawing, Places, ends
from sptrader_lab.charts.buckets import Bars, outline
from sptrader_lab.charts.frame import FONT, add_tools, cross_line, hover, new_figure, number_axis, percent_axis
from sptrader_lab.charts.marks import MOST_TRADES
from sptrader_lab.charts.numbers import instant, instants, percent, plain, signed, trade_name
from sptrader_lab.charts.palette import Palette, palette
from sptrader_lab.charts.scripts import script
from sptrader_lab.charts.shares import add_own, own_equity
from sptrader_lab.types.reasons import REASONS

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

MOST_POINTS: Final = 4000
#: Closed trades are marked on the equity line while at most this many are in view.
MOST_EXITS: Final = 60
_MS: Final = 1e6
_LEGEND: Final = 24
_FLAT: Final = 0.02  # twice the reach of a drawdown axis on which nothing ever fell


class Account(NamedTuple):
    """The series of a run, and where their steps lie on the x-axis.

    Attributes
    ----------
    time : numpy.ndarray of int64, shape (steps,)
        Closing instants, ns UTC.
    equity, drawdown : numpy.ndarray of float64, shape (steps,)
        Account money, and the fraction under the high-water mark.
    place : numpy.ndarray of float64, shape (steps,)
        Ascending places on the x-axis.
    own : dict of str to numpy.ndarray of float64, each of shape (steps,)
        The capital and what each strategy alone has made, by the name of its column; none where there is one strategy.
    """

    time: NDArray[np.int64]
    equity: NDArray[np.float64]
    drawdown: NDArray[np.float64]
    place: NDArray[np.float64]
    capital: float
    currency: str
    own: dict[str, NDArray[np.float64]]


def equity_chart(result: Result, *, gaps: bool = False, theme: str = "auto") -> LayoutDOM:
    """Return equity with the starting capital, shaded, with a mark per closed trade, and the drawdown below.

    Parameters
    ----------
    gaps : bool
        True: the x-axis is real time, with weekends as holes.
    theme : str
        ``"light"``, ``"dark"`` or ``"auto"``.
    """
    return equity_drawing(result, gaps=gaps, theme=theme).root


def equity_drawing(result: Result, *, gaps: bool = False, theme: str = "auto") -> Drawing:
    """Return `equity_chart` together with the means to draw another stretch of it."""
    time, colours = result.outcome.time, palette(theme)
    length = float(np.diff(time).min()) if len(time) > 1 else 1.0
    axis = BarAxis(time, length, gaps)
    view = axis.view(0, len(time))
    place = axis.place(np.arange(len(time), dtype=np.intp))
    pane = EquityPane(result, place, Frame(axis, view, cross_line(colours), colours))

    def draw(start_bar: int, stop_bar: int) -> None:
        if stop_bar > start_bar:
            pane.draw(float(place[start_bar]), float(place[stop_bar - 1]))

    root = column(pane.equity, pane.drawdown, sizing_mode="stretch_width", spacing=0)
    return Drawing(root, view, axis, draw)


class Frame(NamedTuple):
    """What figures above each other share: the axis of bars, the x-range, the cross line and the look.

    `ticks` are the rows that say where the axis has its labels; None: the equity's own. `part` holds the first and the
    last place of a chart of only a stretch of the run.
    """

    axis: BarAxis
    view: Range1d
    cross: Span
    colours: Palette
    ticks: ColumnDataSource | None = None
    part: tuple[float, float] | None = None


class EquityPane:
    """The two figures of an equity chart, their source, and how to fill it for another stretch.

    `place` says where the run's steps lie on the x-axis, ascending, one value per step.
    """

    def __init__(self, result: Result, place: Places, frame: Frame) -> None:
        outcome, colours = result.outcome, frame.colours
        self.about = Account(
            outcome.time,
            outcome.equity,
            np.asarray(result.drawdown, dtype=np.float64),
            place,
            result.capital,
            result.currency,
            own_equity(result),
        )
        self.strategies = result.strategies
        self.axis = frame.axis
        self.rows: ColumnDataSource = ColumnDataSource()
        self.colours = colours
        self.draw(*ends(frame.view))
        options: dict[str, Any] = {"view": frame.view, "window_axis": "x"}
        title = _title(self.about, len(result.outcome.trades), frame.part)
        height = 210 + _LEGEND * bool(self.about.own)
        self.equity = new_figure(colours, height=height, title=title, toolbar_location="above", **options)
        self.drawdown = new_figure(colours, height=130, y_axis_label="drawdown", toolbar_location=None, **options)
        self._add_equity(_closed_trades(result, self.about), frame.view)
        self._add_drawdown()
        for fig in (self.equity, self.drawdown):
            frame.axis.label(fig, frame.ticks or self.rows)
            add_tools(fig, colours, cross=frame.cross)
        self.equity.xaxis.visible = False

    def draw(self, start: float, end: float) -> None:
        """Fill the rows for what lies between two places; every high and low of equity and drawdown is kept."""
        about = self.about
        low, high = np.searchsorted(about.place, [start, end])
        lines = about.equity, about.drawdown, *about.own.values()
        kept = outline(lines, max(int(low) - 1, 0), int(high) + 1, MOST_POINTS)
        equity = about.equity[kept]
        self.rows.data = {
            "x": about.place[kept],
            "time": (about.time[kept] - self.axis.length) / _MS,
            "closed": about.time[kept] / _MS,
            "equity": equity,
            "capital": np.full(len(kept), about.capital),
            "above": np.maximum(equity, about.capital),
            "below": np.minimum(equity, about.capital),
            "drawdown": -about.drawdown[kept],
            **{name: values[kept] for name, values in about.own.items()},
        }

    def _add_equity(self, trades: dict[str, Any], view: Range1d) -> None:
        fig, colours = self.equity, self.colours
        shade: dict[str, Any] = {"source": self.rows, "fill_alpha": 0.14}
        fig.varea("x", "capital", "above", fill_color=colours.profit, **shade)
        fig.varea("x", "below", "capital", fill_color=colours.loss, **shade)
        line = fig.line("x", "equity", line_color=colours.series[0], line_width=1.8, source=self.rows)
        start = Span(
            location=self.about.capital,
            dimension="width",
            line_color=colours.warning,
            line_dash="dashed",
            line_width=1.2,
        )
        fig.add_layout(start)
        own = add_own(fig, self.rows, list(self.about.own), self.strategies, line, colours)
        fig.y_range = DataRange1d(renderers=[line, *own], range_padding=0.12)
        fig.yaxis.formatter = number_axis()
        closed = self._add_trades(trades, view)
        facts = [
            ("time", "@closed{%F %H:%M}"),
            (f"equity ({self.about.currency})", "@equity{0,0.00}"),
            ("drawdown", "@drawdown{0.00 %}"),
        ]
        fig.add_tools(
            hover(facts, renderers=[line], mode="vline", formatters={"@closed": "datetime"}, limit=1),
            hover(
                [("closed", "@when"), (f"profit ({self.about.currency})", "<b>@profit</b>"), ("by", "@why")],
                renderers=[closed],
                title="@head",
                mode="mouse",
                limit=3,
            ),
        )

    def _add_trades(self, trades: dict[str, Any], view: Range1d) -> Any:
        source: ColumnDataSource = ColumnDataSource(trades)
        colour = field("won", LinearColorMapper(palette=[self.colours.loss, self.colours.profit], low=0, high=1))
        marks = self.equity.scatter(
            "x",
            "y",
            marker="shape",
            size=8,
            fill_color=colour,
            line_color=self.colours.paper,
            line_width=0.6,
            source=source,
        )
        start, end = ends(view)
        marks.visible = sum(start <= place <= end for place in trades["x"]) <= MOST_EXITS
        few = CustomJS(args={"source": source, "marks": marks, "view": view, "most": MOST_EXITS}, code=script("few"))
        view.js_on_change("start", few)
        view.js_on_change("end", few)
        return marks

    def _add_drawdown(self) -> None:
        fig, colours = self.drawdown, self.colours
        fig.varea("x", 0, "drawdown", fill_color=colours.loss, fill_alpha=0.18, source=self.rows)
        line = fig.line("x", "drawdown", line_color=colours.loss, line_width=1.3, source=self.rows)
        fig.y_range = DataRange1d(renderers=[line], range_padding=0.15, end=0.0, default_span=_FLAT)
        fig.yaxis.formatter = percent_axis()
        fig.yaxis.ticker.desired_num_ticks = 4
        if not len(self.about.drawdown) or self.about.drawdown.max() <= 0:
            return
        worst = int(self.about.drawdown.argmax())
        depth, place = float(self.about.drawdown[worst]), float(self.about.place[worst])
        fig.scatter([place], [-depth], size=7, fill_color=colours.loss, line_color=colours.paper)
        left = worst < len(self.about.drawdown) / 2
        fig.add_layout(
            Label(
                x=place,
                y=-depth,
                text=f"{percent(-depth)} deepest",
                x_offset=8 if left else -8,
                y_offset=2,
                text_align="left" if left else "right",
                text_baseline="bottom",
                text_color=colours.ink,
                text_font=FONT,
                text_font_size="11px",
                background_fill_color=colours.paper,
                background_fill_alpha=0.75,
            )
        )


def _closed_trades(result: Result, about: Account) -> dict[str, Any]:
    """Return a mark per closed trade at the equity of the step after its exit; the largest when there are too many."""
    trades: NDArray[Any] = result.outcome.trades
    if len(trades) > MOST_TRADES:
        trades = trades[np.sort(np.argsort(-np.abs(trades["pnl"]), kind="stable")[:MOST_TRADES])]
    step: Bars = np.minimum(np.searchsorted(about.time, trades["exit_time"], side="right"), len(about.time) - 1)
    won = trades["pnl"] > 0
    several = len(result.strategies) > 1
    who = [f" · {result.strategies[number]}" if several else "" for number in trades["strategy"]]
    names = [result.candles[symbol].symbol for symbol in trades["symbol"]]
    return {
        "x": about.place[step],
        "y": about.equity[step],
        "won": won.astype(np.float64),
        "shape": ["triangle" if each else "inverted_triangle" for each in won],
        "when": instants(trades["exit_time"]),
        "profit": [signed(pnl) for pnl in trades["pnl"]],
        "why": [REASONS[code].replace("_", " ") for code in trades["reason"]],
        "head": [
            f"Trade {trade_name(id, part)} · {name} {'long' if side > 0 else 'short'}{by}"
            for id, part, name, side, by in zip(trades["id"], trades["part"], names, trades["side"], who, strict=True)
        ],
    }


def _title(about: Account, trades: int, part: tuple[float, float] | None) -> str:
    """Say what equity came to, over the whole run or over the steps between two places."""
    low, high = (0, len(about.place)) if part is None else np.searchsorted(about.place, [part[0], part[1] + 0.5])
    if high <= low:
        return "Equity   \N{MIDDLE DOT}   no steps"
    before, last = float(about.equity[low - 1]) if low else about.capital, float(about.equity[high - 1])
    when = "" if part is None else f", {instant(about.time[low])[:10]} .. {instant(about.time[high - 1] - 1)[:10]}"
    parts = [f"Equity{when}   {plain(last)} {about.currency} ({percent(last / before - 1, sign=True)})"]
    if not trades:
        parts.append("no trades")
    elif trades > MOST_TRADES:
        parts.append(f"at most {MOST_TRADES:,} of {trades:,} trades marked, the largest gains and losses")
    return "   \N{MIDDLE DOT}   ".join(parts)
