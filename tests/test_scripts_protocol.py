"""The environment protocol and events: what is printed is read, or refused with a reason; nothing else happens."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptrader_lab.components.events import SLOTS, event_columns, event_outputs, parse_timestamp
from sptrader_lab.components.scripts.answers import chosen
from sptrader_lab.components.scripts.protocol import (
    ProtocolError,
    environment,
    find,
    number,
    parse_indicator,
    parse_signals,
    rows,
)
from sptrader_lab.components.spec import Output
from sptrader_lab.components.vocabulary import code
from sptrader_lab.errors import InputError
from sptrader_lab.types.calendar import FX_DAY_END
from sptrader_lab.types.market import Market

HOUR = 3600
START = 1_735_689_600  # 2025-01-01T00:00Z
MARKET = Market("BTCUSD", "1h")


def block(*lines: str) -> str | None:
    return find("\n".join(lines), "indicator").block


def test_the_block_between_markers_on_their_own_lines_is_found_and_the_rest_is_log():
    printed = find("hello\n  INDICATOR_START \r\n{}\nINDICATOR_END\nbye", "indicator")
    assert printed.block == "{}"
    assert printed.log == "hello\nbye"
    assert find("SIGNAL_START\n[]\nSIGNAL_END", "indicator").block is None


def test_the_last_block_counts_and_earlier_ones_are_log():
    printed = find("SIGNAL_START\n[1]\nSIGNAL_END\nSIGNAL_START\nSIGNAL_START\n[2]\nSIGNAL_END\n", "signal")
    assert printed.block == "[2]"
    assert "[1]" in printed.log


def test_a_block_of_several_lines_and_odd_line_ends_inside_texts_is_one_block():
    text = json.dumps({"a": "x\u2028y"}, ensure_ascii=False, indent=1)
    assert json.loads(block("INDICATOR_START", text, "INDICATOR_END") or "") == {"a": "x\u2028y"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("INDICATOR_START\n{}", "on line 1 is not followed by INDICATOR_END"),
        ("INDICATOR_START\n{}\nINDICATOR_END\nINDICATOR_START\n{}", "on line 4 is not followed"),
        (
            "log: INDICATOR_START\n{}\nINDICATOR_END",
            "must stand on a line of its own; line 1 is 'log: INDICATOR_START'",
        ),
        ("INDICATOR_START {} INDICATOR_END", "must stand on a line of its own"),
    ],
)
def test_markers_that_say_nothing_clear_are_refused_with_their_line(text, reason):
    with pytest.raises(ProtocolError, match=reason):
        find(text, "indicator")


def test_one_output_and_several_are_told_apart():
    one = parse_indicator('{"values": [null, NaN, 1.5, true], "current": 2}')
    assert list(one) == [""]
    assert math.isnan(one[""].values[0])
    assert math.isnan(one[""].values[1])
    assert one[""].values[2:] == (1.5, 1.0)
    assert one[""].current == 2.0
    several = parse_indicator('{"values": {"values": [1], "current": 3}, "lower": {"values": [4, 5]}}')
    assert {name: each.current for name, each in several.items()} == {"values": 3.0, "lower": 5.0}
    assert math.isnan(parse_indicator('{"values": []}')[""].current)
    assert parse_indicator('{"current": -Infinity}')[""].current == -math.inf


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON: .* at line 1 column 2"),
        ("", "not JSON"),
        ("[1, 2]", "is not"),
        ("{}", "is not"),
        ("3", "is not"),
        ('{"values": 3, "current": 1}', "values are '3', not a list"),
        ('{"values": [1, "up"], "current": 1}', "value 1 is '\"up\"', not a number"),
        ('{"current": "high"}', "current is '\"high\"', not a number"),
        ('{"upper": 3.0}', "output 'upper' is '3.0', not"),
        ('{"upper": {"value": 3.0}}', "output 'upper' is"),
        ('{"upper": {"current": [1]}}', "current of output 'upper'"),
        ('{"current": 1' + "0" * 400 + "}", "too large"),
        ('{"current": 1' + "0" * 5000 + "}", "not JSON that can be read"),
        ("[" * 100_000, "not JSON that can be read"),
    ],
)
def test_wrong_shapes_of_an_indicator_are_refused_with_the_reason(text, reason):
    with pytest.raises(ProtocolError, match=reason):
        parse_indicator(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "not a list of events"),
        ('"x"', "not a list of events"),
        ("[1]", "event 0 is 1, not a mapping"),
        ('[{"signal_type": "up"}]', "event 0 has no timestamp; it has signal_type"),
        ('[{"timestamp": "soon"}]', "event 0: timestamp 'soon' is not ISO-8601"),
        ('[{"timestamp": null}]', "event 0: timestamp None"),
        ('[{"timestamp": 1e12}]', "no instant in seconds"),
        ('[{"timestamp": NaN}]', "no instant in seconds"),
        ('[{"timestamp": 0, "metadata": [1]}]', "metadata of event 0"),
    ],
)
def test_wrong_shapes_of_signals_are_refused_with_the_reason(text, reason):
    with pytest.raises(ProtocolError, match=reason):
        parse_signals(text)


pieces = st.sampled_from(
    [
        "INDICATOR_START",
        "INDICATOR_END",
        "SIGNAL_START",
        "SIGNAL_END",
        "\n",
        " ",
        "{",
        "}",
        "[",
        "]",
        '"',
        ":",
        ",",
        '"values"',
        '"current"',
        '"timestamp"',
        '"metadata"',
        "NaN",
        "-Infinity",
        "1e999",
        "null",
        "12",
        '"2025-01-01"',
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keys = st.sampled_from(["values", "current", "timestamp", "metadata", "strength", "signal_type"]) | st.text(max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


def refusal(attempt):
    """Return the reason of a refusal, None when there was none."""
    try:
        attempt()
    except ProtocolError as error:
        return str(error)
    return None


@given(st.text() | st.lists(pieces | st.text(max_size=4)).map("".join), st.sampled_from(["indicator", "signal"]))
def test_any_text_is_read_or_refused_with_a_reason(text, kind):
    """S21: never another exception."""
    for attempt in (lambda: find(text, kind), lambda: parse_indicator(text), lambda: parse_signals(text)):
        assert refusal(attempt) != ""


@given(values)
def test_any_json_is_read_or_refused_with_a_reason(value):
    text = json.dumps(value)
    reason = refusal(lambda: parse_indicator(text))
    if reason is None:
        for name, each in parse_indicator(text).items():
            assert isinstance(name, str)
            assert all(isinstance(one, float) for one in (*each.values, each.current))
    assert reason != ""
    reason = refusal(lambda: parse_signals(text))
    if reason is None:
        columns, _ = event_columns(parse_signals(text), MARKET, np.arange(3.0) * HOUR, event_outputs(("x",)), "s")
        assert all(column.dtype == np.float64 and column.shape == (3,) for column in columns)
    assert reason != ""


@given(st.lists(st.floats(), min_size=5, max_size=5))
def test_numbers_survive_to_the_bit(prices):
    """S18: what a script reads is what the candle holds; what JSON can't say is null."""
    columns = [np.array([START], dtype=np.float64), *(np.array([price]) for price in prices)]
    (text,) = rows(columns, 0, 1)
    read = json.loads(text, parse_constant=pytest.fail)
    assert list(read) == ["time", "open", "high", "low", "close", "volume"]
    assert read["time"] == START
    assert isinstance(read["time"], int)
    for price, back in zip(prices, list(read.values())[1:], strict=True):
        assert back is None if not math.isfinite(price) else np.float64(back).tobytes() == np.float64(price).tobytes()
    assert number(math.nan) == "null"


