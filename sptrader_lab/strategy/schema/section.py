"""Section: what every section of a strategy is: frozen, typed, its keys known, each with a meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sptrader_lab.errors import nearest


def described(value: object) -> str:
    """Return how an error shows a value."""
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else "nothing" if value is None else repr(value)


def refused(value: object, rule: str, near: str = "") -> PydanticCustomError:
    """Return the error that says which value breaks which rule."""
    return PydanticCustomError("lab", "{rule}", {"rule": rule, "near": near, "shown": described(value)})


def conflict(what: str, rule: str) -> PydanticCustomError:
    """Return the error that says what does not go together, in words."""
    return PydanticCustomError("lab", "{rule}", {"rule": rule, "near": "", "shown": what})


@dataclass(frozen=True, eq=False)
class Shape:
    """What a value looks like: in words for the reference, as JSON Schema for an editor."""

    words: str
    schema: Mapping[str, Any]


def key(meaning: str, default: Any = ..., *, rule: str = "", shown: str = "", checked: bool = False) -> Any:
    """Declare a key of a section.

    Parameters
    ----------
    meaning : str
        One line for the reference.
    default : object
        The value without the key; required unless given.
    rule : str
        The S-rule that it belongs to.
    shown : str
        How the reference shows the default, where that is not the value itself.
    checked : bool
        The default passes through the key's own checks too.
    """
    extra: dict[str, Any] = {"rule": rule, "shown": shown}
    return Field(default, description=meaning, json_schema_extra=extra, validate_default=checked)


class Section(BaseModel):
    """One section: frozen, unknown keys refused, an empty value counts as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The key that is meant where one value stands instead of a mapping, and what that value looks like.
    shorthand: ClassVar[str] = ""
    short_shape: ClassVar[Shape | None] = None
    #: What JSON Schema can say besides about how its keys go together.
    conditions: ClassVar[Mapping[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _as_mapping(cls, data: Any) -> Any:
        if cls.shorthand and isinstance(data, str):
            return {cls.shorthand: data}
        if not isinstance(data, Mapping):
            return {} if data is None else data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


@dataclass(frozen=True, eq=False)
class OneOf:
    """A reader that accepts one of `choices`; a word in `elsewhere` is refused with where that is written instead."""

    choices: tuple[str, ...]
    elsewhere: Mapping[str, str]

    def __call__(self, value: object) -> str:
        """Read one of the choices."""
        if isinstance(value, str) and value in self.choices:
            return str(value)
        place = self.elsewhere.get(str(value).lower().replace("-", "_").replace(" ", "_"))
        if place is not None:
            raise refused(value, place)
        raise refused(value, f"must be one of {', '.join(self.choices)}", nearest(str(value), self.choices))


def one_of(*choices: str, elsewhere: Mapping[str, str] | None = None) -> BeforeValidator:
    """Return the reader of a key that holds one of a few words."""
    return BeforeValidator(OneOf(choices, elsewhere or {}))
