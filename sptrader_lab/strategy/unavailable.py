"""Unavailable: what a strategy may ask for one day and not yet, recognised so that it is refused with that reason."""

from __future__ import annotations

from typing import Final

from sptrader_lab.strategy.source import Problems

_ENTRIES: Final = "limit and stop entries"
_MARGIN: Final = "margin accounts"
_SPREADS: Final = "spreads"
_SWAPS: Final = "swaps"
_CONVERSION: Final = "currency conversion"
_SWEEPS: Final = "parameter sweeps"
_TRADING: Final = "paper and live trading"
#: Keys that belong to none of today's sections, by what they ask for.
KEYS: Final[dict[str, str]] = {
    **dict.fromkeys(("limit", "limit_price", "limit_offset", "stop", "stop_price", "stop_offset"), _ENTRIES),
    **dict.fromkeys(("order_type", "time_in_force", "pending_orders"), _ENTRIES),
    **dict.fromkeys(("account", "account_type", "leverage", "margin", "margin_call"), _MARGIN),
    **dict.fromkeys(("initial_margin", "maintenance_margin", "stop_out"), _MARGIN),
    **dict.fromkeys(("spread", "spreads", "bid_ask"), _SPREADS),
    **dict.fromkeys(("swap", "swaps", "swap_long", "swap_short", "financing", "rollover"), _SWAPS),
    **dict.fromkeys(("currency", "account_currency", "base_currency", "conversion"), _CONVERSION),
    **dict.fromkeys(("sweep", "walk_forward"), _SWEEPS),
    **dict.fromkeys(("broker", "paper"), _TRADING),
}
#: Sections where such a key is a slip: `stop` for `stop_loss`, `spread` for `max_spread_bps`.
_PLAIN: Final = ("exit", "signal_exit", "risk", "filters")
#: Values that a key of today does not take yet, by what they ask for.
ORDER_TYPES: Final = dict.fromkeys(("limit", "stop", "stop_limit"), _ENTRIES)
INTRABAR_MODES: Final = {"finer": "looking inside bars with finer candles"}


def rule(asked: str) -> str:
    """Return the reason for which something is refused."""
    return f"not available in this version: {asked}"


def refuse_key(problems: Problems, line: int, where: str, key: str) -> bool:
    """Note a key that asks for something unavailable; say whether it is one."""
    asked = KEYS.get(key.lower())
    if asked in (_ENTRIES, _SPREADS) and where.split(".", maxsplit=1)[0] in _PLAIN:
        return False
    if asked is not None:
        problems.add(line, f"{f'{where}.' if where else ''}{key}", rule(asked))
    return asked is not None
