"""Traded: on which candles the orders of a run fill, one series per symbol, all of them on one clock (S13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sptrader_lab.backtesting.admission import as_candles
from sptrader_lab.backtesting.facts import stated_day_end
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.shelf import beside
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.errors import CandleError, InputError, MissingCandles
from sptrader_lab.types.calendar import DayEnd, timeframe
from sptrader_lab.types.candles import Candles

#: What a caller may say about the candles that are traded: candles, or their timeframe.
TradeOn = Candles | Sequence[Candles] | str | None


def choose_traded(
    members: Sequence[Member], trade_on: TradeOn, store: CandleStore | None
) -> tuple[tuple[Member, ...], tuple[Candles, ...]]:
    """Return the members and the candles that are traded, all with the day ends that the strategies say.

    Per symbol: the candles or timeframe that the caller gives, else the timeframe that the member asks for, else the finest
    of its signal candles. Where they would overlap in part, a store lends the finest timeframe of all for every symbol.

    Raises
    ------
    InputError, CandleError
        When candles contradict each other, are longer than those of the signals, or don't share one clock.
    """
    ends = {symbol: stated_day_end(members, symbol) for symbol in _symbols(members)}

    def dated(one: Candles) -> Candles:
        end = ends[one.symbol]
        return one if end is None or end == one.day_end else _redated(one, end)

    members = tuple(replace(member, candles=tuple(map(dated, member.candles))) for member in members)
    own = {symbol: _own(members, symbol) for symbol in ends}
    given = _given(trade_on, own)
    text = trade_on if isinstance(trade_on, str) else ""
    chosen = {symbol: _chosen(members, symbol, mine, given, text, store) for symbol, mine in own.items()}
    chosen = {symbol: dated(one) for symbol, one in chosen.items()}
    if store is not None and len({one.timeframe for one in chosen.values()}) > 1 and _torn(list(chosen.values())):
        frame = min((one.period for one in chosen.values()), key=lambda period: period.ns).text
        chosen = {symbol: dated(_of_frame(own[symbol], one, frame, store)) for symbol, one in chosen.items()}
    for symbol, one in chosen.items():
        _check_signals(own[symbol], one)
    check_clock(list(chosen.values()))
    return members, tuple(chosen.values())


def _redated(candles: Candles, end: DayEnd) -> Candles:
    """Return the candles with another day end; refuse one by which a candle would close before it is over (S1, S2)."""
    found = replace(candles, day_end=end)
    early = np.flatnonzero(found.close_time < candles.close_time)
    if len(early):
        when = str(candles.time[early[:1]].view("datetime64[ns]")[0])[:16]
        raise CandleError(
            f"{candles.symbol}: with days that end at {end}, {len(early):,} {candles.timeframe} candles made for days that end at "
            f"{candles.day_end} would count as closed before they are, the first opened at {when} UTC; leave instrument.day_end "
            f"as it is, use shorter candles, or give candles made for that day end (S4)"
        )
    return found


def check_clock(candles: Sequence[Candles]) -> None:
    """Refuse candles that overlap in part: one would be decided before the other, of the same instant, is known (S2, S13).

    Raises
    ------
    CandleError
        With the first overlap, and the way out.
    """
    torn = _torn(candles)
    if not torn:
        return
    count, earlier, later = torn
    first, second = (str(np.datetime64(instant, "ns"))[:19] for instant in (earlier, later))
    frames = sorted({one.timeframe for one in candles}, key=lambda text: timeframe(text).ns)
    way_out = f"; resample all symbols to one grid, or trade all of them on {frames[0]} candles: "
    way_out += f"trade_on={frames[0]!r} with store=CandleStore('data'), or trade_on=[candles, ...] (S13)"
    raise CandleError(
        f"{count} candles begin before the one that opened earlier is closed, the first at {second} UTC inside the "
        f"{_holder(candles, earlier)} candle of {first} UTC"
        + (way_out if len(frames) > 1 else "; resample all symbols to one grid")
    )


def _torn(candles: Sequence[Candles]) -> tuple[int, int, int] | None:
    """Return how many candles overlap an earlier one in part, and the opening instants of the first such two."""
    opens, closes = candles[0].time, candles[0].close_time
    if len(candles) > 1:
        opens = np.concatenate([one.time for one in candles])
        closes = np.concatenate([one.close_time for one in candles])
        order = np.lexsort((-closes, opens))
        opens, closes = opens[order], closes[order]
    wrong = np.flatnonzero(opens[1:] < closes[:-1])
    together = (opens[wrong + 1] == opens[wrong]) & (closes[wrong + 1] == closes[wrong])
    wrong = wrong[~together]
    return (len(wrong), int(opens[wrong[0]]), int(opens[wrong[0] + 1])) if len(wrong) else None


def _holder(candles: Sequence[Candles], opened: int) -> str:
    held = [one for one in candles if opened in one.time]
    return max(held, key=lambda one: one.period.ns).timeframe


def _symbols(members: Sequence[Member]) -> list[str]:
    return list(dict.fromkeys(one.symbol for member in members for one in member.candles))


def _own(members: Sequence[Member], symbol: str) -> list[Candles]:
    """Return the signal candles of a symbol, one per timeframe, the finest first.

    Raises
    ------
    InputError
        When two strategies bring different candles of one timeframe.
    """
    found: dict[str, tuple[Candles, str]] = {}
    for member in members:
        for one in member.candles:
            if one.symbol != symbol:
                continue
            before, by = found.setdefault(one.timeframe, (one, member.name))
            if before is not one and before.fingerprint != one.fingerprint:
                raise InputError(
                    f"{by} and {member.name} bring different {symbol} {one.timeframe} candles: {before!r} and {one!r}; "
                    "give both the same ones"
                )
    return sorted((one for one, _ in found.values()), key=lambda one: one.period.ns)


def _given(trade_on: TradeOn, own: Mapping[str, list[Candles]]) -> dict[str, Candles]:
    """Return the traded candles that the caller gives, by symbol."""
    if trade_on is None or isinstance(trade_on, str):
        return {}
    found: dict[str, Candles] = {}
    for one in as_candles(trade_on):
        if one.symbol not in own:
            raise InputError(f"trade_on has candles of {one.symbol}, and no strategy has; there are: {', '.join(own)}")
        if one.symbol in found:
            raise InputError(f"trade_on has two candles of {one.symbol}; give one")
        found[one.symbol] = one
    return found


def _chosen(
    members: Sequence[Member],
    symbol: str,
    own: list[Candles],
    given: Mapping[str, Candles],
    text: str,
    store: CandleStore | None,
) -> Candles:
    if symbol in given:
        return given[symbol]
    asked = {member.trade_on for member in members if any(one.symbol == symbol for one in member.candles)} - {""}
    frames = [timeframe(text)] if text else [timeframe(word) for word in asked]
    if not frames:
        return own[0]
    finest = min(frames, key=lambda frame: frame.ns)
    for member in members:
        for one in member.candles:
            if one.symbol == symbol and member.trade_on and timeframe(member.trade_on).ns > one.period.ns:
                raise InputError(
                    f"{member.name} is to trade {symbol} on {member.trade_on} candles, longer than the {one.timeframe} candles of "
                    "its signals; orders fill on candles that are at most as long (S13)"
                )
    return own[0] if not text and own[0].period.ns <= finest.ns else _of_frame(own, own[0], finest.text, store)


def _of_frame(own: list[Candles], like: Candles, frame: str, store: CandleStore | None) -> Candles:
    """Return candles of a timeframe: the symbol's own, else the store's over the same time."""
    found = next((one for one in [*own, like] if one.timeframe == frame), None)
    if found is not None:
        return found
    if store is None:
        raise InputError(
            f"{like.symbol} is to be traded on {frame} candles, which have to come from somewhere: store=CandleStore('data'), "
            "or candles in place of their timeframe"
        )
    if not len(like):
        return replace(like, timeframe=frame)
    try:
        return beside(store, own, frame)
    except MissingCandles as error:
        raise MissingCandles(f"{like.symbol} can't be traded on {frame} candles: {error}") from None


def _check_signals(own: list[Candles], traded: Candles) -> None:
    """Refuse signals from shorter candles, or of another kind of price, than those that are traded."""
    for one in own:
        if one.period.ns < traded.period.ns:
            raise InputError(
                f"{one.symbol} is to be traded on {traded.timeframe} candles, longer than the {one.timeframe} candles of its "
                "signals; orders fill on candles that are at most as long (S13)"
            )
        if one.price != traded.price:
            raise InputError(
                f"the {one.symbol} {one.timeframe} candles are {one.price} prices and those that are traded {traded.price} prices; "
                "one run reads one kind (S9)"
            )
        if one.timeframe == traded.timeframe and one is not traded and one.fingerprint != traded.fingerprint:
            raise InputError(
                f"{one.symbol} is to be traded on other {traded.timeframe} candles than its signals come from: {traded!r} and "
                f"{one!r}; give the same ones"
            )
