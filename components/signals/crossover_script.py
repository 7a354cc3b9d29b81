"""Crossing of the means of 10 and 20 closes, written as a script that prints events.

`golden_cross` when the shorter mean rises above the longer one, `death_cross` when it falls below; the strength is fixed.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

FAST, SLOW = 10, 20
TIE = 1e-10  # means that differ by less of themselves are equal: their last bits come from the order of adding


def side(closes: list[float]) -> int:
    """Tell whether the shorter mean is above (1), below (-1) or at (0) the longer one."""
    fast, slow = (sum(closes[-bars:]) / bars for bars in (FAST, SLOW))
    return 0 if abs(fast - slow) <= TIE * slow else 1 if fast > slow else -1


def main() -> None:
    """Print the event of the candle that is asked about, if there is one."""
    candles = json.loads(os.environ["CANDLE_DATA"])
    index = int(os.environ["CURRENT_INDEX"])
    closes = [candle["close"] for candle in candles[: index + 1]]
    events = []
    if len(closes) > SLOW:
        now = side(closes)
        if now not in {0, side(closes[:-1])}:
            kind = "golden_cross" if now > 0 else "death_cross"
            opened = datetime.fromtimestamp(candles[index]["time"], UTC)
            metadata = {"current_price": closes[-1], "symbol": os.environ["SYMBOL"]}
            events.append(
                {"timestamp": opened.isoformat(), "signal_type": kind, "strength": 0.75, "metadata": metadata}
            )
    print("SIGNAL_START")
    print(json.dumps(events))
    print("SIGNAL_END")


if __name__ == "__main__":
    main()
