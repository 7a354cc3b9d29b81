"""Examples: for every section of a strategy, YAML that loads and that together holds every key of it.

Each is a whole strategy once a name and an entry stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "The file": (
        """\
name: every_section
type: strategy
version: 1.0.0
author: someone
description: What a file may hold.
dependencies: {indicators: [sma]}
parameters: {period: 20}
indicators: {average: {type: sma, params: {period: parameters.period}}}
signal_config: {ma_crossover: {fast_period: 10}}
entry: {when: close > average, size: 0.1}
exit: {when: close < average}
risk: {max_drawdown: 0.2}
execution: {slippage: 0.0001}
filters: {trading_days: Mon-Fri}
account: {currency: USD}
instrument: {step: 1000}
instruments: {USDJPY: {step: 100}}
metrics: {track: [sharpe_ratio]}
backtest: {initial_capital: 10000}
live: {enabled: false}
""",
    ),
    "dependencies": ("dependencies: {indicators: [core.indicators.trend.sma], signals: [ma_crossover]}\n",),
    "indicators": (
        """\
indicators:
  average: {type: sma, params: {period: 20, source: hl2}}
  trigger: {type: macd, params: {slow: 30}, output: signal}
""",
    ),
    "signal_config": (
        """\
signal_config:
  cross:
    type: ma_crossover
    parameters: {min_separation: 0.0001}
    required_indicators: [{name: ma_fast, type: ema, params: {period: 9}}]
""",
    ),
    "required_indicators": (
        """\
signal_config:
  breakout:
    required_indicators:
      - {name: upper, type: donchian, params: {period: 55}, output: upper}
      - {name: lower, type: donchian, params: {period: 20}, output: lower}
""",
    ),
    "entry": (
        """\
entry:
  long: {when: "crosses_above(close, sma)"}
  short: {when: "crosses_below(close, sma)"}
  size: 0.1
  order: {type: stop, offset: {type: atr, value: 0.25}, expiry: {bars: 3}}
""",
        "entry: {when: [close > sma, rsi < 70], action: buy, size: 0.1}\n",
        """\
entry:
  primary: {indicator: rsi, condition: "< 30", min_bars: 2}
  filters: [close > sma]
  size_method: fixed_percentage
  size_value: 0.05
""",
    ),
    "side of an entry": ("entry: {long: {when: close > sma, size: 0.1}, short: close < sma}\n",),
    "size": (
        "entry: {when: close > sma, size: {type: volatility, value: 0.01, period: 20}}\n",
        "entry: {when: close > sma, size: {type: kelly, value: 0.5, cap: 0.25, window: 50, initial: 0.02}}\n",
    ),
    "order": (
        """\
entry:
  long: {when: close > sma}
  short: {when: close < sma}
  size: 0.1
  order:
    type: stop_limit
    price: {long: donchian.upper, short: donchian.lower}
    limit_offset: {type: atr, value: 0.1}
    expiry: day
    oco: true
""",
        "entry: {when: close > sma, size: 0.1, order: {type: limit, offset: {type: price, value: 0.0010}}}\n",
    ),
    "price": (
        """\
entry:
  long: close > sma
  short: close < sma
  size: 0.1
  order: {type: stop, price: {long: "max(high, shift(high, 1))", short: "min(low, shift(low, 1))"}}
""",
    ),
    "expiry": (
        "entry: {when: close > sma, size: 0.1, order: {type: limit, offset: 0.001, expiry: {bars: 5, day: true}}}\n",
        "entry: {when: close > sma, size: 0.1, order: {type: limit, offset: 0.001, expiry: {after: 4h}}}\n",
    ),
    "exit": (
        """\
exit:
  when: close < sma
  action: close
  stop_loss: {type: atr, value: 2.0}
  take_profit: [{type: atr, value: 2.0, share: 0.5}, {type: atr, value: 4.0}]
  trailing_stop: 0.02
  break_even: {type: atr, value: 1.0}
  session: "16:45"
  max_holding_period: 20