def test_the_environment_holds_no_way_to_other_data():
    base = {"PATH": "/bin", "DATA_SOURCE": "live", "LIVE_TO": "9", "REALTIME_SYMBOL": "x", "TEST_DATASET": "d"}
    base |= {"PUBLISH_LIVE": "true", "BATCH": "true", "CANDLE_DATA": "[]", "CACHE_KEY": "k", "SYMBOL": "OTHER"}
    told = environment(base, "signal", "EURUSD", "1h", {"period": 5}, batch=False)
    assert told == {
        "PATH": "/bin",
        "COMPONENT_TYPE": "signal",
        "SYMBOL": "EURUSD",
        "TIMEFRAME": "1h",
        "PARAMETERS": '{"period": 5}',
        "SPTRADER_NO_PUBLISHING": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    assert environment({}, "indicator", "EURUSD", "1h", {}, batch=True)["BATCH"] == "true"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2025-01-01T01:00:00", 3600),
        ("2025-01-01T01:00:00Z", 3600),
        (" 2025-01-01 01:00:00+00:00 ", 3600),
        ("2025-01-01T01:00:00+00:00Z", 3600),
        ("2025-01-01T01:00:00.500000-02:00", 3 * 3600 + 0.5),
        ("2025-01-01", 0),
        (START + 60, 60),
        (START + 0.25, 0.25),
        (np.float64(START), 0),
        (dt.datetime(2025, 1, 1, 1, tzinfo=dt.UTC), 3600),
        (pd.Timestamp("2025-01-01 01:00"), 3600),
    ],
)
def test_timestamps_are_read_as_utc(value, seconds):
    assert parse_timestamp(value) == START * 10**9 + round(seconds * 1e9)


@pytest.mark.parametrize("value", ["", "now", True, None, [], 10**400, "9999-12-31", math.inf, pd.NaT])
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(InputError):
        parse_timestamp(value)


def events_as(events, asked=(), bars=3, market=MARKET):
    outputs = event_outputs(asked)
    columns, notes = event_columns(events, market, START + np.arange(float(bars)) * HOUR, outputs, "mine")
    return {output.name: column for output, column in zip(outputs, columns, strict=True)}, notes


