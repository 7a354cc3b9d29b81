"""Golden cases of spread, conversion, swap, corporate actions, margin and Kelly, for oracle and engine alike (S9 to S12, S15).

Rows are hours, `open high low close words`; bars count from 0. Ten units are bought whatever the price, and costs are zero, unless a
case says otherwise. A day ends at 17:00 New York, which is 22:00 UTC in winter; 2024-01-09 is a Tuesday.
"""

from __future__ import annotations

import oracle
import pytest
from oracle_bridge import MACHINES, case_of, told

TEN = {"sizer": "units", "size": 10.0}
MID, BID, ASK = ({"bid_share": b, "ask_share": 1 - b} for b in (0.5, 0.0, 1.0))


@pytest.fixture(params=sorted(MACHINES))
def play(request):
    """Play a case of tables on one machine."""

    def play(*texts, **changes):
        return MACHINES[request.param](case_of(*texts, **changes))

    return play


def approx(*values: float):
    return pytest.approx(list(values), rel=1e-12)


# --- Spread (S9) ----------------------------------------------------------------------------------------------------------

ROUND = """
    100 100 100 100  {entry} spread=2
    100 100 100 100  x{entry} spread=2
    100 100 100 100  spread=2
"""


@pytest.mark.parametrize(("shares", "bid", "ask"), [(MID, 99, 101), (BID, 100, 102), (ASK, 98, 100)])
def test_longs_enter_on_the_ask_and_leave_on_the_bid_and_shorts_the_other_way_round(play, shares, bid, ask):
    long, short = (play(ROUND.format(entry=entry), **TEN, **shares) for entry in "LS")
    assert told(long) == [f"long 10: {ask} at 1 -> {bid} at 2, signal"]
    assert told(short) == [f"short 10: {bid} at 1 -> {ask} at 2, signal"]
    assert long.equity == short.equity == approx(10_000, 9_980, 9_980)  # marked where they would leave


def test_without_a_spread_nothing_lies_between_bid_and_ask(play):
    assert told(play(ROUND.format(entry="L").replace("spread=2", ""), **TEN)) == [
        "long 10: 100 at 1 -> 100 at 2, signal"
    ]


def test_each_bar_has_its_own_spread(play):
    bars = """
        100 100 100 100  L
        100 100 100 100  xL spread=1
        100 100 100 100  spread=4
    """
    assert told(play(bars, **TEN)) == ["long 10: 100.5 at 1 -> 98 at 2, signal"]


def test_the_spread_comes_before_slippage(play):
    outcome = play(ROUND.format(entry="L"), **TEN, slippage=0.01)
    assert [fill.price for fill in outcome.fills] == approx(102.01, 98.01)  # 101 x 1.01, 99 x 0.99


def test_decisions_read_the_candle_as_it_is(play):
    outcome = play(ROUND.format(entry="L"))
    assert told(outcome) == ["long 10: 101 at 1 -> 99 at 2, signal"]  # 1,000 / 100


@pytest.mark.parametrize(
    ("entry", "row", "says"),
    [
        ("L", "100 100 98.1 100", "open"),  # stop at 97: bid low 97.1
        ("L", "100 100 98.0 100", "97 at 1, stop_loss"),
        ("L", "100 105.9 100 100", "open"),  # target at 105: bid high 104.9
        ("L", "100 106.0 100 100", "105 at 1, take_profit"),
        ("S", "100 101.9 100 100", "open"),  # stop at 103: ask high 102.9
        ("S", "100 102.0 100 100", "103 at 1, stop_loss"),
        ("S", "100 100 94.1 100", "open"),  # target at 95
        ("S", "100 100 94.0 100", "95 at 1, take_profit"),
    ],
)
def test_protective_levels_are_tried_on_the_side_where_the_position_leaves(play, entry, row, says):
    bars = f"100 100 100 100 {entry} spread=2 \n {row} spread=2"
    (line,) = told(play(bars, **TEN, stop_distance=4, target_distance=4))
    assert line.endswith(says)


