"""Zooming: when a reader moves along a chart, the stretch in view is drawn anew in as many rows as the page may hold."""

from __future__ import annotations

from typing import Any, Final

from sptrader_lab.charts.axis import Drawing, ends
from sptrader_lab.widgets.bokeh_pane import BokehPane
from sptrader_lab.widgets.worker import WORKER

PAUSE_SECONDS: Final = 0.12
_TOO_WIDE: Final = 3.0


class Zoom:
    """Redraws a pane's drawing for what is in view, half as much again on either side, on the background thread."""

    def __init__(self, pane: BokehPane, drawing: Drawing) -> None:
        self._pane = pane
        self._drawing = drawing
        self._drawn = drawing.axis.bars(*ends(drawing.view))
        drawing.view.on_change("start", self._moved)
        drawing.view.on_change("end", self._moved)

    def _moved(self, _attr: str, _old: Any, _new: Any) -> None:
        WORKER.later(self, PAUSE_SECONDS, self.redraw)

    def redraw(self) -> None:
        """Draw what is in view, unless what is drawn covers it and is not much wider."""
        view, axis = self._drawing.view, self._drawing.axis
        start, stop = axis.bars(*ends(view))
        low, high = self._drawn
        if stop <= start or (low <= start and stop <= high and high - low <= _TOO_WIDE * (stop - start)):
            return
        margin = (stop - start) // 2
        self._drawn = max(0, start - margin), min(stop + margin, len(axis.time))
        with self._pane.changing():
            self._drawing.draw(*self._drawn)
