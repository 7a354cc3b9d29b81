"""What an import did."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sptrader_lab.candles.quality import QualityReport


@dataclass(frozen=True)
class ImportReport:
    """What an import did with each row of a file.

    `rows == imported + identical + repeated + quarantined` always holds.

    Attributes
    ----------
    format, zone, price : str
        What the file was taken for, what its times were taken in, and mid, bid or ask.
    rows : int
        Rows in the file, without its header.
    imported : int
        Candles added to the store.
    identical : int
        Candles that the store held already, the same.
    repeated : int
        Rows that stand in the file more than once, the same.
    quarantined : int
        Rows that were put into `quarantine` and not imported, `reasons` says why.
    reasons : dict of str to int
        Why, and how many.
    disorder : int
        Rows that stand behind a later one; they were imported, the store keeps candles in order.
    quarantine : Path, optional
        A CSV file with line, reason and text of every row that was not imported.
    notes : tuple of str
        What else a reader of the numbers should know.
    quality : QualityReport
        Over all rows of the file as they stand there.
    """

    path: Path
    symbol: str
    timeframe: str
    format: str
    zone: str
    price: str
    rows: int
    imported: int
    identical: int
    repeated: int
    quarantined: int
    reasons: dict[str, int]
    disorder: int
    quarantine: Path | None
    notes: tuple[str, ...]
    quality: QualityReport

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return document | {
            "path": str(self.path),
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "notes": list(self.notes),
            "quality": self.quality.as_dict(),
        }

    def lines(self) -> tuple[str, ...]:
        """Return what happened, a sentence each."""
        said = [
            f"{self.imported:,} of {self.rows:,} rows imported as {self.symbol} {self.timeframe}",
            f"read as {self.format}, times: {self.zone}, {self.price} prices",
        ]
        if self.identical:
            said.append(f"{self.identical:,} candles were in the store already, the same")
        if self.repeated:
            said.append(f"{self.repeated:,} rows stand in the file more than once, the same; one of each was taken")
        if self.disorder:
            said.append(f"{self.disorder:,} rows stand behind a later one; the store keeps candles in order")
        said += [
            f"{count:,} row{'s' if count > 1 else ''} not imported: {reason}" for reason, count in self.reasons.items()
        ]
        if self.quarantine is not None:
            said.append(f"the rows that were not imported are in {self.quarantine}")
        return (*said, *self.notes)

    def __str__(self) -> str:
        return "\n".join([f"{self.path.name}:", *(f"  {line}" for line in self.lines()), str(self.quality)])

    def _repr_html_(self) -> str:
        body = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines())
        return f"<b>{html.escape(self.path.name)}</b><ul>{body}</ul>{self.quality._repr_html_()}"
