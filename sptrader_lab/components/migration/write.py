"""Write: the file of a native component, from a description of the old one and what was carried over."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from sptrader_lab.components.migration.carry import Carried
from sptrader_lab.components.spec import Parameter, Spec
from sptrader_lab.errors import ComponentError


class Form(NamedTuple):
    """One way in which the file may be written; the first is taken that gives the same bits.

    Attributes
    ----------
    shape : {"frame", "boolean", "series"}
        How the class gives its answer: columns of a frame, the same with flags called "boolean", or one column alone.
    frames : {"plain", "old"}
        What the carried code is given: plain frames, or such as keep pandas' habits before version 3.
    """

    shape: Literal["frame", "boolean", "series"]
    frames: Literal["plain", "old"]


class Heard(NamedTuple):
    """What the class was heard to answer: words by output (code 0 first), and outputs that it never gave."""

    labels: Mapping[str, tuple[str, ...]]
    silent: frozenset[str]


_LINE: Final = """
def _line(column: pd.Series) -> Column:
    return column.to_numpy(dtype=np.float64)
"""
_EVENT: Final = '''
def _event(column: pd.Series) -> Column:
    """Return where it fires; a bar without a value is silent."""
    line = column.to_numpy(dtype=np.float64)
    return np.where(np.isnan(line), 0.0, line)
'''
_CODES: Final = '''
def _codes(words: pd.Series, *labels: str) -> Column:
    """Return the number of each word, 0 where there is none; a word without a number is an error."""
    number = {word: float(code) for code, word in enumerate(labels)}
    return np.array([number[word] if isinstance(word, str) and word else 0.0 for word in words])
'''
#: Words that the new file uses; its class of answers is called otherwise.
_TAKEN: Final = ("Column", "Bounds", "Choices", "Labels", "Requires", "Annotated", "NamedTuple")


def write(spec: Spec, carried: Carried, name: str, heard: Heard, form: Form) -> str:
    """Return the text of a native component called `name`.

    Raises
    ------
    ComponentError
        When a native signature can't say what the class's metadata says.
    """
    return _File(spec, carried, name, heard, form).text()


class _File:
    def __init__(self, spec: Spec, carried: Carried, name: str, heard: Heard, form: Form) -> None:
        self.spec, self.carried, self.name, self.form = spec, carried, name, form
        self.labels, self.silent = heard
        self.signal = spec.kind == "signal"
        self.needed = [each for each in spec.inputs if each.requires is not None]
        self.columns = carried.columns or (() if self.needed else ("close",))
        camel = "".join(part.capitalize() for part in name.split("_"))
        self.several = len(spec.outputs) > 1
        self.answer = f"{camel}Answer" if camel in _TAKEN else camel

    def text(self) -> str:
        """Return the whole file."""
        given = [self._given(place) for place in range(len(self.spec.outputs))]
        body = "\n".join([*self._begin(), *self._return(given)])
        helpers = ((_EVENT, "_event("), (_LINE, "_line("), (_CODES, "_codes("))
        parts = [
            f'"""{self._sentence()}"""\n\nfrom __future__ import annotations\n',
            self._imports(),
            *(f"\n{each}" for each in self.carried.rest),
            *([self._answer_class()] if self.several else []),
            self._head(),
            textwrap.indent(self._doc(), "    "),
            textwrap.indent(body, "    "),
            *(f"\n{each}\n" for each in self.carried.functions),
            *(text for text, call in helpers if any(each.startswith(call) for each in given)),
        ]
        return _spaced("\n".join(parts))

    def _sentence(self) -> str:
        first = _plain(" ".join((self.spec.summary or self.name).split()))
        return first if first.endswith(".") else f"{first}."

    def _imports(self) -> str:
        kinds = {each.kind for each in self.spec.parameters}
        words = {"Column"}
        words |= {"Bounds"} if kinds & {"int", "float"} else set()
        words |= {"Choices"} if "str" in kinds else set()
        words |= {"Labels"} if self.labels else set()
        words |= {"Requires"} if self.needed else set()
        lines = {"import numpy as np", "import pandas as pd"}
        lines |= {"from typing import Annotated"} if words - {"Column"} else set()
        lines |= {"from typing import NamedTuple"} if self.several else set()
        lines |= {"import math"} if any(_is_open(each) for each in self.spec.parameters) else set()
        lines |= {each for each in self.carried.imports if not each.startswith("from __future__")}
        groups = _sorted_imports(lines)
        ours = [f"from sptrader_lab.components import {', '.join(sorted(words))}"]
        if self.form.frames == "old":
            kept = ["OldFrame", *(["OldSeries"] if self.needed else [])]
            ours.append(f"from sptrader_lab.components.legacy.frames import {', '.join(kept)}")
        return "\n\n".join(["\n".join(group) for group in (*groups, ours) if group])

    def _answer_class(self) -> str:
        lines = [f"\nclass {self.answer}(NamedTuple):", '    """One column per output."""', ""]
        for each in self.spec.outputs:
            if not each.name.isidentifier() or each.name.startswith("_"):
                why = f"output {each.name!r} is no Python name, so no column can be called so"
                raise ComponentError(f"{self.spec.path}:1: {why}")
            lines.append(f"    {each.name}: {self._column(each.name)}")
        return "\n".join(lines)

    def _column(self, output: str) -> str:
        words = self.labels.get(output)
        return f"Annotated[Column, Labels({', '.join(map(_text, words))})]" if words else "Column"

    def _head(self) -> str:
        arguments = [f"{column}: Column" for column in self.columns]
        for each in self.needed:
            assert each.requires is not None
            given = [_text(each.requires.component)]
            given += [f"output={_text(each.requires.output)}"] if each.requires.output else []
            given += [f"{key}={_text(value)}" for key, value in each.requires.parameters.items()]
            arguments.append(f"{each.name}: Annotated[Column, Requires({', '.join(given)})]")
        arguments += ["*"] if self.spec.parameters else []
        arguments += [f"{each.name}: {self._kind(each)} = {_text(each.default)}" for each in self.spec.parameters]
        answer = self.answer if self.several else self._column(self.spec.outputs[0].name)
        line = f"def {self.name}({', '.join(arguments)}) -> {answer}:"
        if len(line) <= 120:
            return f"\n{line}"
        return "\n".join([f"\ndef {self.name}(", *(f"    {each}," for each in arguments), f") -> {answer}:"])

    def _kind(self, each: Parameter) -> str:
        if each.kind == "bool":
            return "bool"
        if each.kind == "str":
            if not each.choices:
                rule = "a native parameter of text has choices; give the metadata `options`"
                raise ComponentError(f"{self.spec.path}:1: parameter {each.name!r} may be any text; {rule}")
            return f"Annotated[str, Choices({', '.join(map(_text, each.choices))})]"
        low = "-math.inf" if each.low is None else repr(each.low)
        high = "math.inf" if each.high is None else repr(each.high)
        return f"Annotated[{each.kind}, Bounds({low}, {high})]"

    def _doc(self) -> str:
        """Return the docstring: what the metadata says, then what the class said, then the parameters."""
        head, said = self._sentence(), _plain(self.carried.doc).strip()
        lines = [f'"""{head}', *(["", said] if said and " ".join(said.split()) not in head else [])]
        if self.spec.parameters:
            lines += ["", "Parameters", "----------"]
        for each in self.spec.parameters:
            lines.append(f"{each.name} : {each.kind}")
            described = _plain(" ".join(each.description.split()))
            lines += [f"    {described}"] if described else []
        return "\n".join([*lines, '"""']) if len(lines) > 1 else f'{lines[0]}"""'

    def _begin(self) -> list[str]:
        """Return the statements that make frames of the columns and ask the carried code."""
        frame, line = ("pd.DataFrame", "pd.Series") if self.form.frames == "plain" else ("OldFrame", "OldSeries")
        if self.columns:
            lines = [f"data = {frame}({{{', '.join(f'{_text(each)}: {each}' for each in self.columns)}}})"]
        else:
            lines = [f"data = {frame}(index=range(len({self.needed[0].name})))"]
        if self.signal:
            known = {each.name for each in self.needed}
            series = [f"{_text(each.name)}: {line}({each.name}, copy=True)" for each in self.needed]
            series += [f"{_text(each)}: data[{_text(each)}]" for each in self.columns if each not in known]
            lines.append(f"indicators = {{{', '.join(series)}}}")
        return [*lines, *self.carried.begin, f"answer = {self.carried.call}"]

    def _given(self, place: int) -> str:
        """Return the expression of one output."""
        name = self.spec.outputs[place].name
        if name in self.silent:
            return "np.full(len(data), np.nan)"
        column = f"answer[{_text('boolean' if self.form.shape == 'boolean' and place == 0 else name)}]"
        column = "answer" if self.form.shape == "series" else column
        if name in self.labels:
            return f"_codes({column}, {', '.join(map(_text, self.labels[name]))})"
        return f"_event({column})" if self.signal and place == 0 else f"_line({column})"

    def _return(self, given: list[str]) -> list[str]:
        if not self.several:
            return [f"return {given[0]}"]
        return [f"return {self.answer}(", *(f"    {each}," for each in given), ")"]


