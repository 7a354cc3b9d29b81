"""Draws: what an optimiser of Optuna proposes values with, reproducibly, and where it keeps what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

Sampler = Literal["tpe", "cmaes", "random"]


def study_storage(path: str | Path | None) -> BaseStorage | None:
    """Return the file in which a study survives, as Optuna's journal; None for memory."""
    if path is None:
        return None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def seeded_sampler(kind: Sampler, seed: int) -> BaseSampler:
    """Return a sampler that draws each trial with a generator of its own, from the seed and the trial's number.

    So a study that goes on from its file draws what it would have drawn without the interruption, and processes that share a
    file draw different values though they have the same seed.
    """
    from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler

    def fresh(number: int) -> BaseSampler:
        own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        if kind == "tpe":
            return TPESampler(seed=own)
        if kind == "random":
            return RandomSampler(seed=own)
        return CmaEsSampler(seed=own, warn_independent_sampling=False, independent_sampler=RandomSampler(seed=own))

    class Seeded(BaseSampler):
        def __init__(self) -> None:
            self.number, self.inner = -1, fresh(0)

        def of(self, trial: FrozenTrial) -> BaseSampler:
            if trial.number != self.number:
                self.number, self.inner = trial.number, fresh(trial.number)
            return self.inner

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return self.of(trial).infer_relative_search_space(study, trial)

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
            return self.of(trial).sample_relative(study, trial, search_space)

        def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
            return self.of(trial).sample_independent(study, trial, param_name, param_distribution)

        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            self.of(trial).before_trial(study, trial)

        def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Sequence[float] | None) -> None:
            self.of(trial).after_trial(study, trial, state, values)

    return Seeded()
