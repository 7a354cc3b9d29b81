"""Readers and writers in many processes: nobody sees half a write, and no row is lost."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sptrader_lab.candles.layout import folder_of, locked, read_index
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import CandleError
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

ROOT = Path(__file__).resolve().parent.parent

PRELUDE = """
import sys
import numpy as np
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
def candles(rows):
    time = parse_time("2024-10-01") + np.asarray(rows) * 3_600_000_000_000
    price = np.ones(len(time))
    return Candles("EURUSD", "1h", time, price, price, price, price, np.asarray(rows, float))
store = CandleStore(sys.argv[1])
"""
WRITER = (
    PRELUDE
    + """
for step in range(8):
    rows = np.arange(int(sys.argv[2]), 50 * (step + 1), 2)
    store.write(candles(np.concatenate([rows, rows + 2400])))
"""
)
READER = (
    PRELUDE
    + """
from pathlib import Path
lengths = set()
while not (Path(sys.argv[1]) / "done").exists():
    found = store.candles("EURUSD", "1h")
    lengths.add(len(found))
    assert len(found) % 50 == 0, len(found)
assert len(lengths) > 2, lengths
"""
)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def candles(rows: np.ndarray) -> Candles:
    time = parse_time("2024-10-01") + rows * HOUR
    price = np.ones(len(time))
    return Candles("EURUSD", "1h", time, price, price, price, price, rows.astype(float))


def test_two_writers_lose_nothing_and_a_reader_sees_only_whole_writes(tmp_path):
    """Every write adds 25 candles in each of two years, so a reader that saw half of one would not count in fifties."""
    CandleStore(tmp_path).write(candles(np.arange(10_000, 10_050)))
    reader = python(READER, tmp_path)
    writers = [python(WRITER, tmp_path, offset) for offset in (0, 1)]
    for writer in writers:
        finish(writer)
    (tmp_path / "done").touch()
    finish(reader)
    found = CandleStore(tmp_path).candles("EURUSD", "1h")
    assert found.volume.tolist() == [*range(400), *range(2400, 2800), *range(10_000, 10_050)]
    named = {part.path for part in read_index(folder_of(tmp_path, "store", "EURUSD", "1h"), "store").parts}
    assert {str(path.relative_to(path.parents[1])) for path in tmp_path.rglob("*.parquet")} == named


def test_threads_that_write_and_read_one_store_agree(tmp_path):
    store = CandleStore(tmp_path)
    store.write(candles(np.arange(5000, 5010)))

    def work(number: int) -> int:
        store.write(candles(np.arange(number * 10, number * 10 + 10)))
        return len(store.candles("EURUSD", "4h"))

    with ThreadPoolExecutor(4) as pool:
        assert min(pool.map(work, range(20))) > 0
    assert len(store.candles("EURUSD", "1h")) == 210


def test_a_reader_whose_files_were_replaced_meanwhile_reads_the_new_ones(tmp_path, monkeypatch):
    from sptrader_lab.candles import answer

    store = CandleStore(tmp_path)
    store.write(candles(np.arange(100)))
    plain, interrupted = answer.read_range, []

    def interrupt(files, start, stop):
        if not interrupted:
            interrupted.append(files)
            CandleStore(tmp_path).write(candles(np.arange(200)))
        return plain(files, start, stop)

    monkeypatch.setattr(answer, "read_range", interrupt)
    assert len(store.candles("EURUSD", "1h")) == 200
    assert not Path(interrupted[0][0]).exists()


def test_what_a_crashed_writer_left_is_not_seen_and_is_swept_by_the_next_write(tmp_path):
    store = CandleStore(tmp_path)
    store.write(candles(np.arange(10)))
    folder = folder_of(tmp_path, "store", "EURUSD", "1h")
    for name in ("orphan.parquet", ".half.parquet.new"):
        (folder / "year=2024" / name).write_bytes(b"PAR1 half")
    assert len(CandleStore(tmp_path).candles("EURUSD", "1h")) == 10
    store.write(candles(np.arange(20)))
    assert len(list((folder / "year=2024").iterdir())) == 1


def test_a_writer_that_waits_too_long_says_who_holds_the_folder(tmp_path):
    with locked(tmp_path), pytest.raises(CandleError, match="another process has been writing"), locked(tmp_path, 0.05):
        raise AssertionError("two holders of one lock")


def test_a_failed_write_leaves_everything_as_it_was(tmp_path, monkeypatch):
    from sptrader_lab.candles import merge

    store = CandleStore(tmp_path)
    store.write(candles(np.arange(10)))
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(merge.pq, "write_table", lambda *args, **more: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        store.write(candles(np.arange(20)))
    assert sorted(tmp_path.rglob("*")) == before
    assert len(CandleStore(tmp_path).candles("EURUSD", "1h")) == 10
