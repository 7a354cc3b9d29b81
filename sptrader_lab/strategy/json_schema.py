"""JSON Schema: what a strategy file may hold, for the completion and the checks of an editor.

An editor knows keys, words and bounds; components, names in expressions and most of what goes together only `strategy check` knows.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sptrader_lab.strategy.conditions import GROUPS, INDICATOR_KEYS, SIGNAL_KEYS
from sptrader_lab.strategy.describe import SECTIONS, keys
from sptrader_lab.strategy.legacy import MEANINGLESS
from sptrader_lab.strategy.schema.section import Section
from sptrader_lab.strategy.schema.sections import SignalConfig
from sptrader_lab.strategy.schema.values import FALSE
from sptrader_lab.strategy.strategy import Strategy

_PLAIN: Final = {"type": ["string", "number", "boolean"]}
_REFERENCE: Final = {"type": "string", "pattern": r"^\s*parameters\.\w+\s*$"}
_OFF: Final = {"enum": [False, *FALSE, "none"]}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of a strategy file."""
    definitions = {model.__name__: _section(heading, model) for heading, model in SECTIONS.items()}
    whole = definitions.pop(Strategy.__name__)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "sptrader_lab strategy",
        **whole,
        "definitions": {
            "reference": {**_REFERENCE, "description": "a value of `parameters`"},
            "condition": _condition(),
            "OptionalLevel": {"anyOf": [_ref("Level"), _OFF]},
            "OptionalTargets": {"anyOf": [_ref("Level"), _targets(), _OFF]},
            "OptionalBreakEven": {"anyOf": [_ref("BreakEven"), _ref("Level"), _OFF]},
            **definitions,
        },
    }


def json_text() -> str:
    """Return the JSON Schema as the text of its file."""
    return json.dumps(json_schema(), indent=1) + "\n"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def _section(heading: str, model: type[Section]) -> dict[str, Any]:
    """Return the schema of a section: its mapping, and the one value that may stand instead."""
    properties: dict[str, Any] = {}
    for key in keys(model):
        rule = f" ({key.rule})" if key.rule else ""
        about = {"description": f"{key.meaning}{rule}. Default: {key.default}".replace("`", "")}
        properties[key.name] = {"anyOf": [dict(key.shape.schema), {"type": "null"}, _ref("reference")], **about}
    for (section, name), why in MEANINGLESS.items():
        if section == heading:
            properties[name] = {"deprecated": True, "description": f"has no effect: {why}"}
    mapping = {
        "type": "object",
        "properties": properties,
        "required": [key.name for key in keys(model) if key.required],
        "additionalProperties": _PLAIN if model is SignalConfig else False,
        **model.conditions,
    }
    described = {"description": (model.__doc__ or "").strip().splitlines()[0]}
    if model.short_shape is None:
        return {**described, **mapping}
    return {**described, "anyOf": [dict(model.short_shape.schema), _ref("reference"), mapping]}


def _targets() -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": _ref("Target")}


def _condition() -> dict[str, Any]:
    """Return the schema of the forms of a condition."""
    one = _ref("condition")
    every = {"type": "array", "minItems": 1, "items": one}
    signal, outputs = SIGNAL_KEYS
    indicator, compared, bars, described = INDICATOR_KEYS

    def mapping(properties: dict[str, Any], **rules: Any) -> dict[str, Any]:
        return {"type": "object", "properties": properties, "additionalProperties": False, **rules}

    tests = {"type": ["object", "null"], "additionalProperties": _PLAIN}
    action = {"enum": ["buy", "sell"]}  # the older dialect writes it inside `primary`
    return {
        "description": "a text such as close > sma, a signal, an indicator, all, any, not, or a list of which all must hold",
        "anyOf": [
            {"type": "string"},
            every,
            mapping({signal: _PLAIN, outputs: tests, "action": action}, required=[signal]),
            mapping(
                {
                    indicator: _PLAIN,
                    compared: {"type": "string"},
                    bars: {"type": ["integer", "string"]},
                    described: {"type": "string"},
                    "action": action,
                },
                required=[indicator, compared],
            ),
            mapping({group: one if group == "not" else every for group in GROUPS}, minProperties=1),
        ],
    }
