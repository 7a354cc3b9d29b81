"""Orders: how an entry reaches the market, and the clock that ends every position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import PlainSerializer, ValidationInfo, field_validator, model_validator

from sptrader_lab.errors import nearest
from sptrader_lab.strategy.schema.levels import Level
from sptrader_lab.strategy.schema.section import Section, Shape, conflict, key, one_of, refused
from sptrader_lab.strategy.schema.times import Clock, Duration, Zone, duration
from sptrader_lab.strategy.schema.values import Flag, Whole
from sptrader_lab.types.records import KINDS

#: A condition or a value (`strategy.tree`), read before pydantic sees it; it is written out as its canonical text.
Rule = Annotated[Any, PlainSerializer(repr)]
_EXPRESSION = Shape("expression, such as `close - 0.5 * atr`", {"type": ["string", "number"]})


class Prices(Section):
    """The level of an order, by side; one expression is that of both."""

    short_shape = _EXPRESSION

    long: Annotated[Rule, _EXPRESSION] = key("of buy orders", None)
    short: Annotated[Rule, _EXPRESSION] = key("of sell orders", None)


class Expiry(Section):
    """How long an entry waits; one word or length of time says it."""

    short_shape = Shape(
        "`gtc`, `day`, or a length of time such as `4h`",
        {"anyOf": [{"enum": ["gtc", "day"]}, {"type": "string", "pattern": r"^\s*\d+\s*[smhdw]\s*$"}]},
    )

    bars: Whole | None = key("bars after its decision", None)
    day: Flag = key("it ends with its trading day", False)
    after: Duration | None = key("it ends that long after its decision", None)

    @model_validator(mode="before")
    @classmethod
    def _word(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        if data in ("gtc", "day"):
            return {"day": "true"} if data == "day" else {}
        try:
            duration(data)
        except ValueError:
            rule = "must be gtc (until it fills), day, {bars: 5} or a length of time like 4h"
            raise refused(data, rule, nearest(data, ["gtc", "day"])) from None
        return {"after": data}


class Order(Section):
    """How an entry reaches the market (S5); one word is its type."""

    shorthand = "type"
    short_shape = Shape("`market`", {"const": "market"})
    conditions: ClassVar[Mapping[str, Any]] = {
        "allOf": [
            {
                "if": {"properties": {"type": {"enum": ["limit", "stop", "stop_limit"]}}, "required": ["type"]},
                "then": {"oneOf": [{"required": ["price"]}, {"required": ["offset"]}]},
            },
            {
                "if": {"properties": {"type": {"const": "market"}}},
                "then": {"properties": {"price": False, "offset": False, "oco": {"const": False}}},
            },
            {
                "if": {"properties": {"type": {"enum": ["market", "limit", "stop"]}}},
                "then": {"properties": {"limit_offset": False}},
            },
        ]
    }

    type: Annotated[str, one_of(*KINDS)] = key(
        "`market` fills at the next open, `limit` at its level or better, `stop` once its level is reached; "
        "`stop_limit` is a stop that becomes a limit",
        "market",
        rule="S3, S5",
    )
    price: Prices | None = key("its level", None, rule="S10")
    offset: Level | None = key(
        "instead of `price`: how far from the close, a limit on the favourable side (below for long), a stop on the other",
        None,
    )
    limit_offset: Level | None = key("how far beyond its stop the limit of a `stop_limit` lies", None, shown="0")
    expiry: Expiry = key("when it ends unfilled", Expiry(), rule="S3", shown="`gtc`: never")
    oco: Flag = key("the orders of both sides wait, and one cancels the other", False)

    @field_validator("price", "offset", "limit_offset", "oco", mode="before")
    @classmethod
    def _waiting(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("type") == "market" and value not in ("false", "no", "off"):
            raise refused(
                value, "a market order fills at the next open; write type: limit, stop or stop_limit beside it"
            )
        return value

    @field_validator("limit_offset", mode="before")
    @classmethod
    def _with_limit(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("type") in ("limit", "stop"):
            raise refused(value, f"a {info.data['type']} order has one level; type: stop_limit has a limit besides")
        return value

    @model_validator(mode="after")
    def _one_level(self) -> Self:
        if self.type != "market" and self.price is None and self.offset is None:
            rule = "write where it lies: price: close - 0.5 * atr, or offset: 0.001"
            raise conflict(f"a {self.type} order without a level", rule)
        if self.price is not None and self.offset is not None:
            raise conflict("price and offset", "an order has one level; keep one of them")
        if self.type == "market" and (self.expiry.bars or self.expiry.day):
            rule = "a market order fills at the next open; only a length of time such as 4h can end it before"
            raise conflict("an expiry of bars or days", rule)
        return self


class Session(Section):
    """The time of the day at which every position leaves; one text is the time."""

    shorthand = "time"
    short_shape = Shape("`HH:MM`", {"type": "string", "pattern": r"^\s*\d{1,2}:\d{2}\s*$"})

    time: Clock = key("every position leaves, decided at the first close at or after it", rule="S4")
    zone: Zone | None = key("whose clock", None, shown="`filters.trading_zone`")
