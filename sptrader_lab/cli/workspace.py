"""`sptrader-lab workspace check`: what a folder of components and strategies holds, and whether all of it can run."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.cli.common import emit, json_option

if TYPE_CHECKING:
    from sptrader_lab.backtesting.workspace.report import Checked, Workspace

_WIDTH: Final = 120


def add(subparsers: Any) -> None:
    """Add the group `workspace` and its command `check`."""
    group = subparsers.add_parser("workspace", help="try out everything in a folder: components, strategies, data")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    check = commands.add_parser(
        "check",
        help="examine every component, load and run every strategy, look into data; exit code 1 when something can't run",
        description="Examine every component (right shape, same answer twice, no look-ahead), load and run every strategy on made-up "
        "candles, and look into data files. Each file is tried in a process of its own with a time limit: one that hangs, exits or "
        "crashes is reported and the check goes on. Nothing is written. Components are code, and are run with your rights.",
    )
    check.add_argument("folder", metavar="FOLDER", help="which holds components/ or core/, strategies/, data/")
    json_option(check)
    check.set_defaults(run=_check)


def _check(args: argparse.Namespace) -> int:
    from sptrader_lab.backtesting.workspace.check import check_workspace

    found = check_workspace(Path(args.folder))
    emit(args, found.as_dict(), lambda: page(found))
    return 0 if found.runs else 1


def page(found: Workspace) -> str:
    """Return a line per file, then the details of those that have any, then whether all can run."""
    everything = (*found.components, *found.strategies, *found.data)
    width = max((len(each.path) for each in everything), default=0)
    kinds = max((len(f"{each.kind} {each.style}".strip()) for each in everything), default=0)
    lines = [f"workspace {found.folder}"]
    for title, some in (("components", found.components), ("strategies", found.strategies), ("data", found.data)):
        lines += ["", title] if some else []
        lines += [
            f"  {each.status:7}  {each.path:{width}}  {_kind(each):{kinds}}  {each.summary}".rstrip() for each in some
        ]
    if found.left_alone:
        lines += ["", "left alone"]
        longest = max(map(len, found.left_alone))
        lines += [f"  {path:{longest}}  {why}" for path, why in found.left_alone.items()]
    lines += _details("to mend", [each for each in everything if each.status == "broken"])
    lines += _details("to know", [each for each in everything if each.status == "warning"])
    lines += _details("to import", [each for each in found.data if each.status == "ok"])
    return "\n".join([*lines, "", _total(found)])


def _kind(each: Checked) -> str:
    return f"{each.kind} {each.style}".strip()


def _details(title: str, some: Sequence[Checked]) -> list[str]:
    lines = ["", title] if some else []
    for each in some:
        lines.append(f"  {each.path}")
        for remark in each.remarks:
            for place, text in enumerate(remark.seen.splitlines()):
                lines += _wrapped(text, "    - " if place == 0 else "      ")
            lines += _wrapped(remark.todo, "    > ") if remark.todo else []
    return lines


def _wrapped(text: str, begin: str) -> list[str]:
    """Return a paragraph in lines; a command and a traceback stay whole."""
    if text.startswith(("sptrader-lab ", " ")) or begin.isspace():
        return [f"{begin}{text}"]
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _total(found: Workspace) -> str:
    parts = []
    for some, name in ((found.components, "component"), (found.strategies, "strategy"), (found.data, "data file")):
        counts = {status: sum(each.status == status for each in some) for status in ("ok", "warning", "broken")}
        plural = {"strategy": "strategies"}.get(name, f"{name}s") if len(some) != 1 else name
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        parts += [f"{len(some)} {plural} ({told})"] if some else []
    broken = sum(each.status == "broken" for each in (*found.components, *found.strategies))
    verdict = "everything can run" if not broken else f"{broken} file{'s' * (broken != 1)} can't run"
    return f"{'; '.join(parts)}: {verdict}"
