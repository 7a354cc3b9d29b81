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
from sptrader_lab.backtesting.lookahead import prefix_lengths
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.components.spec import Spec
from sptrader_lab.components.talib_adapter import talib_names, talib_spec
from sptrader_lab.errors import LookaheadError
from sptrader_lab.results.result import Result
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
    "random_by_length": (
        "close",
        "close + np.random.default_rng(len(close)).normal(0, 1e-4, len(close))",
        "close > own",
    ),
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
        "np.where((close > talib.SMA(close, 5)) & (_before(close) < talib.SMA(close, 5)) & (_later(close) > close), 1, 0)",
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


@pytest.mark.parametrize(
    "name", ["future_shift", "before_large_moves", "on_fridays", "filters_losers", "once_in_a_thousand"]
)
def test_a_biased_component_ends_a_run_on_real_candles(name: str, tmp_path: Path, eurusd_1h: Candles) -> None:
    """S2."""
    assert accused(case(tmp_path, name), eurusd_1h)[1] == name


def test_an_accused_value_is_the_one_that_the_component_gives(tmp_path: Path, hours: Candles) -> None:
    """S2: both values can be found again by hand."""
    with pytest.raises(LookaheadError) as caught:
        lab.backtest(case(tmp_path, "in_one_hour"), hours)
    said = re.search(
        r"bar (\d+) \((.*) UTC\) is (\S+) when bars ([\d,]+) to ([\d,]+) .* but (\S+) when only those up to ([\d,]+) are",
        str(caught.value),
    )
    assert said, str(caught.value)
    bar, first, stop, last = (int(said[place].replace(",", "")) for place in (1, 4, 5, 7))
    assert first <= bar == last < stop
    assert parse_time(said[2]) == hours.time[bar]
    assert float(said[3]) == hours.close[bar + 1]
    assert float(said[6]) == hours.close[last]  # the last known value, repeated


def test_the_component_that_peeks_is_accused_and_not_what_uses_it(tmp_path: Path, hours: Candles) -> None:
    """S2: every component is given the run's own inputs, cut."""
    indicator(tmp_path, "whole_zscore", *INDICATORS["whole_zscore"])
    path = indicator(tmp_path, "average", "close", "talib.SMA(close, period)", "own > 0")
    text = yaml.safe_load(path.read_text())
    text["indicators"]["inner"] = {"type": "whole_zscore", "params": {"period": 20}}
    text["indicators"]["own"]["params"]["source"] = "inner"
    path.write_text(yaml.safe_dump(text))
    assert accused(path, hours)[1] == "whole_zscore"


LIBRARY: Final = {name: spec for name, spec in scan(own_library()).specs.items() if spec.style == "native"}
CLEAN: Final = [*sorted(LIBRARY), *talib_names()]


def clean_run(spec: Spec, candles: Candles, folder: Path) -> Result:
    """Run a strategy that uses one component as it comes."""
    output = spec.outputs[0]
    if spec.kind == "signal":
        rule = f"{{signal: {spec.name}, outputs: {{{output.name}: {output.labels[1]}}}}}"
        text = f"name: clean\nentry: {{when: [{rule}], size: 0.1}}\n"
    else:
        line = "own" if len(spec.outputs) == 1 else f"own.{output.name}"
        text = f"name: clean\nindicators: {{own: {{type: {spec.name}}}}}\nentry: {{when: ['{line} > 0'], size: 0.1}}\n"
    return lab.backtest(_write(folder / "clean.yaml", text), candles)


@pytest.mark.parametrize("name", [name for name in CLEAN if name != "talib.MAVP"])
def test_no_clean_component_is_suspected(name: str, tmp_path: Path, hours: Candles) -> None:
    """S2: none of the library, and no function of TA-Lib."""
    spec = LIBRARY[name] if name in LIBRARY else talib_spec(name)
    said = clean_run(spec, hours, tmp_path).lookahead
    assert "no value moved" in said
    assert "failed" not in said


def test_the_function_of_talib_that_takes_a_column_of_periods_is_not_suspected(tmp_path: Path, hours: Candles) -> None:
    """S2: it can't be used without a component that makes the column."""
    value = "talib.MAVP(close, 3.0 + np.round(close * 1e5) % 9, minperiod=2, maxperiod=period)"
    said = lab.backtest(indicator(tmp_path, "varying", "close", value, "close > own"), hours).lookahead
    assert "no value moved" in said


def test_a_run_is_checked_at_the_same_bars_every_time(hours: Candles) -> None:
    """S17: what was covered is the same, and other candles or another strategy are checked elsewhere."""
    strategy = lab.load_strategy(Path(__file__).parent.parent / "strategies" / "ma_crossover.yaml")
    first = lab.backtest(strategy, hours).lookahead
    assert lab.backtest(strategy, hours).lookahead == first
    assert lab.backtest(strategy, hours.rows(0, len(hours) - 1)).lookahead != first
    assert lab.backtest(strategy.with_parameters({"ma_fast_period": 9}), hours).lookahead != first


def test_a_component_that_fails_on_few_candles_is_counted_and_not_accused(tmp_path: Path, hours: Candles) -> None:
    """S2: a failure on a part proves nothing, and the result says so."""
    path = indicator(tmp_path, "needs_many", "close", "close + {True: 0.0}[len(close) > 700]", "close > own")
    said = lab.backtest(path, hours).lookahead
    assert "no value moved" in said
    assert re.search(r"[1-9]\d* of the runs failed for want of candles and prove nothing", said)


@pytest.mark.parametrize("bars", [1, 2, 3, 4, 7, 40, 499, 501, 1003])
def test_few_candles_are_checked_too(bars: int, tmp_path: Path, hours: Candles) -> None:
    """S2: from three candles on, a peek at the next bar is caught."""
    few = hours.rows(0, bars)
    honest = Path(__file__).parent.parent / "strategies" / "ma_crossover.yaml"
    lab.backtest(honest, few)
    path = case(tmp_path, "future_shift")
    if bars < 3:
        assert "nothing to check" in lab.backtest(path, few).lookahead
    else:
        with pytest.raises(LookaheadError):
            lab.backtest(path, few)


def test_the_check_of_many_candles_is_a_small_part_of_the_work() -> None:
    """S2: of a million minutes, a component runs again on less than a tenth."""
    strategy = lab.load_strategy(Path(__file__).parent.parent / "strategies" / "bollinger_reversion.yaml")
    said = lab.backtest(strategy, made(1_000_000, "1m")).lookahead
    share = re.search(r"([\d.]+)% as much work as the run's own\)", said)
    assert share, said
    assert 2.0 < float(share[1]) < 10.0
    assert sum(prefix_lengths(1_000_000, "any")) < 0.04 * 1_000_000