""",
        """\
entry: {long: close > sma, short: close < sma, size: 0.1}
exit:
  long: {when: close < sma}
  short: {when: close > sma}
""",
        "exit: {signal_exit: {when: [close < sma], action: close_all}}\n",
    ),
    "side of an exit": ("exit: {long: {when: close < sma}}\n",),
    "signal_exit": ("exit: {signal_exit: {when: [close < sma], action: close_all}}\n",),
    "level": ("exit: {stop_loss: {type: atr, value: 2.0, period: 20}, take_profit: 0.04}\n",),
    "target": (
        """\
exit:
  take_profit:
    - {type: atr, value: 1.5, period: 14, share: 0.5}
    - {type: atr, value: 3.0, period: 14}
""",
    ),
    "break-even": ("exit: {stop_loss: 0.01, break_even: {trigger: 0.01, offset: 0.001}}\n",),
    "break-even offset": (
        "exit: {break_even: {trigger: {type: atr, value: 1.0}, offset: {type: price, value: 0.0002}}}\n",
    ),
    "session": ('exit: {session: {time: "16:45", zone: America/New_York}}\n',),
    "risk": (
        """\
risk:
  max_drawdown: 0.2
  daily_loss_limit: 0.03
  position_limit: 0.5
  max_positions: 3
  max_positions_per_symbol: 1
  position_size: 0.1
  stop_loss: 0.02
  take_profit: 0.04
  trailing_stop: {type: atr, value: 3.0}
  max_holding_period: 50
""",
    ),
    "execution": (
        """\
execution:
  order_type: market
  fill: next_open
  slippage: 0.0001
  commission: 0.00002
  spread: column
  expire_after: 4h
  intrabar: finer
""",
    ),
    "commission": ("execution: {commission: {fraction: 0.0001, per_unit: 0.005, per_order: 1.0, minimum: 2.0}}\n",),
    "filters": (
        """\
filters:
  trading_hours: 08:00-16:30
  trading_days: Mon-Fri
  trading_zone: Europe/London
  min_volume_usd: 1000000
  max_spread_bps: 2
""",
    ),
    "account": ("account: {currency: USD, type: margin, leverage: 30, maintenance: 0.0167}\n",),
    "instrument": (
        """\
instrument:
  kind: pair
  pip: 0.0001
  step: 1000
  minimum: 1000
  multiplier: 1
  tick: 0.00001
  day_end: 17:00 America/New_York
  every_day: false
  spread: 0.0002
  swap: {long: -0.7, short: 0.2}
  triple_day: Wed
  venue: oanda
""",
        "instrument: {kind: equity, quote: EUR, splits: [{date: 2024-06-10, ratio: 10}], dividends: [{date: 2024-06-11, amount: 0.01}]}\n",
    ),
    "swap": ("instrument: {swap: {long: -0.031, short: 0.012, unit: yearly}}\n",),
    "split": ("instruments: {NVDA: {splits: [{date: 2024-06-10, ratio: 10}]}}\n",),
    "dividend": ("instruments: {NVDA: {dividends: [{date: 2024-06-11, amount: 0.01}]}}\n",),
    "backtest": (
        """\
parameters: {size: 0.1}
entry: {when: close > sma, size: parameters.size}
backtest:
  start_date: 2024-01-01
  end_date: 2024-12-31
  initial_capital: 10000
  commission: 0.00002
  data_frequency: 1h
  optimization: {size: [0.05, 0.1, 0.2]}
""",
    ),
    "live": ("live: {enabled: false, paper_trade: true, max_position_value: 5000}\n",),
    "metrics": ("metrics: {track: [sharpe_ratio, max_drawdown, profit_factor]}\n",),
}


def whole(example: str) -> str:
    """Return an example as a strategy that loads: with a name and an entry, where it has none."""
    name = "" if "name: " in example.splitlines()[0] else "name: example\n"
    entry = "" if "entry:" in example else "entry: {when: close > sma, size: 0.1}\n"
    return name + entry + example
