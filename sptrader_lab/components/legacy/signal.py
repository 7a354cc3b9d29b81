"""Signal: the base class that old signal files import as `core.base.signal.Signal`."""

from __future__ import annotations


class Signal:
    """Marks a class as a signal and asks nothing of it; its `evaluate` makes it one."""
