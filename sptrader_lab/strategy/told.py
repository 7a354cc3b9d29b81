"""Told: what components said, for tables, charts and warnings: events with words for codes, lines, logs, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components import vocabulary
from sptrader_lab.components.spec import Output, Spec, slotted
from sptrader_lab.errors import nearest
from sptrader_lab.strategy.bind import Bound
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.compute import Computed
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.parameters import typed
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.signals import Overlay, SignalEvents

Column = NDArray[np.float64]
#: Bars looked at to decide whether a line lives on the price's scale.
_SAMPLE: Final = 2_000
#: Words listed of those that a component did say.
_MOST_WORDS: Final = 8


def own_outputs(spec: Spec) -> tuple[Output, ...]:
    """Return a component's outputs, of those that can tell several events on a bar the first event's only."""
    return spec.outputs[: len(spec.outputs) // spec.slots]


def telling_outputs(spec: Spec) -> tuple[Output, ...]:
    """Return the outputs that say something on every bar: of what tells events whether there is one."""
    return spec.outputs[:1] if spec.slots > 1 else spec.outputs


def signal_tables(bound: Bound) -> list[tuple[str, Call]]:
    """Return each signal call that conditions use, by its name there, by the component's where it has several."""
    names: dict[str, list[str]] = {}
    calls = {call.key: call for call in bound.signals.values()}
    for name, call in bound.signals.items():
        names.setdefault(call.key, []).append(name)
    named = [(own[0] if len(own) == 1 else calls[key].spec.name, calls[key]) for key, own in names.items()]
    return sorted(named, key=lambda one: (one[0], one[1].key))


def signal_events(bound: Bound, computed: Computed, symbol: int) -> tuple[SignalEvents, ...]:
    """Return where each signal that conditions use fired."""
    return tuple(_events(name, call, computed, symbol) for name, call in signal_tables(bound))


def _events(name: str, call: Call, computed: Computed, symbol: int) -> SignalEvents:
    """Return the events of all slots, in the order of bars and slots."""
    outputs = computed.outputs[call.key]
    own = own_outputs(call.spec)
    fired = [np.flatnonzero(np.abs(outputs[slotted(own[0].name, slot)]) > 0.0) for slot in range(call.spec.slots)]
    order = np.argsort(np.concatenate(fired), kind="stable")
    named: dict[str, NDArray[Any]] = {}
    for output in own:
        parts = [outputs[slotted(output.name, slot)][bars] for slot, bars in enumerate(fired)]
        named[output.name] = _in_words(np.concatenate(parts)[order], output)
    return SignalEvents(0, symbol, name, np.concatenate(fired)[order].astype(np.int64), named)


def shown(value: float, output: Output) -> float | str:
    """Return the word that a label or the vocabulary gives a value, the value itself where there is none."""
    if 0 <= value < len(output.labels):
        return output.labels[int(value)]
    return vocabulary.word(value) or value


def _in_words(values: Column, output: Output) -> NDArray[Any]:
    """Return the word of each code, "" for a code without one; numbers stay numbers where no word stands among them."""
    if not output.labels and not (output.mixed and vocabulary.coded(values).any()):
        return values
    words = (shown(value, output) for value in values.tolist())
    if output.labels:
        return np.array([word if isinstance(word, str) else "" for word in words], dtype=object)
    texts = [word if isinstance(word, str) else "" if np.isnan(word) else f"{word:g}" for word in words]
    return np.array(texts, dtype=object)


def overlays(calls: tuple[Call, ...], computed: Computed) -> tuple[Overlay, ...]:
    """Return the indicators' lines, labelled such as ``sma(10)`` or ``macd(12, 26, 9).signal``; words are not drawn."""
    found: list[Overlay] = []
    labels: set[str] = set()
    for call in calls:
        if call.spec.kind != "indicator" or call.key in computed.failures:
            continue
        short = called(call)
        label = call.key if short in labels else short
        labels.add(short)
        for output in call.spec.outputs:
            line = computed.outputs[call.key][output.name]
            if output.mixed:
                continue
            full = label if len(call.spec.outputs) == 1 else f"{label}.{output.name}"
            found.append(Overlay(full, "price" if _on_price_scale(line, computed.columns["close"]) else label, line))
    return tuple(found)


