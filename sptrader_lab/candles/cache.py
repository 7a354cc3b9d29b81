"""Candles kept in memory: least recently used leave first, and nothing is served for longer than its time.

An entry remembers the state of the disk it was read from (`stamp`), so that candles which an import has changed since are
never served, by whichever process imported them.
"""

from __future__ import annotations

import html
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from sptrader_lab.types.candles import Candles

#: The open ends of a range without start or end.
BEGINNING: Final = -(1 << 62)
END: Final = 1 << 62


class Key(NamedTuple):
    """What was asked for; `start` and `end` bound a half-open range, ns UTC."""

    source: str
    symbol: str
    timeframe: str
    start: int = BEGINNING
    end: int = END

    def covers(self, other: Key) -> bool:
        """Say whether candles for this key hold those for the other one."""
        return self[:3] == other[:3] and self.start <= other.start and self.end >= other.end

    def __str__(self) -> str:
        first = "" if self.start == BEGINNING else str(np.datetime64(self.start, "ns"))[:16]
        last = "" if self.end == END else str(np.datetime64(self.end, "ns"))[:16]
        return (
            f"{self.symbol} {self.timeframe} ({self.source}) {first}..{last}"
            if first or last
            else " ".join([self.symbol, self.timeframe, f"({self.source}) whole"])
        )

    def __repr__(self) -> str:
        return f"<Key {self}>"


@dataclass
class Entry:
    """Candles in the cache: when they were read (unix seconds), from which state of the disk, and how often served."""

    candles: Candles
    stamp: str
    read_at: float
    hits: int = 0

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        arrays = [self.candles.time, *self.candles.columns.values()]
        return sum(array.nbytes for array in arrays)


@dataclass(frozen=True, repr=False)
class Status:
    """One key's state: `empty`, `loading` or `loaded`; hits and misses so far, age in seconds, bytes."""

    key: Key
    state: str
    hits: int = 0
    misses: int = 0
    age: float = float("nan")
    size: int = 0

    def __str__(self) -> str:
        detail = f", {self.age:.0f} s old, {self.size / 1e6:.1f} MB" if self.state == "loaded" else ""
        return f"{self.key}: {self.state}, {self.hits} hits, {self.misses} misses{detail}"

    def __repr__(self) -> str:
        return f"<Status {self}>"


class Shelf(Protocol):
    """Where entries outlive the process."""

    def save(self, key: Key, entry: Entry) -> None:
        """Keep an entry."""

    def remove(self, key: Key) -> None:
        """Forget an entry."""

    def entries(self) -> Iterator[tuple[Key, Entry]]:
        """Return what was kept, the oldest first."""


