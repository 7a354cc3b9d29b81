"""Portfolio: the sections of a portfolio file."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, field_validator

from sptrader_lab.strategy.parameters import ParameterValue, typed
from sptrader_lab.strategy.schema.account import AccountSection
from sptrader_lab.strategy.schema.section import Section, key, refused
from sptrader_lab.strategy.schema.times import TimeframeText, TimeText
from sptrader_lab.strategy.schema.values import Fraction, Positive, Text, Texts, Whole, text


def _typed(value: object) -> ParameterValue:
    return typed(text(value))


class PortfolioAccount(AccountSection):
    """The one account of all strategies."""

    capital: Positive | None = key("account money at the start", None, shown="what the strategies agree on")


class Correlation(Section):
    """Refuse an entry whose symbol moves like one that is held (S14)."""

    shorthand: ClassVar[str] = "limit"

    limit: Fraction = key("correlation of returns, times both sides, from which on an entry is refused", rule="S14")
    window: Whole = key("returns over which it is measured", 100, rule="S14")


class Limits(Section):
    """Limits of the account as a whole (S14); exposures are multiples of equity."""

    max_drawdown: Fraction | None = key("closes everything and halts for good", None, rule="S14")
    daily_loss_limit: Fraction | None = key("closes everything until the next trading day", None, rule="S14")
    max_positions: Whole | None = key("open positions and waiting entries of all strategies", None, rule="S14")
    max_gross_exposure: Positive | None = key("sum of all notionals", None, rule="S14")
    max_net_exposure: Positive | None = key("longs less shorts", None, rule="S14")
    max_currency_exposure: Positive | None = key("net, in any one currency but the account's", None, rule="S14")
    correlation: Correlation | None = key("a bare number is the limit", None, rule="S14")


class Period(Section):
    """What is measured when a caller does not say."""

    start_date: TimeText | None = key("earlier candles warm the indicators up", None, shown="all candles")
    end_date: TimeText | None = key("a bare date is included", None, shown="all candles")


class Share(Section):
    """One strategy of the portfolio, with what it trades."""

    strategy: Text = key("its file, as seen from the portfolio's folder")
    name: Text = key("what results call it", "", shown="the strategy's name")
    symbols: Texts = key("what it trades")
    timeframe: TimeframeText | None = key(
        "of the candles that its signals come from", None, shown="its `data_frequency`, else 1h"
    )
    trade_on: TimeframeText | None = key(
        "a shorter timeframe that its orders fill on", None, rule="S13", shown="the signals' own"
    )
    allocation: Fraction = key("share of the account's equity that its sizes are fractions of", 1.0, rule="S10")
    parameters: dict[str, Annotated[ParameterValue, BeforeValidator(_typed)]] = key(
        "other values of its parameters", {}
    )

    @field_validator("symbols")
    @classmethod
    def _some_symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise refused(list(value), "must name at least one symbol, and each once")
        return value
