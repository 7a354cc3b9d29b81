"""Orders, targets, break-even and the session clock: from the file to rules, levels and flags."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.backtesting import lookahead
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import LookaheadError, StrategyError
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import Plan, make_plan
from sptrader_lab.strategy.schema.orders import Session
from sptrader_lab.strategy.session import session_exits
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.types.calendar import HOUR, MINUTE
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.records import KELLY, LIMIT, MARKET, RULES, STOP, STOP_LIMIT, TARGET, default_rules
from tests.test_strategy_plan import candles

LIBRARY = scan(own_library())
BOTH = "name: x\nentry: {long: {when: close > 0}, short: {when: close > 0}, size: 0.1, order: ORDER}\n"
LONG = "name: x\nentry: {when: close > 0, size: 0.1, order: ORDER}\nexit: {stop_loss: 0.01}\n"
EXIT = "name: x\nentry: {when: close > 0, size: 0.1}\nexit: {EXIT}\n"
PRICES = [10.0, 11.0, 12.0, 13.0, 12.0, 11.0]


def load(text: str) -> Strategy:
    return load_strategy(text, library=LIBRARY)


def problems(text: str) -> list[str]:
    with pytest.raises(StrategyError) as error:
        load(text)
    return [str(problem) for problem in error.value.problems]


def plan(text: str) -> Plan:
    return make_plan(load(text), LIBRARY)


def decided(text: str, over: Candles):
    made = plan(text)
    return made.decide(over, made.compute(over))


def rule(text: str):
    return plan(text).rules[0]


# Levels


@pytest.mark.parametrize(
    ("order", "kind", "long", "short"),
    [
        ("{type: limit, offset: 0.01}", LIMIT, 0.99, 1.01),
        ("{type: stop, offset: 0.01}", STOP, 1.01, 0.99),
        ("{type: stop, offset: {type: percentage, value: 0.02}}", STOP, 1.02, 0.98),
        ("{type: stop_limit, offset: 0.01}", STOP_LIMIT, 1.01, 0.99),
    ],
)
def test_a_limit_lies_on_the_favourable_side_of_the_close_and_a_stop_on_the_other(order, kind, long, short):
    text = BOTH.replace("ORDER", order)
    assert rule(text).entry_kind == kind
    found = decided(text, candles(PRICES))
    assert np.allclose(found.long_price, np.array(PRICES) * long, rtol=1e-15)
    assert np.allclose(found.short_price, np.array(PRICES) * short, rtol=1e-15)


def test_an_offset_in_price_units_is_that_distance():
    found = decided(BOTH.replace("ORDER", "{type: limit, offset: {type: price, value: 0.25}}"), candles(PRICES))
    assert found.long_price.tolist() == [9.75, 10.75, 11.75, 12.75, 11.75, 10.75]
    assert found.short_price.tolist() == [10.25, 11.25, 12.25, 13.25, 12.25, 11.25]


def test_an_offset_in_atr_is_undefined_until_the_atr_is():
    text = BOTH.replace("ORDER", "{type: stop, offset: {type: atr, value: 2, period: 3}}")
    made = plan(text)
    over = candles(PRICES)
    computed = made.compute(over)
    found = made.decide(over, computed)
    atr = computed.columns["atr(high, low, close, period=3)"]
    assert np.isnan(atr[0])
    assert np.array_equal(found.long_price, over.close + 2 * atr, equal_nan=True)
    assert np.array_equal(found.short_price, over.close - 2 * atr, equal_nan=True)


def test_the_limit_of_a_stop_limit_lies_beyond_its_stop_on_each_side():
    order = "{type: stop_limit, offset: {type: price, value: 1}, limit_offset: {type: price, value: 0.5}}"
    found = decided(BOTH.replace("ORDER", order), candles(PRICES))
    assert np.array_equal(found.long_limit, found.long_price + 0.5)
    assert np.array_equal(found.short_limit, found.short_price - 0.5)
    found = decided(BOTH.replace("ORDER", "{type: stop_limit, price: 20, limit_offset: 0.1}"), candles(PRICES))
    assert found.long_limit.tolist() == [22.0] * 6  # a tenth of the stop, not of the close
    assert found.short_limit.tolist() == [18.0] * 6
    bare = decided(BOTH.replace("ORDER", "{type: stop_limit, offset: 0.01}"), candles(PRICES))
    assert np.array_equal(bare.long_limit, bare.long_price)


def test_a_price_is_an_expression_over_columns_indicators_and_parameters():
    text = """\
