"""Explanations of what an account did: signals from longer candles, sizes on margin and in other money, moving levels, limits."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.run import run
from sptrader_lab.backtesting.world import find_world
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.results import moments
from sptrader_lab.results.result import Result
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.types import reasons
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.reasons import REASONS
from sptrader_lab.types.records import ENTRY, SPLIT
from tests.conftest import ROOT

LIBRARY = scan(own_library())
SIDES = {"long": 1, "short": -1}
QUARTER = 15 * MINUTE


def walk(symbol: str, *, seed: int, bars: int = 500, level: float = 1.1, minutes: int = 60, **more: Any) -> Candles:
    random = np.random.default_rng(seed)
    close = level * np.exp(np.cumsum(random.normal(0, 0.002, bars)))
    opens = np.concatenate([[level], close[:-1]]) * (1 + random.normal(0, 0.0003, bars))
    high, low = np.maximum(opens, close) * 1.0012, np.minimum(opens, close) * 0.9988
    time = parse_time("2025-01-06") + np.arange(bars, dtype=np.int64) * minutes * MINUTE
    name = f"{minutes}m" if minutes < 60 else "1h"
    return Candles(symbol, name, time, opens, high, low, close, np.ones(bars), **more)


def hours_of(quarters: Candles) -> Candles:
    """The hours that quarters of an hour make."""
    hours, first = np.unique(quarters.time // HOUR, return_index=True)
    ends = np.append(first[1:], len(quarters)) - 1
    high, low = np.maximum.reduceat(quarters.high, first), np.minimum.reduceat(quarters.low, first)
    opens, close = quarters.open[first], quarters.close[ends]
    return Candles(quarters.symbol, "1h", hours * HOUR, opens, high, low, close, np.ones(len(hours)))


def kept(candles: Candles, there: Any) -> Candles:
    names = ("time", "open", "high", "low", "close", "volume")
    return replace(candles, **{name: getattr(candles, name)[there] for name in names})


def plan_of(text: str) -> Plan:
    return make_plan(lab.load_strategy(text, library=LIBRARY), LIBRARY)


def entries(result: Result) -> Any:
    return result.outcome.orders[result.outcome.orders.action == ENTRY]


def check_every_size(result: Result, untold: int = 0) -> list[Any]:
    """Take the size of every entry apart; the quantity must come out, in whatever money, but for those that are said not to."""
    found, given_up = [], 0
    for order in entries(result):
        (part,) = result.explain(order=int(order.id)).parts
        if part.reasons.notes:
            assert "the records do not tell how" in part.reasons.notes[0]
            given_up += 1
            continue
        (mine,) = [sizing for sizing in part.reasons.sizings if SIDES[sizing.side] == order.side]
        assert mine.quantity == order.quantity
        assert mine.price == order.price
        worth = mine.quantity * order.price * mine.rate
        assert worth <= min(mine.asked, mine.limit, mine.affordable * order.price * mine.rate) * (1 + 1e-9)
        found.append(mine)
    assert given_up <= untold
    return found


# Signals from longer candles


def test_signals_from_longer_candles_are_told_where_their_decision_is_taken_and_nowhere_else() -> None:
    quarters = walk("EURUSD", seed=4, bars=1_200, minutes=15)
    quarters = kept(quarters, np.random.default_rng(1).random(1_200) < 0.8)
    hours = hours_of(quarters)
    text = (ROOT / "strategies" / "ma_crossover_long_short.yaml").read_text()
    result = lab.backtest(lab.load_strategy(text), hours, trade_on=quarters, lookahead="off")
    plan = plan_of(text)
    decided = plan.decide(hours, plan.compute(hours))
    told = 0
    for bar in range(len(quarters)):
        (part,) = result.explain(int(quarters.close_time[bar])).parts
        inside = np.flatnonzero((hours.time <= quarters.time[bar]) & (hours.close_time >= quarters.close_time[bar]))
        is_last = bar + 1 == len(quarters) or quarters.time[bar + 1] >= hours.close_time[inside[0]]
        if not is_last:
            assert part.reasons.rules == {}
            assert "no 1h candle, which its signals come from, closes here" in part.headline
            continue
        hour = int(inside[0])
        for name, rule in part.reasons.rules.items():
            assert (rule.truth is True) == bool(getattr(decided, name.replace(".", "_"))[hour]), (bar, name)
        opened = str(hours.time[hour].astype("datetime64[ns]"))[:16].replace("T", " ")
        assert part.reasons.signal_candle.startswith(f"the 1h candle {opened} .. ")
        told += 1
    assert told == len(hours)
    assert len(check_every_size(result)) > 2


def test_the_shipped_portfolio_tells_every_leg_and_every_size(samples: lab.CandleStore) -> None:
    result = lab.backtest(ROOT / "portfolios" / "two_trends.yaml", store=samples, lookahead="off")
    orders = entries(result)[::5]
    seen = set()
    for order in orders:
        (part,) = result.explain(order=int(order.id)).parts
        assert any(sizing.quantity == order.quantity for sizing in part.reasons.sizings)
        assert part.reasons.rules["entry.long" if order.side > 0 else "entry.short"].truth is True
        assert bool(part.reasons.signal_candle) == (part.strategy == "averages")
        seen.add((part.strategy, part.symbol))
    assert len(seen) == 4
    for one in result.explain(trade=int(result.outcome.trades.id[0])).parts:
        assert one.reasons is not None
        names = [limit.name.partition(" ")[0] for limit in one.reasons.limits]
        assert {"margin", "positions"} <= set(names)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> lab.CandleStore:
    (folder := tmp_path_factory.mktemp("lab") / "data").mkdir()
    return lab.CandleStore(folder)


# Sizes

SIZED = """\
name: NAME
account: {currency: EUR, type: margin, leverage: 3}
entry: {long: {when: close > close.rolling(3).mean()}, short: {when: close < close.rolling(5).mean()}, SIZE}
exit: {stop_loss: 0.006, take_profit: 0.008, max_holding_period: 12}
risk: {max_positions: 4, max_positions_per_symbol: 2, position_limit: 2}
execution: {spread: 0.0004, slippage: 0.0002, commission: 0.0001MORE}
"""
KELLY = "size: {type: kelly, value: 0.6, cap: 1.5, window: 6, initial: 0.3}"


@pytest.mark.parametrize(
    ("size", "more", "allocations"),
    [
        (KELLY, "", (1.0,)),
        (KELLY, "", (0.6, 0.3)),
        ("size: 1.6", "", (0.5, 0.7)),
        ("size: {type: risk, value: 0.01}", ", fill: close", (1.0,)),
        ("size: {type: volatility, value: 0.002}", "", (0.4, 0.9)),
        ("size: {type: units, value: 5000}, order: {type: limit, offset: 0.001, expiry: {bars: 4}}", "", (0.8, 0.8)),
        ("size: 1.2, order: {type: stop, offset: 0.001, expiry: {bars: 4}, oco: true}", "", (0.5, 1.0)),
    ],
)
def test_a_size_in_other_money_on_margin_ends_in_the_quantity_that_was_ordered(
    size: str, more: str, allocations: tuple[float, ...]
) -> None:
    """Converted dollars and yen, spread, leverage, an allocation, and what the last trades taught: all of it comes out."""
    pair = [walk("EURUSD", seed=1), walk("GBPUSD", seed=2, level=1.3)]
    members = [
        Member(f"one_{number}", plan_of(SIZED.replace("NAME", "x").replace("SIZE", size).replace("MORE", more)), tuple(pair), share)
        for number, share in enumerate(allocations)
    ]  # fmt: skip
    result = run(find_world(members), None, on_error="raise", mode="off")
    # Of two orders that cancel each other and are refused at their fill, the records do not always tell which was.
    found = check_every_size(result, untold=2 if "oco" in size else 0)
    assert len(found) > 10
    assert any(one.rate != 1.0 for one in found)
    assert any(one.committed > 0.0 for one in found)
    if min(allocations) < 1.0:
        assert {one.allocation for one in found} == set(allocations)
    if "kelly" in size:
        assert any("of the last 6 trades" in one.asked_by for one in found)
    if size == "size: 1.6":
        assert any(one.own and one.quantity == one.affordable for one in found)
        assert "the money left of its allocation (leverage 3, " in str(result.explain(order=int(entries(result).id[0])))


def test_a_split_changes_what_is_held_and_sizes_still_come_out() -> None:
    text = """\
