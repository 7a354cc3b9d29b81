"""Headline: a metric that can be asked for as an attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

from sptrader_lab.results.metrics import METRICS

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

N = TypeVar("N", int, float)


class Headline(Generic[N]):
    """A metric that a result also offers as an attribute."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self.__doc__ = f"{METRICS[name].meaning} ({METRICS[name].unit})."

    def __get__(self, result: Result | None, owner: type) -> N:
        return cast("N", self if result is None else result.metrics[self._name])  # on the class: for help()