name: x
parameters: {away: 0.5, window: 3}
indicators: {slow: {type: sma, params: {period: 3}}}
entry:
  long: close > 0
  short: close > 0
  size: 0.1
  order:
    type: limit
    price: {long: "min(low, slow) - parameters.away", short: high.rolling(parameters.window).max()}
"""
    over = candles(PRICES)
    found = decided(text, over)
    close = np.array(PRICES)
    slow = np.array([np.nan, np.nan, 11.0, 12.0, 37 / 3, 12.0])
    assert np.allclose(found.long_price, np.minimum(close - 0.5, slow) - 0.5, equal_nan=True)
    assert np.allclose(found.short_price, [np.nan, np.nan, 12.5, 13.5, 13.5, 13.5], equal_nan=True)
    assert load(text).referenced_parameters == ("away", "window")
    wider = make_plan(load(text).with_parameters({"away": 1}), LIBRARY)
    assert np.allclose(wider.decide(over, wider.compute(over)).long_price, found.long_price - 0.5, equal_nan=True)


def test_a_division_by_zero_leaves_a_price_undefined():
    found = decided(LONG.replace("ORDER", "{type: stop, price: close / (close - 12)}"), candles(PRICES))
    assert np.isnan(found.long_price).tolist() == [False, False, True, False, True, False]
    assert found.long_price[0] == -5.0  # not above zero: the run refuses it


def test_one_price_is_that_of_both_sides_and_a_side_that_never_enters_has_none():
    found = decided(BOTH.replace("ORDER", "{type: stop, price: close + 1}"), candles(PRICES))
    assert np.array_equal(found.long_price, found.short_price)
    found = decided(LONG.replace("ORDER", "{type: stop, price: close + 1}"), candles(PRICES))
    assert np.isnan(found.short_price).all()
    assert len(found.short_price) == len(PRICES)


def test_a_market_order_has_no_levels():
    text = EXIT.replace("EXIT", "stop_loss: 0.01")
    found = decided(text, candles(PRICES))
    assert rule(text).entry_kind == MARKET
    columns = (
        found.long_price,
        found.short_price,
        found.long_limit,
        found.short_limit,
        found.even_atr,
        found.session_exit,
    )
    assert [len(column) for column in columns] == [0] * 6
    limit = decided(LONG.replace("ORDER", "{type: limit, offset: 0.01}"), candles(PRICES))
    assert (len(limit.long_price), len(limit.long_limit)) == (6, 0)


def test_a_price_alone_brings_its_indicators_into_the_plan_and_its_columns_are_asked_for():
    made = plan(LONG.replace("ORDER", "{type: limit, price: sma - atr}"))
    assert {call.key for call in made.calls} == {"sma(close, period=20)", "atr(high, low, close, period=14)"}
    with pytest.raises(Exception, match="spread"):
        made = plan(LONG.replace("ORDER", "{type: limit, price: close - spread}"))
        made.compute(candles(PRICES))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1, 100), min_size=3, max_size=60), st.integers(1, 50))
def test_a_prefix_of_the_candles_gives_a_prefix_of_the_levels_s2(values, cut):
    text = BOTH.replace(
        "ORDER", "{type: stop_limit, price: 'high.rolling(3).max() + shift(atr, 1)', limit_offset: 0.01}"
    )
    whole, part = decided(text, candles(values)), decided(text, candles(values[:cut]))
    for name in ("long_price", "short_price", "long_limit", "short_limit"):
        full, short = getattr(whole, name), getattr(part, name)
        assert np.array_equal(full[: len(short)], short, equal_nan=True)


BIASED = '''"""Peeks."""

import numpy as np

from sptrader_lab.components import Column


def biased(close: Column) -> Column:
    """Return the next close."""
    return np.append(close[1:], close[-1:])
'''


@pytest.mark.parametrize("order", ["{type: limit, price: biased}", "{type: stop, price: max(close, biased)}"])
def test_an_indicator_that_peeks_is_caught_when_only_a_price_uses_it_s2(order, tmp_path: Path):
    folder = tmp_path / "indicators"
    folder.mkdir()
    (folder / "biased.py").write_text(BIASED)
    library = scan(tmp_path, own_library())
    order = order.replace("max(close, biased)", '"max(close, biased)"')
    made = make_plan(load_strategy(LONG.replace("ORDER", order), library=library), library)
    over = candles(100 + np.cumsum(np.sin(np.arange(3_000) ** 1.3)))
    with pytest.raises(LookaheadError, match=r"biased\(close\) looks ahead"):
        lookahead.check(made, over, made.compute(over), lookahead.prefix_lengths(len(over), "seed"))
    with pytest.raises(StrategyError, match="looks ahead"):
        load_strategy(LONG.replace("ORDER", "{type: limit, price: close.shift(-1)}"), library=library)


# Expiry and the rest of an order


@pytest.mark.parametrize(
    ("expiry", "bars", "day", "after"),
    [
        ("gtc", 0, 0, 0),
        ("day", 0, 1, 0),
        ("{bars: 5}", 5, 0, 0),
        ("4h", 0, 0, 4 * HOUR),
        ("{bars: 3, day: true}", 3, 1, 0),
    ],
)
def test_an_expiry_is_bars_a_day_or_a_length_of_time(expiry, bars, day, after):
    found = rule(LONG.replace("ORDER", f"{{type: limit, offset: 0.01, expiry: {expiry}}}"))
    assert (found.expire_bars, found.expire_day, found.expire_after) == (bars, day, after)


def test_a_length_of_time_may_end_a_market_order_and_is_expire_after():
    one = rule(LONG.replace("ORDER", "{expiry: 4h}"))
    other = rule(EXIT.replace("EXIT", "stop_loss: 0.01") + "execution: {expire_after: 4h}\n")
    assert one == other


def test_one_cancels_the_other_is_a_rule():
    assert rule(BOTH.replace("ORDER", "{type: stop, offset: 0.01, oco: true}")).oco == 1
    assert rule(BOTH.replace("ORDER", "{type: stop, offset: 0.01}")).oco == 0


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("limit", "a limit order without a level; write where it lies: price: close - 0.5 * atr, or offset: 0.001"),
        ("stp", "must be one of market, stop, limit, stop_limit (did you mean 'stop'?)"),
        ("[limit]", "entry.order: a list; must be a mapping"),
        ("{type: limit, price: close, offset: 0.01}", "price and offset; an order has one level"),
        ("{price: close}", "a market order fills at the next open; write type: limit, stop or stop_limit beside it"),
        ("{oco: true}", "a market order fills at the next open"),
        ("{expiry: day}", "an expiry of bars or days; a market order fills at the next open"),
        ("{type: stop, offset: 0.01, limit_offset: 0.01}", "type: stop_limit has a limit besides"),
        ("{type: stop, offset: 0.01, expiry: dya}", "must be gtc (until it fills), day, {bars: 5} or a length of time"),
        (
            "{type: stop, offset: 0.01, expiry: 200000d}",
            "'200000d'; must be gtc (until it fills), day, {bars: 5} or a length",
        ),
        ("{type: stop, offset: 0.01, expiry: {bars: 0}}", "entry.order.expiry.bars: '0'; must be a whole number"),
        ("{type: stop, offset: 0.01, oco: true}", "entry.order.oco of a strategy that only enters long"),
        ("{type: stop, price: close > 1}", "is true or false; a number is needed here"),
        ("{type: stop, price: closs + 1}", "unknown name 'closs'"),
        ("{type: stop, price: [close]}", "a level holds a list; write an expression"),
        ("{type: stop, price: {long: close, shrt: close}}", "unknown key in entry.order.price 'shrt'"),
        ("{type: stop, price: {short: close}}", "entry.order.price has no long side; this strategy enters long"),
        ("{type: stop, price: 'ema(9) + 1'}", "declare `ema_9: {type: ema, params: {period: 9}}`"),
        ("{type: stop, price: parameters.x}", "unknown parameter 'x'"),
        ("{type: stop, offset: 5}", "must be a fraction up to 1: 0.02 means 2 %"),
        ("{type: stop, offset: 0.01, tif: gtc}", "(did you mean 'expiry'?)"),
    ],
)
def test_an_order_that_makes_no_sense_is_one_problem_with_the_way_out(order, message):
    (found,) = problems(LONG.replace("ORDER", order))
    assert found.startswith("<text>:2: ")
    assert message in found


def test_a_level_of_a_side_that_never_enters_is_a_warning():
    found = load(LONG.replace("ORDER", "{type: stop, price: {long: close + 1, short: close - 1}}")).warnings
    assert [warning.what for warning in found] == ["entry.order.price.short has no effect"]


def test_a_close_waits_for_nothing_s3():
    (found,) = problems(LONG.replace("ORDER", "{type: limit, offset: 0.01}") + "execution: {fill: close}\n")
    assert found.startswith("<text>:4: execution.fill: close beside a limit entry; a close is one price")


def test_two_ends_of_an_order_are_refused():
    text = LONG.replace("ORDER", "{type: limit, offset: 0.01, expiry: day}") + "execution: {expire_after: 4h}\n"
    assert problems(text) == [
        "<text>:4: execution.expire_after beside entry.order.expiry; both say when an entry ends unfilled; keep one of them"
    ]


# Targets


def test_several_targets_are_rows_and_the_last_takes_the_rest():
    text = EXIT.replace(
        "EXIT", "take_profit: [{value: 0.01, share: 0.5}, {type: price, value: 2, share: 0.2}, {type: atr, value: 3}]"
    )
    made = plan(text)
    assert (made.rules[0].targets, made.rules[0].first_target, made.rules[0].target_fraction) == (3, 0, 0.0)
    assert made.targets.dtype == TARGET
    rows = [(row.fraction, row.distance, row.atr, round(float(row.share), 12)) for row in made.targets]
    assert rows == [(0.01, 0.0, 0.0, 0.5), (0.0, 2.0, 0.0, 0.2), (0.0, 0.0, 3.0, 0.3)]
    assert [target.share for target in made.strategy.targets][:2] == [0.5, 0.2]
    assert len(decided(text, candles(PRICES)).target_atr) == len(PRICES)


@pytest.mark.parametrize("written", ["0.04", "{value: 0.04}", "[0.04]", "[{value: 0.04, share: 1}]"])
def test_one_target_is_said_by_the_rules_alone(written):
    made = plan(EXIT.replace("EXIT", f"take_profit: {written}"))
    assert (made.rules[0].targets, made.rules[0].target_fraction, len(made.targets)) == (1, 0.04, 0)


def test_targets_under_risk_hold_when_exit_does_not_say_and_false_turns_them_off():
    targets = "risk: {take_profit: [{value: 0.01, share: 0.5}, 0.02]}\n"
    assert len(plan(EXIT.replace("EXIT", "") + targets).targets) == 2
    assert plan(EXIT.replace("EXIT", "take_profit: false") + targets).rules[0].targets == 0


def test_shares_that_leave_something_are_a_warning():
    (found,) = load(
        EXIT.replace("EXIT", "take_profit: [{value: 0.01, share: 0.5}, {value: 0.02, share: 0.2}]")
    ).warnings
    assert str(found) == "<text>:3: shares of 0.7 in all; the last target closes all that is left"


@pytest.mark.parametrize(
    ("exit_", "message"),
    [
        (
            "take_profit: [{value: 0.01, share: 0.7}, {value: 0.02, share: 0.7}]",
            "shares of 1.4 in all; they must add up to 1 at most",
        ),
        ("take_profit: [{value: 0.01, share: 1}, 0.02]", "nothing is left for the target at 0.02"),
        ("take_profit: [0.01, 0.02]", "the target at 0.01 has no share; only the last may leave it out"),
        (
            "take_profit: [{type: atr, value: 1, share: 0.5, period: 10}, {type: atr, value: 2}]",
            "ATRs of 10 and 14 bars",
        ),
        ("take_profit: []", "an empty list holds no target"),
        ("take_profit: [{value: 0.01, share: 50%}, 0.02]", "exit.take_profit.0.share: '50%'; must be a number"),
        ("take_profit: 4", "exit.take_profit.value: '4'; must be a fraction up to 1"),
        ("take_profit: {valu: 0.04}", "unknown key in exit.take_profit 'valu'; known: period, share, type, value"),
        ("stop_loss: {value: 0.01, share: 0.5}", "unknown key in exit.stop_loss 'share'"),
        ("break_even: true", "must say how far"),
        ("break_even: {offset: 0.001}", "'exit.break_even.trigger' is missing"),
        ("break_even: {trigger: 0.01, offset: 0.02}", "an offset of 0.02; must be below the trigger, 0.01"),
        ("break_even: {trigger: 0.01, offset: {type: atr, value: 1}}", "must be one of percentage, price"),
        ("session: 25:00", "exit.session.time: '25:00'; must be a time of the day like 16:45"),
        ("session: {time: '16:45', zone: America/New_Yrk}", "must be a time zone"),
    ],
)
def test_exits_that_make_no_sense_are_problems_with_the_way_out(exit_, message):
    found = problems(EXIT.replace("EXIT", exit_))
    assert any(message in each for each in found), found
    assert all(each.startswith("<text>:3: ") for each in found)


# Break-even


@pytest.mark.parametrize(
    ("written", "changes"),
    [
        ("0.01", {"even_fraction": 0.01}),
        ("{type: atr, value: 2, period: 3}", {"even_atr": 2.0}),
        ("{trigger: {type: price, value: 3}, offset: 0.001}", {"even_distance": 3.0, "even_offset_fraction": 0.001}),
        ("{trigger: 0.01, offset: {type: price, value: 0.5}}", {"even_fraction": 0.01, "even_offset": 0.5}),
        ("{trigger: 0.01, offset: 0}", {"even_fraction": 0.01}),
        ("false", {}),
    ],
)
def test_break_even_is_a_trigger_and_an_offset(written, changes):
    text = EXIT.replace("EXIT", f"break_even: {written}")
    found, wanted = rule(text), default_rules(**changes)[0]
    names = [name for name in RULES.names or () if name.startswith("even")]
    assert {name: found[name] for name in names} == {name: wanted[name] for name in names}
    assert len(decided(text, candles(PRICES)).even_atr) == (6 if "even_atr" in changes else 0)


# Session


def flagged(session: str, over: Candles, zone: str = "UTC") -> list[str]:
    """The closes at which the clock ends positions, as local times."""
    flags = session_exits(Session.model_validate({"time": session, "zone": zone}), over)
    closes = over.close_time[flags == 1]
    return [f"{dt.datetime.fromtimestamp(close / 1e9, ZoneInfo(zone)):%m-%d %H:%M}" for close in closes.tolist()]


def without(over: Candles, keep) -> Candles:
    return Candles(
        over.symbol, over.timeframe, over.time[keep], over.open[keep], over.high[keep], over.low[keep], over.close[keep],
        volume=over.volume[keep],
    )  # fmt: skip


def test_the_session_ends_at_the_first_close_at_or_after_its_time_of_each_day():
    over = candles([1.0] * 72)
    assert flagged("16:00", over) == ["01-06 16:00", "01-07 16:00", "01-08 16:00"]
    assert flagged("16:45", over) == ["01-06 17:00", "01-07 17:00", "01-08 17:00"]
    assert flagged("00:00", over) == ["01-07 00:00", "01-08 00:00", "01-09 00:00"]


def test_the_session_follows_its_clock_over_both_changes_s4():
    spring = candles([1.0] * 96, start="2025-03-08T00:00")  # New York goes to summer time on 9 March, 02:00
    assert flagged("16:45", spring, "America/New_York") == [f"03-{day:02} 17:00" for day in (8, 9, 10, 11)]
    assert flagged("02:30", spring, "America/New_York") == ["03-08 03:00", "03-09 03:00", "03-10 03:00", "03-11 03:00"]
    autumn = candles([1.0] * 96, start="2025-11-01T12:00")  # and back on 2 November, when 01:30 happens twice
    found = flagged("01:30", autumn, "America/New_York")
    # The first close after 01:30 was first shown is at 01:00 again; the clock at a close is what counts.
    assert found == ["11-02 02:00", "11-03 02:00", "11-04 02:00", "11-05 02:00"]
    minutes = candles([1.0] * 1_000, start="2025-11-02T00:00", timeframe="1m")
    assert flagged("01:30", minutes, "America/New_York") == ["11-02 01:30"]


def test_a_missing_candle_leaves_the_session_to_the_next_close():
    over = candles([1.0] * 72)
    clock = over.close_time // HOUR % 24
    assert flagged("16:00", without(over, clock != 16)) == ["01-06 17:00", "01-07 17:00", "01-08 17:00"]
    assert flagged("16:00", without(over, (clock < 16) & (clock > 0))) == ["01-07 01:00", "01-08 01:00"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(0, 1439),
    st.sampled_from(["2025-03-07", "2025-04-04", "2025-10-03", "2025-10-31", "2025-06-01"]),
    st.lists(st.integers(1, 40), min_size=1, max_size=60),
)
def test_the_session_agrees_with_a_list_of_its_days(zone, minute, start, gaps):
    """Slow truth: write down the session's time of every day, and cross off at each close those that the clock has reached."""
    place = ZoneInfo(zone)
    opens = parse_time(start) + np.cumsum(gaps) * 30 * MINUTE
    column = np.ones(len(opens))
    over = Candles("TEST", "30m", opens, column, column, column, column, volume=column)

    def shown(instant: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(instant / 1e9, place).replace(tzinfo=None)

    first = dt.datetime.fromisoformat(start) - dt.timedelta(days=2)
    waiting = [first + dt.timedelta(days=day, minutes=minute) for day in range(60)]
    waiting = [moment for moment in waiting if moment > shown(int(opens[0]))]
    wanted = []
    for close in over.close_time.tolist():
        left = [moment for moment in waiting if moment > shown(close)]
        wanted.append(len(left) < len(waiting))
        waiting = left
    session = Session.model_validate({"time": f"{minute // 60:02}:{minute % 60:02}", "zone": zone})
    assert session_exits(session, over).tolist() == wanted


def test_a_session_takes_the_zone_of_the_filters_unless_it_names_one():
    text = EXIT.replace("EXIT", 'session: "16:45"') + "filters: {trading_zone: Europe/London}\n"
    session = load(text).session
    assert (session.time, session.zone) == ("16:45", "Europe/London")
    named = load(text.replace('"16:45"', '{time: "16:45", zone: Asia/Tokyo}')).session
    assert named.zone == "Asia/Tokyo"
    assert load(text).warnings == ()  # a session closes positions, so nothing else has to
    over = candles([1.0] * 48)
    assert decided(text, over).session_exit.sum() == 2


# Kelly


def test_a_kelly_size_is_a_part_a_cap_a_window_and_a_beginning():
    text = EXIT.replace("EXIT", "stop_loss: 0.01")
    found = rule(text.replace("size: 0.1", "size: {type: kelly, value: 0.5, cap: 0.3, window: 20, initial: 0.01}"))
    assert (found.sizer, found["size"], found.kelly_cap, found.kelly_window, found.kelly_initial) == (
        KELLY,
        0.5,
        0.3,
        20,
        0.01,
    )
    short = rule(text.replace("size: 0.1", "size: {type: kelly, value: 0.5}"))
    assert (short.kelly_cap, short.kelly_window, short.kelly_initial) == (0.25, 50, 0.02)
    assert rule(text).kelly_window == 0
