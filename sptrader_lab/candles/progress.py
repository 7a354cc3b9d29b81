"""One way of showing progress: a bar in a notebook or a terminal, nothing where nobody watches or one step does it."""

from __future__ import annotations

import sys
from typing import Any


def bar(total: int, text: str) -> Any:
    """Return a tqdm bar to be used in a `with` block."""
    from tqdm.auto import tqdm

    watched = "ipykernel" in sys.modules or sys.stderr.isatty()
    return tqdm(total=total, desc=text, disable=total < 2 or not watched, leave=False)
