"""Load: from a YAML file or text to a `Strategy`, or to all of its problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sptrader_lab.components.library import Library, scan, standard_folders
from sptrader_lab.errors import InputError, Problem, StrategyError, nearest
from sptrader_lab.strategy import legacy
from sptrader_lab.strategy.bind import bind
from sptrader_lab.strategy.conditions import ConditionReader
from sptrader_lab.strategy.parameters import Parameters, unresolved
from sptrader_lab.strategy.schema.sections import SignalConfig
from sptrader_lab.strategy.schema.values import described
from sptrader_lab.strategy.sides import SIDES, SideReader
from sptrader_lab.strategy.source import Mapped, Problems, Scalar, line_at, read
from sptrader_lab.strategy.strategy import DEFAULT_SIZE, Origin, Strategy

_MESSAGES: Final = {
    "missing": "it is required",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of names to values",
    "tuple_type": "must be a list",
}
_DIRECT: Final = tuple(SignalConfig.model_fields)


def load_strategy(source: str | Path, *, library: Library | None = None) -> Strategy:
    """Read a strategy and check all of it: keys, values, conditions, components, their parameters and outputs.

    Parameters
    ----------
    source : str or Path
        A file; a text with more than one line is the YAML itself.
    library : Library, optional
        Where components are looked up; the strategy's workspace and the project's own library unless given.

    Raises
    ------
    StrategyError
        With every problem of the file, each with its line, the value, the rule and the nearest valid choice.
    InputError
        When there is no such file.
    """
    path, text = _opened(source)
    problems = Problems(path)
    tree = read(text, problems)
    if tree is not None and not isinstance(tree, Mapped):
        problems.add(1, "a strategy is a mapping", "begin with `name: my_strategy`")
    if not isinstance(tree, Mapped):
        raise StrategyError(problems.ordered())
    if library is None:
        library = scan(*standard_folders(Path(path).parent if path != "<text>" else None))
    return _build(Origin(path, text, source=tree, library=library), problems)


def rebuilt(strategy: Strategy, parameters: Mapping[str, object]) -> Strategy:
    """Return `strategy` with `parameters` set; the file is not read again."""
    kept = {name: value for name, value in strategy.origin.overrides.items() if name not in parameters}
    return _build(replace(strategy.origin, overrides={**kept, **parameters}), Problems(strategy.path))


def _opened(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and "\n" in source:
        return "<text>", source
    path = Path(source)
    try:
        return str(source), path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(f"byte {error.start} is not UTF-8", "save the file as UTF-8", "", str(source), 1)
        raise StrategyError([problem]) from None
    except (OSError, ValueError) as error:
        folder = path.parent if path.parent.is_dir() else Path()
        near = nearest(path.name, [item.name for item in folder.glob("*.y*ml")])
        hint = f" Did you mean {str(folder / near)!r}?" if near else ""
        raise InputError(f"no strategy file {str(source)!r} ({error.__class__.__name__}).{hint}") from None


def _build(origin: Origin, problems: Problems) -> Strategy:
    """Resolve, check and bind the tree; raise all problems together."""
    source, library = origin.source, origin.library
    parameters = Parameters(source.get("parameters"), origin.overrides, problems)
    tree = parameters.substitute(source)
    parameters.fall_back(tree)
    warnings = legacy.set_aside(tree, problems)
    _collect_shorthands(tree, problems)
    _read_sides(tree, parameters, problems, warnings)
    tree.put("parameters", parameters.values(), tree.line_of("parameters"))
    strategy = _validated(tree, problems)
    if strategy is not None and library is not None:
        warnings += bind(strategy, library, tree, problems).warnings
    if problems or strategy is None:
        raise StrategyError(problems.ordered())
    warnings += _remarks(strategy, parameters, tree, problems.file)
    ordered = tuple(sorted(warnings, key=lambda warning: warning.line))
    referenced = tuple(sorted(parameters.referenced))
    return strategy.placed(replace(origin, warnings=ordered, referenced=referenced, tree=tree))


def _collect_shorthands(tree: Mapped, problems: Problems) -> None:
    """Move parameters that stand directly under a signal into its `parameters`."""
    configs = tree.get("signal_config")
    for config in configs.values() if isinstance(configs, Mapped) else ():
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


def _read_sides(tree: Mapped, parameters: Parameters, problems: Problems, warnings: list[Problem]) -> None:
    """Replace `entry` and `exit` by one rule per side."""
    reader = SideReader(ConditionReader(parameters, problems), problems, warnings)
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
            pruned = _without(pruned, details["loc"], missing=details["type"] == "missing")
        assert problems, found
    return None


def keys_at(path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the section at `path` may hold."""
    model: Any = Strategy
    for step in path:
        if isinstance(step, int) or not hasattr(model, "model_fields"):
            continue  # a list's or mapping's items were already found behind its own key
        models = _models(model.model_fields[step].annotation) if step in model.model_fields else []
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[Any]:
    """Return the models inside an annotation such as `dict[str, Indicator]` or `Level | None`."""
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _report(details: ErrorDetails, tree: Mapped, problems: Problems) -> None:
    path = tuple(step for step in details["loc"] if step != "[key]")
    line = line_at(tree, path)
    where = ".".join(str(step) for step in path)
    kind, value = details["type"], details["input"]
    if kind == "extra_forbidden":
        known = keys_at(path[:-1])
        problems.unknown(line, f"key in {'.'.join(map(str, path[:-1])) or 'the strategy'}", str(path[-1]), known)
    elif kind == "lab":
        context = details["ctx"]
        if not unresolved(value):
            problems.add(line, f"{where}: {context['shown']}", context["rule"], context["near"])
    elif kind == "missing":
        problems.add(line, f"{where!r} is missing", _MESSAGES[kind])
    else:
        problems.add(line, f"{where}: {described(value)}", _MESSAGES.get(kind, details["msg"]))


