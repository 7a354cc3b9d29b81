#!/usr/bin/env python3
"""Means of 10 and 20 closes that cross, told for the candle that is asked about"""
import json
import os

import pandas as pd

FAST, SLOW = 10, 20
TIE = 1e-10


def main():
    candles = json.loads(os.environ.get('CANDLE_DATA', '[]'))
    index = int(os.environ.get('CURRENT_INDEX', '0'))
    events = []
    if index >= SLOW:
        frame = pd.DataFrame(candles)
        frame['time'] = pd.to_datetime(frame['time'], unit='s')
        fast = frame['close'].rolling(FAST).mean()
        slow = frame['close'].rolling(SLOW).mean()
        before, now = [(fast.iloc[i] - slow.iloc[i]) / slow.iloc[i] for i in (index - 1, index)]
        kind = None
        if now > TIE and not before > TIE:
            kind = 'golden_cross'
        elif now < -TIE and not before < -TIE:
            kind = 'death_cross'
        if kind:
            events.append({
                'timestamp': frame['time'].iloc[index].isoformat() + 'Z',
                'signal_type': kind,
                'strength': 0.75,
                'metadata': {'fast': float(fast.iloc[index]), 'slow': float(slow.iloc[index])},
            })

    print("SIGNAL_START")
    print(json.dumps(events))
    print("SIGNAL_END")


if __name__ == "__main__":
    main()
