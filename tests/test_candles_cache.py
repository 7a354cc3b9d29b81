"""The memory cache: what it keeps, for how long, what leaves first, and that it never serves what the disk no longer holds."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from sptrader_lab.candles import cache as cache_module
from sptrader_lab.candles.cache import CandleCache, Key
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles

KEY = Key("store", "EURUSD", "1h")


def hours(count: int = 100, first: int = 0, symbol: str = "EURUSD") -> Candles:
    time = (np.arange(count) + first) * HOUR
    price = np.full(count, 1.0)
    return Candles(symbol, "1h", time, price, price, price, price, np.arange(count) + float(first))


def span(low: int, high: int) -> Key:
    return KEY._replace(start=low * HOUR, end=high * HOUR)


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(cache_module.time, "time", lambda: Clock.now)
    return Clock


def test_a_hit_a_miss_and_the_age_are_counted(clock):
    cache = CandleCache()
    assert cache.get(KEY, "a") is None
    assert str(cache.status(KEY)) == "EURUSD 1h (store) whole: empty, 0 hits, 1 misses"
    candles = hours()
    cache.put(KEY, candles, "a")
    clock.now += 7
    assert cache.get(KEY, "a") is candles
    status = cache.status(KEY)
    assert (status.state, status.hits, status.misses, status.age, status.size) == ("loaded", 1, 1, 7, 100 * 8 * 6)
    assert (cache.hits, cache.misses) == (1, 1)


def test_entries_leave_after_their_time(clock):
    cache = CandleCache(ttl=600)
    cache.put(KEY, hours(), "a")
    clock.now += 600
    assert cache.get(KEY, "a") is not None
    clock.now += 0.1
    assert cache.get(KEY, "a") is None
    assert cache.status(KEY).state == "empty"


def test_the_least_recently_used_of_twenty_leaves_first():
    cache = CandleCache()
    keys = [KEY._replace(symbol=f"S{number}") for number in range(21)]
    for key in keys[:20]:
        cache.put(key, hours(), "a")
    cache.get(keys[0], "a")
    cache.put(keys[20], hours(), "a")
    assert [key.symbol for key in keys if cache.status(key).state == "empty"] == ["S1"]
    assert len(cache) == 20


def test_the_byte_budget_holds_and_what_exceeds_it_alone_is_not_kept():
    cache = CandleCache(budget=3 * 4800)
    for number in range(5):
        cache.put(KEY._replace(symbol=f"S{number}"), hours(), "a")
    assert (len(cache), cache.size) == (3, 3 * 4800)
    cache.put(KEY, hours(1000), "a")
    assert cache.status(KEY).state == "empty"
    assert len(cache) == 3


@settings(max_examples=60)
@given(low=st.integers(-20, 120), length=st.integers(1, 140))
def test_a_narrower_range_is_served_from_a_wider_entry(low, length):
    cache = CandleCache()
    whole = hours()
    cache.put(KEY, whole, "a")
    found = cache.get(span(low, low + length), "a")
    assert found.fingerprint == whole.between(low * HOUR, (low + length) * HOUR).fingerprint
    assert len(found) == 0 or np.shares_memory(found.close, whole.close)


def test_a_wider_range_is_not_served_from_a_narrower_entry_and_replaces_it():
    cache = CandleCache()
    cache.put(span(10, 20), hours(10, 10), "a")
    assert cache.get(span(10, 21), "a") is None
    assert cache.get(KEY._replace(timeframe="1m"), "a") is None
    assert cache.get(KEY._replace(source="sample"), "a") is None
    cache.put(KEY, hours(), "a")
    assert len(cache) == 1


def test_candles_that_the_disk_no_longer_holds_are_not_served():
    cache = CandleCache()
    cache.put(KEY, hours(), "before")
    assert cache.get(KEY, "after") is None
    assert cache.status(KEY, "after").state == "empty"


def test_an_import_by_another_store_is_seen_at_once(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(50))
    assert len(store.candles("EURUSD", "1h")) == 50
    assert store.status("EURUSD", "1h").state == "loaded"
    CandleStore(tmp_path).write(hours(60))
    assert store.status("EURUSD", "1h").state == "empty"
    assert len(store.candles("EURUSD", "1h")) == 60


def test_loading_is_told_while_it_lasts():
    cache = CandleCache()
    with cache.loading(KEY):
        assert cache.status(span(1, 2)).state == "loading"
        assert [row.state for row in cache.table()] == ["loading"]
        assert "loading" in cache._repr_html_()
    assert cache.status(KEY).state == "empty"


def test_load_fills_the_cache_in_parts_and_candles_are_served_from_it(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(20_000))
    loaded = store.load("EURUSD", "4h")
    assert loaded.fingerprint == CandleStore(tmp_path).candles("EURUSD", "4h").fingerprint
    assert store.candles("EURUSD", "4h", "1970-06-01", "1970-07-01").time[0] >= 0
    assert (store.cache.hits, store.cache.misses) == (1, 0)


def test_the_cache_shows_itself(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(symbol="BTC/USDT"))
    store.candles("BTC/USDT", "1h")
    assert "1 of 20 entries, 0.0 of 512 MB, 0 hits, 1 misses, kept for 600 s" in repr(store)
    assert "<td>BTC/USDT 1h (store) whole</td><td>loaded</td>" in store.cache._repr_html_()


def test_a_restarted_kernel_finds_the_kept_cache(tmp_path, clock):
    first = CandleStore(tmp_path, keep_cache=True)
    first.write(hours())
    candles = first.candles("EURUSD", "4h")
    clock.now += 100
    second = CandleStore(tmp_path, keep_cache=True)
    assert second.status("EURUSD", "4h").age == 100
    assert second.candles("EURUSD", "4h").fingerprint == candles.fingerprint
    assert (second.cache.hits, second.cache.misses) == (1, 0)
    clock.now += 501
    assert CandleStore(tmp_path, keep_cache=True).status("EURUSD", "4h").state == "empty"
    assert not list(tmp_path.glob("cache/*.arrow"))


def test_a_damaged_kept_entry_is_forgotten(tmp_path):
    store = CandleStore(tmp_path, keep_cache=True)
    store.write(hours())
    store.candles("EURUSD", "4h")
    file = next(tmp_path.glob("cache/*.arrow"))
    file.write_bytes(file.read_bytes()[:100])
    again = CandleStore(tmp_path, keep_cache=True)
    assert again.status("EURUSD", "4h").state == "empty"
    assert len(again.candles("EURUSD", "4h")) == 26


def test_threads_that_read_put_and_expire_at_once_always_get_whole_candles():
    cache = CandleCache(ttl=0.002, limit=3)
    whole = hours()
    stop = time.monotonic() + 0.5
    barrier = threading.Barrier(4)

    def worker(seed: int) -> int:
        random = np.random.default_rng(seed)
        barrier.wait()
        served = 0
        while time.monotonic() < stop:
            low = int(random.integers(0, 90))
            found = cache.get(span(low, low + 10), "a")
            if found is None:
                cache.put(KEY if seed % 2 else span(low, low + 10), whole if seed % 2 else hours(10, low), "a")
            else:
                assert found.volume.tolist() == list(range(low, low + 10))
                served += 1
            cache.table()
        return served

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(worker, range(4))) > 0


def test_a_state_reads_as_words_without_the_numbers_of_open_ends(tmp_path):
    store = CandleStore(tmp_path)
    store.write(hours(10))
    assert repr(store.status("EURUSD", "1h")) == "<Status EURUSD 1h (store) whole: empty, 0 hits, 0 misses>"
    assert repr(store.status("EURUSD", "1h", "2024").key) == "<Key EURUSD 1h (store) 2024-01-01T00:00..>"
