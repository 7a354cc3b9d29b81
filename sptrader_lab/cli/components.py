"""`sptrader-lab components` (or `component`): list, show and check indicators and signals; write new ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.cli import component_files
from sptrader_lab.cli.common import emit, json_option
from sptrader_lab.errors import LabError

if TYPE_CHECKING:
    from sptrader_lab.components.exam import Exam
    from sptrader_lab.components.library import Broken, Library
    from sptrader_lab.components.spec import Input, Parameter, Spec

#: Candles of the exam; a script is a process for each of them.
_OF_OTHERS: Final = 1500
_OF_SCRIPTS: Final = 200


def add(subparsers: Any) -> None:
    """Add the group and its commands."""
    words = "indicators and signals: list, show, check, new, migrate, run"
    group = subparsers.add_parser("components", aliases=["component"], help=words)
    commands = group.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="what there is, and what is broken")
    listing.add_argument("--talib", action="store_true", help="TA-Lib's functions instead of the library")
    json_option(listing)
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", help="inputs, parameters and outputs of one component")
    show.add_argument("name", metavar="NAME", help="such as sma, talib.RSI, or a file")
    json_option(show)
    show.set_defaults(run=_show)

    check = commands.add_parser("check", help="run the exam: shape, same answer twice, no look-ahead ...")
    check.add_argument("name", metavar="NAME|FILE", nargs="?", help="one component; all of them unless given")
    json_option(check)
    check.set_defaults(run=_check)
    component_files.add(commands)


def _library() -> Library:
    """Return what is found around the current folder."""
    from sptrader_lab.components.library import scan, standard_folders

    return scan(*standard_folders())


def _find(name: str) -> tuple[Spec, Library]:
    """Return one component, and what is found around it; a file that exists is meant as it is."""
    from sptrader_lab.components.library import scan, standard_folders

    file = Path(name).resolve()
    library = scan(*standard_folders(file)) if file.is_file() else _library()
    return library.find(str(file) if file.is_file() else name), library


def _list(args: argparse.Namespace) -> int:
    from sptrader_lab.components.library import Library
    from sptrader_lab.components.talib_adapter import talib_names, talib_spec

    library = Library((), tuple(map(talib_spec, talib_names()))) if args.talib else _library()
    specs = list(library.specs.values())
    document = {
        "components": [_described(spec) for spec in specs],
        "broken": [{"path": broken.path, "error": str(broken.error)} for broken in library.broken],
    }
    emit(args, document, lambda: _listing(specs, library.broken))
    return 0


def _listing(specs: list[Spec], broken: tuple[Broken, ...]) -> str:
    lines: list[str] = []
    for kind in ("indicator", "signal"):
        chosen = [spec for spec in specs if spec.kind == kind]
        width = max((len(spec.name) for spec in chosen), default=0)
        lines += [f"{kind}s"] if chosen else []
        lines += [f"  {spec.name:{width}}  {spec.summary}" for spec in chosen]
    if broken:
        lines.append("broken")
        lines += [f"  {each.error}" for each in broken]
    return "\n".join(lines)


def _show(args: argparse.Namespace) -> int:
    spec, _ = _find(args.name)
    emit(args, _described(spec), lambda: _page(spec))
    return 0


def _page(spec: Spec) -> str:
    doc = _said_of(spec).split("\n    Parameters\n")[0]
    paragraphs = [" ".join(part.split()) for part in doc.strip().split("\n\n")]
    paragraphs = paragraphs[1:] if paragraphs[0] == spec.summary else paragraphs
    lines = [f"{spec.name} ({_kind(spec)})", spec.summary, *filter(None, paragraphs), "", "inputs"]
    lines += [f"  {_filled(each)}" for each in spec.inputs]
    lines += ["parameters"] if spec.parameters else []
    for each in spec.parameters:
        lines.append(f"  {each.name} = {each.default!r}  {_range(each)}")
        lines += [f"      {each.description}"] if each.description else []
    lines.append("outputs")
    for output in spec.outputs[: len(spec.outputs) // spec.slots]:
        codes = ", ".join(f"{code} {label}" for code, label in enumerate(output.labels))
        holds = codes or ("numbers or words" if output.mixed else "")
        lines.append(f"  {output.name}" + (f"  ({holds})" if holds else ""))
    if spec.slots > 1:
        lines.append(f"  and as many again with #2 to #{spec.slots}, for further events on one bar")
    if spec.reshape is not None and len(spec.reshape(("asked",), ()).outputs) > len(spec.outputs):
        lines.append("  and what a strategy asks for")
    return "\n".join([*lines, "", f"file {spec.path}", f"sha256 {spec.sha256}"])


def _said_of(spec: Spec) -> str:
    """Return the docstring; of an older style that of its class or function, not of ours that asks it."""
    own = vars(spec.function).get("__doc__") if spec.takes_market else spec.function.__doc__
    return own or ""


def _kind(spec: Spec) -> str:
    """Return the kind, and the style where it is not the usual one."""
    return f"{spec.kind}, {spec.style}" if spec.takes_market else spec.kind


def _filled(each: Input) -> str:
    if each.requires is None:
        return each.name
    needs = each.requires
    given = ", ".join(f"{name}={value!r}" for name, value in needs.parameters.items())
    output = f".{needs.output}" if needs.output else ""
    return f"{each.name}  from {needs.component}({given}){output}"


def _range(parameter: Parameter) -> str:
    if parameter.kind == "bool":
        return "true or false"
    if parameter.choices:
        return "one of " + ", ".join(parameter.choices)
    if parameter.kind == "str":
        return "any text"
    return f"{parameter.kind}, {parameter.range.removeprefix('from ') or 'any'}"


def _described(spec: Spec) -> dict[str, Any]:
    parameters = [
        {
            "name": each.name,
            "kind": each.kind,
            "default": each.default,
            "low": each.low,
            "high": each.high,
            "choices": each.choices,
            "description": each.description,
        }
        for each in spec.parameters
    ]
    return {
        "name": spec.name,
        "kind": spec.kind,
        "style": spec.style,
        "summary": spec.summary,
        "inputs": [
            {
                "name": each.name,
                "component": each.requires.component if each.requires else None,
                "output": each.requires.output if each.requires else None,
                "parameters": each.requires.parameters if each.requires else {},
            }
            for each in spec.inputs
        ],
        "parameters": parameters,
        "outputs": [{"name": each.name, "labels": each.labels, "mixed": each.mixed} for each in spec.outputs],
        "lookback": spec.lookback,
        "path": spec.path,
        "sha256": spec.sha256,
    }


def _check(args: argparse.Namespace) -> int:
    from sptrader_lab.components.exam import exam_candles, examine

    specs: list[Spec]
    broken: tuple[Broken, ...] = ()
    if args.name:
        spec, library = _find(args.name)
        specs = [spec]
    else:
        library = _library()
        specs, broken = list(library.specs.values()), library.broken
    exams: list[Exam] = []
    refused: dict[str, str] = {each.path: str(each.error) for each in broken}
    for spec in specs:
        try:
            bars = _OF_SCRIPTS if spec.style == "script" else _OF_OTHERS
            exams.append(examine(spec, exam_candles(bars), library=library))
        except LabError as error:  # a requirement of one component hides no other
            refused[spec.name] = f"{spec.name}: could not be examined: {error}"
    document = {
        "exams": [
            {
                "name": exam.name,
                "passed": exam.passed,
                "bars": exam.bars,
                "warmup": exam.warmup,
                "findings": [vars(finding) for finding in exam.findings],
            }
            for exam in exams
        ],
        "refused": [{"name": name, "error": error} for name, error in refused.items()],
    }
    emit(args, document, lambda: _verdicts(exams, list(refused.values()), whole=bool(args.name)))
    return 0 if not refused and all(exam.passed for exam in exams) else 1


def _verdicts(exams: list[Exam], refused: list[str], *, whole: bool) -> str:
    lines = []
    for exam in exams:
        if whole or not exam.passed:
            lines.append(str(exam))
        else:
            bars = max(exam.warmup.values())
            waiting = f", {bars} bars of warm-up" if bars else ""
            lines.append(f"{exam.name}: passed on {exam.bars:,} candles{waiting}")
    failed = len(refused) + sum(not exam.passed for exam in exams)
    return "\n".join([*lines, *refused, f"{len(exams) + len(refused) - failed} passed, {failed} failed"])
