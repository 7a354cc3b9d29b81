"""Trades on a price chart: arrows, crosses, levels, connecting lines, profits, and the facts under the pointer."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from bokeh.core.properties import field, value
from bokeh.models import CDSView, ColumnDataSource, CustomJS, GroupFilter, LinearColorMapper
from bokeh.models.annotations import LegendItem

from sptrader_lab.charts.axis import BarAxis
from sptrader_lab.charts.buckets import Bars, Window
from sptrader_lab.charts.frame import FONT, Canvas, hover
from sptrader_lab.charts.marks import Marks
from sptrader_lab.charts.numbers import PriceText, instants, plain, signed
from sptrader_lab.charts.palette import Palette
from sptrader_lab.charts.scripts import script

#: Stops and targets are drawn while at most this many trades are: more would be a haze over the candles.
MOST_LEVELS: Final = 150
#: Arrows shrink when there are many: (trades, pixels).
_SIZES: Final = ((60, 26.0), (150, 20.0), (400, 14.0), (10**9, 11.0))
#: Profit labels are shown while at most this many exits are in view.
MOST_LABELS: Final = 30
_SIDES: Final = {1: "long", -1: "short"}


def trade_columns(trades: Marks, which: Bars, axis: BarAxis, window: Window, text: PriceText) -> dict[str, Any]:
    """Return the columns of the trades' source: places, levels, and facts already written out."""
    chosen = trades.at(which)
    entry, exit_ = axis.place(chosen.entry_bar), axis.place(chosen.exit_bar)
    size = next(pixels for most, pixels in _SIZES if len(which) <= most)
    half = axis.body(window) / 2 / window.per
    few = len(which) <= MOST_LEVELS
    levels = (chosen.stop, chosen.target) if few else np.full((2, len(which)), np.nan)
    if len(window.low):
        row = window.row_of(chosen.entry_bar)
        anchor = np.where(chosen.side > 0, window.low[row], window.high[row])
    else:
        anchor = chosen.entry_price
    return {
        "entry": entry,
        "exit": exit_,
        "from": entry - half,
        "to": exit_ + half,
        "entry_price": chosen.entry_price,
        "exit_price": chosen.exit_price,
        "anchor": anchor,
        "stop": levels[0],
        "target": levels[1],
        "won": (chosen.pnl > 0).astype(np.float64),
        "side": [_SIDES[int(side)] for side in chosen.side],
        "pixels": np.full(len(which), size),
        "cross": np.full(len(which), 0.4 * size),
        "state": ["closed" if closed else "open" for closed in chosen.closed],
        "ambiguous": ["yes" if doubt else "no" for doubt in chosen.ambiguous],
        "label": [
            signed(pnl) + ("" if closed else " open") for pnl, closed in zip(chosen.pnl, chosen.closed, strict=True)
        ],
        **_facts(chosen, text),
    }


def _facts(chosen: Marks, text: PriceText) -> dict[str, list[str]]:
    move = chosen.side * (chosen.exit_price - chosen.entry_price)
    levels = zip(chosen.stop, chosen.target, strict=True)
    doubt = "stop and target were both in reach of one candle"
    return {
        "head": [f"Trade {id} · {_SIDES[int(side)]}" for id, side in zip(chosen.id, chosen.side, strict=True)],
        "entered": [
            f"{when} at {text.price(price)}"
            for when, price in zip(instants(chosen.entry_time), chosen.entry_price, strict=True)
        ],
        "exited": [
            f"{when} at {text.price(price)}"
            for when, price in zip(instants(chosen.exit_time), chosen.exit_price, strict=True)
        ],
        "levels": [f"{text.price(stop)} / {text.price(target)}" for stop, target in levels],
        "held": [plain(bars, 0) for bars in chosen.exit_bar - chosen.entry_bar + 1],
        "amount": [plain(quantity) for quantity in chosen.quantity],
        "profit": [signed(pnl) for pnl in chosen.pnl],
        "move": [text.move(each) for each in move],
        "why": [
            reason.replace("_", " ") + (f" ({doubt})" if ambiguous else "")
            for reason, ambiguous in zip(chosen.reason.tolist(), chosen.ambiguous, strict=True)
        ],
    }


