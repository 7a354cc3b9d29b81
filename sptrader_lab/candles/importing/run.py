"""Importing one file: read, recognise, judge every row, merge, and put aside what can't be trusted."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader_lab.candles.importing.formats import Layout, recognise
from sptrader_lab.candles.importing.read import Table, read_table
from sptrader_lab.candles.importing.report import ImportReport
from sptrader_lab.candles.importing.times import Place, Times, read_times
from sptrader_lab.candles.layout import folder_of, replace_with
from sptrader_lab.candles.merge import merge
from sptrader_lab.candles.quality import examine
from sptrader_lab.candles.rows import Floats, Mask, Rows, flaws
from sptrader_lab.errors import ImportRefused, InputError, unknown
from sptrader_lab.types.calendar import DAY, HOUR, MINUTE, SECOND, Timeframe, timeframe
from sptrader_lab.types.candles import PRICE_KINDS
from sptrader_lab.types.instruments import instrument

BAD_ROWS: Final = ("quarantine", "refuse")
_SHOWN: Final = 5


class Wish(NamedTuple):
    """What the user says about a file."""

    symbol: str
    timeframe: str | None = None
    tz: str | None = None
    columns: dict[str, str] = {}  # noqa: RUF012
    bad_rows: str = "quarantine"
    price: str | None = None


class Judged(NamedTuple):
    """A file's rows and what is wrong with them.

    Attributes
    ----------
    reason : numpy.ndarray of object
        Why a row can't be imported; None where it can.
    repeated : mask
        Rows that say what an earlier row said.
    """

    rows: Rows
    reason: NDArray[np.object_]
    repeated: Mask
    disorder: int


def import_file(data: Path, path: Path, wish: Wish) -> ImportReport:
    """Import a file into the store below `data`; see `CandleStore.import_file`."""
    if wish.bad_rows not in BAD_ROWS:
        raise InputError(unknown("answer to bad rows", wish.bad_rows, BAD_ROWS))
    if wish.price not in (None, *PRICE_KINDS):
        raise InputError(unknown("kind of price", str(wish.price), PRICE_KINDS))
    folder_of(data, "store", wish.symbol, "1m")
    table = read_table(path)
    layout = recognise(table, wish.columns)
    times = read_times(
        _time_column(table, layout), layout, wish.tz, instrument(wish.symbol), Place(path, _time_name(table, layout))
    )
    judged = _judge(_rows(table, layout, times), times)
    good = np.array([reason is None for reason in judged.reason], np.bool_) & ~judged.repeated
    if wish.bad_rows == "refuse" or not good.any():
        _refuse(table, judged, nothing_left=not good.any())
    frame = _timeframe(judged.rows.time[good], wish.timeframe, path)
    price = wish.price or layout.price
    quality = examine(judged.rows, wish.symbol, frame, path.name)
    order = np.flatnonzero(good)[np.argsort(judged.rows.time[good], kind="stable")]
    merged = merge(
        data,
        "store",
        wish.symbol,
        frame.text,
        judged.rows.take(order),
        price=price,
        only_whole=wish.bad_rows == "refuse",
    )
    judged.reason[order[merged.conflicts]] = "the store holds another candle for this time; it was kept"
    if wish.bad_rows == "refuse":
        _refuse(table, judged, nothing_left=False)
    bad = _bad_rows(table, judged)
    total = len(table) + len(table.ragged)
    return ImportReport(
        path,
        wish.symbol,
        frame.text,
        layout.format,
        times.zone,
        price,
        rows=total,
        imported=int(merged.added.sum()),
        identical=int(merged.identical.sum()),
        repeated=int(judged.repeated.sum()),
        quarantined=len(bad),
        reasons=dict(Counter(reason for _, reason in bad)),
        disorder=judged.disorder,
        quarantine=_put_aside(data, table, wish.symbol, bad) if bad else None,
        notes=tuple(layout.notes),
        quality=replace(quality, rows=total, broken=(quality.broken or {}) | Counter(why for _, why in table.ragged)),
    )


def _time_column(table: Table, layout: Layout) -> pd.Series:
    first = table.columns[layout.columns["time"]]
    return first if layout.clock is None else first.astype("str") + " " + table.columns[layout.clock].astype("str")


def _time_name(table: Table, layout: Layout) -> str:
    positions = [layout.columns["time"], *([] if layout.clock is None else [layout.clock])]
    return "+".join(table.header[position] for position in positions)


def _rows(table: Table, layout: Layout, times: Times) -> Rows:
    numbers = {name: _numbers(table.columns[position]) for name, position in layout.columns.items() if name != "time"}
    volume = numbers.get("volume", np.zeros(len(table)))
    if len(volume) and np.isnan(volume).all():
        layout.notes.append("the volume column is empty; it was set to 0")
        volume = np.zeros(len(table))
    spread = numbers.get("spread", np.full(len(table), np.nan))
    if layout.points:
        spread = np.round(spread * 10.0 ** -_decimals(numbers["close"]), 12)
    return Rows(times.time, numbers["open"], numbers["high"], numbers["low"], numbers["close"], volume, spread)


def _numbers(column: pd.Series) -> Floats:
    return np.array(pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan), np.float64)


def _decimals(prices: Floats) -> int:
    """Return how many decimals the prices are quoted with, 8 at most."""
    known = prices[np.isfinite(prices)]
    for decimals in range(8):
        scaled = known * 10.0**decimals
        if np.allclose(scaled, np.round(scaled), rtol=0, atol=1e-4):
            return decimals
    return 8


def _judge(rows: Rows, times: Times) -> Judged:
    reason = np.full(len(rows.time), None, object)
    for why, mask in [*flaws(rows).items(), *times.wrong.items()]:
        reason[mask] = why  # what is wrong with the time says more than that there is none
    sound = np.flatnonzero(reason == None)  # noqa: E711
    order = sound[np.argsort(rows.time[sound], kind="stable")]
    later = np.flatnonzero(np.diff(rows.time[order]) == 0) + 1
    repeated = np.zeros(len(rows.time), np.bool_)
    # The first row of each time stands for it, also when three or more rows share it.
    first = order[np.searchsorted(rows.time[order], rows.time[order[later]], side="left")]
    same = rows.take(first).same(rows.take(order[later]))
    repeated[order[later[same]]] = True
    reason[order[later[~same]]] = "an earlier row of the file says otherwise for this time"
    passed = np.maximum.accumulate(rows.time[sound]) if len(sound) else rows.time[sound]
    return Judged(rows, reason, repeated, int((rows.time[sound] < passed).sum()))


def _bad_rows(table: Table, judged: Judged) -> list[tuple[int, str]]:
    rows = [(int(table.line[row]), str(judged.reason[row])) for row in np.flatnonzero(judged.reason != None)]  # noqa: E711
    return sorted([*rows, *table.ragged])


def _refuse(table: Table, judged: Judged, *, nothing_left: bool) -> None:
    bad = _bad_rows(table, judged)
    if not bad and not judged.disorder:
        return
    shown = [f"{table.path}:{line}: {reason}: {table.text(line)[:100]}" for line, reason in bad[:_SHOWN]]
    if judged.disorder:
        shown.append(f"{judged.disorder:,} rows stand behind a later one")
    more = f"\n  ... and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    rule = (
        "no row can be imported" if nothing_left else "nothing was imported; --bad-rows quarantine imports the others"
    )
    total = len(table) + len(table.ragged)
    listed = "\n  ".join(shown)
    raise ImportRefused(f"{table.path}: {len(bad):,} of {total:,} rows can't be right, {rule}\n  {listed}{more}")


def _put_aside(data: Path, table: Table, symbol: str, bad: list[tuple[int, str]]) -> Path:
    """Write the rows that were not imported to a file of their own; the same file again gets the same name."""
    digest = hashlib.sha256(table.path.read_bytes()).hexdigest()[:8]
    name = re.sub(r"[^\w.-]+", "_", f"{symbol}_{table.path.stem}_{digest}.csv")
    target = data / "quarantine" / name

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "reason", "text"])
            writer.writerows((line, reason, table.text(line)) for line, reason in bad)

    replace_with(target, write)
    return target


def _timeframe(time: NDArray[np.int64], told: str | None, path: Path) -> Timeframe:
    """Return the timeframe that was told, or the most common time step."""
    steps, counts = np.unique(np.diff(np.sort(time)), return_counts=True)
    step = int(steps[np.argmax(counts)]) if len(steps) else 0
    usual = _of_step(step)
    if told is not None:
        frame = timeframe(told)
        if 0 < step < 0.9 * frame.ns:
            raise ImportRefused(
                f"{path}: --timeframe {frame} can't be right, the most common step between rows is {usual or f'{step / 1e9:g} s'}"
            )
        return frame
    if not usual:
        rule = f"the most common step between rows is {step / 1e9:g} s" if step else "the file holds a single time"
        raise ImportRefused(f"{path}: the timeframe can't be told, {rule}; say it: --timeframe 1h")
    return timeframe(usual)


def _of_step(step: int) -> str:
    if step >= 27 * DAY:
        return "1mo" if step <= 32 * DAY else ""
    if step >= DAY - HOUR:
        return "1d" if step <= DAY + HOUR else "1w" if abs(step - 7 * DAY) <= HOUR else ""
    for unit, length in (("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        if step and step % length == 0:
            return f"{step // length}{unit}" if DAY % step == 0 else ""
    return ""