name: shares
instrument: {kind: equity, step: 1, splits: [{date: 2025-01-08, ratio: 2}, {date: 2025-01-14, ratio: 5}]}
entry: {when: close > close.rolling(4).mean(), size: 0.2}
exit: {stop_loss: 0.9, take_profit: 0.9, max_holding_period: 150}
risk: {max_positions: 3, max_positions_per_symbol: 3}
"""
    candles = walk("ACME", seed=9, level=100.0)
    for date, ratio in (("2025-01-08", 2), ("2025-01-14", 5)):
        factor = np.where(candles.time >= parse_time(date), ratio, 1)
        columns = {name: getattr(candles, name) / factor for name in ("open", "high", "low", "close")}
        candles = replace(candles, **columns)
    result = lab.backtest(lab.load_strategy(text), candles, lookahead="off")
    check_every_size(result)
    splits = result.outcome.cashflows[result.outcome.cashflows.kind == SPLIT]
    assert len(splits) > 3
    for split in splits:
        before, after = (
            next(held for held in moments.holdings(result.outcome, int(now)) if held.id == split.trade)
            for now in (split.time, split.time + HOUR)
        )
        assert after.quantity == before.quantity * split.value
        for name in ("price", "stop", "target"):
            assert getattr(after, name) == pytest.approx(getattr(before, name) / split.value, rel=1e-12)
        position = result.outcome.trades[result.outcome.trades.id == split.trade]
        assert before.stop == pytest.approx(before.price * 0.1, rel=1e-9)
        assert not len(position) or position.quantity[0] >= after.quantity
    open_now = moments.holdings(result.outcome, int(candles.close_time[-1]))
    assert [held.quantity for held in open_now] == result.outcome.positions.quantity.tolist()


def test_what_records_can_not_tell_is_said_in_a_line() -> None:
    result = lab.backtest(lab.load_strategy(SIZED.replace("NAME", "x").replace("SIZE", "size: 0.5").replace("MORE", "").replace("currency: EUR, ", "")), walk("EURUSD", seed=1), lookahead="off")  # fmt: skip
    orders = result.outcome.orders.copy()
    orders.quantity[0] += 0.01  # as if something had changed it that leaves no record
    result.explainer.outcome = replace(result.outcome, orders=orders)
    (part,) = result.explain(order=1).parts
    assert part.reasons.sizings == ()
    assert "the records do not tell how" in str(result.explain(order=1))


# Moving levels

MOVING = """\
name: moving
entry: {long: {when: close > close.rolling(6).mean()}, short: {when: close < close.rolling(6).mean()}, size: 0.3ORDER}
exit:
  stop_loss: 0.02
  trailing_stop: TRAIL
  break_even: {trigger: 0.004, offset: 0.0005}
  max_holding_period: 40