def test_a_gap_fills_a_stop_at_the_open_of_its_side(play):
    bars = """
        100 100 100 100  L spread=2
        100 100 100 100  spread=2
         90  90  90  90  spread=2
    """
    assert told(play(bars, **TEN, stop_distance=4)) == ["long 10: 101 at 1 -> 89 at 2, stop_loss"]


def test_a_stop_that_the_spread_has_put_beyond_the_open_leaves_there(play):
    outcome = play("100 100 100 100 L spread=2 \n 100 104 100 103 spread=2", **TEN, stop_distance=1.5)
    assert told(outcome) == ["long 10: 101 at 1 -> 99 at 1, stop_loss"]


def test_a_stop_that_the_spread_has_put_beyond_the_point_of_an_inside_entry_leaves_there(play):
    outcome = play(
        "100 100 100 100 L@102 spread=2 \n 100 104 100 103 spread=2", **TEN, entry_kind="stop", stop_distance=1.5
    )
    assert told(outcome) == ["long 10: 102 at 1 -> 100 at 1, stop_loss"]  # on the bid, where the ask was at 102


@pytest.mark.parametrize(
    ("kind", "word", "row", "fills"),
    [
        ("limit", "L@98", "100 100 97.1 100", 0),  # the lowest ask is 98.1
        ("limit", "L@98", "100 100 97.0 100", 98),
        ("limit", "L@98", " 96  97  96   97", 97),  # the open's ask
        ("stop", "L@102", "100 100.9 99 100", 0),
        ("stop", "L@102", "100 101.0 99 100", 102),
        ("limit", "S@102", "100 102.9 99 100", 0),  # the highest bid is 101.9
        ("limit", "S@102", "100 103.0 99 100", 102),
        ("stop", "S@98", "100 101 99.1 100", 0),
        ("stop", "S@98", "100 101 99.0 100", 98),
    ],
)
def test_an_entry_order_is_tried_on_the_side_where_it_enters(play, kind, word, row, fills):
    outcome = play(f"100 100 100 100 {word} spread=2 \n {row} spread=2", **TEN, entry_kind=kind)
    assert [fill.price for fill in outcome.fills] == approx(*filter(None, [fills]))


def test_a_trail_follows_the_side_where_the_position_leaves(play):
    bars = """
        100 100 100 100  L spread=2
        100 110 100 110  spread=2
        110 110 100 101  spread=2
    """
    assert told(play(bars, **TEN, trail_distance=5)) == ["long 10: 101 at 1 -> 104 at 2, trailing_stop"]  # bid high 109


def test_exposure_is_counted_where_the_position_leaves(play):
    assert play(ROUND.format(entry="S"), **TEN).exposure == approx(0, 1_010, 0)


# --- Conversion (S12) -----------------------------------------------------------------------------------------------------

ABROAD = """
    100 100 100 100  L rate=2
    100 100 100 110  rate=2:2.5
    120 120 120 120  xL rate=3
    120 120 120 120  rate=4:5
""".replace("100 100 100 110", "100 110 100 110")


def test_sizes_count_account_money(play):
    assert play(ABROAD).fills[0].quantity == pytest.approx(5, rel=1e-12)  # 1,000 / (100 x 2)
    assert play(ABROAD, sizer="cash", size=500.0).fills[0].quantity == pytest.approx(2.5, rel=1e-12)
    assert play(ABROAD, **TEN).fills[0].quantity == pytest.approx(10, rel=1e-12)
    risk = play(ABROAD, sizer="risk", size=0.01, stop_distance=5)
    assert risk.fills[0].quantity == pytest.approx(10, rel=1e-12)  # 100 lost at 5 x 2 a unit