def called(call: Call) -> str:
    """Return how a chart calls an indicator."""
    values = (f"{value:g}" if isinstance(value, float) else str(value) for value in call.parameters.values())
    return f"{call.spec.name}({', '.join(values)})"


def _on_price_scale(line: Column, close: Column) -> bool:
    """Say whether a line lies where the candles are, judged by up to 2,000 of its values."""
    step = max(1, len(line) // _SAMPLE)
    ratio = line[::step] / close[::step]
    ratio = ratio[~np.isnan(ratio)]
    return bool(len(ratio) and 0.8 < np.median(ratio) < 1.25 and ratio.min() > 0.5)


def remarks(bound: Bound, computed: Computed, candles: Candles) -> Iterator[str]:
    """Say what came of asking the components: what failed, what they noted, words waited for in vain."""
    for key, why in computed.failures.items():
        yield f"{key} failed and is undefined on every bar: {why}"
    for key, answer in computed.answers.items():
        if answer.failed and answer.failed >= len(candles):
            yield f"FAILED ON EVERY CANDLE: {key} gave no answer on any of the {len(candles):,} candles of {candles.symbol}"
        name = key.partition("(")[0]
        yield from (f"{key}: {note.removeprefix(f'{name}: ')}" for note in answer.notes)
    for each in bound.expected:
        columns = [computed.columns[name] for name in each.columns]
        said = {word for column in columns for word in _words(column)}
        if said and each.word not in said:
            near = nearest(each.word, said)
            hint = f" (did you mean {near!r}?)" if near else ""
            listed = ", ".join(sorted(said)[:_MOST_WORDS]) + (", ..." if len(said) > _MOST_WORDS else "")
            yield f"line {each.line}: {each.shown} was never {each.word!r}{hint} on {candles.symbol}; it was: {listed}"
    yield from _words_for_numbers(bound, computed, candles.symbol)
    yield from _either_way(bound, computed, candles)


def _words_for_numbers(bound: Bound, computed: Computed, symbol: str) -> Iterator[str]:
    """Say where a condition compares with a number what a component says as texts that look like numbers."""
    for each in bound.numbers:
        said = {word for name in each.columns for word in _words(computed.columns[name])}
        texts = sorted(word for word in said if not isinstance(typed(word), (str, bool)))
        if texts:
            listed = ", ".join(map(repr, texts[:_MOST_WORDS])) + (", ..." if len(texts) > _MOST_WORDS else "")
            yield (
                f"line {each.line}: {each.shown} is compared with the number {each.word}, which never holds for texts, and on "
                f"{symbol} it was {listed}; let the component give numbers"
            )


def _either_way(bound: Bound, computed: Computed, candles: Candles) -> Iterator[str]:
    """Say where an entry that asks for a signal by its name alone meets values of the other direction."""
    for each in bound.bare:
        values, buys = computed.columns[each.column], each.rule == "entry_long"
        # A flag is positive for either side; a signal that is negative as well tells directions.
        other = values < 0.0 if buys else (values > 0.0) & (values < 0.0).any()
        if not other.any():
            continue
        count = np.count_nonzero(other & Evaluator(computed.columns, len(candles)).holds(bound.rules[each.rule]))
        if count:
            first = bound.signals[each.signal].spec.outputs[0].name
            yield (
                f"line {each.line}: signal {each.signal} is {'negative' if buys else 'positive'} on {count:,} candles of "
                f"{candles.symbol} on which the entry {'buys' if buys else 'sells'}; without outputs either direction counts; "
                f'write outputs: {{{first}: "{">" if buys else "<"} 0"}}'
            )


def _words(column: Column) -> set[str]:
    return {vocabulary.word(value) for value in np.unique(column[vocabulary.coded(column)]).tolist()}


def logs(computed: Computed) -> Mapping[str, str]:
    """Return what components printed, by call key; of those that printed something."""
    return {key: answer.log for key, answer in computed.answers.items() if answer.log}
