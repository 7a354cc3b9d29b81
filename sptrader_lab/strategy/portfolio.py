"""Portfolio: several strategies in one account, from a YAML file, resolved and checked as strategies are."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from sptrader_lab.components.library import Library
from sptrader_lab.errors import InputError, StrategyError
from sptrader_lab.strategy.files import opened
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.schema.portfolio import Correlation, Limits, Period, PortfolioAccount, Share
from sptrader_lab.strategy.schema.section import Section, described, key
from sptrader_lab.strategy.schema.values import Text
from sptrader_lab.strategy.source import Listed, Mapped, Problems, line_at, read
from sptrader_lab.strategy.strategy import Strategy

#: The key that tells a portfolio from a strategy.
_KEY: Final = re.compile(r"""^["']?strategies["']?\s*:""", re.MULTILINE)
_SECTIONS: Final[dict[str, type[Section]]] = {
    "account": PortfolioAccount,
    "limits": Limits,
    "limits.correlation": Correlation,
    "backtest": Period,
    "strategies": Share,
}
_RULES: Final = {
    "missing": "it is required",
    "too_short": "name at least one: - {strategy: ma_crossover.yaml, symbols: [EURUSD]}",
    "tuple_type": "must be a list",
}


@dataclass(frozen=True)
class Origin:
    """Where a portfolio came from, and its strategies as they were loaded, in the order of `strategies`."""

    path: str = "<text>"
    text: str = ""
    loaded: tuple[Strategy, ...] = field(default=(), repr=False)


class Portfolio(Section):
    """Several strategies that share one account, resolved.

    Attributes
    ----------
    account : PortfolioAccount
        Capital, currency and margin; it replaces what the strategies say about an account.
    limits : Limits
        Limits of the account as a whole; each strategy keeps its own besides (S14).
    backtest : Period
        What is measured when a caller does not say.
    strategies : tuple of Share
        What each strategy trades, and its share of the account.
    """

    name: Text = key("what results and errors call it")
    description: Text = key("for readers", "", shown="empty")
    account: PortfolioAccount = key("capital, currency and margin", PortfolioAccount())
    limits: Limits = key("limits of the account as a whole", Limits())
    backtest: Period = key("what a backtest measures", Period())
    strategies: tuple[Share, ...] = Field(min_length=1, description="what each strategy trades, and its share")

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def path(self) -> str:
        """The file it came from, or ``<text>``."""
        return self._origin.path

    @property
    def text(self) -> str:
        """The YAML as it was read."""
        return self._origin.text

    @property
    def loaded(self) -> tuple[Strategy, ...]:
        """The strategies with their parameters set, in the order of `strategies`."""
        return self._origin.loaded

    def measured(self, start: str | None, end: str | None) -> Portfolio:
        """Return this portfolio with another time to measure."""
        period = self.backtest.model_copy(update={"start_date": start, "end_date": end})
        return self.model_copy(update={"backtest": period}).placed(self._origin)

    def placed(self, origin: Origin) -> Portfolio:
        """Return this portfolio, remembering where it came from; only loading calls this."""
        self._origin = origin
        return self

    def __repr__(self) -> str:
        return f"<Portfolio {self.name!r} of {len(self.strategies)} strategies from {self.path}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<li>{html.escape(share.name or strategy.name)}: {html.escape(', '.join(share.symbols))}, "
            f"allocation {share.allocation:g}</li>"
            for share, strategy in zip(self.strategies, self.loaded, strict=False)
        )
        return (
            f"<b>{html.escape(self.name)}</b> ({html.escape(self.path)})<div>{html.escape(self.description)}</div>"
            f"<ul>{rows}</ul><details><summary>YAML</summary><pre>{html.escape(self.text)}</pre></details>"
        )


def is_portfolio(source: object) -> bool:
    """Say whether a file, or a text of several lines, is a portfolio's: it names `strategies`."""
    if not isinstance(source, (str, Path)):
        return False
    try:
        return _KEY.search(opened(source)[1]) is not None
    except (InputError, StrategyError):
        return False  # whoever loads it says what is wrong


