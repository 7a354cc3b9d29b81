"""The store answers with the right candles, says what it did, and says what there is when it can't answer."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import CandleError, InputError, MissingCandles
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time


def hours(symbol: str = "GBPUSD", start: str = "2024-12-30", count: int = 200, shift: float = 0.0, **more) -> Candles:
    time = parse_time(start) + np.arange(count) * more.pop("step", HOUR)
    close = 1.25 + shift + np.sin(np.arange(count)) / 100
    volume = np.arange(count, dtype=float)
    return Candles(symbol, more.pop("timeframe", "1h"), time, close, close + 0.01, close - 0.01, close, volume, **more)


def test_what_is_written_is_read_back_bit_for_bit_across_years(tmp_path):
    candles = hours()
    store = CandleStore(tmp_path)
    assert store.write(candles) == (200, 0)
    found = store.candles("GBPUSD", "1h")
    assert found.fingerprint == candles.fingerprint
    assert found.source == "store"
    years = sorted(path.parent.name for path in tmp_path.rglob("*.parquet"))
    assert years == ["year=2024", "year=2025"]


def test_a_range_is_half_open_and_a_bare_end_date_is_included_whole_s1(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours())
    found = store.candles("GBPUSD", "1h", "2024-12-31", "2025-01-01")
    assert (found.time[0], len(found)) == (parse_time("2024-12-31"), 48)
    assert len(store.candles("GBPUSD", "1h", "2024-12-31", "2025-01-01T00:00")) == 24


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BRK.B", "..up", "a b*[1]?", "symbol=x", "ÄÖ"])
def test_any_printable_symbol_is_safe_on_disk(tmp_path, symbol):
    store = CandleStore(tmp_path / "da[t]a*")
    store.write(hours(symbol))
    assert len(CandleStore(tmp_path / "da[t]a*").candles(symbol, "4h")) > 0
    assert symbol in store.list()["symbol"].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["da[t]a*"]


@pytest.mark.parametrize("symbol", ["../../x", "/etc", "a//b", "a/./b", "up\\x", "EURUSD ", "", "a\nb"])
def test_a_symbol_that_reads_like_a_path_is_refused_with_the_rule(tmp_path, symbol):
    store = CandleStore(tmp_path)
    for use in (lambda: store.candles(symbol, "1h"), lambda: store.write(hours(symbol))):
        with pytest.raises(InputError, match=r"is not a name; write it like EURUSD, AAPL or BTC/USDT"):
            use()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("asked", ["btcusdt", "BTCUSDT", "btc/usdt", "BTC/USDT"])
def test_a_symbol_is_found_whatever_its_case_and_slashes(tmp_path, asked):
    store = CandleStore(tmp_path)
    store.write(hours("BTC/USDT"))
    assert store.candles(asked, "1h").symbol == "BTC/USDT"
    assert store.check(asked, "1h").symbol == "BTC/USDT"
    assert store.timeframes(asked) == ("1h",)
    assert (f"{asked} was read as BTC/USDT" in store.log) == (asked != "BTC/USDT")


def test_one_symbol_is_written_in_one_way(tmp_path):
    """Whoever asks for EURUSD must not get sample candles while `eurusd` holds what was imported."""
    store = CandleStore(tmp_path)
    for symbol in ("gbpusd", "GBP/USD"):
        with pytest.raises(InputError, match=f"symbol '{symbol}' is written 'GBPUSD' in .* already"):
            store.write(hours(symbol))
    with pytest.raises(MissingCandles, match="Did you mean 'EURUSD'"):
        store.candles("EUR-USD", "1h")


def test_a_mistyped_folder_is_refused_and_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "candles").mkdir()
    store = CandleStore("candels")
    asks = [store.list, lambda: store.timeframes("EURUSD")]
    asks += [lambda ask=ask: ask("EURUSD", "1h") for ask in (store.candles, store.load, store.status, store.check)]
    for ask in asks:
        with pytest.raises(
            InputError, match=r"there is no folder .*candels. Did you mean .*candles\?.* --data candels"
        ):
            ask()
    far = tmp_path / "not" / "there" / "data"
    with pytest.raises(InputError, match=f"no folder {far}, nor {far.parent}; what exists of it is {tmp_path}\\."):
        CandleStore(far).candles("EURUSD", "1h")
    with pytest.raises(InputError, match=r"can't be made, nor .* Make the folder it stands in first"):
        CandleStore(far).write(hours())
    assert [path.name for path in tmp_path.iterdir()] == ["candles"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file; candles live in a folder"):
        CandleStore("file").list()


def test_the_folder_data_is_made_by_the_first_run_and_sample_candles_are_announced(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    store = CandleStore("data")
    assert store.candles("GBPUSD", "1d").source == "sample"
    where = tmp_path / "data" / "sample"
    told = f"made sample candles of GBPUSD in {where} (drawn at random: not real prices)"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [told]
    assert told in store.log
    caplog.clear()
    CandleStore("data").candles("GBPUSD", "1d")
    assert not caplog.records


def test_writing_makes_the_folder(tmp_path):
    CandleStore(tmp_path / "new").write(hours())
    assert len(CandleStore(tmp_path / "new").candles("GBPUSD", "1h")) == 200


def test_a_store_says_where_it_is_and_what_it_holds(tmp_path):
    assert repr(CandleStore(tmp_path / "none")).startswith(f"<CandleStore {tmp_path / 'none'} (not there yet): nothing")
    store = CandleStore(tmp_path)
    store.write(hours())
    store.write(hours(timeframe="1m", step=MINUTE))
    store.candles("GBPUSD", "1h")
    assert repr(store).startswith(f"<CandleStore {tmp_path}: GBPUSD 1m 1h; <CandleCache 1 of 20 entries")
    page = store._repr_html_()
    assert "<td>GBPUSD</td>" in page
    assert "<b>Candle cache</b>" in page


def test_many_missing_candles_are_told_when_they_are_read(tmp_path):
    store = CandleStore(tmp_path)
    whole = hours()
    store.write(whole.rows(0, 30))
    store.write(whole.rows(42, 60))
    store.candles("GBPUSD", "1h", start="2024-12-30T20:00")
    assert any("GBPUSD 1h: 30.0 % of the expected candles are missing (12 of 40)" in line for line in store.log)
    store.candles("GBPUSD", "1h", end="2024-12-30")
    assert "missing" not in store.log[-1]


def test_imported_candles_win_and_are_never_merged_with_sample_ones(tmp_path):
    store = CandleStore(tmp_path)
    sample = store.candles("GBPUSD", "1h")
    assert sample.source == "sample"
    store.write(hours())
    assert store.candles("GBPUSD", "1h").fingerprint == hours().fingerprint
    assert store.candles("GBPUSD", "1h", source="sample").fingerprint == sample.fingerprint
    with pytest.raises(InputError, match="source 'sample', which is never mixed"):
        store.write(sample)
    with pytest.raises(MissingCandles, match=r"GBPUSD 1m can't be made.*store holds 1h.*source='sample'"):
        store.candles("GBPUSD", "1m")


def test_the_coarsest_stored_timeframe_that_divides_is_used(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(timeframe="1m", step=MINUTE, count=600))
    store.write(hours(timeframe="15m", step=15 * MINUTE, count=40, shift=1.0))
    store.write(hours(timeframe="30m", step=30 * MINUTE, count=20, shift=2.0))
    assert store.candles("GBPUSD", "1h").close.min() > 3
    assert 2 < store.candles("GBPUSD", "45m").close.min() < 3
    assert store.candles("GBPUSD", "20m").close.max() < 2
    assert store.timeframes("GBPUSD") == ("1m", "15m", "30m")


def test_candles_that_contradict_stored_ones_are_refused_whole(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(count=10))
    with pytest.raises(CandleError, match=r"20 candles contradict|10 of 20 candles contradict"):
        store.write(hours(count=20, shift=0.001))
    assert len(store.candles("GBPUSD", "1h")) == 10
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_a_spread_is_there_for_the_whole_series_or_not_at_all(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(count=10, spread=np.full(10, 0.0001)))
    assert store.candles("GBPUSD", "1h").spread is not None
    store.write(hours(start="2025-06-02", count=10))
    assert store.candles("GBPUSD", "1h").spread is None
    assert store.candles("GBPUSD", "1h", end="2025-01-05").spread is None


def test_missing_candles_are_named_with_what_there_is_and_how_to_import(tmp_path):
    store = CandleStore(tmp_path)
    with pytest.raises(
        MissingCandles, match=r"Did you mean 'EURUSD'\? There are: AAPL.*data import FILE --symbol EURUSE"
    ):
        store.candles("EURUSE", "1h")
    store.write(hours())
    with pytest.raises(MissingCandles, match=r"holds 1h candles from 2024-12-30 00:00 to 2025-01-07 07:00"):
        store.candles("GBPUSD", "1h", start="2030-01-01")
    with pytest.raises(InputError, match="its start must lie before its end"):
        store.candles("GBPUSD", "1h", start="2025-02-01", end="2025-01-01")
    with pytest.raises(InputError, match=r"unknown source 'stor'. Did you mean 'store'"):
        store.candles("GBPUSD", "1h", source="stor")
    with pytest.raises(MissingCandles, match=r"no candles of 'AAPL' in source 'sample'"):
        store.candles("AAPL", "1d", source="sample")


def test_the_list_shows_what_is_held_and_what_would_be_made(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours("BTC/USDT"))
    table = store.list().set_index(["symbol", "source"])
    assert table.loc[("BTC/USDT", "store"), "candles"] == 200
    assert str(table.loc[("BTC/USDT", "store"), "from"]) == "2024-12-30 00:00:00+00:00"
    assert table.loc[("EURUSD", "sample"), "candles"] == 0


def test_equities_are_real_days_under_their_own_source(tmp_path):
    candles = CandleStore(tmp_path).candles("AAPL", "1d")
    assert (candles.source, len(candles), candles.spread) == ("equities", 3270, None)
    assert candles.close[0] == 130.31
    assert candles.time[0] == parse_time("2000-03-01")
    weeks = CandleStore(tmp_path).candles("AAPL", "1w", start="2000-03-06", end="2000-03-12")
    week = candles.between("2000-03-06", "2000-03-12")
    assert (weeks.open[0], weeks.close[0], weeks.volume[0]) == (week.open[0], week.close[-1], week.volume.sum())


def test_reading_is_told_in_the_log_and_warns_only_about_candles_that_were_loaded(tmp_path, caplog):
    store = CandleStore(tmp_path)
    store.write(hours())
    with caplog.at_level(logging.INFO, "sptrader_lab.candles"):
        store.candles("GBPUSD", "1h", start="2025-01-01")
        assert "GBPUSD 1h (store) 2025-01-01T00:00..: 152 candles read" in store.log[-1]
        assert {record.levelname for record in caplog.records} == {"INFO"}
        store.load("GBPUSD", "1h", start="2025-01-02", end="2025-01-03")
        store.cache.clear()
        store.candles("GBPUSD", "1h", start="2025-01-02", end="2025-01-03")
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        "GBPUSD 1h (store) 2025-01-02T00:00..2025-01-04T00:00 is not (or no longer) in the cache; reading the store"
    ]


def test_the_log_says_when_the_last_candle_is_shorter_than_its_name(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(start="2025-01-02T00:00", count=90, timeframe="1m", step=MINUTE))
    assert len(store.candles("GBPUSD", "1h")) == 2
    assert store.log[-1] == "GBPUSD 1h: the store ends 30 min before the last candle does"


def test_check_reports_the_stored_candles(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours())
    report = store.check("GBPUSD", "1h")
    assert (report.rows, report.source, report.bad) == (200, "store", 0)


def test_a_damaged_index_says_what_to_do(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours())
    index = next(tmp_path.rglob("index.json"))
    index.write_text("{")
    with pytest.raises(CandleError, match=r"index.json is damaged .*; remove the folder"):
        store.candles("GBPUSD", "1h")


def test_a_lost_file_says_what_to_do(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours())
    next(tmp_path.rglob("*.parquet")).unlink()
    with pytest.raises(CandleError, match="Remove the folder and import its candles again"):
        store.candles("GBPUSD", "1h")


def test_a_damaged_file_says_what_to_do(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours())
    next(tmp_path.rglob("*.parquet")).write_bytes(b"PAR1 nothing")
    with pytest.raises(CandleError, match="Remove the folder and import its candles again"):
        store.candles("GBPUSD", "1h")
