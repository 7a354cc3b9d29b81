"""Rerun: a saved run again, from what was saved with it, and whether the bytes agree."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sptrader_lab.backtesting.run import run_plan
from sptrader_lab.components.library import scan
from sptrader_lab.errors import RunError
from sptrader_lab.results.result import Result
from sptrader_lab.results.saved import load_result
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan


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
    if "strategy.yaml" not in saved.sources or manifest.get("mode") != "backtest":
        raise RunError(f"run {saved.run_id[:12]} kept no strategy to run again")
    with tempfile.TemporaryDirectory(prefix="sptrader_lab-") as workspace:
        for name, text in saved.sources.items():
            path = Path(workspace, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        library = scan(Path(workspace, "components"))
        strategy = load_strategy(Path(workspace, "strategy.yaml"), library=library)
        own = {
            name: value
            for name, value in manifest["strategy"]["parameters"].items()
            if name in strategy.referenced_parameters
        }
        plan = make_plan(strategy.with_parameters(own), library)
        result = run_plan(
            plan,
            saved.candles,
            capital=saved.capital,
            start=manifest["start"],
            on_error=manifest["on_component_error"],
            mode=manifest["lookahead"],
        )
    return Rerun(saved, result, result.digest == saved.digest, _changed("", saved.manifest, result.manifest))


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
