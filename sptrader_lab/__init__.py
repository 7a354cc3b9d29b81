"""sptrader_lab: the notebook laboratory for trading research, one decision logic from backtest to live.

The names below are the front door; each loads what it needs when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sptrader_lab.results import faces
from sptrader_lab.types.version import __version__ as __version__

if TYPE_CHECKING:
    from sptrader_lab.backtesting.rerun import rerun
    from sptrader_lab.backtesting.run import backtest
    from sptrader_lab.candles.store import CandleStore
    from sptrader_lab.components.library import scan as scan_components
    from sptrader_lab.errors import LabError
    from sptrader_lab.research.cross_validation import cross_validate
    from sptrader_lab.research.optimize import optimize
    from sptrader_lab.research.saved import load_sweep, sweeps
    from sptrader_lab.research.sweep import sweep
    from sptrader_lab.research.walk_forward import walk_forward
    from sptrader_lab.results.registry import runs
    from sptrader_lab.results.saved import load_result
    from sptrader_lab.strategy.load import load_strategy
    from sptrader_lab.strategy.portfolio import load_portfolio
    from sptrader_lab.types.candles import Candles

__all__ = [
    "CandleStore",
    "Candles",
    "LabError",
    "backtest",
    "cross_validate",
    "load_portfolio",
    "load_result",
    "load_strategy",
    "load_sweep",
    "optimize",
    "rerun",
    "runs",
    "scan_components",
    "sweep",
    "sweeps",
    "walk_forward",
]

_HOMES: Final = {
    "CandleStore": "candles.store:CandleStore",
    "Candles": "types.candles:Candles",
    "LabError": "errors:LabError",
    "backtest": "backtesting.run:backtest",
    "cross_validate": "research.cross_validation:cross_validate",
    "load_portfolio": "strategy.portfolio:load_portfolio",
    "load_result": "results.saved:load_result",
    "load_strategy": "strategy.load:load_strategy",
    "load_sweep": "research.saved:load_sweep",
    "optimize": "research.optimize:optimize",
    "rerun": "backtesting.rerun:rerun",
    "runs": "results.registry:runs",
    "scan_components": "components.library:scan",
    "sweep": "research.sweep:sweep",
    "sweeps": "research.saved:sweeps",
    "walk_forward": "research.walk_forward:walk_forward",
}


def __getattr__(name: str) -> Any:
    """Load a name of the front door on its first use, so that importing the package costs next to nothing."""
    if name not in _HOMES:
        from sptrader_lab.errors import nearest

        near = nearest(name, __all__)
        hint = f". Did you mean {near!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = globals()[name] = _load(_HOMES[name])
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def _load(place: str) -> Any:
    module, attribute = place.split(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def _face(name: str) -> Any:
    """Return a function that finds the notebook's faces when it is called; results must not import them."""

    def show(*arguments: Any, **options: Any) -> Any:
        return _load(f"widgets.faces:{name}")(*arguments, **options)

    return show


for _name in ("heatmap", "importances", "parallel", "paths", "plot", "report", "show", "trials", "walk"):
    faces.register(_name, _face(_name))
del _name
