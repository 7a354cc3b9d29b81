#!/usr/bin/env python3
"""Mean of 20 closes, as a process that is asked about one candle at a time"""
import json
import os

import pandas as pd


def main():
    candles = json.loads(os.environ.get('CANDLE_DATA', '[]'))
    index = int(os.environ.get('CURRENT_INDEX', '0'))
    if not candles:
        print("no candles")
        return

    closes = pd.DataFrame(candles)['close']
    averages = closes.rolling(20).mean()
    current = averages.iloc[index]

    print("INDICATOR_START")
    print(json.dumps({
        'values': averages.iloc[max(0, index - 2):index + 1].dropna().tolist(),
        'current': None if pd.isna(current) else float(current),
    }))
    print("INDICATOR_END")


if __name__ == "__main__":
    main()
