"""
RSI below a level for some bars in a row
"""
import pandas as pd
from core.base.signal import Signal

__metadata_version__ = 1
__metadata__ = {
    'name': 'rsi_oversold',
    'category': 'mean_reversion',
    'version': '1.0.0',
    'required_indicators': ['rsi'],
    'outputs': ['boolean', 'signal_strength'],
    'parameters': {
        'oversold_threshold': {'type': 'float', 'default': 30.0, 'min': 0.0, 'max': 50.0},
        'min_bars': {'type': 'int', 'default': 2, 'min': 1, 'max': 10},
    },
}


class RSIOversold(Signal):
    def __init__(self, oversold_threshold: float = 30.0, min_bars: int = 2):
        self.oversold_threshold = oversold_threshold
        self.min_bars = min_bars

    @property
    def required_indicators(self):
        return __metadata__['required_indicators']

    def evaluate(self, data, indicators) -> pd.Series:
        low = indicators['rsi'] < self.oversold_threshold
        return low.rolling(self.min_bars).sum() == self.min_bars

    @property
    def metadata(self):
        return __metadata__
