"""Reading: how a component file is written, found from its syntax tree before any of it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sptrader_lab.components import native
from sptrader_lab.components.legacy.metadata import NAME, assignment
from sptrader_lab.components.legacy.provided import ROOT as _ROOT
from sptrader_lab.components.modules import broken, read_bytes, syntax_tree
from sptrader_lab.components.spec import Spec, Style

#: What only a file that speaks the environment protocol has reason to mention.
_PROTOCOL: Final = (b"CANDLE_DATA", b"INDICATOR_START", b"SIGNAL_START")
#: What only the annotations of a native component name.
_NATIVE: Final = frozenset(("Column", "Bounds", "Choices", "Labels", "Requires"))


def read(path: Path) -> Spec:
    """Read one component file, whatever style it is written in.

    Raises
    ------
    ComponentError
        With file, line and what is wrong.
    """
    path = path.resolve()
    content = read_bytes(path)
    style = style_of(path, content)
    if style == "class":
        from sptrader_lab.components.legacy import classes

        return classes.load(path)
    if style == "events":
        from sptrader_lab.components.legacy import events_style

        return events_style.load(path)
    if style == "script":
        from sptrader_lab.components.scripts import load as scripts

        return scripts.load(path)
    return native.load(path)


def style_of(path: Path, content: bytes) -> Style:
    """Return how a file is written; what looks like nothing known is taken as native, which says what it lacks.

    Raises
    ------
    ComponentError
        When it is not valid Python, or holds a class without the metadata that describe it.
    """
    tree = syntax_tree(path, content)
    described = assignment(tree, NAME) is not None
    own = next((node for node in _statements(tree.body) if _is_component_class(node)), None)
    speaks = any(word in content for word in _PROTOCOL)
    if own is not None and described:
        return "class"
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    if described and "generate_signals" in functions:
        return "events"
    if described and not speaks and _inherits(tree):
        return "class"
    if path.stem in functions and not (_says(tree) and not _is_native(tree, functions[path.stem])):
        return "native"
    if own is not None and not speaks:
        name = own.name if isinstance(own, ast.ClassDef) else ""
        raise broken(path, own.lineno, f"class {name} needs a {NAME} beside it, which says what it takes and gives")
    if speaks or any(_is_main_guard(node) or _prints(node) for node in tree.body):
        return "script"
    return "native"


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what stands at the top of a file, also inside `if`, `try` and `with`, but not what only a script would run."""
    for node in body:
        yield node
        if not _is_main_guard(node):
            inner = [part for name in ("body", "orelse", "finalbody") for part in getattr(node, name, ())]
            inner += [part for handler in getattr(node, "handlers", ()) for part in handler.body]
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from _statements(inner)


def _is_component_class(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and each.name in ("calculate", "evaluate")
        for each in node.body
    )


def _inherits(tree: ast.Module) -> bool:
    """Say whether a class of this file may have its method from a class of the workspace."""
    given: set[str] = set()
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == _ROOT):
            given |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            given |= {alias.asname or _ROOT for alias in node.names if alias.name.split(".")[0] == _ROOT}
    classes = [node for node in _statements(tree.body) if isinstance(node, ast.ClassDef)]
    return any(_first_name(base) in given for node in classes for base in node.bases)


def _first_name(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _says(tree: ast.Module) -> bool:
    """Say whether a text of the code, no docstring and no comment, holds a word of the protocol."""
    spoken = {word.decode() for word in _PROTOCOL}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return any(isinstance(node.value, str) and word in node.value for node in texts for word in spoken)


def _is_native(tree: ast.Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a file that speaks the protocol does so with a native component's words, or through `run_as_script`."""
    names = {_last_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    notes = [each.annotation for each in arguments if each.annotation] + (
        [function.returns] if function.returns else []
    )
    words = {_last_name(part) for note in notes for part in ast.walk(note)}
    texts = " ".join(
        part.value
        for note in notes
        for part in ast.walk(note)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    return "run_as_script" in names or bool(words & _NATIVE) or any(word in texts for word in _NATIVE)


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_main_guard(node: ast.stmt) -> bool:
    """Whether this is `if __name__ == "__main__":`, either way round."""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare) or len(node.test.comparators) != 1:
        return False
    sides = (node.test.left, node.test.comparators[0])
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    return named and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def _prints(node: ast.stmt) -> bool:
    """Whether this statement prints when the file runs."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
    return any(isinstance(each.func, ast.Name) and each.func.id == "print" for each in calls)
