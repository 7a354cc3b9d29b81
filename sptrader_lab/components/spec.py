"""Spec: what a component is, as its signature says it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sptrader_lab.components.words import Requires
from sptrader_lab.errors import InputError, nearest, unknown

ParameterKind = Literal["int", "float", "bool", "str"]
ComponentKind = Literal["indicator", "signal"]
#: How a component is written: one function, TA-Lib's, a class or events of the older system, a script of its own.
Style = Literal["native", "talib", "class", "events", "script"]
Value = int | float | bool | str


@dataclass(frozen=True)
class Parameter:
    """One keyword-only argument.

    Attributes
    ----------
    kind : {"int", "float", "bool", "str"}
    low, high : float or None
        Bounds of a number, both included; None where there is none, and for bool and str.
    choices : tuple of str
        What a str may be, anything when empty; empty for the other kinds.
    """

    name: str
    kind: ParameterKind
    default: Value
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    description: str = ""

    def check(self, value: object) -> Value:
        """Return `value` as this parameter's own type.

        Whole floats pass as int (sweeps and YAML write 10.0); a bool never passes as a number.

        Raises
        ------
        InputError
            When the type or a bound is broken; with the value, the rule and the nearest valid choice.
        """
        plain = value.item() if isinstance(value, np.generic) else value
        if self.kind == "bool":
            if isinstance(plain, bool):
                return plain
            raise InputError(f"{self.name} = {value!r} is not true or false")
        if self.kind == "str":
            if isinstance(plain, str) and (plain in self.choices or not self.choices):
                return plain
            if not self.choices:
                raise InputError(f"{self.name} = {value!r} is not a text")
            near = nearest(str(plain), self.choices)
            hint = f" (did you mean {near!r}?)" if near else ""
            raise InputError(f"{self.name} = {value!r} is not one of {', '.join(self.choices)}{hint}")
        return self._number(plain)

    @property
    def range(self) -> str:
        """The bounds of a number in words, such as `from 2 to 500`; empty without any."""
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"from {self.low:g} up"
        return "" if self.high is None else f"up to {self.high:g}"

    def _number(self, value: object) -> int | float:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        rule = f"{'a whole number' if self.kind == 'int' else 'a number'} {self.range}".strip()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"{self.name} = {value!r} is not {rule}")
        if isinstance(value, float) and (not math.isfinite(value) or (self.kind == "int" and value != int(value))):
            raise InputError(f"{self.name} = {value!r} is not {rule}")
        if not low <= value <= high:
            limit = low if value < low else high
            raise InputError(f"{self.name} = {value!r} is not {rule}; nearest: {limit:g}")
        return int(value) if self.kind == "int" else float(value)


@dataclass(frozen=True)
class Input:
    """One positional argument: a candle column by its own name, or what another component gives."""

    name: str
    requires: Requires | None = None


@dataclass(frozen=True)
class Output:
    """One column that comes back; `labels` name the codes 0, 1, 2 ... where it holds codes.

    A `mixed` one may hold words beside numbers, coded as `components.vocabulary` says.
    """

    name: str
    labels: tuple[str, ...] = ()
    mixed: bool = False


@dataclass(frozen=True)
class Spec:
    """A component, described.

    Attributes
    ----------
    name : str
        The file's name, or ``talib.NAME``.
    function : callable
        Takes the inputs' columns by position and the parameters by keyword; of the older styles the `Market` before them.
    path : str
        The file, or ``talib``.
    sha256 : str
        Of the file's content; for TA-Lib of its name and version.
    style : {"native", "talib", "class", "events", "script"}
    lookback : int
        Bars that it says it needs before its first value.
    slots : int
        Events that it can tell on one bar; each has outputs of its own, named as `slotted` says.
    reshape : callable or None
        Where outputs are only known when it runs: returns the component that answers to some names of outputs, and is given
        some more inputs besides its own.
    """

    name: str
    kind: ComponentKind
    summary: str
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    function: Callable[..., Any]
    path: str
    sha256: str
    style: Style = "native"
    lookback: int = 0
    slots: int = 1
    reshape: Callable[[tuple[str, ...], tuple[Input, ...]], Spec] | None = None

    @property
    def takes_market(self) -> bool:
        """Whether its function takes the `Market` before the columns."""
        return self.style not in ("native", "talib")

    def resolve(self, parameters: Mapping[str, object]) -> dict[str, Value]:
        """Return every parameter, in the order of the signature, with defaults where none is given.

        Raises
        ------
        InputError
            When a name is unknown or a value breaks its type or bounds; the nearest valid choice is named.
        """
        names = [parameter.name for parameter in self.parameters]
        for name in parameters:
            if name not in names:
                raise InputError(f"{self.name}: {unknown('parameter', str(name), names)}")
        try:
            return {each.name: each.check(parameters.get(each.name, each.default)) for each in self.parameters}
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def output(self, name: str = "") -> Output:
        """Return the output called `name`; without a name the first.

        Raises
        ------
        InputError
            When there is no such output.
        """
        for output in self.outputs:
            if name in ("", output.name):
                return output
        raise InputError(f"{self.name}: {unknown('output', name, [output.name for output in self.outputs])}")


def slotted(output: str, slot: int) -> str:
    """Return how the output of a bar's event number `slot` (0, 1, ...) is called: ``strength``, ``strength#2`` ..."""
    return f"{output}#{slot + 1}" if slot else output
