"""SignalPublisher against a real Redis server: what stands in the stream, and what happens when there is none."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import redis

from sptrader_lab.components.exam import exam_candles, market_of
from sptrader_lab.components.reading import read
from sptrader_lab.components.run import ask, candle_columns
from sptrader_lab.streams.publisher import SignalPublisher
from sptrader_lab.types.publishing import publishing_off, run_by_hand
from tests.conftest import ROOT

PASSWORD = "pass/w#rd@1"
QUOTED = "pass%2Fw%23rd%401"


class Server(NamedTuple):
    port: int
    client: redis.Redis

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def entries(self) -> list[dict[str, str]]:
        return [entry for _, entry in self.client.xrange("signals:live")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int, *more: str) -> tuple[subprocess.Popen[bytes], redis.Redis]:
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not on the PATH; on Debian: apt-get install redis-server")
    words = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
        *more,
    ]
    process = subprocess.Popen([found, *words], stdout=subprocess.DEVNULL)
    password = PASSWORD if "--requirepass" in more else None
    client = redis.Redis(port=port, password=password, decode_responses=True, protocol=2)
    until = time.monotonic() + 20
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            assert time.monotonic() < until, "redis-server did not answer within 20 s"
            time.sleep(0.02)
        else:
            return process, client


def stop(process: subprocess.Popen[bytes], client: redis.Redis) -> None:
    client.close()
    process.terminate()
    process.wait(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    process, client = start(tmp_path, port)
    yield Server(port, client)
    stop(process, client)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    process, client = start(tmp_path, port, "--requirepass", PASSWORD)
    yield Server(port, client)
    stop(process, client)


def test_a_signal_is_one_entry_with_one_field_as_the_contract_says(server):
    before = dt.datetime.now(dt.UTC)
    with SignalPublisher(server.url) as publisher:
        assert publisher.publish_signal(
            "ma_crossover", "golden_cross", 0.8, {"current_price": 1.086, "symbol": "EURUSD"}
        )
    (entry,) = server.entries()
    assert set(entry) == {"signal"}
    event = json.loads(entry["signal"])
    stamp = dt.datetime.fromisoformat(event.pop("timestamp"))
    assert before <= stamp <= dt.datetime.now(dt.UTC)
    assert event == {
        "signal_name": "ma_crossover",
        "signal_type": "golden_cross",
        "strength": 0.8,
        "metadata": {"current_price": 1.086, "symbol": "EURUSD"},
    }


def test_the_timestamp_ends_with_z_also_in_a_whole_second(server, monkeypatch):
    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2025, 3, 4, 5, 6, 7, tzinfo=tz)

    monkeypatch.setattr("sptrader_lab.streams.publisher.dt.datetime", Clock)
    with SignalPublisher(server.url) as publisher:
        assert publisher.publish_signal("x", "y", 1)
    event = json.loads(server.entries()[0]["signal"])
    assert event["timestamp"] == "2025-03-04T05:06:07.000000Z"
    assert event["metadata"] == {}


def test_prices_are_one_entry_in_the_order_of_sending(server):
    with SignalPublisher(server.url) as publisher:
        assert publisher.publish_price_update({"EURUSD": 1.086, "USDJPY": 148.5})
        assert publisher.publish_signal("a", "b", 0.5)
    prices, signal = server.entries()
    assert prices == {"price_update": '{"EURUSD": 1.086, "USDJPY": 148.5}'}
    assert set(signal) == {"signal"}


def test_numbers_of_numpy_and_pandas_and_what_json_has_no_word_for(server):
    metadata = {
        "average": np.float64(1.25),
        "bars": np.int64(7),
        "up": np.bool_(True),
        "warming_up": float("nan"),
        "at": pd.Timestamp("2025-01-02 03:00"),
        "inner": {"list": (np.float32(0.5), float("inf"))},
    }
    with SignalPublisher(server.url) as publisher:
        assert publisher.publish_signal("a", "b", np.float64(0.5), metadata)
    assert json.loads(server.entries()[0]["signal"])["metadata"] == {
        "average": 1.25,
        "bars": 7,
        "up": True,
        "warming_up": None,
        "at": "2025-01-02T03:00:00",
        "inner": {"list": [0.5, None]},
    }


@pytest.mark.parametrize(
    ("send", "said"),
    [
        (lambda it: it.publish_signal("a", "b", float("nan")), "strength = nan is not a finite number"),
        (lambda it: it.publish_signal("a", "b", "strong"), "could not convert string to float: 'strong'"),
        (lambda it: it.publish_signal("a", "b", 1.0, {"x": object()}), "not JSON serializable"),
        (lambda it: it.publish_signal("a", "b", 1.0, ["x"]), "the signal was not sent"),
        (lambda it: it.publish_price_update({"EURUSD": float("inf")}), "EURUSD = inf is not a finite number"),
        (lambda it: it.publish_price_update({}), "there are no prices in it"),
        (lambda it: it.publish_price_update(1.086), "the price_update was not sent"),
    ],
)
def test_what_no_reader_could_use_is_refused_with_the_reason(server, capsys, send, said):
    with SignalPublisher(server.url) as publisher:
        assert send(publisher) is False
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert server.entries() == []


def test_the_environment_says_where(server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", server.url)
    with SignalPublisher() as publisher:
        assert publisher.publish_signal("a", "b", 1.0)
    assert len(server.entries()) == 1
    monkeypatch.delenv("REDIS_URL")
    assert repr(SignalPublisher()) == "<SignalPublisher redis://localhost:6379>"


def test_after_close_nothing_is_sent_and_closing_twice_is_fine(server, capsys):
    publisher = SignalPublisher(server.url)
    assert publisher.publish_signal("a", "b", 1.0)
    publisher.close()
    publisher.close()
    assert not publisher.publish_signal("a", "b", 1.0)
    assert "has been closed" in capsys.readouterr().err
    assert len(server.entries()) == 1


def test_a_server_that_comes_back_is_found_again(tmp_path, capsys):
    port = free_port()
    first = start(tmp_path, port)
    with SignalPublisher(f"redis://127.0.0.1:{port}") as publisher:
        assert publisher.publish_signal("a", "b", 1.0)
        stop(*first)
        assert not publisher.publish_signal("a", "b", 1.0)
        assert "the signal was not sent to redis://127.0.0.1" in capsys.readouterr().err
        process, client = start(tmp_path, port)
        try:
            assert publisher.publish_signal("a", "b", 1.0)
            assert client.xlen("signals:live") == 1
        finally:
            stop(process, client)


def test_a_password_opens_and_a_wrong_one_is_not_shown(guarded, capsys):
    with SignalPublisher(f"redis://:{QUOTED}@127.0.0.1:{guarded.port}/0") as publisher:
        assert publisher.publish_signal("a", "b", 1.0)
        assert PASSWORD not in repr(publisher)
        assert QUOTED not in repr(publisher)
    assert len(guarded.entries()) == 1
    with SignalPublisher(f"redis://:s3cret@127.0.0.1:{guarded.port}") as publisher:
        assert not publisher.publish_signal("a", "b", 1.0)
    said = capsys.readouterr().err
    assert f"redis://127.0.0.1:{guarded.port}" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret@127.0.0.1:1",
        "redis://user:s3cret@127.0.0.1:1/0",
        "redis://127.0.0.1:1?password=s3cret",
        "redis://:s3cret/x@127.0.0.1:1",
        "redis://:12/s3cret@127.0.0.1:1",
        "redis://:s3cret#x@127.0.0.1:1",
        "redis://:x?s3cret@127.0.0.1:1",
        "redis://:s3cret[@127.0.0.1:1",
        "s3cret@127.0.0.1:1",
        ":s3cret",
        "http://:s3cret@127.0.0.1:1",
        "unix://:s3cret@/nowhere/redis.sock",
    ],
)
def test_without_a_server_it_returns_false_and_says_why_without_the_password(url, capsys):
    with SignalPublisher(url) as publisher:
        assert publisher.publish_signal("a", "b", 1.0) is False
        assert publisher.publish_price_update({"EURUSD": 1.1}) is False
        assert "s3cret" not in repr(publisher)
    captured = capsys.readouterr()
    assert captured.err.count("was not sent") == 2
    assert "s3cret" not in captured.out + captured.err


def test_old_files_get_it_by_the_name_they_know(server, tmp_path):
    """In a process of its own, as a script's child does it."""
    (tmp_path / "core").mkdir()
    code = (
        "from pathlib import Path\n"
        "from sptrader_lab.components.legacy import provided\n"
        f"provided.install(Path({str(tmp_path)!r}))\n"
        "from core.data.signal_publisher import SignalPublisher\n"
        "publisher = SignalPublisher()\n"
        "print(publisher.publish_signal(signal_name='a', signal_type='b', strength=0.8, metadata={'current_price': 1.1}))\n"
        "publisher.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"REDIS_URL": server.url},
    )
    assert done.stdout == "True\n"
    assert len(server.entries()) == 1


