"""One way of showing progress: a bar in a notebook or a terminal, nothing where nobody watches or one step does it."""

from __future__ import annotations

import sys
from typing import Any, Self


def bar(total: int, text: str, *, done: int = 0, unit: str = "it") -> Any:
    """Return a tqdm bar to be used in a `with` block; `done` steps are there already."""
    watched = "ipykernel" in sys.modules or sys.stderr.isatty()
    if total < 2 or not watched:
        return _Silent()
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=text, leave=False, initial=done, unit=unit)


class _Silent:
    """A bar that nobody sees, without the time that importing tqdm takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def update(self, count: int = 1) -> None:
        """Do nothing."""

    def set_postfix_str(self, text: str) -> None:
        """Do nothing."""
