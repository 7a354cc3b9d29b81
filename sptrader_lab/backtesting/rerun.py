"""Rerun: a saved run again, from what was saved with it, and whether the bytes agree."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sptrader_lab.backtesting.conversion import Rates
from sptrader_lab.backtesting.facts import instrument_of
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.run import run
from sptrader_lab.backtesting.sources import ROOTS
from sptrader_lab.backtesting.world import World
from sptrader_lab.components.library import scan
from sptrader_lab.components.modules import source_bytes
from sptrader_lab.errors import RunError
from sptrader_lab.results.result import Result
from sptrader_lab.results.saved import load_result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.types.account import Account
from sptrader_lab.types.candles import Candles


@dataclass(frozen=True, eq=False)
class Rerun:
    """What came of running a saved run again.

    Attributes
    ----------
    saved, result : Result
        The run as it was saved, and as it is now.
    same : bool
        Whether orders, fills and equity are the same bytes (S17).
    changed : tuple of str
        What of the inputs is not as it was, such as a library's version.
    """

    saved: Result
    result: Result
    same: bool
    changed: tuple[str, ...]

    def __str__(self) -> str:
        verdict = "the same bytes" if self.same else "OTHER BYTES"
        inputs = f"; changed since: {', '.join(self.changed)}" if self.changed else "; the same inputs"
        return f"run {self.saved.run_id[:12]} again: {verdict} (digest {self.result.digest[:12]}){inputs}"

    def _repr_html_(self) -> str:
        return f"<b>{self}</b>"


def rerun(run_id: str, folder: str | Path = "data/runs") -> Rerun:
    """Run a saved run again, with the strategy, components and candles that were saved with it.

    Parameters
    ----------
    run_id : str
        The id, or as much of its beginning as is unique in `folder`.

    Raises
    ------
    RunError
        When there is no such run, or it was not a backtest that kept its sources.
    """
    saved = load_result(run_id, folder)
    manifest = saved.manifest
    if manifest.get("mode") != "backtest" or not saved.sources:
        raise RunError(f"run {saved.run_id[:12]} kept no strategy to run again")
    if "strategies" not in manifest:
        made_by = manifest.get("versions", {}).get("sptrader_lab", "an earlier version")
        raise RunError(
            f"run {saved.run_id[:12]} was saved by version {made_by}, which kept less than running again needs"
        )
    with tempfile.TemporaryDirectory(prefix="sptrader_lab-") as workspace:
        for name, text in saved.sources.items():
            path = Path(workspace, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source_bytes(text) if path.suffix == ".py" else text.encode())
        result = run(
            _world(saved, Path(workspace)),
            None,
            on_error=manifest["on_component_error"],
            mode=manifest["lookahead"],
            on_found=manifest.get("on_lookahead", "error"),  # runs of earlier versions knew nothing else
        )
    return Rerun(saved, result, result.digest == saved.digest, _changed("", saved.manifest, result.manifest))


def _world(saved: Result, workspace: Path) -> World:
    """Return what a saved run read: strategies from its texts, candles as they were kept, the account as it was."""
    manifest = saved.manifest
    kept = {one.fingerprint: one for one in (*saved.candles, *saved.references)}
    account = Account(**{name: _number(value) for name, value in manifest["account"].items()})
    leverage = account.leverage, "the saved account"
    members = tuple(_member(facts, workspace, kept, leverage) for facts in manifest["strategies"])
    return World(
        members,
        saved.candles,
        tuple(instrument_of(members, one.symbol, one.day_end) for one in saved.candles),
        account,
        manifest["start"],
        {
            quote: Rates(quote, account.currency, kept[fingerprint])
            for quote, fingerprint in manifest["conversion"].items()
        },
        {symbol: kept[fingerprint] for symbol, fingerprint in manifest["finer"].items()},
        name=manifest.get("portfolio", ""),
    )


def _member(
    facts: Mapping[str, Any], workspace: Path, kept: Mapping[str, Candles], leverage: tuple[float, str]
) -> Member:
    folder = workspace / facts["source"]
    library = scan(*(folder / root for root in ROOTS if (folder / root).is_dir()))
    strategy = load_strategy(folder / "strategy.yaml", library=library, leverage=leverage)
    own = {name: value for name, value in facts["parameters"].items() if name in strategy.referenced_parameters}
    plan = make_plan(strategy.with_values({**own, **facts.get("values", {})}), library)
    candles = tuple(kept[fingerprint] for fingerprint in facts["candles"].values())
    return Member(facts["name"], plan, candles, facts["rules"]["allocation"])


def _number(value: Any) -> Any:
    """Return an infinity, which JSON has no number for, as what it was."""
    return float(value) if value == str(math.inf) else value


def _changed(place: str, before: object, after: object) -> tuple[str, ...]:
    """Return the places at which two manifests differ, with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted({*before, *after})
        return tuple(
            found
            for name in names
            for found in _changed(f"{place}.{name}".strip("."), before.get(name), after.get(name))
        )
    return () if before == after else (f"{place} {before} -> {after}",)