def test_in_a_backtest_nothing_is_sent_and_that_is_said_once(server, capsys, monkeypatch):
    with SignalPublisher(server.url) as publisher:
        with publishing_off():
            assert not publisher.publish_signal("a", "b", 1.0)
            assert not publisher.publish_price_update({"EURUSD": 1.1})
            with run_by_hand():
                assert publisher.publish_signal("by hand", "b", 1.0)
            assert not publisher.publish_signal("a", "b", 1.0)
        assert capsys.readouterr().err == "SignalPublisher: not published: this is a backtest\n"
        assert publisher.publish_signal("live", "b", 1.0)
        monkeypatch.setenv("SPTRADER_NO_PUBLISHING", "1")
        with run_by_hand():
            assert not publisher.publish_signal("a", "b", 1.0)
    assert [json.loads(entry["signal"])["signal_name"] for entry in server.entries()] == ["by hand", "live"]


SCRIPT = """
import json, os, subprocess, sys
from core.data.signal_publisher import SignalPublisher
print(SignalPublisher().publish_signal("mine", "up", 1.0))
code = "from sptrader_lab.streams.publisher import SignalPublisher; SignalPublisher().publish_signal('mine', 'up', 1.0)"
subprocess.run([sys.executable, "-c", code], check=True)
print("SIGNAL_START")
print("[]")
print("SIGNAL_END")
"""


