"""A result as text, as JSON-able data and as CSV files."""

from __future__ import annotations

import csv
import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sptrader_lab.results.breakdown import Table, breakdown, lines
from sptrader_lab.results.metrics import METRICS, Number
from sptrader_lab.results.notes import notes
from sptrader_lab.types.calendar import SECOND

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

HEADLINES: Final = (
    "total_return",
    "buy_and_hold_return",
    "cagr",
    "sharpe_ratio",
    "sortino_ratio",
    "max_drawdown",
    "volatility",
    "exposure",
    "total_trades",
    "win_rate",
    "profit_factor",
    "expectancy",
    "total_costs",
)
#: Names that a title lists; the rest are counted.
_MOST_NAMES: Final = 4


def plain(value: Any) -> Any:
    """Return `value` in types that JSON knows: arrays and tuples as lists, NaN as None, infinities as ``"inf"``."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, (np.generic, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def number(name: str, value: Number) -> str:
    """Return a metric as a person reads it: a fraction as percent, money with separators, NaN as a dash."""
    unit = METRICS[name].unit
    if math.isnan(value):
        return "-"
    if unit == "fraction":
        return f"{100 * value:.2f} %"
    if unit == "count":
        return f"{value:,.0f}"
    return f"{value:,.2f}" if unit in {"money", "ratio"} else f"{value:,.1f} {unit}"


def headline(name: str, metrics: Mapping[str, Number]) -> str:
    """Return a metric as the summary shows it: the costs with their parts, of which a trade's `costs` hold but one."""
    text = number(name, metrics[name])
    if name != "total_costs":
        return text
    named = ["commission", "slippage", *(["spread"] if metrics["total_spread"] else [])]
    parts = (f"{part} {number(f'total_{part}', metrics[f'total_{part}'])}" for part in named)
    return f"{text} ({' + '.join(parts)})"


