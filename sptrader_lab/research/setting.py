"""Setting: what every combination of a sweep has in common: strategy, candles, account; live, and as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.backtesting.admission import as_candles
from sptrader_lab.backtesting.manifest import make_manifest
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.shelf import beside
from sptrader_lab.backtesting.traded import TradeOn
from sptrader_lab.backtesting.world import find_world
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.components.library import scan
from sptrader_lab.errors import InputError, LabError
from sptrader_lab.kernel.summary import BLOCK_SUMS, BLOCKS, SUMMARY
from sptrader_lab.research.engine import Engine
from sptrader_lab.research.grid import CHOOSING, Combinations, strategy_values
from sptrader_lab.research.levels import Levels
from sptrader_lab.results import kept
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.candles import Candles

#: What a sweep over symbols or timeframes runs on when neither candles nor the strategy say.
_TIMEFRAME: Final = "1h"


class Choice(NamedTuple):
    """Which candles a combination asks for; "" where its grid does not say."""

    symbol: str = ""
    timeframe: str = ""


@dataclass(frozen=True, eq=False)
class Setting:
    """What every combination of a sweep has in common.

    Attributes
    ----------
    strategy : Strategy
    worlds : mapping of Choice to tuple of Candles
        What each choice of symbol and timeframe runs on; one choice of neither where the grid names none.
    capital, start, trade_on, store
        As in `lab.backtest`.
    """

    strategy: Strategy
    worlds: Mapping[Choice, tuple[Candles, ...]]
    capital: float | None = None
    start: int | None = None
    trade_on: TradeOn = None
    store: CandleStore | None = None
    _engines: dict[Choice, Engine] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def prepare(self, combinations: Combinations) -> None:
        """Let every engine know all that it will be asked to run, so that what they share is found out once."""
        numbers: dict[Choice, NDArray[np.int64] | None] = {Choice(): None}
        if any(name in CHOOSING for name in combinations.names):
            columns = combinations.columns(np.arange(len(combinations)))
            empty = np.full(len(combinations), "")
            symbol, frame = (columns.get(name, empty).astype(str) for name in CHOOSING)
            numbers = {
                each: np.flatnonzero((symbol == each.symbol) & (frame == each.timeframe)) for each in self.worlds
            }
        for choice, mine in numbers.items():
            self._engine(choice).prepare(_Only(combinations, mine))

    def engine(self, combination: Mapping[str, object]) -> Engine:
        """Return what runs this combination, made when it is first asked for; threads share it."""
        return self._engine(choice_of(combination))

    def _engine(self, choice: Choice) -> Engine:
        with self._lock:
            if choice not in self._engines:
                self._engines[choice] = Engine(
                    self.strategy,
                    self.worlds[choice],
                    capital=self.capital,
                    start=self.start,
                    store=self.store,
                    trade_on=self.trade_on,
                )
            return self._engines[choice]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of everything besides the combinations that shapes a row: manifests, and what a row holds."""
        shape = [list(SUMMARY), BLOCKS, list(BLOCK_SUMS)]
        text = json.dumps([self._manifests(), shape], sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        """Return the setting as plain data; candles by their fingerprints, see `keep`."""
        return {
            "strategy": {
                "name": self.strategy.name,
                "path": str(Path(self.strategy.path).absolute()) if self.strategy.path != "<text>" else "<text>",
                "text": self.strategy.text,
                "values": dict(self.strategy.origin.overrides),
                "components": [str(folder.absolute()) for folder in self.strategy.component_folders],
            },
            "worlds": [[*choice, [kept.described(one) for one in several]] for choice, several in self.worlds.items()],
            "capital": self.capital,
            "start": self.start,
            "trade_on": self.trade_on
            if self.trade_on is None or isinstance(self.trade_on, str)
            else [kept.described(one) for one in as_candles(self.trade_on)],
            "store": None if self.store is None else str(self.store.folder.absolute()),
        }

    def keep(self, folder: Path) -> None:
        """Write the candles into `folder`, once for all sweeps."""
        several = [one for world in self.worlds.values() for one in world]
        if self.trade_on is not None and not isinstance(self.trade_on, str):
            several += as_candles(self.trade_on)
        for one in several:
            kept.keep(one, folder)

    @classmethod
    def load(cls, document: Mapping[str, Any], folder: Path) -> Setting:
        """Return the setting that `document` tells of, its candles read from `folder`.

        Raises
        ------
        LabError, OSError
            When candles, components or store are no longer there.
        """
        told, traded = document["strategy"], document["trade_on"]
        library = scan(*(Path(each) for each in told["components"]))
        path = Path(told["path"])
        same = told["path"] != "<text>" and path.exists() and path.read_text(encoding="utf-8") == told["text"]
        strategy = load_strategy(path if same else told["text"], library=library).with_values(told["values"])
        found: dict[str, Candles] = {}

        def candles(facts: Mapping[str, Any]) -> Candles:
            if facts["fingerprint"] not in found:
                found[facts["fingerprint"]] = kept.load(facts, folder)
            return found[facts["fingerprint"]]

        return cls(
            strategy,
            {Choice(symbol, frame): tuple(map(candles, several)) for symbol, frame, several in document["worlds"]},
            document["capital"],
            document["start"],
            traded if traded is None or isinstance(traded, str) else [candles(facts) for facts in traded],
            None if document["store"] is None else CandleStore(document["store"]),
        )

    def _manifests(self) -> list[Any]:
        """Return every input of the runs at the file's own values, a manifest per choice of candles."""
        plan = self._plan(self.strategy)
        found = []
        for choice, several in self.worlds.items():
            member = Member(plan.strategy.name, plan, several)
            world = find_world(
                (member,), capital=self.capital, start=self.start, trade_on=self.trade_on, store=self.store
            )
            found.append([*choice, make_manifest(world, on_error="raise", lookahead="check", on_lookahead="error")])
        return found

    def components(self, levels: Levels) -> dict[str, str]:
        """Return the SHA-256 of each component that words of a grid bring in, such as another type of an average."""
        found: dict[str, str] = {}
        for name, values in levels.items():
            for value in values if "." in name else ():
                if isinstance(value, str):
                    try:
                        plan = self._plan(self.strategy.with_values({name: value}))
                    except LabError:
                        continue  # it goes with other values only, and its rows say what is wrong where it does not
                    found |= {call.spec.name: call.spec.sha256 for call in plan.calls}
        return found

    @staticmethod
    def _plan(strategy: Strategy) -> Plan:
        return make_plan(strategy, scan(*strategy.component_folders))


@dataclass(frozen=True, eq=False)
class _Only(Sequence[Mapping[str, object]]):
    """Some of the combinations, as an engine wants them: without the names that choose candles."""

    combinations: Combinations
    numbers: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.combinations if self.numbers is None else self.numbers)

    def __getitem__(self, place: Any) -> Any:
        return strategy_values(self.combinations[place if self.numbers is None else int(self.numbers[place])])