def test_an_event_stands_on_the_candle_that_its_timestamp_falls_into():
    at = ["2025-01-01T00:00:00Z", "2025-01-01T01:59:59.999999Z", "2025-01-01T03:00:00Z", "2024-12-31T23:59:59Z"]
    columns, notes = events_as([{"timestamp": each} for each in at])
    assert columns["signal"].tolist() == [1.0, 1.0, 0.0]
    assert notes == ("mine: 2 events lie outside of their candle and do not count; first 2025-01-01T03:00:00Z",)


def test_a_candle_cut_short_by_its_day_end_holds_no_event_beyond_it():
    """S1, S4: the 4h candle before 17:00 New York (22:00 UTC in winter) ends there."""
    market = Market("EURUSD", "4h", FX_DAY_END)
    time = np.array([START + 20 * HOUR, START + 24 * HOUR], dtype=np.float64)
    events = [{"timestamp": START + 21.5 * HOUR}, {"timestamp": START + 22.5 * HOUR}]
    columns, notes = event_columns(events, market, time, event_outputs(), "mine")
    assert columns[0].tolist() == [1.0, 0.0]
    assert "1 events lie outside" in notes[0]


def test_five_events_on_one_candle_fill_the_slots_and_the_rest_is_noted():
    columns, notes = events_as([{"timestamp": START, "strength": each} for each in range(SLOTS + 1)])
    assert [columns[name][0] for name in ("strength", "strength#2", "strength#3", "strength#4")] == [0, 1, 2, 3]
    assert [columns[name][0] for name in ("signal", "signal#4")] == [1.0, 1.0]
    assert notes == ("mine: 1 events dropped, a candle can tell 4; first on the candle of 2025-01-01 00:00",)


def test_what_is_asked_is_looked_up_in_metadata_then_in_the_event():
    event = {"timestamp": START, "signal_type": "golden_cross", "strength": 0.75, "price": 1.1, "flag": "outer"}
    event["metadata"] = {"crossover_type": "golden_cross", "flag": True, "list": [1], "nothing": None}
    asked = ("crossover_type", "price", "flag", "list", "nothing", "signal_strength", "absent")
    columns, notes = events_as([event], asked)
    assert not notes
    values = {name: columns[name][0] for name in ("signal_type", "signal_name", "strength", *asked)}
    assert values["signal_type"] == values["crossover_type"] == code("golden_cross")
    assert values["signal_name"] == code("mine")
    assert values["strength"] == values["signal_strength"] == 0.75
    assert (values["price"], values["flag"]) == (1.1, 1.0)
    assert all(math.isnan(values[name]) for name in ("list", "nothing", "absent"))
    assert np.isnan(columns["strength"][1:]).all()


def test_strength_is_found_under_either_name():
    columns, _ = events_as([{"timestamp": START, "metadata": {"signal_strength": 0.5}}])
    assert columns["strength"][0] == 0.5


def test_no_candles_and_no_events_have_columns_too():
    assert all(len(column) == 0 for column in events_as([], bars=0)[0].values())
    assert events_as([])[0]["signal"].tolist() == [0.0, 0.0, 0.0]


PLAIN, UPPER = '{"values": [1], "current": 1}', '{"upper": {"current": 2}}'
BOTH = '{"upper": {"current": 2}, "lower": {"current": 3}}'


@pytest.mark.parametrize(
    ("text", "asked", "sole", "found"),
    [
        (PLAIN, ["bands"], "", [1.0]),
        (UPPER, ["bands"], "", [2.0]),
        (UPPER, ["upper", "bands"], "", [2.0, 2.0]),
        (BOTH, ["lower", "upper"], "", [3.0, 2.0]),
        (PLAIN, ["average"], "average", [1.0]),
        (PLAIN, ["average", "lower"], "average", "it printed values without a name, not 'lower'"),
        (PLAIN, ["lower"], "", "it printed values without a name, not 'lower'"),
        (PLAIN, ["lower", "upper"], "", "it printed values without a name, not 'lower'"),
        (UPPER, ["lower"], "", "it printed upper, not 'lower'"),
        (UPPER, ["lower"], "lower", "it printed upper, not 'lower'"),
        (BOTH, ["bands"], "", "it printed upper, lower, not 'bands'"),
        (BOTH, ["uper"], "", r"not 'uper' \(did it mean 'upper'\?\)"),
    ],
)
def test_nobody_gets_another_output_than_the_one_asked_for(text, asked, sole, found):
    """Of bands.py: its own name stands for the only values there are, every other name for itself."""
    series, outputs = parse_indicator(text), [Output(name) for name in asked]
    if isinstance(found, str):
        with pytest.raises(ProtocolError, match=found):
            chosen(series, outputs, "bands", sole)
    else:
        assert [each.current for each in chosen(series, outputs, "bands", sole)] == found
