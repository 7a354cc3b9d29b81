"""The whole picture of a run: price, indicators, equity and drawdown above each other on one x-range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import LayoutDOM

from sptrader_lab.charts.axis import Drawing, Places
from sptrader_lab.charts.equity import EquityPane, Frame
from sptrader_lab.charts.frame import cross_line
from sptrader_lab.charts.panes import indicator_panes
from sptrader_lab.charts.price import PricePane, Subject, stretch, subject

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result


def result_layout(result: Result, symbol: int | str = 0, **options: Any) -> LayoutDOM:
    """Return price, indicator panes, equity and drawdown with one x-range; options as in `price_chart`."""
    return result_drawing(result, symbol, **options).root


def price_drawing(result: Result, symbol: int | str = 0) -> Drawing:
    """Return price and indicator panes of a whole run, with the means to draw another stretch."""
    about = subject(result, symbol)
    bars = 0, len(about.candles)
    view, cross = about.axis.view(*bars), cross_line(about.colours)
    price = PricePane(about, view, bars, cross=cross)
    return Drawing(_stacked([price.fig, *indicator_panes(price, cross)]), view, about.axis, price.draw)


def result_drawing(
    result: Result,
    symbol: int | str = 0,
    start: object = None,
    end: object = None,
    max_candles: int = 2000,
    *,
    gaps: bool = False,
    theme: str = "auto",
) -> Drawing:
    """Return `result_layout` together with the means to draw another stretch of it."""
    about = subject(result, symbol, max_candles, gaps=gaps, theme=theme)
    bars = stretch(about.candles, start, end)
    view, cross = about.axis.view(*bars), cross_line(about.colours)
    price = PricePane(about, view, bars, cross=cross)
    part = None
    if bars != (0, len(about.candles)):
        first, last = about.axis.place(np.array([bars[0], bars[1] - 1]))
        part = float(first), float(last)
    shared = Frame(about.axis, view, cross, about.colours, ticks=price.rows, part=part)
    equity = EquityPane(result, _places(result, about), shared)

    def draw(start_bar: int, stop_bar: int) -> None:
        price.draw(start_bar, stop_bar)
        if stop_bar > start_bar:
            ends = about.axis.place(np.array([start_bar, stop_bar - 1]))
            equity.draw(float(ends[0]), float(ends[1]))

    figures = [price.fig, *indicator_panes(price, cross), equity.equity, equity.drawdown]
    return Drawing(_stacked(figures), view, about.axis, draw)


def _stacked(figures: list[Any]) -> LayoutDOM:
    """Lay figures above each other; only the lowest says the time."""
    for fig in figures[:-1]:
        fig.xaxis.visible = False
    return column(*figures, sizing_mode="stretch_width", spacing=2)


def _places(result: Result, about: Subject) -> Places:
    """Return where the run's steps lie on the symbol's bars: on the candle that closes then, or the next one."""
    time = result.outcome.time
    if about.axis.gaps:
        return np.asarray(time / 1e6)
    closes = about.candles.close_time
    return np.minimum(np.searchsorted(closes, time), max(len(closes) - 1, 0)).astype(np.float64)
