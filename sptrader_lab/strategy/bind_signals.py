"""Bind signals: a signal's configuration, its required indicators and the shorthands of older files."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from sptrader_lab.components.spec import Input, Output, Spec
from sptrader_lab.strategy.binder import MISSING, Binder, Call, last_part
from sptrader_lab.strategy.schema.sections import Indicator, SignalConfig

#: Names that events of the older system gave to what a native signal calls otherwise.
_ALIASES: Final = {"strength": "signal_strength", "signal_strength": "strength"}
_UNSET: Final = SignalConfig()


class SignalBinder:
    """Finds signals by the names that conditions use."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self.bound: dict[str, Call] = {}
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
        if name == "signal_type" and call.spec.outputs[0].labels:
            return call.spec.outputs[0]
        self.binder.problems.unknown(line, f"output of {signal}", name, outputs)
        return None

    def _bind(self, name: str, line: int) -> Call | None:
        config = self.binder.strategy.signal_config.get(name, _UNSET)
        listed = [path for path in self.binder.strategy.dependencies.signals if last_part(path) == name]
        spec = self.binder.find(config.type or (listed[0] if listed else name), line, "signal")
        if spec is None:
            return None
        if spec.kind != "signal":
            rule = f"write {{indicator: {name}, condition: '> ...'}} or an expression"
            self.binder.problems.add(line, f"{name!r} is an indicator, not a signal", rule)
            return None
        own, changes = self._split(spec, name, config)
        filled = self._inputs(spec, name, config, changes, line)
        given = {key: value for key, value in own.items() if value is not MISSING}
        return self.binder.component(spec, given, line, filled)

    def _split(self, spec: Spec, name: str, config: SignalConfig) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        """Return the signal's own parameters, and those of its required indicators by input (`fast_period`)."""
        own: dict[str, Any] = {}
        changes: dict[str, dict[str, str]] = {}
        for key, text in config.parameters.items():
            path = ("signal_config", name, "parameters", key)
            if any(parameter.name == key for parameter in spec.parameters):
                own[key] = self.binder.parameter(spec, key, text, path)
                continue
            target = next((each for each in spec.inputs if each.requires and _inner_name(each, key)), None)
            if target is None:
                known = [parameter.name for parameter in spec.parameters]
                known += [f"{_prefix(each)}_period" for each in spec.inputs if each.requires]
                self.binder.problems.unknown(self.binder.line(*path), f"parameter of {name}", key, known)
            else:
                changes.setdefault(target.name, {})[_inner_name(target, key)] = key
        return own, changes

    def _inputs(
        self, spec: Spec, name: str, config: SignalConfig, changes: dict[str, dict[str, str]], line: int
    ) -> dict[str, str]:
        """Return the column of every input that is not a candle column."""
        entries = self._entries(spec, name, config)
        filled: dict[str, str] = {}
        for group in _groups(spec):
            changed = {inner: key for each in group for inner, key in changes.get(each.name, {}).items()}
            for each in group:
                column = self._input(each, name, entries.get(each.name), changed, line)
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
        spec = binder.find(component, binder.line(*path, "type"), "indicator")
        if spec is None:
            return None
        extra: dict[str, Any] = dict(requires.parameters) if place is None else {}
        for inner, key in changed.items():
            source = ("signal_config", signal, "parameters", key)
            extra[inner] = binder.parameter(spec, inner, config.parameters[key], source)
            self._warn_replaced(indicator, inner, key, config, binder.line(*source))
        call = binder.indicator(indicator, path, extra)
        if place is not None and not output and call is not None:
            output = _matching_output(call.spec, each)
        return binder.output(call, output, line if place is None else binder.line(*path))

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


def _groups(spec: Spec) -> list[list[Input]]:
    """Return the inputs that one component with the same parameters fills, such as a channel's two lines."""
    needing = [each for each in spec.inputs if each.requires]

    def origin(each: Input) -> str:
        return f"{each.requires.component} {each.requires.parameters}" if each.requires else ""

    return [list(group) for _, group in groupby(needing, origin)]


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
