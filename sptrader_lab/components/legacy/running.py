"""Running: an old component's file as a module, and what the two old styles are called with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from sptrader_lab.components.legacy.metadata import CANDLES
from sptrader_lab.components.legacy.provided import importer, undisturbed, workspace_of
from sptrader_lab.components.listening import Heard, listening_alone
from sptrader_lab.components.modules import run_file
from sptrader_lab.components.scripts.protocol import kept
from sptrader_lab.components.words import Column
from sptrader_lab.errors import ComponentFailed
from sptrader_lab.types.publishing import NO_PUBLISHING, publishing_is_off, publishing_off

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OldFile:
    """A file of the older system that has run.

    Attributes
    ----------
    used : dict of str to str
        Files of the workspace that it imported so far, with their SHA-256.
    said : str
        What it printed while it was loaded.
    """

    path: Path
    module: ModuleType
    used: dict[str, str]
    said: str

    @contextlib.contextmanager
    def called(self) -> Iterator[Heard]:
        """Keep what a call prints, behind what loading printed; what it changes of the process is put back."""
        with listening_alone() as heard, _apart(workspace_of(self.path), self.used):
            heard.write(self.said)
            yield heard

    def failed(self, name: str, what: str, line: int, function: str) -> ComponentFailed:
        """Return the error of an answer that is none, with the place of the function that gave it."""
        return ComponentFailed(f"component {name}: {what}", f'  File "{self.path}", line {line}, in {function}')


def run_old(path: Path, content: bytes, sha256: str) -> OldFile:
    """Run a file that may import the older system's modules.

    Raises
    ------
    ComponentError
        When it raises, or wants to end the process.
    """
    workspace = workspace_of(path)
    used: dict[str, str] = {}
    with listening_alone() as heard, _apart(workspace, used):
        module = run_file(path, content, sha256, importer(workspace, used, path))
    return OldFile(path, module, used, heard.text)


@contextlib.contextmanager
def _apart(workspace: Path | None, used: dict[str, str]) -> Iterator[None]:
    """Run old code as in a backtest, and put back what it changes: imports, environment, working folder, numpy's errors.

    Inside, nothing is published, also not by threads and processes that it starts, and the variables are missing that
    choose other data or speak to the world; unless the component is run by hand.
    """
    environment, folder = dict(os.environ), _working_folder()
    with undisturbed(workspace, used), publishing_off(), np.errstate():
        if publishing_is_off():
            for name in environment.keys() - kept(environment).keys():
                del os.environ[name]
            os.environ[NO_PUBLISHING] = "1"
        try:
            yield
        finally:
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            os.environ.update({name: value for name, value in environment.items() if os.environ.get(name) != value})
            if folder and folder != _working_folder():
                with contextlib.suppress(OSError):  # the component may have removed it
                    os.chdir(folder)


def _working_folder() -> str:
    """Return the working folder; "" when it has been removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - as text, to go back to
    except FileNotFoundError:
        return ""


def arguments(columns: Sequence[Column], required: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the candles as a frame and the required indicators as Series on its index, all of them copies.

    Parameters
    ----------
    columns : sequence of numpy.ndarray of float64, shape (bars,)
        Those of `CANDLES`, then one per name in `required`.
    """
    from sptrader_lab.components.legacy.frames import candle_frame, series

    count = len(CANDLES)
    frame = candle_frame(columns[0], dict(zip(CANDLES[1:], columns[1:count], strict=True)))
    given = zip(required, columns[count:], strict=True)
    return frame, {name: series(column, frame.index, name) for name, column in given}
