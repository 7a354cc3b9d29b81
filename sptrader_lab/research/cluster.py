"""Cluster: an executor of Dask, which is loaded only here, when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sptrader_lab.errors import InputError


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Offer the workers of a Dask scheduler as an executor.

    Parameters
    ----------
    address : str
        Of its scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    InputError
        When Dask is not installed, or nothing answers at that address.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise InputError("a Dask cluster needs Dask on this machine, too: pip install distributed") from error
    try:
        client = distributed.Client(address)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {address!r}: {error}") from error
    with client:
        yield client.get_executor()
