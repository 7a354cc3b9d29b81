"""Files of the well-known programs are recognised; ambiguous ones are refused with what to say (S21)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader_lab.candles.importing.report import ImportReport
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import CandleError, ImportRefused, InputError
from sptrader_lab.types.instants import parse_time


def bring(folder: Path, text: str, name: str = "file.csv", encoding: str = "utf-8", **wish: object) -> ImportReport:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return CandleStore(folder / "data").import_file(path, **{"symbol": "EURUSD", **wish})


def first_time(folder: Path, timeframe: str = "1m", symbol: str = "EURUSD") -> str:
    time = CandleStore(folder / "data").candles(symbol, timeframe).time[0]
    return str(np.datetime64(int(time), "ns"))[:16]


HISTDATA = """20240102 170000;1.10427;1.10429;1.10425;1.10429;0
20240102 170100;1.10429;1.10429;1.10416;1.10420;0
20240102 170200;1.10420;1.10425;1.10420;1.10422;0
"""


def test_histdata_is_est_without_daylight_saving(tmp_path):
    report = bring(tmp_path, HISTDATA + HISTDATA.replace("20240102", "20240702"))
    assert (report.format, report.imported, report.timeframe, report.price) == ("HistData", 6, "1m", "bid")
    candles = CandleStore(tmp_path / "data").candles("EURUSD", "1m")
    assert candles.time.tolist()[::3] == [parse_time("2024-01-02T22:00"), parse_time("2024-07-02T22:00")]
    assert candles.close[0] == 1.10429


def test_histdata_in_metatrader_form_is_known_by_its_missing_volume(tmp_path):
    rows = "2024.01.02,17:00,1.1,1.2,1.0,1.1,0\n2024.01.02,17:01,1.1,1.2,1.0,1.1,0\n"
    assert bring(tmp_path, rows).zone == "UTC-5"
    assert first_time(tmp_path) == "2024-01-02T22:00"


def test_metatrader_4_export_without_zone_is_refused_with_what_to_say(tmp_path):
    rows = "2024.01.02,17:00,1.1,1.2,1.0,1.1,12\n2024.01.02,17:01,1.1,1.2,1.0,1.1,15\n"
    with pytest.raises(ImportRefused, match=r"--tz.*America/New_York\+7.*If HistData wrote it, say --tz UTC-5"):
        bring(tmp_path, rows)
    assert bring(tmp_path, rows, tz="Europe/Athens").imported == 2
    assert first_time(tmp_path) == "2024-01-02T15:00"


DUKASCOPY = """Gmt time,Open,High,Low,Close,Volume
01.02.2024 00:00:00.000,1.08,1.09,1.07,1.085,120.5
01.02.2024 01:00:00.000,1.08,1.09,1.07,1.085,99.25
"""


def test_dukascopy_writes_the_day_first_in_utc(tmp_path):
    report = bring(tmp_path, DUKASCOPY, name="EURUSD_Candlestick_1_Hour_BID_01.02.2024.csv")
    assert (report.format, report.timeframe, report.zone, report.price) == ("Dukascopy", "1h", "UTC", "bid")
    assert first_time(tmp_path, "1h") == "2024-02-01T00:00"


def test_dukascopy_local_time_carries_its_offset(tmp_path):
    text = DUKASCOPY.replace("Gmt time", "Local time").replace(".000,", ".000 GMT+0100,")
    bring(tmp_path, text)
    assert first_time(tmp_path, "1h") == "2024-01-31T23:00"


def test_epoch_times_are_told_apart_by_their_length(tmp_path):
    seconds = parse_time("2024-01-02T10:00") // 10**9
    for zeros, name in ((0, "s"), (3, "ms"), (6, "us"), (9, "ns")):
        rows = "".join(f"{(seconds + 60 * k) * 10**zeros},1.1,1.2,1.0,1.1,5\n" for k in range(3))
        folder = tmp_path / name
        folder.mkdir()
        assert bring(folder, "timestamp,open,high,low,close,volume\n" + rows).imported == 3
        assert first_time(folder) == "2024-01-02T10:00"


METATRADER = """<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>
2024.01.02\t00:00:00\t1.10427\t1.10429\t1.10425\t1.10429\t31\t0\t12
2024.01.02\t00:01:00\t1.10429\t1.10430\t1.10416\t1.10420\t40\t0\t9
"""


def test_metatrader_5_needs_a_zone(tmp_path):
    with pytest.raises(ImportRefused, match="broker's clock: say it with --tz"):
        bring(tmp_path, METATRADER)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_metatrader_5_spread_is_turned_from_points_into_price_units(tmp_path, encoding):
    report = bring(tmp_path, METATRADER, encoding=encoding, tz="America/New_York+7")
    assert any("points" in note for note in report.notes)
    candles = CandleStore(tmp_path / "data").candles("EURUSD", "1m")
    assert candles.spread.tolist() == [0.00012, 0.00009]
    assert candles.volume.tolist() == [31, 40]
    assert first_time(tmp_path) == "2024-01-01T22:00"


def test_new_york_plus_seven_keeps_the_broker_day_on_the_trading_day_in_summer_too(tmp_path):
    bring(tmp_path, METATRADER.replace("2024.01.02", "2024.07.02"), tz="America/New_York+7")
    assert first_time(tmp_path) == "2024-07-01T21:00"


def test_metatrader_days_without_clock_name_trading_days_s4(tmp_path):
    text = METATRADER.replace("<TIME>\t", "").replace("\t00:00:00", "").replace("2024.01.02\t00:01:00", "2024.01.03")
    assert bring(tmp_path, text).timeframe == "1d"
    assert first_time(tmp_path, "1d") == "2024-01-01T22:00"


YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-02,187.15,188.44,183.89,185.64,184.73,82488700
2024-01-03,184.22,185.88,183.43,184.25,183.35,58414500
2024-01-04,null,null,null,null,null,null
2024-01-05,181.99,182.76,180.17,181.18,180.29,62303300
"""


