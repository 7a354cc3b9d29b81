"""Sources: the texts that let a run be run again: strategies, their components, what those import of their workspace."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.world import World
from sptrader_lab.components.legacy.provided import ROOT, workspace_of
from sptrader_lab.components.legacy.running import OldFile
from sptrader_lab.components.library import KIND_FOLDERS
from sptrader_lab.components.modules import read_bytes, source_text, syntax_tree
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.portfolio import Portfolio

#: Folders of a workspace that components stand in; what is imported from elsewhere is not the workspace's.
ROOTS = ("components", "core")


def source_folder(world: World, member: Member) -> str:
    """Return the folder of a strategy's texts among the sources of its run; "" where it is the only one."""
    return "" if len(world.members) == 1 else f"strategies/{world.members.index(member) + 1}/"


def read_sources(world: World, portfolio: Portfolio | None) -> dict[str, str]:
    """Return the texts of the run by the path that a re-run gives them: strategies, their components, the portfolio.

    Raises
    ------
    ComponentError
        When a file is no longer what was run.
    """
    found = {} if portfolio is None else {"portfolio.yaml": portfolio.text}
    for member in world.members:
        folder = source_folder(world, member)
        found |= {f"{folder}{name}": text for name, text in _texts(member.plan).items()}
    return found


def helpers(plan: Plan) -> dict[str, Path]:
    """Return the files of their workspaces that a plan's components import, by the path that a re-run gives them.

    What import statements name under `core/` there, in components and in what these import in turn; and whatever else of
    the workspace components of the older styles imported in this process, also by way of sys.path. Files that a
    component reads are not among them, and nothing outside its workspace.
    """
    return _imported_by([call.spec for call in plan.calls])


def _imported_by(specs: Sequence[Spec]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for spec in specs:
        path = Path(spec.path)
        workspace = workspace_of(path) if spec.takes_market else None
        if workspace is not None:
            _collect(path, workspace, found)
            file = getattr(spec.function, "file", None)  # that of a class or a list of events
            used = map(Path, file.used) if isinstance(file, OldFile) else ()
            found |= {each.relative_to(workspace).as_posix(): each for each in used if each.is_relative_to(workspace)}
    own = {_place(spec) for spec in specs}
    return {name: path for name, path in sorted(found.items()) if name not in own}


def _texts(plan: Plan) -> dict[str, str]:
    specs = [*plan.bound.found, *(call.spec for call in plan.calls)]  # those in use win where two have one place
    found = {name: source_text(path, read_bytes(path)) for name, path in _imported_by(specs).items()}
    for spec in specs:
        if not spec.path.endswith(".py"):  # TA-Lib's functions have no file
            continue
        content = Path(spec.path).read_bytes()
        if hashlib.sha256(content).hexdigest() != spec.sha256:
            raise ComponentError(f"{spec.path} changed while the run was under way; run again")
        found[_place(spec)] = source_text(Path(spec.path), content)
    return {"strategy.yaml": plan.strategy.text, **found}


def _place(spec: Spec) -> str:
    """Return where a component's text is kept: where it stands in its workspace, else by its kind and name."""
    path = PurePosixPath(Path(spec.path).as_posix())
    parts = path.parts[:-1]
    for number in range(len(parts) - 2, -1, -1):
        if parts[number] in ROOTS and parts[number + 1] in KIND_FOLDERS:
            return "/".join(path.parts[number:])
    return f"components/{spec.kind}s/{path.name}"


def _collect(path: Path, workspace: Path, found: dict[str, Path]) -> None:
    """Add the files of the workspace that a file imports, and those that they import."""
    for module in _imported(path, workspace):
        base = workspace.joinpath(*module.split("."))
        packages = [folder / "__init__.py" for folder in base.parents if folder.is_relative_to(workspace / "core")]
        for file in (base / "__init__.py", base.with_name(f"{base.name}.py"), *packages):
            name = file.relative_to(workspace).as_posix()
            if name not in found and file.is_file():
                found[name] = file
                _collect(file, workspace, found)


def _imported(path: Path, workspace: Path) -> Iterator[str]:
    """Yield the modules under `core` that import statements of a file name; of `from a import b` also `a.b`."""
    inside = path.relative_to(workspace).with_suffix("").parts if path.is_relative_to(workspace) else ()
    try:
        tree = syntax_tree(path, read_bytes(path))
    except ComponentError:
        return  # it can't have been imported
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = list(inside[: len(inside) - node.level]) if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.split(".")[0] == ROOT)