def choice_of(combination: Mapping[str, object]) -> Choice:
    """Return which candles a combination asks for."""
    return Choice(str(combination.get("symbol", "")), str(combination.get("timeframe", "")))


def find_worlds(
    candles: Candles | Sequence[Candles] | None,
    strategy: Strategy,
    combinations: Combinations,
    store: CandleStore | None,
) -> dict[Choice, tuple[Candles, ...]]:
    """Return the candles for every symbol and timeframe of a grid: of those given, else the store's.

    Raises
    ------
    InputError, CandleError
        When some are not there.
    """
    given = () if candles is None else as_candles(candles)
    symbols, frames = (_words(combinations.levels, name) for name in ("symbol", "timeframe"))
    if not symbols and not frames:
        if not given:
            raise InputError("no candles given; give candles=..., or name symbols in the grid and give store=...")
        return {Choice(): given}
    own = list(dict.fromkeys(one.symbol for one in given))
    if not symbols and len(own) != 1:
        raise InputError(
            f"a grid of timeframes needs one symbol, not {', '.join(own) or 'none'}; name 'symbol' in the grid, too"
        )
    usual = strategy.backtest.data_frequency or _TIMEFRAME
    return {
        Choice(symbol, frame): (_one(given, symbol or own[0], frame, usual, store),)
        for symbol in symbols or ("",)
        for frame in frames or ("",)
    }


def _one(given: Sequence[Candles], symbol: str, frame: str, usual: str, store: CandleStore | None) -> Candles:
    mine = [one for one in given if one.symbol == symbol]
    fitting = [one for one in mine if one.timeframe == (frame or one.timeframe)]
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        frames = ", ".join(one.timeframe for one in fitting)
        raise InputError(f"candles of {symbol} are given as {frames}; name 'timeframe' in the grid, too")
    if store is None:
        there = ", ".join(f"{one.symbol} {one.timeframe}" for one in given) or "none"
        raise InputError(f"grid: there are no {f'{symbol} {frame}'.strip()} candles; given: {there}. Or give store=...")
    if mine:
        return beside(store, mine, frame)
    if not given:
        return store.candles(symbol, frame or usual)
    first, last = min(int(one.time[0]) for one in given), max(int(one.close_time[-1]) for one in given)
    return store.candles(symbol, frame or given[0].timeframe, start=first, end=last)


def _words(levels: Levels, name: str) -> tuple[str, ...]:
    return tuple(str(value) for value in levels.get(name, ()))