def _without(node: Any, path: tuple[int | str, ...], *, missing: bool) -> Any:
    """Return a copy of `node` without what stands at `path`; a missing text is filled in instead."""
    if not path:
        return None
    step = path[0]
    if isinstance(node, dict):
        if len(path) == 1 and missing:
            return {**node, step: Scalar("?")} if step in ("name", "type") else None
        inner = None if len(path) == 1 else _without(node.get(step), path[1:], missing=missing)
        rest = {key: value for key, value in node.items() if key != step}
        return rest if inner is None else {**rest, step: inner}
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        inner = None if len(path) == 1 else _without(node[step], path[1:], missing=missing)
        return [*node[:step], *([] if inner is None else [inner]), *node[step + 1 :]]
    return None


def _remarks(strategy: Strategy, parameters: Parameters, tree: Mapped, file: str) -> list[Problem]:
    """Say what a reader may not expect of an otherwise valid file."""
    found: list[Problem] = []
    if strategy.entry.size is None and strategy.risk.position_size is None:
        what = f"no size is given, so {DEFAULT_SIZE:g} of equity is used"
        found.append(Problem(what, "write entry.size", "", file, line_at(tree, ("entry",))))
    levels = (strategy.stop_loss, strategy.take_profit, strategy.trailing_stop, strategy.max_holding_period)
    for side in SIDES:
        if getattr(strategy.entry, side) is not None and getattr(strategy.exit, side) is None and not any(levels):
            what = f"nothing closes a {side} position"
            found.append(Problem(what, "add an exit, a stop or a target", "", file, line_at(tree, ("entry", side))))
    for name in strategy.backtest.optimization:
        if name not in parameters.referenced:
            what = f"backtest.optimization.{name} has no effect"
            line = line_at(tree, ("backtest", "optimization", name))
            rule = (
                f"nothing refers to parameters.{name}" if name in parameters.scalars else "there is no such parameter"
            )
            found.append(Problem(what, rule, nearest(name, parameters.referenced), file, line))
    return found
