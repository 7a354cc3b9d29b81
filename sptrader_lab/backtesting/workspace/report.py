"""Report: what a workspace holds and whether it can run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Remark:
    """One thing to know of a file: what was seen, and what to do about it ('' when nothing needs to be done)."""

    seen: str
    todo: str = ""


@dataclass(frozen=True)
class Checked:
    """One file.

    Attributes
    ----------
    path : str
        As seen from the workspace.
    kind : str
        indicator, signal, strategy, portfolio or data; ? for a component that does not say.
    style : str
        How a component is written: native, class, events or script; the file's format for data.
    status : {"ok", "warning", "broken"}
        Whether it can run, and whether something is to be known before.
    summary : str
        One line: what it was tried on, or what is wrong.
    """

    path: str
    kind: str
    style: str
    status: Status
    summary: str
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Workspace:
    """Everything in a folder.

    Attributes
    ----------
    left_alone : dict of str to str
        Files that are neither, and why.
    """

    folder: str
    components: tuple[Checked, ...]
    strategies: tuple[Checked, ...]
    data: tuple[Checked, ...] = ()
    left_alone: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether every component and every strategy can run."""
        return all(each.status != "broken" for each in (*self.components, *self.strategies))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**asdict(self), "runs": self.runs}
