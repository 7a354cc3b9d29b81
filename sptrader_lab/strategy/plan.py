"""Plan: what a strategy computes, once each, and what it decides from that on every candle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.library import Library
from sptrader_lab.components.run import candle_columns
from sptrader_lab.errors import StrategyError
from sptrader_lab.strategy import told
from sptrader_lab.strategy.bind import Bound, bind
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.compute import Computed, compute, undefined
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.facts import day_end_of, instrument_of
from sptrader_lab.strategy.filters import all_kept_out, blocked, unapplied
from sptrader_lab.strategy.rules import make_rules, make_targets
from sptrader_lab.strategy.session import session_exits
from sptrader_lab.strategy.source import Problems
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.told import telling_outputs
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.decisions import Decisions
from sptrader_lab.types.instruments import Instrument
from sptrader_lab.types.signals import Overlay, SignalEvents

Column = NDArray[np.float64]
#: Candles before a start that are worth reading even for short periods.
_LEAST_WARM_UP: Final = 500


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

        No fewer than a component says it looks back over.

        Of what it began with, ten periods leave 2e-9 in an exponential average, 5e-5 in a Wilder's (RSI, ATR).
        """
        whole = [value for call in self.calls for value in call.parameters.values() if type(value) is int]
        lookback = max((call.spec.lookback for call in self.calls), default=0)
        return max(_LEAST_WARM_UP, 10 * max(whole, default=0), lookback)

    def silence(self, candles: Candles, computed: Computed, decisions: Decisions) -> tuple[str, ...]:
        """Say why nothing was ever entered, if no entry condition held on any candle or filters kept every entry out."""
        wanted = (decisions.entry_long | decisions.entry_short) > 0
        if wanted.any():
            return all_kept_out(self.strategy.filters, candles, decisions.blocked, wanted)
        silent = [
            call.key
            for call in self.calls
            if call.key not in computed.failures
            and any(np.isnan(computed.outputs[call.key][each.name]).all() for each in telling_outputs(call.spec))
        ]
        what = f"no entry condition ever held on {len(candles):,} candles of {candles.symbol}"
        return (f"{what}; undefined on all of them: {', '.join(silent)}" if silent and len(candles) else what,)

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
        return compute(self.calls, candles, on_error)

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
            return undefined(len(candles)) if value is None else evaluator.value(value)

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
        return told.signal_events(self.bound, computed, symbol)

    def overlays(self, computed: Computed) -> tuple[Overlay, ...]:
        """Return the indicators' lines, labelled such as ``sma(10)`` or ``macd(12, 26, 9).signal``."""
        return told.overlays(self.calls, computed)

    def remarks(self, candles: Candles, computed: Computed) -> tuple[str, ...]:
        """Say what failed, what components noted, and which words conditions waited for in vain."""
        return tuple(told.remarks(self.bound, computed, candles))

    def _candle_names(self) -> list[str]:
        """Return the candle columns that anything uses, so that a missing one is noticed before anything runs."""
        made = {call.column(output.name) for call in self.calls for output in call.spec.outputs}
        used = {name for call in self.calls for name in call.inputs} | set(self.bound.columns)
        return sorted(used - made)


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
