"""Strategy: a YAML file, resolved: frozen, typed, hashed."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainSerializer, PrivateAttr

from sptrader_lab.errors import InputError, Problem, unknown
from sptrader_lab.strategy.parameters import ParameterValue
from sptrader_lab.strategy.schema.sections import (
    Backtest,
    Commission,
    Dependencies,
    Execution,
    Filters,
    Indicator,
    InstrumentFacts,
    Level,
    Live,
    Metrics,
    OptionalLevel,
    Risk,
    SignalConfig,
    Size,
)
from sptrader_lab.strategy.schema.values import Section, Text, Whole
from sptrader_lab.strategy.source import Mapped

if TYPE_CHECKING:
    from sptrader_lab.components.library import Library

#: A condition (`tree.Condition`) or None, read before pydantic sees it; it is written out as its canonical text.
Rule = Annotated[Any, PlainSerializer(repr)]

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

    def __getstate__(self) -> dict[str, Any]:
        """Leave the library behind: its functions belong to this process."""
        return {**self.__dict__, "library": None}


class Entry(Section):
    """When a position is opened, by side; `size` is of both."""

    long: Rule = None
    short: Rule = None
    size: Size | None = None


class Exit(Section):
    """When a position is closed, by side, and its levels."""

    long: Rule = None
    short: Rule = None
    stop_loss: OptionalLevel = None
    take_profit: OptionalLevel = None
    trailing_stop: OptionalLevel = None
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

    name: Text
    type: Text = "strategy"
    version: Text = ""
    author: Text = ""
    description: Text = ""
    dependencies: Dependencies = Field(default_factory=Dependencies)
    parameters: dict[str, ParameterValue] = Field(default_factory=dict)
    indicators: dict[str, Indicator] = Field(default_factory=dict)
    signal_config: dict[str, SignalConfig] = Field(default_factory=dict)
    entry: Entry
    exit: Exit = Field(default_factory=Exit)
    risk: Risk = Field(default_factory=Risk)
    execution: Execution = Field(default_factory=Execution)
    filters: Filters = Field(default_factory=Filters)
    metrics: Metrics = Field(default_factory=Metrics)
    backtest: Backtest = Field(default_factory=Backtest)
    live: Live = Field(default_factory=Live)
    instrument: InstrumentFacts = Field(default_factory=InstrumentFacts)

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
        return self._level("stop_loss")

    @property
    def take_profit(self) -> Level | None:
        """The profit target: `exit` over `risk` over `parameters`."""
        return self._level("take_profit")

    @property
    def trailing_stop(self) -> Level | None:
        """The trailing stop (S8): `exit` over `risk` over `parameters`."""
        return self._level("trailing_stop")

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

    def _level(self, name: str) -> Level | None:
        given = name in self.exit.model_fields_set  # `stop_loss: false` under exit turns one under risk off
        level: Level | None = getattr(self.exit if given else self.risk, name)
        return level

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
