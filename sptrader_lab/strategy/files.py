"""Files: what `load_strategy` is given, read as text, or why it is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sptrader_lab.errors import InputError, Problem, StrategyError, nearest
from sptrader_lab.types.candles import Candles


def opened(source: Any) -> tuple[str, str]:
    """Return the path and the text of a strategy; `<text>` is the path of one that is given as text.

    Raises
    ------
    InputError
        When there is no such file, or something else was given.
    StrategyError
        When the file is not UTF-8.
    """
    if not isinstance(source, (str, Path)):
        raise InputError(_no_strategy(source))
    if isinstance(source, str) and "\n" in source:
        return "<text>", source
    path = Path(source)
    try:
        return str(source), path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(f"byte {error.start} is not UTF-8", "save the file as UTF-8", "", str(source), 1)
        raise StrategyError([problem]) from None
    except (OSError, ValueError) as error:
        raise InputError(f"no strategy file {str(source)!r}: {_reason(path, error)}{_hint(path)}") from None


def _no_strategy(source: Any) -> str:
    given = list(source) if isinstance(source, (list, tuple)) else [source]
    if given and all(isinstance(one, Candles) for one in given):
        return "candles are no strategy; the strategy comes first: backtest(strategy, candles)"
    how = "give a file such as 'strategies/ma_crossover.yaml', or its YAML as a text of several lines"
    shown = " ".join(repr(source).split())
    return f"{type(source).__name__} {shown:.60} is no strategy; {how}"


def _reason(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        # A notebook's working folder is its own, so what a path is relative to is worth a word. Links stay as written.
        return f"looked for {os.path.abspath(path)}."  # noqa: PTH100
    return f"{error.strerror or error}." if isinstance(error, OSError) else f"{error}."


def _hint(path: Path) -> str:
    """Say which file may have been meant: the same in `strategies/`, a folder higher, or one of a like name."""
    if not path.name:
        return ""
    named = [path] if path.suffix in (".yaml", ".yml") else [path, path.with_name(f"{path.name}.yaml")]
    places = [Path()] if path.is_absolute() else [Path(), Path("strategies"), Path(".."), Path("..", "strategies")]
    found = next((near for place in places for file in named if (near := place / file).is_file()), None)
    for folder in [(place / path).parent for place in places] if found is None else []:
        like = nearest(path.name, [item.name for item in folder.glob("*.y*ml")])
        found = found or (folder / like if like else None)
    return f" Did you mean {str(found)!r}?" if found else ""
