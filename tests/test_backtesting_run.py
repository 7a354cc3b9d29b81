"""One run, from strategy and candles to result: what is checked before, what is said after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.backtesting.lookahead import prefix_lengths
from sptrader_lab.errors import CandleError, ComponentFailed, InputError, LookaheadError
from sptrader_lab.types.calendar import HOUR, UTC_MIDNIGHT
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from tests.conftest import ROOT

CROSSOVER = ROOT / "strategies" / "ma_crossover.yaml"
TEMPLATE = """
name: trial
indicators: {{own: {{type: {component}, params: {{}}}}}}
entry: {{when: ["close > own"], action: buy, size: 0.5}}
exit: {{when: ["close < own"]}}
"""


def walk(symbol: str = "EURUSD", bars: int = 3000, seed: int = 1, start: str = "2025-01-06") -> Candles:
    """A random walk of hourly candles."""
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, 0.001, bars)))
    opens = np.concatenate([[1.1], close[:-1]]) * (1 + random.normal(0, 0.0002, bars))
    high, low = np.maximum(opens, close) * 1.0008, np.minimum(opens, close) * 0.9992
    time = parse_time(start) + np.arange(bars, dtype=np.int64) * HOUR
    return Candles(symbol, "1h", time, opens, high, low, close, np.ones(bars))


@pytest.fixture
def with_component(tmp_path: Path) -> Callable[[str], Path]:
    """A workspace with one indicator `own` and a strategy that uses it."""

    def write(body: str) -> Path:
        folder = tmp_path / "components" / "indicators"
        folder.mkdir(parents=True, exist_ok=True)
        head = '"""An indicator."""\n\nimport numpy as np\n\nfrom sptrader_lab.components import Column\n\n\n'
        (folder / "own.py").write_text(head + body)
        path = tmp_path / "trial.yaml"
        path.write_text(TEMPLATE.format(component="own"))
        return path

    return write


def test_several_symbols_share_one_account_on_one_clock() -> None:
    """S13: each symbol trades for itself, and the money is one."""
    pair = [walk("EURUSD", seed=1), walk("GBPUSD", seed=2)]
    both = lab.backtest(CROSSOVER, pair)
    assert set(both.trades["symbol"]) == {"EURUSD", "GBPUSD"}
    assert len(both.equity) == len(pair[0])
    alone = [lab.backtest(CROSSOVER, one) for one in pair]
    entries = [set(run.trades["entry_time"]) for run in alone]
    for symbol, times in zip(("EURUSD", "GBPUSD"), entries, strict=True):
        found = set(both.trades.loc[both.trades["symbol"] == symbol, "entry_time"])
        assert found <= times  # `max_positions: 1` lets one symbol keep the other out
    booked = both.trades["pnl"].sum() + both.positions["unrealized_pnl"].sum()
    assert both.equity.iloc[-1] == pytest.approx(both.capital + booked, rel=1e-9)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ([], "no candles given"),
        ([walk(), walk()], "different symbols"),
        ([walk("EURUSD"), walk("USDJPY")], r"EURUSD USD, USDJPY JPY; .* account: \{currency: USD\} in the strategy"),
        ([walk("EURUSD"), walk("GBPUSD").rows(0, 0)], r"no candles of GBPUSD \(<Candles GBPUSD 1h: empty"),
    ],
)
def test_candles_that_one_account_cannot_hold_are_refused(pair: list[Candles], said: str) -> None:
    """S12, S21."""
    with pytest.raises(InputError, match=said):
        lab.backtest(CROSSOVER, pair)


def test_nothing_is_decided_or_measured_before_the_start() -> None:
    """Warm-up precedes the start; indicators know the earlier candles."""
    candles = walk()
    start = candles.time[1000]
    late = lab.backtest(CROSSOVER, candles, start=int(start))
    assert late.outcome.time[0] == candles.close_time[1000]
    assert late.outcome.orders.time.min() > start
    cold = lab.backtest(CROSSOVER, candles.rows(1000, len(candles)))
    assert late.outcome.orders.time.min() < cold.outcome.orders.time.min() or late.digest != cold.digest


def test_a_component_that_looks_ahead_ends_an_ordinary_run(with_component: Callable[[str], Path]) -> None:
    """S2: named are the component, the output, the bar and both values."""
    path = with_component("def own(close: Column) -> Column:\n    return np.roll(close, -1)\n")
    with pytest.raises(LookaheadError, match=r"own\(close\) looks ahead: output 'own' at bar \d+ .*own\.py"):
        lab.backtest(path, walk())
    assert lab.backtest(path, walk(), lookahead="off").lookahead.startswith("not checked")


def test_a_component_that_peeks_only_where_orders_are_is_found_by_the_exhaustive_mode(
    with_component: Callable[[str], Path],
) -> None:
    """S2: an ordinary run says how much it covered; the exhaustive one ends a prefix at every order."""
    body = (
        "def own(close: Column) -> Column:\n    before = np.concatenate([close[:1], close[:-1]])\n"
        "    if len(close) > 2900:\n        before[2500] = close[2501]\n    return before\n"
    )
    path = with_component(body)
    candles = walk(bars=12_000)
    assert "no value moved" in lab.backtest(path, candles).lookahead
    with pytest.raises(LookaheadError, match="at bar 2500"):
        lab.backtest(path, candles, lookahead="exhaustive")


def test_a_component_that_raises_ends_the_run_with_its_own_traceback(with_component: Callable[[str], Path]) -> None:
    path = with_component("def own(close: Column) -> Column:\n    return close[10**9:10**9 + 1] + {}['gone']\n")
    with pytest.raises(ComponentFailed) as caught:
        lab.backtest(path, walk())
    assert "own.py" in caught.value.component_traceback
    assert "KeyError: 'gone'" in caught.value.component_traceback
    assert "sptrader_lab/components/run.py" not in caught.value.component_traceback
    result = lab.backtest(path, walk(), on_component_error="continue")
    assert any("own(close) failed" in warning for warning in result.warnings)
    assert len(result.trades) == 0


def test_prefixes_of_the_look_ahead_check_are_few_seeded_and_cheap() -> None:
    """S2: the same strategy and candles are checked on the same prefixes, and most candles are left alone."""
    lengths = prefix_lengths(1_000_000, "seed")
    assert lengths == prefix_lengths(1_000_000, "seed") != prefix_lengths(1_000_000, "other")
    assert len(lengths) >= 4
    assert sum(lengths) < 0.1 * 1_000_000
    for bars in range(40):
        assert all(0 < length < bars for length in prefix_lengths(bars, "x"))


def test_the_profit_band_holds_the_default_run_and_widens_only_with_ambiguous_trades() -> None:
    """S7."""
    text = CROSSOVER.read_text()
    calm = lab.backtest(CROSSOVER, walk())
    assert calm.metrics["ambiguous_trades"] == 0
    assert calm.profit_band == (calm.total_pnl, calm.total_pnl)
    tight = {"stop_loss": 0.0007, "take_profit": 0.0007}
    torn = lab.backtest(lab.load_strategy(text).with_parameters(tight), walk())
    low, high = torn.profit_band
    assert torn.metrics["ambiguous_trades"] > 0
    assert low <= torn.total_pnl <= high
    assert low < high


def test_a_run_id_covers_every_input_and_a_digest_every_output(with_component: Callable[[str], Path]) -> None:
    path = with_component("def own(close: Column) -> Column:\n    return np.full(len(close), close[0])\n")
    candles = walk()
    first = lab.backtest(path, candles)
    assert lab.backtest(path, candles).run_id == first.run_id
    other_capital = lab.backtest(path, candles, capital=20_000)
    other_candles = lab.backtest(path, candles.rows(0, len(candles) - 1))
    with_component("def own(close: Column) -> Column:\n    return np.full(len(close), close[0] * 1.0)\n")
    other_file = lab.backtest(path, candles)
    assert len({run.run_id for run in (first, other_capital, other_candles, other_file)}) == 4
    assert other_file.digest == first.digest != other_capital.digest


def test_a_saved_run_runs_again_to_the_same_bytes_without_its_files(
    with_component: Callable[[str], Path], tmp_path: Path
) -> None:
    """S17: strategy, component and candles are kept with the run."""
    path = with_component("def own(close: Column) -> Column:\n    return np.full(len(close), close[0])\n")
    result = lab.backtest(path, walk(), start="2025-02-01")
    run_id = result.save(tmp_path / "runs")
    (tmp_path / "components" / "indicators" / "own.py").unlink()
    path.unlink()
    again = lab.rerun(run_id[:10], tmp_path / "runs")
    assert again.same
    assert again.changed == ()
    assert "the same bytes" in str(again)


@pytest.mark.parametrize("capital", [0, -1, float("nan"), float("inf")])
def test_capital_that_is_no_money_is_refused(capital: float) -> None:
    with pytest.raises(InputError, match="capital"):
        lab.backtest(CROSSOVER, walk(bars=50), capital=capital)


@pytest.mark.parametrize("bars", [0, 1, 2, 31])
def test_few_candles_give_a_result_without_trades(bars: int) -> None:
    """S21: nothing to trade is no error."""
    result = lab.backtest(CROSSOVER, walk(bars=40).rows(0, bars))
    assert len(result.trades) == 0
    assert result.metrics["total_trades"] == 0
    assert result.describe()


def test_timeframes_that_overlap_in_part_are_refused_with_the_way_out() -> None:
    """S13: one of them would be decided while the other is open."""
    mixed = [walk("EURUSD"), replace(walk("GBPUSD"), timeframe="30m")]
    with pytest.raises(
        CandleError, match=r"inside the 1h candle of 2025-01-06T00:00:00 UTC.*trade_on='30m' with store="
    ):
        lab.backtest(CROSSOVER, mixed)


def test_candles_that_overlap_in_part_are_refused_because_they_would_look_ahead() -> None:
    """S2, S13: within a symbol, and across symbols on one clock."""
    hours = walk("EURUSD", bars=100)
    half = replace(walk("GBPUSD", bars=100), time=hours.time + HOUR // 2)
    with pytest.raises(CandleError, match=r"begin before the one that opened earlier is closed.*one grid"):
        lab.backtest(CROSSOVER, [hours, half])
    crowded = replace(hours, time=hours.time[0] + np.arange(100, dtype=np.int64) * (HOUR // 2))
    with pytest.raises(CandleError, match=r"\d+ candles begin before"):
        lab.backtest(CROSSOVER, crowded)


def test_symbols_whose_days_end_apart_share_no_account_unless_the_strategy_says_when() -> None:
    """S4."""
    pair = [walk("EURUSD", bars=200), replace(walk("BTCUSD", bars=200), day_end=UTC_MIDNIGHT)]
    with pytest.raises(InputError, match=r"EURUSD 17:00 America/New_York, BTCUSD 00:00 UTC.*instrument\.day_end"):
        lab.backtest(CROSSOVER, pair)
    told = CROSSOVER.read_text() + '\ninstrument: {day_end: "00:00 UTC"}\n'
    forward, backward = lab.backtest(lab.load_strategy(told), pair), lab.backtest(lab.load_strategy(told), pair[::-1])
    assert forward.metrics["sharpe_ratio"] == backward.metrics["sharpe_ratio"]
    assert all(one.day_end == UTC_MIDNIGHT for one in forward.candles)


def test_one_equity_in_weeks_is_not_annualised_as_if_it_were_days() -> None:
    """S16."""
    always = lab.load_strategy("name: hold\nentry: {when: ['close > 0'], size: 0.9}\nexecution: {slippage: 0}\n")
    days = lab.backtest(always, daily(step=1)).metrics
    weeks = lab.backtest(always, daily(step=7)).metrics
    assert weeks["volatility"] == pytest.approx(days["volatility"], rel=0.35)


def daily(step: int) -> Candles:
    """Two years of trading weeks, as days or as weeks of the same random walk."""
    random = np.random.default_rng(3)
    returns = np.where(np.arange(1456) % 7 < 5, random.normal(0, 0.005, 1456), 0.0)
    path = 1.1 * np.exp(np.cumsum(returns))
    kept = np.arange(1456) % 7 < 5 if step == 1 else np.arange(1456) % 7 == 0
    closes = path[kept] if step == 1 else path[4::7]
    time = (parse_time("2023-01-01T22:00") + np.arange(1456, dtype=np.int64) * 24 * HOUR)[kept]
    opens = np.concatenate([[1.1], closes[:-1]])
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    return Candles("EURUSD", "1d" if step == 1 else "1w", time, opens, high, low, closes, np.ones(len(time)))


@pytest.mark.parametrize("given", [None, "EURUSD", walk(bars=5).to_frame(), [walk(bars=5), "GBPUSD"]])
def test_what_is_no_candles_is_answered_with_how_to_get_some(given: object) -> None:
    """S21."""
    with pytest.raises(InputError, match=r"is not candles; give Candles: CandleStore"):
        lab.backtest(CROSSOVER, given)


def test_a_limit_of_a_billion_positions_costs_no_memory() -> None:
    """S21: the book is as large as the wishes, not as the limit."""
    text = CROSSOVER.read_text().replace("max_positions: 1", "max_positions: 1000000000")
    strategy = lab.load_strategy(
        text + "\nrisk: {max_positions_per_symbol: 1000000000}\n" if "\nrisk:" not in text else text
    )
    assert lab.backtest(strategy, walk(bars=300)).metrics["total_trades"] > 0


def test_swapped_arguments_are_told_their_order() -> None:
    with pytest.raises(InputError, match=r"the order is lab\.backtest\(strategy, candles\)"):
        lab.backtest(walk(bars=5), lab.load_strategy(CROSSOVER))


def test_a_library_that_the_strategy_was_loaded_with_is_the_one_that_runs(tmp_path: Path) -> None:
    """Components far from the strategy's file are found by the run as they were by the load."""
    folder = tmp_path / "elsewhere" / "indicators"
    folder.mkdir(parents=True)
    head = '"""An indicator."""\n\nfrom sptrader_lab.components import Column\n\n\n'
    (folder / "own.py").write_text(head + "def own(close: Column) -> Column:\n    return close * 0.999\n")
    library = lab.scan_components(tmp_path / "elsewhere")
    strategy = lab.load_strategy(TEMPLATE.format(component="own"), library=library)
    assert lab.backtest(strategy, walk()).metrics["signals_generated"] == 0
    (folder / "own.py").write_text(head + "def own(close: Column) -> Column:\n    return close * 1.001\n")
    assert len(lab.backtest(strategy, walk()).outcome.orders) == 0  # edited since: the run reads it afresh


def test_a_run_saved_unchecked_runs_again_unchecked(with_component: Callable[[str], Path], tmp_path: Path) -> None:
    """What the caller chose is an input too; without it the look-ahead check would end the re-run."""
    path = with_component("def own(close: Column) -> Column:\n    return np.roll(close, -1)\n")
    run_id = lab.backtest(path, walk(), lookahead="off").save(tmp_path / "runs")
    assert lab.rerun(run_id, tmp_path / "runs").same


def test_capital_may_be_a_number_of_numpy() -> None:
    assert lab.backtest(CROSSOVER, walk(bars=50), capital=np.int64(5000)).capital == 5000.0
