"""The bridge between kernel and page, with pages made of Bokeh's own documents in place of browsers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bokeh.core.serialization import Buffer, Serialized
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from sptrader_lab.charts.palette import swaps
from sptrader_lab.widgets.bokeh_pane import BokehPane


class Channel:
    """Takes the kernel's messages in place of a comm and hands them to every page."""

    def __init__(self, pane: BokehPane) -> None:
        self.pane = pane
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.pages: list[Page] = []
        pane.send = self.send

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        assert json.loads(json.dumps(content)) == content
        message = content, [bytes(each) for each in buffers or []]
        self.sent.append(message)
        for page in self.pages:
            page.receive(*message)

    def kinds(self) -> list[str]:
        return [content["kind"] for content, _ in self.sent]


class Page:
    """One view, as `bokeh_pane.js` keeps it: a document of its own that follows the messages."""

    def __init__(self, channel: Channel, name: str) -> None:
        self.channel, self.name = channel, name
        self.document: Document | None = None
        channel.pages.append(self)
        self.say({"kind": "ready", "view": name})

    def say(self, content: dict[str, Any]) -> None:
        self.channel.pane._receive(self.channel.pane, json.loads(json.dumps(content)), [])

    def receive(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        held = [Buffer(id, data) for id, data in zip(content.get("ids", []), buffers, strict=False)]
        if content["kind"] == "document" and content["view"] == self.name:
            self.document = Document.from_json(Serialized(json.loads(content["document"]), held))
        if content["kind"] == "patch" and content["origin"] != self.name and self.document is not None:
            self.document.apply_json_patch(Serialized({"events": json.loads(content["events"])}, held))

    def change(self, model: Any, attr: str, new: Any) -> None:
        """Do what a reader does: change it here, and tell the kernel."""
        assert self.document is not None
        mine = self.document.get_model_by_id(model.id)
        setattr(mine, attr, new)
        event = {"kind": "ModelChanged", "model": {"id": model.id}, "attr": attr, "new": new}
        self.say({"kind": "changes", "view": self.name, "events": [event]})

    def get(self, model: Any, attr: str) -> Any:
        assert self.document is not None
        return getattr(self.document.get_model_by_id(model.id), attr)


@pytest.fixture
def source() -> ColumnDataSource:
    return ColumnDataSource({"x": np.arange(50.0), "y": np.arange(50.0) ** 2})


@pytest.fixture
def pane(source: ColumnDataSource) -> Iterator[BokehPane]:
    fig = figure(title="one", x_range=(0, 50))
    fig.line("x", "y", source=source)
    with BokehPane(fig) as made:
        yield made


@pytest.fixture
def channel(pane: BokehPane) -> Channel:
    return Channel(pane)


@pytest.fixture(autouse=True)
def _closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BokehPane, "__enter__", lambda self: self, raising=False)
    monkeypatch.setattr(BokehPane, "__exit__", lambda self, *_: self.close(), raising=False)


def settle(channel: Channel, count: int) -> None:
    """Wait until `count` patches were sent, and a little longer for one too many."""
    for _ in range(200):
        if channel.kinds().count("patch") >= count:
            break
        time.sleep(0.01)
    time.sleep(0.08)
    assert channel.kinds().count("patch") == count


def test_a_page_that_asks_gets_bokehs_own_script_as_bytes(pane: BokehPane, channel: Channel) -> None:
    pane._receive(pane, {"kind": "library"}, [])
    ((content, buffers),) = channel.sent
    assert content == {"kind": "library"}
    assert pane.bokeh_version.encode() in buffers[0]
    assert len(buffers[0]) > 1_000_000


def test_a_notebook_keeps_no_script_and_no_data(pane: BokehPane) -> None:
    bundle = pane._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(json.dumps(bundle)) < 1000


def test_a_view_gets_the_whole_document(channel: Channel, pane: BokehPane, source: ColumnDataSource) -> None:
    page = Page(channel, "a")
    assert page.get(pane.figure.title, "text") == "one"
    assert np.array_equal(page.get(source, "data")["y"], source.data["y"])
    assert pane.views == {"a"}


def test_what_the_kernel_changes_reaches_every_view_in_one_message(
    channel: Channel, pane: BokehPane, source: ColumnDataSource
) -> None:
    pages = [Page(channel, "a"), Page(channel, "b")]
    with pane.changing():
        pane.figure.title.text = "two"
        source.data = {"x": np.arange(3.0), "y": np.array([1.0, np.nan, 3.0])}
        pane.figure.title.text = "three"
    settle(channel, 1)
    for page in pages:
        assert page.get(pane.figure.title, "text") == "three"
        assert np.array_equal(page.get(source, "data")["y"], [1.0, np.nan, 3.0], equal_nan=True)


