"""Reading: how a component file is written, found from its syntax tree before any of it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sptrader_lab.components import native
from sptrader_lab.components.legacy.metadata import NAME, assignment
from sptrader_lab.components.modules import broken, read_bytes, syntax_tree
from sptrader_lab.components.spec import Spec, Style

#: What only a file that speaks the environment protocol has reason to mention.
_PROTOCOL: Final = (b"CANDLE_DATA", b"INDICATOR_START", b"SIGNAL_START")


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
    if own is not None and described:
        return "class"
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    if described and "generate_signals" in functions:
        return "events"
    if path.stem in functions:
        return "native"
    speaks = any(word in content for word in _PROTOCOL)
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
