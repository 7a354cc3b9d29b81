"""Several strategies in one account: pairing, one clock, money in one currency, the command line, and running again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sptrader_lab as lab
from sptrader_lab.cli.main import main
from sptrader_lab.errors import CandleError, InputError, LookaheadError, MissingCandles
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from tests.conftest import REAL, ROOT

SHIPPED = ROOT / "portfolios" / "two_trends.yaml"
#: Trades in units, so that one strategy's money does not change another's sizes.
CROSS = """
name: cross
indicators: {fast: {type: sma, params: {period: 5}}, slow: {type: sma, params: {period: 20}}}
entry: {long: {when: ["fast > slow"]}, short: {when: ["fast < slow"]}, size: {type: units, value: 1000}}
exit: {long: {when: ["fast < slow"]}, short: {when: ["fast > slow"]}}
"""
CHANNEL = """
name: channel
indicators: {mean: {type: sma, params: {period: 30}}}
entry: {when: ["close > mean"], size: {type: units, value: 2000}}
exit: {when: ["close < mean"], stop_loss: 0.004, max_holding_period: 12}
"""
FACTS = ["symbol", "side", "entry_time", "exit_time", "quantity", "entry_price", "exit_price", "exit_reason"]


def walk(symbol: str, *, seed: int = 1, bars: int = 600, start: str = "2025-01-06") -> Candles:
    """Hours of a random walk."""
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, 0.001, bars)))
    opens = np.concatenate([[1.1], close[:-1]])
    high, low = np.maximum(opens, close) * 1.0005, np.minimum(opens, close) * 0.9995
    time = parse_time(start) + np.arange(bars, dtype=np.int64) * HOUR
    return Candles(symbol, "1h", time, opens, high, low, close, np.ones(bars))


def load(text: str, *more: str) -> Any:
    return lab.load_strategy("\n".join([text, *more]))


def facts(result: Any, strategy: str | None = None) -> list[dict[str, Any]]:
    """What a trade is, whatever else happens in its account."""
    trades = result.trades
    mine = trades if strategy is None else trades[trades["strategy"] == strategy]
    return list(mine.sort_values(["symbol", "entry_time"])[FACTS].to_dict("records"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> lab.CandleStore:
    """A store of sample candles."""
    (folder := tmp_path_factory.mktemp("lab") / "data").mkdir()
    return lab.CandleStore(folder)


# --- Pairing ----------------------------------------------------------------------------------------------------------


def test_paired_strategies_trade_as_each_does_alone_where_money_is_no_matter() -> None:
    """S13: one account, each strategy on its own symbols, also two on one symbol."""
    euro, pound = walk("EURUSD"), walk("GBPUSD", seed=2)
    both = lab.backtest([load(CROSS), load(CHANNEL), load(CROSS)], [[euro, pound], euro, euro], capital=100_000)
    assert both.strategies == ("cross", "channel", "cross_2")
    assert [one.symbol for one in both.candles] == ["EURUSD", "GBPUSD"]
    wide = "risk: {max_positions: 9}"
    alone = [
        lab.backtest(load(CROSS), [euro, pound], capital=100_000),
        lab.backtest(load(CHANNEL, wide), euro, capital=100_000),
        lab.backtest(load(CROSS), euro, capital=100_000),
    ]
    for name, one in zip(both.strategies, alone, strict=True):
        assert facts(both, name) == facts(one)
        assert len(facts(one)) > 10
    profits = sum(one.total_pnl for one in alone)
    assert both.total_pnl == pytest.approx(profits, rel=1e-9)


def test_strategies_and_candles_that_do_not_pair_are_refused() -> None:
    euro = walk("EURUSD", bars=50)
    with pytest.raises(InputError, match=r"2 strategies and <Candles EURUSD 1h.*one to one"):
        lab.backtest([load(CROSS), load(CHANNEL)], euro)
    with pytest.raises(InputError, match="2 strategies and 3 candles"):
        lab.backtest([load(CROSS), load(CHANNEL)], [euro, euro, euro])
    with pytest.raises(InputError, match="no strategies given"):
        lab.backtest([], [])
    with pytest.raises(InputError, match=r"strategy\.with_parameters"):
        lab.backtest([load(CROSS), load(CHANNEL)], [euro, euro], parameters={"fast": 3})
    with pytest.raises(InputError, match="write store=CandleStore"):
        lab.backtest(load(CROSS), euro, store="data")  # type: ignore[arg-type]


def test_one_symbol_has_one_set_of_candles() -> None:
    euro = walk("EURUSD", bars=100)
    with pytest.raises(InputError, match=r"cross and channel bring different EURUSD 1h candles"):
        lab.backtest([load(CROSS), load(CHANNEL)], [euro, euro.rows(0, 99)])


def test_strategies_agree_on_their_account_or_are_told_how_they_differ() -> None:
    euro = walk("EURUSD", bars=100)

    def pair(first: str, second: str, **options: Any) -> Any:
        return lab.backtest([load(CROSS, first), load(CHANNEL, second)], [euro, euro], **options)

    rich, poor = "backtest: {initial_capital: 5000}", "backtest: {initial_capital: 4000}"
    with pytest.raises(
        InputError, match=r"backtest\.initial_capital: cross 5000\.0, channel 4000\.0; say which with capital="
    ):
        pair(rich, poor)
    assert pair(rich, poor, capital=7000).capital == 7000
    with pytest.raises(InputError, match=r"account\.currency: cross USD, channel EUR"):
        pair("account: {currency: USD}", "account: {currency: EUR}")
    assert pair("account: {currency: EUR}", "").currency == "EUR"
    with pytest.raises(
        InputError, match=r"differ in their account: cross margin, leverage 10, maintenance 0\.05, channel cash"
    ):
        pair("account: {type: margin, leverage: 10}", "")


def test_names_that_are_taken_already_are_passed_over() -> None:
    euro, renamed = walk("EURUSD", bars=60), CROSS.replace("name: cross", "name: cross_2")
    several = lab.backtest([load(CROSS), load(CROSS), load(renamed)], [euro, euro, euro])
    assert len(set(several.strategies)) == 3
    assert several.strategies[2] == "cross_2"


# --- One clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["1h", "4h"])
def test_market_orders_fill_alike_on_shorter_candles(samples: lab.CandleStore, timeframe: str) -> None:
    """S13: the open after a signal's close is the same price, and ages count the signals' closes."""
    signals = samples.candles("EURUSD", timeframe, start="2025-02-03", end="2025-04-30")
    strategy = load(CHANNEL.replace(", stop_loss: 0.004", ""))
    minutes = samples.candles("EURUSD", "1m", start=int(signals.time[0]), end=int(signals.close_time[-1]))
    plain, paced = lab.backtest(strategy, signals), lab.backtest(strategy, signals, trade_on=minutes)
    named = lab.backtest(strategy, signals, trade_on="1m", store=samples)
    assert facts(paced) == facts(plain)
    assert len(facts(plain)) > 20
    assert paced.digest == named.digest != plain.digest
    assert paced.candles[0].timeframe == "1m"
    assert paced.references == (signals,)
    assert len(paced.overlays["EURUSD"][0].values) == len(minutes)


def test_a_stop_is_met_within_the_hour_on_minutes(samples: lab.CandleStore) -> None:
    """S13: levels live on the candles that are traded."""
    hours = samples.candles("EURUSD", "1h", start="2025-02-03", end="2025-04-30")
    paced = lab.backtest(load(CHANNEL), hours, trade_on="1m", store=samples)
    stopped = paced.trades[paced.trades["exit_reason"] == "stop_loss"]
    assert len(stopped) > 3
    assert (stopped["exit_time"].dt.minute != 0).any()


def test_mixed_timeframes_trade_on_the_finest_that_all_can_have(samples: lab.CandleStore) -> None:
    hours = samples.candles("EURUSD", "1h", start="2025-02-03", end="2025-02-28")
    quarters = samples.candles("GBPUSD", "15m", start="2025-02-03", end="2025-02-28")
    pair = [load(CROSS), load(CHANNEL)]
    mixed = lab.backtest(pair, [hours, quarters], store=samples)
    assert [one.timeframe for one in mixed.candles] == ["15m", "15m"]
    given = samples.candles("EURUSD", "15m", start="2025-02-03", end="2025-02-28")
    assert lab.backtest(pair, [hours, quarters], trade_on=given).digest == mixed.digest
    with pytest.raises(CandleError, match=r"inside the 1h candle.*trade_on='15m' with store=CandleStore\('data'\)"):
        lab.backtest(pair, [hours, quarters])
    with pytest.raises(InputError, match="EURUSD is to be traded on 15m candles, which have to come from somewhere"):
        lab.backtest(pair, [hours, quarters], trade_on="15m")


def test_two_timeframes_of_one_symbol_trade_on_the_shorter_one(samples: lab.CandleStore) -> None:
    hours, quarters = (samples.candles("EURUSD", text, start="2025-02-03", end="2025-02-28") for text in ("1h", "15m"))
    both = lab.backtest([load(CROSS), load(CHANNEL)], [hours, quarters])
    assert [one.timeframe for one in both.candles] == ["15m"]
    alone = lab.backtest(load(CHANNEL), quarters)
    assert facts(both, "channel") == facts(alone)
    assert facts(both, "cross") == facts(lab.backtest(load(CROSS), hours))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            lambda one: replace(one, symbol="GBPUSD"),
            "trade_on has candles of GBPUSD, and no strategy has; there are: EURUSD",
        ),
        (lambda one: replace(one, price="bid"), "are mid prices and those that are traded bid prices"),
        (lambda one: one.rows(0, 10), "on other 1h candles than its signals come from"),
        (lambda one: [one, one], "trade_on has two candles of EURUSD"),
        (lambda one: 3, "int is not candles"),
        (lambda one: "4h", "EURUSD is to be traded on 4h candles, which have to come from somewhere"),
    ],
)
def test_candles_that_can_not_be_traded_on_are_refused(wrong: Callable[[Candles], Any], said: str) -> None:
    euro = walk("EURUSD", bars=60)
    with pytest.raises(InputError, match=said):
        lab.backtest(load(CROSS), euro, trade_on=wrong(euro))


def test_orders_never_fill_on_longer_candles_than_their_signals(samples: lab.CandleStore) -> None:
    hours = samples.candles("EURUSD", "1h", start="2025-02-03", end="2025-02-28")
    with pytest.raises(InputError, match="traded on 4h candles, longer than the 1h candles of its signals"):
        lab.backtest(load(CROSS), hours, trade_on="4h", store=samples)


def test_decisions_without_anything_traded_are_counted_not_lost_in_silence(samples: lab.CandleStore) -> None:
    hours, minutes = (samples.candles("EURUSD", text, start="2025-02-03", end="2025-02-14") for text in ("1h", "1m"))
    holed = minutes.to_frame()
    kept = holed[(holed.index < "2025-02-05") | (holed.index >= "2025-02-07")]
    told = lab.backtest(
        load(CROSS), hours, trade_on=Candles.from_frame(kept, symbol="EURUSD", timeframe="1m", source="sample")
    ).warnings
    assert any("of 48 1h candles without a 1m candle inside them" in text for text in told), told
    assert not any("inside them" in text for text in lab.backtest(load(CROSS), hours, trade_on=minutes).warnings)


def test_a_symbol_may_miss_candles_but_not_all_of_them() -> None:
    """S13: at each instant every symbol that has a candle takes part."""
    euro, pound = walk("EURUSD"), walk("GBPUSD", seed=2)
    columns = {name: getattr(pound, name)[200:400] for name in ("time", "open", "high", "low", "close", "volume")}
    run = lab.backtest([load(CROSS), load(CROSS)], [euro, replace(pound, **columns)])
    assert len(run.equity) == len(euro)
    pounds = run.trades[run.trades["symbol"] == "GBPUSD"]
    assert pounds["entry_time"].min() >= pd.Timestamp(int(pound.time[200]), tz="UTC")
    with pytest.raises(InputError, match=r"no candles of GBPUSD from 2025-01-30 00:00 UTC on"):
        lab.backtest([load(CROSS), load(CROSS)], [euro, pound.rows(0, 100)], start="2025-01-30")


def test_a_strategy_that_looks_ahead_is_found_among_others(tmp_path: Path) -> None:
    """S2: each strategy is checked on each of its symbols."""
    folder = tmp_path / "components" / "indicators"
    folder.mkdir(parents=True)
    head = '"""An indicator."""\n\nimport numpy as np\n\nfrom sptrader_lab.components import Column\n\n\n'
    (folder / "own.py").write_text(head + "def own(close: Column) -> Column:\n    return np.roll(close, -1)\n")
    peeking = tmp_path / "peeking.yaml"
    peeking.write_text("name: peeking\nindicators: {own: {type: own}}\nentry: {when: ['close < own'], size: 0.1}\n")
    euro = walk("EURUSD")
    with pytest.raises(LookaheadError, match="own"):
        lab.backtest([load(CROSS), peeking], [euro, euro])
    honest = lab.backtest([load(CROSS), load(CHANNEL)], [euro, euro], lookahead="exhaustive").lookahead
    assert honest.startswith("cross on EURUSD 1h: no value moved")
    assert "channel on EURUSD 1h: no value moved" in honest


def test_look_ahead_is_hunted_on_the_signal_candles_at_every_order(samples: lab.CandleStore) -> None:
    hours = samples.candles("EURUSD", "1h", start="2025-02-03", end="2025-02-28")
    run = lab.backtest(load(CROSS), hours, trade_on="5m", store=samples, lookahead="exhaustive")
    decided = set(np.searchsorted(hours.close_time, run.outcome.orders.time).tolist())
    prefixes = re.search(r"on (\d+) prefixes", run.lookahead)
    assert prefixes is not None
    assert int(prefixes[1]) >= len(decided) > 20


# --- Portfolio files --------------------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """A folder with both strategies and a portfolio of them."""
    (tmp_path / "cross.yaml").write_text(CROSS)
    (tmp_path / "channel.yaml").write_text(CHANNEL)

    def write(text: str) -> Path:
        path = tmp_path / "portfolio.yaml"
        path.write_text("name: trial\n" + text)
        return path

    return write


TWO = """
account: {capital: 50000, currency: EUR}
backtest: {start_date: 2025-03-03, end_date: 2025-04-30}
strategies:
  - {strategy: cross.yaml, symbols: [EURUSD, GBPUSD], timeframe: 1h, allocation: 0.5}
  - {strategy: channel.yaml, name: ceiling, symbols: [USDJPY], timeframe: 1h, trade_on: 5m, allocation: 0.25}
