"""Manifest: every resolved input of a run, whose hash is its id, and the texts that let it run again."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.world import World
from sptrader_lab.errors import ComponentError
from sptrader_lab.kernel.compile import source_hash
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.portfolio import Portfolio
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.records import INTRABAR, RULES, TARGET
from sptrader_lab.types.version import __version__

_LIBRARIES: Final = ("numpy", "numba", "ta-lib", "pandas")


def make_manifest(world: World, *, on_error: str, lookahead: str) -> dict[str, Any]:
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
        "components": {call.spec.name: call.spec.sha256 for call in plan.calls},
        "rules": {**rules, "intrabar": INTRABAR[int(rules["intrabar"])], "allocation": member.allocation},
        "targets": [{name: target[name].item() for name in TARGET.names or ()} for target in plan.targets],
        "candles": {one.symbol: one.fingerprint for one in member.candles},
        "source": source_folder(world, member),
    }


def _identity(plan: Plan) -> dict[str, Any]:
    strategy = plan.strategy
    return {"name": strategy.name, "sha256": strategy.sha256, "parameters": dict(strategy.parameters)}


def source_folder(world: World, member: Member) -> str:
    """Return the folder of a strategy's texts among the sources of its run; "" where it is the only one."""
    return "" if len(world.members) == 1 else f"strategies/{world.members.index(member) + 1}/"


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


def _texts(plan: Plan) -> dict[str, str]:
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
