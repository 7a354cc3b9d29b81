"""Work: some combinations computed here, or in another process, which is handed text and numbers and reads candles itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.kernel.summary import BLOCK_SUMS, BLOCKS, SUMMARY
from sptrader_lab.research.grid import strategy_values
from sptrader_lab.research.setting import Choice, Setting, choice_of
from sptrader_lab.research.store import Done

#: Settings whose candles and engines a worker process keeps.
_KEPT: Final = 2


def compute(setting: Setting, numbers: Sequence[int], rows: Sequence[Mapping[str, Any]]) -> tuple[Done, float]:
    """Run some combinations, and say how many seconds that took.

    Parameters
    ----------
    setting : Setting
    numbers : sequence of int
        Of the combinations.
    rows : sequence of mapping
        The combinations themselves.
    """
    started = time.perf_counter()
    metrics = np.full((len(rows), len(SUMMARY)), np.nan)
    blocks = np.zeros((len(rows), BLOCKS, len(BLOCK_SUMS)))
    errors = [""] * len(rows)
    for places in _by_choice(rows).values():
        batch = setting.engine(rows[places[0]]).run([strategy_values(rows[place]) for place in places])
        metrics[places], blocks[places] = batch.metrics, batch.blocks
        for place, error in zip(places, batch.errors, strict=True):
            errors[place] = error
    return Done(np.asarray(numbers, np.int64), metrics, blocks, errors), time.perf_counter() - started


def compute_job(setting: str, numbers: list[int], rows: str) -> tuple[Done, float]:
    """Run some combinations in a process that has nothing but this text; the same rows as `compute`.

    Parameters
    ----------
    setting : str
        What `setting_text` returned. The candles that it names are read once and kept.
    numbers : list of int
    rows : str
        The combinations as JSON.
    """
    return compute(_setting(setting), numbers, json.loads(rows))


def setting_text(setting: Setting, candles: Path) -> str:
    """Return a setting as text; its candles lie in the folder `candles`."""
    return json.dumps({"setting": setting.document(), "candles": str(candles.absolute())})


@lru_cache(maxsize=_KEPT)
def _setting(text: str) -> Setting:
    document = json.loads(text)
    return Setting.load(document["setting"], Path(document["candles"]))


def _by_choice(rows: Sequence[Mapping[str, Any]]) -> dict[Choice, NDArray[np.int64]]:
    found: dict[Choice, list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(choice_of(row), []).append(place)
    return {choice: np.array(places) for choice, places in found.items()}
