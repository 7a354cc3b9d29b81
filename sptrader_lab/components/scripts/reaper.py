"""Reaper: nothing that a script has started lives on after it, also not what left its process group."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PATIENCE: Final = 5.0


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends (Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Let the kernel end this process when its parent ends (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def end_all(group: int) -> bool:
    """End a process group and every descendant of this process; return whether none is left.

    Without orphans' adoption (macOS), what left the group is not found.
    """
    _kill_group(group)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if not _reap():
            return True
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _kill_group(group)
        time.sleep(0.001)
    return False


def _kill_group(group: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)


def _reap() -> bool:
    """Collect children that have ended; return whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def descendants(root: int) -> list[int]:
    """Return the processes below `root`, as far as /proc tells."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = entry.read_text(encoding="utf-8", errors="replace")
            parent = int(text[text.rindex(")") + 2 :].split()[1])  # a process may be called anything, also ")"
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = list(children.get(root, []))
    for pid in found:
        found += children.get(pid, [])
    return found
