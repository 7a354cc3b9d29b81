"""Classes: indicators with `calculate` and signals with `evaluate`, described by the `__metadata__` of their file."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sptrader_lab.components.answer import Answer
from sptrader_lab.components.docstrings import summary
from sptrader_lab.components.legacy.metadata import CANDLES, NAME, Metadata, Place, understand
from sptrader_lab.components.legacy.running import OldFile, arguments, run_old
from sptrader_lab.components.modules import broken, once, syntax_tree
from sptrader_lab.components.spec import ComponentKind, Input, Output, Spec
from sptrader_lab.components.words import Column
from sptrader_lab.errors import InputError, nearest
from sptrader_lab.types.market import Market

if TYPE_CHECKING:
    import pandas as pd

_METHODS: Final[dict[str, ComponentKind]] = {"calculate": "indicator", "evaluate": "signal"}
_EVENT: Final = "signal"
#: What a signal that answers with one column of flags calls it in its metadata.
_FLAGS: Final = (_EVENT, "boolean")
#: Left unwritten by old classes although the old base classes ask for them.
_OPTIONAL: Final = {"metadata", "required_indicators"}


def load(path: Path) -> Spec:
    """Read a file with a class of the older system; an unchanged one, with unchanged imports, is run once per process.

    Raises
    ------
    ComponentError
        With file, line and rule: raises while loading, no class of its own or two, metadata that contradict themselves or
        the constructor.
    """
    return once("class", path, _build)


def _build(path: Path, content: bytes, sha256: str) -> tuple[Spec, dict[str, str]]:
    tree = syntax_tree(path, content)
    place = Place(path, tree)
    if place.assigned is None:
        raise broken(path, 1, f"the file has a class and no {NAME}, which says what it takes and gives")
    file = run_old(path, content, sha256)
    found = _Class(file, tree)
    found.check_method()
    metadata = understand(getattr(file.module, NAME, None), place, found.defaults)
    found.check_constructor(metadata, place)
    return _spec(found, metadata, sha256), file.used


def _spec(found: _Class, metadata: Metadata, sha256: str) -> Spec:
    file, name, kind = found.file, found.file.path.stem, _METHODS[found.method]
    if kind == "signal":
        others = [each for each in metadata.outputs if each not in _FLAGS]
        outputs = _signal_outputs(others)
    else:
        outputs = tuple(map(Output, metadata.outputs or (name,)))
    text = metadata.description or summary(found.own.__doc__) or summary(file.module.__doc__)
    function = ClassFunction(
        file,
        name,
        found.own,
        found.method,
        found.method_line,
        {each.name: each.default for each in metadata.parameters},
        outputs,
        tuple(each.name for each in metadata.requires),
        tuple(dict.fromkeys(("close", *metadata.columns))),
    )
    object.__setattr__(function, "__doc__", found.own.__doc__)
    inputs = (*map(Input, CANDLES), *metadata.requires)
    spec = Spec(
        name,
        kind,
        text,
        inputs,
        metadata.parameters,
        outputs,
        function,
        str(file.path),
        sha256,
        "class",
        metadata.lookback,
    )
    if kind == "indicator" or (metadata.outputs and metadata.requires):
        return spec

    def reshape(names: tuple[str, ...], more: tuple[Input, ...]) -> Spec:
        given = (*inputs, *(each for each in more if each.name not in {own.name for own in inputs}))
        wider = outputs if metadata.outputs else _signal_outputs([each for each in names if each not in _FLAGS])
        required = tuple(each.name for each in given[len(CANDLES) :])
        return replace(spec, inputs=given, outputs=wider, function=replace(function, outputs=wider, required=required))

    return replace(spec, reshape=reshape)


def _signal_outputs(others: list[str]) -> tuple[Output, ...]:
    return (Output(_EVENT), *(Output(each, mixed=True) for each in dict.fromkeys(others)))


class _Class:
    """The class that makes a file a component, and how it is constructed."""

    def __init__(self, file: OldFile, tree: ast.Module) -> None:
        self.file = file
        self.nodes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        self.own = self._only()
        self.node = self.nodes.get(self.own.__name__)
        self.line = self.node.lineno if self.node else 1
        self.method = self._method()
        self.method_line = self._line_of(self.method)
        missing = _OPTIONAL & set(getattr(self.own, "__abstractmethods__", ()))
        if missing:
            self.own.__abstractmethods__ = self.own.__abstractmethods__ - missing
        try:
            self.arguments = inspect.signature(self.own).parameters
        except (TypeError, ValueError) as error:
            raise broken(file.path, self.line, f"class {self.own.__name__} can't be constructed: {error}") from None

    @property
    def defaults(self) -> dict[str, object]:
        """Defaults of the constructor."""
        return {name: each.default for name, each in self.arguments.items() if each.default is not each.empty}

    def _only(self) -> type[Any]:
        module, path = self.file.module, self.file.path
        found = [
            value
            for value in dict.fromkeys(each for each in vars(module).values() if isinstance(each, type))
            if value.__module__ == module.__name__ and any(_has(value, name) for name in _METHODS)
        ]
        found = [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]
        found = [one for one in found if not one.__name__.startswith("_")] or found
        if not found:
            raise broken(
                path, 1, "no class of this file has calculate(data) or evaluate(data, indicators) when it has run"
            )
        if len(found) > 1:
            names = " and ".join(each.__name__ for each in found)
            node = self.nodes.get(found[1].__name__)
            raise broken(
                path,
                node.lineno if node else 1,
                f"{len(found)} classes with calculate or evaluate ({names}); keep one, start others with _",
            )
        return found[0]

    def _method(self) -> str:
        """Return the method that is asked; of both, the one that the folder's name wants."""
        known = [name for name in _METHODS if _has(self.own, name)]
        folder = next((part for part in reversed(self.file.path.parts[:-1]) if part in ("indicators", "signals")), "")
        return known[-1] if folder == "signals" else known[0]

    def _line_of(self, name: str) -> int:
        inside = self.node.body if self.node else []
        return next(
            (each.lineno for each in inside if isinstance(each, ast.FunctionDef) and each.name == name), self.line
        )

    def check_method(self) -> None:
        """Raise when the method can't be called with the candles, and for a signal with its indicators."""
        wanted = ["data"] if self.method == "calculate" else ["data", "indicators"]
        function = inspect.getattr_static(self.own, self.method)
        bound = [] if isinstance(function, staticmethod) else [None]
        plain = function.__func__ if isinstance(function, (staticmethod, classmethod)) else function
        if inspect.iscoroutinefunction(plain) or inspect.isgeneratorfunction(plain):
            raise broken(self.file.path, self.method_line, f"{self.method} is async or yields; it is a plain method")
        try:
            inspect.signature(plain).bind(*bound, *wanted)
        except (TypeError, ValueError):
            rule = f"it is called as {self.method}({', '.join(wanted)})"
            raise broken(self.file.path, self.method_line, f"{self.method} can't be called: {rule}") from None

    def check_constructor(self, metadata: Metadata, place: Place) -> None:
        """Raise where metadata and constructor contradict each other."""
        named = {
            name: each
            for name, each in self.arguments.items()
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        }
        takes_any = any(each.kind is each.VAR_KEYWORD for each in self.arguments.values())
        declared = {each.name for each in metadata.parameters}
        for name in declared if not takes_any else ():
            if name not in named:
                near = nearest(name, named)
                hint = f" (did you mean {near!r}?)" if near else ""
                takes = f"takes {', '.join(named)}" if named else "takes nothing"
                what = (
                    f"parameter {name!r} is in the metadata, but the constructor of {self.own.__name__} {takes}{hint}"
                )
                raise place.broken(("parameters", name), what)
        for name, each in self.arguments.items():
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) or each.default is not each.empty:
                continue
            if name not in declared or name not in named:
                what = f"the constructor of {self.own.__name__} needs {name!r}, of which the metadata say nothing"
                raise broken(self.file.path, self._argument_line(name), what)

    def _argument_line(self, name: str) -> int:
        for each in self.node.body if self.node else []:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                inside = (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)
                return next((one.lineno for one in inside if one.arg == name), each.lineno)
        return self.line


