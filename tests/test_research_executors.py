"""Sweeps on a cluster: Dask with processes of its own, one killed in the middle, another joining late."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from distributed import Client, LocalCluster
from sweep_cases import candles, same_rows, small

from sptrader_lab.research.work import compute_job

#: Enough to last for dozens of jobs.
MANY = {"grid": {"ma_fast_period": range(2, 42), "ma_slow_period": range(42, 92)}, "constraints": ()}


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as started:
        yield started


class Noted(Executor):
    """Hands everything on and notes what was handed on; at some jobs, by number, something happens first."""

    def __init__(self, inner: Executor, events: dict[int, Callable[[], object]] | None = None) -> None:
        self.inner = inner
        self.events = events or {}
        self.jobs: list[tuple[Any, tuple[Any, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert not kwargs
        self.jobs.append((fn, args))
        self.events.get(len(self.jobs), lambda: None)()
        return self.inner.submit(fn, *args)


def test_a_cluster_that_loses_a_worker_and_gains_another_gives_the_same_bytes(tmp_path, cluster):
    with ThreadPoolExecutor(1) as alone:
        serial = small(tmp_path / "serial", executor=alone, **MANY)
    with Client(cluster) as client:
        pids = client.run(os.getpid)
        executor = Noted(
            client.get_executor(pure=False),
            {7: lambda: os.kill(next(iter(pids.values())), signal.SIGKILL), 9: lambda: cluster.scale(3)},
        )
        found = small(tmp_path / "cluster", executor=executor, **MANY)
        client.wait_for_workers(3, timeout=60)  # the nanny brings the killed one back, and the third one came
        assert set(client.run(os.getpid).values()) != set(pids.values())
    assert len(executor.jobs) > 9
    assert found.complete
    assert found.computed == 2_000
    assert found.sweep_id == serial.sweep_id
    assert same_rows(found, serial)


def test_jobs_are_text_and_numbers_and_never_hold_the_candles(tmp_path, cluster):
    with Client(cluster) as client:
        executor = Noted(client.get_executor(pure=False))
        hours = candles(20_000)
        found = small(tmp_path, executor=executor, candles=hours)
    assert found.complete
    for function, (setting, numbers, rows) in executor.jobs:
        assert function is compute_job
        assert type(setting) is type(rows) is str
        assert all(type(number) is int for number in numbers)
        # The strategy's text, a path, and a hundred bytes per combination; one column of the candles would be 160,000.
        assert len(pickle.dumps((setting, numbers, rows))) < 10_000 + 100 * len(numbers)
