"""Explanations: that they agree with what was decided, bar by bar, and that they say it so that it can be read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sptrader_lab as lab
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import InputError
from sptrader_lab.results import moments
from sptrader_lab.results.explanation import Explanation, Part, different
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.explain import Judged, rules_at
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.types import reasons
from sptrader_lab.types.calendar import HOUR
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.reasons import PLAIN, REASONS
from sptrader_lab.types.records import ENTRY, EXIT, MARKET
from tests.conftest import ROOT

SHIPPED = sorted((ROOT / "strategies").glob("*.yaml"))
LIBRARY = scan(own_library())
SIDES = {"long": 1, "short": -1}
BARS = 700


def walk(symbol: str = "EURUSD", bars: int = BARS, seed: int = 1) -> Candles:
    """A random walk of hourly candles with weekends cut out and a volume that varies."""
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, 0.002, bars)))
    opens = np.concatenate([[1.1], close[:-1]]) * (1 + random.normal(0, 0.0003, bars))
    high, low = np.maximum(opens, close) * 1.0012, np.minimum(opens, close) * 0.9988
    time = parse_time("2025-01-06") + np.arange(bars, dtype=np.int64) * HOUR
    time += np.arange(bars) // 120 * 48 * HOUR  # five days of trading, two without
    return Candles(symbol, "1h", time, opens, high, low, close, random.uniform(1, 9, bars))


def bars_of(close: list[float], symbol: str = "TEST") -> Candles:
    """Hours that open at the close before them."""
    ends = np.array(close, dtype=float)
    opens = np.concatenate([ends[:1], ends[:-1]])
    time = parse_time("2025-03-03T00:00") + np.arange(len(ends), dtype=np.int64) * HOUR
    high, low = np.maximum(opens, ends) + 0.25, np.minimum(opens, ends) - 0.25
    return Candles(symbol, "1h", time, opens, high, low, ends, np.ones(len(ends)))


@cache
def shipped(name: str) -> Result:
    """A shipped strategy on two symbols of one account."""
    return lab.backtest(ROOT / "strategies" / f"{name}.yaml", [walk(), walk("GBPUSD", seed=2)], lookahead="off")


def every_part(result: Result, bars: list[Any] | None = None) -> list[tuple[int, int, Part]]:
    """The explanation of every close of every symbol, or of those bars by symbol."""
    return [
        (symbol, bar, result.explain(int(candles.close_time[bar]), symbol=candles.symbol).parts[0])
        for symbol, candles in enumerate(result.candles)
        for bar in (range(len(candles)) if bars is None else bars[symbol])
    ]


def worth_telling(result: Result, decisions: list[Any]) -> list[Any]:
    """By symbol every bar with a record or a wish, the one before it, and each sixth of the others."""
    found = []
    for symbol, (candles, decided) in enumerate(zip(result.candles, decisions, strict=True)):
        bars = set(range(0, len(candles), 6))
        for table in (result.outcome.orders, result.outcome.refusals, result.outcome.fills):
            bars |= {int(bar) - back for bar in table.bar[table.symbol == symbol] for back in (0, 1) if bar >= back}
        wishes = decided.entry_long | decided.entry_short
        found.append(sorted(bars | set(np.flatnonzero(wishes).tolist())))
    return found


def one(explanation: Explanation) -> Part:
    assert len(explanation.parts) == 1
    return explanation.parts[0]


# It agrees with what was decided


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_rule_is_as_true_as_the_column_it_became_and_every_order_and_refusal_is_told(file: Path) -> None:
    result = shipped(file.stem)
    check_all_of(result, file)
    assert len(result.outcome.orders)


EAGER = """\
name: eager
entry: {long: {when: close > open}, short: {when: close < open}, size: 0.45}
exit: {long: {when: close < open}, short: {when: close > open}, stop_loss: 0.01}
risk: {max_positions: 4, LIMIT}
execution: {expire_after: 3h, slippage: 0.0005}
"""


@pytest.mark.parametrize(
    ("limit", "refused"),
    [
        ("max_drawdown: 0.05", {"halted", "expired", "max_positions_per_symbol"}),
        ("daily_loss_limit: 0.01", {"halted_today", "expired", "max_positions_per_symbol", "cancelled_by_limit"}),
    ],
)
def test_missing_candles_expiries_and_halts_leave_nothing_untold(limit: str, refused: set[str], tmp_path: Path) -> None:
    """Orders wait while their symbol has no candle; a limit may cancel them meanwhile, or decide an exit there."""
    path = tmp_path / "eager.yaml"
    path.write_text(EAGER.replace("LIMIT", limit))
    gone = np.random.default_rng(7).random(300) < 0.6
    result = lab.backtest(path, [walk(bars=300), thinned(walk("GBPUSD", 300, seed=3), ~gone)], lookahead="off")
    check_all_of(result, path)
    assert check_sizes(result) > 10
    assert refused <= {REASONS[code] for code in result.outcome.refusals.reason.tolist()}
    assert getattr(reasons, limit.partition(":")[0].upper()) in result.outcome.orders.reason


def thinned(candles: Candles, kept: Any) -> Candles:
    columns = {name: getattr(candles, name)[kept] for name in ("time", "open", "high", "low", "close", "volume")}
    return replace(candles, **columns)


def check_all_of(result: Result, file: Path) -> None:
    """Go through every close of every symbol; what is told must be what was decided, no more and no less."""
    outcome, plan = result.outcome, make_plan(load_strategy(file, library=LIBRARY), LIBRARY)
    decisions = [plan.decide(candles, plan.compute(candles)) for candles in result.candles]
    told: dict[str, list[Any]] = {"orders": [], "refusals": [], "ends": [], "fills": []}
    for symbol, bar, part in every_part(result, worth_telling(result, decisions)):
        assert part.reasons is not None
        for name, rule in part.reasons.rules.items():
            assert (rule.truth is True) == bool(getattr(decisions[symbol], name.replace(".", "_"))[bar]), (bar, name)
        assert part.reasons.blocked == REASONS[decisions[symbol].blocked[bar]]
        assert bool(part.reasons.blocked) == (not all(verdict.passed for verdict in part.reasons.filters))
        wanted = [side for side in SIDES if (rule := part.reasons.rules.get(f"entry.{side}")) and rule.truth]
        entered = [order.side for order in part.ordered if order.action == "entry"]
        refused = [refusal.side for refusal in part.refused if refusal.decided]
        assert sorted(entered + refused) == sorted(wanted)
        left = {order.side for order in part.ordered if order.action == "exit"}
        for held in part.positions:
            rule = part.reasons.rules.get(f"exit.{held.side}")
            assert held.side in left or held.leaving or rule is None or rule.truth is not True
        assert left <= {held.side for held in part.positions}
        told["orders"] += [order.order for order in part.ordered]
        told["refusals"] += [refusal.reason for refusal in part.refused if refusal.decided]
        told["ends"] += [order.order for order in part.ordered if any(why in order.outcome for why in PLAIN.values())]
        told["fills"] += [fill.order for fill in part.fills]
    at_closes = outcome.orders[(outcome.orders.kind == MARKET) | (outcome.orders.action == ENTRY)]
    assert sorted(told["orders"]) == at_closes.id.tolist()
    ended = outcome.orders[outcome.orders.final != reasons.NONE]
    decided = [REASONS[code] for code in outcome.refusals.reason.tolist() if code not in ended.final]
    assert sorted(told["refusals"]) == sorted(decided)
    assert sorted(told["ends"]) == ended.id.tolist()
    assert len(decided) + len(ended) == len(outcome.refusals)
    assert sorted(told["fills"]) == sorted(outcome.fills.order.tolist())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_account_of_a_size_ends_in_the_quantity_that_was_ordered(file: Path) -> None:
    """All entries, and among them some that found money committed to the other symbol."""
    result = shipped(file.stem)
    several = lab.backtest(
        load_strategy(file.read_text().replace("max_positions: 1", "max_positions: 4")), list(result.candles)
    )
    committed = check_sizes(result) + check_sizes(several)
    assert committed or "max_positions: 1" not in file.read_text()


def check_sizes(run: Result) -> int:
    """Take the size of (up to 80) entries apart; return how many of them found money committed elsewhere."""
    committed = 0
    for order in run.outcome.orders[run.outcome.orders.action == ENTRY][:80]:
        part = one(run.explain(order=int(order.id)))
        mine = next(sizing for sizing in part.reasons.sizings if SIDES[sizing.side] == order.side)
        assert mine.quantity == order.quantity
        assert mine.quantity * order.price <= min(mine.asked, mine.limit, mine.affordable * order.price) * (1 + 1e-9)
        committed += mine.committed > 0
    return committed


def test_sizes_of_research_fills_at_the_close_are_those_before_the_fill() -> None:
    """S3: under `fill: close` the equity of the step is marked after the costs of that very fill."""
    text = (
        ROOT / "strategies" / "ma_crossover_long_short.yaml"
    ).read_text() + "execution: {fill: close, slippage: 0.001}\n"
    result = lab.backtest(load_strategy(text), walk())
    entries = result.outcome.orders[result.outcome.orders.action == ENTRY]
    assert len(entries) > 5
    for order in entries:
        part = one(result.explain(order=int(order.id)))
        assert part.reasons.sizings[0].quantity == order.quantity
        assert {held.side for held in part.positions} <= {"long", "short"} - {part.ordered[-1].side}
        assert part.fills  # at this very close
        assert order.time == parse_time(part.closed)


@pytest.mark.parametrize("name", ["donchian_breakout", "ma_crossover_long_short"])
def test_what_is_held_at_a_close_is_what_its_trades_say(name: str) -> None:
    """An independent count: a trade is open from the open of its entry's bar to that of its exit's."""
    result = shipped(name)
    trades = result.outcome.trades
    for now in result.outcome.time[::3].tolist():
        expected = trades.id[(trades.entry_time < now) & (trades.exit_time >= now)].tolist()
        expected += [int(number) for number in result.outcome.positions.id[result.outcome.positions.entry_time < now]]
        assert sorted(held.id for held in moments.holdings(result.outcome, now)) == sorted(expected)


CONDITIONS = st.recursive(
    st.sampled_from(
        [
            "close > slow",
            "close < slow",
            "crosses_above(close, slow)",
            "shift(slow, 2) >= slow",
            "close.rolling(3).std() > 0.3",
        ]
    ),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(CONDITIONS, st.integers(1, 4))
def test_a_tree_is_three_valued_and_every_group_follows_from_its_parts(text: str, least: int) -> None:
    """Kleene's logic by hand over the parts, against what the evaluator says of the whole."""
    indicator = f"{{any: [{json.dumps(text)}, {{indicator: close, condition: '> slow', min_bars: {least}}}]}}"
    source = f"name: x\nindicators: {{slow: {{type: sma, params: {{period: 3}}}}}}\nentry: {{when: {indicator}, size: 0.1}}\n"
    plan = make_plan(load_strategy(source, library=LIBRARY), LIBRARY)
    candles = bars_of([10, 11, 12, 13, 12, 11, 10, 9, 8, 9, 10, 11, 12])
    computed = plan.compute(candles)
    decided = plan.decide(candles, computed).entry_long
    for bar in range(len(candles)):
        whole = rules_at(plan, computed, bar)["entry.long"]
        assert (whole.truth is True) == bool(decided[bar])
        assert kleene(whole) is whole.truth
        assert whole.decisive().truth in (whole.truth, not whole.truth)


