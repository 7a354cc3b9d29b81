"""
Two moving averages that cross
"""
from typing import Any, Dict, List

import pandas as pd
from core.base.signal import Signal

__metadata_version__ = 2
__metadata__ = {
    'name': 'ma_crossover',
    'description': 'Tells golden and death crosses',
    'category': 'trend_following',
    'version': '1.0.0',
    'status': 'ready',
    'required_indicators': [
        {'name': 'ma_fast', 'type': 'sma', 'params': {'period': 20, 'source': 'close'}},
        {'name': 'ma_slow', 'type': 'sma', 'params': {'period': 50, 'source': 'close'}},
    ],
    'outputs': ['signal', 'signal_strength', 'crossover_type'],
    'parameters': {
        'min_separation': {'type': 'float', 'default': 0.0002, 'min': 0.0, 'max': 0.01},
        'confirmation_bars': {'type': 'int', 'default': 1, 'min': 1, 'max': 5},
    },
}


class CrossoverOfAverages(Signal):
    """confirmation_bars above 1 asks the bars that come after the crossing: this looks ahead"""

    def __init__(self, min_separation: float = 0.0002, confirmation_bars: int = 1):
        self.min_separation = min_separation
        self.confirmation_bars = confirmation_bars

    @property
    def required_indicators(self) -> List[Any]:
        return __metadata__['required_indicators']

    def evaluate(self, data: pd.DataFrame, indicators: Dict[str, pd.Series]) -> pd.DataFrame:
        fast, slow = indicators['ma_fast'], indicators['ma_slow']
        gap = (fast - slow) / slow
        above, below = gap > 1e-10, gap < -1e-10
        was_known = gap.shift(1).notna()

        golden = above & ~above.shift(1).fillna(False).astype(bool) & was_known
        death = below & ~below.shift(1).fillna(False).astype(bool) & was_known
        if self.min_separation > 0:
            golden = golden & (gap >= self.min_separation)
            death = death & (-gap >= self.min_separation)
        for later in range(1, self.confirmation_bars):
            golden = golden & above.shift(-later).fillna(False).astype(bool)
            death = death & below.shift(-later).fillna(False).astype(bool)

        kind = pd.Series('none', index=data.index)
        kind[golden] = 'golden_cross'
        kind[death] = 'death_cross'
        return pd.DataFrame({
            'signal': golden | death,
            'signal_strength': (gap.abs() / 0.01).clip(0, 1),
            'crossover_type': kind,
        })

    @property
    def metadata(self) -> Dict[str, Any]:
        return __metadata__
