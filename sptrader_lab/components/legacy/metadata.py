"""Metadata: what an old component file says of itself in `__metadata__`, as parameters, inputs and outputs.

Unknown keys are the author's own business. What is known must make sense; every refusal names the line.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sptrader_lab.components.modules import broken
from sptrader_lab.components.spec import Input, Parameter, ParameterKind
from sptrader_lab.components.words import Requires
from sptrader_lab.errors import ComponentError, InputError, nearest

NAME: Final = "__metadata__"
#: What every component of the older styles is given; `time` is the opening instant in seconds since 1970, UTC.
CANDLES: Final = ("time", "open", "high", "low", "close", "volume")

_KINDS: Final[dict[str, ParameterKind]] = {
    **dict.fromkeys(("int", "integer"), "int"),
    **dict.fromkeys(("float", "double", "number", "numeric", "decimal"), "float"),
    **dict.fromkeys(("bool", "boolean"), "bool"),
    **dict.fromkeys(("str", "string", "text", "choice", "select", "enum", "option"), "str"),
}
_CHOICES: Final = ("options", "choices")
_LARGEST: Final = 1e300
_PARAMETERS: Final = ("params", "parameters")
_LOOKBACKS: Final = ("lookback_required", "min_lookback")


@dataclass(frozen=True)
class Metadata:
    """What `__metadata__` comes to.

    Attributes
    ----------
    parameters : tuple of Parameter
        A missing default is taken from what the constructor says.
    requires : tuple of Input
        Required indicators, each under the name that the component knows it by.
    columns : tuple of str
        Candle columns that it counts among its required indicators.
    outputs : tuple of str
        As declared, empty when nothing is.
    lookback : int
        Bars that it says it needs.
    """

    description: str
    parameters: tuple[Parameter, ...]
    requires: tuple[Input, ...]
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    lookback: int


class Place:
    """Where in a file something of its `__metadata__` stands."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.path = path
        self.assigned = assignment(tree, NAME)

    def broken(self, keys: Sequence[str | int], what: str) -> ComponentError:
        """Return the error of a file, at the line of the innermost of `keys` that is written there."""
        return broken(self.path, self.line(keys), what)

    def line(self, keys: Sequence[str | int]) -> int:
        """Return the line of the value under `keys`, as deep as it can be followed; 1 without any metadata."""
        if self.assigned is None:
            return 1
        line, node = self.assigned.lineno, self.assigned.value
        for key in keys:
            node = _child(node, key)
            if node is None:
                break
            line = node.lineno
        return line


def _child(node: ast.expr | None, key: str | int) -> ast.expr | None:
    if isinstance(node, ast.Dict):
        for name, value in zip(node.keys, node.values, strict=True):
            if isinstance(name, ast.Constant) and name.value == key:
                return value
    if isinstance(node, (ast.List, ast.Tuple)) and isinstance(key, int) and key < len(node.elts):
        return node.elts[key]
    return None


def assignment(tree: ast.Module, name: str) -> ast.Assign | ast.AnnAssign | None:
    """Return the last statement at the top of a file that gives `name` a value."""
    found: ast.Assign | ast.AnnAssign | None = None
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and any(
            isinstance(target, ast.Name) and target.id == name for target in targets
        ):
            found = node
    return found


def understand(metadata: object, place: Place, defaults: Mapping[str, object] | None = None) -> Metadata:
    """Return what a component's metadata says.

    Parameters
    ----------
    metadata : object
        The value of `__metadata__`.
    place : Place
        Where it is written.
    defaults : mapping, optional
        Defaults by parameter, for those whose metadata give none.

    Raises
    ------
    ComponentError
        When it is not a dict, or something in it contradicts itself; with file and line.
    """
    if not isinstance(metadata, Mapping):
        raise place.broken((), f"{NAME} is a {type(metadata).__name__}; it is a dict")
    described = metadata.get("description")
    needed = _requires(metadata.get("required_indicators"), place)
    return Metadata(
        " ".join(described.split()) if isinstance(described, str) else "",
        _parameters(metadata.get("parameters"), place, defaults or {}),
        tuple(each for each in needed if each.requires),
        tuple(each.name for each in needed if not each.requires),
        _outputs(metadata.get("outputs"), place),
        _lookback(metadata, place),
    )