def test_what_is_owned_is_bought_and_sold_for_converted_money(play):
    outcome = play(ABROAD, **TEN)
    # Bought for 2,000; worth 110 x 2.5 x 10, then 120 x 3 x 10; sold at the opening rate of 4.
    assert outcome.equity == approx(10_000, 10_750, 11_600, 12_800)
    assert outcome.exposure == approx(0, 2_750, 3_600, 0)
    (trade,) = outcome.trades
    assert (trade.gross, trade.rate) == (pytest.approx(2_800, rel=1e-12), 4)
    assert [fill.rate for fill in outcome.fills] == [2, 4]


def test_what_is_financed_converts_its_profit_only(play):
    outcome = play(ABROAD, **TEN, financed=True)
    # 10 x 10 x 2.5, then 10 x 20 x 3, at last 10 x 20 x 4.
    assert outcome.equity == approx(10_000, 10_250, 10_600, 10_800)
    assert outcome.trades[0].gross == pytest.approx(800, rel=1e-12)
    assert outcome.exposure == approx(0, 2_750, 3_600, 0)


def test_a_financed_short_loses_in_converted_money(play):
    outcome = play(ABROAD.replace("L", "S"), **TEN, financed=True)
    assert outcome.equity == approx(10_000, 9_750, 9_400, 9_200)


def test_a_fill_inside_the_bar_is_converted_at_its_opening_rate(play):
    bars = """
        100 100 100 100  L rate=2
        100 100  90  95  rate=2:3
    """
    outcome = play(bars, **TEN, financed=True, stop_distance=5)
    assert (outcome.trades[0].gross, outcome.trades[0].rate) == (pytest.approx(-100, rel=1e-12), 2)


def test_the_fraction_of_a_commission_is_of_converted_notional(play):
    outcome = play(ABROAD, **TEN, commission=0.001)
    assert [fill.commission for fill in outcome.fills] == approx(2, 4.8)


def test_a_cash_account_must_cover_converted_notional(play):
    bars = "100 100 100 100 L rate=2 \n 100 100 100 100 rate={rate}"
    assert told(play(bars.format(rate=2), size=1.0)) == ["long 49.75: 100 at 1, open"]  # 10,000 / 1.005 / 200
    assert told(play(bars.format(rate=2.1), size=1.0)) == ["long refused at 1: not_covered"]


# --- Swap (S11) -----------------------------------------------------------------------------------------------------------

OVERNIGHT = """
    100 100 100 100  {entry}
    100 100 100 100
    100 100 100 100
    100 100 100 100
"""


def nights(outcome) -> list[tuple[float, float]]:
    return [(row.value, pytest.approx(row.amount, rel=1e-12)) for row in outcome.cashflows]


def test_a_position_pays_swap_at_the_first_open_at_or_after_the_day_end(play):
    outcome = play(OVERNIGHT.format(entry="L"), **TEN, swap_long=-0.5, swap_short=0.2, first="2024-01-09T20:00")
    assert nights(outcome) == [(1, -5)]
    assert outcome.equity == approx(10_000, 10_000, 9_995, 9_995)  # bar 2 opens at 22:00
    assert outcome.positions[0].financing == pytest.approx(-5, rel=1e-12)
    short = play(OVERNIGHT.format(entry="S"), **TEN, swap_long=-0.5, swap_short=0.2, first="2024-01-09T20:00")
    assert nights(short) == [(1, 2)]


def test_an_entry_at_the_day_end_pays_nothing_for_it(play):
    assert nights(play(OVERNIGHT.format(entry="L"), **TEN, swap_long=-0.5, first="2024-01-09T21:00")) == []


@pytest.mark.parametrize(("day", "count"), [("2024-01-08", 1), ("2024-01-10", 3), ("2024-01-11", 1), ("2024-01-12", 1)])
def test_the_triple_day_counts_three_nights(play, day, count):
    outcome = play(OVERNIGHT.format(entry="L"), **TEN, swap_long=-0.5, triple_day=2, first=f"{day}T20:00")
    assert nights(outcome) == [(count, -5 * count)]


WEEKEND = "100 100 100 100 L\n 100 100 100 100\n" + "-\n" * 49 + "100 100 100 100\n 100 100 100 100"


