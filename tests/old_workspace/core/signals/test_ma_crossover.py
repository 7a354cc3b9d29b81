"""Looks at ma_crossover by eye; a script of the author's, and no component"""
import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import pandas as pd
from ma_crossover import CrossoverOfAverages


def test_one_crossing():
    close = pd.Series([10.0 - i for i in range(6)] + [5.0 + 3 * i for i in range(6)])
    found = CrossoverOfAverages(min_separation=0).evaluate(
        pd.DataFrame({'close': close}), {'ma_fast': close.rolling(2).mean(), 'ma_slow': close.rolling(4).mean()}
    )
    print(found[found['signal']])


if __name__ == "__main__":
    test_one_crossing()