def kleene(judged: Judged) -> bool | None:
    found = [kleene(part) for part in judged.parts]
    if judged.text == "all of":
        return False if False in found else None if None in found else True
    if judged.text == "any of":
        return True if True in found else None if None in found else False
    if judged.text == "not":
        return None if found[0] is None else not found[0]
    return judged.truth


# What it says


CROSS = """\
name: cross
parameters: {limit: 14}
indicators:
  slow: {type: sma, params: {period: 3}}
entry:
  when:
    - crosses_above(close, slow)
    - close < parameters.limit
  size: 0.5
exit:
  when: {indicator: close, condition: "< slow", min_bars: 2}
  stop_loss: {type: price, value: 2}
execution: {slippage: 0.0}
"""
WAVE = [10, 11, 12, 13, 12, 11, 10, 9, 8, 9, 10, 11, 12, 11, 10, 9, 14, 18, 19, 16]


def a_run(text: str = CROSS, close: list[float] = WAVE, **options: Any) -> Result:
    return lab.backtest(load_strategy(text), bars_of(close), lookahead="off", **options)


def test_golden_text_of_an_entry() -> None:
    result = a_run()
    assert str(result.explain(order=1)) == (
        """\
cross on TEST 1h, candle 2025-03-03 09:00 .. 2025-03-03 10:00 UTC
  long entry ordered: 555.55 units, filled 2025-03-03 10:00 at 9

  candle      open 8  high 9.25  low 7.75  close 9  volume 1
  position    flat
  ordered     long entry of 555.55, decided 2025-03-03 10:00: filled 2025-03-03 10:00 at 9 (order 1)
  sizing      long: fraction 0.5 asks for 5,000.00, with equity at 10,000.00
              the money left (0.00 committed, 0.005 cash buffer, 0 costs) pays for 1,105.58 units
              in steps of 0.01: 555.55 units
  indicators  sma(3) 8.66667 (one bar before 9)
  limits      drawdown 0.00 %, no limit
              loss of the day 0.00 %, no limit

  entry.long is true
    true       all of
      true       crosses_above(close, slow): close 9, slow 8.66667; one bar before 8, 9  [line 7]
      true       close < parameters.limit: close 9, parameters.limit 14  [line 8]

  exit.long is false
    false      close < slow for 2 bars: close 9, slow 8.66667; held on 0 of 2 bars  [line 11]"""
    )


