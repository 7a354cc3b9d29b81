"""Closed trades as a table in a notebook cell: sorted over all of them, shown a page at a time, saved as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from sptrader_lab.charts.scripts import web
from sptrader_lab.charts.table import columns, sorted_trades, trade_rows

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

PAGE: Final = 100
_BESIDE: Final = Path(__file__).parent


class TradesTable(anywidget.AnyWidget):
    """All closed trades of a result, `PAGE` rows at a time; a click on a head sorts all of them.

    Notes
    -----
    The page sends ``{"kind": "sort", "key": column}``, ``{"kind": "turn", "pages": +1 or -1}`` and
    ``{"kind": "csv"}``; the last is answered with the file's bytes, which the browser saves.
    """

    _esm = _BESIDE / "trades_table.js"
    _css = web("summary.css") + (_BESIDE / "trades_table.css").read_text(encoding="utf-8")
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    total = traitlets.Int().tag(sync=True)
    first = traitlets.Int().tag(sync=True)
    key = traitlets.Unicode("id").tag(sync=True)
    descending = traitlets.Bool(False).tag(sync=True)

    def __init__(self, result: Result) -> None:
        self._result = result
        self._order = sorted_trades(result)
        self._columns = columns(result)
        super().__init__(
            columns=[list(column) for column in self._columns],
            total=len(self._order),
            rows=trade_rows(result, self._order[:PAGE]),
        )
        self.on_msg(self._receive)

    def sort(self, key: str) -> None:
        """Sort all trades by a column: numbers from the largest first, the same column again the other way round."""
        numeric = next((column.numeric for column in self._columns if column.key == key), False)
        descending = not self.descending if key == self.key else numeric and key != "id"
        self._order = sorted_trades(self._result, key, descending=descending)
        self._show(0, key=key, descending=descending)

    def turn(self, pages: int) -> None:
        """Go forward (or back) by pages, within what there is."""
        last = max(0, (self.total - 1) // PAGE * PAGE)
        self._show(min(max(0, self.first + pages * PAGE), last))

    def csv(self) -> bytes:
        """Return all trades, in the order of their exits, as a CSV file; floats read back exactly."""
        text: str = self._result.trades.to_csv(index=False)
        return text.encode()

    def _show(self, first: int, **state: Any) -> None:
        with self.hold_sync():
            self.set_trait("first", first)
            for name, value in state.items():
                self.set_trait(name, value)
            self.rows = trade_rows(self._result, self._order[first : first + PAGE])

    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: Sequence[Any]) -> None:
        if content.get("kind") == "sort":
            self.sort(str(content["key"]))
        elif content.get("kind") == "turn":
            self.turn(int(content["pages"]))
        elif content.get("kind") == "csv":
            self.send({"kind": "csv", "name": f"trades-{self._result.run_id[:12]}.csv"}, [self.csv()])
