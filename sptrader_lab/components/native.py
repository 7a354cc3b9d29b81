"""Native components: one public function per file, whose signature is the specification."""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sptrader_lab.components.docstrings import descriptions, summary
from sptrader_lab.components.listening import listening
from sptrader_lab.components.modules import broken, once, run_file, syntax_tree
from sptrader_lab.components.spec import ComponentKind, Input, Output, Parameter, ParameterKind, Spec
from sptrader_lab.components.words import Bounds, Choices, Labels, Requires
from sptrader_lab.errors import InputError, nearest

#: What an input may be called without saying what fills it.
CANDLE_COLUMNS: Final = ("open", "high", "low", "close", "volume", "spread", "hl2", "hlc3", "ohlc4", "day")

_KINDS: Final[dict[type, ParameterKind]] = {bool: "bool", int: "int", float: "float", str: "str"}


def load(path: Path) -> Spec:
    """Read one component file; an unchanged file is run once per process.

    Raises
    ------
    ComponentError
        With file, line and rule: no valid Python, raises while loading, not exactly one public function, or a signature
        that says too little.
    """
    return once("native", path, _build)


def _build(path: Path, content: bytes, sha256: str) -> tuple[Spec, dict[str, str]]:
    definition = _public_function(path, syntax_tree(path, content))
    with listening() as heard:
        module = run_file(path, content, sha256)
    # Printed once per process, so it belongs to no run; standard output is the commands' own.
    sys.stderr.write(heard.text)
    return _Signature(path, definition, module).spec(sha256), {}


def _public_function(path: Path, tree: ast.Module) -> ast.FunctionDef:
    """Return the definition of the file's one public function, before any of the file runs."""
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    public = [node for node in functions if not node.name.startswith("_")]
    if not public:
        rule = f"a component file holds one, named like the file: def {path.stem}(close, *, ...)"
        raise broken(path, 1, f"no public function; {rule}")
    if len(public) > 1:
        names = " and ".join(node.name for node in public)
        raise broken(path, public[1].lineno, f"{len(public)} public functions ({names}); keep one, start others with _")
    only = public[0]
    if only.name != path.stem:
        raise broken(path, only.lineno, f"function {only.name!r} is not named like its file; call it {path.stem!r}")
    if isinstance(only, ast.AsyncFunctionDef):
        raise broken(path, only.lineno, f"{only.name!r} is async; a component is a plain function")
    return only


