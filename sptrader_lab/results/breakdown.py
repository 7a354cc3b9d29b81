"""Breakdown: what each strategy and each symbol of a run came to, as tables of text that every face shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

_HEADS: Final = {
    "trades": "trades",
    "gross": "gross",
    "costs": "costs",
    "financing": "financing",
    "open_pnl": "open",
    "pnl": "profit",
    "refused": "refused entries",
}
_COUNTS: Final = ("trades", "refused")
#: Left out where every row has none of it.
_RARE: Final = ("costs", "financing", "open_pnl", "refused")


class Table(NamedTuple):
    """A small table: its title, its heads, and rows of text; the first `words` columns are names, the others numbers.

    `total` says that the last row is the sum of the others.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    total: bool = True


def breakdown(result: Result) -> list[Table]:
    """Return profits by strategy and by symbol, where there are several; the last row of each is the account."""
    several = {"strategy": len(result.strategies) > 1, "symbol": len(result.symbols) > 1}
    return [
        _table(f"Profit by {name}, {result.currency}", result.attribution_by(name), (name,))
        for name, there in several.items()
        if there
    ]


def by_both(result: Result) -> list[Table]:
    """Return profits by strategy and symbol where there are several of both, and no pair is all that one of them has."""
    table = result.attribution
    if len(table) <= max(len(result.strategies), len(result.symbols)):
        return []
    return [_table(f"Profit by strategy and symbol, {result.currency}", table, ("strategy", "symbol"))]


def correlation(result: Result) -> list[Table]:
    """Return how the strategies' daily profits move together, where there are several."""
    names = result.strategies
    if len(names) < 2:
        return []
    rows = [
        (name, *(_ratio(value) for value in values))
        for name, values in zip(names, result.strategy_correlation.to_numpy(), strict=True)
    ]
    return [Table("Correlation of daily profits", ("strategy", *names), tuple(rows), total=False)]


def lines(table: Table) -> list[str]:
    """Return a table as lines of aligned text, with its title first."""
    columns = zip(table.heads, *table.rows, strict=True)
    widths = [max(map(len, column)) for column in columns]
    aligned = [
        "  ".join(
            text.ljust(width) if place < table.words else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (table.heads, *table.rows)
    ]
    return [table.title, *(f"  {line}".rstrip() for line in aligned)]


def _table(title: str, frame: pd.DataFrame, names: tuple[str, ...]) -> Table:
    shown = [name for name in _HEADS if name not in _RARE or bool((frame[name] != 0).any())]
    rows = [
        (*(str(row[name]) for name in names), *(_text(name, row[name]) for name in shown))
        for row in frame.to_dict("records")
    ]
    total = ("all", *[""] * (len(names) - 1), *(_text(name, frame[name].sum()) for name in shown))
    return Table(title, (*names, *(_HEADS[name] for name in shown)), (*rows, total), len(names))


def _text(name: str, value: float) -> str:
    return f"{value:,.0f}" if name in _COUNTS else f"{value:,.2f}"


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