def test_golden_headlines() -> None:
    """One sentence per close, and each of them can be checked against the candles by eye."""
    result = a_run()
    candles = result.candles[0]
    said = [one(result.explain(int(now))).headline for now in candles.close_time]
    assert (
        said[1]
        == "nothing: entry.long is undefined: crosses_above(close, slow) (close 11, slow undefined; one bar before 10, undefined), line 7"
    )
    assert (
        said[3]
        == "nothing: entry.long is false: crosses_above(close, slow) (close 13, slow 12; one bar before 12, 11), line 7"
    )
    assert said[9] == "long entry ordered: 555.55 units, filled 2025-03-03 10:00 at 9"
    assert (
        said[12]
        == "long position stays: exit.long is false: close < slow for 2 bars (close 12, slow 11; held on 0 of 2 bars), line 11"
    )
    assert said[14] == "long exit decided (exit rule): 555.55 units, filled 2025-03-03 15:00 at 10"
    assert said[16] == (
        "nothing: entry.long is false: close < parameters.limit (close 14, parameters.limit 14), line 8"
    )


def test_a_stop_is_told_with_its_level_where_it_was_reached() -> None:
    result = a_run(close=[*WAVE[:10], 9, 5, 5, 5])
    stop = result.outcome.orders[result.outcome.orders.reason == reasons.STOP_LOSS][0]
    part = one(result.explain(order=int(stop.id)))
    assert part.headline.startswith("long left at 7 (stop loss); nothing: entry.long is false")
    assert (part.fills[0].level, part.fills[0].price, part.fills[0].action) == (7.0, 7.0, "exit")
    assert part.positions == ()
    before = result.explain(int(result.candles[0].close_time[part.bar - 1]))
    assert one(before).positions[0].stop == 7.0
    assert "long 555.55 since 2025-03-03 10:00 at 9, stop 7" in str(before)


