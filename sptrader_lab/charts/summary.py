"""A result in a few words and numbers, as HTML that the report and the notebook share."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from sptrader_lab.charts.numbers import NOTHING, percent, plain, signed
from sptrader_lab.charts.scripts import web
from sptrader_lab.results import document
from sptrader_lab.results.breakdown import breakdown
from sptrader_lab.results.metrics import METRICS
from sptrader_lab.results.notes import ALARM, notes

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

_SPELLED: Final = {
    "cagr": "CAGR",
    "sqn": "SQN",
    "total_pnl": "Total profit",
    "value_at_risk_95": "Value at risk, 95 %",
    "max_drawdown_duration_days": "Max drawdown duration",
    "average_holding_hours": "Average holding time",
    "average_holding_bars": "Average age at the exit",
}


class Card(NamedTuple):
    """One headline: what it is called, its value as text, and whether it is good (1), bad (-1) or neither (0)."""

    label: str
    value: str
    tone: int = 0


def cards(result: Result) -> list[Card]:
    """Return the handful of numbers that a reader looks for first."""
    metrics = result.metrics
    profit, growth = float(metrics["total_pnl"]), float(metrics["total_return"])
    tone = (profit > 0) - (profit < 0)
    return [
        Card("Total return", percent(growth, sign=True), tone),
        Card(f"Profit, {result.currency}", signed(profit), tone),
        Card("Max drawdown", percent(-float(metrics["max_drawdown"]))),
        Card("Sharpe ratio", plain(float(metrics["sharpe_ratio"]))),
        Card("Trades", plain(float(metrics["total_trades"]), 0)),
        Card("Win rate", percent(float(metrics["win_rate"]), 1)),
        Card("Profit factor", plain(float(metrics["profit_factor"]))),
        Card("Time in market", percent(float(metrics["exposure"]), 1)),
    ]


def metric_rows(result: Result) -> list[tuple[str, str, str]]:
    """Return every metric as (label, value, meaning)."""
    metrics = result.metrics.whole()
    return [(label(name), value(name, float(number)), METRICS[name].meaning) for name, number in metrics.items()]


def label(name: str) -> str:
    """Return a metric's name as a person writes it; the unit of a span stands behind its value."""
    return _SPELLED.get(name, name.replace("_", " ").capitalize().replace("sharpe", "Sharpe"))


def value(name: str, number: float) -> str:
    """Return a metric with its unit; NaN is a dash."""
    if math.isnan(number):
        return NOTHING
    unit = METRICS[name].unit
    if unit == "fraction":
        return percent(number)
    return (
        plain(number, 0)
        if unit == "count"
        else plain(number)
        if unit in {"money", "ratio"}
        else f"{plain(number, 1)} {unit}"
    )


def summary_html(result: Result, *, title: bool = True, metrics: bool = True, style: bool = True) -> str:
    """Return headline cards and what must be known beside them; every metric folded away, and the style, if asked."""
    head = f"<h3>{html.escape(document.title(result))}</h3>" if title else ""
    more = f"<details><summary>All metrics</summary>{metrics_html(result)}</details>" if metrics else ""
    css = f"<style>{web('summary.css')}</style>" if style else ""
    return f'{css}<div class="spt-summary">{head}{_cards_html(result)}{_tables_html(result)}{_notes_html(result)}{_logs_html(result)}{more}</div>'


def _cards_html(result: Result) -> str:
    tones = {1: " spt-gain", -1: " spt-fall", 0: ""}
    each = "".join(
        f'<div class="spt-card{tones[card.tone]}"><div>{html.escape(card.label)}</div><b>{html.escape(card.value)}</b></div>'
        for card in cards(result)
    )
    return f'<div class="spt-cards">{each}</div>'


def _tables_html(result: Result) -> str:
    tables = "".join(map(document.table_html, breakdown(result)))
    return f'<div class="spt-tables">{tables}</div>' if tables else ""


def _notes_html(result: Result) -> str:
    kinds = {ALARM: ' class="spt-alarm"', "warning": ' class="spt-warning"'}
    found = [
        (next((kind for head, kind in kinds.items() if note.startswith(head)), ""), note) for note in notes(result)
    ]
    lines = "".join(f"<li{kind}>{html.escape(note)}</li>" for kind, note in found)
    return f'<ul class="spt-notes">{lines}</ul>' if found else ""


def _logs_html(result: Result) -> str:
    if not result.logs:
        return ""
    each = "".join(f"<b>{html.escape(name)}</b><pre>{html.escape(text)}</pre>" for name, text in result.logs.items())
    return f"<details><summary>What components printed</summary>{each}</details>"


def metrics_html(result: Result) -> str:
    """Return every metric, its meaning under the pointer."""
    rows = "".join(
        f'<div title="{html.escape(meaning)}"><span>{html.escape(name)}</span><b>{html.escape(text)}</b></div>'
        for name, text, meaning in metric_rows(result)
    )
    return f'<div class="spt-metrics">{rows}</div>'
