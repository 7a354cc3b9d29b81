"""Source: YAML text as a tree whose scalars keep their text and their line.

PyYAML's own loader reads `1:30` as 90 and `on:` as True, and lets a duplicate key win in silence. Here nodes are
composed only: every scalar stays the text that stands in the file and is converted later, by the type declared for its
place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias

import yaml

from sptrader_lab.errors import Problem, nearest

#: More than any strategy needs; an alias bomb reaches it at once.
MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 50
MAX_TEXT: Final = 200_000
_STANDARD: Final = "tag:yaml.org,2002:"
_MERGE: Final = "tag:yaml.org,2002:merge"
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


class Scalar(str):
    """A scalar's text, the line it stands on, and the `parameters.NAME` it came from, if any."""

    __slots__ = ("line", "origin")
    line: int
    origin: str

    def __new__(cls, text: str, line: int = 0, origin: str = "") -> Self:
        """Make a scalar; text first, as `str` does."""
        scalar = super().__new__(cls, text)
        scalar.line = line
        scalar.origin = origin
        return scalar

    def __getnewargs__(self) -> tuple[str, int, str]:  # type: ignore[override]
        return str(self), self.line, self.origin

    def __repr__(self) -> str:
        """Show the value as an error does, with the parameter that gave it."""
        return f"{str(self)!r}" + (f" (from {self.origin})" if self.origin else "")


class Listed(list[Any]):
    """A sequence and its line."""

    line: int = 0


class Mapped(dict[str, Any]):
    """A mapping, its line, and the line of each key."""

    line: int = 0

    def __init__(self, *args: Any, line: int = 0) -> None:
        super().__init__(*args)
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int:
        """Return the line of `key`, of the mapping itself when it has none."""
        return self.lines.get(key, self.line)

    def put(self, key: str, value: Any, line: int) -> None:
        """Set `key` as if it stood on `line`."""
        self[key] = value
        self.lines[key] = line


Node: TypeAlias = "Scalar | Listed | Mapped | None"


@dataclass
class Problems:
    """Everything wrong in one file, collected; sorted by line when asked for."""

    file: str
    found: list[Problem] = field(default_factory=list)

    def add(self, line: int, what: str, rule: str = "", near: str = "") -> None:
        """Note one problem, once."""
        problem = Problem(what, rule, near, self.file, line)
        if problem not in self.found:
            self.found.append(problem)

    def unknown(self, line: int, kind: str, word: str, choices: Any, rule: str = "") -> None:
        """Note that `word` is no known `kind`, with what is known and the nearest of it."""
        known = sorted(choices)
        listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        self.add(line, f"unknown {kind} {str(word)!r}", rule or f"known: {listed or 'none'}", nearest(word, known))

    def ordered(self) -> tuple[Problem, ...]:
        """Return them in the order of the file."""
        return tuple(sorted(self.found, key=lambda problem: problem.line))

    def __bool__(self) -> bool:
        return bool(self.found)


def read(text: str, problems: Problems) -> Node:
    """Return the tree of one YAML document; what is wrong goes to `problems`.

    A tree comes back whenever the text can be read at all, so that later checks find their problems in the same pass.
    """
    if len(text) > MAX_TEXT:
        problems.add(1, f"the file has {len(text):,} characters", f"a strategy has at most {MAX_TEXT:,}")
        return None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        problems.add(mark.line + 1 if mark else 1, f"not valid YAML: {error.problem}{context}", _hint(text, mark))
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.add(
            line, f"not valid YAML: U+{_code(error.character):04X}", "only printable characters may stand here"
        )
        return None
    except RecursionError:
        problems.add(1, "not valid YAML: nested too deep", f"a strategy nests at most {MAX_DEPTH} deep")
        return None
    except (ValueError, OverflowError) as error:
        problems.add(1, f"not valid YAML: {str(error).splitlines()[0]}")
        return None
    if root is None:
        problems.add(1, "the file is empty", "a strategy needs at least a name and an entry")
        return None
    try:
        return _Converter(problems).convert(root, 0)
    except _TooLargeError as error:
        problems.add(error.line, str(error), "aliases may not refer to themselves or multiply without end")
        return None