def test_a_trade_is_told_at_its_entry_and_at_its_exit() -> None:
    result = a_run()
    first, last = result.explain(trade=1).parts
    trade = result.outcome.trades[0]
    assert (first.ordered[0].order, last.ordered[0].order) == (trade.entry_order, trade.exit_order)
    assert last.positions[0].trade == 1


REFUSED = """\
name: refused
signal_config:
  ma_crossover:
    required_indicators: [{name: ma_fast, type: sma, params: {period: 1}}, {name: ma_slow, type: sma, params: {period: 3}}]
entry: {when: {signal: ma_crossover, outputs: {crossover_type: golden_cross}}, size: SIZE}
exit: {max_holding_period: 50}
"""


@pytest.mark.parametrize(
    ("size", "more", "said"),
    [
        ("0.5", "", "golden cross (ma_crossover) seen, no long entry: already in a position (1 of 1)"),
        ("{type: cash, value: 0.01}", "", "golden cross (ma_crossover) seen, no long entry: the size came to nothing (0 of 0.01)"),
        ("0.5", 'filters: {trading_hours: "00:00-05:00"}', "golden cross (ma_crossover) seen, no long entry: outside the trading hours"),
    ],
)  # fmt: skip
def test_a_refused_signal_says_why_in_plain_words(size: str, more: str, said: str) -> None:
    result = a_run(REFUSED.replace("SIZE", size) + more, [*WAVE[:13], 9, 8, 10, 11])
    crosses = [int(one.time) for one in result.outcome.refusals]
    part = one(result.explain(crosses[-1]))
    assert part.headline == said
    assert part.refused[0].reason == REASONS[result.outcome.refusals.reason[-1]]
    assert any(seen.fired and seen.outputs["crossover_type"] == "golden_cross" for seen in part.reasons.signals)
    if "filters" in more:
        verdict = part.reasons.filters[0]
        assert (verdict.asked, verdict.found, verdict.passed) == ("00:00-05:00", "16:00 UTC", False)
    assert len(part.reasons.sizings) == ("cash" in size)


