"""The faces of a result that the front door registers: plot, report, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader_lab.charts.report import write_report
from sptrader_lab.results import document
from sptrader_lab.widgets.bokeh_pane import BokehPane
from sptrader_lab.widgets.left_behind import leave_behind
from sptrader_lab.widgets.result_view import ResultView, result_pane

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result


def plot(result: Result, **options: Any) -> BokehPane:
    """Return the run's chart, which shows itself in a notebook cell; `.figure` is the Bokeh layout.

    Parameters
    ----------
    **options
        symbol, start, end, max_candles, gaps, theme: as in `charts.layout.result_layout`.
    """
    return result_pane(result, **options)


def report(result: Result, path: str | Path, **options: Any) -> Path:
    """Write a self-contained HTML report and return its path; options as in `charts.report.write_report`."""
    return write_report(result, path, **options)


def show(result: Result) -> dict[str, Any]:
    """Return what a notebook cell shows of a result: tabs, or a table where widgets can't be shown."""
    bundle: dict[str, Any] = dict(ResultView(result)._repr_mimebundle_())
    table = document.to_html(result)
    if leave_behind(f"{table}<p>Run the cell again for charts and trades: they live in the kernel.</p>"):
        return {**bundle, "text/plain": repr(result)}
    return {**bundle, "text/plain": repr(result), "text/html": table}
