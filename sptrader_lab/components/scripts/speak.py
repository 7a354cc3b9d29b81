"""Speak: any component as a process of its own that speaks the environment protocol."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.errors import InputError, LabError

if TYPE_CHECKING:
    from sptrader_lab.components.spec import Input, Spec
    from sptrader_lab.components.words import Column
    from sptrader_lab.types.candles import Candles

#: Where candles come from when the environment names a source instead of holding them, and who hears of signals: both
#: live in rooms above this one, and old files know them by other names.
_LOADER: Final = "sptrader_lab.candles.environment"
_PUBLISHER: Final = "sptrader_lab.streams.publisher"
#: What candles are called when nobody says whose they are; events don't repeat it.
_UNNAMED: Final = "CANDLES"
_PRICES: Final = ("open", "high", "low", "close")
_STEPS: Final = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 14400: "4h", 86400: "1d", 604800: "1w"}


def run_as_script(path: Path | str | None = None) -> None:
    """Answer for one candle, as the environment asks: print the values or events between their markers.

    Understood are CANDLE_DATA or CANDLE_DATA_FILE (else DATA_SOURCE and what belongs to it), CURRENT_INDEX (the last candle
    unless given), SYMBOL, TIMEFRAME (the smallest step between candles unless given), INDICATOR_DATA (what it lacks is
    computed), PARAMETERS, BATCH and PUBLISH_LIVE. What goes wrong ends the process with exit code 1 and its reason on
    standard error.

    Parameters
    ----------
    path : Path or str, optional
        The component's file; unless given the one that Python was started with.
    """
    from sptrader_lab.components.reading import read

    file = Path(path if path is not None else sys.modules["__main__"].__file__ or "")
    try:
        tell(read(file), os.environ)
    except LabError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def tell(spec: Spec, environment: Mapping[str, str]) -> None:
    """Print what a component answers to what these variables ask; see `run_as_script`.

    Raises
    ------
    LabError
        When they ask for what can't be had, or the component fails.
    """
    from sptrader_lab.components.exam import market_of
    from sptrader_lab.components.run import ask
    from sptrader_lab.types.publishing import run_by_hand

    if spec.style == "script":
        raise InputError(f"{spec.path} speaks the protocol itself; run it with sptrader-lab components run {spec.path}")
    candles = _candles(environment)
    batch = environment.get("BATCH") == "true"
    parameters = spec.resolve(_mapping(environment, "PARAMETERS"))
    arrays = _inputs(spec, candles, _mapping(environment, "INDICATOR_DATA"), Path(spec.path))
    with run_by_hand():
        answer = ask(spec, arrays, parameters, market_of(candles))
    if answer.log:
        print(answer.log.rstrip())
    for note in answer.notes:
        print(note, file=sys.stderr)
    if spec.kind == "indicator":
        _print("INDICATOR", series(spec, answer.columns))
        return
    bars = range(len(candles)) if batch else [len(candles) - 1]
    events = [event for bar in bars for event in events_at(spec, answer.columns, candles, bar)]
    _print("SIGNAL", events)
    if events and environment.get("PUBLISH_LIVE") == "true":
        _publish(events[-1])


def _print(word: str, told: object) -> None:
    print(f"{word}_START\n{json.dumps(told)}\n{word}_END")


def _candles(environment: Mapping[str, str]) -> Candles:
    """Return the candles up to CURRENT_INDEX."""
    from sptrader_lab.types.candles import Candles

    symbol = environment.get("SYMBOL") or environment.get("LIVE_SYMBOL") or _UNNAMED
    rows = _rows(environment)
    if not rows:
        raise InputError(
            "there are no candles; set CANDLE_DATA, CANDLE_DATA_FILE, or DATA_SOURCE and what belongs to it"
        )
    stop = _index(environment, len(rows)) + 1
    time = [_instant(row, number) for number, row in enumerate(rows[:stop])]
    timeframe = environment.get("TIMEFRAME") or environment.get("LIVE_TIMEFRAME") or _step(time)
    columns: dict[str, Any] = {
        name: _column([_number(row, name, number) for number, row in enumerate(rows[:stop])]) for name in _PRICES
    }
    volumes = [{"volume": row.get("volume") or 0.0} for row in rows[:stop]]
    volume = _column([_number(row, "volume", number) for number, row in enumerate(volumes)])
    return Candles(symbol, timeframe, _instants(time), **columns, volume=volume, source="environment")


def _rows(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return candles as the protocol writes them."""
    text, name = environment.get("CANDLE_DATA"), "CANDLE_DATA"
    file = environment.get("CANDLE_DATA_FILE")
    if environment.get("DATA_SOURCE") or not (text or file):
        frame = import_module(_LOADER).load_data_from_env()
        seconds = frame.index.as_unit("ns").asi8 / 1e9
        return [{"time": at, **row} for at, row in zip(seconds.tolist(), frame.to_dict("records"), strict=True)]
    if not text and file:
        name = f"CANDLE_DATA_FILE {file}"
        try:
            text = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{name} can't be read: {error.strerror}") from None
    rows = _json(text or "", name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f'{name} is no list of candles, [{{"time": 1700000000, "open": 1.1, ...}}, ...]')
    return rows


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON: {error}") from None


