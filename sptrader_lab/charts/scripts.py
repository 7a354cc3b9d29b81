"""The small pieces of JavaScript, CSS and HTML that charts carry along, each in a file of its own under `web/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "web"


@cache
def script(name: str) -> str:
    """Return the text of `web/<name>.js`."""
    return web(f"{name}.js")


@cache
def web(name: str) -> str:
    """Return the text of `web/<name>`."""
    return (_FOLDER / name).read_text(encoding="utf-8")
