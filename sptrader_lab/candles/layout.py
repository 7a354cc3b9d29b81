"""Where candles lie on disk, and how many processes read and write them at once.

    FOLDER/candles/symbol=EURUSD/timeframe=1m/index.json
    FOLDER/candles/symbol=EURUSD/timeframe=1m/year=2025/4f1c9a....parquet
    FOLDER/sample/...   FOLDER/equities/...   FOLDER/quarantine/...

A Parquet file is written once, under a new name, and never changed. `index.json` says which files hold the candles now,
and only its replacement makes a write visible: a reader sees all of it or nothing, also when several years change
together. Files that an index no longer names are removed; a reader that still had the old list reads the index again.
Writers take a lock on the folder, so two processes that import at once add up.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sptrader_lab.errors import CandleError, InputError

#: Source -> the folder below the data folder. "store" is what the user brought along.
FOLDERS: Final = {"store": "candles", "sample": "sample", "equities": "equities"}
_PATIENCE: Final = 120.0
_TRIES: Final = 20

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One Parquet file: its path below the timeframe's folder, rows, the instants (ns UTC) it spans, whether each row has a spread."""

    path: str
    rows: int
    first: int
    last: int
    spread: bool


@dataclass(frozen=True)
class Index:
    """What the store holds of one symbol, timeframe and source.

    Attributes
    ----------
    folder : Path
        The folder of this timeframe.
    price : str
        mid, bid or ask.
    maker : str
        What wrote the candles, for candles that are made and not imported.
    parts : tuple of Part
        Ascending and disjoint in time.
    """

    folder: Path
    source: str
    symbol: str
    timeframe: str
    price: str = "mid"
    maker: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def rows(self) -> int:
        """Candles in all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def first(self) -> int:
        """Opening instant of the first candle, ns UTC."""
        return self.parts[0].first

    @property
    def last(self) -> int:
        """Opening instant of the last candle, ns UTC."""
        return self.parts[-1].last

    @property
    def spread(self) -> bool:
        """Whether every candle has a spread: a series has one everywhere or nowhere, whichever range is read."""
        return all(part.spread for part in self.parts)

    @property
    def stamp(self) -> str:
        """Changes with every write."""
        return hashlib.sha256("|".join(part.path for part in self.parts).encode()).hexdigest()[:16]

    def files(self, start: int, stop: int) -> tuple[str, ...]:
        """Return the files that may hold candles opening in [start, stop)."""
        return tuple(str(self.folder / part.path) for part in self.parts if part.first < stop and part.last >= start)


def folder_of(data: Path, source: str, symbol: str, timeframe: str) -> Path:
    """Return the folder of one symbol and timeframe; a slash and other marks in a symbol are percent-encoded.

    Raises
    ------
    InputError
        When the symbol is empty, holds unprintable characters or reads like a path.
    """
    path_like = "\\" in symbol or any(part in {"", ".", ".."} for part in symbol.split("/"))
    if path_like or not symbol.isprintable() or symbol != symbol.strip():
        raise InputError(
            f"symbol {symbol!r} is not a name; write it like EURUSD, AAPL or BTC/USDT, without . or .. around a slash, "
            "backslashes, or blanks at its ends"
        )
    return data / FOLDERS[source] / f"symbol={quote(symbol, safe='')}" / f"timeframe={timeframe}"


def read_index(folder: Path, source: str) -> Index | None:
    """Return the index of a timeframe's folder, or None where nothing has been written.

    Raises
    ------
    CandleError
        When the index is there but is no index.
    """
    try:
        text = (folder / "index.json").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        document = json.loads(text)
        parts = tuple(Part(**part) for part in document["parts"])
        return Index(
            folder, source, document["symbol"], document["timeframe"], document["price"], document["maker"], parts
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CandleError(
            f"{folder / 'index.json'} is damaged ({error}); remove the folder {folder} and import its candles again"
        ) from None


def indexes(data: Path, source: str, symbol: str | None = None) -> tuple[Index, ...]:
    """Return what a source holds, of one symbol or of all, sorted by symbol and timeframe."""
    root = data / FOLDERS[source]
    pattern = "symbol=*" if symbol is None else folder_of(data, source, symbol, "x").parent.name
    found = []
    folders = sorted(root.glob(pattern)) if symbol is None else [root / pattern]
    for parent in folders:
        for folder in sorted(parent.glob("timeframe=*")):
            index = read_index(folder, source)
            if index is not None and index.parts:
                found.append(index)
    return tuple(found)


def publish(index: Index) -> None:
    """Make `index` what readers see from now on, and remove files that it does not name. The caller holds the lock."""
    document: dict[str, Any] = {
        "symbol": index.symbol,
        "timeframe": index.timeframe,
        "price": index.price,
        "maker": index.maker,
        "parts": [asdict(part) for part in index.parts],
    }
    replace_with(index.folder / "index.json", lambda path: path.write_text(json.dumps(document, indent=1), "utf-8"))
    named = {index.folder / part.path for part in index.parts}
    for file in index.folder.glob("year=*/*"):
        if file not in named:
            with contextlib.suppress(OSError):  # Windows keeps a file that a reader has open; the next write removes it
                file.unlink()


def new_part_path(year: int) -> str:
    """Return a name that no file has had before."""
    return f"year={year}/{uuid.uuid4().hex}.parquet"


def replace_with(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file beside `path`, then put it in its place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    try:
        write(beside)
        _persist(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _persist(path: Path) -> None:
    """Put the bytes on the disk first: a rename that survives a power cut must not name an empty file."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(folder: Path, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold a folder's write lock, against threads and other processes; the system frees it when a process dies.

    Raises
    ------
    CandleError
        When another writer holds it for longer than `patience` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+b") as handle:
        until = time.monotonic() + patience
        while not _try_lock(handle.fileno()):
            if time.monotonic() > until:
                raise CandleError(f"another process has been writing to {folder} for {patience:.0f} s; try again")
            time.sleep(0.02)
        try:
            yield
        finally:
            _unlock(handle.fileno())


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _try_lock(handle: int) -> bool:
        os.lseek(handle, 0, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


def reading(folder: Path, source: str, read: Callable[[Index], T]) -> T | None:
    """Call `read` with the present index, once more with a newer one when a writer removed a file meanwhile.

    Returns
    -------
    object or None
        What `read` returned; None where nothing has been written.

    Raises
    ------
    CandleError
        When a file that the present index names can't be read.
    """
    for _ in range(_TRIES):
        index = read_index(folder, source)
        if index is None:
            return None
        try:
            return read(index)
        except OSError as error:
            if read_index(folder, source) == index:
                raise CandleError(f"{folder}: {error}. Remove the folder and import its candles again") from None
    raise CandleError(f"{folder} changed {_TRIES} times while it was read; try again")
