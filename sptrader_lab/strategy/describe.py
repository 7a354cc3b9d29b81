"""Describe: what the models of a strategy say about their keys, for the reference page and for editors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from sptrader_lab.strategy.schema.account import AccountSection
from sptrader_lab.strategy.schema.forms import EntryForm, EntrySideForm, ExitForm, ExitSideForm, SignalExitForm
from sptrader_lab.strategy.schema.instrument import Dividend, InstrumentFacts, Split, Swap
from sptrader_lab.strategy.schema.levels import BreakEven, EvenOffset, Level, Target
from sptrader_lab.strategy.schema.orders import Expiry, Order, Prices, Session
from sptrader_lab.strategy.schema.section import OneOf, Section, Shape
from sptrader_lab.strategy.schema.sections import (
    Backtest,
    Commission,
    Dependencies,
    Execution,
    Filters,
    Indicator,
    Live,
    Metrics,
    RequiredIndicator,
    Risk,
    SignalConfig,
)
from sptrader_lab.strategy.schema.sizes import Size
from sptrader_lab.strategy.strategy import Entry, Exit, Strategy

#: Every section by its heading, in the order of the reference.
SECTIONS: Final[Mapping[str, type[Section]]] = {
    "The file": Strategy,
    "dependencies": Dependencies,
    "indicators": Indicator,
    "signal_config": SignalConfig,
    "required_indicators": RequiredIndicator,
    "entry": EntryForm,
    "side of an entry": EntrySideForm,
    "size": Size,
    "order": Order,
    "price": Prices,
    "expiry": Expiry,
    "exit": ExitForm,
    "side of an exit": ExitSideForm,
    "signal_exit": SignalExitForm,
    "level": Level,
    "target": Target,
    "break-even": BreakEven,
    "break-even offset": EvenOffset,
    "session": Session,
    "risk": Risk,
    "execution": Execution,
    "commission": Commission,
    "filters": Filters,
    "account": AccountSection,
    "instrument": InstrumentFacts,
    "swap": Swap,
    "split": Split,
    "dividend": Dividend,
    "backtest": Backtest,
    "live": Live,
    "metrics": Metrics,
}
#: What a file may write where the strategy holds one rule per side.
FORMS: Final[Mapping[type[Section], type[Section]]] = {Entry: EntryForm, Exit: ExitForm}
_HEADINGS: Final = {model: heading for heading, model in SECTIONS.items()}
_PLAIN: Final = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class Key:
    """One key of a section: its shape, default, rule and meaning."""

    name: str
    shape: Shape
    default: str
    rule: str
    meaning: str
    required: bool


def keys(model: type[Section]) -> list[Key]:
    """Return the keys of a section as a file writes them, in the order of the model."""
    return [_key(name, field) for name, field in model.model_fields.items()]


def form(model: type[Section]) -> type[Section]:
    """Return the model of what a file writes."""
    return FORMS.get(model, model)


def _key(name: str, field: FieldInfo) -> Key:
    said: Any = field.json_schema_extra or {}
    default = said.get("shown") or ("required" if field.is_required() else _shown(field.default))
    shape = _shape(field.annotation, tuple(field.metadata))
    return Key(name, shape, default, said.get("rule", ""), field.description or "", field.is_required())


def _shown(default: Any) -> str:
    if default is None or default in ((), {}, "") or isinstance(default, Section):
        return "-"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, (int, float)) else f"`{default}`"


def _shape(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """Return what a value of this type looks like."""
    for each in metadata:
        if isinstance(each, Shape):
            return each
        if isinstance(each, BeforeValidator) and isinstance(each.func, OneOf):
            choices = each.func.choices
            return Shape(", ".join(f"`{choice}`" for choice in choices), {"enum": list(choices)})
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(inner[0], inner[1:])
    if origin in (Union, UnionType):
        present = [each for each in inner if each is not type(None)]
        return _shape(present[0]) if len(present) == 1 else Shape("value", _PLAIN)
    if origin is tuple:
        item = _shape(inner[0])
        return Shape(f"list of {item.words}", {"type": "array", "items": item.schema})
    if origin is dict:
        item = _shape(inner[1])
        return Shape(f"names and their {item.words}", {"type": "object", "additionalProperties": item.schema})
    assert issubclass(annotation, Section)
    model = form(annotation)
    heading = _HEADINGS[model]
    return Shape(f"[{heading}](#{heading.replace(' ', '-')})", {"$ref": f"#/definitions/{model.__name__}"})
