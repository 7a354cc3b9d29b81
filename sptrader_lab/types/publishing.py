"""Publishing: whether signals may leave this process for the live stream; in a backtest they may not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

#: Set to 1 in the environment of processes that run components for a backtest, and so of whatever those start.
NO_PUBLISHING: Final = "SPTRADER_NO_PUBLISHING"
_off: ContextVar[bool | None] = ContextVar("publishing_off", default=None)


@contextmanager
def publishing_off() -> Iterator[None]:
    """Keep signals of the components that run inside from the live stream, unless they are run by hand.

    Holds for the thread that enters; threads that a component starts itself don't hear of it.
    """
    token = _off.set(True) if _off.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _off.reset(token)


@contextmanager
def run_by_hand() -> Iterator[None]:
    """Let a component publish what it wants: inside, `publishing_off` has no effect. The environment's word stands."""
    token = _off.set(False)
    try:
        yield
    finally:
        _off.reset(token)


def publishing_is_off() -> bool:
    """Return whether what is published now must not be sent."""
    return os.environ.get(NO_PUBLISHING, "") not in ("", "0") or bool(_off.get())
