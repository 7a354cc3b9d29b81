"""ScriptFunction: a script as the function that its Spec calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sptrader_lab.components.answer import Answer
from sptrader_lab.components.events import spans
from sptrader_lab.components.scripts import cache
from sptrader_lab.components.scripts.answers import Record
from sptrader_lab.components.scripts.calls import Call, Script
from sptrader_lab.components.scripts.limits import LIMITS, Limits
from sptrader_lab.components.scripts.pool import shared
from sptrader_lab.components.scripts.protocol import ROW, environment
from sptrader_lab.components.spec import ComponentKind, Output
from sptrader_lab.components.words import Column
from sptrader_lab.types.market import Market


@dataclass(frozen=True, eq=False)
class ScriptFunction:
    """Runs a script for every candle, or once for all of them, and reads what it prints.

    Attributes
    ----------
    source : bytes
        What `sha256` names, and what runs, whatever becomes of the file meanwhile.
    batch : bool
        Whether it is run once over all candles.
    names : tuple of str
        What the columns behind the candles' own are called in INDICATOR_DATA.
    sole : str
        The only output that the script declares; "" when it declares none, or several.
    """

    path: str
    source: bytes
    sha256: str
    name: str
    kind: ComponentKind
    batch: bool
    outputs: tuple[Output, ...]
    names: tuple[str, ...] = ()
    sole: str = ""
    limits: Limits = LIMITS

    def __call__(self, market: Market, /, *columns: Column, **parameters: object) -> Answer:
        """Return a column per output; a candle that fails is NaN, of a signal silent, and counted.

        Parameters
        ----------
        columns : numpy.ndarray of float64, shape (bars,)
            time (opening instant, seconds since 1970), open, high, low, close, volume, then one for each of `names`.

        Raises
        ------
        ComponentError
            When no worker can be started.
        InputError
            When the market's timeframe, which tells a signal's candles apart, is none.
        """
        bars = len(columns[0])
        opens, closes = self._spans(columns[0], market)
        record = Record(self.name, self.kind, self.outputs, opens, closes, batch=self.batch, sole=self.sole)
        if not bars:
            return Answer(record.columns())
        name = self._key(market, columns, parameters)
        known = cache.load(name, columns)
        cached = record.recall(known.answers, known.logs)
        missing = [place for place, answer in enumerate(record.answers) if answer is None]
        if missing:
            told = environment(os.environ, self.kind, market.symbol, market.timeframe, parameters, batch=self.batch)
            script = Script(self.path, self.source, told, self.names, self.batch, self.limits)
            Call(shared(), script, columns).run([bars - 1] if self.batch else missing, record.take)
            self._keep(name, columns, known, record, len(missing))
        notes = record.notes()
        if known.damaged:
            notes += (f"{self.name}: what earlier runs had kept of it was damaged; it was run anew",)
        return Answer(record.columns(), record.failed, notes, record.log(), cached)

    def _spans(self, time: Column, market: Market) -> tuple[np.ndarray, np.ndarray]:
        if self.kind == "signal":
            return spans(time, market)
        opens = np.rint(time * 1e9).astype(np.int64)
        return opens, opens

    def _key(self, market: Market, columns: Sequence[Column], parameters: dict[str, object]) -> str:
        return cache.key(
            path=self.path,
            sha256=self.sha256,
            kind=self.kind,
            batch=cache.digests(columns)[-1] if self.batch else "",  # one answer, for these candles and no others
            parameters=parameters,
            inputs=[*ROW, *self.names],
            market=[market.symbol, market.timeframe, str(market.day_end)],
            first=float(columns[0][0]),
        )

    def _keep(self, name: str, columns: Sequence[Column], known: cache.Known, record: Record, missing: int) -> None:
        still = sum(answer is None for answer in record.answers)
        if still == missing or known.longer:
            return
        logs = {bar: text for bar, text in record.logs.items() if bar not in record.failures}
        helpers = cache.joined(known.helpers, record.helpers)
        answers = [None if place in record.unsure else answer for place, answer in enumerate(record.answers)]
        if any(answer is not None for answer in answers):
            cache.save(name, columns, cache.Known(answers, logs, helpers))
