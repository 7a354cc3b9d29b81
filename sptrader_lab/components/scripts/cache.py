"""Cache: what scripts answered in earlier runs, on disk.

An answer at bar *i* depends on bars 0..*i* only, because a script is shown no others. So the answers of an earlier run hold
for as many bars as its inputs are the same, bit by bit. Failures are never kept: what timed out may pass next time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from sptrader_lab.components.modules import unchanged
from sptrader_lab.components.words import Column

#: Bars between two digests; of a partly equal run so many bars at most are asked for again.
BLOCK: Final = 16
#: Most bytes that all entries take together; those not used for longest leave first.
BUDGET: Final = 512_000_000
_FORMAT: Final = 1
_SUFFIX: Final = ".json"


@dataclass
class Known:
    """What an earlier run found out.

    Attributes
    ----------
    answers : list
        One per bar, None where there is no answer; of a batch script one at all.
    logs : dict of int to str
        What was printed at some bars.
    helpers : dict of str to str
        SHA-256 of the other files that the script imported, by path.
    damaged : bool
        Whether there was something that could not be read.
    longer : bool
        Whether the entry holds these bars and more, so that this run must not take its place.
    """

    answers: list[Any] = field(default_factory=list)
    logs: dict[int, str] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    damaged: bool = False
    longer: bool = False


def folder() -> Path:
    """Return where entries are kept: below SPTRADER_CACHE when that is set, else in the user's cache folder."""
    asked = os.environ.get("SPTRADER_CACHE")
    return (Path(asked) if asked else platformdirs.user_cache_path("sptrader_lab")) / "scripts"


def key(**facts: object) -> str:
    """Return the name of an entry: a hash of everything but the candles that answers depend on."""
    return hashlib.sha256(json.dumps({**facts, **_versions()}, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> dict[str, object]:
    packages = {name: version(name) for name in ("numpy", "pandas")}
    return {"format": _FORMAT, "python": sys.version, **packages}


def digests(columns: Sequence[Column]) -> list[str]:
    """Return a digest of all bars up to each multiple of `BLOCK`, and of all."""
    bars = len(columns[0])
    table = np.ascontiguousarray(np.column_stack(columns))
    chain = hashlib.sha256(str(len(columns)).encode())
    found = []
    for start in range(0, bars, BLOCK):
        chain.update(table[start : start + BLOCK].tobytes())
        found.append(chain.hexdigest()[:32])
    return found


def load(name: str, columns: Sequence[Column]) -> Known:
    """Return what is known of these candles.

    Parameters
    ----------
    name : str
        As `key` returns it.
    """
    path = folder() / f"{name}{_SUFFIX}"
    try:
        entry = _read(path)
        if entry is None or not unchanged(entry["helpers"]):
            return Known()
        bars = _equal(entry["digests"], entry["bars"], columns)
        logs = {int(bar): text for bar, text in entry["logs"].items() if int(bar) < bars}
        longer = entry["bars"] > len(columns[0]) and bars > len(columns[0]) - BLOCK
        return Known(entry["answers"][:bars], logs, entry["helpers"], longer=longer)
    except (ValueError, KeyError, TypeError, AttributeError):  # not what was written there
        return Known(damaged=True)


def _read(path: Path) -> dict[str, Any] | None:
    """Return an entry, None when there is none; a first line names the hash of the rest."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != head:
        raise ValueError("damaged")
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used now
    entry: dict[str, Any] = json.loads(body)
    return entry


def _equal(kept: list[str], bars: int, columns: Sequence[Column]) -> int:
    """Return for how many bars the candles of an entry are these."""
    have = min(bars, len(columns[0]))
    mine = digests([column[:have] for column in columns])
    same = 0
    for one, other in zip(kept, mine, strict=False):
        if one != other:
            break
        same += 1
    return min(same * BLOCK, have)


def save(name: str, columns: Sequence[Column], known: Known) -> None:
    """Keep answers; a folder that can't be written keeps nothing."""
    entry = {
        "bars": len(columns[0]),
        "digests": digests(columns),
        "answers": known.answers,
        "logs": {str(bar): text for bar, text in known.logs.items()},
        "helpers": known.helpers,
    }
    body = json.dumps(entry).encode()
    place = folder()
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place, suffix=".part", delete=False) as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        Path(file.name).replace(place / f"{name}{_SUFFIX}")
        shrink(place, BUDGET)


def shrink(place: Path, budget: int) -> None:
    """Remove entries until the rest takes `budget` bytes, those not used for longest first."""
    found = []
    for path in place.iterdir():
        with contextlib.suppress(OSError):  # another process may remove it
            state = path.stat()
            found.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= budget:
            break
        path.unlink(missing_ok=True)
        total -= size


def hashes(paths: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files by path; one that is gone has none that will ever match."""
    found = {}
    for path in sorted(set(paths)):
        try:
            found[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError:
            found[path] = ""
    return found


def joined(helpers: Mapping[str, str], paths: Iterable[str]) -> dict[str, str]:
    """Return what is known of helpers together with what was seen now."""
    return {**helpers, **hashes(path for path in paths if path not in helpers)}
