"""Unavailable: what a strategy may ask for one day and not yet, recognised so that it is refused with that reason."""

from __future__ import annotations

from typing import Final

from sptrader_lab.strategy.source import Problems

_WALK_FORWARD: Final = "walk-forward analysis from a file"
_TRADING: Final = "paper and live trading"
#: Keys that belong to none of today's sections, by what they ask for.
KEYS: Final[dict[str, str]] = {
    "walk_forward": _WALK_FORWARD,
    **dict.fromkeys(("broker", "paper"), _TRADING),
}


def refuse_key(problems: Problems, line: int, where: str, key: str) -> bool:
    """Note a key that asks for something unavailable; say whether it is one."""
    asked = KEYS.get(key.lower())
    if asked is not None:
        problems.add(line, f"{f'{where}.' if where else ''}{key}", f"not available in this version: {asked}")
    return asked is not None
