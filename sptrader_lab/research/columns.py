"""Columns: what components make of some candles, computed when first asked for and shared between combinations."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.components.run import ask, candle_columns
from sptrader_lab.strategy.compute import market_of
from sptrader_lab.strategy.evaluate import Evaluator
from sptrader_lab.strategy.template import Built, Needed
from sptrader_lab.strategy.tree import VALUES
from sptrader_lab.types.candles import Candles

Column = NDArray[np.float64]
T = TypeVar("T")
#: Constants that comparisons are made with, kept beside the candles, in bytes.
_CONSTANTS: Final = 16_000_000
#: Things that are remembered to have been asked for once.
_REMEMBERED: Final = 20_000


class Shelf:
    """Things that were made, up to so many bytes; what was not used for longest goes first. For any number of threads.

    A thing is kept when it is asked for the second time: most columns of a sweep are of one combination alone, and memory that is
    given back at once is used again while the processor still has it at hand.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self.lock = threading.Lock()
        self.things: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.asked: OrderedDict[Hashable, None] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Return what is kept as `key`, made now unless it is there; two threads may make the same at the same time."""
        with self.lock:
            if key in self.things:
                self.things.move_to_end(key)
                return self.things[key][0]  # type: ignore[no-any-return]
            again = key in self.asked
            self.asked[key] = None
            if len(self.asked) > _REMEMBERED:
                self.asked.popitem(last=False)
        made = make()
        if again:
            self._keep(key, made, size(made))
        return made

    def _keep(self, key: Hashable, made: object, taken: int) -> None:
        with self.lock:
            if key not in self.things and taken <= self.most:
                self.things[key] = made, taken
                self.bytes += taken
            while self.bytes > self.most:
                _, (_, gone) = self.things.popitem(last=False)
                self.bytes -= gone


class Source:
    """One symbol's candles, and everything that was computed on them."""

    def __init__(self, number: int, candles: Candles, shelf: Shelf) -> None:
        self.number = number
        self.candles = candles
        self.shelf = shelf
        self.base = candle_columns(candles)
        self.market = market_of(candles)
        self.constants: dict[float, Column] = {}

    def answer(self, built: Built, made: dict[str, tuple[Column, ...]]) -> NDArray[Any]:
        """Return a condition as flags of uint8, a value as float64, one per candle.

        Parameters
        ----------
        made : dict
            What the same combination has needed before, and needs again.

        Raises
        ------
        ComponentFailed
            When a component that it needs raises.
        InputError
            When one wants a column that the candles lack.
        """
        evaluator = Evaluator(_Lazy(self, built.needed, made), len(self.candles))
        if len(self.constants) * 8 * len(self.candles) > _CONSTANTS:
            self.constants = {}
        evaluator.constants = self.constants
        if isinstance(built.tree, VALUES):
            return evaluator.value(built.tree)
        return evaluator.holds(built.tree).view(np.uint8)

    def made(self, key: str, needed: Needed, columns: Mapping[str, Column]) -> tuple[Column, ...]:
        """Return a component's columns, computed unless they are there."""

        def run() -> tuple[Column, ...]:
            return ask(needed.spec, [columns[name] for name in needed.inputs], needed.parameters, self.market).columns

        return self.shelf.get((self.number, key), run, lambda found: sum(column.nbytes for column in found))


class _Lazy(Mapping[str, Column]):
    """The candles' columns, and those of needed components."""

    def __init__(self, source: Source, needed: Mapping[str, Needed], made: dict[str, tuple[Column, ...]]) -> None:
        self.made = made
        self.source = source
        self.owners = {
            f"{key}.{output.name}": (key, place)
            for key, one in needed.items()
            for place, output in enumerate(one.spec.outputs)
        }
        self.needed = needed

    def __getitem__(self, name: str) -> Column:
        if name not in self.owners:
            return self.source.base[name]
        key, place = self.owners[name]
        if key not in self.made:
            self.made[key] = self.source.made(key, self.needed[key], self)
        return self.made[key][place]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.source.base, *self.owners))

    def __len__(self) -> int:
        return len(self.source.base) + len(self.owners)
