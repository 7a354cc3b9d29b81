"""Check: every component and strategy of a workspace, each in a process of its own, and what to do about what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sptrader_lab.backtesting.workspace.child import RUNS
from sptrader_lab.backtesting.workspace.children import Children, Reply
from sptrader_lab.backtesting.workspace.data import check_data
from sptrader_lab.backtesting.workspace.files import Found, find
from sptrader_lab.backtesting.workspace.report import Checked, Remark, Workspace
from sptrader_lab.candles.progress import bar
from sptrader_lab.components.exam import NO_LOOKAHEAD

_CHILD: Final = "sptrader_lab.backtesting.workspace.child"
#: Seconds that a file may take for each step: being examined, being tried with other parameters, running.
LIMIT: Final = 90.0
_AHEAD: Final = (
    "backtests stop at it; `on_lookahead: warn` (--on-lookahead warn) runs them all the same and says so. To mend it, value i may "
    "use bars 0..i only: no shift(-1), no whole-history mean, no filling from behind"
)
_UNREADABLE: Final = (
    "every run reads the whole workspace, so none can run while this file is there: put what it does into a function, or behind "
    '`if __name__ == "__main__":`, or let its name begin with _ if it is no component'
)
_MEND_COMPONENT: Final = "mend it, or let the file's name begin with _ if it is no component"
_MEND_STRATEGY: Final = "mend what is named; sptrader-lab strategy check tells whether that is all"
#: What a failed question of the exam means, and what can be done, by how the question begins.
_MEANS: Final = {
    "one float64": ("fails on some candles", ""),
    "its inputs": ("writes into its inputs", "work on a copy: others read the same columns"),
    "the same": (
        "answers otherwise when asked again",
        "seed what is drawn at random and keep nothing between calls, or no result can be had twice",
    ),
    "undefined bars": (
        "speaks where its inputs are undefined",
        "harmless behind the warm-up; to mend it, answer only where every input is defined",
    ),
    "labelled": ("gives a code without a label", "name it in Labels"),
}


def check_workspace(folder: Path, limit: float = LIMIT) -> Workspace:
    """Try everything in a folder out.

    Parameters
    ----------
    folder : Path
        Which holds `components/` or `core/`, strategies, data.
    limit : float
        Seconds that a file may take for each step.

    Raises
    ------
    InputError
        When there is no such folder, or nothing in it that a workspace has.

    Notes
    -----
    Components are code: each is loaded and run, in a child process with this user's rights.
    """
    found = find(folder)
    known = [str(path) for path in found.components]
    strategies = (*found.strategies, *found.portfolios)
    count = len(known) + len(strategies) + len(found.data)
    with Children(_CHILD, limit) as children, bar(count, "checking files", unit="file") as progress:

        def begun(path: str) -> None:
            progress.set_postfix_str(_relative(path, found))

        asked = [{"kind": "component", "path": path, "components": known, "bad": {}} for path in known]
        replies = children.ask(asked, begun, progress.update)
        bad = {path: reply.why for path, reply in zip(known, replies, strict=True) if reply.answer is None}
        asked = [{"kind": "strategy", "path": str(path), "components": known, "bad": bad} for path in strategies]
        runs = children.ask(asked, begun, progress.update)
        data = []
        for path in found.data:
            begun(str(path))
            data.append(check_data(path, found.folder))
            progress.update()
    components = [_component(path, found, reply) for path, reply in zip(found.components, replies, strict=True)]
    broken = [each.path for each in components if each.status == "broken"]
    checked = [_strategy(path, found, reply, broken) for path, reply in zip(strategies, runs, strict=True)]
    return Workspace(
        str(found.folder),
        tuple(sorted(map(_with_advice, components), key=lambda each: each.path)),
        tuple(sorted(map(_with_advice, checked), key=lambda each: each.path)),
        tuple(data),
        found.left_alone,
    )


def _component(path: Path, found: Found, reply: Reply) -> Checked:
    shown = path.relative_to(found.folder).as_posix()
    answer = reply.answer
    if answer is None:
        printed = f"\nit had printed:\n{reply.log}" if reply.log.strip() else ""
        why = _relative(reply.why, found)
        todo = _UNREADABLE if "loading" in why and "requires" not in why else ""
        return Checked(shown, "?", "", "broken", why.split(", at ")[0], (Remark(why + printed, todo),))
    kind, style = answer.get("kind", "?"), answer.get("style", "")
    if "error" in answer:
        said = _relative(answer["error"], found)
        return Checked(shown, kind, style, "broken", _first(said), (Remark(said, _todo(said)),))
    if "failed" in answer:
        return _script(shown, answer, found)
    remarks: list[Remark] = []
    for each in answer["findings"]:
        if each["question"] == RUNS and not each["passed"]:
            said = _relative(each["seen"], found)
            return Checked(shown, kind, style, "broken", _first(said), (Remark(said, "mend what the traceback shows"),))
        if not each["passed"]:
            remarks.append(_finding(each["question"], each["seen"], ""))
    for each in answer["settings"]:
        given = ", ".join(f"{name}={value!r}" for name, value in each["setting"].items())
        remarks.append(_finding(each["question"], _relative(each["seen"], found), given))
    if not remarks:
        return Checked(shown, kind, style, "ok", f"passed on {answer['bars']:,} candles")
    more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
    return Checked(shown, kind, style, "warning", remarks[0].seen.split(":")[0] + more, tuple(remarks))


def _finding(question: str, seen: str, given: str) -> Remark:
    """Return what one failed question of the exam means, and what can be done."""
    place = f" with {given}" if given else ""
    if question == NO_LOOKAHEAD:
        return Remark(f"looks ahead{place}: {seen}", _AHEAD)
    if question == RUNS:
        return Remark(f"fails{place}: {_first(seen)}", "leave that value out, or narrow min and max in the metadata")
    means, todo = next((told for begin, told in _MEANS.items() if question.startswith(begin)), (question, ""))
    return Remark(f"{means}{place}: {seen}" if seen else f"{means}{place}", todo)


def _script(shown: str, answer: dict[str, Any], found: Found) -> Checked:
    bars, failed = answer["bars"], answer["failed"]
    notes = tuple(Remark(_relative(note, found)) for note in answer["notes"])
    kind = answer["kind"]
    if failed == bars:
        todo = "run it by hand with CANDLE_DATA and CURRENT_INDEX set, and see what it prints"
        return Checked(shown, kind, "script", "broken", "fails on every candle", (*notes, Remark("", todo)))
    if failed:
        return Checked(shown, kind, "script", "warning", f"fails on {failed:,} of {bars:,} candles", notes)
    return Checked(shown, kind, "script", "warning" if notes else "ok", f"answered on {bars:,} candles", notes)


def _with_advice(checked: Checked) -> Checked:
    """Return a file that is broken with something to do about it."""
    if checked.status != "broken" or any(each.todo for each in checked.remarks):
        return checked
    todo = _MEND_STRATEGY if checked.kind in ("strategy", "portfolio") else _MEND_COMPONENT
    return replace(checked, remarks=(*checked.remarks, Remark("", todo)))


def _blamed(said: str, broken: list[str]) -> Remark:
    """Return what is wrong with a strategy; of what a broken component does, where it is told."""
    blamed = next((each for each in broken if each in said), "")
    return Remark(said.strip().splitlines()[0], f"see {blamed} above") if blamed else Remark(said)


def _strategy(path: Path, found: Found, reply: Reply, broken: list[str]) -> Checked:
    shown = path.relative_to(found.folder).as_posix()
    kind = "portfolio" if path in found.portfolios else "strategy"
    answer = reply.answer
    if answer is None:
        return Checked(shown, kind, "", "broken", reply.why, (Remark(f"{reply.why}\n{reply.log}".strip()),))
    if "problems" in answer:
        problems = [_blamed(_relative(each, found), broken) for each in answer["problems"]]
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
        return Checked(shown, kind, "", "broken", count, tuple(problems))
    if "error" in answer:
        said = _relative(answer["error"], found)
        return Checked(shown, kind, "", "broken", _first(said), (_blamed(said, broken),))
    warnings = [*answer["warnings"], *answer.get("run_warnings", ())]
    ran = "loads"
    if "bars" in answer:
        trades = answer["trades"]
        ran = f"ran on {answer['bars']:,} made-up candles, {trades} trade{'s' * (trades != 1)}"
        warnings += _refused(answer["refused"])
    listed = f", {len(warnings)} warning{'s' * (len(warnings) != 1)}" if warnings else ""
    remarks = tuple(Remark(_relative(each, found)) for each in warnings)
    return Checked(shown, kind, "", "warning" if warnings else "ok", ran + listed, remarks)


def _refused(counts: dict[str, int]) -> list[str]:
    """Return why a strategy that never traded did not, when its entries were refused."""
    reasons = ", ".join(f"{why} ({count:,})" if len(counts) > 1 else why for why, count in counts.items())
    return [f"every entry ({sum(counts.values()):,}) was refused: {reasons}"] if counts else []


def _relative(text: str, found: Found) -> str:
    return text.replace(f"{found.folder}/", "")


def _first(text: str) -> str:
    """Return the first line of a message, without the place where it begins with one."""
    line = text.strip().splitlines()[0] if text.strip() else "fails"
    head, separator, rest = line.partition(": ")
    return rest if separator and ".py" in head else line


def _todo(said: str) -> str:
    if "it requires" in said:
        return "put the missing component into the workspace, or name one that is there in required_indicators"
    if "not valid Python" in said:
        return "mend the line, or let the file's name begin with _ if it is no component"
    return ""
