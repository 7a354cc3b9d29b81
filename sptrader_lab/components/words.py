"""The words a component's signature is written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: One value per candle, float64, known at that candle's close (S2); NaN where there is none.
Column: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest value that a number parameter may take, both included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"Bounds({self.low}, {self.high}): the low one comes first")


@dataclass(frozen=True, init=False)
class Choices:
    """The words that a text parameter may take, such as ``Choices("simple", "exponential")``."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)


@dataclass(frozen=True, init=False)
class Labels:
    """The words that an output's codes 0, 1, 2 ... stand for; code 0 means that nothing happened."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)


@dataclass(frozen=True, init=False)
class Requires:
    """What fills an input: another component, with its parameters and (when it has several) the output's name.

    Examples
    --------
    >>> Requires("sma", period=10)
    Requires(component='sma', output='', parameters={'period': 10})
    """

    component: str
    output: str
    parameters: dict[str, Any] = field(hash=False)

    def __init__(self, component: str, /, output: str = "", **parameters: Any) -> None:
        object.__setattr__(self, "component", component)
        object.__setattr__(self, "output", output)
        object.__setattr__(self, "parameters", parameters)