def _parameters(given: object, place: Place, defaults: Mapping[str, object]) -> tuple[Parameter, ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        rule = "write them as {'period': {'type': 'int', 'default': 20, 'min': 2, 'max': 200}}"
        raise place.broken(("parameters",), f"parameters is a {type(given).__name__}; {rule}")
    found = []
    for name, rules in given.items():
        keys = ("parameters", name)
        if not isinstance(name, str) or not name.isidentifier():
            raise place.broken(keys, f"parameter {name!r} has no name that an argument can have")
        found.append(
            _Rules(name, rules if isinstance(rules, Mapping) else {"default": rules}, place, defaults).parameter()
        )
    return tuple(found)


class _Rules:
    """What the metadata say of one parameter."""

    def __init__(self, name: str, rules: Mapping[Any, Any], place: Place, defaults: Mapping[str, object]) -> None:
        self.name, self.rules, self.place = name, rules, place
        self.default = rules.get("default")
        if self.default is None:
            self.default = defaults.get(name)

    def error(self, key: str, what: str) -> ComponentError:
        return self.place.broken(("parameters", self.name, key), f"parameter {self.name!r}: {what}")

    def parameter(self) -> Parameter:
        if self.default is None:
            raise self.error("default", "no default")
        options = self._options()
        kind = self._kind(options)
        low, high = (self._bound("min"), self._bound("max")) if kind in ("int", "float") else (None, None)
        described = self.rules.get("description")
        text = " ".join(described.split()) if isinstance(described, str) else ""
        words: tuple[str, ...] = ()
        if kind == "str":
            wrong = [option for option in options if not isinstance(option, str)]
            if wrong:
                raise self.error("options", f"option {wrong[0]!r} is not a text")
            words = tuple(options)
        elif options and kind != "bool":
            low, high = self._range(options, low, high)
            text = f"{text} (one of {', '.join(map(str, options))})".strip()
        if low is not None and high is not None and low > high:
            raise self.error("min", f"min {low:g} is above max {high:g}")
        draft = Parameter(self.name, kind, 0, low, high, words, text)
        try:
            return Parameter(self.name, kind, draft.check(self.default), low, high, words, text)
        except (InputError, OverflowError) as error:
            raise self.place.broken(("parameters", self.name, "default"), f"the default of parameter {error}") from None

    def _options(self) -> tuple[Any, ...]:
        given = next((self.rules[key] for key in _CHOICES if self.rules.get(key) is not None), ())
        if not isinstance(given, (list, tuple)):
            raise self.error("options", f"options are a {type(given).__name__}; write them as a list")
        return tuple(given)

    def _kind(self, options: tuple[Any, ...]) -> ParameterKind:
        given = self.rules.get("type")
        if given is None:  # the values say it
            return _kind_of([self.default, *options])
        word = given.__name__ if isinstance(given, type) else given
        if not isinstance(word, str) or word.strip().lower() not in _KINDS:
            near = nearest(str(word).lower(), _KINDS)
            hint = f" (did you mean {near!r}?)" if near else ""
            raise self.error("type", f"unknown type {given!r}{hint}; types are int, float, bool and str")
        kind = _KINDS[word.strip().lower()]
        return _kind_of(options) if kind == "str" and options and not isinstance(self.default, str) else kind

    def _bound(self, key: str) -> float | None:
        given = self.rules.get(key)
        return None if given is None or _is_infinite(given) else self._number(key, given)

    def _number(self, key: str, given: object) -> float:
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not abs(given) < _LARGEST:
            raise self.error(key, f"{key} has {given!r}, which is not a number")
        return given

    def _range(self, options: tuple[Any, ...], low: float | None, high: float | None) -> tuple[float, float]:
        numbers = [self._number("options", each) for each in options]
        least, most = min(numbers), max(numbers)
        return (least if low is None else max(low, least), most if high is None else min(high, most))


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _kind_of(values: Sequence[object]) -> ParameterKind:
    if all(isinstance(value, bool) for value in values):
        return "bool"
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return "int"
    return (
        "float" if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values) else "str"
    )


def _requires(given: object, place: Place) -> tuple[Input, ...]:
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)):
        rule = "write them as [{'name': 'ma_fast', 'type': 'sma', 'params': {'period': 10}}]"
        raise place.broken(("required_indicators",), f"required_indicators are a {type(given).__name__}; {rule}")
    found: dict[str, Input] = {}
    for number, each in enumerate(given):
        keys = ("required_indicators", number)
        needed = _required(each, place, keys)
        if needed.name in found or (needed.requires and needed.name in CANDLES):
            taken = "a candle column" if needed.name in CANDLES else "another one"
            raise place.broken(keys, f"required indicator {needed.name!r} is called like {taken}; name it otherwise")
        found[needed.name] = needed
    return tuple(found.values())


def _required(each: object, place: Place, keys: tuple[str, int]) -> Input:
    """Return what one entry asks for; a candle column by its own name requires nothing."""
    if isinstance(each, str):
        return Input(each, None if each in CANDLES else Requires(each))
    if not isinstance(each, Mapping):
        raise place.broken(keys, f"required indicator {each!r} is neither a name nor a dict")
    kind = each.get("type", each.get("name"))
    name = each.get("name", kind)
    for key, word in (("name", name), ("type", kind)):
        if not isinstance(word, str) or not word.strip():
            raise place.broken(
                (*keys, key), f"the {key} of required indicator number {keys[1] + 1} is {word!r}, not a text"
            )
    given: Any = next((each[key] for key in _PARAMETERS if each.get(key) is not None), {})
    output = each.get("output", "")
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given) or "output" in given:
        raise place.broken(
            keys, f"the parameters of required indicator {name!r} are {given!r}, not a dict of parameters"
        )
    if not isinstance(output, str):
        raise place.broken(keys, f"the output of required indicator {name!r} is {output!r}, not a text")
    if kind in CANDLES and kind == name:
        return Input(name)
    return Input(name, Requires(kind, output, **given))


def _outputs(given: object, place: Place) -> tuple[str, ...]:
    if given is None:
        return ()
    listed = [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple, Mapping)) else None
    if listed is None:
        raise place.broken(("outputs",), f"outputs are a {type(given).__name__}; write them as a list of names")
    names = [each.get("name") if isinstance(each, Mapping) else each for each in listed]
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise place.broken(("outputs", number), f"output number {number + 1} is {name!r}, not a name")
        if name in names[:number]:
            raise place.broken(("outputs", number), f"output {name!r} is declared twice")
    return tuple(str(name) for name in names)


def _lookback(metadata: Mapping[Any, Any], place: Place) -> int:
    for key in _LOOKBACKS:
        given = metadata.get(key)
        if given is None:
            continue
        whole = isinstance(given, (int, float)) and not isinstance(given, bool) and given >= 0 and given % 1 == 0
        if not whole:
            raise place.broken((key,), f"{key} is {given!r}, not a whole number of bars")
        return int(given)
    return 0
