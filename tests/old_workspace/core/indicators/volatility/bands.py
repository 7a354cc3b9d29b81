"""
Bands around a mean: several outputs
"""
import numpy as np
import pandas as pd
from core.base.indicator import Indicator

__metadata_version__ = 1
__metadata__ = {
    'name': 'bands',
    'category': 'volatility',
    'version': '1.0.0',
    'outputs': ['upper', 'middle', 'lower', 'width'],
    'lookback_required': 50,
    'parameters': {
        'period': {'type': 'int', 'default': 20, 'min': 5, 'max': 200},
        'std_dev': {'type': 'float', 'default': 2.0, 'min': 0.5, 'max': 5.0},
    },
}


class Bands(Indicator):
    def __init__(self, period=20, std_dev=2.0):
        super().__init__()
        self.period = period
        self.std_dev = std_dev

    def calculate(self, data):
        window = data['close'].rolling(self.period)
        middle, distance = window.mean(), window.std() * self.std_dev
        width = np.where(middle > 0, 2 * distance / middle, np.nan)
        print(f"bands over {len(data)} candles")
        return pd.DataFrame({'upper': middle + distance, 'middle': middle, 'lower': middle - distance, 'width': width})

    @property
    def metadata(self):
        return __metadata__
