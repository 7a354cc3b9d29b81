"""Facts: an instrument as its symbol tells and the file says, the file over the symbol."""

from __future__ import annotations

from typing import Any, Final

from sptrader_lab.errors import InputError
from sptrader_lab.strategy.schema.instrument import InstrumentFacts
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.calendar import DayEnd, parse_day_end
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import Instrument, at_venue, instrument, plain

_PLAIN: Final = ("quote", "pip", "step", "minimum", "multiplier", "tick", "every_day", "spread")


def instrument_of(strategy: Strategy, symbol: str) -> Instrument:
    """Return the facts about one symbol: `instruments` over `instrument` over `execution.spread` over what its name tells.

    Raises
    ------
    InputError
        When kind, quote or venue don't fit the symbol, or a swap is counted in pips and nothing says what a pip is.
    """
    layers = _layers(strategy, symbol)
    kinds = [layer.kind for layer in layers if layer.kind is not None]
    found = instrument(symbol, kinds[-1] if kinds else "")
    if strategy.execution.spread is not None:
        found = found._replace(spread=strategy.execution.spread)
    for layer in layers:
        if layer.venue is not None:
            found = at_venue(found, layer.venue)
        if layer.quote not in (None, found.quote) and found.kind == "pair":
            raise InputError(
                f"{symbol}: quote {layer.quote} of a currency pair whose name says {found.quote}; leave quote out, or give the "
                "shares theirs under instruments"
            )
        found = found._replace(**_fields(layer))
    swapped = found.swap_unit == "pips" and (found.swap_long or found.swap_short)
    if swapped and found.kind != "pair" and all(layer.pip is None for layer in layers):
        raise InputError(f"{symbol}: a swap in pips without a pip; say instrument.pip, or write unit: yearly")
    return found


def day_end_of(strategy: Strategy, symbol: str) -> DayEnd | None:
    """Return when the file says that the symbol's trading day ends, None where it does not (S4)."""
    said = [layer.day_end for layer in _layers(strategy, symbol) if layer.day_end is not None]
    return parse_day_end(said[-1]) if said else None


def _layers(strategy: Strategy, symbol: str) -> list[InstrumentFacts]:
    """Return what the file says about a symbol; the later wins."""
    own = [given for name, given in strategy.instruments.items() if plain(name) == plain(symbol)]
    return [strategy.instrument, *own]


def _fields(given: InstrumentFacts) -> dict[str, Any]:
    """Return what a section says, by field of `types.instruments.Instrument`."""
    found = {name: getattr(given, name) for name in _PLAIN if getattr(given, name) is not None}
    if given.day_end is not None:
        found["day_end"] = parse_day_end(given.day_end)
    if given.swap is not None:
        found |= {"swap_long": given.swap.long, "swap_short": given.swap.short, "swap_unit": given.swap.unit}
    if given.triple_day is not None:
        found["triple_day"] = None if given.triple_day < 0 else given.triple_day
    if given.splits:
        found["splits"] = tuple(sorted((parse_time(each.date), each.ratio) for each in given.splits))
    if given.dividends:
        found["dividends"] = tuple(sorted((parse_time(each.date), each.amount) for each in given.dividends))
    return found
