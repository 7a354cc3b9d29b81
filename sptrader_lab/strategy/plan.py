"""Plan: what a strategy computes, once each, and what it decides from that on every candle."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.library import Library
from sptrader_lab.components.run import candle_columns, run
from sptrader_lab.errors import ComponentFailed, StrategyError
from sptrader_lab.strategy.bind import Bound, bind
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.facts import day_end_of, instrument_of
from sptrader_lab.strategy.filters import blocked, unapplied
from sptrader_lab.strategy.rules import make_rules, make_targets
from sptrader_lab.strategy.session import session_exits
from sptrader_lab.strategy.source import Problems
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instruments import Instrument
from sptrader_lab.types.signals import Overlay, SignalEvents

Column = NDArray[np.float64]
#: Bars looked at to decide whether a line lives on the price's scale.
_SAMPLE: Final = 2_000
#: Candles before a start that are worth reading even for short periods.
_LEAST_WARM_UP: Final = 500


@dataclass(frozen=True, eq=False)
class Computed:
    """What the components of one plan gave for some candles.

    Attributes
    ----------
    outputs : dict
        Array by output name, by call key; float64, one value per candle.
    seconds : dict
        Time spent, by call key.
    failures : dict
        What went wrong, by call key; such a call's outputs are NaN everywhere.
    columns : mapping
        The same arrays beside the candles' own, by the name that conditions use.
    """

    outputs: dict[str, dict[str, Column]]
    seconds: dict[str, float]
    failures: dict[str, str]
    columns: Mapping[str, Column]


@dataclass(frozen=True, eq=False)
class Plan:
    """A strategy bound to its components.

    Attributes
    ----------
    strategy : Strategy
    calls : tuple of Call
        Each distinct (component, parameters, inputs), after everything it depends on.
    rules : numpy.recarray, shape (1,)
        Layout `types.records.RULES`.
    targets : numpy.recarray, shape (targets,) or (0,)
        Layout `types.records.TARGET`; empty where the rules say the one target, or there is none.
    """

    strategy: Strategy
    calls: tuple[Call, ...]
    rules: np.recarray[Any, Any]
    targets: np.recarray[Any, Any]
    bound: Bound

    def day_end(self, symbol: str) -> DayEnd | None:
        """Return when the symbol's trading day ends, if the file says so (S4)."""
        return day_end_of(self.strategy, symbol)

    def instrument(self, symbol: str) -> Instrument:
        """Return the facts about one symbol: what its name tells, and over that what the file says.

        Raises
        ------
        InputError
            When what the file says does not fit the symbol.
        """
        return instrument_of(self.strategy, symbol)

    def notes(self, candles: Candles) -> tuple[str, ...]:
        """Say what the file asks for and what these candles can't give."""
        return unapplied(self.strategy.filters, candles)

    @property
    def warm_up(self) -> int:
        """How many candles before its start a run should be given: ten times the longest period, at least 500.

        Of what it began with, ten periods leave 2e-9 in an exponential average, 5e-5 in a Wilder's (RSI, ATR).
        """
        whole = [value for call in self.calls for value in call.parameters.values() if type(value) is int]
        return max(_LEAST_WARM_UP, 10 * max(whole, default=0))

    def silence(self, candles: Candles, computed: Computed, decisions: Decisions) -> tuple[str, ...]:
        """Say why nothing was ever entered, if no entry condition held on any candle."""
        if decisions.entry_long.any() or decisions.entry_short.any():
            return ()
        undefined = [
            call.key
            for call in self.calls
            if call.key not in computed.failures
            and any(np.isnan(column).all() for column in computed.outputs[call.key].values())
        ]
        what = f"no entry condition ever held on {len(candles):,} candles of {candles.symbol}"
        return (f"{what}; undefined on all of them: {', '.join(undefined)}" if undefined and len(candles) else what,)

    def compute(self, candles: Candles, on_error: Literal["raise", "continue"] = "raise") -> Computed:
        """Run every call once.

        Parameters
        ----------
        on_error : {"raise", "continue"}
            With ``continue`` a component that fails is recorded and undefined everywhere, and so is what needs it.

        Raises
        ------
        ComponentFailed
            With the component's own traceback.
        InputError
            When a component or condition wants a column that these candles lack.
        """
        base = candle_columns(candles)
        for name in self._candle_names():
            base[name]
        made: dict[str, Column] = {}
        computed = Computed({}, {}, {}, _Columns(base, made))
        for call in self.calls:
            started = time.perf_counter()
            failed = next((name for name in call.inputs if self._owner(name) in computed.failures), None)
            arrays = tuple(_undefined(len(candles)) for _ in call.spec.outputs)
            try:
                if failed is None:
                    arrays = run(call.spec, [computed.columns[name] for name in call.inputs], call.parameters)
                else:
                    computed.failures[call.key] = f"its input {failed} failed"
            except ComponentFailed as error:
                if on_error == "raise":
                    raise
                computed.failures[call.key] = str(error)
            named = {output.name: array for output, array in zip(call.spec.outputs, arrays, strict=True)}
            computed.outputs[call.key] = named
            made.update({call.column(name): array for name, array in named.items()})
            computed.seconds[call.key] = time.perf_counter() - started
        return computed

    def decide(self, candles: Candles, computed: Computed) -> Decisions:
        """Return what the rules say at every close (S2, S22)."""
        evaluator = Evaluator(computed.columns, len(candles))

        def flags(name: str) -> NDArray[np.uint8]:
            rule = self.bound.rules.get(name)
            return np.zeros(len(candles), np.uint8) if rule is None else evaluator.holds(rule).view(np.uint8)

        def atr(name: str) -> Column:
            column = self.bound.distances.get(name)
            return np.empty(0) if column is None else computed.columns[column]

        def level(name: str) -> Column:
            if not self.bound.prices or (name.endswith("limit") and self.strategy.order.type != "stop_limit"):
                return np.empty(0)
            value = self.bound.prices.get(name)  # a side that never enters has no level
            return _undefined(len(candles)) if value is None else evaluator.value(value)

        return Decisions(
            flags("entry_long"),
            flags("entry_short"),
            flags("exit_long"),
            flags("exit_short"),
            blocked(self.strategy.filters, candles),
            atr("stop"),
            atr("target"),
            atr("trail"),
            atr("size"),
            atr("even"),
            level("long_price"),
            level("short_price"),
            level("long_limit"),
            level("short_limit"),
            self.session_exit(candles),
        )

    def session_exit(self, candles: Candles) -> NDArray[np.uint8]:
        """Return 1 where the clock closes every position, by the candles that are traded; empty for never (S4)."""
        session = self.strategy.session
        return np.empty(0, np.uint8) if session is None else session_exits(session, candles)

    def signals(self, computed: Computed, symbol: int = 0) -> tuple[SignalEvents, ...]:
        """Return where the signals that conditions use fired on the run's symbol number `symbol`, by name."""
        return tuple(_events(name, call, computed, symbol) for name, call in sorted(self.bound.signals.items()))

    def overlays(self, computed: Computed) -> tuple[Overlay, ...]:
        """Return the indicators' lines, labelled such as ``sma(10)`` or ``macd(12, 26, 9).signal``."""
        found: list[Overlay] = []
        labels: set[str] = set()
        for call in self.calls:
            if call.spec.kind != "indicator" or call.key in computed.failures:
                continue
            lines = computed.outputs[call.key]
            short = f"{call.spec.name}({', '.join(_shown(value) for value in call.parameters.values())})"
            label = call.key if short in labels else short
            labels.add(short)
            for name, line in lines.items():
                full = label if len(lines) == 1 else f"{label}.{name}"
                found.append(
                    Overlay(full, "price" if _on_price_scale(line, computed.columns["close"]) else label, line)
                )
        return tuple(found)

    def _candle_names(self) -> list[str]:
        """Return the candle columns that anything uses, so that a missing one is noticed before anything runs."""
        made = {call.column(output.name) for call in self.calls for output in call.spec.outputs}
        used = {name for call in self.calls for name in call.inputs} | set(self.bound.columns)
        return sorted(used - made)

    def _owner(self, column: str) -> str:
        """Return the key of the call that makes a column, the column itself when it is a candle's."""
        owners = (call.key for call in self.calls for output in call.spec.outputs if call.column(output.name) == column)
        return next(owners, column)


