"""Bind signals: a signal's configuration, its required indicators and the shorthands of older files."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, NamedTuple

from sptrader_lab.components.spec import Input, Output, Spec
from sptrader_lab.components.words import Requires
from sptrader_lab.errors import ComponentError
from sptrader_lab.strategy.binder import COLUMNS, MISSING, Binder, Call
from sptrader_lab.strategy.finder import last_part
from sptrader_lab.strategy.schema.sections import Indicator, SignalConfig

#: Names that events of the older system gave to what a native signal calls otherwise.
_ALIASES: Final = {"strength": "signal_strength", "signal_strength": "strength"}
_UNSET: Final = SignalConfig()
#: Styles whose components tell events, of which each may have a name of its own.
TELLING: Final = ("events", "script")


class Chosen(NamedTuple):
    """The component behind a name of `signal`, and the name of its events where that is not the component's own."""

    spec: Spec
    event: str = ""


class Expected(NamedTuple):
    """A word that a condition waits for: in which columns of a component, and where the file says so."""

    shown: str
    columns: tuple[str, ...]
    word: str
    line: int


class SignalBinder:
    """Finds signals by the names that conditions use."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self.bound: dict[str, Call] = {}
        self.events: dict[str, str] = {}
        self.expected: dict[tuple[str, str], Expected] = {}
        self.numbers: list[Expected] = []
        self.used: set[str] = set()
        self.failed: set[str] = set()

    def signal(self, name: str, line: int) -> Call | None:
        """Return the call of the signal called `name`, set up as `signal_config` says."""
        if name not in self.bound and name not in self.failed:
            found = self._bind(name, line)
            if found is None:
                self.failed.add(name)
            else:
                self.bound[name] = found
        return self.bound.get(name)

    def output(self, call: Call, name: str, signal: str, line: int) -> Output | None:
        """Return the output called `name`, also by the names that the older system's events had."""
        outputs = {output.name: output for output in call.spec.outputs}
        if name in outputs:
            return outputs[name]
        if _ALIASES.get(name) in outputs:
            return outputs[_ALIASES[name]]
        if name == "signal_type" and (typed := type_output(call.spec)) is not None:
            return typed
        self.binder.problems.unknown(line, f"output of {signal}", name, [one for one in outputs if "#" not in one])
        return None

    def _bind(self, name: str, line: int) -> Call | None:
        chosen = self._chosen(name, line)
        if chosen is None:
            return None
        spec = chosen.spec
        if spec.kind != "signal":
            rule = f"write {{indicator: {name}, condition: '> ...'}} or an expression"
            self.binder.problems.add(line, f"{name!r} is an indicator, not a signal", rule)
            return None
        configs = self.binder.strategy.signal_config
        setup = name if name in configs or not chosen.event else self._listed_as(spec)
        config = configs.get(setup, _UNSET)
        own, changes = self._split(spec, setup, config)
        filled = self._inputs(spec, setup, config, changes, line)
        given = {key: value for key, value in own.items() if value is not MISSING}
        if spec.reshape is not None:
            extra = self._extra(spec, setup, config)
            filled |= {each.name: column for each, column in extra}
            spec = spec.reshape(self._asked(spec), tuple(each for each, _ in extra))
        self.events[name] = chosen.event
        return self.binder.component(spec, given, line, filled)

    def _chosen(self, name: str, line: int) -> Chosen | None:
        """Return the component called `name`, or the one whose events are called so."""
        if self._is_event(name) and (only := self._only_teller) is not None:
            self.binder.found[only.path] = only
            return Chosen(only, name)
        spec = self.binder.find(self._type(name), line, "signal")
        return None if spec is None else Chosen(spec)

    def _type(self, name: str) -> str:
        """Return what to look for: the type under `signal_config`, the dependency of this name, or the name."""
        config = self.binder.strategy.signal_config.get(name, _UNSET)
        listed = [path for path in self.binder.strategy.dependencies.signals if last_part(path) == name]
        return config.type or (listed[0] if listed else name)

    def _is_event(self, name: str) -> bool:
        """Say whether no component is called `name`, so that it can only be what events are called."""
        kind = self._type(name)
        broken = last_part(kind) in [one.name for one in self.binder.library.broken]
        return kind == name and not broken and self._find(kind) is None

    def _find(self, kind: str) -> Spec | None:
        """Return a component without noting a problem."""
        try:
            return self.binder.library.find(kind)
        except ComponentError:
            return None

    @cached_property
    def _only_teller(self) -> Spec | None:
        """The one component under `dependencies.signals` that tells events, None when there are several or none."""
        listed = (self._find(name) for name in self.binder.strategy.dependencies.signals)
        found = {spec.path: spec for spec in listed if spec is not None and spec.style in TELLING}
        return next(iter(found.values())) if len(found) == 1 else None

    def _spec_of(self, name: str) -> Spec | None:
        """Return the component behind a name of `signal`, without noting a problem."""
        return self._only_teller if self._is_event(name) else self._find(self._type(name))

    def _listed_as(self, spec: Spec) -> str:
        """Return the name under which `signal_config` sets a component up."""
        return next((one for one in self.binder.strategy.signal_config if self._spec_of(one) is spec), spec.name)

    def _asked(self, spec: Spec) -> tuple[str, ...]:
        """Return the outputs that conditions ask of a component, beside those that it has anyway."""
        signals = {event.signal for event in self.binder.asked.events}
        mine = [name for name in signals if (found := self._spec_of(name)) is not None and found.path == spec.path]
        known = {output.name for output in spec.outputs}
        return tuple(sorted(self.binder.asked.outputs_of_signals(mine) - known))

    def _extra(self, spec: Spec, name: str, config: SignalConfig) -> list[tuple[Input, str]]:
        """Return the indicators that a component is given by their names, besides those it requires.

        All of `required_indicators`, where it tells events or is a class that requires none; a script also those listed
        under `dependencies`, by their own names.
        """
        found: dict[str, tuple[Input, str]] = {}
        taken = {each.name for each in spec.inputs if each.requires}
        candles = {*COLUMNS, *(each.name for each in spec.inputs if not each.requires)}
        for place, each in enumerate(config.required_indicators):
            path = ("signal_config", name, "required_indicators", place)
            if each.name not in taken and _is_given_more(spec):
                call = self.binder.indicator(each, path)
                meant = each.output or self.binder.meant(each.type)
                if not meant and call is not None and any(each.name == output.name for output in call.spec.outputs):
                    meant = each.name
                column = self.binder.output(call, meant, self.binder.line(*path))
                if column is not None:
                    found[each.name] = Input(each.name, Requires(each.type)), column
        listed = self.binder.strategy.dependencies.indicators if spec.style == "script" else ()
        for place, dependency in enumerate(listed):
            line = self.binder.line("dependencies", "indicators", place)
            needed = self.binder.find(dependency, line, "indicator")
            call = None if needed is None else self.binder.component(self.binder.shaped(needed), {}, line)
            for shown, given in () if call is None else _offers(call):
                if shown not in taken:
                    found.setdefault(shown, given)
        for column in sorted(found.keys() & candles):
            rule = "a candle column has this name; give it another one"
            self.binder.problems.add(self.binder.line("signal_config", name), f"indicator {column!r}", rule)
        return [given for column, given in found.items() if column not in candles]

    def _split(self, spec: Spec, name: str, config: SignalConfig) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        """Return the signal's own parameters, and those of its required indicators by input (`fast_period`)."""
        own: dict[str, Any] = {}
        changes: dict[str, dict[str, str]] = {}
        for key, text in config.parameters.items():
            path = ("signal_config", name, "parameters", key)
            if any(parameter.name == key for parameter in spec.parameters):
                own[key] = self.binder.parameter(spec, key, text, path)
                continue
            named = [each for each in spec.inputs if each.requires and _inner_name(each, key)]
            if not named:
                known = [parameter.name for parameter in spec.parameters]
                known += [f"{_prefix(each)}_period" for each in spec.inputs if each.requires]
                self.binder.problems.unknown(self.binder.line(*path), f"parameter of {name}", key, known)
            else:  # of `ma` and `ma_fast`, `ma_fast_period` means the one that says more of it
                target = min(named, key=lambda each: (len(_inner_name(each, key)), not key.startswith(each.name)))
                changes.setdefault(target.name, {})[_inner_name(target, key)] = key
        return own, changes

    def _inputs(
        self, spec: Spec, name: str, config: SignalConfig, changes: dict[str, dict[str, str]], line: int
    ) -> dict[str, str]:
        """Return the column of every input that is not a candle column."""
        entries = self._entries(spec, name, config)
        filled: dict[str, str] = {}
        for each in spec.inputs:
            if each.requires:
                column = self._input(each, name, entries.get(each.name), changes.get(each.name, {}), line)
                if column is not None:
                    filled[each.name] = column
        return filled

    def _input(self, each: Input, signal: str, place: int | None, changed: dict[str, str], line: int) -> str | None:
        binder, requires = self.binder, each.requires
        config = binder.strategy.signal_config.get(signal, _UNSET)
        assert requires is not None
        if place is None:
            component, output = requires.component, requires.output
            indicator = Indicator(type=component, params={})
            path: tuple[int | str, ...] = ("signal_config", signal)
        else:
            indicator = config.required_indicators[place]
            component, path = indicator.type, ("signal_config", signal, "required_indicators", place)
            output = indicator.output
        means = binder.indicator_of(component, binder.line(*path, "type"))
        if means is None:
            return None
        spec = means[0]
        extra: dict[str, Any] = dict(requires.parameters) if place is None else {}
        for inner, key in changed.items():
            source = ("signal_config", signal, "parameters", key)
            extra[inner] = binder.parameter(spec, inner, config.parameters[key], source)
            self._warn_replaced(indicator, inner, key, config, binder.line(*source))
        call = binder.indicator(indicator, path, extra)
        if place is not None and not output and call is not None:
            output = means[1] or _matching_output(call.spec, each)
        return binder.output(call, output or means[1], line if place is None else binder.line(*path))

    def _warn_replaced(self, indicator: Indicator, inner: str, key: str, config: SignalConfig, line: int) -> None:
        given = indicator.params.get(inner)
        if given is not None and given != config.parameters[key]:
            what = f"{key}: {config.parameters[key]} replaces {inner}: {given} of {getattr(indicator, 'name', '')}"
            self.binder.warn(line, what, "the parameter that stands under the signal itself wins")

    def _entries(self, spec: Spec, name: str, config: SignalConfig) -> dict[str, int]:
        """Return which entry of `required_indicators` fills which input: by name, the others in order."""
        required = [each.name for each in spec.inputs if each.requires]
        entries = {each.name: place for place, each in enumerate(config.required_indicators) if each.name in required}
        others = [place for place, each in enumerate(config.required_indicators) if each.name not in required]
        if _is_given_more(spec):  # what it doesn't require it is given all the same, by its name
            return entries
        groups = [group for group in _groups(spec) if not any(each.name in entries for each in group)]
        free = [each.name for each in spec.inputs if each.requires and each.name not in entries]
        if len(others) <= len(groups):
            entries.update({each.name: place for place, group in zip(others, groups, strict=False) for each in group})
        elif len(others) <= len(free):
            entries.update(zip(free, others, strict=False))
        else:
            place = others[len(free)]
            line = self.binder.line("signal_config", name, "required_indicators", place)
            odd = config.required_indicators[place].name
            self.binder.problems.unknown(line, f"input of {name}", odd, required)
        return entries


