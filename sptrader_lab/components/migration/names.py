"""Names: questions to a syntax tree that carrying a class over asks again and again."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator

Method = ast.FunctionDef


def plain_name(method: str) -> str:
    """Return what a method or a function of the module is called in the new file: one function only is public there."""
    return f"_{method.lstrip('_')}"


def own_attribute(node: ast.AST, class_name: str = "") -> str:
    """Return X of `self.X`, or of `TheClass.X`; else ''."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", class_name):
        return node.attr
    return ""


def bound_names(node: ast.AST) -> set[str]:
    """Return the names that a statement binds: arguments, assignments, loops, imports and definitions inside."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.arg):
            found.add(each.arg)
        elif isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            found.add(each.id)
        elif isinstance(each, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in each.names}
        elif isinstance(each, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)) and each is not node:
            found |= {each.name} if each.name else set()
    return found


def free_names(node: ast.AST) -> Iterator[str]:
    """Return the names that a statement reads without binding them, those of annotations written as texts included."""
    hidden = bound_names(node) if isinstance(node, ast.FunctionDef) else set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and each.id not in hidden:
            yield each.id
        for part in _annotation(each):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield from (inner.id for inner in ast.walk(_parsed(part.value)) if isinstance(inner, ast.Name))


def _annotation(node: ast.AST) -> Iterable[ast.AST]:
    annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
    return ast.walk(annotation) if isinstance(annotation, ast.AST) else ()


def _parsed(text: str) -> ast.AST:
    try:
        return ast.parse(text, mode="eval")
    except SyntaxError:
        return ast.Pass()


def is_text(node: ast.stmt) -> bool:
    """Say whether a statement is a text alone, as a docstring is."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_answer(node: ast.stmt) -> bool:
    """Say whether a statement of a class is the method that makes it a component."""
    return isinstance(node, ast.FunctionDef) and node.name in ("calculate", "evaluate")


def _assigned(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Return target and value of a simple assignment, annotated or not."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return node.targets[0], node.value
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return node.target, node.value
    return None


def keeps(node: ast.AST) -> str:
    """Return X where a statement is `self.X = X`, else ''."""
    pair = _assigned(node)
    name = own_attribute(pair[0]) if pair else ""
    return name if pair and isinstance(pair[1], ast.Name) and pair[1].id == name else ""


def names_again(node: ast.AST) -> str:
    """Return X where a statement is `X = self.X`, else ''."""
    pair = _assigned(node)
    name = own_attribute(pair[1]) if pair else ""
    return name if pair and isinstance(pair[0], ast.Name) and pair[0].id == name else ""


def says_nothing(node: ast.AST) -> bool:
    """Say whether a statement is `x = x`."""
    pair = _assigned(node)
    return bool(pair and isinstance(pair[0], ast.Name) and isinstance(pair[1], ast.Name) and pair[0].id == pair[1].id)


def busy_names(node: Method) -> set[str]:
    """Return the names that a method binds, but for those that name an attribute again: `period = self.period`."""
    rest = copy.copy(node)
    rest.body = [each for each in node.body if not names_again(each)]
    return bound_names(rest)
