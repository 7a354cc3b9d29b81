"""Mean of 20 closes, written as a script: a process that is asked about one candle and prints its answer.

Any executable Python file that reads the environment and prints like this is a component; docs/components.md tells how.
"""

from __future__ import annotations

import json
import os

PERIOD = 20


def main() -> None:
    """Print the mean of the last 20 closes, null while there are fewer."""
    candles = json.loads(os.environ["CANDLE_DATA"])
    index = int(os.environ["CURRENT_INDEX"])
    closes = [candle["close"] for candle in candles[: index + 1]][-PERIOD:]
    current = sum(closes) / PERIOD if len(closes) == PERIOD else None
    print("INDICATOR_START")
    print(json.dumps({"values": [current], "current": current}))
    print("INDICATOR_END")


if __name__ == "__main__":
    main()
