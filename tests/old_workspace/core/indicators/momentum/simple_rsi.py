"""
RSI: the file is called simple_rsi, what it gives is called rsi
"""
import pandas as pd
from core.base.indicator import Indicator

__metadata_version__ = 1
__metadata__ = {
    'name': 'simple_rsi',
    'category': 'momentum',
    'version': '1.0.0',
    'status': 'ready',
    'inputs': ['close'],
    'outputs': ['rsi'],
    'parameters': {
        'period': {'type': 'int', 'default': 14, 'min': 2, 'max': 100, 'description': "Bars of Wilder's smoothing"},
    },
}


class SimpleRSI(Indicator):
    def __init__(self, period: int = 14):
        super().__init__()
        self.period = period

    def smoothed(self, changes: pd.Series) -> pd.Series:
        """Wilder: begins with the mean of the first changes, each later one weighs 1 / period"""
        n = self.period
        begun = changes.copy()
        begun.iloc[:n] = float('nan')
        if len(changes) > n:
            begun.iloc[n] = changes.iloc[1:n + 1].mean()
        return begun.ewm(alpha=1 / n, adjust=False).mean()

    def calculate(self, data: pd.DataFrame) -> pd.DataFrame:
        change = data['close'].diff()
        up = self.smoothed(change.clip(lower=0))
        down = self.smoothed((-change).clip(lower=0))
        return pd.DataFrame({'rsi': 100 * up / (up + down)})

    @property
    def metadata(self):
        return __metadata__