def _is_open(each: Parameter) -> bool:
    return each.kind in ("int", "float") and None in (each.low, each.high)


def _plain(text: str) -> str:
    """Return text that can stand in a docstring."""
    return text.replace('"""', "'''").replace("\\", "/")


def _text(value: object) -> str:
    """Return a Python literal, with double quotes where that is simple."""
    if isinstance(value, str) and "'" not in value and '"' not in value:
        return f'"{repr(value)[1:-1]}"'
    return repr(value)


def _sorted_imports(lines: set[str]) -> tuple[list[str], list[str]]:
    """Return the standard library's imports and the others', those of one module together."""
    whole: list[str] = []
    parts: dict[str, set[str]] = {}
    for line in lines:
        statement = ast.parse(line).body[0]
        if isinstance(statement, ast.ImportFrom):
            parts.setdefault(str(statement.module), set()).update(ast.unparse(alias) for alias in statement.names)
        else:
            whole.append(line)
    merged = [*whole, *(f"from {module} import {', '.join(sorted(names))}" for module, names in parts.items())]
    ordered = sorted(set(merged), key=lambda line: (line.startswith("from"), line))
    standard = [line for line in ordered if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    return standard, [line for line in ordered if line not in standard]


def _spaced(text: str) -> str:
    """Put two empty lines before every definition of the module, one at most elsewhere, and an end of line at the end."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(("def ", "class ", "@")) and not (lines and lines[-1].startswith("@")):
            while lines and not lines[-1].strip():
                lines.pop()
            lines += ["", ""]
        elif not line.strip() and lines and not lines[-1].strip():
            continue
        lines.append(line.rstrip())
    return "\n".join(lines).rstrip() + "\n"