"""


def test_a_portfolio_is_its_strategies_with_candles_from_the_store(
    written: Callable[[str], Path], samples: lab.CandleStore
) -> None:
    """Three symbols, euros, hours beside five minutes."""
    path = written(TWO)
    result = lab.backtest(path, store=samples)
    assert result.strategies == ("cross", "ceiling")
    assert (result.currency, result.capital) == ("EUR", 50_000)
    assert {one.symbol: one.timeframe for one in result.candles} == {"EURUSD": "5m", "GBPUSD": "5m", "USDJPY": "5m"}
    assert {(one.symbol, one.timeframe) for one in result.references} == {
        ("EURUSD", "1h"), ("GBPUSD", "1h"), ("USDJPY", "1h"), ("EURJPY", "5m"),
    }  # fmt: skip
    assert set(result.trades["strategy"]) == {"cross", "ceiling"}
    assert result.trades["entry_time"].min() >= pd.Timestamp("2025-03-03", tz="UTC")
    assert result.equity.index[-1] <= pd.Timestamp("2025-05-01", tz="UTC")
    listed = result.manifest["strategies"]
    assert [entry["rules"]["allocation"] for entry in listed] == [0.5, 0.25]
    assert "strategy" not in result.manifest
    assert result.sources["portfolio.yaml"] == path.read_text()
    assert lab.backtest(lab.load_portfolio(path), store=samples).run_id == result.run_id


def test_a_saved_portfolio_runs_again_to_the_same_bytes_without_files_or_store(
    written: Callable[[str], Path], samples: lab.CandleStore, tmp_path: Path
) -> None:
    """S17."""
    limits = "limits: {max_drawdown: 0.1, max_positions: 2, correlation: 0.7}\n"
    finer = CHANNEL.replace("name: channel", "name: channel\nexecution: {intrabar: finer, spread: column}")
    path = written(limits + TWO)
    (tmp_path / "channel.yaml").write_text(finer)
    result = lab.backtest(path, store=samples)
    run_id = result.save(tmp_path / "runs")
    for file in tmp_path.glob("*.yaml"):
        file.unlink()
    again = lab.rerun(run_id, tmp_path / "runs")
    assert again.same
    assert again.changed == ()
    assert again.result.run_id == run_id


def test_the_limits_of_a_portfolio_hold_for_all_strategies(
    written: Callable[[str], Path], samples: lab.CandleStore
) -> None:
    """S14."""
    free = lab.backtest(written(TWO), store=samples)
    tight = lab.backtest(written("limits: {max_positions: 1}\n" + TWO), store=samples)
    assert "max_account_positions" in tight.refusal_counts
    assert "max_account_positions" not in free.refusal_counts
    held = tight.trades.sort_values("entry_time")
    assert (held["entry_time"].iloc[1:].to_numpy() >= held["exit_time"].iloc[:-1].to_numpy()).all()


def test_the_account_of_a_strategy_is_replaced_by_the_portfolios_and_that_is_told(
    written: Callable[[str], Path], samples: lab.CandleStore, tmp_path: Path
) -> None:
    path = written(TWO)
    (tmp_path / "cross.yaml").write_text(CROSS + "account: {type: margin, leverage: 5, currency: USD}\n")
    told = lab.backtest(path, store=samples).warnings
    assert any("cross: its account (margin, leverage 5, maintenance 0.1, USD) is replaced" in text for text in told)


def test_candles_that_a_portfolio_wants_and_nobody_has_are_told_with_the_strategy(
    written: Callable[[str], Path], samples: lab.CandleStore
) -> None:
    path = written(TWO.replace("USDJPY", "USDCHF"))
    with pytest.raises(MissingCandles, match="ceiling of portfolio 'trial': no candles of 'USDCHF'"):
        lab.backtest(path, store=samples)
    with pytest.raises(InputError, match="takes its candles from a store"):
        lab.backtest(path)
    with pytest.raises(InputError, match="names its own symbols and parameters"):
        lab.backtest(path, walk("EURUSD"), store=samples)


def test_two_strategies_on_the_same_candles_warm_up_alike(
    written: Callable[[str], Path], samples: lab.CandleStore, tmp_path: Path
) -> None:
    """The longest period decides how many candles before the start both are given."""
    text = (
        "strategies:\n  - {strategy: cross.yaml, symbols: [EURUSD]}\n  - {strategy: channel.yaml, symbols: [EURUSD]}\n"
    )
    path = written("backtest: {start_date: 2025-03-03, end_date: 2025-03-31}\n" + text)
    (tmp_path / "channel.yaml").write_text(CHANNEL.replace("period: 30", "period: 120"))
    result = lab.backtest(path, store=samples)
    assert int(np.searchsorted(result.candles[0].time, parse_time("2025-03-03"))) == 1200


def test_the_portfolio_that_comes_along_runs_offline(samples: lab.CandleStore) -> None:
    result = lab.backtest(SHIPPED, store=samples)
    assert result.currency == "EUR"
    assert set(result.trades["strategy"]) == {"averages", "breakouts"}
    assert set(result.trades["symbol"]) == {"EURUSD", "GBPUSD", "USDJPY"}
    assert result.warnings == ()


def test_the_command_line_takes_a_portfolio_where_it_takes_a_strategy(
    written: Callable[[str], Path], samples: lab.CandleStore, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(TWO)
    data = ["--data", str(samples.folder)]
    assert main(["backtest", str(path), *data, "--json", "--save"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["digest"] == lab.backtest(path, store=samples).digest
    assert main(["rerun", document["run_id"], *data]) == 0
    assert "the same bytes" in capsys.readouterr().out
    assert main(["backtest", str(path), *data, "--from", "2025-04-01", "--to", "2025-04-15", "--capital", "9000"]) == 0
    said = capsys.readouterr().out
    assert "measured from 2025-04-01" in said
    assert "9,000.00" in said
    assert main(["backtest", str(path), *data, "--symbol", "EURUSD"]) != 0
    assert "says its own symbols; leave --symbol out" in capsys.readouterr().err


def test_a_strategy_on_the_command_line_finds_its_conversion_pair_in_the_store(
    samples: lab.CandleStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "euro.yaml"
    path.write_text(CROSS + "account: {currency: EUR}\n")
    options = ["--symbol", "USDJPY", "--from", "2025-03-03", "--to", "2025-03-14", "--data", str(samples.folder)]
    assert main(["backtest", str(path), *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["currency"] == "EUR"


# --- Real candles -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.parent.exists(), reason="real candles are not here")
def test_signals_from_real_hours_fill_on_real_minutes_as_on_the_hours(tmp_path: Path) -> None:
    """S13, with the holes and half days that real candles have."""
    store = lab.CandleStore(tmp_path)
    store.import_file(REAL, symbol="EURUSD", timeframe="1m")
    hours = store.candles("EURUSD", "1h")
    strategy = load(CROSS)
    plain, paced = lab.backtest(strategy, hours), lab.backtest(strategy, hours, trade_on="1m", store=store)
    assert facts(paced) == facts(plain)
    assert len(facts(plain)) > 100
    assert (np.diff(paced.candles[0].time) > MINUTE).any()


def test_fills_at_the_close_are_refused_where_signals_are_longer() -> None:
    """S2: the last traded close may come before the signal is known."""
    hours = walk("EURUSD")
    four = lab.Candles.from_frame(
        hours.to_frame()
        .resample("4h")
        .agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}),
        symbol="EURUSD",
        timeframe="4h",
    )
    with pytest.raises(
        InputError, match=r"cross asks for fill: close and reads signals from 4h candles that trade on 1h"
    ):
        lab.backtest(load(CROSS, "execution: {fill: close}"), four, trade_on=hours)


def test_traded_candles_span_the_signals_of_all_strategies(tmp_path: Path) -> None:
    """The store is asked for the union of their times, not for those of whoever has the most candles."""
    store = lab.CandleStore(tmp_path)
    days = store.candles("EURUSD", "1d", start="2024-06-01", end="2025-06-30")
    few = store.candles("EURUSD", "1h", start="2025-05-01", end="2025-06-30")
    assert len(few) > len(days)
    result = lab.backtest([load(CHANNEL), load(CROSS)], [days, few], trade_on="30m", store=store)
    assert result.candles[0].time[0] <= days.time[0] + HOUR
    assert not [warning for warning in result.warnings if "lost" in warning]


def test_finer_candles_are_those_that_lie_within_most_bars_and_missing_ones_are_told(tmp_path: Path) -> None:
    store = lab.CandleStore(tmp_path)
    hours = store.candles("EURUSD", "1h", start="2025-01-06", end="2025-02-28")
    strategy = load(
        CHANNEL.replace("stop_loss: 0.004", "stop_loss: 0.001, take_profit: 0.001"), "execution: {intrabar: finer}"
    )
    result = lab.backtest(strategy, hours, store=store)
    assert not [warning for warning in result.warnings if "candle within it" in warning]
    assert [one.timeframe for one in result.references] == ["1m"]
