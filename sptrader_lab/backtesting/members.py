"""Members: the strategies of one run, each with a name of its own and the candles that its signals come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sptrader_lab.backtesting.admission import as_candles
from sptrader_lab.errors import InputError
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.types.candles import Candles


@dataclass(frozen=True, eq=False)
class Member:
    """One strategy of a run.

    Attributes
    ----------
    name : str
        Unique in the run.
    plan : Plan
    candles : tuple of Candles
        One per symbol; signals come from them, and orders fill on them unless shorter ones are traded on (S13).
    allocation : float
        Share of the account's equity that its sizes are fractions of (S10).
    trade_on : str
        The timeframe that its symbols trade on; "" for no wish.
    """

    name: str
    plan: Plan
    candles: tuple[Candles, ...]
    allocation: float = 1.0
    trade_on: str = ""

    def __post_init__(self) -> None:
        symbols = [one.symbol for one in self.candles]
        if len(set(symbols)) < len(symbols):
            raise InputError(f"candles of one strategy must be of different symbols, got {', '.join(symbols)}")


def paired(plans: Sequence[Plan], candles: object) -> tuple[Member, ...]:
    """Return strategies and candles one to one; each strategy may have the candles of several symbols.

    Raises
    ------
    InputError
        When there are not as many candles as strategies.
    """
    given = list(candles) if isinstance(candles, Sequence) and not isinstance(candles, str) else [candles]
    if len(given) != len(plans):
        one = as_candles(given[0]) if len(given) == 1 else ()
        what = repr(one[0]) if len(one) == 1 else f"{len(given)} candles"
        raise InputError(
            f"{len(plans)} strategies and {what}: several strategies are paired with candles one to one, such as "
            "lab.backtest([first, second], [candles, candles])"
        )
    return named([Member(plan.strategy.name, plan, as_candles(one)) for plan, one in zip(plans, given, strict=True)])


def named(members: Sequence[Member]) -> tuple[Member, ...]:
    """Return the members with unique names: the second `ma_crossover` is called `ma_crossover_2`."""
    taken: set[str] = set()
    own = {member.name for member in members}
    found = []
    for member in members:
        name, number = member.name, 2
        while name in taken or (number > 2 and name in own):
            name = f"{member.name}_{number}"
            number += 1
        taken.add(name)
        found.append(replace(member, name=name))
    return tuple(found)
