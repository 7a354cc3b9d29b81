"""
Simple moving average
"""
import os
import sys

import pandas as pd

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))
from core.base.indicator import Indicator
from core.utils.prices import price

__metadata_version__ = 1
__metadata__ = {
    'name': 'sma',
    'category': 'trend',
    'version': '1.2.0',
    'description': 'Mean of the last bars',
    'author': 'trader',
    'inputs': ['close'],
    'outputs': ['sma'],
    'parameters': {
        'period': {'type': 'int', 'default': 20, 'min': 2, 'max': 200, 'description': 'Bars in the mean'},
        'source': {
            'type': 'str',
            'default': 'close',
            'options': ['open', 'high', 'low', 'close', 'hl2', 'hlc3', 'ohlc4'],
            'description': 'Price that is averaged',
        },
    },
    'performance_budget': {'max_ms': 0.5},
    'min_lookback': 20,
    'tags': ['trend'],
}


class SMA(Indicator):
    def __init__(self, period: int = 20, source: str = 'close'):
        super().__init__()
        self.period = period
        self.source = source

    def calculate(self, data: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({'sma': price(data, self.source).rolling(self.period).mean()})

    @property
    def metadata(self):
        return __metadata__


if __name__ == "__main__":
    from core.data.loader import load_data_from_env

    candles = load_data_from_env()
    print(SMA(period=20).calculate(candles).tail())
