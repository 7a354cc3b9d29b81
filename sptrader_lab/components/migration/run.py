"""Migrate: one file of the older system as a native component, tried and compared before anyone relies on it."""

from __future__ import annotations

import re
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sptrader_lab.components import native, reading
from sptrader_lab.components.exam import Exam, exam_candles, examine
from sptrader_lab.components.legacy.classes import ClassFunction
from sptrader_lab.components.library import Library, scan, standard_folders
from sptrader_lab.components.migration.carry import Carried, carry
from sptrader_lab.components.migration.compare import FAILS, Compared, answers, compare, settings
from sptrader_lab.components.migration.write import Form, Heard, write
from sptrader_lab.components.spec import Spec
from sptrader_lab.components.vocabulary import coded, word
from sptrader_lab.errors import ComponentError, InputError


@dataclass(frozen=True)
class Migration:
    """A native form of a component of the older system.

    Attributes
    ----------
    text : str
        The file.
    compared : Compared
        On how many candles and settings of its parameters both gave the same bits.
    exam : Exam
        What the native form answers to `components check`.
    notes : tuple of str
        What a reader should look at.
    """

    name: str
    text: str
    compared: Compared
    exam: Exam
    notes: tuple[str, ...]


def migrate(path: Path, name: str = "") -> Migration:
    """Turn a class of the older system into a native component that gives the same bits.

    Parameters
    ----------
    name : str, optional
        What it is called afterwards; the file's name unless given.

    Raises
    ------
    ComponentError
        When it can't be done, with every place and reason; or when the outcome gives other bits, with the first difference.
    InputError
        When there is no such file, or the name can't be one.
    """
    path = path.resolve()
    if not path.is_file():
        raise InputError(f"no component file {str(path)!r}")
    name = name or path.stem
    if not name.isidentifier() or name.startswith("_"):
        raise InputError(
            f"{name!r} can't name a component; choose another name with --output components/{_near(name)}.py"
        )
    spec = reading.read(path)
    _check_style(spec)
    library = scan(*standard_folders(path))
    columns = ("open", "high", "low", "close", "volume")
    taken = [*(each.name for each in spec.inputs if each.name != "time"), *(each.name for each in spec.parameters)]
    function = spec.function
    assert isinstance(function, ClassFunction)
    carried = carry(path, function.own.__name__, function.method, name, [*columns, *taken])
    heard = _heard(spec, carried, library)
    tried: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for place, form in enumerate(_forms(spec)):
            text = write(spec, carried, name, heard, form)
            file = Path(folder) / str(place) / f"{spec.kind}s" / f"{name}.py"
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            new = native.load(file)
            compared = compare(spec, new, library)
            if not compared.difference:
                exam = examine(new, exam_candles(), library=library)
                return Migration(name, text, compared, exam, _notes(spec, carried, heard, form))
            tried.append(compared.difference)
    # A form that raises is the wrong one for this class; one that answers shows what differs.
    told = next((each for each in tried if FAILS not in each), tried[0]).replace(folder, "")
    raise ComponentError(f"{path}: the native form gives other bits, so nothing was written: {told}")


def _near(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower()).strip("_") or "component"


def _check_style(spec: Spec) -> None:
    why = {
        "native": "is native already",
        "talib": "is TA-Lib's",
        "script": "is a script, a process of its own that is told one candle at a time; it runs as it is",
        "events": "lists events by their time, and a native component is not told the time; it runs as it is",
    }
    if spec.style in why:
        raise ComponentError(
            f"{spec.path}:1: {spec.name} {why[spec.style]}. Only classes with calculate or evaluate are migrated"
        )


def _forms(spec: Spec) -> Iterator[Form]:
    """Yield the forms that the file may take, the plainest first."""
    shapes: list[Literal["frame", "boolean", "series"]] = ["frame"]
    shapes += ["boolean"] if spec.kind == "signal" else []
    shapes += ["series"] if spec.kind == "signal" or len(spec.outputs) == 1 else []
    frames: tuple[Literal["plain", "old"], ...] = ("plain", "old")
    return (Form(shape, kind) for kind in frames for shape in shapes)


def _heard(spec: Spec, carried: Carried, library: Library) -> Heard:
    """Return the words of every output that holds words, and the outputs that are undefined everywhere."""
    words: dict[str, set[str]] = {}
    silent = {output.name for output in spec.outputs}
    for seen in (each for candles in answers(spec, library, settings(spec)) for each in candles if not each.failed):
        for output, column in zip(spec.outputs, seen.columns, strict=True):
            silent -= set() if np.isnan(column).all() else {output.name}
            where = coded(column)
            if where.any() and not (where | np.isnan(column)).all():
                why = f"output {output.name!r} holds words and numbers; a native one holds either"
                raise ComponentError(f"{spec.path}:1: {why}")
            if where.any():
                words.setdefault(output.name, set()).update(map(word, np.unique(column[where]).tolist()))
    labels = {name: _in_order(heard, carried.words if len(words) == 1 else ()) for name, heard in words.items()}
    return Heard(labels, frozenset(silent))


def _in_order(heard: set[str], written: tuple[str, ...]) -> tuple[str, ...]:
    """Return labels: first the word that says that nothing happened, then those of the file, then others heard."""
    ordered = [*written, *sorted(heard - set(written))]
    nothing = next((each for each in ordered if each.lower() in ("none", "neutral", "no_signal")), "none")
    return nothing, *(each for each in ordered if each != nothing)


def _notes(spec: Spec, carried: Carried, heard: Heard, form: Form) -> tuple[str, ...]:
    notes = [f"not carried over: {each}" for each in carried.left_out]
    notes += [
        f"{each.name} has no bounds in the metadata; give it some in place of math.inf"
        for each in spec.parameters
        if each.kind in ("int", "float") and None in (each.low, each.high)
    ]
    notes += [f"{name}: {words[0]!r} also where there was no word" for name, words in heard.labels.items()]
    notes += [f"{name} is declared and was never given; it is undefined everywhere" for name in sorted(heard.silent)]
    if form.frames == "old":
        notes.append("it counts on habits of pandas before 3; OldFrame and OldSeries keep them")
    lost = _comments(Path(spec.path))
    notes += [f"comments were not carried over (line{'s' * (len(lost) > 1)} {_listed(lost)})"] if lost else []
    return tuple(notes)


def _comments(path: Path) -> list[int]:
    """Return the lines that hold a comment which says something to a reader."""
    with path.open("rb") as file:
        found = [each for each in tokenize.tokenize(file.readline) if each.type == tokenize.COMMENT]
    return [each.start[0] for each in found if not re.match(r"#!|#.*coding[:=]|#\s*(noqa|type:)", each.string)]


def _listed(lines: list[int]) -> str:
    more = f" and {len(lines) - 8} more" if len(lines) > 8 else ""
    return ", ".join(map(str, lines[:8])) + more
