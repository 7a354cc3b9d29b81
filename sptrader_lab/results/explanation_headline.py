"""The one sentence of an explanation: what happened at a close, or what kept it from happening."""

from __future__ import annotations

from dataclasses import replace

from sptrader_lab.results.explanation import MARKS, Filled, Ordered, Part, Refused, different, price
from sptrader_lab.results.explanation_text import numbers, place


def headline(part: Part, *, started: bool) -> Part:
    """Return the part with its sentence; before the run's start nothing is decided."""
    if not started:
        return replace(part, headline="before the start of the run: candles here only warm up the indicators")
    left = [
        f"{_side(one)} left at {price(one.price)} ({_words(one.reason)})"
        for one in part.fills
        if one.level == one.level
    ]
    ordered = [_order(one) for one in part.ordered]
    refused = [_refusal(part, one) for one in part.refused if one.decided]
    late = [f"waiting {one.side} entry ended: {one.meaning}" for one in part.refused if not one.decided]
    nothing = [] if ordered or refused else [_nothing(part)]
    return replace(part, headline="; ".join(filter(None, (*left, *late, *ordered, *refused, *nothing))))


def _side(exit: Filled) -> str:
    return "long" if exit.side == "sell" else "short"


def _order(one: Ordered) -> str:
    why = f" ({_words(one.reason)})" if one.action == "exit" else ""
    kind = "" if one.kind == "market" else f" by {one.kind.replace('_', '-')} order at {price(one.price)}"
    verb = "ordered" if one.action == "entry" else "decided"
    return f"{one.side} {one.action} {verb}{kind}{why}: {one.quantity:,.10g} units, {one.outcome}"


def _refusal(part: Part, one: Refused) -> str:
    broken = "" if one.value != one.value else f" ({' of '.join(different(one.value, one.limit))})"
    return f"{_seen(part)}no {one.side} entry: {one.meaning}{broken}"


def _nothing(part: Part) -> str:
    """Say why a close without any decision had none."""
    held = [one.side for one in part.positions if not one.leaving]
    state = "".join(f"{side} position stays" for side in dict.fromkeys(held))
    if part.reasons is None:
        return state or "nothing was decided"
    if not part.reasons.rules:  # signals come from longer candles, and none closes here
        return f"{state or 'nothing'}: {part.reasons.notes[0]}"
    wanted = [f"exit.{side}" for side in dict.fromkeys(held)] or ["entry.long", "entry.short"]
    told = [_denied(name, part) for name in wanted if name in part.reasons.rules]
    if not state and part.waiting:
        state = " and ".join(f"{one.side} {one.kind.replace('_', '-')} entry" for one in part.waiting) + " waits"
    opening = state or (f"{_seen(part)}no entry" if _seen(part) else "nothing")
    if part.positions and not told:
        told = ["no exit rule, only its levels or its age end it"] if held else ["its exit is decided already"]
    return f"{opening}: {'; '.join(told)}" if told else opening


def _denied(name: str, part: Part) -> str:
    """Say which condition keeps a rule from being true."""
    assert part.reasons is not None
    rule = part.reasons.rules[name]
    one = rule.decisive()
    said, where = numbers(one), place(one)
    return f"{name} is {MARKS[rule.truth]}: {one.text}{f' ({said})' if said else ''}{f', {where}' if where else ''}"


def _seen(part: Part) -> str:
    """Say which signals fired, as the beginning of a sentence."""
    said = []
    for one in part.reasons.signals if part.reasons else ():
        labels = [value for value in one.outputs.values() if isinstance(value, str)]
        if one.fired:
            said.append(f"{_words(labels[0])} ({one.name})" if labels else one.name)
    return f"{' and '.join(said)} seen, " if said else ""


def _words(word: str) -> str:
    return "exit rule" if word == "signal" else word.replace("_", " ")
