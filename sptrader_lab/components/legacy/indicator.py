"""Indicator: the base class that old indicator files import as `core.base.indicator.Indicator`."""

from __future__ import annotations


class Indicator:
    """Marks a class as an indicator and asks nothing of it; its `calculate` makes it one."""
