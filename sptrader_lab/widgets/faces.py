"""The faces that the front door registers: of a result, a sweep, an optimisation, a walk forward, a cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader_lab.charts.heatmap import sweep_heatmap
from sptrader_lab.charts.parallel import sweep_parallel
from sptrader_lab.charts.report import write_report
from sptrader_lab.charts.study import importances_figure, trials_figure
from sptrader_lab.charts.walk import paths_figure, walk_figure
from sptrader_lab.results import document
from sptrader_lab.widgets.bokeh_pane import BokehPane
from sptrader_lab.widgets.left_behind import leave_behind
from sptrader_lab.widgets.result_view import ResultView, result_pane

if TYPE_CHECKING:
    from sptrader_lab.research.cross_validation import CrossValidation
    from sptrader_lab.research.study import Optimization
    from sptrader_lab.research.table import Sweep
    from sptrader_lab.research.walk_forward import WalkForward
    from sptrader_lab.results.result import Result


def plot(result: Result, **options: Any) -> BokehPane:
    """Return the run's chart, which shows itself in a notebook cell; `.figure` is the Bokeh layout.

    Parameters
    ----------
    **options
        symbol, start, end, max_candles, gaps, theme: as in `charts.layout.result_layout`.
    """
    return result_pane(result, **options)


def heatmap(sweep: Sweep, x: str | None = None, y: str | None = None, **options: Any) -> BokehPane:
    """Return a sweep's heatmap, which shows itself in a notebook cell; options as in `charts.heatmap.sweep_heatmap`."""
    return BokehPane(sweep_heatmap(sweep, x, y, **options), theme=options.get("theme", "auto"))


def parallel(sweep: Sweep, **options: Any) -> BokehPane:
    """Return a sweep's parallel coordinates; options as in `charts.parallel.sweep_parallel`."""
    return BokehPane(sweep_parallel(sweep, **options), theme=options.get("theme", "auto"))


def trials(found: Optimization, **options: Any) -> BokehPane:
    """Return an optimisation's objective trial by trial; options as in `charts.study.trials_figure`."""
    return BokehPane(trials_figure(found, **options), theme=options.get("theme", "auto"))


def importances(found: Optimization, **options: Any) -> BokehPane:
    """Return how much each name matters; options as in `charts.study.importances_figure`."""
    return BokehPane(importances_figure(found, **options), theme=options.get("theme", "auto"))


def walk(found: WalkForward, **options: Any) -> BokehPane:
    """Return a walk's out-of-sample equity; options as in `charts.walk.walk_figure`."""
    return BokehPane(walk_figure(found, **options), theme=options.get("theme", "auto"))


def paths(found: CrossValidation, **options: Any) -> BokehPane:
    """Return a cross-validation's paths; options as in `charts.walk.paths_figure`."""
    return BokehPane(paths_figure(found, **options), theme=options.get("theme", "auto"))


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
