"""Files: which of a workspace's files are components, strategies, data, or none of them; nothing is run."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sptrader_lab.components.library import KIND_FOLDERS, component_files
from sptrader_lab.errors import InputError
from sptrader_lab.strategy.portfolio import is_portfolio
from sptrader_lab.strategy.source import Mapped, Problems, read

_SKIPPED: Final = ("__pycache__", "node_modules", "venv", "env", "site-packages")
#: What folders of the laboratory's own store of candles begin with.
_STORED: Final = "symbol="
#: Keys of which a strategy has at least one.
_STRATEGY_KEYS: Final = ("entry", "exit", "signal_config", "dependencies", "indicators")
_TABLES: Final = (".csv", ".txt", ".tsv", ".parquet", ".pq", ".gz", ".zip", ".xlsx", ".xls", ".feather", ".h5")
#: Endings of files that run code when they are opened.
PICKLES: Final = (".pkl", ".pickle", ".joblib")
#: Words that only a script component, or one of the older system, has in its text.
_COMPONENT_WORDS: Final = ("CANDLE_DATA", "INDICATOR_START", "SIGNAL_START", "__metadata__")


@dataclass(frozen=True)
class Found:
    """A workspace's files by what they are, each list in order; `left_alone` says why by path from the workspace."""

    folder: Path
    components: tuple[Path, ...]
    strategies: tuple[Path, ...]
    portfolios: tuple[Path, ...]
    data: tuple[Path, ...]
    left_alone: dict[str, str]


def find(folder: Path) -> Found:
    """Sort the files of a workspace.

    Raises
    ------
    InputError
        When there is no such folder, or nothing in it that a workspace has.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}")
    everything = sorted(_walk(folder))
    inside = [
        path for root in ("components", "core") if (folder / root).is_dir() for path in _components(folder / root)
    ]
    components = tuple(path for path in inside if not _is_test(path))
    strategies: list[Path] = []
    portfolios: list[Path] = []
    data: list[Path] = []
    left_alone: dict[str, str] = {}
    for path in everything:
        ending = path.suffix.lower()
        if path in components:
            continue
        if ending in (".yaml", ".yml"):
            kind = _yaml_kind(path)
            {"strategy": strategies, "portfolio": portfolios}.get(kind, []).append(path)
            if not kind:
                left_alone[_shown(path, folder)] = f"no strategy: none of {', '.join(_STRATEGY_KEYS)} stands in it"
        elif ending in (*_TABLES, *PICKLES):
            data.append(path)
        elif ending == ".py":
            left_alone[_shown(path, folder)] = _why_left(path, folder, inside)
        elif ending != ".pyc":
            left_alone[_shown(path, folder)] = f"nothing that the laboratory reads ({path.suffix or 'no ending'})"
    if not (components or strategies or portfolios):
        raise InputError(_nothing(folder))
    return Found(folder, components, tuple(strategies), tuple(portfolios), tuple(data), left_alone)


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", _STORED)) and name not in _SKIPPED]
        yield from (Path(place) / name for name in names if not name.startswith("."))


def _components(root: Path) -> list[Path]:
    """Return what a library would read; a `core` without a folder of indicators or signals is somebody else's."""
    named = root.name == "components" or any((root / kind).is_dir() for kind in KIND_FOLDERS)
    return list(component_files(root)) if named else []


def _is_test(path: Path) -> bool:
    """Say whether a file only tests others: it defines tests, and has nothing of a component."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if not (path.stem.startswith("test_") or path.stem.endswith("_test")) or any(
        word in text for word in _COMPONENT_WORDS
    ):
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    takes_columns = any(
        isinstance(node, ast.FunctionDef) and node.name == path.stem and node.args.args for node in functions
    )
    return not takes_columns and any(node.name.lower().startswith("test") for node in functions)


def _why_left(path: Path, folder: Path, inside: list[Path]) -> str:
    if path.name == "__init__.py":
        return "makes a folder a package"
    if path in inside or path.stem.startswith("test_") or "tests" in path.relative_to(folder).parts[:-1]:
        return "a test"
    if any(part.startswith("_") for part in path.relative_to(folder).parts):
        return "its name begins with _"
    if path.relative_to(folder).parts[0] in ("core", "components"):
        return "a module that components may import; neither below indicators/ nor below signals/"
    return "not below components/ or core/"


def _yaml_kind(path: Path) -> str:
    if is_portfolio(path):
        return "portfolio"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return "strategy"  # whoever loads it says what is wrong
    problems = Problems(str(path))
    tree = read(text, problems)
    if isinstance(tree, Mapped):
        return "strategy" if any(key in tree for key in _STRATEGY_KEYS) else ""
    return "strategy" if problems and "strategies" in path.parts else ""


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _nothing(folder: Path) -> str:
    rule = "a workspace holds components/ or core/ (with indicators/ and signals/ in it), or strategies as YAML"
    if folder.name in ("core", "components", "strategies", *KIND_FOLDERS):
        return f"nothing to check in {str(folder)!r}: {rule}. Did you mean {str(folder.parent)!r}?"
    inner = [path.parent for name in ("core", "components") for path in sorted(folder.glob(f"*/{name}"))]
    hint = f" Did you mean {str(inner[0])!r}?" if inner else ""
    return f"nothing to check in {str(folder)!r}: {rule}.{hint}"