@dataclass
class CandleCache:
    """A bounded memory of candles, safe to use from several threads.

    Parameters
    ----------
    ttl : float
        Seconds after which an entry is read again.
    limit : int
        Most entries kept.
    budget : int
        Most bytes kept; candles larger than that are served but not kept.

    Attributes
    ----------
    hits, misses : int
        Questions answered from memory, and not.
    """

    ttl: float = 600.0
    limit: int = 20
    budget: int = 512_000_000
    hits: int = field(default=0, init=False)
    misses: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._loading: dict[Key, int] = {}
        self._misses: OrderedDict[Key, int] = OrderedDict()
        self._lock = threading.RLock()
        self._shelf: Shelf | None = None

    def keep_on(self, shelf: Shelf) -> None:
        """Bring back what a shelf kept, and keep every entry there from now on."""
        with self._lock:
            self._shelf = shelf
            for key, entry in shelf.entries():
                self._entries[key] = entry
            self._shrink()

    def get(self, key: Key, stamp: str) -> Candles | None:
        """Return candles for `key`, also from an entry with a wider range, or None; counts a hit or a miss."""
        with self._lock:
            self._expire()
            found = self._covering(key, stamp)
            if found is None:
                self.misses += 1
                self._misses[key] = self._misses.pop(key, 0) + 1
                while len(self._misses) > 50 * self.limit:
                    self._misses.popitem(last=False)
                return None
            entry = self._entries[found]
            self._entries.move_to_end(found)
            self.hits += 1
            entry.hits += 1
        if found == key:
            return entry.candles
        low, high = np.searchsorted(entry.candles.time, [key.start, key.end])
        return entry.candles.rows(int(low), int(high))

    def put(self, key: Key, candles: Candles, stamp: str) -> None:
        """Keep candles; narrower entries that they cover, and the least recently used beyond the bounds, leave."""
        entry = Entry(candles, stamp, time.time())
        if entry.size > self.budget:
            return
        with self._lock:
            for other in [other for other in self._entries if key.covers(other)]:
                entry.hits += self._entries[other].hits
                self._drop(other)
            self._entries[key] = entry
            if self._shelf is not None:
                self._shelf.save(key, entry)
            self._shrink()

    @contextmanager
    def loading(self, key: Key) -> Iterator[None]:
        """Say `loading` for this key while the block runs."""
        with self._lock:
            self._loading[key] = self._loading.get(key, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._loading[key] -= 1
                if not self._loading[key]:
                    del self._loading[key]

    def status(self, key: Key, stamp: str | None = None) -> Status:
        """Return one key's state without counting as a question; with a stamp, an entry older than the disk is none."""
        with self._lock:
            self._expire()
            misses = self._misses.get(key, 0)
            found = self._covering(key, stamp)
            if found is not None:
                entry = self._entries[found]
                return Status(key, "loaded", entry.hits, misses, time.time() - entry.read_at, entry.size)
            busy = any(other.covers(key) for other in self._loading)
            return Status(key, "loading" if busy else "empty", 0, misses)

    def table(self) -> tuple[Status, ...]:
        """Return the state of every key that is loaded or loading, the most recently used last."""
        with self._lock:
            self._expire()
            keys = [*self._entries, *(key for key in self._loading if key not in self._entries)]
            return tuple(self.status(key) for key in keys)

    @property
    def size(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return sum(entry.size for entry in self._entries.values())

    def clear(self, symbol: str | None = None) -> None:
        """Forget everything, or everything of one symbol."""
        with self._lock:
            for key in [key for key in self._entries if symbol in (None, key.symbol)]:
                self._drop(key)

    def __len__(self) -> int:
        with self._lock:
            self._expire()
            return len(self._entries)

    def __repr__(self) -> str:
        return f"<CandleCache {self._summary()}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("candles", "state", "hits", "misses", "age", "size"))
        body = "".join(
            f"<tr><td>{html.escape(str(row.key))}</td><td>{row.state}</td><td>{row.hits}</td><td>{row.misses}</td>"
            f"<td>{'' if row.state == 'loading' else f'{row.age:.0f} s'}</td><td>{row.size / 1e6:.1f} MB</td></tr>"
            for row in self.table()
        )
        return f"<b>Candle cache</b>: {self._summary()}<table><tr>{head}</tr>{body}</table>"

    def _summary(self) -> str:
        return (
            f"{len(self)} of {self.limit} entries, {self.size / 1e6:.1f} of {self.budget / 1e6:.0f} MB, "
            f"{self.hits} hits, {self.misses} misses, kept for {self.ttl:.0f} s"
        )

    def _covering(self, key: Key, stamp: str | None) -> Key | None:
        if key in self._entries and stamp in (None, self._entries[key].stamp):
            return key
        for other, entry in reversed(self._entries.items()):
            if other.covers(key) and stamp in (None, entry.stamp):
                return other
        return None

    def _expire(self) -> None:
        now = time.time()
        for key in [key for key, entry in self._entries.items() if now - entry.read_at > self.ttl]:
            self._drop(key)

    def _shrink(self) -> None:
        while len(self._entries) > self.limit or self.size > self.budget:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        del self._entries[key]
        if self._shelf is not None:
            self._shelf.remove(key)
