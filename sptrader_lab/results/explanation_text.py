"""An explanation in words: what text and HTML share, and the text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sptrader_lab.results.explanation import (
    MARKS,
    Explanation,
    Filled,
    Held,
    Ordered,
    Part,
    Refused,
    Sizing,
    clock,
    different,
    price,
    shown,
)

if TYPE_CHECKING:
    from sptrader_lab.results.explanation import InForce, Limit
    from sptrader_lab.strategy.explain import Judged, Seen

_WIDTH = 10


def to_text(explanation: Explanation) -> str:
    """Return the explanation as readable text."""
    lines = list(explanation.notes)
    for part in explanation.parts:
        lines += [*([""] if lines else []), part.title, f"  {part.headline}", ""]
        for label, words in facts(part):
            lines += [f"  {label if not number else '':{_WIDTH}}  {line}" for number, line in enumerate(words)]
        for name, rule in part.reasons.rules.items() if part.reasons else ():
            lines += ["", f"  {name} is {MARKS[rule.truth]}", *_tree(rule, 2)]
    return "\n".join(lines)


def facts(part: Part) -> Iterator[tuple[str, list[str]]]:
    """Yield what surrounds the rules: a label, and lines about it."""
    known = part.reasons
    yield "candle", ["  ".join(f"{name} {price(value)}" for name, value in part.candle.items())]
    yield "position", [held_words(one, known.levels if known else ()) for one in part.positions] or ["flat"]
    rows = [
        ("waiting", [ordered_words(one) for one in part.waiting]),
        ("in the bar", [filled_words(one) for one in part.fills]),
        ("ordered", [ordered_words(one) for one in part.ordered]),
        ("refused", [refused_words(one) for one in part.refused]),
    ]
    if known:
        readings = [f"{one.text} {shown(one.now)} (one bar before {shown(one.before)})" for one in known.indicators]
        filters = [
            f"{one.name} {one.asked}: {one.found}, {'open' if one.passed else 'CLOSED'}" for one in known.filters
        ]
        rows += [
            ("sizing", [line for one in known.sizings for line in sizing_words(one)]),
            ("note", list(known.notes)),
            ("read on", [known.signal_candle] if known.signal_candle else []),
            ("signals", [seen_words(one) for one in known.signals]),
            ("indicators", readings),
            ("filters", filters),
            ("limits", [limit_words(one) for one in known.limits]),
        ]
    yield from (row for row in rows if row[1])


def held_words(one: Held, moving: tuple[InForce, ...] = ()) -> str:
    """Say what is held: side, quantity, since when, levels."""
    own = ((level.kind, level.price) for level in moving if level.trade == one.trade)
    levels = "".join(
        f", {name} {price(value)}"
        for name, value in (("stop", one.stop), ("target", one.target), *own)
        if not math.isnan(value)
    )
    leaving = f", exit decided ({one.leaving})" if one.leaving else ""
    return f"{one.side} {one.quantity:,.10g} since {clock(one.since)} at {price(one.price)}{levels}{leaving} (trade {one.trade})"


def ordered_words(one: Ordered) -> str:
    """Say what was ordered and what became of it."""
    kind = "" if one.kind == "market" else f" {one.kind.replace('_', '-')} at {price(one.price)}"
    why = f" ({one.reason})" if one.action == "exit" else ""
    return f"{one.side} {one.action} of {one.quantity:,.10g}{kind}{why}, decided {clock(one.time)}: {one.outcome} (order {one.order})"


def refused_words(one: Refused) -> str:
    """Say why an entry was not made, with the number that broke the limit."""
    numbers = "" if math.isnan(one.value) else f" ({', limit '.join(different(one.value, one.limit))})"
    what = "entry" if one.decided else "entry that was waiting"
    return f"{one.side} {what}: {one.meaning}{numbers} [{one.reason}]"


def filled_words(one: Filled) -> str:
    """Say what filled, at which price, and what that cost."""
    level = "" if math.isnan(one.level) else f" at its level {price(one.level)}"
    why = f" ({one.reason}{level})" if one.action == "exit" else ""
    costs = f"slippage {one.slippage:,.2f}, commission {one.commission:,.2f}"
    return f"{one.action}{why}: {one.side} {one.quantity:,.10g} at {price(one.price)}; {costs} (order {one.order})"


def seen_words(one: Seen) -> str:
    """Say what a signal said."""
    said = ", ".join(f"{name} {shown(value)}" for name, value in one.outputs.items())
    return f"{one.name} {'fires' if one.fired else 'is silent'}: {said}"


def sizing_words(one: Sizing) -> list[str]:
    """Say step by step how a quantity came about."""
    share = f", {one.allocation:g} of the account's" if one.allocation < 1.0 else ""
    steps = [f"{one.side}: {one.asked_by} asks for {one.asked:,.2f}, with equity at {one.equity:,.2f}{share}"]
    if math.isfinite(one.limit):
        steps.append(f"position_limit allows {one.limit:,.2f}")
    lever = f"leverage {one.leverage:g}, " if one.leverage != 1.0 else ""
    kept = f"{lever}{one.committed:,.2f} committed, {one.cash_buffer:.3g} cash buffer, {one.costs:.3g} costs"
    whose = "the money left of its allocation" if one.own else "the money left"
    steps.append(f"{whose} ({kept}) pays for {one.affordable:,.10g} units")
    rate = f"at {price(one.price)} x rate {one.rate:.8g}, " if one.rate != 1.0 else ""
    least = f", at least {one.minimum:,.10g}" if one.minimum else ""
    return [*steps, f"{rate}in steps of {one.step:g}{least}: {one.quantity:,.10g} units"]


def limit_words(one: Limit) -> str:
    """Say how near a limit is."""
    since = f"; trading stopped since {clock(one.since)}" if one.since else ""
    if one.unit == "money":
        return f"{one.name} {one.now:,.2f}, called at {one.allowed:,.2f}{since}"
    if one.unit == "count":
        return f"{one.name} {one.now:.0f} of {one.allowed:.0f} allowed"
    if one.unit == "multiple":
        return f"{one.name} {one.now:.3g} of {one.allowed:g} times equity allowed"
    if one.unit == "correlation":
        return f"{one.name} {one.now:.3f}, refused from {one.allowed:g}"
    allowed = f" of {100 * one.allowed:.4g} % allowed" if math.isfinite(one.allowed) else ", no limit"
    return f"{one.name} {100 * one.now:.2f} %{allowed}{since}"


def numbers(judged: Judged) -> str:
    """Return the numbers on both sides of a condition, and one bar before for a crossing; "" for a group."""
    texts = different(*(reading.now for reading in judged.readings))
    named = zip(judged.readings, texts, strict=True)
    said = ", ".join(f"{reading.text} {text}" for reading, text in named if reading.text != text)  # 30 is 30
    if judged.readings and judged.readings[0].before is not None:
        before = different(*(reading.before for reading in judged.readings if reading.before is not None))
        said += f"; one bar before {', '.join(before)}"
    return "; ".join(filter(None, (said, judged.note)))


def place(judged: Judged) -> str:
    """Return where in the file a condition stands."""
    return f"line {judged.line}" if judged.line else ""


def _tree(judged: Judged, depth: int) -> list[str]:
    said = numbers(judged)
    where = f"  [{place(judged)}]" if judged.line and not judged.parts else ""
    line = f"{'  ' * depth}{MARKS[judged.truth]:9}  {judged.text}{': ' + said if said else ''}{where}"
    return [line, *(inner for part in judged.parts for inner in _tree(part, depth + 1))]
