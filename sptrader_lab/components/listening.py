"""Listening: what components print, and the warnings that older ones cause, kept beside their results."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Final

from sptrader_lab.components.modules import LOCK

#: Characters kept of what one call prints.
KEPT: Final = 1_000_000
_TAIL: Final = 2_000
#: pandas no longer writes through such an assignment: the component does something else than it was written to do.
_WITHOUT_EFFECT: Final = "ChainedAssignmentError"


class Heard(io.StringIO):
    """What was printed, as far as it is kept, and the warnings.

    Attributes
    ----------
    notes : list of str
        Warnings that say that the component can't mean what it does.
    strangers : frozenset of int
        Threads that ran before; what they print is not the component's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.strangers = frozenset(each.ident for each in threading.enumerate())
        self._dropped = 0

    def write(self, text: str, /) -> int:
        """Keep `text` while there is room."""
        kept = text[: max(KEPT - self.tell(), 0)]
        self._dropped += len(text) - len(kept)
        super().write(kept)
        return len(text)

    @property
    def text(self) -> str:
        """All that was kept, and how much was not."""
        more = f"\n... {self._dropped:,} more characters were printed and not kept\n" if self._dropped else ""
        return self.getvalue() + more

    def take(self, caught: list[warnings.WarningMessage]) -> None:
        """Write warnings behind what was printed."""
        for each in caught:
            first = str(each.message).strip().splitlines()[:1]
            line = f"{each.filename}:{each.lineno}: {each.category.__name__}: {first[0] if first else ''}"
            self.write(line + "\n")
            if each.category.__name__ == _WITHOUT_EFFECT and line not in self.notes:
                self.notes.append(line)


class _Door:
    """A standard stream that leads each thread to whoever listens there, and others to the stream that stood here before.

    A logging handler which keeps it loses nothing when nobody listens any more.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._behind: Any = None

    def stand(self) -> None:
        """Take the stream's place."""
        now = getattr(sys, self._stream)
        if now is not self:
            self._behind = now
            setattr(sys, self._stream, self)

    def leave(self) -> None:
        """Give the place back, whatever a component has put there meanwhile."""
        setattr(sys, self._stream, self._behind)

    def write(self, text: str, /) -> int:
        """Write to whoever listens."""
        return int(self._target().write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target(), name)

    def _target(self) -> Any:
        heard = _listener()
        if heard is not None:
            return heard
        now = getattr(sys, self._stream)
        return self._behind if now is self else now


class _OfThread(threading.local):
    """Who listens in a thread, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[Heard] = []


_here: Final = _OfThread()
_gate: Final = threading.Lock()
_listeners: list[Heard] = []  # of all threads
_DOORS: Final = (_Door("stdout"), _Door("stderr"))


def _listener() -> Heard | None:
    """Return who listens in this thread; in one that a component has started, who listens to that component."""
    if _here.stack:
        return _here.stack[-1]
    me = threading.get_ident()
    return next((each for each in reversed(tuple(_listeners)) if me not in each.strangers), None)


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Keep what this thread prints inside, to standard output and error; other threads print as ever, or listen themselves.

    It costs microseconds and waits for nobody. An exception that leaves the block takes the end of what was printed along as a
    note of its own.
    """
    heard = Heard()
    with _gate:
        if not _listeners:
            for door in _DOORS:
                door.stand()
        _listeners.append(heard)
    _here.stack.append(heard)
    try:
        yield heard
    except BaseException as error:
        if heard.text:
            error.add_note(f"It had printed:\n{heard.text[-_TAIL:].rstrip()}")
        raise
    finally:
        _here.stack.pop()
        with _gate:
            del _listeners[next(place for place, each in enumerate(_listeners) if each is heard)]
            if not _listeners:
                for door in _DOORS:
                    door.leave()


@contextlib.contextmanager
def listening_alone() -> Iterator[Heard]:
    """Keep the warnings, too; none of them is an error. One thread at a time: warnings belong to the whole process."""
    with LOCK, listening() as heard, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield heard
        finally:
            heard.take(caught)
