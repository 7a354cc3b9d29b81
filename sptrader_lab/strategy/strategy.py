"""Strategy: a YAML file, resolved: frozen, typed, hashed."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from sptrader_lab.errors import InputError, Problem, unknown
from sptrader_lab.strategy.parameters import ParameterValue
from sptrader_lab.strategy.schema.account import AccountSection
from sptrader_lab.strategy.schema.instrument import InstrumentFacts
from sptrader_lab.strategy.schema.levels import (
    BreakEven,
    Level,
    OptionalBreakEven,
    OptionalLevel,
    OptionalTargets,
    Target,
)
from sptrader_lab.strategy.schema.orders import Order, Rule, Session
from sptrader_lab.strategy.schema.section import Section, key
from sptrader_lab.strategy.schema.sections import (
    Backtest,
    Commission,
    Dependencies,
    Execution,
    Filters,
    Indicator,
    Live,
    Metrics,
    Risk,
    SignalConfig,
)
from sptrader_lab.strategy.schema.sizes import Size
from sptrader_lab.strategy.schema.values import Text, Whole
from sptrader_lab.strategy.source import Mapped

if TYPE_CHECKING:
    from sptrader_lab.components.library import Library

#: Equity used per entry when a file says nothing about size (reported as a warning).
DEFAULT_SIZE = 0.1


@dataclass(frozen=True)
class Origin:
    """Where a strategy came from: its file, text, tree, overrides, and the library that it was checked against."""

    path: str = "<text>"
    text: str = ""
    warnings: tuple[Problem, ...] = ()
    referenced: tuple[str, ...] = ()
    source: Mapped = field(default_factory=Mapped, repr=False)
    tree: Mapped = field(default_factory=Mapped, repr=False)
    overrides: Mapping[str, object] = field(default_factory=dict)
    library: Library | None = field(default=None, repr=False)
    leverage: tuple[float, str] | None = None  # of the portfolio that it is loaded for, and where that says so

    def __getstate__(self) -> dict[str, Any]:
        """Leave the library behind: its functions belong to this process."""
        return {**self.__dict__, "library": None}


class Entry(Section):
    """When a position is opened, by side; `size` and `order` are of both."""

    long: Rule = None
    short: Rule = None
    size: Size | None = None
    order: Order = Order()


class Exit(Section):
    """When a position is closed, by side, and its levels."""

    long: Rule = None
    short: Rule = None
    stop_loss: OptionalLevel = None
    take_profit: OptionalTargets = None
    trailing_stop: OptionalLevel = None
    break_even: OptionalBreakEven = None
    session: Session | None = None
    max_holding_period: Whole | None = None


class Strategy(Section):
    """A strategy, resolved: every `parameters.NAME` is its value, every shorthand its full form.

    Attributes
    ----------
    parameters : dict
        Named values; sweeping one reaches everything that refers to it.
    referenced_parameters : tuple of str
        Those that anything refers to; only they can be overridden.
    path : str
        The file it came from, or ``<text>``.
    text : str
        The YAML as it was read.
    warnings : tuple of Problem
        What the file says and what has no effect.
    """

    name: Text = key("what results call it")
    type: Text = key("ignored", "strategy")
    version: Text = key("for readers", "", shown="empty")
    author: Text = key("for readers", "", shown="empty")
    description: Text = key("for readers", "", shown="empty")
    dependencies: Dependencies = key("components that must exist", Dependencies())
    parameters: dict[str, ParameterValue] = key("named values; `parameters.NAME` may stand wherever a value may", {})
    indicators: dict[str, Indicator] = key("names for indicators that conditions speak of", {})
    signal_config: dict[str, SignalConfig] = key("how signals are set up", {})
    entry: Entry = key("when positions open, and how much")
    exit: Exit = key("when positions close", Exit())
    risk: Risk = key("limits", Risk())
    execution: Execution = key("how orders fill and what that costs", Execution())
    filters: Filters = key("when an entry is forbidden", Filters())
    account: AccountSection = key("currency, margin and leverage", AccountSection())
    instrument: InstrumentFacts = key("facts that replace those known from the symbol", InstrumentFacts())
    instruments: dict[str, InstrumentFacts] = key("the same for single symbols; wins over `instrument`", {})
    metrics: Metrics = key("what to show first", Metrics())
    backtest: Backtest = key("what a backtest uses when its caller does not say", Backtest())
    live: Live = key("for later modes", Live())

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        """Where it came from, for those who point at lines or build it again."""
        return self._origin

    def placed(self, origin: Origin) -> Strategy:
        """Return this strategy, remembering where it came from; only loading calls this."""
        self._origin = origin
        return self

    @property
    def path(self) -> str:
        """The file it came from, or ``<text>``."""
        return self.origin.path

    @property
    def text(self) -> str:
        """The YAML as it was read."""
        return self.origin.text

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the file says and what has no effect, in the order of the file."""
        return self.origin.warnings

    @property
    def referenced_parameters(self) -> tuple[str, ...]:
        """Names in `parameters` that anything refers to, sorted."""
        return self.origin.referenced

    @property
    def component_folders(self) -> tuple[Path, ...]:
        """The folders of the library it was loaded with, else those around its file; a run scans them afresh."""
        library = self.origin.library
        if library is not None and library.folders:
            return library.folders
        from sptrader_lab.components.library import standard_folders

        return standard_folders(None if self.path == "<text>" else Path(self.path).parent)

    @property
    def stop_loss(self) -> Level | None:
        """The stop loss: `exit` over `risk` over `parameters`."""
        level: Level | None = self._level("stop_loss")
        return level

    @property
    def targets(self) -> tuple[Target, ...]:
        """The profit targets in the order in which they are taken: `exit` over `risk` over `parameters`."""
        targets: tuple[Target, ...] | None = self._level("take_profit")
        return targets or ()

    @property
    def trailing_stop(self) -> Level | None:
        """The trailing stop (S8): `exit` over `risk` over `parameters`."""
        level: Level | None = self._level("trailing_stop")
        return level

    @property
    def break_even(self) -> BreakEven | None:
        """When the stop moves to the entry price, and how far beyond it."""
        return self.exit.break_even

    @property
    def session(self) -> Session | None:
        """The local time at which every position leaves; its zone is that of the filters where it names none."""
        session = self.exit.session
        zone = self.filters.trading_zone
        return session if session is None or session.zone else session.model_copy(update={"zone": zone})

    @property
    def order(self) -> Order:
        """How an entry reaches the market, the same for both sides."""
        return self.entry.order

    @property
    def max_holding_period(self) -> int | None:
        """Bars after which a position is closed, the entry bar counting as 1 (S5)."""
        return self.exit.max_holding_period or self.risk.max_holding_period

    @property
    def size(self) -> Size:
        """The size of an entry: `entry` over `risk` over `parameters`."""
        return self.entry.size or self.risk.position_size or Size(value=DEFAULT_SIZE)

    @property
    def commission(self) -> Commission:
        """The commission: `execution` over `backtest`."""
        return self.execution.commission or self.backtest.commission

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over the resolved content: the same for another layout, other comments, other shorthands."""
        content = json.dumps(self.model_dump(mode="python"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def with_parameters(self, parameters: Mapping[str, object]) -> Strategy:
        """Return this strategy with other values of some parameters.

        Raises
        ------
        InputError
            When a name is not in `parameters`, or nothing refers to it.
        StrategyError
            When a value breaks a rule of the place that refers to it.
        """
        if not parameters:
            return self
        for name in parameters:
            check_override(self, name)
        from sptrader_lab.strategy.load import rebuilt

        return rebuilt(self, parameters)

    def with_values(self, values: Mapping[str, object]) -> Strategy:
        """Return this strategy with other values: parameters by their names, any others by their paths in the file.

        Parameters
        ----------
        values : mapping
            Such as ``{"ma_fast_period": 8, "execution.slippage": 0.0002, "indicators.fast.period": 12}``.

        Raises
        ------
        InputError
            When a name is not in `parameters`, nothing refers to it, or a path leads nowhere.
        StrategyError
            When a value breaks a rule of its place.
        """
        from sptrader_lab.strategy.values import is_path

        chosen = {name.removeprefix("parameters."): value for name, value in values.items()}
        for name in chosen:
            if not is_path(name):
                check_override(self, name)
        from sptrader_lab.strategy.load import rebuilt

        return rebuilt(self, chosen) if chosen else self

    def _level(self, name: str) -> Any:
        given = name in self.exit.model_fields_set  # `stop_loss: false` under exit turns one under risk off
        return getattr(self.exit if given else self.risk, name)

    def __repr__(self) -> str:
        return f"<Strategy {self.name!r} from {self.path}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        sides = " and ".join(side for side in ("long", "short") if getattr(self.entry, side) is not None)
        values = ", ".join(f"{name} = {value}" for name, value in self.parameters.items())
        notes = "".join(f"<li>{html.escape(str(warning))}</li>" for warning in self.warnings)
        described = f"<div>{html.escape(self.description)}</div>" if self.description else ""
        return (
            f"<b>{html.escape(self.name)}</b> ({sides}; {html.escape(self.path)}){described}"
            f"<div>{html.escape(values)}</div>"
            + (f"<ul>{notes}</ul>" if notes else "")
            + f"<details><summary>YAML</summary><pre>{html.escape(self.text)}</pre></details>"
        )


def check_override(strategy: Strategy, name: str) -> None:
    """Refuse to set a parameter that does not exist or that nothing refers to.

    Raises
    ------
    InputError
        With the nearest name, or with what to write so that the parameter has an effect.
    """
    if name in strategy.referenced_parameters:
        return
    place = f"{strategy.path}: strategy {strategy.name!r}"
    if name not in strategy.parameters:
        raise InputError(unknown("parameter", name, strategy.parameters, place))
    used = ", ".join(strategy.referenced_parameters) or "none"
    raise InputError(
        f"{place}: nothing refers to parameter {name!r}, so setting it would change nothing; "
        f"write parameters.{name} where the value is used. Referred to: {used}."
    )