def test_a_signal_that_no_rule_wants_is_seen_and_denied() -> None:
    result = a_run(REFUSED.replace("SIZE", "0.1"))
    signals = result.signals
    death = signals["time"][signals["crossover_type"] == "death_cross"].tolist()
    part = one(result.explain(death[0]))
    assert part.headline == (
        "death cross (ma_crossover) seen, no entry: entry.long is false: "
        "ma_crossover.crossover_type == golden_cross (crossover_type death_cross), line 5"
    )


def test_halts_are_told_with_the_close_at_which_they_began() -> None:
    text = REFUSED.replace("SIZE", "1.0") + "risk: {max_drawdown: 0.1}\nexecution: {slippage: 0.0}\n"
    result = a_run(text, [*WAVE[:11], 7, 6, 7, 8, 6, 5, 8, 9])
    orders = result.outcome.orders
    tripped = int(orders.time[orders.reason == reasons.MAX_DRAWDOWN][0])
    halted = int(result.outcome.refusals.time[result.outcome.refusals.reason == reasons.HALTED][0])
    before, at, after = (one(result.explain(now)) for now in (tripped - HOUR, tripped, halted))
    limits = [part.reasons.limits[0] for part in (before, at, after)]
    assert [bool(limit.since) for limit in limits] == [False, True, True]
    assert parse_time(limits[2].since) == tripped
    assert limits[0].now < 0.1 <= limits[1].now
    assert "max drawdown" in at.headline
    assert "trading had stopped for good at a loss limit" in after.headline


def test_a_daily_halt_ends_with_its_day() -> None:
    text = (
        (ROOT / "strategies" / "macd_trend.yaml")
        .read_text()
        .replace("daily_loss_limit: 0.02", "daily_loss_limit: 0.0005")
    )
    result = lab.backtest(load_strategy(text), walk())
    refusals = result.outcome.refusals
    halted = refusals.time[refusals.reason == reasons.HALTED_TODAY].tolist()
    assert halted
    for now in halted:
        assert one(result.explain(now)).reasons.limits[1].since
    told = [bool(part.reasons.limits[1].since) for _, _, part in every_part(result)]
    assert 0 < sum(told) < len(told) / 2


def test_candles_before_the_start_only_warm_up() -> None:
    candles = walk()
    result = lab.backtest(ROOT / "strategies" / "ma_crossover.yaml", candles, start=int(candles.time[300]))
    assert one(result.explain(int(candles.close_time[299]))).headline.startswith("before the start of the run")
    assert not one(result.explain(int(candles.close_time[300]))).headline.startswith("before")


# How it is asked


