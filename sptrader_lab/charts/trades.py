"""Trades on a price chart: arrows, crosses, levels, connecting lines, profits, and the facts under the pointer."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from bokeh.core.properties import field, value
from bokeh.models import CDSView, ColumnDataSource, CustomJS, Filter, GroupFilter, LinearColorMapper
from bokeh.models.annotations import LegendItem

from sptrader_lab.charts.axis import BarAxis
from sptrader_lab.charts.buckets import Bars, Window
from sptrader_lab.charts.frame import FONT, Canvas, hover
from sptrader_lab.charts.marks import Marks
from sptrader_lab.charts.numbers import PriceText, instants, plain, signed, trade_name
from sptrader_lab.charts.palette import Palette, strategy_colour
from sptrader_lab.charts.scripts import script

#: Stops and targets are drawn while at most this many trades are: more would be a haze over the candles.
MOST_LEVELS: Final = 150
#: Arrows shrink when there are many: (trades, pixels).
_SIZES: Final = ((60, 26.0), (150, 20.0), (400, 14.0), (10**9, 11.0))
#: Profit labels are shown while at most this many exits are in view.
MOST_LABELS: Final = 30
_SIDES: Final = {1: "long", -1: "short"}


def trade_columns(
    trades: Marks, which: Bars, axis: BarAxis, window: Window, text: PriceText, strategies: tuple[str, ...]
) -> dict[str, Any]:
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
        "state": [
            "open" if not closed else "part" if rests else "closed"
            for closed, rests in zip(chosen.closed, chosen.rests, strict=True)
        ],
        "who": [f"{who}" for who in chosen.strategy],
        "at_level": ["no" if kind == "market" else "yes" for kind in chosen.kind],
        "moved": ["yes" if moved else "no" for moved in chosen.moved],
        "ambiguous": ["yes" if doubt else "no" for doubt in chosen.ambiguous],
        "label": [
            signed(pnl) + ("" if closed else " open") for pnl, closed in zip(chosen.pnl, chosen.closed, strict=True)
        ],
        **_facts(chosen, text, strategies),
    }


def _facts(chosen: Marks, text: PriceText, strategies: tuple[str, ...]) -> dict[str, list[str]]:
    move = chosen.side * (chosen.exit_price - chosen.entry_price)
    levels = zip(chosen.stop, chosen.target, strict=True)
    doubt = "stop and target were both in reach of one candle"
    return {
        "head": [
            f"Trade {trade_name(id, part)} · {_SIDES[int(side)]}"
            for id, part, side in zip(chosen.id, chosen.part, chosen.side, strict=True)
        ],
        "strategy": [strategies[who] for who in chosen.strategy],
        "financed": [signed(money) for money in chosen.financing],
        "entered": [
            f"{when} at {text.price(price)}" + (f" ({kind.replace('_', '-')} order)" if kind != "market" else "")
            for when, price, kind in zip(instants(chosen.entry_time), chosen.entry_price, chosen.kind, strict=True)
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
    fig: Canvas,
    source: ColumnDataSource,
    trades: Marks,
    colours: Palette,
    currency: str,
    strategies: tuple[str, ...],
) -> list[LegendItem]:
    """Draw what `source` holds of `trades` on `fig`; return what the legend says about them, whatever is in view.

    Where several strategies trade, arrows are in the strategy's colour: their shape and place tell the side.
    """
    outcome = _by_outcome(colours)
    everyone: dict[str, Any] = {"source": source}
    levels = [
        fig.segment(
            "from", level, "to", level, color=colour, line_dash=[5, 3], line_width=1.2, line_alpha=0.85, **everyone
        )
        for level, colour in (("stop", colours.stop), ("target", colours.target))
    ]
    fig.segment("entry", "entry_price", "exit", "exit_price", line_color=outcome, line_width=2, **everyone)
    moved = fig.scatter(
        "exit",
        "exit_price",
        marker="dash",
        size=26,
        line_color=colours.stop,
        line_width=2.4,
        **_only(source, "moved", "yes"),
    )
    arrows, entries = _add_arrows(fig, source, trades, colours, strategies)
    at_level = fig.scatter(
        "entry",
        "entry_price",
        marker="diamond",
        size=9,
        fill_color=colours.ink,
        line_color=colours.paper,
        **_only(source, "at_level", "yes"),
    )
    cross = {"size": "cross", "line_color": outcome, "line_width": 2.4}
    exits = fig.scatter("exit", "exit_price", marker="x", **cross, **_only(source, "state", "closed"))
    parts = fig.scatter("exit", "exit_price", marker="cross", **cross, **_only(source, "state", "part"))
    ring = {"size": 17, "fill_color": None, "line_color": colours.warning, "line_width": 2}
    rings = fig.scatter("exit", "exit_price", **ring, **_only(source, "ambiguous", "yes"))
    several, financed = len(strategies) > 1, bool((trades.financing != 0).any())
    fig.add_tools(_trade_hover([*arrows, exits, parts], currency, strategy=several, financing=financed))
    keys = (
        ("limit or stop entry", (trades.kind != "market").any(), "diamond", colours.ink, at_level),
        ("exit", (trades.closed & ~trades.rests).any(), "x", colours.ink, exits),
        ("part closed", trades.rests.any(), "cross", colours.ink, parts),
        ("stop", np.isfinite(trades.stop).any(), "dash", colours.stop, levels[0]),
        ("target", np.isfinite(trades.target).any(), "dash", colours.target, levels[1]),
        ("moved stop", trades.moved.any(), "line", colours.stop, moved),
        ("ambiguous", trades.ambiguous.any(), "circle", colours.warning, rings),
    )
    return entries + [
        LegendItem(label=label, renderers=[_key(fig, shape, colour), drawn])
        for label, there, shape, colour, drawn in keys
        if there
    ]


def _who(trades: Marks) -> list[int]:
    """Return the strategies that traded here, in the order of the run's list."""
    found: list[int] = np.unique(trades.strategy).tolist()
    return found


