"""Module: what carried functions use of their file besides: imports, constants, other functions."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sptrader_lab.components.migration.names import bound_names, free_names, is_answer, is_text, plain_name


class Used(NamedTuple):
    """Statements: those handed in, renamed; imports; the rest of the module that they use."""

    nodes: list[ast.stmt]
    imports: list[ast.stmt]
    rest: list[ast.stmt]


class Surroundings:
    """A file's statements besides its component; `refused` lists what can't be carried over, with its line."""

    def __init__(self, path: Path, tree: ast.Module, public: str, component: str) -> None:
        self.path = path
        self.public = public
        self.refused: list[tuple[int, str]] = []
        self.left_out: list[str] = []
        self.given: dict[str, ast.stmt] = {}
        self.order: list[ast.stmt] = []
        for node in tree.body:
            if _is_guard(node) or is_text(node) or component in _given_by(node):
                continue
            self.given.update(dict.fromkeys(_given_by(node), node))
            self.order.append(node)
            if isinstance(node, ast.Expr):
                self.left_out.append(f"line {node.lineno}: {ast.unparse(node):.80}")

    def used_by(self, nodes: Sequence[ast.stmt]) -> Used:
        """Return what `nodes` use, directly or through others; functions are renamed to begin with `_`."""
        needed: dict[int, ast.stmt] = {}
        names: set[str] = set()
        waiting = list(nodes)
        while waiting:
            for name in free_names(waiting.pop()):
                node = self.given.get(name)
                if node is None:
                    continue
                names.add(name)
                if id(node) not in needed:
                    needed[id(node)] = node
                    waiting.append(node)
        chosen = [node for node in self.order if id(node) in needed]
        for each in (*chosen, *nodes):
            self._check(each)
        if self.public in names:
            taken = self.given[self.public]
            self._refuse(taken, f"{self.public!r} is another name of the file; choose another one with --output")
        rename = _Renamed({each.name: plain_name(each.name) for each in chosen if isinstance(each, ast.FunctionDef)})
        return Used(
            [rename.visit(node) for node in nodes],
            [_only(node, names) for node in chosen if isinstance(node, (ast.Import, ast.ImportFrom))],
            [
                rename.visit(copy.deepcopy(node))
                for node in chosen
                if not isinstance(node, (ast.Import, ast.ImportFrom))
            ],
        )

    def _check(self, node: ast.stmt) -> None:
        for each in ast.walk(node):
            for module in _imported(each):
                if module.startswith(".") or module.split(".")[0] == "core":
                    self._refuse(each, f"it uses {module}, which only components of the older system can import")
        if isinstance(node, ast.ClassDef) and any(is_answer(inner) for inner in node.body):
            self._refuse(node, f"it uses another component, the class {node.name}")

    def _refuse(self, node: ast.AST, what: str) -> None:
        self.refused.append((getattr(node, "lineno", 1), what))


class _Renamed(ast.NodeTransformer):
    """Renames functions of the module where no local name hides them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> Any:
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.name = self.names.get(node.name, node.name)
        hidden = bound_names(node)
        return _Renamed({old: new for old, new in self.names.items() if old not in hidden}).generic_visit(node)


def _is_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _given_by(node: ast.stmt) -> set[str]:
    """Return the names that a statement of the module gives."""
    return {node.name} if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else bound_names(node)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return ["." * node.level + (node.module or "")] if isinstance(node, ast.ImportFrom) else []


def _only(node: ast.Import | ast.ImportFrom, names: set[str]) -> ast.stmt:
    """Return an import without the names that nobody uses."""
    kept = [alias for alias in node.names if (alias.asname or alias.name).split(".")[0] in names]
    if isinstance(node, ast.Import):
        return ast.Import(kept)
    return ast.ImportFrom(node.module, kept, node.level)
