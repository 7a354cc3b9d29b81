"""Watch: what someone who waits for a sweep sees: a bar with rate, time left and the best so far, in a notebook its table, too."""

from __future__ import annotations

import heapq
import html
import math
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from sptrader_lab.candles import progress
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.grid import Combinations
from sptrader_lab.research.orders import goodness
from sptrader_lab.research.store import Done

#: Metrics beside the objective that a table of the best shows.
BESIDE: Final = ("total_return", "sharpe_ratio", "max_drawdown", "profit_factor", "total_trades")
_EVERY: Final = 0.5


class Watch:
    """Follows a sweep; use it in a `with` block.

    Parameters
    ----------
    combinations : Combinations
    done : int
        How many are done already.
    objective : str
        What best is meant by.
    top : int
        How many the table shows.
    shown : bool
        Whether anything is shown.
    """

    def __init__(self, combinations: Combinations, done: int, *, objective: str, top: int, shown: bool) -> None:
        self.combinations = combinations
        self.objective = objective
        self.top = top
        self._best: list[tuple[float, int, tuple[float, ...]]] = []  # a heap: the worst of the best comes first
        self._shown = shown
        self._drawn = -math.inf
        self._table: Any = None
        total = len(combinations) if shown else 0
        self._bar = progress.bar(total, "sweep", done=done, unit=" runs")

    def __enter__(self) -> Self:
        self._bar.__enter__()
        if self._shown and _in_notebook():
            from IPython.display import display

            self._table = display(_html(""), display_id=True)  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._table is not None:  # the sweep shows itself now, or nothing is there to show
            self._table.update(_html(""))
        self._bar.__exit__(kind, error, trace)

    def see(self, done: Done, new: int | None = None) -> None:
        """Take note of finished combinations; `new` of them were computed now."""
        values = done.metrics[:, SUMMARY.index(self.objective)]
        good = goodness(self.objective, values)
        order = np.argsort(-good, kind="stable")[: self.top]
        for place in order[~np.isnan(good[order])].tolist():
            entry = (float(good[place]), -int(done.numbers[place]), tuple(done.metrics[place].tolist()))
            (heapq.heappush if len(self._best) < self.top else heapq.heappushpop)(self._best, entry)
        self._bar.update(len(done.numbers) if new is None else new)
        if time.monotonic() - self._drawn >= _EVERY:
            self._drawn = time.monotonic()
            self._draw()

    @property
    def best(self) -> list[tuple[int, tuple[float, ...]]]:
        """Number and metrics of the best so far, the best first."""
        return [(-number, metrics) for _, number, metrics in sorted(self._best, reverse=True)]

    def _draw(self) -> None:
        if not self._best:
            return
        number, metrics = self.best[0]
        value = metrics[SUMMARY.index(self.objective)]
        self._bar.set_postfix_str(f"best {self.objective} {value:.4g}: {told(self.combinations[number])}")
        if self._table is not None:
            rows = [(self.combinations[number], metrics) for number, metrics in self.best]
            self._table.update(_html(best_table(rows, self.objective)))


def told(combination: Mapping[str, object]) -> str:
    """Return a combination as text."""
    return ", ".join(f"{name}={value}" for name, value in combination.items())


def best_table(rows: list[tuple[dict[str, Any], tuple[float, ...]]], objective: str) -> str:
    """Return combinations and their metrics as an HTML table, the objective first."""
    metrics = list(dict.fromkeys((objective, *BESIDE)))
    names = list(rows[0][0]) if rows else []
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (*names, *metrics))
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(str(value))}</td>" for value in values.values())
        + "".join(f"<td>{shown(found[SUMMARY.index(name)])}</td>" for name in metrics)
        + "</tr>"
        for values, found in rows
    )
    style = ' style="font-variant-numeric:tabular-nums"'
    return f"<table{style}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def shown(value: float) -> str:
    """Return a metric as short text; undefined is a dash."""
    if math.isnan(value):
        return "\N{EN DASH}"
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:,.4g}"


def _in_notebook() -> bool:
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _html(text: str) -> Any:
    from IPython.display import HTML

    return HTML(text)  # type: ignore[no-untyped-call]