def _only(source: ColumnDataSource, column: str, group: str) -> dict[str, Any]:
    return {"source": source, "view": CDSView(filter=GroupFilter(column_name=column, group=group))}


def _add_arrows(
    fig: Canvas, source: ColumnDataSource, trades: Marks, colours: Palette, strategies: tuple[str, ...]
) -> tuple[list[Any], list[LegendItem]]:
    """Draw an arrow per entry; return the arrows, and what the legend says of them."""
    who = _who(trades)
    if len(who) < 2:
        keys = (("long", "triangle", colours.profit, 1), ("short", "inverted_triangle", colours.loss, -1))
        arrows = {side: _arrows(fig, source, side, colour) for side, _, colour, _ in keys}
        items = [
            LegendItem(label=f"{side} entry", renderers=[_key(fig, shape, colour), arrows[side]])
            for side, shape, colour, sign in keys
            if (trades.side == sign).any()
        ]
        return list(arrows.values()), items
    drawn, items = [], []
    for strategy in who:
        colour = strategy_colour(colours, strategy)
        both = [_arrows(fig, source, side, colour, strategy) for side in _SIDES.values()]
        key = _key(fig, "triangle", colour)
        items.append(LegendItem(label=strategies[strategy], renderers=[key, *both]))
        drawn += both
    return drawn, items


def _by_outcome(colours: Palette) -> Any:
    return field("won", LinearColorMapper(palette=[colours.loss, colours.profit], low=0, high=1))


def _arrows(fig: Canvas, source: ColumnDataSource, side: str, colour: str, strategy: int | None = None) -> Any:
    shape = "arrow_up" if side == "long" else "arrow_down"
    mine: Filter = GroupFilter(column_name="side", group=side)
    if strategy is not None:
        mine &= GroupFilter(column_name="who", group=f"{strategy}")
    return fig.scatter(
        "entry",
        "anchor",
        marker=f"@{side}",
        defs={f"@{side}": CustomJS(code=script(shape))},
        size="pixels",
        fill_color=colour,
        line_color=None,
        source=source,
        view=CDSView(filter=mine),
    )


def _key(fig: Canvas, marker: str, colour: str) -> Any:
    """Return a mark outside of everything, whose shape the legend borrows: it can't draw arrows, nor what has no rows."""
    if marker in {"dash", "line"}:
        dash = {"line_dash": [5, 3], "line_width": 1.4} if marker == "dash" else {"line_width": 2.4}
        return fig.line([np.nan], [np.nan], line_color=colour, **dash)
    hollow = marker in {"x", "cross", "circle"}
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


def _trade_hover(renderers: list[Any], currency: str, *, strategy: bool, financing: bool) -> Any:
    facts = [
        *([("strategy", "@strategy")] if strategy else []),
        ("entry", "@entered"),
        ("exit", "@exited"),
        (f"profit ({currency})", "<b>@profit</b>"),
        *([("of it financing", "@financed")] if financing else []),
        ("move", "@move"),
        ("quantity", "@amount"),
        ("stop / target", "@levels"),
        ("held, bars", "@held"),
        ("closed by", "@why"),
    ]
    return hover(facts, renderers=renderers, title="@head", mode="mouse", limit=3)
