"""Answer: what came of asking a component, beside its columns."""

from __future__ import annotations

from dataclasses import dataclass

from sptrader_lab.components.words import Column


@dataclass(frozen=True, eq=False)
class Answer:
    """Columns, and what a reader should know of how they came about.

    Attributes
    ----------
    columns : tuple of numpy.ndarray of float64, shape (bars,)
        One per output.
    failed : int
        Bars whose answer did not come; indicators are undefined there, signals silent.
    notes : tuple of str
        What is worth a warning, such as the first failure and its standard error.
    log : str
        What it printed.
    cached : int
        Bars whose answer was known from an earlier run.
    """

    columns: tuple[Column, ...]
    failed: int = 0
    notes: tuple[str, ...] = ()
    log: str = ""
    cached: int = 0