def _offers(call: Call) -> list[tuple[str, tuple[Input, str]]]:
    """Return what a script is given of an indicator: its numbers by its name, or by `name.output` where it has several."""
    spec = call.spec
    names = {each.name: spec.name if len(spec.outputs) == 1 else f"{spec.name}.{each.name}" for each in spec.outputs}
    numbers = [each.name for each in spec.outputs if not each.mixed]
    return [(names[each], (Input(names[each], Requires(spec.name, each)), call.column(each))) for each in numbers]


def type_output(spec: Spec) -> Output | None:
    """Return the output that says what happened: `signal_type`, a first one with labels, or the first called `..._type`."""
    named = next((output for output in spec.outputs if output.name == "signal_type"), None)
    if named is not None or spec.outputs[0].labels:
        return named or spec.outputs[0]
    return next((output for output in spec.outputs if output.name.endswith("_type")), None)


def _is_given_more(spec: Spec) -> bool:
    """Say whether a component is given indicators that its file doesn't ask for."""
    return spec.style in TELLING or (spec.style == "class" and not any(each.requires for each in spec.inputs))


def _groups(spec: Spec) -> list[list[Input]]:
    """Return the inputs that one entry fills: the lines of one channel, different outputs of one component."""
    groups: list[list[Input]] = []
    for each in spec.inputs:
        if each.requires is not None:
            if groups and _is_another_line(each.requires, groups[-1]):
                groups[-1].append(each)
            else:
                groups.append([each])
    return groups


def _is_another_line(needed: Requires, group: list[Input]) -> bool:
    """Say whether an input belongs to a channel: of the same component with the same parameters an output not yet there."""
    lines = [each.requires for each in group if each.requires]
    alike = all((one.component, one.parameters) == (needed.component, needed.parameters) for one in lines)
    outputs = [one.output for one in lines]
    return alike and needed.output not in ("", *outputs) and "" not in outputs


def _matching_output(spec: Spec, each: Input) -> str:
    """Return the output an input wants of a component that replaces its own: the same, or the one of its name."""
    names = [output.name for output in spec.outputs]
    wanted = each.requires.output if each.requires else ""
    return wanted if wanted in names else each.name if each.name in names else ""


def _prefix(each: Input) -> str:
    return each.name.removeprefix("ma_")


def _inner_name(each: Input, key: str) -> str:
    """Return the parameter behind the input's name: `period` for `fast_period` of `ma_fast`."""
    for prefix in (each.name, _prefix(each)):
        if key.startswith(prefix + "_"):
            return key.removeprefix(prefix + "_")
    return ""
