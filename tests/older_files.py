"""Components as an older system had them, for tests: classes with `__metadata__`, a function that returns events."""

from __future__ import annotations

from pathlib import Path

HELPER = """
def average(values, bars):
    return values.rolling(bars, min_periods=1).mean()
"""
SMA = """
import pandas as pd
from core.base.indicator import Indicator
from core.utils.smoothing import average

__metadata_version__ = 1
__metadata__ = {
    "name": "sma",
    "outputs": ["sma"],
    "parameters": {
        "period": {"type": "int", "default": 20, "min": 2, "max": 200, "description": "Bars."},
        "source": {"type": "str", "default": "close", "options": ["open", "close", "hl2"]},
    },
    "min_lookback": 700,
}


class Average(Indicator):
    def __init__(self, period=20, source="close"):
        super().__init__()
        self.period, self.source = period, source

    def calculate(self, data):
        price = (data["high"] + data["low"]) / 2 if self.source == "hl2" else data[self.source]
        return pd.DataFrame({"sma": average(price, self.period)})
"""
SIMPLE_RSI = """
import pandas as pd
from core.base.indicator import Indicator

__metadata__ = {
    "name": "simple_rsi",
    "outputs": ["rsi"],
    "parameters": {"period": {"type": "int", "default": 14, "min": 2, "max": 100}},
}


class Strength(Indicator):
    def __init__(self, period=14):
        self.period = period

    def calculate(self, data):
        change = data["close"].diff()
        up = change.clip(lower=0).rolling(self.period).mean()
        down = (-change).clip(lower=0).rolling(self.period).mean()
        return pd.DataFrame({"rsi": 100 - 100 / (1 + up / down)})
"""
#: Looks ahead where confirmation_bars is above 1.
MA_CROSSOVER = """
import pandas as pd
from core.base.signal import Signal

__metadata_version__ = 2
__metadata__ = {
    "name": "ma_crossover",
    "required_indicators": [
        {"name": "ma_fast", "type": "sma", "params": {"period": 20, "source": "close"}},
        {"name": "ma_slow", "type": "sma", "params": {"period": 50, "source": "close"}},
    ],
    "outputs": ["signal", "signal_strength", "crossover_type"],
    "parameters": {
        "min_separation": {"type": "float", "default": 0.0, "min": 0.0, "max": 0.01},
        "confirmation_bars": {"type": "int", "default": 1, "min": 1, "max": 5},
    },
}


class Crossing(Signal):
    def __init__(self, min_separation=0.0, confirmation_bars=1):
        self.min_separation, self.confirmation_bars = min_separation, confirmation_bars

    def evaluate(self, data, indicators):
        fast, slow = indicators["ma_fast"], indicators["ma_slow"]
        above = fast > slow
        before = above.shift(1, fill_value=False)
        apart = abs(fast - slow) / slow
        up = above & ~before & (apart >= self.min_separation)
        down = ~above & before & (apart >= self.min_separation)
        for bars in range(1, self.confirmation_bars):
            up &= above.shift(-bars, fill_value=False)
            down &= ~above.shift(-bars, fill_value=True)
        kind = pd.Series("none", index=data.index)
        kind[up] = "golden_cross"
        kind[down] = "death_cross"
        print("crossings:", int(up.sum()))
        return pd.DataFrame({"signal": up | down, "signal_strength": (apart / 0.01).clip(0, 1), "crossover_type": kind})
"""
#: Looks ahead where min_bars is above 1, as it is by default.
RSI_OVERSOLD = """
from core.base.signal import Signal

__metadata_version__ = 1
__metadata__ = {
    "name": "rsi_oversold",
    "required_indicators": ["rsi"],
    "outputs": ["boolean"],
    "parameters": {
        "oversold_threshold": {"type": "float", "default": 30.0, "min": 0.0, "max": 50.0},
        "min_bars": {"type": "int", "default": 2, "min": 1, "max": 10},
    },
}


class Oversold(Signal):
    def __init__(self, oversold_threshold=30.0, min_bars=2):
        self.oversold_threshold, self.min_bars = oversold_threshold, min_bars

    def evaluate(self, data, indicators):
        low = indicators["rsi"] < self.oversold_threshold
        if self.min_bars == 1:
            return low & ~low.shift(1, fill_value=True)
        held = low.rolling(self.min_bars).sum() == self.min_bars
        return held & ~low.shift(-1, fill_value=False)
"""
#: Tells two events where the close rises by a whole number: one of its own name, one called `loud`.
STEPS = """
__metadata__ = {"name": "steps", "parameters": {"least": {"type": "float", "default": 1.0, "min": 0.0, "max": 9.0}}}


def generate_signals(indicators, parameters=None):
    close = indicators["close"]
    events = []
    for when, change in close.diff().items():
        if abs(change) >= parameters["least"]:
            kind = "up" if change > 0 else "down"
            events.append({"timestamp": when.isoformat(), "signal_type": kind, "strength": 0.5, "metadata": {"size": change}})
        if change >= 2:
            loud = {"signal_name": "loud", "signal_type": "alarm", "strength": 0.9, "metadata": {"size": "huge"}}
            events.append({"timestamp": when.isoformat(), **loud})
    return events
"""
FILES = {
    "core/utils/smoothing.py": HELPER,
    "core/indicators/trend/sma.py": SMA,
    "core/indicators/momentum/simple_rsi.py": SIMPLE_RSI,
    "core/signals/ma_crossover.py": MA_CROSSOVER,
    "core/signals/rsi_oversold.py": RSI_OVERSOLD,
    "core/signals/steps.py": STEPS,
}


def write_workspace(folder: Path, **more: str) -> Path:
    """Write the files, and more of them by path with `__` for `/`, under `folder`; return it."""
    for name, text in {**FILES, **{f"{key.replace('__', '/')}.py": text for key, text in more.items()}}.items():
        write(folder / name, text)
    return folder


def write(path: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
