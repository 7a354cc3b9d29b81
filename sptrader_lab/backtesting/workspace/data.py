"""Data: what the candle files of a workspace hold, and how they are imported; nothing is kept."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from sptrader_lab.backtesting.workspace.files import PICKLES
from sptrader_lab.backtesting.workspace.report import Checked, Remark
from sptrader_lab.candles.importing.report import ImportReport
from sptrader_lab.candles.importing.run import Wish, import_file
from sptrader_lab.errors import LabError

#: Larger files are named, not read: a check takes seconds.
_LARGEST: Final = 64 * 2**20
_SYMBOL: Final = re.compile(r"(?<![A-Za-z])([A-Z]{6}|[A-Z]{2,5}USDT?)(?![A-Za-z])")


def check_data(path: Path, folder: Path) -> Checked:
    """Return what a file holds, tried with the importer itself in a temporary folder."""
    shown = path.relative_to(folder).as_posix()
    style = path.suffix.lstrip(".").lower()
    if path.suffix.lower() in PICKLES:
        why = "a pickle runs code when it is opened, so it never is"
        todo = f'where it was written: frame.to_parquet("{path.stem}.parquet"), then import that file'
        return Checked(shown, "data", style, "warning", why, (Remark(why, todo),))
    size = path.stat().st_size
    symbol = _symbol(path)
    if size > _LARGEST:
        return Checked(
            shown, "data", style, "ok", f"{size / 2**20:,.0f} MB, not looked into", (_how(path, folder, symbol, ""),)
        )
    try:
        report, zone = _tried(path, symbol or "EURUSD")
    except LabError as error:
        said = str(error).replace(str(path), path.name)
        todo = f"{_command(path, folder, symbol, '')} with what the message asks for; leave the file where it is if it holds no candles"
        return Checked(shown, "data", style, "warning", "not read as candles", (Remark(said, todo),))
    return Checked(shown, "data", style, "ok", _summary(report), (_how(path, folder, symbol, zone, report),))


def _tried(path: Path, symbol: str) -> tuple[ImportReport, str]:
    """Import a file into a folder that goes away; times without a zone are UTC, as the older system kept them."""
    with tempfile.TemporaryDirectory() as place:
        try:
            return import_file(Path(place), path, Wish(symbol)), ""
        except LabError as error:
            if "time zone" not in str(error):
                raise
            return import_file(Path(place), path, Wish(symbol, tz="UTC")), "UTC"


def _symbol(path: Path) -> str:
    """Return the symbol that a file's name, or its folder's, speaks of; '' when none does."""
    for text in (path.stem.upper(), path.parent.name.upper()):
        found = _SYMBOL.search(text.replace("_", " ").replace("-", " "))
        if found:
            return found[1]
    return ""


def _summary(report: ImportReport) -> str:
    first, last = (
        str(np.datetime64(instant, "ns"))[:16].replace("T", " ")
        for instant in (report.quality.first, report.quality.last)
    )
    left = f", {report.quarantined:,} rows can't be right" if report.quarantined else ""
    return f"{report.imported:,} candles of {report.timeframe}, {first} .. {last} UTC{left}"


def _command(path: Path, folder: Path, symbol: str, zone: str) -> str:
    what = f"{shlex.quote(str(path))} --symbol {symbol or 'NAME'}{f' --tz {zone}' if zone else ''}"
    return f"sptrader-lab data import {what} --data {shlex.quote(str(_store(folder)))}"


def _store(folder: Path) -> Path:
    """Return where candles are to be kept: the usual place, unless that is an old workspace's folder of files."""
    usual = Path(os.environ.get("SPTRADER_DATA", "data"))
    inside = usual.resolve().is_relative_to(folder) and not any(usual.glob("*/symbol=*"))
    return folder.parent / "data" if inside else usual


def _how(path: Path, folder: Path, symbol: str, zone: str, report: ImportReport | None = None) -> Remark:
    notes = "; ".join(report.notes) if report is not None else ""
    seen = "its times name no zone; UTC was assumed, as the older system kept them" if zone else ""
    return Remark("; ".join(filter(None, (seen, notes))), _command(path, folder, symbol, zone))
