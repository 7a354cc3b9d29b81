"""Manifest: every resolved input of a run, whose hash is its id, and the texts that let it run again."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sptrader_lab.errors import ComponentError
from sptrader_lab.kernel.compile import source_hash
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import Instrument
from sptrader_lab.types.records import INTRABAR, RULES
from sptrader_lab.types.version import __version__

_LIBRARIES: Final = ("numpy", "numba", "ta-lib", "pandas")


def make_manifest(
    plan: Plan,
    candles: tuple[Candles, ...],
    instruments: tuple[Instrument, ...],
    *,
    capital: float,
    start: int | None,
    on_error: str,
    lookahead: str,
) -> dict[str, Any]:
    """Return strategy, components, rules, candles, instruments, account and versions, as plain data."""
    strategy = plan.strategy
    rules = {name: plan.rules[0][name].item() for name in RULES.names or ()}
    return {
        "mode": "backtest",
        "strategy": {"name": strategy.name, "sha256": strategy.sha256, "parameters": dict(strategy.parameters)},
        "components": {call.spec.name: call.spec.sha256 for call in plan.calls},
        "rules": {**rules, "intrabar": INTRABAR[int(rules["intrabar"])]},
        "candles": [_described(one) for one in candles],
        "instruments": [{**one._asdict(), "day_end": str(one.day_end)} for one in instruments],
        "capital": capital,
        "start": start,
        "on_component_error": on_error,
        "lookahead": lookahead,
        "versions": {
            "sptrader_lab": __version__,
            "kernel": source_hash(),
            "python": platform.python_version(),
            **_library_versions(),
        },
    }


@cache
def _library_versions() -> dict[str, str]:
    """Return the versions that shape a run; looked up once, because reading an installation's metadata takes milliseconds."""
    return {name: version(name) for name in _LIBRARIES}


def _described(candles: Candles) -> dict[str, Any]:
    return {
        "symbol": candles.symbol,
        "timeframe": candles.timeframe,
        "price": candles.price,
        "source": candles.source,
        "rows": len(candles),
        "fingerprint": candles.fingerprint,
    }


def read_sources(plan: Plan) -> dict[str, str]:
    """Return the text of the strategy and of every component file it used, by the path that a re-run gives them.

    Raises
    ------
    ComponentError
        When a file is no longer what was run.
    """
    found = {"strategy.yaml": plan.strategy.text}
    for call in plan.calls:
        path = Path(call.spec.path)
        if path.suffix != ".py":  # TA-Lib's functions have no file
            continue
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != call.spec.sha256:
            raise ComponentError(f"{path} changed while the run was under way; run again")
        found[f"components/{call.spec.kind}s/{path.name}"] = content.decode()
    return found
