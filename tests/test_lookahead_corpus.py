"""Look-ahead on ordinary runs: a corpus of biased components is caught (S2), and nothing clean is suspected.

Each case is what somebody really writes by mistake, or a peek made rare on purpose: only before a large move, in one hour of
the day, on Fridays, once in about a thousand bars.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import yaml

import sptrader_lab as lab
from sptrader_lab.errors import LookaheadError
from sptrader_lab.strategy.filters import local_minutes
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time

HEAD: Final = '''"""A component of the corpus."""

from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import talib

from sptrader_lab.components import Bounds, Column, Labels


def _later(x, bars=1):
    """Pull x forward: the value of `bars` bars later, the last ones repeated."""
    return np.concatenate([x[bars:], np.full(min(bars, len(x)), x[-1])])


def _before(x):
    return np.concatenate([x[:1], x[:-1]])


def _hour(day):
    """Bars since the trading day began."""
    began = np.flatnonzero(np.diff(day, prepend=day[0] - 1.0))
    return np.arange(len(day)) - np.repeat(began, np.diff(np.append(began, len(day))))


'''
OUTPUTS: Final = """class Events(NamedTuple):
    event: Annotated[Column, Labels("none", "up", "down")]


"""

#: Indicators: columns taken, what is returned (`x` and `period` may be used), the rule that enters.
INDICATORS: Final[dict[str, tuple[str, str, str]]] = {
    "future_shift": ("close", "_later(close)", "own > close"),
    "shift_far_ahead": ("close", "_later(close, 50)", "own > close"),
    "roll_wraps_around": ("close", "np.roll(close, -1)", "own > close"),
    "centred_mean": ("close", "pd.Series(close).rolling(period, center=True).mean().to_numpy()", "close > own"),
    "same_mode_convolution": ("close", "np.convolve(close, np.ones(period) / period, 'same')", "close > own"),
    "whole_zscore": ("close", "(close - close.mean()) / close.std()", "own < 0"),
    "whole_minmax": ("close", "(close - close.min()) / (close.max() - close.min())", "own < 0.5"),
    "whole_rank": ("close", "pd.Series(close).rank(pct=True).to_numpy()", "own < 0.5"),
    "scaled_by_maximum": ("close", "close / close.max()", "own > 0.99"),
    "percentile_of_all": ("close", "(close > np.percentile(close, 80)) * 1.0", "own > 0"),
    "outliers_clipped_by_all": ("close", "np.clip(close, *np.quantile(close, [0.01, 0.99]))", "close > own"),
    "filled_from_behind": ("close", "pd.Series(talib.SMA(close, period)).bfill().to_numpy()", "close > own"),
    "gaps_filled_from_behind": (
        "close volume",
        "pd.Series(np.where(volume % 2 == 0, close, np.nan)).bfill().to_numpy()",
        "own > close",
    ),
    "interpolated_gaps": (
        "close volume",
        "pd.Series(np.where(volume % 5 == 0, close, np.nan)).interpolate(limit_direction='both').to_numpy()",
        "own > close",
    ),
    "shifted_back_then_filled": ("close", "pd.Series(close).shift(-1).ffill().to_numpy()", "own > close"),
    "days_high_all_day": ("high day", "pd.Series(high).groupby(day).transform('max').to_numpy()", "close >= own"),
    "days_close_all_day": ("close day", "pd.Series(close).groupby(day).transform('last').to_numpy()", "own > close"),
    "resample_labelled_left": (
        "close",
        "np.repeat(close[3::4], 4)[: len(close)] if len(close) % 4 == 0 else "
        "np.append(np.repeat(close[3::4], 4), np.repeat(close[-1:], len(close) % 4))",
        "own > close",
    ),
    "target_as_feature": ("close", "np.append(np.diff(np.log(close)), 0.0)", "own > 0"),
    "fitted_to_the_target": (
        "close",
        "np.polyval(np.polyfit(close - _before(close), _later(close) - close, 1), close - _before(close))",
        "own > 0",
    ),
    "peaks": (
        "close",
        "np.where((close > _before(close)) & (close > _later(close)), close, 0.0)",
        "own > 0",
    ),
    "there_and_back": (
        "close",
        "pd.Series(pd.Series(close).ewm(span=period).mean()[::-1]).ewm(span=period).mean()[::-1].to_numpy()",
        "close > own",
    ),
    "fft_low_pass": (
        "close",
        "np.fft.irfft(np.where(np.arange(len(close) // 2 + 1) < len(close) // 20 + 1, np.fft.rfft(close), 0), len(close))",
        "close > own",
    ),
    "gradient": ("close", "np.gradient(close) if len(close) > 1 else close * 0.0", "own > 0"),
    "regression_over_all": (
        "close",
        "np.polyval(np.polyfit(np.arange(len(close)), close, 1), np.arange(len(close))) if len(close) > 2 else close * 1.0",
        "close > own",
    ),
    "detrended_by_endpoints": ("close", "close - np.linspace(close[0], close[-1], len(close))", "own < 0"),
    "future_volume": ("volume", "_later(volume) / np.maximum(volume, 1.0)", "own > 1.2"),
    "relative_volume_of_all": ("volume", "volume / volume.mean()", "own > 1"),
    "cumulative_from_the_end": ("close", "np.cumsum(close[::-1])[::-1] / np.arange(len(close), 0, -1)", "close > own"),
    "last_bar": ("close", "np.full(len(close), close[-1])", "own > close"),
    "sorted": ("close", "np.sort(close)", "close > own"),
    "principal_component": (
        "high low",
        "np.linalg.svd(np.column_stack([high, low]), full_matrices=False)[0][:, 0]",
        "own > 0",
    ),
    "sign_in_tiny_noise": ("close", "close * (1.0 + 1e-15 * np.sign(_later(close) - close))", "close >= own"),
    "random_by_length": ("close", "close + np.random.default_rng(len(close)).normal(0, 1e-4, len(close))", "close > own"),
    "next_open": ("open", "_later(open)", "close > own"),
    "entropy_bins_of_all": ("close", "np.digitize(close, np.histogram_bin_edges(close, 20)) * 1.0", "own < 10"),
    # Rare ones.
    "before_large_moves": (
        "close",
        "np.where(abs(_later(close) / close - 1) > 0.0025, _later(close), talib.SMA(close, period))",
        "close > own",
    ),
    "before_the_largest_moves": (
        "close",
        "np.where(abs(_later(close) / close - 1) > 0.005, _later(close), talib.SMA(close, period))",
        "close > own",
    ),
    "in_one_hour": ("close day", "np.where(_hour(day) == 9, _later(close), _before(close))", "own > close"),
    "in_the_last_hour": ("close day", "np.where(_hour(day) == 23, _later(close), _before(close))", "own > close"),
    "on_fridays": ("close day", "np.where(day % 7 == 1, _later(close), _before(close))", "own > close"),
    "once_in_a_thousand": (
        "close volume",
        "np.where(volume * 7919 % 1009 == 3, _later(close), talib.SMA(close, period))",
        "close > own",
    ),
    "once_in_a_thousand_for_days": (
        "close",
        "np.where(np.arange(len(close)) % 1000 == 333, _later(close, 40), talib.SMA(close, period))",
        "close > own",
    ),
    "in_the_warm_up": ("close", "np.where(np.arange(len(close)) < 5, _later(close), close)", "close > own"),
}

#: Signals: columns taken, what happens at a bar (1 up, 2 down).
SIGNALS: Final[dict[str, tuple[str, str]]] = {
    "buys_before_rises": ("close", "np.where(_later(close) > close, 1, 2)"),
    "buys_before_large_rises": ("close", "np.where(_later(close) / close > 1.003, 1, 0)"),
    "buys_before_the_largest_rises": ("close", "np.where(_later(close) / close > 1.005, 1, 0)"),
    "filters_losers": (
        "close",
        "np.where((close > talib.SMA(close, period)) & (_before(close) <= _before(talib.SMA(close, period)))"
        " & (_later(close) > close), 1, 0)",
    ),
    "swing_lows": (
        "low",
        "np.where(low == pd.Series(low).rolling(21, center=True, min_periods=1).min().to_numpy(), 1, 0)",
    ),
    "zigzag_pivots": ("close", "np.where((close < _before(close)) & (close < _later(close)), 1, 0)"),
    "breaks_the_days_high": ("close high day", "np.where(high >= pd.Series(high).groupby(day).transform('max'), 1, 0)"),
    "acts_a_bar_early": (
        "close",
        "np.where((_later(close) > _later(talib.SMA(close, 30))) & (close <= talib.SMA(close, 30)), 1, 0)",
    ),
    "on_friday_evenings": ("close day", "np.where((day % 7 == 1) & (_hour(day) > 15) & (_later(close) > close), 1, 0)"),
    "in_one_hour_signal": ("close day", "np.where((_hour(day) == 14) & (_later(close) > close), 1, 0)"),
    "once_in_a_thousand_signal": (
        "close volume",
        "np.where((volume * 7919 % 499 == 3) & (_later(close) > close), 1, 0)",
    ),
    "whole_quantile_signal": ("close", "np.where(close - _before(close) > np.quantile(np.diff(close), 0.99), 1, 0)"),
}


def made(bars: int = 12_000, timeframe: str = "1h", seed: int = 3) -> Candles:
    """Candles with fat tails, calm and wild stretches, weeks from Sunday to Friday 17:00 New York, ticks as volume."""
    random = np.random.default_rng(seed)
    step = HOUR if timeframe == "1h" else MINUTE
    time = parse_time("2023-01-02") + np.arange(2 * bars + 9000, dtype=np.int64) * step
    evening = (local_minutes(time, "America/New_York") // 60 + 7) // 24  # days that end at 17:00
    time = time[(evening + 3) % 7 < 5][:bars]
    wild = np.exp(np.convolve(random.normal(0, 0.12, bars), np.ones(60), "same") / 2)
    close = np.round(1.1 * np.exp(np.cumsum(random.standard_t(4, bars) * 0.0006 * wild)), 5)
    opens = np.concatenate([[1.1], close[:-1]])
    reach = random.exponential(0.0004, (2, bars))
    high, low = np.maximum(opens, close) + reach[0], np.minimum(opens, close) - reach[1]
    return Candles("EURUSD", timeframe, time, opens, high, low, close, random.integers(1, 9000, bars).astype(float))


def indicator(folder: Path, name: str, columns: str, value: str, rule: str) -> Path:
    takes = ", ".join(f"{column}: Column" for column in columns.split())
    body = f"def {name}({takes}, *, period: Annotated[int, Bounds(2, 500)] = 20) -> Column:\n    return {value}\n"
    _write(folder / "components" / "indicators" / f"{name}.py", HEAD + body)
    text = {
        "name": name,
        "indicators": {"own": {"type": name, "params": {"period": 20}}},
        "entry": {"when": [rule], "action": "buy", "size": 0.1},
        "exit": {"max_holding_period": 3},
    }
    return _write(folder / f"{name}.yaml", yaml.safe_dump(text))


def signal(folder: Path, name: str, columns: str, value: str) -> Path:
    takes = ", ".join(f"{column}: Column" for column in columns.split())
    body = f"def {name}({takes}, *, period: Annotated[int, Bounds(2, 500)] = 20) -> Events:\n    return Events({value} * 1.0)\n"
    _write(folder / "components" / "signals" / f"{name}.py", HEAD + OUTPUTS + body)
    text = {
        "name": name,
        "signal_config": {name: {"parameters": {"period": 20}}},
        "entry": {"when": [{"signal": name, "outputs": {"event": "up"}}], "action": "buy", "size": 0.1},
        "exit": {"max_holding_period": 3},
    }
    return _write(folder / f"{name}.yaml", yaml.safe_dump(text))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def case(folder: Path, name: str) -> Path:
    return indicator(folder, name, *INDICATORS[name]) if name in INDICATORS else signal(folder, name, *SIGNALS[name])


@pytest.fixture(scope="module")
def hours() -> Candles:
    return made()


def accused(path: Path, candles: Candles) -> re.Match[str]:
    """Return what an ordinary run says of the biased component: key, output, bar, both values."""
    with pytest.raises(LookaheadError) as caught:
        lab.backtest(path, candles)
    said = re.match(
        r"(\w+)\(.*period=20\) looks ahead: output '(\w+)' at bar ([\d,]+) \(.* UTC\) is (\S+) .*, but (\S+) when ",
        str(caught.value),
    )
    assert said, str(caught.value)
    return said


@pytest.mark.parametrize("name", [*INDICATORS, *SIGNALS])
def test_a_biased_component_ends_an_ordinary_run(name: str, tmp_path: Path, hours: Candles) -> None:
    """S2: with component, parameters, output, bar and both values named."""
    said = accused(case(tmp_path, name), hours)
    component, output, bar, one, other = said.groups()
    assert component == name
    assert output == (name if name in INDICATORS else "event")
    assert 0 <= int(bar.replace(",", "")) < len(hours)
    assert float(one) != float(other)
