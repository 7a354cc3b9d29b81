"""The one background thread of all widgets."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from sptrader_lab.widgets.worker import Worker


def test_jobs_run_in_the_order_in_which_they_are_due() -> None:
    worker, ran, done = Worker(), [], threading.Event()
    worker.later("slow", 0.08, lambda: (ran.append("slow"), done.set()))
    worker.later("fast", 0.01, lambda: ran.append("fast"))
    assert done.wait(5)
    assert ran == ["fast", "slow"]


def test_a_job_under_a_waiting_key_replaces_it_at_the_promised_time() -> None:
    worker, ran, done = Worker(), [], threading.Event()
    start = time.monotonic()
    for number in range(20):
        worker.later("same", 0.1, lambda number=number: (ran.append(number), done.set()))
        time.sleep(0.002)
    assert done.wait(5)
    assert 0.09 < time.monotonic() - start < 3
    time.sleep(0.15)
    assert ran == [19]


def test_a_job_that_fails_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    worker, done = Worker(), threading.Event()
    with caplog.at_level(logging.ERROR):
        worker.later("broken", 0, lambda: 1 / 0)
        worker.later("fine", 0.02, done.set)
        assert done.wait(5)
    assert "ZeroDivisionError" in caplog.text


def test_a_forgotten_job_does_not_run() -> None:
    worker, ran, done = Worker(), [], threading.Event()
    worker.later("unwanted", 0.03, lambda: ran.append(1))
    worker.forget("unwanted")
    worker.forget("never asked for")
    worker.later("last", 0.06, done.set)
    assert done.wait(5)
    assert ran == []


def test_the_thread_ends_when_nothing_comes_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sptrader_lab.widgets.worker._PATIENCE", 0.02)
    worker = Worker()
    for _ in range(2):
        done = threading.Event()
        worker.later("job", 0, done.set)
        assert done.wait(5)
        for _ in range(200):
            if worker._thread is None:
                break
            time.sleep(0.01)
        assert worker._thread is None