@pytest.mark.parametrize(("triple", "count"), [(-1, 3), (2, 1), (4, 3)])
def test_a_weekend_counts_every_night_or_none(play, triple, count):
    """Friday 20:00 to Sunday 23:00 UTC: the ends of Friday, Saturday and Sunday, in one cash flow."""
    outcome = play(WEEKEND, **TEN, swap_long=-0.5, triple_day=triple, first="2024-01-12T20:00")
    assert nights(outcome) == [(count, -5 * count)]


def test_a_yearly_swap_is_a_fraction_of_the_last_mark(play):
    bars = """
        100 100 100 100  L
        100 102 100 102
        110 110 110 110
    """
    outcome = play(bars, **TEN, swap_long=-0.36, swap_yearly=True, first="2024-01-09T20:00")
    assert nights(outcome) == [(1, -1.02)]  # 10 x 102 x 0.36 / 360


def test_a_position_that_leaves_at_this_open_still_pays_and_its_trade_says_so(play):
    bars = """
        100 100 100 100  L
        100 100 100 100  xL
        110 110 110 110
    """
    outcome = play(bars, **TEN, swap_long=-0.5, first="2024-01-09T20:00")
    (trade,) = outcome.trades
    assert (trade.gross, trade.financing, trade.pnl) == approx(100, -5, 95)
    assert outcome.equity[-1] == pytest.approx(10_095, rel=1e-12)


def test_a_swap_is_converted_at_the_last_rate_before_this_open(play):
    bars = """
        100 100 100 100  L rate=2
        100 100 100 100  rate=2:2.5
        100 100 100 100  rate=3
    """
    outcome = play(bars, **TEN, swap_long=-0.5, financed=True, first="2024-01-09T20:00")
    assert nights(outcome) == [(1, -12.5)]


def test_a_swap_is_paid_at_the_first_instant_though_the_symbol_has_no_candle_then(play):
    held = "100 100 100 100 L\n 100 100 100 100\n -\n -\n 100 100 100 100"
    other = "100 100 100 100\n" * 5
    outcome = play(held, other, **TEN, swap_long=-0.5, first="2024-01-09T20:00")
    assert nights(outcome) == [(1, -5)]
    assert outcome.equity == approx(10_000, 10_000, 9_995, 9_995, 9_995)


def test_the_parts_of_a_trade_share_its_financing_by_quantity(play):
    bars = """
        100 100 100 100  L
        100 100 100 100
        100 102 100 102
        102 105 102 105
    """
    several = (oracle.Target(distance=2, share=0.3), oracle.Target(distance=4, share=1.0))
    outcome = play(bars, **TEN, swap_long=-0.5, targets=several, first="2024-01-09T20:00")
    assert [trade.financing for trade in outcome.trades] == approx(-1.5, -3.5)
    assert [trade.pnl for trade in outcome.trades] == approx(4.5, 24.5)


# --- Splits and dividends (S12) ---------------------------------------------------------------------------------------------

HELD = """
    100 100 100 100  {entry}
    100 100 100 100
    {next} {next} {next} {next}
"""


def test_a_dividend_is_received_by_a_long_and_paid_by_a_short_before_that_open(play):
    dividend = [(2, "dividend", 1.5)]
    long, short = (play(HELD.format(entry=entry, next=98), **TEN, actions=dividend) for entry in "LS")
    assert [row.amount for row in long.cashflows + short.cashflows] == approx(15, -15)
    assert long.equity == approx(10_000, 10_000, 9_995)
    assert short.equity == approx(10_000, 10_000, 10_005)


def test_an_entry_at_that_open_gets_no_dividend_and_an_exit_at_it_does(play):
    bars = """
        100 100 100 100  L
        100 100 100 100  xL
        100 100 100 100
    """
    assert play(bars, **TEN, actions=[(1, "dividend", 1.0)]).cashflows == []
    (trade,) = play(bars, **TEN, actions=[(2, "dividend", 1.0)]).trades
    assert (trade.financing, trade.pnl) == approx(10, 10)