def test_yahoo_days_are_raw_prices_and_its_null_rows_are_put_aside(tmp_path):
    report = bring(tmp_path, YAHOO, symbol="AAPL")
    assert (report.format, report.timeframe, report.imported, report.quarantined) == ("Yahoo", "1d", 3, 1)
    candles = CandleStore(tmp_path / "data").candles("AAPL", "1d")
    assert candles.source == "store"
    assert candles.close.tolist() == [185.64, 184.25, 181.18]
    assert first_time(tmp_path, "1d", "AAPL") == "2024-01-02T00:00"


def test_tradingview_seconds_and_offsets_are_instants(tmp_path):
    start = parse_time("2024-01-02T10:00") // 10**9
    rows = "".join(f"{start + 3600 * k},1.1,1.2,1.0,1.1,5,1.05\n" for k in range(3))
    report = bring(tmp_path, "time,open,high,low,close,Volume,Volume MA\n" + rows)
    assert (report.format, report.timeframe) == ("TradingView", "1h")
    assert "columns left out: Volume MA" in report.notes
    rows = "".join(f"2024-01-03T{10 + k}:00:00+01:00,1.1,1.2,1.0,1.1,5\n" for k in range(3))
    assert bring(tmp_path, "time,open,high,low,close,Volume\n" + rows).imported == 3
    assert first_time(tmp_path, "1h") == "2024-01-02T10:00"


@pytest.mark.parametrize("name", ["time", "timestamp", None])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_pandas_saves_comes_back_the_same(tmp_path, eurusd_1m, name, suffix):
    part = eurusd_1m.rows(0, 500)
    frame = part.to_frame().rename_axis(name)
    path = tmp_path / f"file{suffix}"
    if suffix == ".csv":
        frame.to_csv(path)
    else:
        frame.to_parquet(path)
    store = CandleStore(tmp_path / "data")
    assert store.import_file(path, symbol="EURUSD").imported == 500
    assert store.candles("EURUSD", "1m").fingerprint == part.fingerprint


def test_naive_pandas_times_are_refused_until_a_zone_is_given(tmp_path):
    text = ",open,high,low,close,volume\n2024-01-02 10:00:00,1.1,1.2,1.0,1.1,5\n2024-01-02 10:01:00,1.1,1.2,1.0,1.1,5\n"
    with pytest.raises(ImportRefused, match=r"'2024-01-02 10:00:00' name no time zone; say which.*--tz Europe/London"):
        bring(tmp_path, text)
    bring(tmp_path, text, tz="Europe/London")
    assert first_time(tmp_path) == "2024-01-02T10:00"


def test_naive_parquet_times_are_refused_until_a_zone_is_given(tmp_path, eurusd_1m):
    frame = eurusd_1m.rows(0, 100).to_frame()
    path = tmp_path / "naive.parquet"
    frame.set_axis(frame.index.tz_localize(None)).to_parquet(path)
    store = CandleStore(tmp_path / "data")
    with pytest.raises(ImportRefused, match="name no time zone"):
        store.import_file(path, symbol="EURUSD")
    assert store.import_file(path, symbol="EURUSD", tz="UTC").imported == 100


