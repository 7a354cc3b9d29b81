"""Faces: how a result finds charts and widgets that it must not import.

Charts and widgets lie above results, so they come to it: the front door registers one function for each word, and
`Result.plot()`, `Result.report()` and a notebook cell call whatever stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sptrader_lab.errors import LabError

Face = Callable[..., Any]

_REGISTERED: Final[dict[str, Face]] = {}


def register(name: str, function: Face) -> None:
    """Let `function` answer for `name`; the last one registered wins.

    Parameters
    ----------
    name : str
        ``"plot"``: ``function(result, **options)`` returns a figure. ``"report"``: ``function(result, path, **options)``
        writes a file. ``"show"``: ``function(result)`` returns what a notebook cell displays (a widget, or anything
        with `_repr_mimebundle_`, or a mapping of MIME type to data). ``"heatmap"``, ``"parallel"``: ``function(sweep,
        **options)`` returns a figure. ``"trials"``, ``"importances"`` of an optimisation, ``"walk"`` of a walk forward,
        ``"paths"`` of a cross-validation: the same.
    """
    _REGISTERED[name] = function


def registered(name: str) -> Face | None:
    """Return the function that answers for `name`, or None."""
    return _REGISTERED.get(name)


def face(name: str) -> Face:
    """Return the function that answers for `name`.

    Raises
    ------
    LabError
        When nothing was registered, with what to do.
    """
    function = registered(name)
    if function is None:
        raise LabError(f"nothing is registered that can {name} a result; `import sptrader_lab` does it")
    return function