def make_plan(strategy: Strategy, library: Library) -> Plan:
    """Bind a strategy to the components of a library.

    Raises
    ------
    StrategyError
        When a component, parameter, output or label that the strategy names does not exist there.
    """
    problems = Problems(strategy.path)
    bound = bind(strategy, library, strategy.origin.tree, problems)
    if problems:
        raise StrategyError(problems.ordered())
    return Plan(strategy, bound.calls, make_rules(strategy), make_targets(strategy), bound)


class _Columns(Mapping[str, Column]):
    """Candle columns and computed ones as one mapping."""

    def __init__(self, base: Mapping[str, Column], made: Mapping[str, Column]) -> None:
        self.base = base
        self.made = made

    def __getitem__(self, name: str) -> Column:
        return self.made[name] if name in self.made else self.base[name]

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self.base), **dict.fromkeys(self.made)})

    def __len__(self) -> int:
        return len(self.base) + len(self.made)


def _events(name: str, call: Call, computed: Computed, symbol: int) -> SignalEvents:
    outputs = computed.outputs[call.key]
    event = outputs[call.spec.outputs[0].name]
    bars = np.flatnonzero(np.abs(event) > 0.0).astype(np.int64)
    named: dict[str, NDArray[Any]] = {}
    for output in call.spec.outputs:
        values = outputs[output.name][bars]
        named[output.name] = _labelled(values, output.labels) if output.labels else values
    return SignalEvents(0, symbol, name, bars, named)


def _labelled(codes: Column, labels: tuple[str, ...]) -> NDArray[Any]:
    """Return the word of each code; '' for a code without one."""
    words = np.array([*labels, ""], dtype=object)
    known = (codes >= 0) & (codes < len(labels))
    return words[np.where(known, codes, len(labels)).astype(np.int64)]


def _undefined(bars: int) -> Column:
    column = np.full(bars, np.nan)
    column.flags.writeable = False
    return column


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _on_price_scale(line: Column, close: Column) -> bool:
    """Say whether a line lies where the candles are, judged by up to 2,000 of its values."""
    step = max(1, len(line) // _SAMPLE)
    ratio = line[::step] / close[::step]
    ratio = ratio[~np.isnan(ratio)]
    return bool(len(ratio) and 0.8 < np.median(ratio) < 1.25 and ratio.min() > 0.5)