def test_day_and_month_that_may_be_swapped_are_refused_and_can_be_told(tmp_path):
    text = "Date,Open,High,Low,Close\n01/02/2024,1.1,1.2,1.0,1.1\n02/02/2024,1.1,1.2,1.0,1.1\n"
    with pytest.raises(ImportRefused, match=r"day/month or month/day \(no day is above 12\).*%d/%m/%Y"):
        bring(tmp_path, text)
    bring(tmp_path, text, columns={"time": "Date:%d/%m/%Y"}, symbol="AAPL")
    assert first_time(tmp_path, "1d", "AAPL") == "2024-02-01T00:00"


def test_a_day_above_twelve_settles_the_order(tmp_path):
    text = "Date,Open,High,Low,Close\n01/12/2024,1.1,1.2,1.0,1.1\n01/13/2024,1.1,1.2,1.0,1.1\n"
    bring(tmp_path, text, symbol="AAPL")
    assert first_time(tmp_path, "1d", "AAPL") == "2024-01-12T00:00"


def test_unknown_columns_are_refused_and_can_be_named(tmp_path):
    text = "D,C1,O,H,L,C\n2024-01-02,10:00,1.1,1.2,1.0,1.1\n2024-01-02,10:01,1.1,1.2,1.0,1.1\n"
    with pytest.raises(
        ImportRefused, match=r"no column is known to hold open; the columns are 'D', 'C1'.*--columns time=Date"
    ):
        bring(tmp_path, text)
    chosen = {"time": "D+C1", "open": "O", "high": "H", "low": "L", "close": "C"}
    assert bring(tmp_path, text, columns=chosen, tz="UTC").imported == 2
    with pytest.raises(ImportRefused, match=r"unknown column 'Ope'.*Did you mean 'O"):
        bring(tmp_path, text.replace("O,", "Open,"), columns=chosen | {"open": "Ope"})


def test_columns_without_header_are_counted_from_one(tmp_path):
    text = "1704189600,1.1,1.2,1.0,1.1\n1704189660,1.1,1.2,1.0,1.1\n"
    with pytest.raises(ImportRefused, match=r"has no header.*--columns time=1,open=2"):
        bring(tmp_path, text)
    chosen = {"time": "1", "open": "2", "high": "3", "low": "4", "close": "5"}
    report = bring(tmp_path, text, columns=chosen)
    assert report.imported == 2
    assert "the file has no volume; it was set to 0" in report.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("hello\nworld\n", "no row of candles"),
        ("time,open,high,low,close\n", "a header and no rows"),
        ("time,open,open,low,close\n2024-01-02T10:00Z,1,1,1,1\n", "2 columns are called 'open'"),
        (
            "time,open,high,low,close\n1,2,3\n\n1,2\n",
            "file.csv:2: no row has as many fields as the first line; here 3 fields",
        ),
        ("time,open,high,low,close\nnoon,1,1,1,1\n", "no time can be read; the first is 'noon'"),
        ("time,open,high,low,close\n2024-01-02T10:00Z,1,1,1,1\n", "holds a single time; say it: --timeframe 1h"),
        (
            "time,open,high,low,close\n2024-01-02T10:00Z,a,1,1,1\n2024-01-02T11:00Z,1,b,1,1\n",
            "2 of 2 rows can't be right",
        ),
        ("time,open,high,low,close\n2024-01-02T10:00:00Z,1,1,1,1\n2024-01-02T10:00:07Z,1,1,1,1\n", "is 7 s; say it"),
    ],
)
def test_files_that_are_no_candles_are_refused_with_the_reason(tmp_path, text, said):
    with pytest.raises(ImportRefused, match=said):
        bring(tmp_path, text)
    assert not (tmp_path / "data" / "candles").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "holds zero bytes, so it is no text"),
        ("a.csv", b"\x89\x07,\x99\x96,\xff,\xfe,\r\xff", "no row has as many fields"),
        ("a.csv", b'a,"b\n,c,d,e,f\n', "is no row of candles"),
        ("a.csv", b"\xff\xfeabc", "is no row of candles"),
        ("a.csv", b"a,b,c,d,e\n" + b"1" * (40 << 20), "not a readable CSV file"),
        ("a.parquet", b"time,open,high,low,close\n", "not a Parquet file, which begins with PAR1"),
        ("a.parquet", b"PAR1 nothing", "not a readable Parquet file"),
        ("a.csv", None, "this is a folder"),
    ],
)
def test_files_that_only_have_the_right_name_are_refused(tmp_path, name, content, said):
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ImportRefused, match=said):
        CandleStore(tmp_path / "data").import_file(path, symbol="EURUSD")


