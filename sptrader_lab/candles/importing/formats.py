"""Which program wrote this file: what its columns are called and what its times mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from sptrader_lab.candles.importing.read import Table
from sptrader_lab.errors import ImportRefused, unknown
from sptrader_lab.types.candles import PRICES

#: HistData's clock: New York's standard time all year, without daylight saving.
EST: Final = "UTC-5"
FIELDS: Final = ("time", *PRICES, "volume", "spread")
_TIMES: Final = ("time", "timestamp", "datetime", "date", "open time", "open_time", "", "unnamed: 0", "index")
_UTC_TIMES: Final = (
    "gmt time",
    "time (utc)",
    "time (gmt)",
    "utc",
    "utc time",
    "time_utc",
    "timestamp_utc",
    "datetime_utc",
)
_LOCAL_TIMES: Final = ("local time", "time (eet)")
_VOLUMES: Final = ("tickvol", "tick_volume", "tick volume", "volume", "vol")
_MORE: Final = "--columns time=Date,open=O,high=H,low=L,close=C,volume=V"


@dataclass
class Layout:
    """How to read a file.

    Attributes
    ----------
    format : str
        Who wrote it.
    columns : dict of str to int
        Our names to positions of the file's columns; the time may stand in two (date, then clock).
    zone : str, optional
        The zone that the format fixes.
    zone_hint : str
        What to say of the zone when nothing fixes it.
    day_first : bool, optional
        Whether the format writes the day before the month.
    time_pattern : str
        A strptime pattern that the user gave.
    points : bool
        The spread is in points, the last decimal of the prices, not in price units.
    price : str
        mid, bid or ask.
    """

    format: str
    columns: dict[str, int]
    clock: int | None = None
    zone: str | None = None
    zone_hint: str = "say which zone they are in: --tz UTC, --tz Europe/London, ..."
    day_first: bool | None = None
    time_pattern: str = ""
    wall_clock: bool = False
    points: bool = False
    price: str = "mid"
    notes: list[str] = field(default_factory=list)


_MT_HINT: Final = (
    "MetaTrader writes its broker's clock: say it with --tz, often America/New_York+7 (a server whose day ends at 17:00 New "
    "York) or Europe/Athens"
)


def recognise(table: Table, chosen: dict[str, str]) -> Layout:
    """Say how to read a file.

    Parameters
    ----------
    table : Table
        The file.
    chosen : dict of str to str
        Our names to the file's, from the user; the rest is recognised.

    Raises
    ------
    ImportRefused
        When columns are missing or unknown; the text says what to add.
    """
    if not table.has_header and "time" not in chosen:
        return _headless(table)
    names = [re.sub(r"[<>]", "", name).strip().lower() for name in table.header]
    layout = _family(table, names)
    _choose(layout, table, chosen)
    for name in PRICES:
        if name not in layout.columns:
            layout.columns[name] = _only(table, names, (name,), name)
    if "time" not in layout.columns:
        _find_time(layout, table, names)
    if "volume" not in layout.columns and any(name in names for name in _VOLUMES):
        word = next(name for name in _VOLUMES if name in names)
        layout.columns["volume"] = _only(table, names, (word,), "volume")
    if "spread" not in layout.columns and "spread" in names:
        layout.columns["spread"] = names.index("spread")
    _note_rest(layout, table)
    return layout


def _family(table: Table, names: list[str]) -> Layout:
    if any(name.startswith("<") for name in table.header) or {"tick_volume", "real_volume"} <= set(names):
        notes = ["the spread column is in points; it was turned into price units", "volume is the tick volume"]
        return Layout(
            "MetaTrader",
            {},
            zone_hint=_MT_HINT,
            wall_clock=True,
            points=True,
            price="bid",
            notes=notes if "spread" in names else notes[1:],
        )
    if any(name in names for name in (*_UTC_TIMES[:3], *_LOCAL_TIMES)):
        ask = "ask" in re.split(r"[^a-z]+", table.path.stem.lower())
        bid = "bid" in re.split(r"[^a-z]+", table.path.stem.lower())
        return Layout("Dukascopy", {}, day_first=True, price="ask" if ask else "bid" if bid else "mid")
    if "adj close" in names:
        return Layout("Yahoo", {}, notes=["prices are the raw ones; Adj Close was left out"])
    if table.header[:5] == ("time", *PRICES) and "Volume" in table.header[5:]:
        return Layout("TradingView", {})
    return Layout("pandas" if table.header[0].lower() in _TIMES else "table", {})


def _headless(table: Table) -> Layout:
    """Recognise files without a header by the look of their first row."""
    first = [str(column.iloc[0]) if len(column) else "" for column in table.columns]
    if len(first) == 6 and re.fullmatch(r"\d{8} \d{6}", first[0]):
        columns = dict(zip(FIELDS, range(6), strict=False))
        return Layout("HistData", columns, zone=EST, price="bid", notes=["HistData's clock is EST (UTC-5) all year"])
    if len(first) == 7 and re.fullmatch(r"\d{4}\.\d\d\.\d\d", first[0]) and re.fullmatch(r"\d\d:\d\d", first[1]):
        columns = dict(zip(FIELDS, (0, 2, 3, 4, 5, 6), strict=False))
        if table.path.name.upper().startswith("DAT_MT_") or not pd.to_numeric(table.columns[6], errors="coerce").any():
            notes = ["HistData's clock is EST (UTC-5) all year"]
            return Layout("HistData (MetaTrader form)", columns, clock=1, zone=EST, price="bid", notes=notes)
        hint = f"{_MT_HINT}. If HistData wrote it, say --tz UTC-5"
        return Layout("MetaTrader", columns, clock=1, zone_hint=hint, price="bid", notes=["volume is the tick volume"])
    raise ImportRefused(
        f"{table.path}:{table.line[0] if len(table) else 1}: the file has no header and {','.join(first)[:80]!r} is no form that "
        "is known; say where things stand, counting columns from 1: --columns time=1,open=2,high=3,low=4,close=5,volume=6"
    )


def _choose(layout: Layout, table: Table, chosen: dict[str, str]) -> None:
    for name, theirs in chosen.items():
        if name not in FIELDS:
            raise ImportRefused(unknown("column name", name, FIELDS, "--columns"))
        word, _, pattern = theirs.partition(":%")
        parts = [word] if word in table.header else word.split("+")
        if len(parts) > (2 if name == "time" else 1):
            raise ImportRefused(f"--columns {name}={theirs}: only the time may stand in two columns (time=Date+Time)")
        for part in parts:
            if part not in table.header:
                raise ImportRefused(unknown("column", part, table.header, f"{table.path}: --columns {name}={theirs}"))
        layout.columns[name] = table.header.index(parts[0])
        if name == "time":
            layout.clock = table.header.index(parts[1]) if len(parts) == 2 else None
            layout.time_pattern = f"%{pattern}" if pattern else ""


def _find_time(layout: Layout, table: Table, names: list[str]) -> None:
    if "date" in names and "time" in names:
        layout.columns["time"], layout.clock = names.index("date"), names.index("time")
        return
    layout.columns["time"] = _only(table, names, (*_UTC_TIMES, *_LOCAL_TIMES, *_TIMES), "time")
    if names[layout.columns["time"]] in _UTC_TIMES:
        layout.zone = "UTC"


def _only(table: Table, names: list[str], words: tuple[str, ...], field: str) -> int:
    """Return the position of the one column that bears one of `words`, the earlier words first."""
    for word in words:
        count = names.count(word)
        if count == 1:
            return names.index(word)
        if count > 1:
            raise ImportRefused(
                f"{table.path}: {count} columns are called {word!r}; say which one: --columns {field}=NAME"
            )
    raise ImportRefused(
        f"{table.path}: no column is known to hold {field}; the columns are {', '.join(map(repr, table.header))}. "
        f"Say which is which: {_MORE}"
    )


def _note_rest(layout: Layout, table: Table) -> None:
    used = {*layout.columns.values(), layout.clock}
    rest = [name for position, name in enumerate(table.header) if position not in used]
    if rest:
        layout.notes.append(f"columns left out: {', '.join(rest)}")
    if "volume" not in layout.columns:
        layout.notes.append("the file has no volume; it was set to 0")