def test_a_split_multiplies_quantities_and_divides_prices_and_levels(play):
    outcome = play(
        HELD.format(entry="L", next=50), **TEN, stop_distance=10, target_distance=20, actions=[(2, "split", 2.0)]
    )
    assert outcome.equity == approx(10_000, 10_000, 10_000)
    (held,) = outcome.positions
    assert (held.quantity, held.entry_price, held.stop, held.target) == (20, 50, 45, 60)
    assert [(row.kind, row.value) for row in outcome.cashflows] == [("split", 2)]


def test_a_split_divides_trailing_and_break_even_distances(play):
    bars = """
        100 100 100 100  L
        100 104 100 104
         52  52  52  52
         52  52  40  40
    """
    split = [(2, "split", 2.0)]
    trailed = play(bars, **TEN, trail_distance=6, actions=split)
    assert told(trailed) == ["long 20: 50 at 1 -> 49 at 3, trailing_stop"]  # 104 - 6, halved
    even = play(bars, **TEN, even_distance=4, even_offset=2, actions=split)
    assert told(even) == ["long 20: 50 at 1 -> 51 at 3, break_even"]  # 100 + 2, halved


def test_a_split_reaches_waiting_orders_with_their_levels_and_distances(play):
    market = play("100 100 100 100 L\n 50 50 50 50", **TEN, stop_distance=10, actions=[(1, "split", 2.0)])
    (held,) = market.positions
    assert (held.quantity, held.entry_price, held.stop) == (20, 50, 45)
    level = "100 100 100 100 L@90\n 50 50 44 50"
    limit = play(level, **TEN, entry_kind="limit", stop_distance=10, actions=[(1, "split", 2.0)])
    assert [(p.quantity, p.entry_price, p.stop) for p in limit.positions] == [(20, 45, 40)]


def test_a_split_leaves_later_targets_where_they_belong(play):
    bars = """
        100 100 100 100  L
        100 103 100 103
         51  52  51  52
         52  54  52  54
    """
    several = (oracle.Target(distance=3, share=0.5), oracle.Target(distance=6, share=1.0))
    outcome = play(bars, **TEN, targets=several, actions=[(2, "split", 2.0)])
    assert told(outcome) == [
        "long 5: 100 at 1 -> 103 at 1, take_profit",
        "long 10: 50 at 1 -> 53 at 3, take_profit",
    ]


def test_a_target_whose_part_a_split_has_made_nothing_is_skipped(play):
    bars = """
        100 100 100 100  L
        100 100 100 100
        200 205 200 205
        205 215 205 215
    """
    several = (oracle.Target(distance=1, share=0.1), oracle.Target(distance=5, share=1.0))
    outcome = play(bars, **TEN, step=1.0, targets=several, actions=[(2, "split", 0.5)])
    # Five units are left, a tenth of them is no step: the second target, 10 above the entry at 200, closes all.
    assert told(outcome) == ["long 5: 200 at 1 -> 210 at 3, take_profit"]


def test_a_split_rounds_no_trailing_stop_to_the_tick_before_the_next_close(play):
    bars = """
        100 100 100 100  L
        100 104 100 104
         52  52  {low}  52
         52  52  40  40
    """
    trail = {**TEN, "tick": 1.0, "trail_distance": 7, "actions": [(2, "split", 2.0)]}
    # 97 halved is 48.5 in the bar of the split; from its close on 52 - 3.5 is rounded down.
    assert told(play(bars.format(low=48.2), **trail)) == ["long 20: 50 at 1 -> 48.5 at 2, trailing_stop"]
    assert told(play(bars.format(low=49), **trail)) == ["long 20: 50 at 1 -> 48 at 3, trailing_stop"]


def test_a_split_rounds_no_break_even_stop_to_the_tick_again(play):
    bars = """
        100 100 100 100  L
        100 104 100 104
         52  52  52  52
         52  52  40  40
    """
    even = {**TEN, "tick": 1.0, "even_distance": 3, "even_offset": 1}
    assert told(play(bars, **even, actions=[(2, "split", 2.0)])) == ["long 20: 50 at 1 -> 50.5 at 3, break_even"]


