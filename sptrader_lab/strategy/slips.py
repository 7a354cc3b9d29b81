"""Slips: what is often written in an expression and means something elsewhere, and what to write here."""

from __future__ import annotations

import ast
import re
from typing import Final

from sptrader_lab.components.spec import Spec

_VALUE: Final = r"([\w.]+(?:\([^()]*\))?)"
#: A pattern, and what to write instead; the first that is found counts.
_SLIPS: Final = (
    (re.compile(r"=>"), "write >= instead of =>"),
    (re.compile(r"=<"), "write <= instead of =<"),
    (re.compile(r"<>"), "write != instead of <>"),
    (re.compile(r"&"), "write `and` instead of &, or a list of conditions, all of which must hold"),
    (re.compile(r"\|"), "write `or` instead of |, or {any: [...]}"),
    (re.compile(r"(?<![=<>!])=(?!=)"), "write == instead of =, to compare"),
    (re.compile(r"!(?!=)"), "write `not` instead of !"),
    (re.compile(r"\b(AND|OR|NOT)\b"), "write `and`, `or`, `not` in small letters"),
    (re.compile(r"%"), "a percentage is a fraction: 2 % is written 0.02"),
)
_CROSSING: Final = re.compile(rf"{_VALUE}\s+cross(?:es|ed)?[\s_]+(above|over|below|under)\s+{_VALUE}", re.IGNORECASE)
_WORDED: Final = re.compile(rf"{_VALUE}\s+(?:is\s+)?(above|below|over|under)\s+{_VALUE}", re.IGNORECASE)
_UP: Final = ("above", "over")


def suggestion(text: str) -> str:
    """Return what to write instead of what stands in `text`, '' when nothing known stands there."""
    crossing = _CROSSING.search(text)
    if crossing:
        side = "above" if crossing[2].lower() in _UP else "below"
        return f"write crosses_{side}({crossing[1]}, {crossing[3]})"
    worded = _WORDED.search(text)
    if worded:
        return f"write {worded[1]} {'>' if worded[2].lower() in _UP else '<'} {worded[3]}"
    return next((rule for pattern, rule in _SLIPS if pattern.search(text)), "")


def declaration(spec: Spec, call: ast.Call) -> str:
    """Return the line that declares the component which `call` uses like a function."""
    if spec.kind == "signal":
        return f"{spec.name} is a signal: write {{signal: {spec.name}, outputs: {{...}}}} as a condition of its own"
    names = iter(parameter.name for parameter in spec.parameters)
    given: dict[str, str] = {}
    for argument in call.args:
        text = ast.unparse(argument)
        if isinstance(argument, ast.Name):
            given["source"] = text
        else:
            given[next(names, "...")] = text
    given |= {each.arg: ast.unparse(each.value) for each in call.keywords if each.arg}
    if given.get("source") == "close":
        del given["source"]
    shown = ", ".join(f"{key}: {value}" for key, value in given.items())
    values = [
        value.replace(".", "_")
        for value in given.values()
        if re.fullmatch(r"[\w.]+", value) and "parameters" not in value
    ]
    name = "_".join([spec.name.removeprefix("talib.").lower(), *values])
    line = f"{name}: {{type: {spec.name}{f', params: {{{shown}}}' if shown else ''}}}"
    return f"{spec.name} is a component: declare `{line}` under `indicators` and write {name} here"