def add_trades(
    fig: Canvas, source: ColumnDataSource, trades: Marks, colours: Palette, currency: str
) -> list[LegendItem]:
    """Draw what `source` holds of `trades` on `fig`; return what the legend says about them, whatever is in view."""
    outcome = _by_outcome(colours)
    everyone: dict[str, Any] = {"source": source}
    levels = [
        fig.segment(
            "from", level, "to", level, color=colour, line_dash=[5, 3], line_width=1.2, line_alpha=0.85, **everyone
        )
        for level, colour in (("stop", colours.stop), ("target", colours.target))
    ]
    fig.segment("entry", "entry_price", "exit", "exit_price", line_color=outcome, line_width=2, **everyone)
    arrows = {
        side: _arrows(fig, source, side, colour) for side, colour in (("long", colours.profit), ("short", colours.loss))
    }
    closed = CDSView(filter=GroupFilter(column_name="state", group="closed"))
    crosses = fig.scatter(
        "exit", "exit_price", marker="x", size="cross", line_color=outcome, line_width=2.4, view=closed, **everyone
    )
    doubtful = CDSView(filter=GroupFilter(column_name="ambiguous", group="yes"))
    rings = fig.scatter(
        "exit",
        "exit_price",
        size=17,
        fill_color=None,
        line_color=colours.warning,
        line_width=2,
        view=doubtful,
        **everyone,
    )
    fig.add_tools(_trade_hover([*arrows.values(), crosses], currency))
    keys = (
        ("long entry", (trades.side > 0).any(), "triangle", colours.profit, arrows["long"]),
        ("short entry", (trades.side < 0).any(), "inverted_triangle", colours.loss, arrows["short"]),
        ("exit", trades.closed.any(), "x", colours.ink, crosses),
        ("stop", np.isfinite(trades.stop).any(), "dash", colours.stop, levels[0]),
        ("target", np.isfinite(trades.target).any(), "dash", colours.target, levels[1]),
        ("ambiguous", trades.ambiguous.any(), "circle", colours.warning, rings),
    )
    return [
        LegendItem(label=label, renderers=[_key(fig, shape, colour), drawn])
        for label, there, shape, colour, drawn in keys
        if there
    ]


def _by_outcome(colours: Palette) -> Any:
    return field("won", LinearColorMapper(palette=[colours.loss, colours.profit], low=0, high=1))


def _arrows(fig: Canvas, source: ColumnDataSource, side: str, colour: str) -> Any:
    shape = "arrow_up" if side == "long" else "arrow_down"
    return fig.scatter(
        "entry",
        "anchor",
        marker=f"@{side}",
        defs={f"@{side}": CustomJS(code=script(shape))},
        size="pixels",
        fill_color=colour,
        line_color=None,
        source=source,
        view=CDSView(filter=GroupFilter(column_name="side", group=side)),
    )


def _key(fig: Canvas, marker: str, colour: str) -> Any:
    """Return a mark outside of everything, whose shape the legend borrows: it can't draw arrows, nor what has no rows."""
    if marker == "dash":
        return fig.line([np.nan], [np.nan], line_color=colour, line_dash=[5, 3], line_width=1.4)
    hollow = marker in {"x", "circle"}
    fill = None if hollow else colour
    return fig.scatter(
        [np.nan], [np.nan], marker=marker, size=9, fill_color=fill, line_color=colour, line_width=2 if hollow else 1
    )


def add_labels(fig: Canvas, trades: ColumnDataSource, rows: ColumnDataSource, colours: Palette) -> None:
    """Write profits beside the exits of `trades`; the page finds the places, anew whenever something moves."""
    labels: ColumnDataSource = ColumnDataSource({name: [] for name in ("x", "y", "text", "won")})
    fig.text(
        "x",
        "y",
        text="text",
        text_baseline="middle",
        text_align="center",
        text_color=_by_outcome(colours),
        text_font=value(FONT),
        text_font_size="11px",
        text_font_style="bold",
        source=labels,
    )
    args = {"trades": trades, "rows": rows, "labels": labels, "view": fig.x_range, "fig": fig, "most": MOST_LABELS}
    place = CustomJS(args=args, code=script("place"))
    for span in (fig.x_range, fig.y_range):
        span.js_on_change("start", place)
        span.js_on_change("end", place)
    for side in ("inner_width", "inner_height"):
        fig.js_on_change(side, place)
    trades.js_on_change("data", place)
    rows.js_on_change("data", place)


def _trade_hover(renderers: list[Any], currency: str) -> Any:
    facts = [
        ("entry", "@entered"),
        ("exit", "@exited"),
        (f"profit ({currency})", "<b>@profit</b>"),
        ("move", "@move"),
        ("quantity", "@amount"),
        ("stop / target", "@levels"),
        ("held, bars", "@held"),
        ("closed by", "@why"),
    ]
    return hover(facts, renderers=renderers, title="@head", mode="mouse", limit=3)
