"""The quality report: what is wrong, missing or odd in a series of candles. It counts and shows; it changes nothing."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sptrader_lab.candles.gaps import Coverage, Gap, cover, find_gaps, when
from sptrader_lab.candles.rows import NO_TIME, Rows, flaws
from sptrader_lab.candles.sessions import TradingDays, trading_days
from sptrader_lab.types.calendar import Timeframe, timeframe
from sptrader_lab.types.instruments import instrument

#: A jump or a range is an outlier when it is this many times the median of its surroundings: minutes have fat tails, days
#: less so (a 2:1 split of a share is about 14 times its usual day).
OUTLIER: Final = 30.0
OUTLIER_DAYS: Final = 10.0
_SHOWN: Final = 5
_AROUND: Final = 500  # candles on either side that an outlier is measured against


@dataclass(frozen=True)
class QualityReport:
    """What was found in a series of candles.

    Attributes
    ----------
    rows : int
        Rows looked at.
    first, last : int
        Opening instants, ns UTC; 0 when there are no rows.
    duplicates : int
        Rows whose time an earlier row has.
    disorder : int
        Rows that open before some earlier row.
    broken : dict of str to int
        Rows that can't be candles, by rule: NaN, high below low, and so on.
    zero_range : int
        Candles whose high equals their low.
    off_grid : int
        Candles that do not open a whole number of timeframes after their trading day's start; of days, weeks and months
        those that do not open at a trading day's start.
    closed : int
        Candles that open while the trading calendar is closed.
    gaps, missing : int
        Holes during trading, and the candles missing in them; weekends and holidays do not count.
    expected : int
        Candles that the calendar expects from first to last.
    longest : tuple of Gap
        The longest holes.
    outliers : int
        Jumps between neighbours, or ranges, of over 30 times (10 times for 1d and longer) what is usual around them.
    largest : tuple of (int, float)
        The largest of these: opening instant and change of price (fraction).
    """

    symbol: str
    timeframe: str
    source: str
    rows: int
    first: int = 0
    last: int = 0
    duplicates: int = 0
    disorder: int = 0
    broken: dict[str, int] | None = None
    zero_range: int = 0
    off_grid: int = 0
    closed: int = 0
    gaps: int = 0
    missing: int = 0
    expected: int = 0
    longest: tuple[Gap, ...] = ()
    outliers: int = 0
    largest: tuple[tuple[int, float], ...] = ()

    @property
    def bad(self) -> int:
        """Rows that can't stand in the store as they are."""
        return self.duplicates + sum((self.broken or {}).values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must not miss: many missing candles, and days that close where nobody expects it."""
        longest = self.longest[0] if self.longest else None
        gaps = Coverage(self.symbol, self.timeframe, self.expected - self.missing, self.missing, longest).warning
        return tuple(text for text in (gaps, self._days_off_grid()) if text)

    def _days_off_grid(self) -> str:
        if not self.off_grid or timeframe(self.timeframe).intraday:
            return ""
        end = instrument(self.symbol).day_end
        return (
            f"{self.symbol} {self.timeframe}: {self.off_grid:,} candles do not open at a trading day's start ({end}); each is "
            "taken to close at the end of the trading day, week or month that holds its opening"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain types; instants as ISO-8601 text."""
        document = asdict(self)
        document["first"], document["last"] = when(self.first), when(self.last)
        document["longest"] = [
            {"start": when(gap.start), "stop": when(gap.stop), "missing": gap.missing} for gap in self.longest
        ]
        document["largest"] = [{"time": when(time), "change": change} for time, change in self.largest]
        document["bad"] = self.bad
        document["warnings"] = list(self.warnings)
        return document

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Return what the report says, as pairs of a name and a text."""
        share = 100 * self.missing / self.expected if self.expected else 0.0
        holes = "; ".join(map(str, self.longest))
        jumps = "; ".join(f"{when(time)} ({change:+.2%})" for time, change in self.largest)
        broken = "; ".join(f"{rule}: {count:,}" for rule, count in (self.broken or {}).items())
        return (
            ("rows", f"{self.rows:,}" + (f" from {when(self.first)} to {when(self.last)} UTC" if self.rows else "")),
            ("bad rows", f"{sum((self.broken or {}).values()):,}" + (f" ({broken})" if broken else "")),
            ("duplicates", f"{self.duplicates:,}"),
            ("out of order", f"{self.disorder:,}"),
            ("zero range", f"{self.zero_range:,}"),
            ("off the grid", f"{self.off_grid:,}"),
            ("outside trading", f"{self.closed:,}"),
            ("gaps", f"{self.gaps:,}, {self.missing:,} candles missing of {self.expected:,} expected ({share:.2f} %)"),
            ("longest gaps", holes or "none"),
            ("outliers", f"{self.outliers:,}" + (f", largest {jumps}" if jumps else "")),
        )

    def __str__(self) -> str:
        head = f"Quality of {self.symbol} {self.timeframe} ({self.source})"
        warned = [f"  warning: {text}" for text in self.warnings]
        return "\n".join([head, *(f"  {name + ':':17}{text}" for name, text in self.lines()), *warned])

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.lines()
        )
        warned = "".join(f"<div>warning: {html.escape(text)}</div>" for text in self.warnings)
        head = f"Quality of {html.escape(self.symbol)} {self.timeframe} ({html.escape(self.source)})"
        return f"<b>{head}</b><table>{body}</table>{warned}"


def examine(rows: Rows, symbol: str, frame: Timeframe, source: str) -> QualityReport:
    """Look through rows in the order they come in, right or wrong.

    Parameters
    ----------
    rows : Rows
        May hold NaN, duplicates and disorder; what can't be a candle is counted and left out of the rest.
    """
    broken = {rule: int(mask.sum()) for rule, mask in flaws(rows).items()}
    known = rows.time[rows.time != NO_TIME]
    if not len(known):
        return QualityReport(symbol, frame.text, source, len(rows.time), broken=broken)
    sound = _sound(rows)
    facts = instrument(symbol)
    days = trading_days(int(known.min()), int(known.max()), facts)
    gaps = find_gaps(sound.time, frame, facts, days)
    covered = cover(symbol, frame.text, len(sound.time), gaps)
    longest = sorted(gaps, key=lambda gap: (-gap.missing, gap.start))[:_SHOWN]
    odd = _outliers(sound, OUTLIER if frame.intraday else OUTLIER_DAYS)
    change = _changes(sound)
    biggest = odd[np.argsort(-np.abs(change[odd]), kind="stable")][:_SHOWN]
    is_open = days.open[days.number(sound.time)] if frame.intraday else np.ones(len(sound.time), np.bool_)
    return QualityReport(
        symbol,
        frame.text,
        source,
        len(rows.time),
        int(known.min()),
        int(known.max()),
        duplicates=int((np.diff(np.sort(known)) == 0).sum()),
        disorder=int((known < np.maximum.accumulate(known)).sum()),
        broken=broken,
        zero_range=int((sound.high == sound.low).sum()),
        off_grid=_off_grid(sound.time, frame, days),
        closed=int((~is_open).sum()),
        gaps=len(gaps),
        missing=covered.missing,
        expected=covered.expected,
        longest=tuple(longest),
        outliers=len(odd),
        largest=tuple((int(sound.time[row]), float(change[row])) for row in biggest),
    )


def _sound(rows: Rows) -> Rows:
    """Return the rows that can be candles, in order, one for each time."""
    bad = np.logical_or.reduce([np.zeros(len(rows.time), np.bool_), *flaws(rows).values()])
    good = rows.take(~bad)
    _, first = np.unique(good.time, return_index=True)
    return good.take(first)


def _off_grid(time: NDArray[np.int64], frame: Timeframe, days: TradingDays) -> int:
    late = time - days.start[days.number(time)]
    return int(((late % frame.ns if frame.intraday else late) != 0).sum())


def _changes(rows: Rows) -> NDArray[np.float64]:
    """Return each candle's change from the close before it (fraction); 0 for the first."""
    return np.concatenate([[0.0], np.diff(rows.close) / rows.close[:-1]]) if len(rows.time) else np.empty(0)


def _outliers(rows: Rows, times: float) -> NDArray[np.intp]:
    """Return the positions of candles that move or reach much further than those around them usually do."""
    if len(rows.time) < 20:
        return np.empty(0, np.intp)
    reach = np.maximum(np.abs(_changes(rows)), (rows.high - rows.low) / rows.close)
    # Medians of whole blocks, three at a time: nearly as local as a rolling median and a thousand times cheaper.
    blocks = [np.median(reach[low : low + _AROUND]) for low in range(0, len(reach), _AROUND)]
    floor = max(float(np.median(reach)) * 0.1, 1e-9)
    usual = [max(float(np.median(blocks[max(0, block - 1) : block + 2])), floor) for block in range(len(blocks))]
    return np.flatnonzero(reach > times * np.repeat(usual, _AROUND)[: len(reach)])
