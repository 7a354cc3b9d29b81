"""Instance: a class's methods as functions without `self`; each takes what it needs of the instance by keyword."""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import Any, Final

from sptrader_lab.components.migration.names import (
    Method,
    bound_names,
    busy_names,
    is_text,
    keeps,
    own_attribute,
    plain_name,
    says_nothing,
)

#: What a base class may be called: those of the older system hold no arithmetic.
_BASES: Final = ("Indicator", "Signal", "BaseIndicator", "BaseSignal", "ABC", "object")


class Instance:
    """One class, read; `refused` lists what can't be carried over, with file and line.

    Parameters
    ----------
    method : str
        The one that gives the answer.
    arguments : set of str
        What the public function will take: columns, required indicators, parameters.
    """

    def __init__(self, path: Path, node: ast.ClassDef, method: str, arguments: set[str]) -> None:
        self.path = path
        self.node = node
        self.arguments = arguments
        self.refused: list[tuple[int, str]] = []
        self.methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        self.main = self.methods[method]
        self.constructor = self.methods.pop("__init__", None)
        self.constants = _constants(node)
        self._check_bases()
        self.reached = self._reach()
        self.stored = self._stored_in_constructor()
        self.local = self._local()
        self.needs = self._needs()
        self.names = {each: self._plain_attribute(each) for each in {*self.stored, *self.constants, *self.local}}

    def refuse(self, node: ast.AST, what: str) -> None:
        """Note a place that can't be carried over."""
        self.refused.append((getattr(node, "lineno", 1), what))

    def functions(self) -> list[ast.stmt]:
        """Return the methods that the answer needs, as functions, in the order of the file."""
        return [self._function(name, copy.deepcopy(node)) for name, node in self.reached.items()]

    def begin(self) -> list[ast.stmt]:
        """Return what the public function does first: constants of the class, then the constructor's statements."""
        used = {name for needed in self.needs.values() for name in needed} | self._attributes(self.constructor)
        found: list[ast.stmt] = [
            ast.Assign([ast.Name(self.names[name], ast.Store())], copy.deepcopy(value), lineno=value.lineno)
            for name, value in self.constants.items()
            if name in used
        ]
        found += self._fixed_arguments()
        for each in self.constructor.body if self.constructor else ():
            if not is_text(each) and not _is_super_init(each) and not isinstance(each, ast.Pass):
                found.append(self._freed(copy.deepcopy(each)))
        return [ast.fix_missing_locations(each) for each in found if not says_nothing(each)]

    def call(self) -> str:
        """Return the call that gives the answer, of `data` and, for a signal, `indicators`."""
        given = ["data"] if self.main.name == "calculate" else ["data", "indicators"]
        given += [f"{name}={name}" for name in self._needed(self.main.name)]
        return f"{plain_name(self.main.name)}({', '.join(given)})"

    def _check_bases(self) -> None:
        for base in self.node.bases:
            if ast.unparse(base).split(".")[-1] not in _BASES:
                self.refuse(base, f"the class inherits from {ast.unparse(base)}, whose methods may take part")

    def _attributes(self, node: ast.AST | None) -> set[str]:
        """Return the attributes of the instance that a node names."""
        found = {own_attribute(each, self.node.name) for each in ast.walk(node)} if node is not None else set()
        return found - {""}

    def _reach(self) -> dict[str, Method]:
        """Return the methods that the answer calls, directly or through others, in the order of the file."""
        found, waiting = {self.main.name}, [self.main, *([self.constructor] if self.constructor else [])]
        while waiting:
            new = (self._attributes(waiting.pop()) & set(self.methods)) - found
            found |= new
            waiting += [self.methods[name] for name in new]
        for name in sorted(found):
            for decorator in self.methods[name].decorator_list:
                if ast.unparse(decorator) != "staticmethod":
                    self.refuse(decorator, f"{name} is decorated with {ast.unparse(decorator)}")
        return {name: node for name, node in self.methods.items() if name in found}

    def _stored_in_constructor(self) -> dict[str, int]:
        """Return the attributes that the constructor sets, and how often."""
        found: dict[str, int] = {}
        for each in ast.walk(self.constructor) if self.constructor else ():
            name = own_attribute(each, self.node.name)
            if name and isinstance(each, ast.Attribute) and not isinstance(each.ctx, ast.Load):
                found[name] = found.get(name, 0) + 1
        return found

    def _local(self) -> set[str]:
        """Return the attributes that one method alone sets and reads: local names of it."""
        places: dict[str, set[str]] = {}
        stored: dict[str, ast.AST] = {}
        for method, node in self.reached.items():
            for each in ast.walk(node):
                name = own_attribute(each, self.node.name)
                if name and name not in self.methods:
                    places.setdefault(name, set()).add(method)
                    if isinstance(each, ast.Attribute) and not isinstance(each.ctx, ast.Load):
                        stored.setdefault(name, each)
        for name, each in stored.items():
            if name in self.stored or name in self.constants or len(places[name]) > 1:
                self.refuse(each, f"self.{name} is set outside the constructor; a function keeps nothing between calls")
        return set(stored)

    def _needs(self) -> dict[str, set[str]]:
        """Return the attributes that each method needs, also through those it calls."""
        found: dict[str, set[str]] = {}
        calls: dict[str, set[str]] = {}
        for method, node in self.reached.items():
            used = self._attributes(node)
            calls[method] = used & set(self.methods)
            found[method] = used - set(self.methods) - self.local
            for each in ast.walk(node):
                name = own_attribute(each, self.node.name)
                if name in found[method] and name not in self.stored and name not in self.constants:
                    self.refuse(each, f"self.{name} is set nowhere in the class")
        for _ in found:  # so many rounds carry every need to the end of the longest chain of calls
            for method, needed in found.items():
                needed.update(*(found.get(called, set()) for called in calls[method]))
        return found

    def _needed(self, method: str) -> list[str]:
        """Return the plain names of what a method needs."""
        return sorted(self.names[each] for each in self.needs[method] if each in self.names)

    def _plain_attribute(self, attribute: str) -> str:
        """Return what an attribute is called as a plain name: as before, unless something else is called so."""
        clash = any(attribute in busy_names(node) for node in self.reached.values())
        if not self._only_kept(attribute):
            clash = clash or attribute in self.arguments or attribute in bound_names(self.constructor or ast.Pass())
        return f"own_{attribute.lstrip('_')}" if clash or attribute in ("data", "indicators") else attribute

    def _only_kept(self, attribute: str) -> bool:
        """Say whether the constructor does nothing but keep its argument of that name."""
        kept = [each for each in ast.walk(self.constructor or ast.Pass()) if keeps(each) == attribute]
        return self.stored.get(attribute, 0) == len(kept) == 1 and attribute not in self.constants

    def _function(self, name: str, node: Method) -> ast.stmt:
        positional = node.args.posonlyargs or node.args.args
        if not node.decorator_list:
            if not positional or positional[0].arg != "self":
                self.refuse(self.reached[name], f"the first argument of {name}() is not called self")
            del positional[:1]
        node.decorator_list = []
        needed = self._needed(name)
        node.args.kwonlyargs += [ast.arg(each) for each in needed]
        node.args.kw_defaults += [None for _ in needed]
        node.name = plain_name(name)
        changed = self._freed(node)
        assert isinstance(changed, ast.FunctionDef)
        changed.body = [each for each in changed.body if not says_nothing(each)] or [ast.Pass()]
        return ast.fix_missing_locations(changed)

    def _freed(self, node: ast.stmt) -> ast.stmt:
        changed: ast.stmt = _Freed(self).visit(node)
        return changed

    def _fixed_arguments(self) -> list[ast.stmt]:
        """Return assignments of the constructor's arguments that are no parameters: their defaults."""
        if self.constructor is None:
            return []
        given = self.constructor.args
        positional = [*given.posonlyargs, *given.args][1:]
        behind = positional[len(positional) - len(given.defaults) :]
        pairs = [*zip(behind, given.defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        return [
            ast.Assign([ast.Name(each.arg, ast.Store())], value, lineno=each.lineno)
            for each, value in pairs
            if value is not None and each.arg not in self.arguments
        ]


class _Freed(ast.NodeTransformer):
    """Puts a plain name for `self.x`, and a call of the function for `self.method(...)`.

    `x.shift(1).fillna(False)` becomes `x.shift(1, fill_value=False)`: the former made flags of flags before pandas 3.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        name = own_attribute(node, self.instance.node.name)
        if not name:
            return self.generic_visit(node)
        if name in self.instance.methods:
            if self.instance.needs.get(name):
                self.instance.refuse(node, f"self.{name} is handed on without being called")
            return ast.Name(plain_name(name), ast.Load())
        return ast.Name(self.instance.names.get(name, name), node.ctx)

    def visit_Call(self, node: ast.Call) -> Any:
        name = own_attribute(node.func, self.instance.node.name)
        if name not in self.instance.reached:
            return self.generic_visit(_filled_shift(node) or node)
        node.func = ast.Name(plain_name(name), ast.Load())
        self.generic_visit(node)
        needed = self.instance._needed(name)  # noqa: SLF001 - one thing in two classes
        node.keywords += [ast.keyword(each, ast.Name(each, ast.Load())) for each in needed]
        return node

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in ("self", "super", self.instance.node.name):
            self.instance.refuse(node, f"{node.id} is used as a whole; only its attributes have a place in a function")
        return node

    def visit_Global(self, node: ast.Global) -> Any:
        self.instance.refuse(node, "it changes names of its module; a function keeps nothing between calls")
        return node


def _filled_shift(node: ast.Call) -> ast.Call | None:
    """Return `x.shift(n, fill_value=flag)` where a call is `x.shift(n).fillna(flag)`."""
    inner = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "fillna" else None
    flag = node.args[0] if len(node.args) == 1 and not node.keywords else None
    if not isinstance(inner, ast.Call) or not isinstance(inner.func, ast.Attribute) or inner.func.attr != "shift":
        return None
    if not isinstance(flag, ast.Constant) or not isinstance(flag.value, bool):
        return None
    return ast.Call(inner.func, inner.args, [*inner.keywords, ast.keyword("fill_value", flag)])


def _constants(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Return what the class itself sets, by name."""
    found: dict[str, ast.expr] = {}
    for each in node.body:
        targets = (
            each.targets if isinstance(each, ast.Assign) else [each.target] if isinstance(each, ast.AnnAssign) else []
        )
        value = each.value if isinstance(each, (ast.Assign, ast.AnnAssign)) else None
        if value is not None:
            found.update({target.id: value for target in targets if isinstance(target, ast.Name)})
    return found


def _is_super_init(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("super().__init__(")