def test_a_hundred_changes_of_one_property_are_one(channel: Channel, pane: BokehPane) -> None:
    page = Page(channel, "a")
    with pane.changing():
        for number in range(100):
            pane.figure.title.text = f"{number}"
    settle(channel, 1)
    assert page.get(pane.figure.title, "text") == "99"
    (patch,) = [content for content, _ in channel.sent if content["kind"] == "patch"]
    assert len(json.loads(patch["events"])) == 1


def test_rows_are_streamed_and_patched(channel: Channel, source: ColumnDataSource) -> None:
    page = Page(channel, "a")
    source.stream({"x": [50.0], "y": [7.0]}, rollover=50)
    source.patch({"y": [(0, -1.0)]})
    for _ in range(100):
        if np.array_equal(page.get(source, "data")["y"], source.data["y"]):
            break
        time.sleep(0.01)
    assert np.array_equal(page.get(source, "data")["y"], source.data["y"])
    assert len(source.data["y"]) == 50


def test_models_that_come_later_arrive_and_can_be_changed(channel: Channel, pane: BokehPane) -> None:
    page = Page(channel, "a")
    late = pane.figure.scatter([1.0, 2.0], [3.0, 4.0])
    settle(channel, 1)
    late.visible = False
    settle(channel, 2)
    assert page.get(late, "visible") is False


def test_what_one_view_changes_reaches_kernel_and_other_views_but_is_not_echoed(
    channel: Channel, pane: BokehPane
) -> None:
    left, right = Page(channel, "a"), Page(channel, "b")
    heard: list[tuple[Any, Any]] = []
    pane.figure.x_range.on_change("start", lambda _attr, old, new: heard.append((old, new)))
    left.change(pane.figure.x_range, "start", 12.0)
    settle(channel, 1)
    assert pane.figure.x_range.start == 12.0
    assert heard == [(0, 12.0)]
    assert right.get(pane.figure.x_range, "start") == 12.0
    (patch,) = [content for content, _ in channel.sent if content["kind"] == "patch"]
    assert patch["origin"] == "a"


def test_answers_of_callbacks_are_the_kernels_own_and_go_to_everyone(channel: Channel, pane: BokehPane) -> None:
    left, right = Page(channel, "a"), Page(channel, "b")

    def rename(_attr: str, _old: Any, new: Any) -> None:
        pane.figure.title.text = f"from {new}"

    pane.figure.x_range.on_change("start", rename)
    left.change(pane.figure.x_range, "start", 5.0)
    settle(channel, 2)
    assert sorted(content["origin"] for content, _ in channel.sent if content["kind"] == "patch") == ["", "a"]
    assert left.get(pane.figure.title, "text") == right.get(pane.figure.title, "text") == "from 5.0"


def test_nothing_is_sent_before_anyone_looks_and_the_first_view_is_up_to_date(
    channel: Channel, pane: BokehPane
) -> None:
    pane.figure.title.text = "early"
    time.sleep(0.1)
    assert channel.sent == []
    assert Page(channel, "a").get(pane.figure.title, "text") == "early"


def test_a_view_that_comes_between_a_change_and_its_sending_sees_it_once(channel: Channel, pane: BokehPane) -> None:
    first = Page(channel, "a")
    with pane.changing():
        pane.figure.title.text = "between"
        second = Page(channel, "b")
    settle(channel, 1)
    assert channel.kinds() == ["document", "patch", "document"]
    assert first.get(pane.figure.title, "text") == second.get(pane.figure.title, "text") == "between"


def test_a_page_that_was_reloaded_starts_anew(channel: Channel, pane: BokehPane) -> None:
    Page(channel, "before")
    channel.pages.clear()
    pane.figure.title.text = "meanwhile"
    after = Page(channel, "after")
    assert after.get(pane.figure.title, "text") == "meanwhile"


def test_when_the_last_view_is_gone_nothing_is_sent(channel: Channel, pane: BokehPane) -> None:
    page = Page(channel, "a")
    page.say({"kind": "gone", "view": "a"})
    count = len(channel.sent)
    pane.figure.title.text = "unseen"
    time.sleep(0.1)
    assert pane.views == frozenset()
    assert len(channel.sent) == count


def test_a_closed_pane_lets_go_of_its_document(channel: Channel, pane: BokehPane) -> None:
    Page(channel, "a")
    pane.figure.title.text = "waiting"
    pane.close()
    pane.close()
    pane.figure.title.text = "later"
    time.sleep(0.1)
    assert "patch" not in channel.kinds()
    assert pane.figure.document.callbacks.change_callbacks() == ()


def test_the_page_knows_both_themes(pane: BokehPane) -> None:
    assert [tuple(pair) for pair in pane.swaps] == swaps()
    assert pane.theme == "auto"
