"""Tree: what conditions and expressions are made of, once they have been read.

Frozen dataclasses whose `repr` is canonical: the strategy's hash is taken over it. Lines are carried for errors only
and count for neither.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Comparison = Literal[">", ">=", "<", "<=", "==", "!="]


@dataclass(frozen=True)
class Number:
    """A constant; `text` is the parameter that it was written as, if any."""

    value: float
    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Name:
    """A column by the name that stands in the YAML: `close`, `rsi`, `macd.histogram`."""

    text: str
    line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Arithmetic:
    """`+ - * /` of two values, or `abs`, `min`, `max` of one or more."""

    operator: str
    operands: tuple[Value, ...]


@dataclass(frozen=True)
class Shift:
    """The value of `bars` bars ago (never ahead, S2)."""

    operand: Value
    bars: int


@dataclass(frozen=True)
class Rolling:
    """`kind` of the last `window` values, this bar's included."""

    kind: str
    operand: Value
    window: int


@dataclass(frozen=True)
class Compare:
    """Two values compared as S22 says."""

    operator: Comparison
    left: Value
    right: Value


@dataclass(frozen=True)
class Cross:
    """`left` crosses `right`, upwards when `above` (S22)."""

    above: bool
    left: Value
    right: Value


@dataclass(frozen=True)
class All:
    """Every one holds on the same bar."""

    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    """At least one holds (`any` in the YAML)."""

    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The opposite; undefined stays undefined and so does not hold."""

    item: Condition


@dataclass(frozen=True)
class Held:
    """`item` holds on this bar and the `bars - 1` before it."""

    item: Condition
    bars: int


@dataclass(frozen=True)
class Fires:
    """A signal fires: its event column is defined and not zero."""

    event: Name


@dataclass(frozen=True)
class Silent:
    """A signal says that nothing happened: `kind` is the word `nothing`, or has no value where the signal does not fire."""

    event: Name
    kind: Name
    nothing: Number


@dataclass(frozen=True)
class OutputTest:
    """An output of a signal compared with a value, or with a word that the signal's labels will explain."""

    output: str
    operator: Comparison
    wanted: str | Value
    line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Event:
    """A signal fires and its outputs are as wanted; becomes `Fires` and `Compare` once the signal is known."""

    signal: str
    tests: tuple[OutputTest, ...] = ()
    line: int = field(default=0, compare=False, repr=False)


Value: TypeAlias = "Number | Name | Arithmetic | Shift | Rolling"
Condition: TypeAlias = "Compare | Cross | All | Either | Not | Held | Fires | Silent | Event"

VALUES: Final = (Number, Name, Arithmetic, Shift, Rolling)
