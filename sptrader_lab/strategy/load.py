"""Load: from a YAML file or text to a `Strategy`, or to all of its problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sptrader_lab.components.library import Library, scan, standard_folders
from sptrader_lab.errors import Problem, StrategyError, nearest
from sptrader_lab.strategy import legacy
from sptrader_lab.strategy.bind import bind
from sptrader_lab.strategy.conditions import ConditionReader
from sptrader_lab.strategy.conflicts import check_together
from sptrader_lab.strategy.files import opened
from sptrader_lab.strategy.finder import UNNAMED
from sptrader_lab.strategy.misplaced import unknown_key
from sptrader_lab.strategy.parameters import Parameters, unresolved
from sptrader_lab.strategy.remarks import check_ranges, remarks
from sptrader_lab.strategy.schema.section import described
from sptrader_lab.strategy.schema.sections import Indicator, SignalConfig
from sptrader_lab.strategy.sides import SIDES, SideReader
from sptrader_lab.strategy.source import Listed, Mapped, Problems, Scalar, line_at, node_at, read
from sptrader_lab.strategy.strategy import Origin, Strategy
from sptrader_lab.strategy.values import is_path, with_values_at

_MESSAGES: Final = {
    "missing": "it is required",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of names to values",
    "tuple_type": "must be a list",
}
_DIRECT: Final = tuple(SignalConfig.model_fields)


def load_strategy(
    source: str | Path, *, library: Library | None = None, leverage: tuple[float, str] | None = None
) -> Strategy:
    """Read a strategy and check all of it: keys, values, conditions, components, their parameters and outputs.

    Parameters
    ----------
    source : str or Path
        A file; a text with more than one line is the YAML itself.
    library : Library, optional
        Where components are looked up; the strategy's workspace and the project's own library unless given.
    leverage : (float, str), optional
        Of the portfolio that it is loaded for, which its sizes must fit instead of its own account's; and where that says so.

    Raises
    ------
    StrategyError
        With every problem of the file, each with its line, the value, the rule and the nearest valid choice.
    InputError
        When there is no such file, or something else was given.
    """
    path, text = opened(source)
    problems = Problems(path)
    tree = read(text, problems)
    if tree is not None and not isinstance(tree, Mapped):
        problems.add(1, "a strategy is a mapping", "begin with `name: my_strategy`")
    if not isinstance(tree, Mapped):
        raise StrategyError(problems.ordered())
    if library is None:
        library = scan(*standard_folders(Path(path).parent if path != "<text>" else None))
    return _build(Origin(path, text, source=tree, library=library, leverage=leverage), problems)


def rebuilt(strategy: Strategy, values: Mapping[str, object]) -> Strategy:
    """Return `strategy` with `values` set, parameters by name and others by path; the file is not read again."""
    kept = {name: value for name, value in strategy.origin.overrides.items() if name not in values}
    return _build(replace(strategy.origin, overrides={**kept, **values}), Problems(strategy.path))


def _build(origin: Origin, problems: Problems) -> Strategy:
    """Resolve, check and bind the tree; raise all problems together."""
    named = {name: value for name, value in origin.overrides.items() if not is_path(name)}
    source = with_values_at(origin.source, {path: value for path, value in origin.overrides.items() if is_path(path)})
    library = origin.library
    parameters = Parameters(source.get("parameters"), named, problems)
    tree = parameters.substitute(source)
    parameters.fall_back(tree)
    warnings = legacy.set_aside(tree, problems)
    _collect_shorthands(tree, problems)
    _read_sides(tree, ConditionReader(parameters, problems, library), problems, warnings)
    tree.put("parameters", parameters.values(), tree.line_of("parameters"))
    strategy = _validated(tree, problems)
    if strategy is not None and library is not None:
        warnings += bind(strategy, library, tree, problems).warnings
    if strategy is not None:
        check_together(strategy, tree, problems, origin.leverage)
        check_ranges(strategy, parameters, tree, problems)
    if problems or strategy is None:
        raise StrategyError(problems.ordered())
    warnings += remarks(strategy, parameters, tree, problems.file)
    ordered = tuple(sorted(warnings, key=lambda warning: warning.line))
    referenced = tuple(sorted(parameters.referenced))
    return strategy.placed(replace(origin, warnings=ordered, referenced=referenced, tree=tree))


def _collect_shorthands(tree: Mapped, problems: Problems) -> None:
    """Move parameters that stand directly under a signal into its `parameters`."""
    configs = tree.get("signal_config")
    for config in configs.values() if isinstance(configs, Mapped) else ():
        _rename_parameters(config.get("required_indicators") if isinstance(config, Mapped) else None)
        direct = [key for key in config if key not in _DIRECT] if isinstance(config, Mapped) else []
        if not direct:
            continue
        if config.get("parameters") is None:
            config.put("parameters", Mapped(line=config.line), config.line)
        inner = config["parameters"]
        for key in direct if isinstance(inner, Mapped) else ():
            line, value = config.line_of(key), config.pop(key)
            if key in inner:
                problems.add(line, f"{key!r} stands here and under parameters", "give it once")
            if value is not None:
                inner.put(key, value, line)


def _rename_parameters(required: Any) -> None:
    """Call the `parameters` of required indicators `params`; older files have either, and both at once is refused."""
    for entry in required if isinstance(required, Listed) else ():
        if isinstance(entry, Mapped) and "parameters" in entry and "params" not in entry:
            line = entry.line_of("parameters")
            entry.put("params", entry.pop("parameters"), line)


def _read_sides(tree: Mapped, conditions: ConditionReader, problems: Problems, warnings: list[Problem]) -> None:
    """Replace `entry` and `exit` by one rule per side."""
    reader = SideReader(conditions, problems, warnings)
    entry = reader.entry(tree)
    tree.put("entry", entry, tree.line_of("entry"))
    tree.put("exit", reader.exit(tree, [side for side in SIDES if side in entry]), tree.line_of("exit"))


def _validated(tree: Mapped, problems: Problems) -> Strategy | None:
    """Return the strategy; with problems what is left of it without the parts that are wrong, for further checks."""
    pruned: Any = tree
    for _ in range(6):
        try:
            return Strategy.model_validate(pruned)
        except ValidationError as error:
            found = error.errors(include_url=False)
        first = pruned is tree
        for details in found:
            if first:  # what a later round finds follows from what was taken away
                _report(details, tree, problems)
            pruned = _without(pruned, _written(pruned, details["loc"]), missing=details["type"] == "missing")
        assert problems, found
    return None


def _written(tree: Any, path: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return a model's path as the file has it: one target may stand where a list of them could."""
    found: list[int | str] = []
    node = tree
    for step in path:
        single = isinstance(step, int) and not isinstance(node, (list, tuple))
        if step == "[key]" or single:
            continue
        found.append(step)
        node = node_at(node, (step,))
    return tuple(found)


