"""
Exponential moving average, with a value from the first bar on
"""
import pandas as pd
from core.base.indicator import Indicator

__metadata_version__ = 1
__metadata__ = {
    'name': 'ema',
    'category': 'trend',
    'version': '1.0.0',
    'outputs': ['ema'],
    'lookback_required': 100,
    'parameters': {'period': {'type': 'int', 'default': 20, 'min': 2, 'max': 200}},
}


class EMA(Indicator):
    def __init__(self, period: int = 20):
        super().__init__()
        self.period = period

    def calculate(self, data: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({'ema': data['close'].ewm(span=self.period, adjust=False).mean()})

    @property
    def metadata(self):
        return __metadata__
