"""Symbols: which one a question means, and under which name an import may add candles."""

from __future__ import annotations

from pathlib import Path

from sptrader_lab.candles import layout
from sptrader_lab.candles.made import MAKERS
from sptrader_lab.candles.missing import known_symbols, no_symbol
from sptrader_lab.errors import InputError, unknown


def resolve(data: Path, symbol: str, source: str | None) -> tuple[str, str]:
    """Return the source that answers for a symbol, and the symbol as it is written there.

    The name as it was asked for wins; else the only one that differs just in case and slashes (`eur/usd` for EURUSD).

    Raises
    ------
    MissingCandles
        When there is none, or several.
    """
    if source is not None and source not in layout.FOLDERS:
        raise InputError(unknown("source", source, layout.FOLDERS))
    sources = tuple(layout.FOLDERS) if source is None else (source,)
    for choice in sources:
        made = choice in MAKERS
        if symbol in MAKERS[choice].symbols if made else layout.indexes(data, choice, symbol):
            return choice, symbol
    alike = [other for other in known_symbols(data, sources) if _plain(other) == _plain(symbol)]
    if len(alike) == 1:
        return resolve(data, alike[0], source)
    raise no_symbol(data, symbol, source)


def must_be_new_or_known(data: Path, symbol: str) -> None:
    """Refuse a second way of writing a known symbol: whoever asked for one would not find the other's candles.

    Raises
    ------
    InputError
        With the way it is written already.
    """
    known = known_symbols(data, tuple(layout.FOLDERS))
    other = next((other for other in known if _plain(other) == _plain(symbol)), symbol)
    if symbol not in known and other != symbol:
        raise InputError(f"symbol {symbol!r} is written {other!r} in {data} already; write it the same way")


def _plain(symbol: str) -> str:
    return symbol.upper().replace("/", "")
