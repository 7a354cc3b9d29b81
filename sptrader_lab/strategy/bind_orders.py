"""Bind orders: the level of an entry order as a value over columns, for each side that enters."""

from __future__ import annotations

from sptrader_lab.strategy.bind_conditions import bind_value
from sptrader_lab.strategy.bind_signals import SignalBinder
from sptrader_lab.strategy.binder import Binder
from sptrader_lab.strategy.schema.levels import Level
from sptrader_lab.strategy.tree import Arithmetic, Name, Number, Value

_CLOSE = Name("close")
_SIGNS = {"long": 1, "short": -1}


def bind_prices(binder: Binder, signals: SignalBinder) -> dict[str, Value]:
    """Return the level of each side that enters, by ``long_price``, ``short_price``, ``long_limit``, ``short_limit``.

    Nothing for market orders. Each is known at the close of its bar (S2): it is made of columns that are.
    """
    strategy, order = binder.strategy, binder.strategy.order
    found: dict[str, Value] = {}
    for side, sign in _SIGNS.items():
        if order.type == "market" or getattr(strategy.entry, side) is None:
            continue
        level: Value | None = None
        if order.offset is not None:
            # A limit waits on the favourable side of the close, a stop on the other.
            away = -sign if order.type == "limit" else sign
            level = _beyond(_CLOSE, away, order.offset, binder, "offset")
        elif order.price is not None and getattr(order.price, side) is not None:
            level = bind_value(getattr(order.price, side), binder, signals)
        if level is None:  # a problem already
            continue
        found[f"{side}_price"] = level
        if order.type == "stop_limit":
            limit = level
            if order.limit_offset is not None:
                limit = _beyond(level, sign, order.limit_offset, binder, "limit_offset") or level
            found[f"{side}_limit"] = limit
    return found


def _beyond(base: Value, sign: int, level: Level, binder: Binder, key: str) -> Value | None:
    """Return `base` moved by a level: a fraction of itself, a distance, or multiples of the ATR."""
    if base == _CLOSE:
        binder.used.add("close")
    distance: Value = Number(level.value)
    if level.type == "percentage":
        distance = Arithmetic("*", (distance, base))
    elif level.type == "atr":
        line = binder.line("entry", "order", key)
        column = binder.atr(level.period, line)
        if column is None:
            return None
        binder.used.add(column)
        distance = Arithmetic("*", (distance, Name(column)))
    return Arithmetic("+" if sign > 0 else "-", (base, distance))