def test_an_instant_finds_the_candle_that_closes_then_else_the_one_around_it() -> None:
    result = a_run()
    for asked in ("2025-03-03 10:00", "2025-03-03T09:30", np.datetime64("2025-03-03T09:59"), "2025-03-03T11:00+01:00"):
        assert one(result.explain(asked)).bar == 9
    assert one(result.explain("2025-03-03")).bar == 0  # the first opening instant closes no candle
    assert (
        one(result.explain(result.trades["entry_time"][0])).bar == 9
    )  # what filled at an open was decided just before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"time": "2025-03-02"}, "no candle of this run holds 2025-03-02 00:00 UTC; nearest of TEST: 2025-03-03 00:00 .. 2025-03-03 01:00"),
        ({"time": "2026"}, "nearest of TEST: 2025-03-03 19:00 .. 2025-03-03 20:00"),
        ({"time": "soon"}, "'soon' is not a date or time"),
        ({}, r"explain takes one of a time, order=ID or trade=ID"),
        ({"time": "2025-03-03", "order": 1}, "explain takes one of"),
        ({"order": 99}, "there is no order 99; this run has orders 1 to"),
        ({"trade": 0}, "there is no trade 0; this run has trades 1 to"),
        ({"time": "2025-03-03", "symbol": "TSET"}, "unknown symbol 'TSET'. Did you mean 'TEST'"),
        ({"time": "2025-03-03", "strategy": "corss"}, "unknown strategy 'corss'. Did you mean 'cross'"),
        ({"order": 1, "symbol": "TEST"}, "an order or a trade has one of each"),
    ],
)  # fmt: skip
def test_questions_without_an_answer_are_told_the_nearest_one(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        a_run().explain(**asked)


def test_a_gap_names_the_candle_on_its_nearer_side() -> None:
    candles = walk()
    result = lab.backtest(ROOT / "strategies" / "ma_crossover.yaml", candles)
    for now, bar in ((candles.close_time[119] + HOUR, 119), (candles.time[120] - HOUR, 120)):
        nearest = str(candles.time[bar].astype("datetime64[ns]"))[:16].replace("T", " ")
        with pytest.raises(InputError, match=f"nearest of EURUSD: {nearest}"):
            result.explain(int(now))


def test_a_run_without_trades_explains_every_candle() -> None:
    result = a_run(CROSS.replace("close < parameters.limit", "close > 99").replace("parameters: {limit: 14}\n", ""))
    assert not len(result.outcome.orders)
    assert all("nothing: entry.long is" in part.headline for _, _, part in every_part(result))


def test_several_symbols_come_part_by_part_and_can_be_chosen() -> None:
    result = shipped("macd_trend")
    now = int(result.candles[0].close_time[300])
    assert [part.symbol for part in result.explain(now).parts] == ["EURUSD", "GBPUSD"]
    assert [part.symbol for part in result.explain(now, symbol="GBPUSD").parts] == ["GBPUSD"]
    assert [part.symbol for part in result.explain(now, strategy="macd_trend").parts] == ["EURUSD", "GBPUSD"]


def test_a_strategy_that_does_not_trade_a_symbol_has_no_part_of_it() -> None:
    result = shipped("macd_trend")
    kept = {name: getattr(result.outcome, name) for name in ("orders", "fills", "refusals")}
    outcome = replace(result.outcome, **{name: table[table.symbol == 0] for name, table in kept.items()})
    first = replace(result, outcome=outcome, explainer=lambda *leg: result.explainer(*leg) if leg[1] == 0 else None)
    assert [part.symbol for part in first.explain(order=int(outcome.orders.id[0])).parts] == ["EURUSD"]
    now = int(result.candles[0].close_time[300])
    assert [part.symbol for part in first.explain(now).parts] == ["EURUSD"]
    with pytest.raises(InputError, match="'macd_trend' does not trade 'GBPUSD'"):
        first.explain(now, strategy="macd_trend", symbol="GBPUSD")


# How it comes out


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_data_text_and_html_hold_the_same(file: Path) -> None:
    result = shipped(file.stem)
    for number in (1, len(result.outcome.orders)):
        told = result.explain(order=number)
        data = json.loads(json.dumps(told.to_dict(), allow_nan=False))
        assert data["parts"][0]["headline"] in str(told)
        assert set(data["parts"][0]["reasons"]["rules"]) == set(told.parts[0].reasons.rules)
        page = told._repr_html_()
        assert page.count("<ul") == page.count("</ul>")
        assert page.count("<li") == page.count("</li>")
        assert "http" not in page
        if told.parts[0].reasons.signals:
            assert told.parts[0].reasons.signals[0].name in page


def test_what_stands_in_a_file_can_not_break_the_page() -> None:
    told = a_run(CROSS.replace("name: cross", "name: <b>cross</b>")).explain(order=1)
    assert "<b>cross</b>" not in told._repr_html_()
    assert "close &lt; parameters.limit" in told._repr_html_()


def test_numbers_that_differ_read_differently() -> None:
    assert different(1.05, 1.06) == ["1.05", "1.06"]
    assert different(1.05000001, 1.05) == ["1.05000001", "1.05"]
    assert different(0.1 + 0.2, 0.3)[0] != different(0.1 + 0.2, 0.3)[1]
    assert different(math.nan, 2.0) == ["undefined", "2"]


def test_a_saved_run_tells_what_its_records_say_and_how_to_learn_the_rest(tmp_path: Path) -> None:
    result = a_run()
    run_id = result.save(tmp_path)
    told = lab.load_result(run_id, tmp_path).explain(order=1)
    whole = one(result.explain(order=1))
    assert one(told) == replace(whole, reasons=None)
    assert f"lab.rerun('{run_id[:12]}').result.explain(...)" in str(told)
    again = lab.rerun(run_id, tmp_path).result.explain(order=1)
    assert again.to_dict() == result.explain(order=1).to_dict()
    loaded = lab.load_result(run_id, tmp_path)
    exit_order = loaded.outcome.orders[loaded.outcome.orders.action == EXIT][0]
    assert one(loaded.explain(order=int(exit_order.id))).positions[0].quantity == exit_order.quantity
    assert one(loaded.explain("2025-03-03 04:00")).headline == "nothing was decided"
    assert told._repr_html_().startswith("<style>")
