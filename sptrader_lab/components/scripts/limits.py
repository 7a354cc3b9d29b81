"""Limits: what one run of a script may take."""

from __future__ import annotations

from typing import Final, NamedTuple


class Limits(NamedTuple):
    """Bounds of a script's process; beyond them it is ended, and the candle counted as failed.

    Attributes
    ----------
    seconds, batch_seconds : float
        Wall-clock time for one candle, and for all candles of a batch script.
    memory_bytes : int
        Address space beyond what Python with numpy and pandas takes, for each of its processes.
    output_bytes, output_bytes_per_candle : int
        What it may print: so much, and more with each candle it is shown, since many print every value.
    patience : int
        Candles in a row that run into the time limit before the rest is given up.
    """

    seconds: float = 10.0
    batch_seconds: float = 60.0
    memory_bytes: int = 2 * 2**30
    output_bytes: int = 4_000_000
    output_bytes_per_candle: int = 400
    patience: int = 5

    def output(self, candles: int) -> int:
        """Return how many bytes may be printed when `candles` are shown."""
        return self.output_bytes + self.output_bytes_per_candle * candles


LIMITS: Final = Limits()
