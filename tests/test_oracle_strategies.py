"""Two whole strategies on real EURUSD: the front door's backtest against plain Python from the closes to the trades.

The oracle reads the strategy's YAML as data, computes its averages and crossings itself (S22), and trades them (S3 to S15).
"""

from __future__ import annotations

from pathlib import Path

import oracle
import pytest
import yaml
from oracle_bridge import alike, differences, in_plain_words

import sptrader_lab as lab
from sptrader_lab.types.candles import Candles

STRATEGIES = Path(__file__).resolve().parent.parent / "strategies"
MINUTE = 60 * oracle.SECOND
FRAMES = {"1m": MINUTE, "5m": 5 * MINUTE, "1h": 60 * MINUTE}
AVERAGES = {"sma": oracle.simple_average, "ema": oracle.exponential_average}


@pytest.fixture(scope="module")
def frames(eurusd_1m):
    """Return real bars per timeframe, gathered here in plain Python."""
    names = ("time", "open", "high", "low", "close")
    rows = list(zip(*(getattr(eurusd_1m, name).tolist() for name in names), strict=True))
    ends = oracle.new_york_day_ends(rows[0][0], rows[-1][0])
    return {frame: gather(rows, length, ends) for frame, length in FRAMES.items()}


def gather(rows: list[tuple], length: int, ends: list[int]) -> list[oracle.Bar]:
    """Make longer candles of minutes: first open, highest high, lowest low, last close."""
    gathered: dict[int, list[float]] = {}
    for time, opening, high, low, close in rows:
        begin = time - time % length
        if begin in gathered:
            candle = gathered[begin]
            candle[1], candle[2], candle[3] = max(candle[1], high), min(candle[2], low), close
        else:
            gathered[begin] = [opening, high, low, close]
    return [oracle.Bar(time, oracle.closing(time, length, ends), *prices) for time, prices in gathered.items()]


def candles_of(bars: list[oracle.Bar], frame: str) -> Candles:
    columns = list(zip(*bars, strict=True))
    return Candles("EURUSD", frame, columns[0], *columns[2:], volume=[0.0] * len(columns[0]), source="real")


def read_yaml(name: str) -> tuple[dict, oracle.Rules, list[tuple]]:
    """Return the strategy's YAML, the rules it means, and its two averages (function, period)."""
    text = yaml.safe_load((STRATEGIES / f"{name}.yaml").read_text())

    def value(item):
        if isinstance(item, dict):
            assert item["type"] == "percentage"
            item = item["value"]
        return text["parameters"][item.removeprefix("parameters.")] if isinstance(item, str) else item

    rules = oracle.Rules(
        size=value(text["entry"]["size"]),
        stop_fraction=value(text["exit"].get("stop_loss", 0.0)),
        target_fraction=value(text["exit"].get("take_profit", 0.0)),
        max_positions=text["risk"]["max_positions"],
    )
    wanted = {item["name"]: item for item in text["signal_config"]["ma_crossover"]["required_indicators"]}
    averages = [(AVERAGES[wanted[n]["type"]], value(wanted[n]["params"]["period"])) for n in ("ma_fast", "ma_slow")]
    return text, rules, averages


def crossing_that(entry: dict, crosses: dict[str, list[int]]) -> list[int]:
    """Return the bars on which a `when` of one ma_crossover event holds."""
    (condition,) = entry["when"]
    return crosses[condition["outputs"]["crossover_type"]]


def oracle_runs(name: str, bars: list[oracle.Bar]) -> oracle.Outcome:
    text, rules, ((fast, fast_period), (slow, slow_period)) = read_yaml(name)
    closes = [bar.close for bar in bars]
    one, other = fast(closes, fast_period), slow(closes, slow_period)
    crosses = {"golden_cross": oracle.crosses_above(one, other), "death_cross": oracle.crosses_below(one, other)}
    never = [0] * len(bars)
    if text["entry"].get("action") == "buy":
        says = (crossing_that(text["entry"], crosses), never, crossing_that(text["exit"], crosses), never)
    else:
        says = tuple(
            crossing_that(text[part][side], crosses) for part in ("entry", "exit") for side in ("long", "short")
        )
    leg = oracle.Leg(0, 0, *says, never)
    ends = oracle.new_york_day_ends(bars[0].time, bars[-1].time)
    return oracle.replay([bars], [leg], [rules], [oracle.Contract()], capital=10_000.0, day_ends=ends)


@pytest.mark.parametrize("frame", sorted(FRAMES))
@pytest.mark.parametrize("name", ["ma_crossover", "ma_crossover_long_short"])
def test_a_real_year_of_eurusd_gives_the_oracles_trades_to_the_bar_and_to_1e_9(name, frame, frames):
    expected = oracle_runs(name, frames[frame])
    result = lab.backtest(lab.load_strategy(STRATEGIES / f"{name}.yaml"), candles_of(frames[frame], frame))
    told_apart = differences(expected, in_plain_words(result.outcome))
    assert not told_apart, "\n".join(told_apart)
    assert len(expected.trades) > 20
    assert {trade.side for trade in expected.trades} == ({1, -1} if name.endswith("short") else {1})


def test_the_trades_that_a_researcher_reads_are_the_oracles_too(frames):
    expected = oracle_runs("ma_crossover", frames["1h"]).trades
    strategy = lab.load_strategy(STRATEGIES / "ma_crossover.yaml")
    frame = lab.backtest(strategy, candles_of(frames["1h"], "1h")).trades
    assert len(frame) == len(expected)
    for row, trade in zip(frame.itertuples(), expected, strict=True):
        assert (row.exit_reason, row.entry_bar, row.exit_bar) == (trade.reason, trade.entry_bar, trade.exit_bar)
        assert (row.entry_time.value, row.exit_time.value) == (trade.entry_time, trade.exit_time)
        assert row.side in {"long", "buy"}
        assert alike(row.entry_price, trade.entry_price)
        assert alike(row.exit_price, trade.exit_price)
        assert abs(row.pnl - trade.pnl) <= 1e-9 * trade.quantity * trade.entry_price


def test_s4_real_hours_close_when_the_calendar_says_in_both_halves_of_the_year(frames):
    bars = frames["1h"]
    assert candles_of(bars, "1h").close_time.tolist() == [bar.close_time for bar in bars]