execution: {spread: 0.0002, slippage: 0.0001FILL}
"""


@pytest.mark.parametrize("trail", ["0.007", "{type: atr, value: 3, period: 10}"])
@pytest.mark.parametrize(
    ("order", "fill"),
    [("", ""), (", order: {type: limit, offset: 0.001}", ""), (", order: {type: stop, offset: 0.001}", ""), ("", ", fill: close")],
)  # fmt: skip
def test_moving_levels_are_those_that_the_next_bars_met(trail: str, order: str, fill: str) -> None:
    text = MOVING.replace("TRAIL", trail).replace("ORDER", order).replace("FILL", fill)
    result = lab.backtest(lab.load_strategy(text), walk("EURUSD", seed=6), lookahead="off")
    candles, outcome = result.candles[0], result.outcome
    met = {"trailing stop": 0, "break-even stop": 0}
    kinds = {reasons.TRAILING_STOP: "trailing stop", reasons.BREAK_EVEN: "break-even stop"}
    for trade in outcome.trades:
        kind = kinds.get(int(trade.reason))
        level = outcome.orders.price[outcome.orders.id == trade.exit_order][0]
        passed = level == candles.open[trade.exit_bar] - 0.0001 * trade.side  # and filled there
        if kind is None or passed or trade.exit_bar - bool(fill) <= trade.entry_bar:
            continue
        (part,) = result.explain(int(candles.close_time[trade.exit_bar - 1])).parts
        (found,) = [one.price for one in part.reasons.levels if one.trade == trade.id and one.kind == kind]
        assert found == pytest.approx(level, rel=1e-9)
        assert f"{kind} {found:,.8g}" in str(result.explain(int(candles.close_time[trade.exit_bar - 1])))
        met[kind] += 1
    assert min(met.values()) > 0
    (last,) = result.explain(int(candles.close_time[-1])).parts
    for position in outcome.positions if not fill else ():
        told = {one.kind: one.price for one in last.reasons.levels if one.trade == position.id}
        assert told.get("trailing stop", math.nan) == pytest.approx(position.trail, nan_ok=True)
        assert told.get("break-even stop", math.nan) == pytest.approx(position.even, nan_ok=True)


# Limits

CROWD = """\
name: crowd
entry: {when: close > close.rolling(3).mean(), size: 0.9}
exit: {when: close < close.rolling(8).mean(), stop_loss: 0.05}
risk: {max_positions: 3}
"""
LIMITS = """\
name: crowded
account: {capital: 10000, currency: EUR, type: margin, leverage: 5}
limits: {LIMIT}
backtest: {start_date: 2025-01-06, end_date: 2025-02-14}
strategies: [{strategy: FILE, symbols: [EURUSD, GBPUSD, USDJPY], timeframe: 1h}]
"""


@pytest.mark.parametrize(
    ("limit", "name", "reason"),
    [
        ("max_positions: 1", "positions and waiting entries", reasons.MAX_ACCOUNT_POSITIONS),
        ("max_gross_exposure: 1.2", "gross exposure", reasons.MAX_GROSS_EXPOSURE),
        ("max_net_exposure: 1.2", "net exposure", reasons.MAX_NET_EXPOSURE),
        ("max_currency_exposure: 1.2", "exposure in", reasons.MAX_CURRENCY_EXPOSURE),
        ("correlation: {limit: 0.1, window: 40}", "correlation of a long entry", reasons.CORRELATION),
    ],
)
def test_the_accounts_limits_are_told_with_the_numbers_that_refused(
    limit: str, name: str, reason: int, samples: lab.CandleStore, tmp_path: Any
) -> None:
    (tmp_path / "crowd.yaml").write_text(CROWD)
    path = tmp_path / "crowded.yaml"
    path.write_text(LIMITS.replace("LIMIT", limit).replace("FILE", "crowd.yaml"))
    result = lab.backtest(path, store=samples, lookahead="off")
    refused = result.outcome.refusals[result.outcome.refusals.reason == reason]
    alone = [one for one in refused if not (entries(result).time == one.time).any()]
    assert alone, [REASONS[code] for code in result.outcome.refusals.reason]
    for one in alone[:25]:
        (part,) = result.explain(int(one.time), symbol=result.symbols[one.symbol]).parts
        mine = [told for told in part.reasons.limits if told.name.startswith(name)]
        assert mine
        assert all(told.allowed == one.limit for told in mine)
        if reason in (reasons.MAX_ACCOUNT_POSITIONS, reasons.CORRELATION):
            assert any(told.now == pytest.approx(one.value, rel=1e-9) for told in mine)
        elif reason == reasons.MAX_CURRENCY_EXPOSURE:
            assert any(abs(told.now) < one.value for told in mine)
        else:  # what is there, and the entry that would have been too much
            assert all(told.now < one.limit < one.value < told.now + 1.0 for told in mine)


def test_a_margin_call_is_told_with_equity_and_what_it_was_called_at() -> None:
    text = """\
