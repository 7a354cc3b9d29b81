"""Every exception the laboratory raises on purpose.

LabError
├── InputError            a value handed in breaks a rule (arguments, dates, names)
├── CandleError           candles that are missing, broken or ambiguous
│   ├── ImportRefused     a file whose columns, dates or rows can't be trusted as they are
│   └── MissingCandles    the store holds no candles for the question
│       └── MissingDataset  a candle file of an old workspace is not there; also a FileNotFoundError, as old files expect
├── StrategyError         a YAML with problems; `.problems` lists all of them
├── ComponentError        a component that can't be loaded or that broke its contract
│   ├── ComponentFailed   it raised while running; `.component_traceback` is its own
│   └── LookaheadError    a value moved when later bars were taken away (S2)
└── RunError              a saved run that is missing or can't be reproduced
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class LabError(Exception):
    """Root of the tree: catch this to catch everything raised on purpose."""


class InputError(LabError, ValueError):
    """A value handed in breaks a rule."""


class CandleError(LabError):
    """Candles that are missing, broken or ambiguous."""


class ImportRefused(CandleError):
    """A candle file that can't be trusted as it is."""


class MissingCandles(CandleError):
    """The store holds no candles for the question."""


class MissingDataset(MissingCandles, FileNotFoundError):
    """A candle file of an old workspace is not there."""


class ComponentError(LabError):
    """A component that can't be loaded or that broke its contract."""


class ComponentFailed(ComponentError):
    """A component raised while running.

    Attributes
    ----------
    component_traceback : str
        The component's own traceback, without the laboratory's frames.
    """

    def __init__(self, message: str, component_traceback: str) -> None:
        super().__init__(f"{message}\n{component_traceback.rstrip()}")
        self.component_traceback = component_traceback


class LookaheadError(ComponentError):
    """A value at some bar changed when later bars were taken away (S2)."""


class RunError(LabError):
    """A saved run that is missing or can't be reproduced."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: what stands there, the rule, the nearest valid choice, the place."""

    what: str
    rule: str = ""
    nearest: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        rule = f"; {self.rule}" if self.rule else ""
        hint = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return f"{place}{self.what}{rule}{hint}"


class StrategyError(LabError):
    """A strategy file with problems, all of them at once.

    Attributes
    ----------
    problems : tuple of Problem
        In the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''}, nothing was run"
        super().__init__("\n  ".join([head, *map(str, self.problems)]))


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the choice most like `word`, or '' when none is close."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return found[0] if found else ""


def unknown(kind: str, word: str, choices: Iterable[str], place: str = "") -> str:
    """Say that `word` is no known `kind`, and which one may have been meant."""
    known = sorted(choices)
    near = nearest(word, known)
    hint = f" Did you mean {near!r}?" if near else ""
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"{place + ': ' if place else ''}unknown {kind} {word!r}.{hint} Known: {listed or 'none'}."
