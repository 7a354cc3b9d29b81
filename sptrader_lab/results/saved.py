"""Saved runs: one folder per run id, written whole or not at all, and candles kept once for all runs.

FOLDER/<run id>/run.json            what the run was: manifest, sources, candles by fingerprint, a checksum of each file
                orders.parquet ...  records, with words for codes
                equity.parquet      time, equity, exposure
                strategy_equity.parquet  a row per step and strategy, where several share the account
                summary.parquet     one row for the registry: facts and metrics
                signals-0.parquet   events of one signal component; overlays-0.parquet the indicator columns of one symbol
FOLDER/candles/<fingerprint>.parquet
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sptrader_lab.errors import LabError, RunError
from sptrader_lab.results import kept, tables
from sptrader_lab.results.registry import find_run
from sptrader_lab.results.result import Result
from sptrader_lab.types import records
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.instruments import Instrument
from sptrader_lab.types.outcome import MARK, Outcome
from sptrader_lab.types.signals import Overlay, SignalEvents

_RECORDS: Final = {
    "orders": records.ORDER,
    "fills": records.FILL,
    "trades": records.TRADE,
    "refusals": records.REFUSAL,
    "positions": records.POSITION,
    "account": records.ACCOUNT,
}
#: Tables that runs saved by earlier versions do not have.
_LATER: Final = {"cashflows": records.CASHFLOW, "shares": records.SHARE, "marks": MARK}


def save(result: Result, folder: str | Path = "data/runs") -> str:
    """Keep a run and return its run id; the profit band is computed first where it is not known yet.

    Files are written beside their place and renamed, so that a reader sees the whole run or none of it. A run that is
    there already is left as it is.

    Raises
    ------
    RunError
        When the same inputs were saved before with another outcome (S17): one of the two is wrong.
    """
    root = Path(folder)
    target = root / result.run_id
    if not target.exists():
        for candles in (*result.candles, *result.references):
            kept.keep(candles, root / "candles")
        workshop = root / f".saving-{uuid.uuid4().hex}"
        workshop.mkdir(parents=True)
        try:
            _write(result, workshop)
            workshop.rename(target)
        except OSError:
            if not target.exists():  # not another process that saved the same run at the same time
                raise
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    _check_same(result, target)
    return result.run_id


def load_result(run_id: str, folder: str | Path = "data/runs") -> Result:
    """Return a saved run with the same frames, metrics, digest and run id.

    Parameters
    ----------
    run_id : str
        The id, or as much of its beginning as is unique in `folder`.

    Raises
    ------
    InputError
        When it is no text, such as a result in place of its id.
    RunError
        When there is no such run (with the nearest ids), or its files are not as they were written.
    """
    path = find_run(run_id, folder)
    document = _read_document(path)
    try:
        _check_files(path, document["files"])
        result = _read(path, document)
    except (LabError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"saved run {path.name[:12]} in {path.parent} can't be read: {error}") from error
    if (result.run_id, result.digest) != (path.name, document["digest"]):
        raise RunError(f"saved run {path.name[:12]} in {path.parent} is not what was saved: its id or digest differs")
    return result


def _write(result: Result, path: Path) -> None:
    names = {"strategy": result.strategies, "symbol": result.symbols}
    for name, dtype in (_RECORDS | _LATER).items():
        tables.write_records(_typed(getattr(result.outcome, name), dtype), path / f"{name}.parquet", names)
    curves = {"time": tables.instants(result.outcome.time), "equity": result.outcome.equity}
    tables.write_columns({**curves, "exposure": result.outcome.exposure}, path / "equity.parquet")
    if len(result.outcome.strategy_equity):
        tables.write_columns(_own_equity(result), path / "strategy_equity.parquet")
    for index, events in enumerate(result.signal_events):
        outputs = {f"output {name}": values for name, values in events.outputs.items()}
        tables.write_columns({"bar": events.bars, **outputs}, path / f"signals-{index}.parquet")
    for index, overlays in enumerate(result.overlays.values()):
        columns = dict(zip(_columns(overlays), (overlay.values for overlay in overlays), strict=True))
        tables.write_columns(columns, path / f"overlays-{index}.parquet")
    saved = dt.datetime.now(dt.UTC)
    tables.write_columns(_summary(result, saved), path / "summary.parquet")
    document = _document(result, saved.isoformat(timespec="seconds"))
    document["files"] = {file.name: _checksum(file) for file in sorted(path.iterdir())}
    (path / "run.json").write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")


def _document(result: Result, saved: str) -> dict[str, Any]:
    return {
        "run_id": result.run_id,
        "digest": result.digest,
        "saved": saved,
        "strategies": result.strategies,
        "capital": result.capital,
        "currency": result.currency,
        "days_per_year": result.days_per_year,
        "day_end": result.day_end,
        "candles": [kept.described(candles) for candles in result.candles],
        "references": [kept.described(candles) for candles in result.references],
        "instruments": [one._asdict() for one in result.instruments],
        "signals": [[events.strategy, events.symbol, events.name] for events in result.signal_events],
        "overlays": {
            symbol: [[column, one.label, one.pane] for column, one in zip(_columns(overlays), overlays, strict=True)]
            for symbol, overlays in result.overlays.items()
        },
        "lookahead": result.lookahead,
        "warnings": result.warnings,
        "seconds": dict(result.seconds),
        "logs": dict(result.logs),
        "profit_band": result.profit_band if result.profit_band_known else None,
        "manifest": result.manifest,
        "sources": dict(result.sources),
    }


def _summary(result: Result, saved: dt.datetime) -> dict[str, Any]:
    """One row: what the run was, every metric, and the manifest as JSON text for DuckDB's `->>`."""
    ends = result.outcome.time[[0, -1]] if len(result.outcome.time) else np.zeros(2, np.int64)
    facts: dict[str, Any] = {
        "run_id": [result.run_id],
        "saved": pa.array([saved], pa.timestamp("us", tz="UTC")),
        "strategy": [", ".join(dict.fromkeys(result.strategies))],
        "symbol": [", ".join(dict.fromkeys(result.symbols))],
        "timeframe": [", ".join(dict.fromkeys(one.timeframe for one in result.candles))],
        "start": tables.instants(ends[:1]),
        "end": tables.instants(ends[1:]),
        "currency": [result.currency],
    }
    metrics = {name: [value] for name, value in result.metrics.whole().items()}
    return {**facts, **metrics, "digest": [result.digest], "manifest": [json.dumps(result.manifest, sort_keys=True)]}


