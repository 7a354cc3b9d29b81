"""Events style: files whose `generate_signals(indicators, parameters)` returns a list of events."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sptrader_lab.components.answer import Answer
from sptrader_lab.components.docstrings import summary
from sptrader_lab.components.events import SLOTS, event_columns, event_outputs
from sptrader_lab.components.legacy.metadata import CANDLES, NAME, Place, understand
from sptrader_lab.components.legacy.running import OldFile, arguments, run_old
from sptrader_lab.components.modules import broken, once, syntax_tree
from sptrader_lab.components.spec import Input, Output, Spec
from sptrader_lab.components.words import Column
from sptrader_lab.errors import InputError
from sptrader_lab.types.market import Market

FUNCTION: Final = "generate_signals"


def load(path: Path) -> Spec:
    """Read a file with a `generate_signals`; an unchanged one, with unchanged imports, is run once per process.

    Raises
    ------
    ComponentError
        With file, line and rule: raises while loading, a function that can't be called, metadata that contradict
        themselves.
    """
    return once("events", path, _build)


def _build(path: Path, content: bytes, sha256: str) -> tuple[Spec, dict[str, str]]:
    tree = syntax_tree(path, content)
    line = next((each.lineno for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == FUNCTION), 1)
    file = run_old(path, content, sha256)
    own = getattr(file.module, FUNCTION, None)
    metadata = understand(getattr(file.module, NAME, None), Place(path, tree))
    defaults = {each.name: each.default for each in metadata.parameters}
    required = tuple(each.name for each in metadata.requires)
    outputs = event_outputs(metadata.outputs)
    function = EventsFunction(file, path.stem, own, line, _takes(file, own, line), defaults, outputs, required)
    object.__setattr__(function, "__doc__", getattr(own, "__doc__", None))
    inputs = (*map(Input, CANDLES), *metadata.requires)
    spec = Spec(
        path.stem,
        "signal",
        metadata.description or summary(getattr(own, "__doc__", None)) or summary(file.module.__doc__),
        inputs,
        metadata.parameters,
        function.outputs,
        function,
        str(path),
        sha256,
        "events",
        metadata.lookback,
        SLOTS,
    )

    def reshape(names: tuple[str, ...], more: tuple[Input, ...]) -> Spec:
        given = (*inputs, *(each for each in more if each.name not in {own.name for own in inputs}))
        outputs = event_outputs((*metadata.outputs, *names))
        needed = tuple(each.name for each in given[len(CANDLES) :])
        return replace(
            spec, inputs=given, outputs=outputs, function=replace(function, outputs=outputs, required=needed)
        )

    return replace(spec, reshape=reshape), file.used


def _takes(file: OldFile, own: object, line: int) -> int:
    """Return how many of (indicators, parameters) the function takes."""
    if not callable(own) or inspect.iscoroutinefunction(own):
        raise broken(file.path, line, f"{FUNCTION} is no plain function when the file has run")
    signature = inspect.signature(own)
    for count in (2, 1):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    raise broken(file.path, line, f"{FUNCTION}{signature} can't be called; it is called with (indicators, parameters)")


@dataclass(frozen=True, eq=False)
class EventsFunction:
    """Asks for events: hands over copies of the columns by name and the parameters, and puts what comes on its candles.

    Attributes
    ----------
    takes : int
        How many of (indicators, parameters) are handed over.
    required : tuple of str
        What the columns behind the candles' own are called.
    """

    file: OldFile
    name: str
    own: Any
    line: int
    takes: int
    defaults: Mapping[str, object]
    outputs: tuple[Output, ...]
    required: tuple[str, ...]

    def __call__(self, market: Market, /, *columns: Column, **parameters: object) -> Answer:
        """Return a column per output.

        Raises
        ------
        ComponentFailed
            When what comes back is no list of events.
        """
        frame, given = arguments(columns, self.required)
        for name in CANDLES[1:]:
            given.setdefault(name, frame[name].copy())
        own: Callable[..., Any] = self.own
        with self.file.called() as heard:
            events = own(*(given, {**self.defaults, **parameters})[: self.takes])
        try:
            answered, notes = event_columns(events, market, columns[0], self.outputs, self.name)
        except InputError as error:
            raise self.file.failed(self.name, f"{error}", self.line, FUNCTION) from None
        return Answer(answered, notes=(*heard.notes, *notes), log=heard.text)
