"""Child: examines one component, or tries one strategy, and writes down how far it came.

Run as ``python -m sptrader_lab.backtesting.workspace.child REQUEST ANSWERS``: a JSON file, and one that gets a line of JSON per
step and then the answer. Whatever the file under examination prints goes elsewhere.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sptrader_lab.backtesting.workspace.ahead import peek
from sptrader_lab.backtesting.workspace.needs import entries_of, needed_library
from sptrader_lab.components import reading
from sptrader_lab.components.exam import NO_LOOKAHEAD, Exam, exam_candles, examine, gather, market_of
from sptrader_lab.components.library import Library
from sptrader_lab.components.migration.compare import settings, wild
from sptrader_lab.components.run import ask
from sptrader_lab.components.scripts.reaper import adopt_orphans, die_with_parent, end_all
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentFailed, LabError, StrategyError
from sptrader_lab.types.reasons import PLAIN, REASONS

#: Candles for scripts, which take milliseconds for each.
_FEW: Final = 200
#: Candles for strategies.
_SOME: Final = 1000
#: How warnings begin, or what they hold, that say that nothing happened.
_IDLE: Final = ("no entry condition ever held", " was never ")
#: Seconds in which a file must be loaded; nothing else is to happen then.
_LOADING: Final = 20.0
#: Seconds in which other parameters are tried.
_PATIENCE: Final = 10.0
#: The question of the exam that a component which raises fails.
RUNS: Final = "it runs"


def main(request: str, answers: str) -> None:
    """Answer one request."""
    _watch_over()
    asked = json.loads(Path(request).read_text(encoding="utf-8"))
    steps = os.open(answers, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    log = os.dup(2)  # components may close standard error, or put something else in its place

    def write(**said: Any) -> None:
        os.write(steps, (json.dumps(said) + "\n").encode())

    def doing(what: str) -> None:
        write(doing=what)
        seconds = min(asked["limit"], _LOADING) if what.startswith("loading") else asked["limit"]
        faulthandler.dump_traceback_later(seconds, exit=True, file=log)

    faulthandler.enable(log)
    answer = {"component": _component, "strategy": _strategy}[asked["kind"]](asked, doing)
    faulthandler.cancel_dump_traceback_later()
    write(answer=answer)
    os._exit(0)  # threads of a component must not keep the process


def _watch_over() -> None:
    """Go on in a process of its own; the one that stays behind ends what that one leaves, and then as that one did."""
    adopt_orphans()
    # A file may leave the group and the session of its process; to its parent's parent it comes back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    worker = os.fork()
    if not worker:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        die_with_parent()
        os.setsid()
        return
    code = 1
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_all(worker)
        if code < 0:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with contextlib.suppress(OSError):  # SIGKILL has no handler to put back
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)


def _component(asked: dict[str, Any], doing: Callable[[str], None]) -> dict[str, Any]:
    path = Path(asked["path"])
    doing("loading")
    try:
        spec = reading.read(path)
    except LabError as error:
        return {"error": str(error)}
    found: dict[str, Any] = {"kind": spec.kind, "style": spec.style, "name": spec.name, "findings": [], "settings": []}
    doing("loading the indicators it requires")
    try:
        library = needed_library(spec, [Path(each) for each in asked["components"]], asked["bad"])
        doing("being examined")
        if spec.style == "script" and not getattr(spec.function, "batch", False):
            found.update(_script(spec, library))
            return found
        exam = examine(spec, exam_candles(), library=library)
    except LabError as error:
        return {**found, "error": str(error)}
    found.update(bars=exam.bars, findings=_findings(exam))
    if all(each.passed for each in exam.findings if each.question in (NO_LOOKAHEAD, RUNS)):
        doing("being tried with other parameters")
        found["settings"] = _other_settings(spec, library)
    return found


def _findings(exam: Exam) -> list[dict[str, Any]]:
    return [{"question": each.question, "passed": each.passed, "seen": each.seen} for each in exam.findings]


def _script(spec: Spec, library: Library) -> dict[str, Any]:
    """Ask a script once: what it gives for a candle, it gives with no later candle in sight."""
    candles = exam_candles(_FEW)
    answer = ask(spec, gather(spec, candles, library), spec.resolve({}), market_of(candles))
    return {"bars": len(candles), "failed": answer.failed, "notes": list(answer.notes)}


def _other_settings(spec: Spec, library: Library) -> list[dict[str, Any]]:
    """Return the settings of one parameter with which it fails or looks ahead, as far as there is time to try."""
    found: list[dict[str, Any]] = []
    candles = wild(exam_candles(_SOME))
    inputs = gather(spec, candles, library)
    until = time.monotonic() + _PATIENCE
    for setting in settings(spec):
        if time.monotonic() > until:
            break
        try:
            question, seen = NO_LOOKAHEAD, peek(spec, inputs, spec.resolve(setting), candles)
        except ComponentFailed as error:
            question, seen = RUNS, str(error)
        found += [{"setting": setting, "question": question, "seen": seen}] if seen else []
        if seen and question == NO_LOOKAHEAD:
            break  # one is enough to know, and the first one says the least of other parameters
    return found


def _strategy(asked: dict[str, Any], doing: Callable[[str], None]) -> dict[str, Any]:
    from sptrader_lab.backtesting.members import Member
    from sptrader_lab.backtesting.run import run
    from sptrader_lab.backtesting.world import find_world
    from sptrader_lab.strategy.load import load_strategy
    from sptrader_lab.strategy.plan import make_plan
    from sptrader_lab.strategy.portfolio import is_portfolio, load_portfolio

    path = asked["path"]
    doing("loading the workspace's components")
    library = Library((), entries_of([Path(each) for each in asked["components"]], asked["bad"]))
    doing("loading")
    try:
        if is_portfolio(path):
            portfolio = load_portfolio(path, library=library)
            return {"name": portfolio.name, "warnings": [], "tried": ""}
        strategy = load_strategy(path, library=library)
    except StrategyError as error:
        return {"problems": [str(each) for each in error.problems]}
    except LabError as error:
        return {"problems": [str(error)]}
    found: dict[str, Any] = {"name": strategy.name, "warnings": [str(each) for each in strategy.warnings]}
    doing("running")
    try:
        # Not `backtest`, which would scan the workspace anew and meet the files that can't even be read.
        plan = make_plan(strategy, library)
        candles = wild(exam_candles(_FEW if any(call.spec.style == "script" for call in plan.calls) else _SOME))
        member = Member(strategy.name, plan, (candles,))
        world = find_world((member,), portfolio=None, capital=None, start=None, trade_on=None, store=None)
        result = run(world, None, on_error="raise", mode="check", on_found="warn")
    except LabError as error:
        return {**found, "error": str(error)}
    known = set(found["warnings"])
    said = [text for text in map(str, result.warnings) if text not in known]
    # That nothing happened says something of a strategy on real candles only.
    found["run_warnings"] = [text for text in said if not text.startswith(_IDLE[0]) and _IDLE[1] not in text]
    idle = not len(result.trades) and not len(result.outcome.positions)
    refused = {PLAIN[REASONS.index(each)]: count for each, count in result.refusal_counts.items()} if idle else {}
    return {**found, "bars": len(candles), "trades": len(result.trades), "refused": refused}


if __name__ == "__main__":
    main(*sys.argv[1:])