def _own_equity(result: Result) -> dict[str, Any]:
    """Return each strategy's own equity at each step, as rows: DuckDB then needs no names of columns."""
    own = result.outcome.strategy_equity
    numbers = np.tile(np.arange(own.shape[1], dtype=np.int32), len(own))
    names = pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(result.strategies, pa.string()))
    time = np.repeat(result.outcome.time, own.shape[1])
    return {"time": tables.instants(time), "strategy": names, "strategy_index": numbers, "equity": own.ravel()}


def _columns(overlays: Sequence[Overlay]) -> list[str]:
    """Return a column for each overlay: its label, numbered where two strategies draw under one."""
    labels = [overlay.label for overlay in overlays]
    return [label if labels.count(label) == 1 else f"{label} ({place})" for place, label in enumerate(labels)]


def _read(path: Path, document: Mapping[str, Any]) -> Result:
    found = {name: tables.read_records(path / f"{name}.parquet", dtype) for name, dtype in _RECORDS.items()}
    later = {name: dtype for name, dtype in _LATER.items() if f"{name}.parquet" in document["files"]}
    found |= {name: tables.read_records(path / f"{name}.parquet", dtype) for name, dtype in later.items()}
    curves = tables.read_columns(path / "equity.parquet")
    series: dict[str, Any] = {name: curves[name] for name in ("time", "equity", "exposure")}
    if "strategy_equity.parquet" in document["files"]:
        own = tables.read_columns(path / "strategy_equity.parquet")["equity"]
        series["strategy_equity"] = own.reshape(-1, len(document["strategies"]))
    band = document["profit_band"]
    candles = path.parent / "candles"
    return Result(
        outcome=Outcome(**found, **series),
        candles=tuple(kept.load(facts, candles) for facts in document["candles"]),
        strategies=tuple(document["strategies"]),
        capital=document["capital"],
        currency=document["currency"],
        days_per_year=document["days_per_year"],
        day_end=DayEnd(*document["day_end"]),
        manifest=document["manifest"],
        sources=document["sources"],
        signal_events=tuple(_read_signals(path, document["signals"])),
        overlays=_read_overlays(path, document["overlays"]),
        lookahead=document["lookahead"],
        warnings=tuple(document["warnings"]),
        seconds=document["seconds"],
        band=None if band is None else lambda: (band[0], band[1]),
        instruments=tuple(_read_instrument(one) for one in document["instruments"]),
        references=tuple(kept.load(facts, candles) for facts in document.get("references", ())),
        logs=document.get("logs", {}),
    )


def _read_instrument(facts: Mapping[str, Any]) -> Instrument:
    dated = {name: tuple(map(tuple, facts[name])) for name in ("splits", "dividends") if name in facts}
    return Instrument(**{**facts, **dated, "day_end": DayEnd(*facts["day_end"])})


def _read_signals(path: Path, listed: list[list[Any]]) -> list[SignalEvents]:
    found = []
    for index, (strategy, symbol, name) in enumerate(listed):
        columns = tables.read_columns(path / f"signals-{index}.parquet")
        bars = columns.pop("bar")
        outputs = {column.removeprefix("output "): values for column, values in columns.items()}
        found.append(SignalEvents(strategy, symbol, name, bars, outputs))
    return found


def _read_overlays(
    path: Path, listed: Mapping[str, list[list[str]] | Mapping[str, str]]
) -> dict[str, tuple[Overlay, ...]]:
    found = {}
    for index, (symbol, drawn) in enumerate(listed.items()):
        columns = tables.read_columns(path / f"overlays-{index}.parquet")
        # Earlier versions wrote label -> pane.
        rows = [[label, label, pane] for label, pane in drawn.items()] if isinstance(drawn, Mapping) else drawn
        found[symbol] = tuple(Overlay(label, pane, columns[column]) for column, label, pane in rows)
    return found


def _check_same(result: Result, path: Path) -> None:
    digest = _read_document(path)["digest"]
    if digest != result.digest:
        raise RunError(
            f"run {result.run_id[:12]} was saved in {path.parent} with digest {digest[:12]}, and the same inputs now give "
            f"{result.digest[:12]} (S17); delete {path} to keep the new one"
        )


def _check_files(path: Path, files: Mapping[str, str]) -> None:
    for name, checksum in files.items():
        if _checksum(path / name) != checksum:
            raise RunError(f"{name} is not as it was written")


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"saved run {path.name[:12]} in {path.parent} can't be read: {error}") from error
    if not isinstance(document, dict) or not {"digest", "files"} <= document.keys():
        raise RunError(f"saved run {path.name[:12]} in {path.parent} can't be read: run.json is not a run's")
    return document


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _typed(table: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.recarray[Any, Any]:
    """Return a view as plain records of `dtype`, whatever wrapper the kernel left around them."""
    return np.asarray(table).view(dtype).view(np.recarray)