def headlines(metrics: Mapping[str, Number]) -> tuple[str, ...]:
    """Return the names of the metrics that a summary shows; financing only where there was any."""
    return (*HEADLINES, *(["total_financing"] if metrics["total_financing"] else []))


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as JSON-able dicts, times in ISO-8601."""
    texts = {name: _plain_column(table[name]) for name in table.columns}
    return [dict(zip(texts, values, strict=True)) for values in zip(*texts.values(), strict=True)]


def _plain_column(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        stamps = column.dt.tz_localize(None).to_numpy()
        whole = bool((stamps.astype(np.int64) % SECOND == 0).all())
        return [f"{text}+00:00" for text in np.datetime_as_string(stamps, unit="s" if whole else "ns")]
    values = column.tolist()
    return values if column.dtype.kind != "f" else [plain(value) for value in values]


def describe(result: Result) -> str:
    """Return the text summary that the command line prints."""
    metrics = result.metrics
    width = max(map(len, HEADLINES))
    said = [title(result), ""]
    money = f"{number('start_capital', metrics['start_capital'])} -> {number('end_capital', metrics['end_capital'])}"
    said += [f"  {'capital':{width}}  {money} {result.currency}"]
    said += [f"  {name:{width}}  {headline(name, metrics)}" for name in headlines(metrics)]
    for table in breakdown(result):
        said += ["", *lines(table)]
    said += ["", *notes(result)]
    said += [f"run {result.run_id[:12]}, digest {result.digest[:12]}"]
    return "\n".join(said)


def title(result: Result) -> str:
    """Return what ran on what, from the opening of the first candle to that of the last."""
    alike: dict[str, list[str]] = {}
    for one in result.candles:
        alike.setdefault(f"{one.timeframe} ({one.source})", []).append(one.symbol)
    what = ", ".join(f"{listed(symbols)} {kind}" for kind, symbols in alike.items())
    name = result.manifest.get("portfolio", "")
    head = f"{name and f'{name}: '}{listed(result.strategies)} on {what}"
    if not len(result.outcome.time):
        return f"{head}, no steps"
    first, last = np.array(result.span).view("datetime64[ns]").astype("datetime64[m]")
    counted = "candles" if len(result.candles) == 1 else "steps"
    return f"{head}, {len(result.outcome.time):,} {counted}, {first} .. {last} UTC"


def listed(names: Sequence[str]) -> str:
    """Return different names as a list that a line has room for."""
    different = list(dict.fromkeys(names))
    left = len(different) - _MOST_NAMES
    return ", ".join(different) if left <= 1 else f"{', '.join(different[:_MOST_NAMES])} and {left} more"


def to_html(result: Result) -> str:
    """Return the headline metrics as a small table, for a cell without a chart."""
    metrics = result.metrics
    cells = [
        f"<tr><th>{name}</th><td>{headline(name, metrics)}</td></tr>" for name in ("end_capital", *headlines(metrics))
    ]
    tables = "".join(map(table_html, breakdown(result)))
    remarks = "".join(f"<div>{html.escape(text)}</div>" for text in notes(result))
    return f"<b>{html.escape(title(result))}</b><table>{''.join(cells)}</table>{tables}{remarks}"


def table_html(table: Table) -> str:
    """Return a breakdown as an HTML table: numbers are of class `number`, the row of sums of class `all`."""
    kinds = ["" if place < table.words else ' class="number"' for place in range(len(table.heads))]

    def row(cell: str, texts: Sequence[str], kind: str = "") -> str:
        cells = (f"<{cell}{kind}>{html.escape(text)}</{cell}>" for kind, text in zip(kinds, texts, strict=True))
        return f"<tr{kind}>{''.join(cells)}</tr>"

    last = len(table.rows) - 1 if table.total else None
    body = "".join(row("td", texts, ' class="all"' * (place == last)) for place, texts in enumerate(table.rows))
    head = f"<thead>{row('th', table.heads)}</thead>"
    return f"<table><caption>{html.escape(table.title)}</caption>{head}<tbody>{body}</tbody></table>"


def portfolio(result: Result) -> dict[str, Any]:
    """Return the account at the end; see `Result.final_portfolio`."""
    equity = [result.capital, *result.daily_equity.iloc[-2:].tolist()]
    return {
        "cash": float(result.outcome.account["cash"][0]),
        "total_value": result.end_capital,
        "positions": rows(result.positions),
        "daily_pnl": equity[-1] - equity[-2] if len(equity) > 1 else 0.0,
        "total_pnl": result.total_pnl,
        "total_financing": result.metrics["total_financing"],
        "max_drawdown": result.max_drawdown,
    }


def to_dict(result: Result) -> dict[str, Any]:
    """Return the result as JSON-able data; undefined numbers are None."""
    daily, metrics = result.daily_returns, result.metrics.whole()
    small: dict[str, Any] = plain(
        {
            **metrics,
            "metrics": metrics,
            "final_portfolio": result.final_portfolio,
            "daily_returns": dict(zip(_days(daily), daily.tolist(), strict=True)),
            "refusals": result.refusal_counts,
            "profit_band": result.profit_band if result.profit_band_known else None,
            "strategies": result.strategies,
            "symbols": result.symbols,
            "currency": result.currency,
            "lookahead": result.lookahead,
            "warnings": result.warnings,
            "seconds": result.seconds,
            "logs": result.logs,
            "run_id": result.run_id,
            "digest": result.digest,
        }
    )
    tables = {"completed_trades": result.trades, "open_positions": result.positions, "attribution": result.attribution}
    return {**small, **{name: rows(table) for name, table in tables.items()}}


def _days(daily: pd.Series[float]) -> list[str]:
    return [str(day) for day in pd.DatetimeIndex(daily.index).to_numpy().astype("datetime64[D]")]


def to_csv(result: Result, folder: str | Path) -> Path:
    """Write tables, equity and metrics as CSV; floats read back exactly, times are ISO-8601 UTC."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name in ("trades", "orders", "fills", "cashflows", "attribution"):
        getattr(result, name).to_csv(target / f"{name}.csv", index=False)
    curves = pd.DataFrame({"equity": result.equity, "drawdown": result.drawdown, "exposure": result.exposure})
    if len(result.strategies) > 1:
        curves = pd.concat([curves, result.strategy_equity.add_prefix("equity of ")], axis=1)
    curves.to_csv(target / "equity.csv")
    with (target / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "value", "unit"))
        writer.writerows((name, value, METRICS[name].unit) for name, value in result.metrics.whole().items())
    return target
