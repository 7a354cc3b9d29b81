"""The report: one HTML file with everything in it, Bokeh included, so that it opens without a network."""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import bokeh
import numpy as np
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document

from sptrader_lab.charts.distribution import trade_distribution
from sptrader_lab.charts.layout import result_layout
from sptrader_lab.charts.months import monthly_heatmap
from sptrader_lab.charts.numbers import instant, plain
from sptrader_lab.charts.palette import palette, swaps
from sptrader_lab.charts.price import price_chart
from sptrader_lab.charts.scripts import script, web
from sptrader_lab.charts.summary import metrics_html, summary_html
from sptrader_lab.charts.table import columns, trade_rows
from sptrader_lab.errors import InputError
from sptrader_lab.results import document
from sptrader_lab.results.breakdown import by_both, correlation

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

#: Trades in the report's table; the note above it says how many there are.
MOST_ROWS: Final = 1000
#: Symbols that get a chart.
MOST_SYMBOLS: Final = 6
_CANDLES: Final = 3000


def write_report(result: Result, path: str | Path, *, gaps: bool = False, theme: str = "auto") -> Path:
    """Write a self-contained HTML report: metrics, charts, trades, sources and the run's facts.

    Parameters
    ----------
    path : str or Path
        The file to write; folders above it are made. It is replaced in one step, never half written.
    gaps : bool
        True: charts in real time, with weekends as holes.
    theme : str
        ``"light"``, ``"dark"``, or ``"auto"``: as the reader's system prefers; a button switches.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    InputError
        When `path` is a folder, or lies in one that can't be made or written to.
    """
    target = Path(path)
    if target.is_dir():
        raise InputError(f"{target} is a folder; a report is one file, such as {target / 'report.html'}")
    text = report_html(result, gaps=gaps, theme=theme)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    except OSError as error:
        why = f"the folder {target.parent} can't be written to ({error.strerror})"
        raise InputError(f"the report {target} can't be written: {why}; give a path in a folder of your own") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def report_html(result: Result, *, gaps: bool = False, theme: str = "auto") -> str:
    """Return the report's text; parameters as in `write_report`."""
    palette(theme)
    charts = [result_layout(result, max_candles=_CANDLES, gaps=gaps)]
    shown = range(1, min(len(result.candles), MOST_SYMBOLS))
    charts += [price_chart(result, symbol, max_candles=_CANDLES, gaps=gaps) for symbol in shown]
    pair = [monthly_heatmap(result), trade_distribution(result)]
    drawings = Document()
    for figure in (*charts, *pair):
        drawings.add_root(figure)
    what, _, when = document.title(result).partition(" on ")
    parts = {
        "title": html.escape(document.title(result)),
        "heading": html.escape(what),
        "subtitle": html.escape(when),
        "css": web("summary.css") + web("report.css"),
        "summary": summary_html(result, title=False, metrics=False, style=False),
        "charts": '<div class="drawing"></div>' * len(charts) + _symbols_note(result),
        "breakdown": _breakdown_html(result),
        "pair": '<div class="drawing"></div>' * len(pair),
        "metrics": metrics_html(result),
        "trades": _trades_html(result),
        "facts": _facts_html(result),
        "sources": _sources_html(result),
        "bokeh": _bokeh_script(),
        "drawings": _inside_script(serialize_json(drawings.to_json(deferred=False))),
        "swaps": json.dumps(swaps()),
        "script": script("recolour") + script("report"),
    }
    page = web("report.html")
    if theme != "auto":
        page = page.replace('<html lang="en">', f'<html lang="en" data-fixed="{theme}">')
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], page)


def _bokeh_script() -> str:
    path = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    return _inside_script(path.read_text(encoding="utf-8"))


def _inside_script(text: str) -> str:
    """Keep text from ending the script element that it stands in."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _symbols_note(result: Result) -> str:
    left = result.symbols[MOST_SYMBOLS:]
    return f'<p class="note">Without a chart here: {html.escape(", ".join(left))}.</p>' if left else ""


def _breakdown_html(result: Result) -> str:
    """Return who made what, and how strategies move together; nothing where one strategy ran on one symbol."""
    tables = [*by_both(result), *correlation(result)]
    if not tables:
        return ""
    return f'<section class="spt-tables">{"".join(map(document.table_html, tables))}</section>'


def _trades_html(result: Result) -> str:
    total = len(result.outcome.trades)
    if not total:
        return '<p class="note">No trades were closed.</p>'
    rows, shown = trade_rows(result, np.arange(min(total, MOST_ROWS), dtype=np.intp)), columns(result)
    head = "".join(f'<th class="{"number" if each.numeric else ""}">{html.escape(each.head)}</th>' for each in shown)
    body = "".join(f"<tr>{''.join(map(_cell, row, shown))}</tr>" for row in rows)
    most = (
        f"The first {MOST_ROWS:,} of {total:,} trades; `result.to_csv(folder)` writes them all. "
        if total > MOST_ROWS
        else ""
    )
    note = f'<p class="note">{most}A click on a head sorts the rows.</p>'
    return f'{note}<div class="trades"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str, column: Any) -> str:
    kinds = ["number"] if column.numeric else []
    if column.key == "pnl":
        kinds += ["gain"] if text.startswith("+") else ["fall"] if text[0] not in "0123456789" else []
    return f'<td class="{" ".join(kinds)}">{html.escape(text)}</td>'


def _facts_html(result: Result) -> str:
    facts = {
        "run id": result.run_id,
        "digest of orders, fills and equity": result.digest,
        "capital": f"{plain(result.capital)} {result.currency}",
        "trading day ends": str(result.day_end),
        "look-ahead check": result.lookahead or "none was made",
    }
    for place, candles in enumerate(result.candles):
        span = f", {instant(candles.time[0])} .. {instant(candles.time[-1])}" if len(candles) else ""
        facts[f"candles {place + 1}" if len(result.candles) > 1 else "candles"] = (
            f"{candles.symbol} {candles.timeframe}: {len(candles):,} ({candles.source}, {candles.price} prices){span}"
        )
    if result.seconds:
        facts["seconds"] = ", ".join(f"{name} {took:.3f}" for name, took in result.seconds.items())
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in facts.items())
    manifest = html.escape(json.dumps(result.manifest, indent=2, ensure_ascii=False))
    return f"<dl>{rows}</dl><details><summary>Every input of this run</summary><pre>{manifest}</pre></details>"


def _sources_html(result: Result) -> str:
    if not result.sources:
        return '<p class="note">The run kept no source files.</p>'
    return "".join(
        f"<details{' open' if place == 0 else ''}><summary>{html.escape(name)}</summary><pre>{html.escape(text)}</pre></details>"
        for place, (name, text) in enumerate(result.sources.items())
    )