class _TooLargeError(Exception):
    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class _Converter:
    """Turns composed nodes into a tree; an alias is expanded where it stands, within limits."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.count = 0

    def convert(self, node: yaml.Node, depth: int) -> Node:
        line = node.start_mark.line + 1
        self.count += 1
        if self.count > MAX_NODES:
            raise _TooLargeError(line, f"more than {MAX_NODES:,} values once aliases are expanded")
        if depth > MAX_DEPTH:
            raise _TooLargeError(line, f"nested more than {MAX_DEPTH} deep")
        if not node.tag.startswith(_STANDARD) or node.tag.startswith(_STANDARD + "python"):
            self.problems.add(line, f"tag {node.tag!r}", "a strategy holds plain values only; tags are not allowed")
        if isinstance(node, yaml.ScalarNode):
            return None if node.style is None and node.value in _NULLS else Scalar(node.value, line)
        if isinstance(node, yaml.SequenceNode):
            listed = Listed(self.convert(item, depth + 1) for item in node.value)
            listed.line = line
            return listed
        return self._mapping(node, depth)

    def _mapping(self, node: yaml.Node, depth: int) -> Mapped:
        mapped = Mapped(line=node.start_mark.line + 1)
        merged: list[Mapped] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == _MERGE:
                merged += self._merged(value, depth, line)
            elif not isinstance(key, yaml.ScalarNode):
                self.problems.add(line, "a key is itself a list or a mapping", "a key is one word")
            elif key.value in mapped:
                first = mapped.line_of(key.value)
                self.problems.add(line, f"key {key.value!r} stands twice", f"it was already given on line {first}")
            else:
                mapped.put(key.value, self.convert(value, depth + 1), line)
        for other in merged:  # what stands in the mapping itself wins, then the first merged
            for name, value in other.items():
                if name not in mapped:
                    mapped.put(name, value, other.line_of(name))
        return mapped

    def _merged(self, value: yaml.Node, depth: int, line: int) -> list[Mapped]:
        items = value.value if isinstance(value, yaml.SequenceNode) else [value]
        converted = [self.convert(item, depth + 1) for item in items]
        if not all(isinstance(item, Mapped) for item in converted):
            self.problems.add(line, "'<<' merges something that is not a mapping", "write <<: *anchor of a mapping")
        return [item for item in converted if isinstance(item, Mapped)]


def line_at(tree: Node, path: tuple[int | str, ...]) -> int:
    """Return the line of what stands at `path`, of the deepest part that exists when it doesn't."""
    line, node = getattr(tree, "line", 1), tree
    for step in path:
        if isinstance(node, Mapped) and step in node:
            line, node = node.line_of(str(step)), node[str(step)]
            if isinstance(node, Scalar):
                line = node.line or line
        elif isinstance(node, Listed) and isinstance(step, int) and step < len(node):
            node = node[step]
            line = getattr(node, "line", line)
        else:
            break
    return line or 1


def node_at(tree: Node, path: tuple[int | str, ...]) -> Any:
    """Return what stands at `path`, None where nothing does."""
    node: Any = tree
    for step in path:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def line_of(node: Any, default: int = 1) -> int:
    """Return the line of a node; `default` for nothing at all."""
    return getattr(node, "line", 0) or default


def _code(character: int | str | bytes) -> int:
    return character if isinstance(character, int) else ord(character)


def _hint(text: str, mark: Any) -> str:
    if mark is None:
        return ""
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column : mark.column + 1] == "\t":
        return "indent with spaces, never with tabs"
    if line.count("'") % 2 or line.count('"') % 2 or mark.line >= len(lines):
        return "look for a quote or bracket that was not closed"
    return "look at the indentation, the quotes and the brackets on and above this line"