def load_portfolio(source: str | Path, *, library: Library | None = None) -> Portfolio:
    """Read a portfolio and all of its strategies, and check all of it.

    Parameters
    ----------
    source : str or Path
        A file; a text with more than one line is the YAML itself. Strategy files are looked up from the portfolio's
        folder, then from the current one.
    library : Library, optional
        Where components are looked up; each strategy's own workspace unless given.

    Raises
    ------
    StrategyError
        With every problem of the portfolio and of its strategies, each with its file and line.
    InputError
        When there is no such file, or something else was given.
    """
    path, text = opened(source)
    problems = Problems(path)
    tree = read(text, problems)
    if tree is not None and not isinstance(tree, Mapped):
        problems.add(1, "a portfolio is a mapping", "begin with `name: my_portfolio`")
    if not isinstance(tree, Mapped):
        raise StrategyError(problems.ordered())
    portfolio = _validated(tree, problems)
    leverage = None
    if portfolio is not None:
        leverage = portfolio.account.leverage, f"{path}:{line_at(tree, ('account', 'leverage'))}"
    loaded, inner = _strategies(tree, path, library, leverage, problems)
    if problems or inner or portfolio is None:
        raise StrategyError((*problems.ordered(), *inner))
    return portfolio.placed(Origin(path, text, tuple(loaded)))


def _validated(tree: Mapped, problems: Problems) -> Portfolio | None:
    try:
        return Portfolio.model_validate(tree)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _report(details, tree, problems)
    return None


def _report(details: ErrorDetails, tree: Mapped, problems: Problems) -> None:
    path = tuple(step for step in details["loc"] if step != "[key]")
    line, where, kind = line_at(tree, path), ".".join(map(str, path)), details["type"]
    if kind == "extra_forbidden":
        section = ".".join(str(step) for step in path[:-1] if not isinstance(step, int))
        known = _SECTIONS.get(section, Portfolio).model_fields
        problems.unknown(line, f"key in {section or 'the portfolio'}", str(path[-1]), known)
    elif kind == "lab":
        context = details["ctx"]
        problems.add(line, f"{where}: {context['shown']}", context["rule"], context["near"])
    elif kind == "too_short" and details["input"]:
        return  # what is wrong with its items is said already
    elif kind == "missing":
        problems.add(line, f"{where!r} is missing", _RULES[kind])
    elif kind.startswith("model_") or kind == "dict_type":
        problems.add(line, f"{where}: {described(details['input'])}", "must be a mapping of keys to values")
    else:
        problems.add(line, f"{where}: {described(details['input'])}", _RULES.get(kind, details["msg"]))


def _strategies(
    tree: Mapped, path: str, library: Library | None, leverage: tuple[float, str] | None, problems: Problems
) -> tuple[list[Strategy], list[Any]]:
    """Return the strategies, and the problems in their own files."""
    found, inner = list[Strategy](), list[Any]()
    listed = tree.get("strategies")
    for place, share in enumerate(listed if isinstance(listed, Listed) else ()):
        given = share.get("strategy") if isinstance(share, Mapped) else None
        if not isinstance(given, str):
            continue  # the schema has said so
        line = line_at(tree, ("strategies", place, "strategy"))
        try:
            strategy = load_strategy(_file(given, path), library=library, leverage=leverage)
            found.append(strategy.with_parameters(_parameters(share)))
        except StrategyError as error:
            inner += [problem for problem in error.problems if problem not in inner]
        except InputError as error:
            problems.add(line, str(error))
    return found, inner


def _file(given: str, portfolio: str) -> Path:
    """Return a strategy's file: from the portfolio's folder, or from the current one when only that has it."""
    near = Path(given) if portfolio == "<text>" else Path(portfolio).parent / given
    return Path(given) if Path(given).is_file() and not near.is_file() else near


def _parameters(share: Mapped) -> Mapping[str, object]:
    given = share.get("parameters")
    return {name: str(value) for name, value in given.items()} if isinstance(given, Mapped) else {}
