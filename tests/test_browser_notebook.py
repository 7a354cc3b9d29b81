"""A result in a real JupyterLab, driven by a real Chromium: what a reader sees, not what Python believes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from chart_results import make_result, random_candles

from sptrader_lab.charts.numbers import signed
from sptrader_lab.charts.report import write_report

pytestmark = pytest.mark.browser

HERE = Path(__file__).resolve().parent
ARTEFACTS = HERE / "artefacts"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
MAKE = f"""
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
from chart_results import make_result, random_candles
from sptrader_lab.results import faces
from sptrader_lab.widgets.faces import plot, report, show
for name, face in (("plot", plot), ("report", report), ("show", show)):
    faces.register(name, face)
result = make_result(random_candles(6000))
"""
# The panel is found by its path: at the start the shell's current widget may still be the launcher.
READY = """async (path) => {
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms)), start = Date.now()
  while (Date.now() - start < 60000) {
    const app = window.jupyterapp
    if (app) {
      await app.restored
      const panel = [...app.shell.widgets("main")].find((each) => each.context && each.context.path === path)
      if (panel) {
        await panel.context.ready
        await panel.sessionContext.ready
        const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel
        if (kernel && kernel.status === "idle" && app.commands.hasCommand("notebook:run-all-cells")) {
          app.shell.activateById(panel.id)
          await sleep(200)
          window.panel = panel
          return true
        }
      }
    }
    await sleep(100)
  }
  return false
}"""
RUN = """async (code) => {
  const future = window.panel.sessionContext.session.kernel.requestExecute({code, store_history: false})
  let out = ""
  future.onIOPub = (message) => { out += message.content.text || (message.content.evalue ? "ERROR " + message.content.evalue : "") }
  await future.done
  return out.trim()
}"""
ERRORS = """() => window.panel.content.widgets.flatMap((cell) => cell.model.type === "code" ? cell.model.outputs.toJSON() : [])
  .filter((output) => output.output_type === "error").map((output) => output.evalue)"""
# Bokeh keeps its canvases in nested shadow roots; a canvas without one coloured pixel shows nothing.
PAINTED = """() => {
  const found = []
  const walk = (node) => {
    for (const each of node.querySelectorAll("*")) {
      if (each instanceof HTMLCanvasElement && each.getBoundingClientRect().height > 60 && each.checkVisibility()) {
        const {data} = each.getContext("2d").getImageData(0, 0, each.width, each.height)
        const colours = new Set()
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2])
        found.push(colours.size)
      }
      if (each.shadowRoot) walk(each.shadowRoot)
    }
  }
  walk(document)
  return found.filter((colours) => colours > 20).length
}"""

# Price figures from top to bottom. The index holds views in the order in which they got ready, which is another one each time.
FIGURES = """[...Bokeh.index].filter((view) => view.model.children)
  .sort((one, other) => one.el.getBoundingClientRect().top - other.el.getBoundingClientRect().top)
  .map((view) => view.model.children[0])"""
TITLES = f"{FIGURES}.map((figure) => figure.title?.text)"
# The line of facts over a figure; empty where no pointer is.
LINE = """[...Bokeh.index].flatMap((view) => [...view.model.document?._all_models.values() ?? []])
  .filter((model) => model.type === "Label" && model.y_units === "screen").map((label) => label.text).join("")"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lab:
    """A JupyterLab server of this test's own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        quiet = folder / "s" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        quiet.parent.mkdir(parents=True)
        quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "lab.log"
        names = {"JUPYTER_CONFIG_DIR": "c", "JUPYTER_DATA_DIR": "d", "JUPYTER_RUNTIME_DIR": "r", "IPYTHONDIR": "i"}
        names |= {"JUPYTERLAB_SETTINGS_DIR": "s", "JUPYTERLAB_WORKSPACES_DIR": "w"}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
        command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
        command += [
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
            f"--ServerApp.root_dir={self.root}",
        ]
        environment = os.environ | {name: str(folder / place) for name, place in names.items()}
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/api", timeout=1).close()
            except OSError:
                assert self._process.poll() is None, self._log.read_text()
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"JupyterLab did not answer within 30 s:\n{self._log.read_text()}")

    def notebook(self, name: str, *cells: str) -> None:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, self.root / name)

    def end_sessions(self) -> None:
        with urllib.request.urlopen(f"{self.url}/api/sessions") as answer:
            sessions = json.load(answer)
        for session in sessions:
            request = urllib.request.Request(f"{self.url}/api/sessions/{session['id']}", method="DELETE")
            request.add_header("Cookie", "_xsrf=a")
            request.add_header("X-XSRFToken", "a")
            urllib.request.urlopen(request).close()

    def stop(self) -> None:
        self.end_sessions()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Reader:
    """One page: opens a notebook, runs it, and remembers everything that went wrong."""

    def __init__(self, lab: Lab, page: Any) -> None:
        self.lab, self.page = lab, page
        self.troubles: list[str] = []
        self.outside: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._heard)
        page.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        # JupyterLab itself asks for files that need not exist (a workspace, user settings).
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.lab.url, self.lab.url.replace("http", "ws"), "blob:", "data:")):
            self.outside.append(request.url)

    def open(self, name: str) -> None:
        self.page.goto(f"{self.lab.url}/lab/tree/{name}")
        assert self.page.evaluate(READY, name), "the notebook did not open within a minute"

    def run_all(self) -> None:
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        assert self.page.evaluate(ERRORS) == []

    def kernel(self, code: str) -> str:
        return str(self.page.evaluate(RUN, code))

    def theme(self, name: str) -> None:
        self.page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {name!r}}})")
        self.page.wait_for_timeout(600)

    def wait_painted(self, count: int) -> None:
        for _ in range(150):
            if self.page.evaluate(PAINTED) >= count:
                return
            self.page.wait_for_timeout(100)
        self.keep("failed")
        pytest.fail(f"fewer than {count} painted canvases after 15 s; {self.troubles}")

    def wait_kernel(self, code: str, wanted: str) -> None:
        for _ in range(150):
            if (answer := self.kernel(code)) == wanted:
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"{code} gave {answer}, not {wanted}")

    def wait_page(self, expression: str, wanted: object) -> None:
        for _ in range(150):
            if (answer := self.page.evaluate(f"() => {expression}")) == wanted:
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"{expression} gave {answer!r}, not {wanted!r}")

    def follow(self, x: int) -> str:
        """Move the pointer over the first figure until its line of facts says something, and return that."""
        for step in range(150):
            self.page.locator(".bk-Figure").first.hover(position={"x": x + step % 2, "y": 200})
            self.page.wait_for_timeout(100)
            if said := str(self.page.evaluate(f"() => {LINE}")):
                return said
        pytest.fail("the line of facts stays empty under the pointer")

    def keep(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(ARTEFACTS / f"{name}.png"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("chromium is not installed (looked for chromium, chromium-browser, google-chrome)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture
def reader(lab: Lab, chromium: Any) -> Iterator[Reader]:
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    yield Reader(lab, page)
    page.close()
    lab.end_sessions()


def test_a_result_shows_overview_chart_and_trades_in_tabs(reader: Reader) -> None:
    reader.lab.notebook("result.ipynb", MAKE, "result")
    reader.open("result.ipynb")
    reader.run_all()
    page = reader.page
    page.get_by_text("Max drawdown", exact=True).first.wait_for()
    reader.wait_painted(3)
    reader.keep("overview-light")

    page.get_by_role("tab", name="Chart").click()
    reader.wait_painted(1)
    page.wait_for_timeout(500)
    reader.keep("chart-light")

    page.get_by_role("tab", name="Trades").click()
    page.get_by_role("columnheader", name="profit").click()
    page.get_by_role("columnheader", name="profit ▾").wait_for()
    best = float(page.locator(".spt-trades tbody tr").first.locator("td").nth(8).inner_text().replace(",", ""))
    assert best == pytest.approx(float(reader.kernel("print(result.trades.pnl.max())")), abs=0.005)
    reader.keep("trades-light")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export CSV").click()
    assert len(Path(saved.value.path()).read_text().splitlines()) == 1 + int(reader.kernel("print(len(result.trades))"))

    reader.theme("JupyterLab Dark")
    reader.keep("trades-dark")
    page.get_by_role("tab", name="Chart").click()
    page.wait_for_timeout(500)
    reader.keep("chart-dark")
    page.get_by_role("tab", name="Overview").click()
    page.wait_for_timeout(500)
    reader.keep("overview-dark")
    assert reader.troubles == []
    assert reader.outside == []


def test_two_views_and_the_kernel_follow_each_other(reader: Reader) -> None:
    cells = "pane = result.plot(); pane", "pane", "plain = result.plot(theme='dark'); plain"
    reader.lab.notebook("pane.ipynb", MAKE, *cells)
    reader.open("pane.ipynb")
    reader.run_all()
    page = reader.page
    reader.theme("JupyterLab Light")
    reader.wait_painted(4)
    assert reader.kernel("print(len(pane.views))") == "2"
    reader.keep("plot")

    # The line of facts follows the pointer, and forgets what a zoom took from under it.
    said = reader.follow(480)
    assert " O 1." in said or " O 0." in said

    # The wheel zooms in: the kernel hears of it and answers with finer candles.
    titles = "print(pane.figure.children[0].title.text)"
    before = reader.kernel(titles)
    assert "each candle here = 3" in before
    for _ in range(12):
        page.mouse.wheel(0, -400)
        page.wait_for_timeout(60)
    reader.wait_kernel(titles, "EURUSD 1h")
    reader.wait_page(f"{TITLES}.filter((title) => title === 'EURUSD 1h').length", 2)
    page.wait_for_timeout(500)
    said = reader.follow(510).split("   ")
    opened = f"pd.Timestamp({said[0]!r}).value"
    close = reader.kernel(
        f"import pandas as pd; one = result.candles[0]; print('C %.5f' % one.close[list(one.time).index({opened})])"
    )
    assert said[4] == close
    page.mouse.move(5, 5)
    page.evaluate(f"() => {FIGURES}[0].reset.emit()")
    reader.wait_kernel(titles, before)
    reader.wait_page(LINE, "")
    reader.keep("plot-zoomed")

    # What the kernel changes reaches both views, and what one view changed is not echoed to it for ever.
    reader.kernel("pane.figure.children[0].title.text = 'renamed by the kernel'")
    reader.wait_page(f"{TITLES}.filter((title) => title === 'renamed by the kernel').length", 2)
    sent = reader.kernel("print(len(pane.views), pane.theme, plain.theme)")
    assert sent == "2 auto dark"

    # After a reload the page asks again, and the kernel still has everything.
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    assert page.evaluate(READY, "pane.ipynb")
    reader.wait_painted(4)
    page.wait_for_timeout(300)
    reader.keep("plot-reloaded")
    reader.kernel("pane.close(); plain.close()")
    assert reader.troubles == []
    assert reader.outside == []


def test_a_notebook_that_is_opened_again_shows_the_numbers_and_how_to_get_the_rest(reader: Reader) -> None:
    reader.lab.notebook("again.ipynb", MAKE, "result", "result.plot()")
    reader.open("again.ipynb")
    reader.run_all()
    page = reader.page
    reader.wait_painted(2)
    book = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    table = book.get_by_text("Run the cell again for charts")
    hint = book.get_by_text("Run the cell again for this chart")
    assert not table.is_visible()
    assert not hint.is_visible()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(500)
    reader.lab.end_sessions()
    page.goto("about:blank")
    reader.open("again.ipynb")
    table.wait_for()
    hint.wait_for()
    assert book.locator(".spt-left-behind").get_by_text("sharpe_ratio").is_visible()
    page.wait_for_timeout(3000)
    reader.keep("opened-again")
    assert not any(each.is_visible() for each in book.get_by_text("Error displaying widget").all())
    assert reader.outside == []


# Boxes of the profit labels that are drawn, in pixels, after a zoom to some bars.
LABELS = """async ([start, end]) => {
  const fig = [...Bokeh.index][0].model.children[0]
  fig.x_range.setv({start, end})
  await new Promise((done) => setTimeout(done, 500))
  const data = [...fig.document._all_models.values()].find((each) => each.data?.text && each.data?.won).data
  const {y_range, inner_width, inner_height} = fig
  return [...data.x.keys()].map((i) => [(data.x[i] - start) / (end - start) * inner_width,
    (y_range.end - data.y[i]) / (y_range.end - y_range.start) * inner_height, 3.3 * data.text[i].length])
}"""


def test_profit_labels_come_with_few_trades_and_leave_each_other_room(chromium: Any, tmp_path: Path) -> None:
    path = write_report(make_result(random_candles(900)), tmp_path / "report.html")
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(path.as_uri())
    page.wait_for_function("() => [...Bokeh.index].length > 0")
    assert page.evaluate(LABELS, [-9, 909]) == []
    boxes = page.evaluate(LABELS, [50, 300])
    page.close()
    assert len(boxes) > 8
    for place, (x, y, half) in enumerate(boxes):
        for other_x, other_y, other_half in boxes[:place]:
            assert abs(x - other_x) >= half + other_half or abs(y - other_y) >= 13


def test_a_report_opens_without_a_network_in_the_readers_theme(chromium: Any, tmp_path: Path) -> None:
    result = make_result(random_candles(900))
    path = write_report(result, tmp_path / "report.html")
    page = chromium.new_page(viewport={"width": 1400, "height": 1000}, color_scheme="dark")
    troubles, asked = [], []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    for _ in range(100):
        if page.evaluate(PAINTED) >= 5:
            break
        page.wait_for_timeout(100)
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(ARTEFACTS / "report-dark.png"), full_page=True)
    assert page.evaluate(PAINTED) >= 5
    paper = "() => getComputedStyle(document.body).backgroundColor"
    drawn = "() => [...Bokeh.index][0].model.children[0].background_fill_color"
    assert (page.evaluate(paper), page.evaluate(drawn)) == ("rgb(17, 17, 17)", "#111111")
    page.get_by_role("button", name="theme").click()
    assert (page.evaluate(paper), page.evaluate(drawn)) == ("rgb(255, 255, 255)", "#ffffff")
    page.wait_for_timeout(400)
    page.screenshot(path=str(ARTEFACTS / "report-light.png"), full_page=True)

    page.get_by_role("columnheader", name="profit").click()
    worst = page.locator("tbody tr").first.locator("td").nth(8).inner_text()
    assert worst == signed(float(result.trades["pnl"].min()))
    page.get_by_role("columnheader", name="profit").click()
    best = page.locator("tbody tr").first.locator("td").nth(8).inner_text()
    assert best == signed(float(result.trades["pnl"].max()))
    page.close()
    assert troubles == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
