"""Values: any value of a strategy's file replaced by the path at which it stands, such as `execution.slippage`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sptrader_lab.errors import InputError, nearest, unknown
from sptrader_lab.strategy.parameters import SECTIONS, plain_text
from sptrader_lab.strategy.source import Listed, Mapped, Node, Scalar, line_of

#: Sections that hold things by names of the writer's own.
_NAMED: Final = ("signal_config", "indicators", "instruments")
#: Keys of an indicator and of a signal's setup that are not their components' parameters.
_OF_INDICATOR: Final = ("type", "params", "output", "name")
_OF_SIGNAL: Final = ("type", "parameters", "required_indicators")
#: The key that is meant where a mapping stands and one value is given: of levels and sizes, commissions, break-even.
_MAIN: Final = ("value", "fraction", "trigger")


def is_path(name: str) -> bool:
    """Say whether a name is the path of a value, not that of a parameter."""
    return "." in name


def with_values_at(source: Mapped, values: Mapping[str, object]) -> Mapped:
    """Return a copy of a file's tree with other values at some paths.

    `exit.stop_loss` is the `value` of a level written out; `indicators.fast.period` stands under `params`,
    `signal_config.NAME.key` under `parameters` or beside it; an entry of a list is named by its `name` or its position.

    Raises
    ------
    InputError
        When a path leads nowhere, with the nearest name, or to more than one value.
    """
    tree: Mapped = _copied(source)
    for path, value in values.items():
        _put(tree, path, value)
    return tree


def _copied(node: Any) -> Any:
    if isinstance(node, Mapped):
        mapped = Mapped(line=node.line)
        for key, value in node.items():
            mapped.put(key, _copied(value), node.line_of(key))
        return mapped
    if isinstance(node, Listed):
        listed = Listed(_copied(item) for item in node)
        listed.line = node.line
        return listed
    return node


def _put(tree: Mapped, path: str, value: object) -> None:
    section, *rest = path.split(".")
    if section not in SECTIONS or not rest or not all(rest):
        raise InputError(f"{path!r} is no path of a value. {unknown('section', section, SECTIONS)}")
    node: Any = tree
    steps = _full(tree, section, rest)
    for depth, step in enumerate(steps[:-1]):
        inner = _inner(node, step, path, made=section not in _NAMED or depth > 1)
        if isinstance(inner, Scalar) and depth == len(steps) - 2 and steps[-1] in _MAIN:
            steps = steps[:-1]  # a shorthand is its main value
            break
        node = inner
    last = steps[-1]
    if not isinstance(node, Mapped):
        raise InputError(f"{path}: one value stands before {last!r}, which has none of its own")
    before = node.get(last)
    if isinstance(before, Mapped):
        main = next((key for key in _MAIN if key in before), None)
        if main is None:
            raise InputError(
                f"{path} holds several values; name one of them: {', '.join(f'{path}.{key}' for key in before)}"
            )
        node, last, before = before, main, before[main]
    if isinstance(before, Listed):
        raise InputError(f"{path} holds a list; name one of its entries by its position, such as {path}.0")
    line = line_of(before, node.line_of(last))
    node.put(last, Scalar(plain_text(path, value), line, path), line)


def _full(tree: Mapped, section: str, rest: list[str]) -> list[str]:
    """Return the steps of a path with the step that a component's parameter may leave out."""
    if section == "indicators" and len(rest) == 2 and rest[1] not in _OF_INDICATOR:
        return [section, rest[0], "params", rest[1]]
    if section == "signal_config" and len(rest) >= 2:
        setup = tree.get(section)
        own = setup.get(rest[0]) if isinstance(setup, Mapped) else None
        inside = own.get("parameters") if isinstance(own, Mapped) else None
        key = rest[-1]
        if len(rest) == 2 and key not in _OF_SIGNAL and isinstance(inside, Mapped) and key in inside:
            return [section, rest[0], "parameters", key]
        if len(rest) == 3 and rest[1] == "parameters" and isinstance(own, Mapped) and key in own:
            return [section, rest[0], key]
        if len(rest) == 4 and rest[1] == "required_indicators" and key not in _OF_INDICATOR:
            return [section, *rest[:3], "params", key]
    return [section, *rest]


def _inner(node: Any, step: str, path: str, *, made: bool) -> Node:
    """Return what stands at one step of a path; a section that is not in the file is made where `made` says so."""
    if isinstance(node, Listed):
        names = [
            str(item.get("name", place)) if isinstance(item, Mapped) else str(place) for place, item in enumerate(node)
        ]
        places = [*names, *map(str, range(len(node)))]
        if step not in places:
            raise InputError(f"{path}: {unknown('entry', step, names)}")
        return node[places.index(step) % len(node)]  # type: ignore[no-any-return]
    if not isinstance(node, Mapped):
        raise InputError(f"{path}: one value stands before {step!r}, which has none of its own")
    if node.get(step) is None:
        if not made:
            near = nearest(step, node)
            known = ", ".join(node) or "none"
            raise InputError(
                f"{path}: there is no {step!r}" + (f"; did you mean {near!r}?" if near else "") + f" Known: {known}."
            )
        node.put(step, Mapped(line=node.line), node.line_of(step))
    return node[step]  # type: ignore[no-any-return]