def _model_at(path: tuple[int | str, ...]) -> Any:
    """Return the model of the section at `path`, None where plain values stand."""
    model: Any = Strategy
    named = False
    for step in path:
        if isinstance(step, int) or named:
            named = False  # a list's or mapping's item is of the model found behind its own key
            continue
        field = model.model_fields.get(step)
        models = [] if field is None else _models(field.annotation)
        if not models:
            return None
        model, named = models[0], get_origin(field.annotation) is dict
    return model


def _models(annotation: Any) -> list[Any]:
    """Return the models inside an annotation such as `dict[str, Indicator]` or `Level | None`."""
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _report(details: ErrorDetails, tree: Mapped, problems: Problems) -> None:
    path = _written(tree, details["loc"])
    line = line_at(tree, path)
    where = ".".join(str(step) for step in path)
    kind, value = details["type"], details["input"]
    if kind == "extra_forbidden":
        _report_key(path, line, problems)
    elif kind == "lab":
        context = details["ctx"]
        if not unresolved(value):
            problems.add(line, f"{where}: {context['shown']}", context["rule"], context["near"])
    elif kind == "missing":
        problems.add(line, f"{where!r} is missing", _MESSAGES[kind])
    else:
        problems.add(line, f"{where}: {described(value)}", _MESSAGES.get(kind, details["msg"]))


def _report_key(path: tuple[int | str, ...], line: int, problems: Problems) -> None:
    section, key = path[:-1], str(path[-1])
    where, model = ".".join(map(str, section)), _model_at(section)
    known = [] if model is None else list(model.model_fields)
    if model is not None and issubclass(model, Indicator) and not nearest(key, known):
        rule = f"parameters of a component stand under params: {{type: ..., params: {{{key}: ...}}}}"
        problems.add(line, f"unknown key in {where} {key!r}", rule)
        return
    unknown_key(problems, line, where, key, known)


def _without(node: Any, path: tuple[int | str, ...], *, missing: bool) -> Any:
    """Return a copy of `node` without what stands at `path`; a missing text is filled in instead."""
    if not path:
        return None
    step = path[0]
    if isinstance(node, dict):
        if len(path) == 1 and missing:
            return {**node, step: Scalar(UNNAMED)} if step in ("name", "type") else None
        inner = None if len(path) == 1 else _without(node.get(step), path[1:], missing=missing)
        rest = {key: value for key, value in node.items() if key != step}
        return rest if inner is None else {**rest, step: inner}
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        inner = None if len(path) == 1 else _without(node[step], path[1:], missing=missing)
        return [*node[:step], *([] if inner is None else [inner]), *node[step + 1 :]]
    return None