def test_a_split_rounds_no_level_to_the_tick_again(play):
    bars = """
        100 100 100 100  L
        100 104 100 104
         50  52  50  52
    """
    several = (oracle.Target(distance=4, share=0.5), oracle.Target(distance=7, share=1.0))
    outcome = play(bars, **TEN, tick=1.0, stop_distance=3, targets=several, actions=[(2, "split", 2.0)])
    assert [(held.stop, held.target) for held in outcome.positions] == [(48.5, 53.5)]


def test_actions_of_one_instant_are_taken_splits_first_and_others_in_order_of_time(play):
    outcome = play(HELD.format(entry="L", next=50), **TEN, actions=[(2, "dividend", 1.0), (2, "split", 2.0)])
    assert sorted(row.amount for row in outcome.cashflows) == approx(0, 20)  # one each on twenty units
    earlier = play(HELD.format(entry="L", next=50), **TEN, actions=[(1, "split", 2.0), (2, "dividend", 1.0)])
    assert told(earlier) == ["long 20: 100 at 1, open"]  # the waiting order was split
    assert [row.amount for row in earlier.cashflows] == approx(20)


# --- Margin (S11) ---------------------------------------------------------------------------------------------------------

MARGIN = {"account": {"leverage": 10.0, "maintenance": 0.1}, "financed": True, "size": 5.0}


def test_leverage_multiplies_what_an_account_may_hold(play):
    bars = "100 100 100 100 L\n {open} {open} {open} {open}"
    assert told(play(bars.format(open=100), **MARGIN)) == ["long 500: 100 at 1, open"]
    most = {**MARGIN, "size": 20.0}
    assert told(play(bars.format(open=100), **most)) == ["long 995.02: 100 at 1, open"]  # 100,000 / 1.005 / 100
    assert told(play(bars.format(open=100.6), **most)) == ["long refused at 1: not_covered"]  # 100,099


def test_equity_at_the_maintenance_margin_closes_everything_and_halts_for_the_day(play):
    bars = """
        100 100 100 100  L
        100 100 100 100
        {low} {low} {low} {low}  L
         90  90  90  90  L
         90  90  90  90  L
         90  90  90  90
    """
    # 500 units: at 88.8 equity is 4,400 against a tenth of 44,400; at 88.9 it is 4,450 against 4,445.
    called = play(bars.format(low=88.8), **MARGIN, first="2024-01-09T18:00")
    assert told(called) == [
        "long 500: 100 at 1 -> 90 at 3, margin_call",
        "long refused at 2: halted_today",
        "long refused at 3: halted_today",
        "long 277.77: 90 at 5, open",  # bar 4 belongs to Wednesday: 5 x 5,000 / 90
    ]
    assert told(play(bars.format(low=88.9), **MARGIN, first="2024-01-09T18:00"))[-1] == "long 500: 100 at 1, open"


def test_a_margin_call_cancels_waiting_entries(play):
    bars = """
        100 100 100 100  L@100
        100 100 100 100  L@50
         80  80  80  80
         80  80  80  80
    """
    outcome = play(bars, **MARGIN, entry_kind="limit", max_positions=2, max_positions_per_symbol=2)
    assert told(outcome) == [
        "long 500: 100 at 1 -> 80 at 3, liquidation",
        "long refused at 1: cancelled_by_limit",
    ]
    outcome = play(bars.replace("80", "85"), **MARGIN, entry_kind="limit", max_positions=2, max_positions_per_symbol=2)
    assert told(outcome) == [
        "long 500: 100 at 1 -> 85 at 3, margin_call",
        "long refused at 1: cancelled_by_limit",
    ]


def test_equity_at_zero_is_liquidation_before_it_is_a_margin_call(play):
    bars = """
        100 100 100 100  L
        100 100 100 100
         80  80  80  80  L
         80  80  80  80
    """
    assert told(play(bars, **MARGIN)) == ["long 500: 100 at 1 -> 80 at 3, liquidation", "long refused at 2: halted"]