def test_a_script_in_a_backtest_sends_nothing_nor_does_what_it_starts(server, tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("SPTRADER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "components" / "signals" / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(SCRIPT)
    spec, candles = read(path), exam_candles(3)
    columns = candle_columns(candles)
    answer = ask(spec, [columns[each.name] for each in spec.inputs], {}, market_of(candles))
    assert (answer.failed, answer.notes) == (0, ())
    assert answer.log.count("False") == 3
    assert answer.log.count("not published: this is a backtest") == 6
    assert server.entries() == []


def test_a_class_that_is_run_by_hand_publishes_what_it_wants(server, tmp_path):
    path = tmp_path / "components" / "signals" / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from core.data.signal_publisher import SignalPublisher\n"
        "__metadata__ = {'outputs': ['signal']}\n"
        "class Mine:\n"
        "    def evaluate(self, data, indicators):\n"
        "        SignalPublisher().publish_signal('mine', 'up', 1.0)\n"
        "        return data['close'] > 0\n"
    )
    row = {"time": 1735689600, "open": 1, "high": 1, "low": 1, "close": 1, "volume": 0}
    environment = {**os.environ, "REDIS_URL": server.url, "CANDLE_DATA": json.dumps([row]), "PYTHONPATH": str(ROOT)}
    code = f"from sptrader_lab.components import run_as_script; run_as_script({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(server.entries()) == 1
