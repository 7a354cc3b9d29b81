"""Result: what a run left, as tables, series, numbers and files."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sptrader_lab.errors import RunError, nearest
from sptrader_lab.results import document, faces
from sptrader_lab.results.explanation import Explanation, Reasons
from sptrader_lab.results.headline import Headline
from sptrader_lab.results.metrics import METRICS, Facts, Metrics, compute_metrics
from sptrader_lab.results.notes import ALARM
from sptrader_lab.results.views import Views
from sptrader_lab.types.calendar import DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import Instrument, instrument
from sptrader_lab.types.outcome import Outcome
from sptrader_lab.types.reasons import REASONS
from sptrader_lab.types.signals import Overlay, SignalEvents


@dataclass(frozen=True, eq=False, repr=False)
class Result(Views):
    """What one run left behind; frames and numbers are made when first asked for, then kept.

    Attributes
    ----------
    outcome : Outcome
        The kernel's records and series, as they are.
    candles : tuple of Candles
        One per symbol, in the order in which records name symbols.
    strategies : tuple of str
        Names, in the order in which records name strategies.
    capital : float
        Equity before the first step, in `currency`.
    currency : str
        What money is counted in.
    days_per_year : int
        252, or 365 for what trades every day (S16).
    day_end : DayEnd
        When a trading day ends (S4).
    manifest : mapping
        Every resolved input, JSON-able; `run_id` is its SHA-256.
    sources : mapping of str to str
        File name -> text of the strategy and the components, so that a saved run can be run again.
    signal_events : tuple of SignalEvents
        What the signal components said; `signals` is their table.
    overlays : mapping of str to tuple of Overlay
        Indicator columns worth drawing, by symbol.
    lookahead : str
        What the look-ahead check covered (S2).
    warnings : tuple of str
        What the strategy says without effect, what the candles can't give, which components failed.
    seconds : mapping of str to float
        Time that each part of the run took.
    band : callable or None
        Runs the same under the other intrabar rules and returns the lowest and highest total profit (S7).
    instruments : tuple of Instrument
        One per candles; from the symbols unless given.
    references : tuple of Candles
        What was read besides: longer candles of signals, conversion pairs, finer candles.
    logs : mapping of str to str
        What components printed, by their calls, such as ``ma_crossover(ma_fast=sma(period=10), ...)``; in runs of several
        strategies or symbols with their names before. Of those that printed something.
    explainer : callable or None
        Says what a strategy knew at a close, by the positions of strategy, symbol and bar; keeps the run's columns alive.
    """

    outcome: Outcome
    candles: tuple[Candles, ...]
    strategies: tuple[str, ...]
    capital: float
    currency: str
    days_per_year: int
    day_end: DayEnd
    manifest: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)
    signal_events: tuple[SignalEvents, ...] = ()
    overlays: Mapping[str, tuple[Overlay, ...]] = field(default_factory=dict)
    lookahead: str = ""
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    band: Callable[[], tuple[float, float]] | None = None
    instruments: tuple[Instrument, ...] = ()
    references: tuple[Candles, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    explainer: Callable[[int, int, int], Reasons | None] | None = None

    total_trades = Headline[int]()
    winning_trades = Headline[int]()
    losing_trades = Headline[int]()
    ambiguous_trades = Headline[int]()
    signals_generated = Headline[int]()
    order_decisions = Headline[int]()
    executed_orders = Headline[int]()
    start_capital = Headline[float]()
    end_capital = Headline[float]()
    total_pnl = Headline[float]()
    max_drawdown = Headline[float]()
    sharpe_ratio = Headline[float]()

    def __post_init__(self) -> None:
        known = self.instruments or tuple(instrument(one.symbol) for one in self.candles)
        object.__setattr__(self, "instruments", known)
        object.__setattr__(self, "capital", float(self.capital))
        object.__setattr__(self, "manifest", document.plain(self.manifest))

    # -- what it is

    @property
    def digest(self) -> str:
        """SHA-256 over orders, fills and equity (S18): equal digests mean equal bytes."""
        return self.outcome.digest

    @cached_property
    def span(self) -> tuple[int, int]:
        """Opening instants of the first and the last candle that the steps close, ns UTC; zeros without steps."""
        if not len(self.outcome.time):
            return 0, 0
        last = int(self.outcome.time[-1])
        ends = [(one, int(np.searchsorted(one.close_time, last, side="right"))) for one in self.candles]
        starts = zip(self.candles, self._first_bars, strict=True)
        first = min((int(one.time[bar]) for one, bar in starts if bar < len(one)), default=0)
        return first, max((int(one.time[end - 1]) for one, end in ends if end), default=0)

    @cached_property
    def run_id(self) -> str:
        """SHA-256 of the manifest; the first 12 characters are enough to find a saved run."""
        text = json.dumps(self.manifest, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    # -- numbers

    @cached_property
    def metrics(self) -> Metrics:
        """Every metric by name (`results.metrics.METRICS` holds units and meanings); undefined is NaN.

        `profit_band_low` and `profit_band_high` are there once they are asked for, see `profit_band`.
        """
        facts = Facts(
            capital=self.capital,
            start=self.span[0],
            days_per_year=self.days_per_year,
            day_end=self.day_end,
            multipliers=tuple(one.multiplier for one in self.instruments),
            signals=sum(len(events.bars) for events in self.signal_events),
            buy_and_hold=self._buy_and_hold(),
        )
        return compute_metrics(self.outcome, facts, self.band)

    @property
    def profit_band(self) -> tuple[float, float]:
        """Lowest and highest total profit of the runs worst, best and default (S7).

        Where what came first inside a bar has never mattered the three are one, so nothing is run. Otherwise the first use
        runs them.

        Raises
        ------
        RunError
            When the runs can't be made here, which says what can.
        """
        if not self.profit_band_known:
            raise RunError(f"the profit band of run {self.run_id[:12]} was not kept; run it again to get it")
        return float(self.metrics["profit_band_low"]), float(self.metrics["profit_band_high"])

    @property
    def profit_band_known(self) -> bool:
        """Whether `profit_band` is there, or can be made."""
        return not self.outcome.path_mattered or self.band is not None

    @cached_property
    def refusal_counts(self) -> dict[str, int]:
        """Refused entries by reason, the most frequent first."""
        counts = Counter(self.outcome.refusals["reason"].tolist())
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return {REASONS[code]: count for code, count in ordered}

    @property
    def final_portfolio(self) -> dict[str, Any]:
        """The account at the end: cash, total_value, positions, daily_pnl, total_pnl, total_financing, max_drawdown.

        `daily_pnl` is the change of equity since the previous trading day's end.
        """
        return document.portfolio(self)

    @property
    def completed_trades(self) -> list[dict[str, Any]]:
        """Closed trades as JSON-able dicts, times in ISO-8601; `trades` is the table."""
        return document.rows(self.trades)

    def explain(
        self,
        time: object = None,
        *,
        order: int | None = None,
        trade: int | None = None,
        strategy: str | None = None,
        symbol: str | None = None,
    ) -> Explanation:
        """Say why each order at a close happened and why each signal led to none.

        Parameters
        ----------
        time : instant
            The close of a candle, or an instant inside it; text without a zone is UTC.
        order, trade : int
            Instead of a time: the number of an order, for the close it was decided at; or of a trade, for those of its entry
            and its exits.
        strategy, symbol : str, optional
            Only these; all of them unless given.

        Returns
        -------
        Explanation
            A part per strategy and symbol. Of a saved run it tells only what the records say.

        Raises
        ------
        InputError
            When no candle holds the instant (with the nearest one), or there is no such order, trade or name.
        """
        from sptrader_lab.results.explain import explain

        return explain(self, time, order=order, trade=trade, strategy=strategy, symbol=symbol)

    # -- out of Python

    def describe(self) -> str:
        """Return a text summary: headline metrics, and what a reader must know beside them."""
        return document.describe(self)

    def to_dict(self) -> dict[str, Any]:
        """Return metrics, trades, warnings and identity as JSON-able data; undefined numbers are None."""
        return document.to_dict(self)

    def to_csv(self, folder: str | Path) -> Path:
        """Write trades, orders, fills, cashflows, attribution, equity and metrics as CSV; floats read back exactly."""
        return document.to_csv(self, folder)

    def save(self, folder: str | Path = "data/runs") -> str:
        """Keep this run in `folder` and return its run id; saving it twice changes nothing."""
        from sptrader_lab.results.saved import save

        return save(self, folder)

    # -- faces

    def plot(self, **options: Any) -> Any:
        """Return the run's chart: candles, indicators, trades, equity and drawdown."""
        return faces.face("plot")(self, **options)

    def report(self, path: str | Path, **options: Any) -> Path:
        """Write a self-contained HTML report that opens offline, and return its path."""
        faces.face("report")(self, path, **options)
        return Path(path)

    def _repr_mimebundle_(self, **kinds: Any) -> Any:
        show = faces.registered("show")
        shown = show(self) if show else None
        if shown is None or isinstance(shown, Mapping):
            return shown or {}
        return shown._repr_mimebundle_(**kinds)

    def _repr_html_(self) -> str:
        return document.to_html(self)

    def __repr__(self) -> str:
        trades, change = self.total_trades, document.number("total_return", self.metrics["total_return"])
        doubt = f" {ALARM}" if any(text.startswith(ALARM) for text in self.warnings) else ""
        return f"<Result{doubt} {document.title(self)}: {trades} trades, {change}>"

    if not TYPE_CHECKING:  # a type checker must go on refusing unknown names

        def __getattr__(self, name: str) -> Any:
            """Name the attribute that a misspelt one may have meant."""
            if name in dir(type(self)):
                return object.__getattribute__(self, name)  # it is there and failed: let its own error out
            near = "" if name.startswith("_") else nearest(name, [*dir(type(self)), *METRICS])
            instead = f"metrics[{near!r}]" if near in METRICS and near not in dir(type(self)) else near
            raise AttributeError(f"a Result has no {name!r}" + (f"; did you mean {instead}?" if near else ""))

    # -- within

    @cached_property
    def _first_bars(self) -> tuple[int, ...]:
        """The bar of each candles that the first step closes, or the next one after it; warm-up lies before."""
        first = int(self.outcome.time[0]) if len(self.outcome.time) else 0
        return tuple(int(np.searchsorted(one.close_time, first)) for one in self.candles)

    def _buy_and_hold(self) -> float:
        if len(set(self.symbols)) != 1 or not len(self.outcome.time):
            return math.nan
        candles, bar = self.candles[0], self._first_bars[0]
        if bar >= len(candles):
            return math.nan
        held = math.prod(
            ratio for time, ratio in self.instruments[0].splits if candles.time[bar] < time <= candles.time[-1]
        )
        return float(held * candles.close[-1] / candles.open[bar]) - 1.0
