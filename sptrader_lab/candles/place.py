"""The data folder: which one may be read, and which one may be made.

Reading must not make a folder out of a mistyped name: it would answer with sample candles, as if nothing had happened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sptrader_lab.errors import InputError, nearest

#: The one name under which a folder is made by reading, so that a first run needs no preparation.
DEFAULT: Final = "data"


def must_be_readable(folder: Path) -> None:
    """Refuse a folder that does not exist, unless it is called `data` and stands in one that does.

    Raises
    ------
    InputError
        With the nearest folder that exists.
    """
    if _is_folder(folder) or (folder.name == DEFAULT and folder.absolute().parent.is_dir()):
        return
    raise InputError(
        f"there is no folder {folder.absolute()}{_hint(folder)} To make it, import into it: "
        f"sptrader-lab data import FILE --symbol EURUSD --data {folder}; or make it empty for sample candles"
    )


def must_be_writable(folder: Path) -> None:
    """Refuse a folder that does not exist in a folder that does not exist either.

    Raises
    ------
    InputError
        With the nearest folder that exists.
    """
    if not _is_folder(folder) and not folder.absolute().parent.is_dir():
        raise InputError(
            f"the folder {folder.absolute()} can't be made{_hint(folder)} Make the folder it stands in first."
        )


def _is_folder(folder: Path) -> bool:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder.absolute()} is a file; candles live in a folder")
    return folder.is_dir()


def _hint(folder: Path) -> str:
    parent = folder.absolute().parent
    if not parent.is_dir():
        there = next(above for above in parent.parents if above.is_dir())
        return f", nor {parent}; what exists of it is {there}."
    near = nearest(folder.name, (other.name for other in parent.iterdir() if other.is_dir()))
    return f". Did you mean {parent / near}?" if near else "."