def _has(value: type[Any], name: str) -> bool:
    method = getattr(value, name, None)
    return callable(method) and not getattr(method, "__isabstractmethod__", False)


@dataclass(frozen=True, eq=False)
class ClassFunction:
    """Asks a class: constructs it with its parameters, hands it copies of the columns, takes its answer apart.

    Attributes
    ----------
    required : tuple of str
        What the columns behind the candles' own are called.
    plain : tuple of str
        Candle columns that a signal finds among its indicators.
    """

    file: OldFile
    name: str
    own: type[Any]
    method: str
    line: int
    defaults: Mapping[str, object]
    outputs: tuple[Output, ...]
    required: tuple[str, ...]
    plain: tuple[str, ...]

    def __call__(self, _market: Market, /, *columns: Column, **parameters: object) -> Answer:
        """Return a column per output.

        Raises
        ------
        ComponentFailed
            When what comes back is no answer.
        """
        from sptrader_lab.components.legacy.frames import Unusable

        frame, given = arguments(columns, self.required)
        index = frame.index  # the class may give its frame another one
        for name in self.plain:
            given.setdefault(name, frame[name].copy())
        with self.file.called() as heard:
            method = getattr(self.own(**{**self.defaults, **parameters}), self.method)
            result = method(frame) if self.method == "calculate" else method(frame, given)
        try:
            answered, notes = self._taken_apart(result, index)
        except (Unusable, InputError) as error:
            raise self.file.failed(self.name, str(error), self.line, self.method) from None
        return Answer(answered, notes=(*heard.notes, *notes), log=heard.text)

    def _taken_apart(self, result: object, index: pd.Index[Any]) -> tuple[tuple[Column, ...], tuple[str, ...]]:
        from sptrader_lab.components.legacy.frames import Unusable, numbers, returned_columns

        found = returned_columns(result, index)
        names = [output.name for output in self.outputs]
        if self.method == "evaluate":
            flags = next((name for name in (*_FLAGS, "") if name in found), None)
            if flags is None:
                raise Unusable(f"returned {_listed(found)} and no column 'signal'")
            found[_EVENT] = found[flags]
        elif len(found) == len(names) == 1:
            found = {names[0]: next(iter(found.values()))}
        elif not any(name in found for name in names):
            returned = "one column without a name" if "" in found else _listed(found)
            raise Unusable(f"returned {returned}; its metadata declare {', '.join(names)}")
        columns: list[Column] = []
        notes: list[str] = []
        for output in self.outputs:
            if output.name not in found:
                what = f"output {output.name!r} is not among what {self.method} returned; it is undefined everywhere"
                notes.append(f"{self.name}: {what}")
                columns.append(np.full(len(index), np.nan))
                continue
            try:
                columns.append(numbers(found[output.name], words=output.mixed))
            except Unusable as error:
                raise Unusable(f"output {output.name!r} {error}") from None
        if self.method == "evaluate":
            columns[0] = np.nan_to_num(columns[0], nan=0.0, posinf=np.inf, neginf=-np.inf)
        return tuple(columns), tuple(notes)


def _listed(found: Mapping[str, object]) -> str:
    return f"the columns {', '.join(found)}" if found else "no column"