def test_a_margin_call_does_not_keep_a_drawdown_from_halting_for_good(play):
    bars = """
        100 100 100 100  L
        100 100 100 100
         88  88  88  88  L
         95  95  95  95  L
         95  95  95  95  L
         95  95  95  95  L
    """
    outcome = play(bars, **MARGIN, max_drawdown=0.5, first="2024-01-09T18:00")
    # 500 units lose 6,000 of 10,000: the margin call comes first and gives the reason, the drawdown halts for good.
    assert told(outcome) == [
        "long 500: 100 at 1 -> 95 at 3, margin_call",
        *(f"long refused at {at}: halted" for at in (2, 3, 4, 5)),
    ]


# --- Kelly (S10) ----------------------------------------------------------------------------------------------------------

BETS = """
    100 100 100 100  L
    100 100 100 100  xL
    110 110 110 110
    100 100 100 100  L
    100 100 100 100  xL
    {exit} {exit} {exit} {exit}
    100 100 100 100  L
    100 100 100 100
"""
KELLY = {"sizer": "kelly", "size": 0.05, "kelly_cap": 0.5, "kelly_initial": 0.1, "kelly_window": 2}


def test_kelly_bets_the_initial_fraction_then_its_share_of_mean_over_mean_square(play):
    outcome = play(BETS.format(exit=95), **KELLY)
    # Ten at 100 gain 10 %; 10.1 at 100 lose 5 %: f = 0.025 / 0.00625 = 4, a twentieth of it is 0.2 of 10,049.5.
    assert [trade.quantity for trade in outcome.trades] == approx(10, 10.1)
    assert outcome.positions[0].quantity == pytest.approx(20.09, rel=1e-12)
    assert play(BETS.format(exit=95), **{**KELLY, "kelly_cap": 0.15}).positions[0].quantity == pytest.approx(15.07)


def test_kelly_without_an_edge_is_refused(play):
    assert told(play(BETS.format(exit=85), **KELLY))[-1] == "long refused at 6: no_edge"
    assert told(play(BETS.format(exit=90), **KELLY))[-1] == "long refused at 6: no_edge"  # exactly none


def test_kelly_counts_the_last_trades_only_and_their_costs(play):
    outcome = play(BETS.format(exit=105), **{**KELLY, "kelly_window": 1}, commission_per_order=25.0)
    # Bets of 10 at 100, less 50: the second follows r = 0.05, f = 20, a twentieth of it is 1, capped at 0.5 of 10,050.
    assert [trade.quantity for trade in outcome.trades] == approx(10, 50.25)
    assert outcome.trades[0].pnl == pytest.approx(50, rel=1e-12)


# --- Conservation (S15) ----------------------------------------------------------------------------------------------------


def test_s15_equity_is_the_capital_and_every_profit_with_financing(play):
    bars = """
        100 100 100 100  L spread=1 rate=2
        100 104 100 103  spread=1 rate=2:2.1
        103 106 102 105  spread=2 rate=2.2
        105 110 104 110  xL spread=2 rate=2.2
        112 112 112 112  spread=1 rate=2.3
    """
    several = (oracle.Target(distance=3, share=0.3), oracle.Target(distance=50, share=1.0))
    for financed in (False, True):
        outcome = play(
            bars,
            **TEN,
            financed=financed,
            targets=several,
            swap_long=-0.5,
            actions=[(3, "dividend", 1.0)],
            commission=0.001,
            first="2024-01-09T20:00",
        )
        assert {row.kind for row in outcome.cashflows} == {"swap", "dividend"}
        assert len(outcome.trades) == 2
        assert outcome.equity[-1] == pytest.approx(10_000 + sum(t.pnl for t in outcome.trades), rel=1e-12)
        for trade in outcome.trades:
            assert trade.pnl == pytest.approx(trade.gross - trade.costs + trade.financing, rel=1e-12)
