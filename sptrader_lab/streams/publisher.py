"""Publisher: signals and prices of a component, sent to the Redis stream that trading sessions read.

Old component files say `from core.data.signal_publisher import SignalPublisher`; what they import is this class.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sptrader_lab.types.publishing import publishing_is_off

DEFAULT_URL: Final = "redis://localhost:6379"
STREAM: Final = "signals:live"
_PATIENCE: Final = 5.0


class SignalPublisher:
    """Sends signals and prices to the stream `signals:live`, one field per entry: `signal` or `price_update`, JSON.

    Parameters
    ----------
    redis_url : str, optional
        Such as ``redis://localhost:6379``, ``redis://:PASSWORD@host:6379/0`` or ``unix:///run/redis.sock``; the
        environment's REDIS_URL, else ``redis://localhost:6379``, unless given.

    Notes
    -----
    Nothing raises: a component goes on computing when Redis is away. What could not be sent is told on stderr, without
    the password, and by the value that comes back. Nothing is sent twice: an entry whose answer got lost is not tried again.
    In a backtest nothing is sent, and each publisher says so once: its signals are of the past.
    """

    def __init__(self, redis_url: str | None = None) -> None:
        self._url = redis_url or os.environ.get("REDIS_URL") or DEFAULT_URL
        self._client: redis.Redis | None = None
        self._closed = False
        self._told = False

    def publish_signal(
        self, signal_name: str, signal_type: str, strength: float, metadata: Mapping[str, Any] | None = None
    ) -> bool:
        """Send one signal, stamped with the present time.

        Parameters
        ----------
        signal_name, signal_type : str
            Such as ``ma_crossover`` and ``golden_cross``.
        strength : float
            0 to 1.
        metadata : mapping, optional
            What conditions may ask for besides; `current_price` and `symbol` value the portfolio. A number that is not
            finite is sent as null, because JSON has no other word for it.

        Returns
        -------
        bool
            Whether Redis has it.
        """

        def entry() -> dict[str, Any]:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            return {
                "timestamp": now,
                "signal_name": str(signal_name),
                "signal_type": str(signal_type),
                "strength": _finite("strength", strength),
                "metadata": _plain(dict(metadata or {})),
            }

        return self._send("signal", entry)

    def publish_price_update(self, prices: Mapping[str, float]) -> bool:
        """Send the newest prices by symbol, such as ``{"EURUSD": 1.086}``; return whether Redis has them."""

        def entry() -> dict[str, float]:
            if not prices:
                raise ValueError("there are no prices in it")
            return {str(symbol): _finite(str(symbol), price) for symbol, price in dict(prices).items()}

        return self._send("price_update", entry)

    def close(self) -> None:
        """End the connection; what is published afterwards is refused."""
        self._closed = True
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SignalPublisher {_place(self._url) or '(address can not be read)'}>"

    def _send(self, field: str, entry: Callable[[], dict[str, Any]]) -> bool:
        if publishing_is_off():
            if not self._told:
                self._told = True
                _refuse("not published: this is a backtest")
            return False
        try:
            text = json.dumps(entry(), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            return _refuse(f"the {field} was not sent: {error}")
        if self._closed:
            return _refuse(f"the {field} was not sent: this publisher has been closed")
        try:
            if self._client is None:
                self._client = _connected(self._url)
            self._client.xadd(STREAM, {field: text})
        except (redis.RedisError, OSError, ValueError) as error:
            return _refuse(f"the {field} was not sent to {_told(error, self._url)}")
        return True


def _connected(url: str) -> redis.Redis:
    """Return a client that connects when it is used; a lost answer must not send a signal twice, so nothing is retried."""
    return redis.Redis.from_url(
        url,
        protocol=2,
        socket_connect_timeout=_PATIENCE,
        socket_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def _refuse(reason: str) -> bool:
    # Not on stdout, where a component may be in the middle of its answer.
    print(f"SignalPublisher: {reason}", file=sys.stderr)
    return False


def _finite(name: str, value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} = {value!r} is not a finite number")
    return number


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: numpy's scalars as numbers, instants as ISO-8601, NaN and infinity as null."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return value


def _told(error: Exception, url: str) -> str:
    """Return what went wrong where, without the password however it is written in the address."""
    place = _place(url)
    if place is None:  # the error's own text may quote a part of it
        rule = "write redis://:PASSWORD@host:6379 or unix:///path, with %-signs for special characters in the password"
        return f"Redis: its address can't be read; {rule}"
    text = str(error)
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return f"{place}: {text}"


def _place(url: str) -> str | None:
    """Return an address without user, password and query, None where it is not clear what the password is."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # an unquoted mark in a password makes what stands before it no port
    except ValueError:
        return None
    clear = "@" not in parts.path + parts.query + parts.fragment
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme and clear else None


def _secrets(url: str) -> list[str]:
    parts = urlsplit(url)
    found = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    return [each for secret in found for each in (secret, unquote(secret)) if each]
