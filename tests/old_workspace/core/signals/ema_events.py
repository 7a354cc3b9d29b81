"""
Crossings of two exponential averages, told as a list of events
"""
import json

__metadata_version__ = 2
__metadata__ = {
    'name': 'ema_events',
    'version': '1.0.0',
    'lookback_required': 100,
    'required_indicators': [
        {'name': 'ema_fast', 'type': 'ema', 'parameters': {'period': 12}},
        {'name': 'ema_slow', 'type': 'ema', 'parameters': {'period': 26}},
    ],
    'signal_types': ['golden_cross', 'death_cross'],
    'parameters': {'min_gap': {'type': 'float', 'default': 0.0, 'min': 0.0, 'max': 1.0}},
}


def _side(gap):
    return 1 if gap > 1e-10 else -1 if gap < -1e-10 else 0


def generate_signals(indicators, parameters=None):
    least = (parameters or {}).get('min_gap', 0.0)
    fast, slow = indicators['ema_fast'], indicators['ema_slow']
    close = indicators['close']
    events = []
    before = None
    for time, gap in ((fast - slow) / slow).items():
        if gap != gap:
            before = None
            continue
        side = _side(gap)
        if before is not None and side not in (0, before) and abs(gap) >= least:
            kind = 'golden_cross' if side > 0 else 'death_cross'
            events.append({
                'timestamp': time.isoformat(),
                'signal_type': kind,
                'strength': 1.0,
                'price': float(close[time]),
                'metadata': {'crossover_type': kind, 'crossover_delta': float(gap)},
            })
        before = side
    return events


if __name__ == "__main__":
    from core.data.loader import load_data_from_env
    from core.indicators.trend.ema import EMA

    data = load_data_from_env()
    averages = {name: EMA(period).calculate(data)['ema'] for name, period in (('ema_fast', 12), ('ema_slow', 26))}
    print("SIGNAL_OUTPUT_START")
    print(json.dumps(generate_signals({**averages, 'close': data['close']})))
    print("SIGNAL_OUTPUT_END")
