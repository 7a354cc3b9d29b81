"""Listening: what code of a component prints, and the warnings it causes, kept beside its result."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from typing import Final

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
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
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


class _Door(io.TextIOBase):
    """A standard stream that leads to whoever listens now, so that a logging handler which keeps it loses nothing later."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        if _listeners:
            return _listeners[-1].write(text)
        real = getattr(sys, self._stream)
        return int((getattr(sys, f"__{self._stream}__") if real is self else real).write(text))


_listeners: list[Heard] = []
_OUT: Final = _Door("stdout")
_ERR: Final = _Door("stderr")


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Keep what is printed inside, to standard output and error, and the warnings; none of them is an error.

    One thread at a time: standard streams and warnings belong to the whole process. An exception that leaves the block takes the end of what was printed along as a note of its own.
    """
    heard = Heard()
    with LOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        _listeners.append(heard)
        try:
            with contextlib.redirect_stdout(_OUT), contextlib.redirect_stderr(_ERR):
                yield heard
        except BaseException as error:
            heard.take(caught)
            if heard.text:
                error.add_note(f"It had printed:\n{heard.text[-_TAIL:].rstrip()}")
            raise
        else:
            heard.take(caught)
        finally:
            _listeners.remove(heard)
