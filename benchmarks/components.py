"""What a component costs per candle by the way it is written: native, class, script in one batch, script per candle.

All four give the same mean of the last 20 closes, which is checked. A script's answers are kept: running it again shall be at least 50
times faster than the first time, else this ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import best, machine, make_candles

from sptrader_lab.components.exam import gather, market_of
from sptrader_lab.components.library import Library
from sptrader_lab.components.reading import read
from sptrader_lab.components.run import ask

#: How much faster answers that are known must come.
KNOWN = 50.0
PERIOD = 20

NATIVE = f"""
from sptrader_lab.components import Column
from sptrader_lab.kernel.rolling import rolling_mean

def native(close: Column) -> Column:
    return rolling_mean(close, {PERIOD})
"""
CLASS = f"""
import pandas as pd
__metadata__ = {{"name": "mean", "outputs": ["mean"]}}

class Mean:
    def calculate(self, data):
        return pd.DataFrame({{"mean": data["close"].rolling({PERIOD}).mean()}})
"""
SCRIPT = f"""
import json, os
import pandas as pd
{{batch}}
rows = json.loads(os.environ["CANDLE_DATA"])
means = pd.DataFrame(rows)["close"].rolling({PERIOD}).mean()
values = [None if pd.isna(value) else value for value in means]
print("INDICATOR_START")
print(json.dumps({{{{"values": values, "current": values[-1]}}}}))
print("INDICATOR_END")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000)
    args = parser.parse_args()
    texts = {
        "native": NATIVE,
        "class": CLASS,
        "batch script": SCRIPT.format(batch="__batch__ = True"),
        "script per candle": SCRIPT.format(batch=""),
    }
    print(f"{machine()}\n{args.bars:,} candles\n")
    print(f"{'written as':<20}{'first ms':>12}{'us a candle':>14}{'again ms':>12}{'faster':>10}")
    slow = []
    with tempfile.TemporaryDirectory() as place:
        os.environ["SPTRADER_CACHE"] = str(Path(place) / "cache")
        wanted = None
        for name, text in texts.items():
            first, again, column = measure(Path(place), name, text, args.bars)
            wanted = column if wanted is None else wanted
            if not np.allclose(column, wanted, rtol=1e-9, equal_nan=True):
                sys.exit(f"{name} gives something else than the native component")
            known = f"{1e3 * again:>12.2f}{first / again:>9.0f}x" if "script" in name else ""
            print(f"{name:<20}{1e3 * first:>12.2f}{1e6 * first / args.bars:>14.2f}{known}", flush=True)
            slow += [name] if known and first < KNOWN * again else []
    if slow:
        sys.exit(f"{slow[0]}: known answers come less than {KNOWN:g} times faster")


def measure(place: Path, name: str, text: str, bars: int) -> tuple[float, float, np.ndarray]:
    """Return seconds of the first run and of one again, and the column; loading, compiling and starting workers apart."""
    file = place / "indicators" / f"{name.replace(' ', '_')}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text if name != "native" else text.replace("def native", f"def {file.stem}"))
    candles, few = make_candles(bars), make_candles(30)
    spec, library = read(file), Library((), ())
    market = market_of(candles)
    ask(spec, gather(spec, few, library), {}, market)
    inputs = gather(spec, candles, library)
    if spec.style != "script":
        again = best(lambda: ask(spec, inputs, {}, market), 5)
        return again, again, ask(spec, inputs, {}, market).columns[0]
    # Other candles than those that started the workers, so that nothing of the answer is known.
    inputs = [column if each.name == "time" else column * 1.5 for each, column in zip(spec.inputs, inputs, strict=True)]
    started = time.perf_counter()
    answer = ask(spec, inputs, {}, market)
    first = time.perf_counter() - started
    if answer.failed:
        sys.exit("\n".join(answer.notes))
    return first, best(lambda: ask(spec, inputs, {}, market), 5), answer.columns[0] / 1.5


if __name__ == "__main__":
    main()
