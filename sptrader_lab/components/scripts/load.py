"""Load: what a script is, as far as its text tells without running it."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

from sptrader_lab.components.docstrings import summary
from sptrader_lab.components.events import SLOTS, event_outputs
from sptrader_lab.components.legacy.metadata import CANDLES, NAME, Metadata, Place, assignment, understand
from sptrader_lab.components.modules import broken, once, syntax_tree
from sptrader_lab.components.scripts.function import ScriptFunction
from sptrader_lab.components.spec import ComponentKind, Input, Output, Spec

_BATCH = "__batch__"


def load(path: Path) -> Spec:
    """Describe a script; nothing of it runs.

    Raises
    ------
    ComponentError
        With file and line: no valid Python, or `__metadata__` that can't be read or contradict themselves.
    """
    return once("script", path, _build)


def _build(path: Path, content: bytes, sha256: str) -> tuple[Spec, dict[str, str]]:
    tree = syntax_tree(path, content)
    written = _literal(path, tree, NAME)
    metadata = understand(written if written is not None else {}, Place(path, tree))
    in_metadata = isinstance(written, dict) and written.get("batch") is True
    kind = _kind(path, content)
    outputs = _outputs(path.stem, kind, metadata)
    inputs = (*map(Input, CANDLES), *metadata.requires)
    names = tuple(each.name for each in metadata.requires)
    batch = bool(_literal(path, tree, _BATCH)) or in_metadata
    sole = metadata.outputs[0] if len(metadata.outputs) == 1 else ""
    function = ScriptFunction(str(path), content, sha256, path.stem, kind, batch, outputs, names, sole)
    spec = Spec(
        path.stem,
        kind,
        metadata.description or summary(ast.get_docstring(tree)),
        inputs,
        metadata.parameters,
        outputs,
        function,
        str(path),
        sha256,
        "script",
        metadata.lookback,
        SLOTS if kind == "signal" else 1,
    )

    def reshape(asked: tuple[str, ...], more: tuple[Input, ...]) -> Spec:
        given = (*inputs, *(each for each in more if each.name not in {own.name for own in inputs}))
        told = _outputs(path.stem, kind, metadata, asked)
        needed = tuple(each.name for each in given[len(CANDLES) :])
        return replace(spec, inputs=given, outputs=told, function=replace(function, outputs=told, names=needed))

    return replace(spec, reshape=reshape), {}


def _outputs(name: str, kind: ComponentKind, metadata: Metadata, asked: tuple[str, ...] = ()) -> tuple[Output, ...]:
    """A signal tells events; an indicator what it declares or is asked for, else one value called like its file."""
    if kind == "signal":
        return event_outputs((*metadata.outputs, *asked))
    return tuple(map(Output, dict.fromkeys((*metadata.outputs, *asked)))) or (Output(name),)


def _kind(path: Path, content: bytes) -> ComponentKind:
    """The nearest folder called indicators or signals decides; elsewhere what it prints."""
    for part in reversed(path.parts[:-1]):
        if part in ("indicators", "signals"):
            return "signal" if part == "signals" else "indicator"
    return "signal" if b"SIGNAL_START" in content else "indicator"


def _literal(path: Path, tree: ast.Module, name: str) -> Any:
    """Return the value written for a name at the top of the file, None where there is none."""
    found = assignment(tree, name)
    if found is None or found.value is None:
        return None
    try:
        return ast.literal_eval(found.value)
    except ValueError:
        rule = "a script is not run to be read, so write plain values: texts, numbers, lists and dicts"
        raise broken(path, found.lineno, f"{name} can't be read; {rule}") from None