def _mapping(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    told = _json(environment.get(name) or "{}", name)
    if not isinstance(told, dict):
        raise InputError(f"{name} is {told!r}, not a mapping by name")
    return told


def _index(environment: Mapping[str, str], count: int) -> int:
    text = environment.get("CURRENT_INDEX") or str(count - 1)
    if not text.isdecimal() or int(text) >= count:
        raise InputError(f"CURRENT_INDEX {text!r} is none of {count:,} candles, 0 to {count - 1}")
    return int(text)


def _number(row: Mapping[str, Any], name: str, place: int) -> float:
    value = row.get(name)
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    except OverflowError:
        raise InputError(f"candle {place} has {name} of a number too large to hold") from None
    raise InputError(f"candle {place} has {name} {value!r}, not a number")


def _instant(row: Mapping[str, Any], place: int) -> int:
    """Return a candle's opening instant, ns UTC, read by the rule of every timestamp."""
    from sptrader_lab.components.events import parse_timestamp

    value = row.get("time")
    try:
        return parse_timestamp(value)
    except InputError as error:
        hint = "; milliseconds? divide them by 1000" if isinstance(value, (int, float)) and 1e11 < value < 1e16 else ""
        raise InputError(f"candle {place}: time: {error}{hint}") from None


def _column(values: Sequence[float]) -> Column:
    import numpy as np

    return np.array(values, dtype=np.float64)


def _instants(time: Sequence[int]) -> Any:
    import numpy as np

    return np.array(time, dtype=np.int64)


def _step(time: Sequence[int]) -> str:
    """Return the longest timeframe that the smallest step between candles, ns, has room for."""
    least = min((later - earlier for earlier, later in pairwise(time)), default=3600 * 10**9) / 1e9
    return next((text for seconds, text in reversed(_STEPS.items()) if seconds <= least), "1s")


def _inputs(spec: Spec, candles: Candles, told: Mapping[str, Any], path: Path) -> list[Column]:
    """Return every input: what INDICATOR_DATA holds, else what the component asks for by itself."""
    return [
        _told(told[each.name], each, len(candles))
        if each.requires and each.name in told
        else _found(spec, each, candles, path)
        for each in spec.inputs
    ]


def _told(part: Any, each: Input, bars: int) -> Column:
    values = part.get("values") if isinstance(part, dict) else part
    if not isinstance(values, list) or any(
        isinstance(value, bool) or not isinstance(value, (int, float, type(None))) for value in values
    ):
        raise InputError(f'INDICATOR_DATA of {each.name!r} is not {{"values": [...], "current": x}}')
    try:
        numbers = [float("nan") if value is None else float(value) for value in values]
    except OverflowError:
        raise InputError(f"INDICATOR_DATA of {each.name!r} holds too large a number") from None
    if len(numbers) < bars:  # an indicator prints no values for its warm-up
        numbers = [float("nan")] * (bars - len(numbers)) + numbers
    return _column(numbers[:bars])


def _found(spec: Spec, each: Input, candles: Candles, path: Path) -> Column:
    from sptrader_lab.components.exam import gather
    from sptrader_lab.components.library import Library, scan, standard_folders

    library = scan(*standard_folders(path)) if each.requires else Library((), ())
    (column,) = gather(replace(spec, inputs=(each,)), candles, library)
    return column


def series(spec: Spec, columns: Sequence[Column]) -> dict[str, Any]:
    """Return an indicator's columns as it prints them; several outputs by name."""
    told = [{"values": [_plain(value) for value in column.tolist()]} for column in columns]
    for part in told:
        part["current"] = part["values"][-1]
    return told[0] if len(told) == 1 else {each.name: part for each, part in zip(spec.outputs, told, strict=True)}


def _plain(value: float) -> Any:
    from math import isfinite

    return value if isfinite(value) else None


def events_at(spec: Spec, columns: Sequence[Column], candles: Candles, bar: int) -> list[dict[str, Any]]:
    """Return the events of one bar: one for each slot whose first output is neither 0 nor undefined.

    Its type is the label of that output, or what an output says that is called signal_type, or something that ends in
    _type; its strength signal_strength or strength, 1 where there is neither; its metadata every other output.
    """
    width = len(spec.outputs) // spec.slots
    found = []
    for slot in range(spec.slots):
        part = slice(slot * width, (slot + 1) * width)
        names = [each.name for each in spec.outputs[:width]]
        values = {
            name: _said(each.labels, float(column[bar]))
            for name, each, column in zip(names, spec.outputs[part], columns[part], strict=True)
        }
        first = float(columns[part][0][bar])
        if first and first == first:  # noqa: PLR0124 - NaN is no event
            found.append(_event(spec, values, first, candles, bar))
    return found


def _event(spec: Spec, values: dict[str, Any], first: float, candles: Candles, bar: int) -> dict[str, Any]:
    import numpy as np

    names = list(values)
    labelled = bool(spec.outputs[0].labels)
    typed = names[0] if labelled else next((n for n in names if n == "signal_type"), "")
    typed = typed or next((name for name in names if name.endswith("_type")), "")
    strength = next((values[name] for name in ("signal_strength", "strength") if values.get(name) is not None), 1.0)
    kind = values[typed] if typed and values[typed] is not None else ("long" if first > 0 else "short")
    rest = {
        name: value for name, value in values.items() if name not in ("signal", "signal_name") and value is not None
    }
    symbol = {"symbol": candles.symbol} if candles.symbol != _UNNAMED else {}
    return {
        "timestamp": f"{np.datetime64(int(candles.time[bar]), 'ns').astype('datetime64[us]').astype('datetime64[s]')}Z",
        "signal_name": values.get("signal_name") or spec.name,
        "signal_type": str(kind),
        "strength": strength,
        "metadata": {**rest, "current_price": float(candles.close[bar]), **symbol},
    }


def _said(labels: tuple[str, ...], value: float) -> Any:
    """Return what a value stands for: a label, a word, or itself."""
    from sptrader_lab.components.vocabulary import word

    if labels and value.is_integer() and 0 <= value < len(labels):
        return labels[int(value)]
    return word(value) or _plain(value)


def _publish(event: Mapping[str, Any]) -> None:
    publisher = import_module(_PUBLISHER).SignalPublisher()
    try:
        publisher.publish_signal(event["signal_name"], event["signal_type"], event["strength"], event["metadata"])
    finally:
        publisher.close()