class _Signature:
    """Turns one function's signature into a Spec; every refusal names the line."""

    def __init__(self, path: Path, definition: ast.FunctionDef, module: ModuleType) -> None:
        self.path = path
        self.lines = {arg.arg: arg.lineno for arg in (*definition.args.args, *definition.args.kwonlyargs)}
        self.line = definition.lineno
        function = getattr(module, definition.name)
        if not callable(function):
            raise broken(path, self.line, f"{definition.name!r} is not a function any more when the file has run")
        self.function: Callable[..., Any] = function
        self.plain = inspect.unwrap(getattr(function, "py_func", function))
        try:
            self.hints = typing.get_type_hints(self.plain, include_extras=True)
        except Exception as error:  # noqa: BLE001 - an annotation is the user's code, and may raise anything
            raise broken(path, self.line, f"an annotation can't be read: {type(error).__name__}: {error}") from None

    def spec(self, sha256: str) -> Spec:
        signature = inspect.signature(self.plain)
        described = descriptions(self.plain.__doc__)
        inputs: list[Input] = []
        parameters: list[Parameter] = []
        for each in signature.parameters.values():
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                raise broken(self.path, self.line, f"*{each.name} says nothing; name every column and parameter")
            if each.kind is each.KEYWORD_ONLY:
                parameters.append(self._parameter(each, described.get(each.name, "")))
            else:
                inputs.append(self._input(each))
        if not inputs:
            raise broken(self.path, self.line, "no column comes in; name at least one, such as close, before the *")
        outputs = self._outputs()
        kind = _kind(self.path, outputs)
        text = summary(self.plain.__doc__)
        return Spec(
            self.path.stem,
            kind,
            text,
            tuple(inputs),
            tuple(parameters),
            outputs,
            self.function,
            str(self.path),
            sha256,
        )

    def _extras(self, name: str) -> tuple[Any, tuple[Any, ...]]:
        """Return the bare type of an annotation and what `Annotated` adds to it."""
        hint: Any = self.hints.get(name)
        return (hint.__origin__, hint.__metadata__) if hasattr(hint, "__metadata__") else (hint, ())

    def _input(self, each: inspect.Parameter) -> Input:
        line = self.lines.get(each.name, self.line)
        if each.default is not each.empty:
            raise broken(
                self.path, line, f"column {each.name!r} has a default; parameters stand behind a * of their own"
            )
        requires = next((extra for extra in self._extras(each.name)[1] if isinstance(extra, Requires)), None)
        if requires is None and each.name not in CANDLE_COLUMNS:
            near = nearest(each.name, CANDLE_COLUMNS)
            hint = f" (did you mean {near!r}?)" if near else ""
            known = ", ".join(CANDLE_COLUMNS)
            need = f'or say what fills it: {each.name}: Annotated[Column, Requires("sma", period=10)]'
            raise broken(self.path, line, f"unknown column {each.name!r}{hint}; candles have {known}; {need}")
        return Input(each.name, requires)

    def _parameter(self, each: inspect.Parameter, description: str) -> Parameter:
        line = self.lines.get(each.name, self.line)
        bare, extras = self._extras(each.name)
        if each.annotation is each.empty:
            rule = f"write it like {each.name}: Annotated[int, Bounds(2, 500)] = 20"
            raise broken(self.path, line, f"parameter {each.name!r} is not annotated; {rule}")
        if bare not in _KINDS:
            shown = getattr(bare, "__name__", str(bare))
            raise broken(self.path, line, f"parameter {each.name!r} is a {shown}; it can be int, float, bool or str")
        if each.default is each.empty:
            raise broken(self.path, line, f"parameter {each.name!r} has no default")
        kind = _KINDS[bare]
        bounds = next((extra for extra in extras if isinstance(extra, Bounds)), None)
        choices = next((extra.words for extra in extras if isinstance(extra, Choices)), ())
        if kind in ("int", "float") and bounds is None:
            rule = f"write it like {each.name}: Annotated[{kind}, Bounds(2, 500)] = {each.default!r}"
            raise broken(self.path, line, f"parameter {each.name!r} has no bounds; {rule}")
        if kind == "str" and not choices:
            rule = f'write it like {each.name}: Annotated[str, Choices("one", "other")] = "one"'
            raise broken(self.path, line, f"parameter {each.name!r} has no choices; {rule}")
        low, high = (bounds.low, bounds.high) if bounds else (None, None)
        parameter = Parameter(each.name, kind, each.default, low, high, choices, description)
        try:
            return Parameter(each.name, kind, parameter.check(each.default), low, high, choices, description)
        except InputError as error:
            raise broken(self.path, line, f"the default of parameter {error}") from None

    def _outputs(self) -> tuple[Output, ...]:
        bare, extras = self._extras("return")
        if isinstance(bare, type) and issubclass(bare, tuple) and hasattr(bare, "_fields"):
            hints = typing.get_type_hints(bare, include_extras=True)
            outputs = [Output(name, _labels(getattr(hints.get(name), "__metadata__", ()))) for name in bare._fields]
            if not outputs:
                raise broken(self.path, self.line, f"{bare.__name__} names no output")
            return tuple(outputs)
        return (Output(self.path.stem, _labels(extras)),)


def _labels(extras: tuple[Any, ...]) -> tuple[str, ...]:
    return next((extra.words for extra in extras if isinstance(extra, Labels)), ())


def _kind(path: Path, outputs: tuple[Output, ...]) -> ComponentKind:
    """The nearest folder called indicators or signals decides; elsewhere labelled events make a signal."""
    for part in reversed(path.parts[:-1]):
        if part in ("indicators", "signals"):
            return "signal" if part == "signals" else "indicator"
    return "signal" if outputs[0].labels else "indicator"
