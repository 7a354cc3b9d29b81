"""A result in a notebook cell: overview, chart and trades in tabs, each built when it is first opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from sptrader_lab.charts.axis import Drawing
from sptrader_lab.charts.equity import equity_drawing
from sptrader_lab.charts.layout import price_drawing, result_drawing
from sptrader_lab.charts.months import monthly_heatmap
from sptrader_lab.charts.summary import summary_html
from sptrader_lab.widgets.bokeh_pane import BokehPane
from sptrader_lab.widgets.left_behind import LIVE
from sptrader_lab.widgets.trades_table import TradesTable
from sptrader_lab.widgets.zoom import Zoom

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

Build = Callable[["Result"], ipywidgets.Widget]


def live_pane(drawing: Drawing, theme: str = "auto") -> BokehPane:
    """Return a pane that shows a drawing and draws it anew where the reader zooms."""
    pane = BokehPane(drawing.root, theme)
    Zoom(pane, drawing)
    return pane


def result_pane(result: Result, *, theme: str = "auto", **options: Any) -> BokehPane:
    """Return the whole picture of a run in a pane; options as in `charts.layout.result_layout`."""
    return live_pane(result_drawing(result, theme=theme, **options), theme)


def _overview(result: Result) -> ipywidgets.Widget:
    parts = [ipywidgets.HTML(summary_html(result)), live_pane(equity_drawing(result))]
    if len(result.monthly_returns):
        parts.append(BokehPane(monthly_heatmap(result)))
    return ipywidgets.VBox(parts)


def _chart(result: Result) -> ipywidgets.Widget:
    if len(result.candles) == 1:
        return live_pane(price_drawing(result))
    choice = ipywidgets.Dropdown(
        options=[(name, place) for place, name in enumerate(result.symbols)], description="Symbol"
    )
    room = ipywidgets.VBox([choice, live_pane(price_drawing(result))])

    def change(news: dict[str, Any]) -> None:
        room.children[1].close()
        room.children = (choice, live_pane(price_drawing(result, news["new"])))

    choice.observe(change, "value")
    return room


TABS: Final[dict[str, Build]] = {"Overview": _overview, "Chart": _chart, "Trades": TradesTable}


class ResultView(ipywidgets.Tab):  # type: ignore[misc]
    """Tabs over one result. A tab that was never opened costs nothing."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._built: set[int] = set()
        self._building = threading.Lock()
        super().__init__(children=[ipywidgets.VBox() for _ in TABS], titles=tuple(TABS), selected_index=0)
        self.add_class(LIVE)
        self.build(0)
        self.observe(self._opened, "selected_index")

    def build(self, index: int) -> None:
        """Build the tab at `index` unless it is there already."""
        with self._building:  # the callback may come on the main thread or on a subshell's
            if index in self._built:
                return
            self._built.add(index)
            make = list(TABS.values())[index]
            self.children[index].children = (make(self._result),)

    def _opened(self, news: dict[str, Any]) -> None:
        if news["new"] is not None:
            self.build(news["new"])