@pytest.mark.parametrize(
    "text",
    [
        "date;time;open;high;low;close;volume\n" + "2024.01.02;10:00;1,1042;1,1050;1,1040;1,1045;12\n" * 2,
        "20240102 170000;1,1042;1,1050;1,1040;1,1045;0\n" * 2,
        'time,open,high,low,close\n2024-01-02T10:00Z,"1,1042","1,2","1,0","1,1"\n',
    ],
)
def test_a_decimal_comma_is_refused_with_what_to_do(tmp_path, text):
    with pytest.raises(
        ImportRefused, match=r"numbers are written like 1,1042; a point must part the decimals \(1\.1042\)"
    ):
        bring(tmp_path, text)


def test_lines_may_end_as_on_any_machine(tmp_path):
    text = "time,open,high,low,close\n2024-01-02T10:00Z,1,1,1,1\n2024-01-02T10:01Z,1,1,1,1\n2024-01-02T10:02Z,1,1\n"
    for number, end in enumerate(("\n", "\r\n", "\r")):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(text.replace("\n", end).encode())
        report = CandleStore(tmp_path / f"data{number}").import_file(path, symbol="EURUSD")
        assert (report.imported, report.quarantined) == (2, 1)
        assert report.quarantine.read_text().splitlines()[1] == '4,3 fields instead of 5,"2024-01-02T10:02Z,1,1"'


def test_wrong_wishes_are_refused_with_the_nearest_choice(tmp_path):
    with pytest.raises(ImportRefused, match=r"no such file"):
        CandleStore(tmp_path).import_file(tmp_path / "none.csv", symbol="EURUSD")
    with pytest.raises(ImportRefused, match=r"'Europe/Londn' is not known; write it like UTC"):
        bring(tmp_path, HISTDATA, tz="Europe/Londn")
    with pytest.raises(InputError, match=r"'refused'. Did you mean 'refuse'"):
        bring(tmp_path, HISTDATA, bad_rows="refused")
    with pytest.raises(InputError, match=r"unknown kind of price 'bod'. Did you mean 'bid'"):
        bring(tmp_path, HISTDATA, price="bod")
    with pytest.raises(InputError, match="symbol '' is not a name"):
        bring(tmp_path, HISTDATA, symbol="")
    with pytest.raises(ImportRefused, match="--timeframe 1h can't be right, the most common step between rows is 1m"):
        bring(tmp_path, HISTDATA, timeframe="1h")


def test_bid_and_mid_prices_are_not_mixed_in_one_series(tmp_path):
    bring(tmp_path, HISTDATA)
    text = HISTDATA.replace("20240102", "20240103")
    with pytest.raises(CandleError, match=r"holds bid prices and these are mid prices.*--price bid"):
        bring(tmp_path, text, price="mid")
    assert bring(tmp_path, text, price="bid").imported == 3


@pytest.mark.parametrize(
    ("given", "meant"), [("UTC", "10:00"), ("UTC+2", "08:00"), ("+05:30", "04:30"), ("Etc/GMT+5", "15:00")]
)
def test_zones_are_read_in_every_usual_way(tmp_path, given, meant):
    text = "time,open,high,low,close\n2024-01-02 10:00,1,1,1,1\n2024-01-02 10:01,1,1,1,1\n"
    bring(tmp_path, text, tz=given)
    assert first_time(tmp_path) == f"2024-01-02T{meant}"


def test_real_minutes_all_arrive_and_their_gaps_are_reported(tmp_path, eurusd_1m):
    real = Path(__file__).resolve().parents[2] / "shared" / "data" / "EURUSD_1m_2025.parquet"
    store = CandleStore(tmp_path)
    report = store.import_file(real, symbol="EURUSD")
    assert (report.imported, report.quarantined, report.timeframe) == (191_906, 0, "1m")
    assert report.quality.gaps > 500
    assert report.quality.missing + report.quality.rows == report.quality.expected
    assert store.candles("EURUSD", "1m").fingerprint == eurusd_1m.fingerprint
    assert pd.Timestamp(report.quality.longest[0].stop, unit="ns") == pd.Timestamp("2025-05-04 22:00")
