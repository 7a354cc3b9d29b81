"""A Bokeh figure in a notebook cell: offline, live in both directions, in any number of views.

The page asks once for Bokeh's own script, which travels from the installed package as a binary message, so neither a
network nor a copy in the notebook is needed. Each view then gets the document; afterwards both sides send each other
what changed. `bokeh_pane.js` is the other half.

Messages, each a JSON object with `kind` and binary buffers beside it:

======== ========= ==============================================================================
from     kind      content
======== ========= ==============================================================================
page     library   Bokeh is not on this page yet
kernel   library   buffers: the scripts, in order
page     ready     `view` (a name the page made up) wants the document
kernel   document  `view`, `document` (JSON text), `ids` of the buffers
page     changes   `view`, `events` (of Bokeh's JSON patch) that a reader caused
kernel   patch     `events` (JSON text), `ids` of the buffers, `origin`: the view that caused them, or ""
page     gone      `view` was removed from the page
======== ========= ==============================================================================
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import anywidget
import bokeh
import traitlets
from bokeh.core.json_encoder import PayloadEncoder
from bokeh.core.serialization import Buffer
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.models import LayoutDOM
from bokeh.protocol import Protocol

from sptrader_lab.charts.palette import palette, swaps
from sptrader_lab.charts.scripts import script
from sptrader_lab.widgets.left_behind import LIVE, leave_behind
from sptrader_lab.widgets.worker import WORKER

#: Changes made within this time travel in one message: the server drops messages beyond 1,000 a second.
FLUSH_SECONDS: Final = 0.03
_ENCODER: Final = PayloadEncoder(separators=(",", ":"))
_BESIDE: Final = Path(__file__).parent


@dataclass(frozen=True)
class _View:
    """Who caused a change: one view on some page."""

    name: str


class BokehPane(anywidget.AnyWidget):
    """Shows a Bokeh figure or layout; what changes on either side changes on the other.

    Parameters
    ----------
    figure : bokeh.models.LayoutDOM
        What to show. It must not belong to another document.
    theme : str
        ``"light"`` or ``"dark"`` as drawn, or ``"auto"``: the page repaints it in its own theme.

    Notes
    -----
    Change the figure from any thread, several changes inside ``with pane.changing():``. Everything is sent from one
    background thread, a few hundredths of a second later.
    """

    _esm = "\n".join([script("recolour"), (_BESIDE / "bokeh_pane.js").read_text(encoding="utf-8")])
    bokeh_version = traitlets.Unicode(bokeh.__version__).tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], "auto").tag(sync=True)
    swaps: Any = traitlets.List().tag(sync=True)

    def __init__(self, figure: LayoutDOM, theme: str = "auto", **options: Any) -> None:
        palette(theme)
        super().__init__(theme=theme, swaps=[list(pair) for pair in swaps()], **options)
        self.add_class(LIVE)
        self.figure = figure
        self._document = Document()
        self._document.add_root(figure)
        self._views: set[str] = set()
        self._waiting: list[DocumentPatchedEvent] = []
        self._open = True
        self._lock = threading.RLock()
        self._document.on_change_dispatch_to(self)
        self.on_msg(self._receive)

    @property
    def views(self) -> frozenset[str]:
        """Names of the views that show this pane now."""
        return frozenset(self._views)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold off the page's changes and the sending while the figure is being changed."""
        with self._lock:
            yield

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        leave_behind("<p>Run the cell again for this chart: it lives in the kernel.</p>")
        return super()._repr_mimebundle_(**kwargs)

    def close(self) -> None:
        """Let go of the document and of every view; the pane can't be shown again."""
        with self._lock:
            if self._open:
                self._open = False
                self._document.remove_on_change(self)
            WORKER.forget(self)
            self._waiting.clear()
            self._views.clear()
        super().close()

    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: Sequence[Any]) -> None:
        kind, view = content.get("kind"), str(content.get("view", ""))
        if kind == "library":
            self.send({"kind": "library"}, list(_library()))
        elif kind == "ready":
            self._send_document(view)
        elif kind == "changes":
            with self._lock:
                self._document.apply_json_patch({"events": content["events"]}, setter=_View(view))  # type: ignore[arg-type]
        elif kind == "gone":
            self._views.discard(view)

    def _send_document(self, view: str) -> None:
        with self._lock:
            self._flush()  # what waits is in the document already; it is for the views that have an older one
            self._views.add(view)
            whole = self._document.to_json()
            self._document.models.flush_synced()
            text = _ENCODER.encode(whole.content)
            self._send_with_buffers({"kind": "document", "view": view, "document": text}, whole.buffers)

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        """Collect a change, wherever it comes from; Bokeh calls this."""
        with self._lock:
            if not self._views:
                return  # whoever comes gets the whole document
            if not (self._waiting and self._waiting[-1].combine(event)):
                self._waiting.append(event)
            WORKER.later(self, FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        """Send the collected changes in their order, one message for each run of changes with one origin."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for origin, events in groupby(waiting, key=_origin):
                message = Protocol().create("PATCH-DOC", list(events))
                text = _ENCODER.encode(message.content["events"])
                self._send_with_buffers({"kind": "patch", "events": text, "origin": origin}, message.buffers)

    def _send_with_buffers(self, content: dict[str, Any], buffers: Sequence[Buffer]) -> None:
        self.send({**content, "ids": [each.id for each in buffers]}, [each.to_bytes() for each in buffers])


def _origin(event: DocumentPatchedEvent) -> str:
    return event.setter.name if isinstance(event.setter, _View) else ""


@cache
def _library() -> tuple[bytes, ...]:
    """Return Bokeh's own scripts: the core, which draws every figure and layout."""
    folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
    return ((folder / "bokeh.min.js").read_bytes(),)
