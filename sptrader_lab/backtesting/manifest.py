"""Manifest: every resolved input of a run, whose hash is its id."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.sources import helpers, source_folder
from sptrader_lab.backtesting.world import World
from sptrader_lab.kernel.compile import source_hash
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.values import is_path
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.records import INTRABAR, RULES, TARGET
from sptrader_lab.types.version import __version__

_LIBRARIES: Final = ("numpy", "numba", "ta-lib", "pandas")


def make_manifest(world: World, *, on_error: str, lookahead: str, on_lookahead: str) -> dict[str, Any]:
    """Return strategies, components, rules, candles, instruments, account and versions, as plain data.

    `strategies` has an entry per strategy; what a run of a single one is most often asked for stands beside it too.
    """
    strategies = [_strategy(member, world) for member in world.members]
    return {
        "mode": "backtest",
        **({"portfolio": world.name} if world.name else {}),
        **({name: strategies[0][name] for name in ("components", "rules")} if len(strategies) == 1 else {}),
        **({"strategy": _identity(world.members[0].plan)} if len(strategies) == 1 else {}),
        "strategies": strategies,
        "candles": [_described(one) for one in world.traded],
        "references": [_described(one) for one in world.references],
        "conversion": {quote: rates.candles.fingerprint for quote, rates in world.rates.items()},
        "finer": {symbol: candles.fingerprint for symbol, candles in world.finer.items()},
        "instruments": [{**one._asdict(), "day_end": str(one.day_end)} for one in world.instruments],
        "account": world.account._asdict(),
        "capital": world.account.capital,
        "start": world.start,
        "on_component_error": on_error,
        "lookahead": lookahead,
        "on_lookahead": on_lookahead,
        "versions": {
            "sptrader_lab": __version__,
            "kernel": source_hash(),
            "python": platform.python_version(),
            **_library_versions(),
        },
    }


def _strategy(member: Member, world: World) -> dict[str, Any]:
    plan = member.plan
    rules = {name: plan.rules[0][name].item() for name in RULES.names or ()}
    return {
        **_identity(plan),
        "name": member.name,
        "components": {call.spec.name: call.spec.sha256 for call in plan.calls} | _helpers(plan),
        "rules": {**rules, "intrabar": INTRABAR[int(rules["intrabar"])], "allocation": member.allocation},
        "targets": [{name: target[name].item() for name in TARGET.names or ()} for target in plan.targets],
        "candles": {one.symbol: one.fingerprint for one in member.candles},
        "source": source_folder(world, member),
    }


def _helpers(plan: Plan) -> dict[str, str]:
    """Return what components import of their workspaces, whose changes change a run as theirs do."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in helpers(plan).items()}


def _identity(plan: Plan) -> dict[str, Any]:
    strategy = plan.strategy
    replaced = {name: value for name, value in strategy.origin.overrides.items() if is_path(name)}
    known = {"name": strategy.name, "sha256": strategy.sha256, "parameters": dict(strategy.parameters)}
    return {**known, "values": replaced} if replaced else known


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
