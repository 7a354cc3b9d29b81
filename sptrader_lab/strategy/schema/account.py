"""Account: the terms under which a strategy trades (S11, S12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ValidationInfo, field_validator

from sptrader_lab.strategy.schema.section import Section, key, one_of, refused
from sptrader_lab.strategy.schema.values import Currency, NotNegative, Positive, number


class AccountSection(Section):
    """Currency, margin and leverage of the account (S11, S12)."""

    conditions: ClassVar[Mapping[str, Any]] = {
        "allOf": [
            {
                "if": {"properties": {"type": {"const": "margin"}}, "required": ["type"]},
                "then": {"required": ["leverage"]},
            },
            {
                "if": {"properties": {"type": {"const": "cash"}}},
                "then": {"properties": {"leverage": False, "maintenance": False}},
            },
        ]
    }

    currency: Currency | None = key(
        "what money is counted in; must be given where quote currencies differ",
        None,
        rule="S12",
        shown="the quote currency",
    )
    type: Annotated[str, one_of("cash", "margin")] = key(
        "`cash`: never more exposure than equity; `margin`: equity times leverage", "cash", rule="S11"
    )
    leverage: Positive = key(
        "buying power as a multiple of equity, above 1", None, rule="S11", shown="required with `margin`", checked=True
    )
    maintenance: NotNegative = key(
        "margin call at this fraction of gross open notional", None, rule="S11", shown="0.5 / leverage", checked=True
    )

    @field_validator("leverage", mode="before")
    @classmethod
    def _leverage(cls, value: Any, info: ValidationInfo) -> Any:
        margin = info.data.get("type", "margin") == "margin"
        if value is None:
            if margin and "type" in info.data:
                raise refused(value, "a margin account says how much: leverage: 30")
            return 1.0
        if not margin:
            raise refused(value, "a cash account has no leverage; write type: margin beside it")
        if number(value) <= 1:
            raise refused(value, "must be above 1; without leverage write type: cash")
        return value

    @field_validator("maintenance", mode="before")
    @classmethod
    def _maintenance(cls, value: Any, info: ValidationInfo) -> Any:
        margin, leverage = info.data.get("type", "margin") == "margin", info.data.get("leverage")
        if value is None:
            return 0.5 / leverage if margin and leverage is not None else 0.0
        if not margin:
            raise refused(value, "a cash account has no margin; write type: margin and leverage beside it")
        if leverage is not None and number(value) >= 1 / leverage:
            rule = f"must be below 1 / leverage = {1 / leverage:.4g}, the margin that a full position opens with"
            raise refused(value, rule)
        return value