name: bold
account: {type: margin, leverage: 20, maintenance: 0.045}
entry: {when: close > close.rolling(3).mean(), size: 18}
exit: {when: close < 0}
"""
    candles = walk("EURUSD", seed=3)
    result = lab.backtest(lab.load_strategy(text), candles, lookahead="off")
    orders = result.outcome.orders
    called = int(orders.time[orders.reason == reasons.MARGIN_CALL][0])
    before, at = (result.explain(now).parts[0] for now in (called - HOUR, called))
    margin = [next(one for one in part.reasons.limits if one.unit == "money") for part in (before, at)]
    assert margin[0].now > margin[0].allowed
    assert margin[1].now <= margin[1].allowed
    assert (margin[0].since, parse_time(margin[1].since)) == ("", called)
    step = int(np.searchsorted(result.outcome.time, called))
    assert margin[1].allowed == pytest.approx(0.045 * result.outcome.exposure[step], rel=1e-12)
    assert "margin (0.045 x exposure" in str(result.explain(called))


# A session's clock


def test_a_session_ends_at_its_minute_on_the_candles_that_are_traded() -> None:
    """Signals come from hours; 16:45 is a close of the quarters and none of theirs."""
    quarters = walk("EURUSD", seed=5, bars=1_000, minutes=15)
    text = "name: day\nentry: {when: close > close.rolling(3).mean(), size: 0.5}\nexit: {session: '16:45'}\n"
    result = lab.backtest(lab.load_strategy(text), hours_of(quarters), trade_on=quarters, lookahead="off")
    orders = result.outcome.orders
    ended = orders.time[orders.reason == reasons.SESSION_EXIT]
    assert len(ended) > 5
    assert {str(np.datetime64(int(time), "ns"))[11:16] for time in ended} == {"16:45"}
    (part,) = result.explain(int(ended[0])).parts
    assert "(session exit)" in part.headline
    assert "closes here" not in part.headline
    assert any("closes here" in note for note in part.reasons.notes)
