"""Answering one question from the stored files: which timeframe to read, and reading it, or making a coarser one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sptrader_lab.candles.cache import Key
from sptrader_lab.candles.layout import Index
from sptrader_lab.candles.progress import bar
from sptrader_lab.candles.query import bucket_end, bucket_start, read_range, resample
from sptrader_lab.candles.rows import Rows, join
from sptrader_lab.types.calendar import Timeframe, timeframe
from sptrader_lab.types.instruments import instrument


def read_rows(key: Key, frame: Timeframe, chunks: int, index: Index) -> tuple[Rows, Index]:
    """Read or resample in `chunks` ranges; a bar shows when there are several."""
    end = instrument(key.symbol).day_end
    whole = index.timeframe == frame.text
    first = index.first if whole else bucket_start(index.first, frame, end)
    start = min(max(key.start, first), index.last + 1)
    stop = max(min(key.end, index.last + 1), start)
    edges = np.linspace(start, stop, chunks + 1).astype(np.int64)
    edges[0], edges[-1] = start, stop
    parts = []
    with bar(chunks, f"loading {key.symbol} {frame.text}") as progress:
        for low, high in pairwise(edges.tolist()):
            if whole:
                parts.append(Rows(**read_range(index.files(low, high), low, high)))
            else:
                files = index.files(low, bucket_end(high, frame, end))
                parts.append(Rows(**resample(files, low, high, frame, end)))
            progress.update()
    return join(parts), index


def answering(held: Sequence[Index], frame: Timeframe) -> Index | None:
    """Return the stored candles that a timeframe is read or made from."""
    by_frame = {timeframe(index.timeframe): index for index in held}
    if frame in by_frame:
        return by_frame[frame]
    finer = [other for other in by_frame if _divides(other, frame)]
    return by_frame[max(finer, key=lambda other: other.ns)] if finer else None


def _divides(fine: Timeframe, coarse: Timeframe) -> bool:
    if fine.intraday and coarse.intraday:
        return fine.ns < coarse.ns and coarse.ns % fine.ns == 0
    return fine.ns < coarse.ns and (fine.intraday or fine.unit == "d")
