"""load_data_from_env and its helpers: what old component files call when they are run by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader_lab.candles import environment
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import CandleError, InputError, LabError, MissingCandles, MissingDataset
from sptrader_lab.types.candles import Candles

NAMES = "DATA_SOURCE LIVE_SYMBOL LIVE_TIMEFRAME LIVE_FROM LIVE_TO CACHE_KEY TEST_DATASET CANDLE_DATA CANDLE_DATA_FILE SPTRADER_DATA".split()
START = 1_735_776_000  # 2025-01-02 00:00 UTC, in seconds


def rows(count: int = 5) -> list[dict[str, float]]:
    return [
        {"time": START + 3600 * i, "open": 1.1, "high": 1.25 + i / 100, "low": 1.05, "close": 1.2, "volume": 10 + i}
        for i in range(count)
    ]


def as_frame(count: int = 5) -> pd.DataFrame:
    frame = pd.DataFrame(rows(count))
    return frame.assign(time=pd.to_datetime(frame["time"], unit="s"))


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An old workspace with one folder inside, where the process stands."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "core" / "indicators").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "core" / "indicators")
    return tmp_path


def check(frame: pd.DataFrame, count: int = 5) -> None:
    """The frame that old components know."""
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert {str(dtype) for dtype in frame.dtypes} == {"float64"}
    assert frame.index.tz is None
    assert frame.index.name == "time"
    assert frame.index[0] == pd.Timestamp("2025-01-02")
    assert len(frame) == count
    assert frame["high"].iloc[-1] == 1.25 + (count - 1) / 100
    frame["close"] += 1.0  # it is the caller's own


def test_live_is_the_store_with_half_open_bounds(workspace, monkeypatch):
    hours = Candles.from_frame(as_frame(5).set_index("time"), symbol="EURUSD", timeframe="1h")
    CandleStore(workspace / "candles").write(hours)
    for name, value in (
        ("DATA_SOURCE", "live"),
        ("LIVE_SYMBOL", "EURUSD"),
        ("LIVE_TIMEFRAME", "1h"),
        ("SPTRADER_DATA", str(workspace / "candles")),
        ("CACHE_KEY", "EURUSD-1h-whatever"),
    ):
        monkeypatch.setenv(name, value)
    check(environment.load_data_from_env())
    monkeypatch.setenv("LIVE_FROM", str(START + 3600))
    monkeypatch.setenv("LIVE_TO", str(START + 3 * 3600))
    frame = environment.load_data_from_env()
    assert frame.index.tolist() == [pd.Timestamp("2025-01-02 01:00"), pd.Timestamp("2025-01-02 02:00")]
    monkeypatch.setenv("LIVE_SYMBOL", "NOSUCH")
    with pytest.raises(MissingCandles, match="NOSUCH"):
        environment.load_data_from_env()


def test_live_reads_the_data_folder_of_the_place_unless_told_otherwise(workspace, monkeypatch):
    (workspace / "here").mkdir()
    monkeypatch.chdir(workspace / "here")
    (workspace / "here" / "data").mkdir()
    CandleStore("data").write(Candles.from_frame(as_frame().set_index("time"), symbol="EURUSD", timeframe="1h"))
    for name, value in (("DATA_SOURCE", "live"), ("LIVE_SYMBOL", "EURUSD"), ("LIVE_TIMEFRAME", "1h")):
        monkeypatch.setenv(name, value)
    check(environment.load_data_from_env())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DATA_SOURCE": "live"}, "wants LIVE_SYMBOL too"),
        ({"DATA_SOURCE": "live", "LIVE_SYMBOL": "EURUSD"}, "wants LIVE_TIMEFRAME too"),
        (
            {"DATA_SOURCE": "live", "LIVE_SYMBOL": "EURUSD", "LIVE_TIMEFRAME": "1h", "LIVE_FROM": "yesterday"},
            "LIVE_FROM = 'yesterday' is no instant; write unix seconds",
        ),
        (
            {"DATA_SOURCE": "live", "LIVE_SYMBOL": "EURUSD", "LIVE_TIMEFRAME": "1h", "LIVE_TO": "inf"},
            "LIVE_TO = 'inf' is no instant",
        ),
        (
            {"DATA_SOURCE": "live", "LIVE_SYMBOL": "EURUSD", "LIVE_TIMEFRAME": "1h", "LIVE_TO": "1735776000000"},
            "LIVE_TO = '1735776000000' is no instant",
        ),
        ({"DATA_SOURCE": "realtime"}, "not available in this version"),
        ({"DATA_SOURCE": "parket"}, "unknown DATA_SOURCE 'parket'. Did you mean 'parquet'"),
        ({"CANDLE_DATA": "[1, 2"}, "CANDLE_DATA is not JSON"),
        ({"CANDLE_DATA": "[" * 100_000}, "CANDLE_DATA is not JSON"),
        ({"CANDLE_DATA": "[]"}, "CANDLE_DATA is no array of candles"),
        ({"CANDLE_DATA": "[1, 2]"}, "CANDLE_DATA is no array of candles"),
        ({"CANDLE_DATA": '{"time": 1}'}, "CANDLE_DATA is no array of candles"),
    ],
)
def test_a_wrong_variable_is_named_with_its_rule(workspace, monkeypatch, given, said):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as error:
        environment.load_data_from_env()
    assert said in str(error.value)


def test_what_the_protocol_hands_over_comes_first(workspace, monkeypatch):
    as_frame(2).to_parquet(workspace / "data" / "other.parquet")
    monkeypatch.setenv("TEST_DATASET", "other.parquet")
    assert len(environment.load_data_from_env()) == 2
    monkeypatch.setenv("CANDLE_DATA", json.dumps(rows(4)))
    check(environment.load_data_from_env(), 4)
    file = workspace / "candles.json"
    file.write_text(json.dumps(rows(5)))
    monkeypatch.setenv("CANDLE_DATA_FILE", str(file))
    check(environment.load_data_from_env(), 5)
    monkeypatch.setenv("DATA_SOURCE", "live")  # as later versions of the older system called it
    check(environment.load_data_from_env(), 5)
    monkeypatch.setenv("DATA_SOURCE", "parquet")
    assert len(environment.load_data_from_env()) == 2


def test_prices_arrive_to_the_last_bit(workspace, monkeypatch):
    values = np.random.default_rng(1).uniform(1.0, 2.0, 200)
    candles = [{"time": START + i, "open": x, "high": x, "low": x, "close": x} for i, x in enumerate(values.tolist())]
    monkeypatch.setenv("CANDLE_DATA", json.dumps(candles))
    frame = environment.load_data_from_env()
    assert frame["close"].to_numpy().tobytes() == values.tobytes()
    assert (frame["volume"] == 0.0).all()


def test_a_file_that_is_gone_or_no_text(workspace, monkeypatch):
    monkeypatch.setenv("CANDLE_DATA_FILE", str(workspace / "gone.json"))
    with pytest.raises(FileNotFoundError, match=r"gone\.json.* can't be read: No such file"):
        environment.load_data_from_env()
    (workspace / "gone.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="byte 0 is not UTF-8"):
        environment.load_data_from_env()


def test_nothing_says_which_candles(workspace):
    with pytest.raises(FileNotFoundError, match="set DATA_SOURCE=live with LIVE_SYMBOL") as error:
        environment.load_data_from_env()
    assert isinstance(error.value, LabError)
    with pytest.raises(MissingDataset, match="set TEST_DATASET to a CSV or Parquet file"):
        environment.load_test_data()


@pytest.mark.parametrize("name", ["eurusd_1h_recent.parquet", "eurusd_1h_2024.parquet", "test_data.parquet"])
def test_datasets_of_the_usual_names_need_no_variable(workspace, name):
    as_frame().to_parquet(workspace / "data" / name)
    check(environment.load_data_from_env())
    check(environment.load_test_data())


@pytest.mark.parametrize("given", ["hours.parquet", "hours", "../../data/hours.parquet"])
def test_a_dataset_by_name_or_path(workspace, monkeypatch, given):
    as_frame().to_parquet(workspace / "data" / "hours.parquet")
    check(environment.load_test_data(given))
    monkeypatch.setenv("DATA_SOURCE", "parquet")
    monkeypatch.setenv("TEST_DATASET", given)
    check(environment.load_data_from_env())


def test_a_dataset_of_an_absolute_path_outside_a_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    as_frame().to_csv(tmp_path / "hours.csv")
    check(environment.load_test_data(str(tmp_path / "hours.csv")))
    assert environment.list_test_datasets() == []
    assert not (tmp_path / "data").exists()


TIMES = {
    "an index without a zone": lambda frame: frame.set_index("time"),
    "an index with a zone": lambda frame: frame.set_index(
        frame.pop("time").dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    ),
    "a column": lambda frame: frame,
    "seconds": lambda frame: frame.assign(time=[row["time"] for row in rows()]),
    "texts": lambda frame: frame.assign(time=frame["time"].astype(str)),
    "texts with a zone": lambda frame: frame.assign(time=frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "upper case": lambda frame: frame.rename(columns=str.upper),
    "a column date": lambda frame: frame.rename(columns={"time": "date"}),
}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("kind", TIMES)
def test_times_in_every_form_that_old_files_have(workspace, kind, ending):
    frame = TIMES[kind](as_frame())
    indexed = isinstance(frame.index, pd.DatetimeIndex)
    path = workspace / "data" / f"x.{ending}"
    frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=indexed)
    check(environment.load_test_data("x"))


def test_columns_besides_stay_behind_the_five(workspace):
    as_frame().assign(mood="up", spread=0.1)[
        ["mood", "time", "close", "open", "low", "high", "volume", "spread"]
    ].to_parquet(workspace / "data" / "x.parquet")
    frame = environment.load_test_data("x")
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "mood", "spread"]
    assert frame["mood"].tolist() == ["up"] * 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="low"), "lacks low; it has"),
        (lambda frame: frame.drop(columns="time"), "has no time: give it a column `time`"),
        (lambda frame: frame.assign(close="dear"), "column 'close' does not hold numbers"),
        (lambda frame: frame.assign(time="soon"), "its times can't be read"),
        (lambda frame: frame.assign(time=[None, *frame["time"][1:]]), "the time of row 0 is missing"),
        (lambda frame: frame.assign(time=1.7e12), "its times can't be read"),
        (lambda frame: frame.assign(Close=1.0), "two columns are called 'close'"),
    ],
)
def test_what_is_no_candle_file_is_refused_with_the_file(workspace, change, said):
    path = workspace / "data" / "x.parquet"
    change(as_frame()).to_parquet(path)
    with pytest.raises(CandleError) as error:
        environment.load_test_data("x")
    assert str(error.value).startswith(f"{path}")
    assert said in str(error.value)


def test_damaged_files_and_other_formats(workspace):
    data = workspace / "data"
    (data / "bad.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(CandleError, match="not a readable parquet file"):
        environment.load_test_data("bad")
    (data / "empty.csv").write_bytes(b"")
    with pytest.raises(CandleError, match="not a readable csv file"):
        environment.load_test_data("empty.csv")
    (data / "x.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"\.xlsx is not read"):
        environment.load_test_data("x.xlsx")


def test_a_pickle_is_never_opened(workspace):
    """It would run the code inside; this one would leave a file behind."""
    left = workspace / "left"
    (workspace / "data" / "test_data.pkl").write_bytes(
        f"cpathlib\nPath.touch\n(cpathlib\nPath\n(S'{left}'\ntRtR.".encode()
    )
    for name in ("test_data.pkl", "test_data"):
        with pytest.raises(InputError, match="a pickle runs whatever code its author put in"):
            environment.load_test_data(name)
    assert environment.list_test_datasets()[0]["rows"] is None
    with pytest.raises(InputError, match="pickles are not read or written"):
        environment.save_test_data(as_frame(), "x", "pickle")
    assert not left.exists()


def test_a_mistyped_dataset_is_told_the_nearest(workspace):
    as_frame().to_parquet(workspace / "data" / "eurusd_1h.parquet")
    with pytest.raises(MissingDataset, match=r"holds eurusd_1h\.parquet, .* Did you mean 'eurusd_1h\.parquet'"):
        environment.load_test_data("eurus_1h.parquet")


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_saved_and_loaded_and_listed(workspace, format):
    frame = as_frame(7).set_index("time")
    path = Path(environment.save_test_data(frame, "mine", format))
    assert path == workspace / "data" / f"mine.{format}"
    check(environment.load_test_data("mine"), 7)
    (one,) = environment.list_test_datasets()
    assert {**one, "size_mb": 0} == {
        "name": "mine",
        "filename": f"mine.{format}",
        "format": format,
        "rows": 7,
        "size_mb": 0,
    }
    assert 0 < one["size_mb"] < 0.1


@pytest.mark.parametrize(
    ("name", "format", "said"),
    [("x", "feather", "unknown format 'feather'"), ("a/b", "csv", "'a/b' is no name"), ("", "csv", "'' is no name")],
)
def test_what_can_not_be_saved(workspace, name, format, said):
    with pytest.raises(InputError, match=said):
        environment.save_test_data(as_frame(), name, format)


def test_the_data_folder_is_that_of_the_running_file(workspace, tmp_path_factory):
    """A file that is run by hand from elsewhere loads what lies in its own workspace; reading makes no folder."""
    (workspace / "data").rmdir()
    file = workspace / "core" / "indicators" / "shown.py"
    file.write_text(
        "import sys\n"
        "from sptrader_lab.components.legacy import provided\n"
        "provided.install(provided.workspace_of(__import__('pathlib').Path(__file__)))\n"
        "from core.data.loader import get_data_dir, list_test_datasets\n"
        "print(list_test_datasets())\n"
        "print(get_data_dir().exists(), get_data_dir())\n"
    )
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True, cwd=elsewhere)
    assert done.stdout.splitlines() == ["[]", f"True {workspace / 'data'}"]
