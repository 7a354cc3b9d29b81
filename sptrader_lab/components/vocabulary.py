"""Vocabulary: words as numbers, for columns of components that say `golden_cross` where others say 1.

A word's code depends on nothing but the word, so it is the same in every process and on every part of the candles. All
codes lie in a range of negative numbers that no price, share or count comes near, and far enough from each other to be told
apart by comparisons that forgive the last bits (S22).
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from sptrader_lab.components.words import Column
from sptrader_lab.errors import InputError

#: Every code is below; no number that a component means is.
CEILING: Final = -0.9e15
_FIRST: Final = -1e15
_STEP: Final = 1e6
_BUCKETS: Final = 2**30
_words: dict[float, str] = {}


def code(word: str) -> float:
    """Return the number that stands for a word; the empty word is no word, and NaN.

    Raises
    ------
    InputError
        When another word of this process has the same number, which one pair in a thousand million does.
    """
    if not word:
        return float("nan")
    bucket = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") % _BUCKETS
    number = _FIRST - _STEP * bucket
    known = _words.setdefault(number, word)
    if known != word:
        raise InputError(f"the words {known!r} and {word!r} can't be told apart here; call one of them otherwise")
    return number


def word(number: float) -> str:
    """Return the word that a number stands for, "" when it is a number like any other."""
    return _words.get(number, "") if number < CEILING else ""


def coded(values: Column) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return where a column holds words."""
    with np.errstate(invalid="ignore"):
        found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = values < CEILING
    return found
