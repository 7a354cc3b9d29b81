"""`sptrader-lab components new`, `migrate` and `run`: component files, written and run."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from sptrader_lab.cli.common import emit, json_option
from sptrader_lab.errors import InputError, LabError


def add(commands: Any) -> None:
    """Add the three commands to the group `components`."""
    new = commands.add_parser("new", help="write a new component and a test of it, both of which run as they are")
    new.add_argument("name", metavar="NAME", help="such as range_share; its function and its file are called so")
    new.add_argument("--kind", choices=("indicator", "signal"), required=True, help="columns, or events")
    new.add_argument(
        "--folder",
        default="components",
        help="which holds indicators/ and signals/ (%(default)s); the test goes to tests/ beside it",
    )
    new.add_argument(
        "--input", nargs="+", default=["close"], metavar="COLUMN", help="candle columns that it looks at (close)"
    )
    json_option(new)
    new.set_defaults(run=_new)

    migrate = commands.add_parser(
        "migrate",
        help="turn a class of the older system into a native component that gives the same bits",
        description="Turn a class of the older system into a native component. Both are run on made-up candles with many settings of "
        "their parameters; unless every bit agrees, nothing is written and the first difference is shown. The old file stays as it is.",
    )
    migrate.add_argument("file", metavar="FILE", help="a file with a class that has calculate or evaluate")
    migrate.add_argument(
        "--output", metavar="FILE", help="where to write it, never over another file; printed unless given"
    )
    json_option(migrate)
    migrate.set_defaults(run=_migrate)

    run = commands.add_parser(
        "run",
        help="run a component as a process that speaks the protocol of scripts (CANDLE_DATA, INDICATOR_START ...)",
        description="Run any component as a script: candles come from the environment (CANDLE_DATA, CANDLE_DATA_FILE, CURRENT_INDEX, "
        "PARAMETERS, for signals INDICATOR_DATA), the answer is printed between its markers. A script runs as python would run it, "
        "with the modules core.* that the laboratory gives.",
    )
    run.add_argument("name", metavar="NAME|FILE", help="such as sma, or a file")
    run.set_defaults(run=_run)


def _new(args: argparse.Namespace) -> int:
    from sptrader_lab.components.template import write_new

    written = write_new(args.name, args.kind, Path(args.folder), args.input)
    document = {"component": str(written.component), "test": str(written.test)}
    emit(args, document, lambda: _next_steps(args.name, document))
    return 0


def _next_steps(name: str, written: dict[str, str]) -> str:
    lines = [
        f"written  {written['component']}",
        f"written  {written['test']}",
        "",
        f"sptrader-lab components check {name}",
        f"python -m pytest {written['test']}",
    ]
    return "\n".join(lines)


def _migrate(args: argparse.Namespace) -> int:
    from sptrader_lab.components.migration.run import migrate

    output = Path(args.output) if args.output else None
    if output is not None and output.suffix != ".py":
        raise InputError(f"--output {args.output!r} is no Python file; write it like components/indicators/sma.py")
    if output is not None and output.exists():
        raise InputError(f"{args.output} is there already; nothing was written. Take another name, or move it away.")
    done = migrate(Path(args.file), output.stem if output else "")
    compared = f"same bits on {done.compared.bars:,} candles, with {done.compared.settings} settings of its parameters"
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(done.text, encoding="utf-8")
    failed = [each for each in done.exam.findings if not each.passed]
    document = {
        "name": done.name,
        "output": args.output,
        "text": done.text,
        "compared": compared,
        "notes": done.notes,
        "exam": [vars(each) for each in done.exam.findings],
    }
    remarks = [compared, *done.notes, *(f"as the class did: {str(each)[5:]}" for each in failed)]
    if output is None:
        emit(args, document, lambda: done.text.removesuffix("\n"))
        if not args.json:  # the document has them; standard output may go into the new file
            print("\n".join(remarks), file=sys.stderr)
    else:
        emit(args, document, lambda: "\n".join([f"written  {output}", *(f"  {each}" for each in remarks)]))
    return 0


def _run(args: argparse.Namespace) -> int:
    from sptrader_lab.components.library import scan, standard_folders
    from sptrader_lab.components.reading import read
    from sptrader_lab.components.scripts.speak import tell

    file = Path(args.name)
    spec = read(file) if file.is_file() else scan(*standard_folders()).find(args.name)
    if spec.style == "script":
        return _run_script(Path(spec.path))
    tell(spec, os.environ)
    return 0


def _run_script(path: Path) -> int:
    """Run a script in this process, as python does but with the modules `core.*`, and return its exit code."""
    from sptrader_lab.components.legacy import provided

    provided.install(provided.workspace_of(path))
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    try:
        runpy.run_path(str(path), run_name="__main__")
    except LabError:
        raise
    except Exception as error:  # noqa: BLE001 - the script is the user's code, and may raise anything
        own = error.__traceback__
        while own is not None and own.tb_frame.f_code.co_filename != str(path):
            own = own.tb_next
        traceback.print_exception(type(error), error, own or error.__traceback__)
        return 1
    return 0
