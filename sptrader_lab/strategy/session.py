"""Session: the closes at which the clock ends every position (S4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.strategy.filters import local_minutes
from sptrader_lab.strategy.schema.orders import Session
from sptrader_lab.strategy.schema.times import parse_clock
from sptrader_lab.types.candles import Candles

_DAY = 1_440  # minutes


def session_exits(session: Session, candles: Candles) -> NDArray[np.uint8]:
    """Return 1 at the first close at or after the session's time of each local day, 0 elsewhere; shape (candles,).

    Where no candle closes between that time and midnight, that is the first close of a later day: whoever had to be out by
    then leaves as soon as there is a market. What counts is the clock at each close; of a time that it shows twice, the first.
    """
    if not len(candles):
        return np.zeros(0, np.uint8)
    clock = parse_clock(session.time)
    zone = session.zone or "UTC"
    instants = np.concatenate([candles.time[:1], candles.close_time])
    ended = (local_minutes(instants, zone) - clock) // _DAY  # sessions that have ended by then
    most = np.maximum.accumulate(ended)
    flags: NDArray[np.uint8] = (ended[1:] > most[:-1]).view(np.uint8)
    return flags
