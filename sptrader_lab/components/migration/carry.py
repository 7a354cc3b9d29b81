"""Carry: the text of a class's methods as functions, with what they use of their file.

Everything is read off the syntax tree. What can't be told from it for certain is refused with file, line and reason.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sptrader_lab.components.migration.instance import Instance
from sptrader_lab.components.migration.module import Surroundings
from sptrader_lab.components.migration.names import is_text
from sptrader_lab.errors import ComponentError

CANDLES: Final = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Carried:
    """Source text of what was carried over.

    Attributes
    ----------
    imports, rest : tuple of str
        Statements of the file that the others use.
    functions : tuple of str
        The class's methods, as functions whose names begin with `_`.
    begin : tuple of str
        What the public function does first: what the constructor did.
    call : str
        The expression that gives the answer, of `data` and, for a signal, `indicators`.
    columns : tuple of str
        Candle columns that it uses; all of them when that can't be told.
    words : tuple of str
        Texts that may be answers, in the order in which they stand in the class.
    left_out : tuple of str
        Statements of the file that do something when it is loaded, and were not carried over.
    doc : str
        The class's docstring.
    """

    imports: tuple[str, ...]
    rest: tuple[str, ...]
    functions: tuple[str, ...]
    begin: tuple[str, ...]
    call: str
    columns: tuple[str, ...]
    words: tuple[str, ...]
    left_out: tuple[str, ...]
    doc: str


def carry(path: Path, own_name: str, method: str, name: str, arguments: Sequence[str]) -> Carried:
    """Carry the class of a file over.

    Parameters
    ----------
    own_name, method : str
        The class, and which of its methods gives the answer.
    name : str
        What the public function will be called.
    arguments : sequence of str
        What it will take: columns, required indicators and parameters.

    Raises
    ------
    ComponentError
        Listing every place that can't be carried, with its line and the reason.
    """
    tree = ast.parse(path.read_bytes(), str(path))
    own = next((each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == own_name), None)
    if own is None or not any(isinstance(each, ast.FunctionDef) and each.name == method for each in own.body):
        raise ComponentError(f"{path}:1: {method} does not stand in class {own_name} at the top of the file")
    instance = Instance(path, own, method, set(arguments))
    begin, functions = instance.begin(), instance.functions()
    around = Surroundings(path, tree, name, own.name)
    used = around.used_by([*begin, *functions])
    refused = sorted({*instance.refused, *around.refused})
    if refused:
        listed = [f"{path}:{line}: {what}" for line, what in refused]
        raise ComponentError(
            "\n  ".join([f"{path.name} can't be carried over mechanically, nothing was written", *listed])
        )
    return Carried(
        imports=tuple(map(ast.unparse, used.imports)),
        rest=tuple(map(ast.unparse, used.rest)),
        functions=tuple(map(ast.unparse, used.nodes[len(begin) :])),
        begin=tuple(map(ast.unparse, used.nodes[: len(begin)])),
        call=instance.call(),
        columns=_columns(instance.main),
        words=_words(own),
        left_out=tuple(around.left_out),
        doc=ast.get_docstring(own) or "",
    )


def _columns(main: ast.FunctionDef) -> tuple[str, ...]:
    """Return the candle columns that a method names, all of them when it uses the frame in another way."""
    frame = next((each.arg for each in main.args.args[1:2]), "data")
    named: set[str] = set()
    understood = 0
    for each in ast.walk(main):
        inner = each.value if isinstance(each, (ast.Subscript, ast.Attribute)) else None
        if isinstance(each, ast.Call) and ast.unparse(each) == f"len({frame})":
            understood += 1
        if not isinstance(inner, ast.Name) or inner.id != frame:
            continue
        key = each.slice.value if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Constant) else None
        key = each.attr if isinstance(each, ast.Attribute) else key
        if key in CANDLES:
            named.add(str(key))
        understood += key in (*CANDLES, "index")
    # A signal finds candles among its indicators, too.
    named |= {str(each.value) for each in ast.walk(main) if isinstance(each, ast.Constant) and each.value in CANDLES}
    uses = sum(isinstance(each, ast.Name) and each.id == frame for each in ast.walk(main))
    return CANDLES if uses > understood else tuple(name for name in CANDLES if name in named)


def _words(own: ast.ClassDef) -> tuple[str, ...]:
    """Return the texts that may be answers: no keys, no messages, nothing that is compared with or chosen by."""
    skipped: set[int] = set()
    for each in ast.walk(own):
        parts: list[ast.AST] = []
        if isinstance(each, ast.Subscript):
            parts = [each.slice]
        elif isinstance(each, ast.Dict):
            parts = [key for key in each.keys if key is not None]
        elif isinstance(each, ast.arguments):
            parts = [*each.defaults, *filter(None, each.kw_defaults)]
        elif isinstance(each, (ast.Raise, ast.Assert, ast.JoinedStr, ast.Compare)) or _is_option(each):
            parts = [each]
        skipped |= {id(inner) for part in parts for inner in ast.walk(part)}
    texts = [
        (each.lineno, each.col_offset, each.value)
        for each in ast.walk(own)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value and id(each) not in skipped
    ]
    return tuple(dict.fromkeys(text for _, _, text in sorted(texts)))


def _is_option(node: ast.AST) -> bool:
    """Say whether a node is a keyword argument that chooses a way (how="any"), or a text alone."""
    named = isinstance(node, ast.keyword) and node.arg not in ("data", "default")
    return named or (isinstance(node, ast.stmt) and is_text(node))
