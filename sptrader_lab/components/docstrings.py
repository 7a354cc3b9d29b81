"""Docstrings: the summary and the parameters' descriptions out of the NumPy format."""

from __future__ import annotations

import inspect
import re
from typing import Final

_UNDERLINE: Final = re.compile(r"-{3,}\s*")


def summary(doc: str | None) -> str:
    """Return the first paragraph as one line, or ''."""
    return " ".join(inspect.cleandoc(doc or "").split("\n\n")[0].split())


def descriptions(doc: str | None) -> dict[str, str]:
    """Return what the Parameters section says of each name; `fast, slow : int` describes both."""
    lines = inspect.cleandoc(doc or "").splitlines()
    heads = [row for row, line in enumerate(lines[1:]) if _UNDERLINE.fullmatch(line)]
    start = next((row for row in heads if lines[row].strip() in ("Parameters", "Other Parameters")), None)
    if start is None:
        return {}
    stop = next((row for row in heads if row > start), len(lines))
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in lines[start + 2 : stop]:
        if line and not line[0].isspace():
            names = [name.strip() for name in line.split(":")[0].split(",")]
        elif line.strip():
            for name in names:
                found.setdefault(name, []).append(line.strip())
    return {name: " ".join(words) for name, words in found.items()}
