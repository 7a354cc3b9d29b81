"""Golden cases of entry orders, targets, break-even and the clock, for oracle and engine alike (S3, S5, S7, S9, S10, S13).

Rows are hours, `open high low close words`; bars count from 0. `L@98` decides a long entry at a level of 98, `L@102/103` with a limit of
103. Ten units are bought whatever the price, and costs are zero, unless a case says otherwise.
"""

from __future__ import annotations

import oracle
import pytest
from oracle_bridge import HOUR, MACHINES, case_of, told

TEN = {"sizer": "units", "size": 10.0}
LIMIT = {**TEN, "entry_kind": "limit"}
STOP = {**TEN, "entry_kind": "stop"}
STOP_LIMIT = {**TEN, "entry_kind": "stop_limit"}


@pytest.fixture(params=sorted(MACHINES))
def play(request):
    """Play a case of tables on one machine."""

    def play(*texts, **changes):
        return MACHINES[request.param](case_of(*texts, **changes))

    return play


def entered(word: str, bar: str) -> str:
    """Return a table that decides at its first close, and meets `bar` next."""
    return f"""
        100 101  99 100  {word}
        {bar}
    """


# --- Limit, stop and stop-limit entries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "word", "bar", "says"),
    [
        ("limit", "L@98", "100 101  97  99", ["long 10: 98 at 1, open"]),
        ("limit", "L@98", "100 101  98  99", ["long 10: 98 at 1, open"]),  # touched
        ("limit", "L@98", "100 101  98.01 99", []),
        ("limit", "L@98", " 97  99  96  98", ["long 10: 97 at 1, open"]),  # a better open
        ("limit", "L@98", " 98  99  98  98", ["long 10: 98 at 1, open"]),
        ("limit", "L@103", "100 101 99 100", ["long 10: 100 at 1, open"]),  # a buy limit above the market fills at once
        ("limit", "S@102", "100 103  99 101", ["short 10: 102 at 1, open"]),
        ("limit", "S@102", "103 104 102 103", ["short 10: 103 at 1, open"]),
        ("limit", "S@102", "100 101.99 99 101", []),
        ("stop", "L@102", "100 103  99 101", ["long 10: 102 at 1, open"]),
        ("stop", "L@102", "100 102  99 101", ["long 10: 102 at 1, open"]),
        ("stop", "L@102", "100 101.99 99 101", []),
        ("stop", "L@102", "104 105 103 104", ["long 10: 104 at 1, open"]),  # a worse open
        ("stop", "S@98", "100 101  97  99", ["short 10: 98 at 1, open"]),
        ("stop", "S@98", " 96  97  95  96", ["short 10: 96 at 1, open"]),
        ("stop_limit", "L@102/103", "100 104  99 101", ["long 10: 102 at 1, open"]),
        ("stop_limit", "L@102/103", "102.5 104 102.5 103", ["long 10: 102.5 at 1, open"]),
        ("stop_limit", "L@102/103", "103 104 103 104", ["long 10: 103 at 1, open"]),
        ("stop_limit", "L@102/103", "104 105 103.01 104", []),  # too far: it rests at 103
        (
            "stop_limit",
            "L@102/103",
            "104 105 102 104",
            ["long 10: 103 at 1, open"],
        ),  # and is filled there in the same bar
        ("stop_limit", "S@98/97", " 96  97  95  96", ["short 10: 97 at 1, open"]),
    ],
)
def test_an_entry_at_a_level_fills_where_its_bar_reaches_it(play, kind, word, bar, says):
    assert told(play(entered(word, bar), **TEN, entry_kind=kind)) == says


def test_an_order_that_does_not_fill_waits(play):
    outcome = play(
        """
        100 101  99 100  L@98
        100 101  99 100
        100 101  99 100
        100 101  97 100
        """,
        **LIMIT,
    )
    assert told(outcome) == ["long 10: 98 at 3, open"]
    assert outcome.orders == 1


def test_an_order_that_has_been_filled_is_done(play):
    outcome = play(
        """
        100 101  99 100  L@98
        100 101  96  97
         97 101  96  98
        """,
        **LIMIT,
        stop_distance=1,
    )
    assert told(outcome) == ["long 10: 98 at 1 -> 97 at 1, stop_loss"]


def test_a_stop_limit_that_rests_is_a_limit_order_from_then_on(play):
    outcome = play(
        """
        100 101  99 100  L@102/103
        104 105 103.5 104
        104 105 102 104
        """,
        **STOP_LIMIT,
    )
    assert told(outcome) == ["long 10: 103 at 2, open"]


@pytest.mark.parametrize(
    ("kind", "word", "bar", "price"),
    [
        ("limit", "L@98", "100 101 97 99", 98),
        ("limit", "L@98", " 97  98 96 97", 97),
        ("stop", "L@102", "100 103 99 101", 103.02),  # 102 x 1.01
        ("stop", "L@102", "104 105 103 104", 105.04),
        ("stop", "S@98", "100 101 97 99", 97.02),
        ("stop_limit", "L@102/103", "100 103 99 101", 103),  # 103.02 is beyond the limit
        ("stop_limit", "L@102/104", "100 103 99 101", 103.02),
        ("stop_limit", "L@102/103", "102.5 103 102 102", 103),
        ("stop_limit", "L@102/103", "105 106 102 104", 103),  # a limit by then
    ],
)
def test_s9_a_stop_entry_slips_and_a_limit_never_does(play, kind, word, bar, price):
    (fill,) = play(entered(word, bar), **TEN, entry_kind=kind, slippage=0.01).fills
    assert fill.price == pytest.approx(price, rel=1e-12)


def test_s10_sizes_and_risk_distances_are_measured_at_the_level(play):
    bars = entered("L@80", "80 80 80 80")
    assert told(play(bars, entry_kind="limit")) == ["long 12.5: 80 at 1, open"]  # 1,000 / 80
    risk = {"entry_kind": "limit", "sizer": "risk", "size": 0.01, "stop_fraction": 0.1}
    assert told(play(bars, **risk)) == ["long 12.5: 80 at 1, open"]  # 100 lost over 10 % of 80


def test_s10_a_waiting_entry_reserves_its_quantity_at_its_level(play):
    first, second = entered("L@80", "100 100 100 100"), entered("L@100", "100 100 100 100")
    outcome = play(first, second, entry_kind="limit", size=0.6, max_positions=2)
    # 75 at 80 are 6,000; the second finds 4,000 / 1.005 = 3,980.09.
    assert told(outcome) == ["GBPUSD long 39.8: 100 at 1, open"]


@pytest.mark.parametrize("level", ["nan", "0", "-1"])
def test_a_level_that_is_undefined_or_not_above_zero_refuses_the_entry(play, level):
    bars = entered(f"L@{level}", "100 101 99 100")
    for kind in ("limit", "stop"):
        assert told(play(bars, **TEN, entry_kind=kind)) == ["long refused at 0: undefined_price"]
    bars = entered(f"L@102/{level}", "100 101 99 100")
    assert told(play(bars, **STOP_LIMIT)) == ["long refused at 0: undefined_price"]


def test_a_waiting_entry_counts_towards_the_maxima(play):
    outcome = play(
        """
        100 101  99 100  L@90
        100 101  99 100  L@95
        100 101  99 100
        """,
        **LIMIT,
    )
    assert told(outcome) == ["long refused at 1: max_positions_per_symbol"]


def test_s5_market_and_limit_entries_fill_at_an_open_in_the_order_of_the_symbols(play):
    outcome = play(
        entered("L@100", "100 100 100 100"),
        entered("L@100", "100 100 100 100"),
        entry_kind="limit",
        size=0.5,
        max_positions=2,
    )
    assert [fill.symbol for fill in outcome.fills] == [0, 1]


def test_s10_an_entry_inside_a_bar_must_be_covered_at_this_instants_open(play):
    bars = """
        100 101  99 100  L
        100 101  99 100
        {open} {open} 50 {open}
    """
    second = """
        100 101  99 100
        100 101  99 100  L@90
        100 101  80 100
    """
    mixed = {"size": 0.5, "max_positions": 2, "entry_kind": "limit", "cash_buffer": 0.0}
    one = bars.replace("L", "L@100")
    # 50 at 100 and 5,000 of 10,000 for 55.55 at 90. At an open of 50 equity is 7,500: 2,500 + 4,999.5 is covered; at 30 it isn't.
    assert told(play(one.format(open=50), second, **mixed))[-1] == "GBPUSD long 55.55: 90 at 2, open"
    lower = one.replace("50 {open}", "20 {open}").format(open=30)
    outcome = play(lower, second, **{**mixed, "size": 0.5}, commission_per_order=1.0)
    assert "GBPUSD long refused at 2: not_covered" in told(outcome)


# --- Inside the bar of an inside entry (S7) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "word", "bar", "worst", "best"),
    [
        # A limit's adverse extreme comes after it: the stop is hit in either case.
        ("limit", "L@98", "100 101  95  99", "98 at 1 -> 95.5 at 1, stop_loss", None),
        # A stop entry at 102 with its stop at 99.5: the low may have come before it ...
        ("stop", "L@102", "100 103  99 101", "102 at 1 -> 99.5 at 1, stop_loss (ambiguous)", "102 at 1, open"),
        # ... but not when the close is beyond the stop.
        ("stop", "L@102", "100 103  98  99", "102 at 1 -> 99.5 at 1, stop_loss", None),
        ("stop", "L@102", "100 103  98  99.5", "102 at 1 -> 99.5 at 1, stop_loss", None),  # the close touches it
        ("stop", "L@102", "100 103 100 101", "102 at 1, open", None),
        # A target at 106.5: counts for the worst case only when the close is beyond it.
        ("stop", "L@102", "100 107 100 105", "102 at 1, open", "102 at 1 -> 106.5 at 1, take_profit (ambiguous)"),
        ("stop", "L@102", "100 107 100 106.5", "102 at 1 -> 106.5 at 1, take_profit", None),
        # A limit at 98 has its target at 102.5.
        ("limit", "L@98", "100 103  97  99", "98 at 1, open", "98 at 1 -> 102.5 at 1, take_profit (ambiguous)"),
        # Both levels in the bar.
        (
            "stop",
            "L@102",
            "100 107  99 107",
            "102 at 1 -> 99.5 at 1, stop_loss (ambiguous)",
            "102 at 1 -> 106.5 at 1, take_profit (ambiguous)",
        ),
        # Shorts: a sell limit at 102, stop 104.5; a sell stop at 98, stop 100.5, target 93.5.
        ("limit", "S@102", "100 105  99 101", "102 at 1 -> 104.5 at 1, stop_loss", None),
        ("stop", "S@98", "100 101  97  99", "98 at 1 -> 100.5 at 1, stop_loss (ambiguous)", "98 at 1, open"),
        ("stop", "S@98", " 99  99  93  94", "98 at 1, open", "98 at 1 -> 93.5 at 1, take_profit (ambiguous)"),
        # A stop-limit that fills at its stop is a stop entry; one that rests at its limit is a limit entry.
        ("stop_limit", "L@102/102", "100 103 99 101", "102 at 1 -> 99.5 at 1, stop_loss (ambiguous)", "102 at 1, open"),
        ("stop_limit", "L@101/102", "103 104 99 103", "102 at 1 -> 99.5 at 1, stop_loss", None),
    ],
)
def test_s7_what_the_bar_of_an_inside_entry_does_with_it(play, kind, word, bar, worst, best):
    side = "long" if word[0] == "L" else "short"
    levels = {**TEN, "entry_kind": kind, "stop_distance": 2.5, "target_distance": 4.5}
    assert told(play(entered(word, bar), **levels)) == [f"{side} 10: {worst}"]
    assert told(play(entered(word, bar), **levels, intrabar="best")) == [f"{side} 10: {best or worst}"]


def test_s7_a_trade_whose_entry_bar_was_in_doubt_is_ambiguous_however_it_ends(play):
    bars = """
        100 101  99 100  L@102
        100 103  99 101
        101 102 100 101  xL
        101 102 100 101
    """
    best = play(bars, **STOP, stop_distance=2.5, intrabar="best")
    assert told(best) == ["long 10: 102 at 1 -> 101 at 3, signal (ambiguous)"]
    untouched = play(bars.replace("103  99", "103 100"), **STOP, stop_distance=2.5, intrabar="best")
    assert told(untouched) == ["long 10: 102 at 1 -> 101 at 3, signal"]


def test_s7_a_stop_that_slippage_put_beyond_the_point_of_entry_leaves_there_at_once(play):
    outcome = play(entered("L@102", "101 110 101 109"), **STOP, stop_distance=1, slippage=0.05, target_distance=2)
    # Bought at 107.1, stop 106.1, where the market is at 102: sold for 102 x 0.95.
    assert told(outcome) == ["long 10: 107.1 at 1 -> 96.9 at 1, stop_loss"]


def test_s8_of_a_bar_that_was_entered_inside_only_the_close_counts(play):
    bars = """
        100 101  99 100  L@98
        100 110  97 {close}
        100 100  90  91
    """
    assert told(play(bars.format(close=99), **LIMIT, trail_distance=5)) == [
        "long 10: 98 at 1 -> 94 at 2, trailing_stop"
    ]
    assert told(play(bars.format(close=97), **LIMIT, trail_distance=5)) == [
        "long 10: 98 at 1 -> 93 at 2, trailing_stop"
    ]


# --- finer (S7) -----------------------------------------------------------------------------------------------------------

BOTH = """
    100 101  99 100  L
    100 101  99 100
    100 106  94 101
"""
LEVELS = {"stop_fraction": 0.05, "target_fraction": 0.05, "intrabar": "finer"}
TWO_HOURS = "-\n" * 8


@pytest.mark.parametrize(
    ("quarters", "says"),
    [
        ("100 106 99 105 \n 105 105 94 95 \n 95 99 95 99 \n 99 101 99 101", "105 at 2, take_profit"),
        ("100 101 94 95 \n 95 106 95 106 \n 106 106 99 99 \n 99 101 99 101", "95 at 2, stop_loss"),
        ("100 101 99 99 \n 99 106 94 95 \n 95 99 95 99 \n 99 101 99 101", "95 at 2, stop_loss (ambiguous)"),
        ("100 101 99 99 \n - \n - \n 99 101 99 101", "95 at 2, stop_loss (ambiguous)"),  # none reaches a level
        ("- \n - \n - \n -", "95 at 2, stop_loss (ambiguous)"),
        ("- \n - \n 100 105 99 104 \n 104 104 101 101", "105 at 2, take_profit"),  # what is there decides
    ],
)
def test_s7_finer_candles_say_which_of_stop_and_target_came_first(play, quarters, says):
    outcome = play(BOTH, **LEVELS, finer=TWO_HOURS + quarters)
    assert told(outcome) == [f"long 10: 100 at 1 -> {says}"]


def test_s7_without_finer_candles_the_worst_case_holds(play):
    assert told(play(BOTH, **LEVELS)) == ["long 10: 100 at 1 -> 95 at 2, stop_loss (ambiguous)"]


def test_s7_finer_candles_change_no_price(play):
    quarters = TWO_HOURS + "100 107 99 105 \n 105 105 94 95 \n 95 99 95 99 \n 99 101 99 101"
    assert told(play(BOTH, **LEVELS, finer=quarters)) == ["long 10: 100 at 1 -> 105 at 2, take_profit"]


@pytest.mark.parametrize(
    ("quarters", "says"),
    [
        # Low before the entry at 102: the stop at 99.5 has not been hit since.
        ("100 101 99 101 \n 101 103 101 102 \n 102 103 100 101 \n 101 101 100 101", "102 at 1, open"),
        # Low after it.
        ("100 101 100 101 \n 101 103 101 102 \n 102 103 99 101 \n 101 101 100 101", "102 at 1 -> 99.5 at 1, stop_loss"),
        # Entry and low in one quarter: as the worst case treats an entry bar.
        (
            "100 101 100 101 \n 101 103 99 102 \n 102 103 100 101 \n 101 101 100 101",
            "102 at 1 -> 99.5 at 1, stop_loss (ambiguous)",
        ),
        ("100 101 100 101 \n 101 103 99 99 \n 99 103 99 101 \n 101 101 100 101", "102 at 1 -> 99.5 at 1, stop_loss"),
        # No quarter reaches the entry.
        ("100 101 100 101 \n - \n - \n -", "102 at 1 -> 99.5 at 1, stop_loss (ambiguous)"),
    ],
)
def test_s7_finer_candles_say_what_came_after_an_inside_entry(play, quarters, says):
    bars, levels = entered("L@102", "100 103 99 101"), {**STOP, "stop_distance": 2.5, "intrabar": "finer"}
    assert told(play(bars, **levels, finer="-\n" * 4 + quarters)) == [f"long 10: {says}"]


def test_s7_finer_candles_that_miss_the_level_where_the_bar_closed_leave_the_worst_case(play):
    bars = entered("L@102", "100 107 99 99") + "100 100 100 100 xL\n 100 100 100 100"
    quarters = "-\n" * 4 + "100 101 100 101 \n 101 103 101 102 \n - \n -"  # the stop at 99.5 fell into what is missing
    levels = {**STOP, "stop_distance": 2.5, "target_distance": 4.5, "intrabar": "finer"}
    assert told(play(bars, **levels, finer=quarters)) == ["long 10: 102 at 1 -> 99.5 at 1, stop_loss (ambiguous)"]
    bars = entered("L@102", "100 107 99 101") + "100 100 100 100 xL\n 100 100 100 100"
    assert told(play(bars, **levels, finer=quarters)) == ["long 10: 102 at 1 -> 100 at 3, signal"]


def test_s7_a_finer_candle_that_opens_past_the_entry_is_a_whole_bar_of_a_held_position(play):
    bars = entered("L@102", "100 107 100 104")  # a target at 106 that the close is not beyond
    quarters = "-\n" * 4 + "100 101 100 101 \n 103 107 102 104 \n 104 105 103 104 \n 104 104 104 104"
    levels = {**STOP, "target_distance": 4, "intrabar": "finer"}
    assert told(play(bars, **levels, finer=quarters)) == ["long 10: 102 at 1 -> 106 at 1, take_profit"]
    inside = quarters.replace("103 107 102", "101 107 101")  # reached within the quarter: its close is not beyond 106
    assert told(play(bars, **levels, finer=inside)) == ["long 10: 102 at 1, open"]


# --- One cancels the other ---------------------------------------------------------------------------------------------


def test_oco_both_sides_wait_though_one_position_is_allowed_and_a_fill_cancels_the_other(play):
    bars = entered("L@102 S@98", "100 103 99 101")
    assert told(play(bars, **STOP, oco=True)) == ["short refused at 1: cancelled_by_oco", "long 10: 102 at 1, open"]
    assert told(play(bars, **STOP)) == ["short refused at 0: max_positions_per_symbol", "long 10: 102 at 1, open"]


def test_oco_at_an_open_cancels_too(play):
    outcome = play(entered("L@102 S@98", "97 103 97 101"), **STOP, oco=True)
    assert told(outcome) == ["long refused at 1: cancelled_by_oco", "short 10: 97 at 1, open"]


@pytest.mark.parametrize(
    ("word", "side", "price"), [("L@102 S@97", "long", 102), ("L@103 S@98", "short", 98), ("L@102 S@98", "long", 102)]
)
def test_oco_of_two_that_one_bar_reaches_the_one_nearer_to_the_open_fills_and_is_ambiguous(play, word, side, price):
    outcome = play(entered(word, "100 104 96 100") + "100 100 100 100 xL xS\n 100 100 100 100", **STOP, oco=True)
    other = "short" if side == "long" else "long"
    assert told(outcome) == [
        f"{side} 10: {price} at 1 -> 100 at 3, signal (ambiguous)",
        f"{other} refused at 1: cancelled_by_oco",
    ]


def test_oco_when_the_nearer_one_is_refused_at_its_fill_the_other_is_tried_without_doubt(play):
    # The long at 101 would trail at zero, which protects nothing; the short trails above.
    bars = entered("L@101 S@98", "100 102 96 97") + "97 97 97 97 xS\n 97 97 97 97"
    outcome = play(bars, **STOP, oco=True, trail_distance=101)
    assert told(outcome) == ["short 10: 98 at 1 -> 97 at 3, signal", "long refused at 1: stop_beyond_zero"]


def test_oco_finer_candles_say_which_side_was_reached_first(play):
    bars = entered("L@102 S@97", "100 104 96 100") + "100 100 100 100 xL xS\n 100 100 100 100"
    quarters = "-\n" * 4 + "100 101 97 98 \n 98 104 98 103 \n 103 103 96 97 \n 97 100 97 100"
    assert told(play(bars, **STOP, oco=True, intrabar="finer", finer=quarters)) == [
        "short 10: 97 at 1 -> 100 at 3, signal",
        "long refused at 1: cancelled_by_oco",
    ]
    at_once = "-\n" * 4 + "100 104 96 98 \n 98 104 98 103 \n 103 103 96 97 \n 97 100 97 100"
    assert told(play(bars, **STOP, oco=True, intrabar="finer", finer=at_once)) == [
        "long 10: 102 at 1 -> 100 at 3, signal (ambiguous)",
        "short refused at 1: cancelled_by_oco",
    ]


def test_oco_a_pair_reserves_the_larger_of_its_two(play):
    first = entered("L@100 S@80", "90 90 90 90")
    second = entered("L@100", "100 100 100 100")
    outcome = play(first, second, entry_kind="stop", oco=True, sizer="units", size=50.0, max_positions=3)
    # 5,000 for the long, 4,000 for the short: 5,000 are left, 4,975.12 after the buffer.
    assert told(outcome) == ["GBPUSD long 49.75: 100 at 1, open"]


# --- Waiting entries age, and are withdrawn ------------------------------------------------------------------------------

WAITING = """
    100 101  99 100  L@90
    100 101  99 100
    100 101  99 100
    100 101  80 100
"""


def test_an_order_for_n_bars_ends_at_the_close_of_the_nth_bar_after_its_decision(play):
    assert told(play(WAITING, **LIMIT, expire_bars=2)) == ["long refused at 2: expired"]
    assert told(play(WAITING, **LIMIT, expire_bars=3)) == ["long 10: 90 at 3, open"]


def test_an_order_for_n_bars_is_expired_before_the_entries_of_that_close(play):
    bars = WAITING.replace("100 101  99 100\n    100 101  80", "100 101  99 100  L@85\n    100 101  80")
    assert told(play(bars, **LIMIT, expire_bars=2)) == ["long refused at 2: expired", "long 10: 85 at 3, open"]


def test_an_order_for_the_day_does_not_fill_at_or_after_the_next_day_end(play):
    # 17:00 New York is 22:00 UTC: decided at the close of 20:00-21:00, bar 2 opens at the day end.
    assert told(play(WAITING, **LIMIT, expire_day=True, first="2024-01-09T20:00")) == ["long refused at 2: expired"]
    # Decided at the day end itself it lives through the next day.
    assert told(play(WAITING, **LIMIT, expire_day=True, first="2024-01-09T21:00")) == ["long 10: 90 at 3, open"]


def test_an_order_for_a_length_of_time_does_not_fill_at_an_open_later_than_that(play):
    assert told(play(WAITING, **LIMIT, expire_after=2 * HOUR)) == ["long 10: 90 at 3, open"]
    assert told(play(WAITING, **LIMIT, expire_after=1 * HOUR)) == ["long refused at 3: expired"]


def test_an_exit_rule_withdraws_the_waiting_entry_of_its_side_before_entries_are_decided(play):
    bars = """
        100 101  99 100  L@90
        100 101  99 100  {exit} L@95
        100 101  80 100
    """
    assert told(play(bars.format(exit="xL"), **LIMIT)) == ["long refused at 1: withdrawn", "long 10: 95 at 2, open"]
    assert told(play(bars.format(exit="xS"), **LIMIT)) == [
        "long refused at 1: max_positions_per_symbol",
        "long 10: 90 at 2, open",
    ]


def test_s14_a_limit_cancels_a_waiting_level_with_the_bar_of_its_decision(play):
    outcome = play(
        """
        100 101  99 100  L@100
        100 101 100 100  L@50
        100 100  60  60
         60  60  40  60
        """,
        entry_kind="limit",
        size=0.5,
        max_positions=2,
        max_positions_per_symbol=2,
        max_drawdown=0.1,
    )
    assert told(outcome) == [
        "long 50: 100 at 1 -> 60 at 3, max_drawdown",
        "long refused at 1: cancelled_by_limit",
    ]


# --- Session exit ---------------------------------------------------------------------------------------------------------


def test_a_session_exit_closes_every_position_and_withdraws_waiting_entries(play):
    outcome = play(
        """
        100 101  99 100  L
        100 101  99 100  session
        102 103 101 102
        """,
        **TEN,
    )
    assert told(outcome) == ["long 10: 100 at 1 -> 102 at 2, session_exit"]
    waiting = play(WAITING.replace("99 100\n    100 101  99 100\n", "99 100 session\n    100 101  99 100\n"), **LIMIT)
    assert told(waiting) == ["long refused at 1: withdrawn"]


def test_a_session_exit_comes_after_age_and_before_the_exit_rule(play):
    bars = """
        100 101  99 100  L
        100 101  99 100  session xL
        102 103 101 102
    """
    assert told(play(bars, **TEN)) == ["long 10: 100 at 1 -> 102 at 2, session_exit"]
    assert told(play(bars, **TEN, max_holding_period=1)) == ["long 10: 100 at 1 -> 102 at 2, max_holding_period"]


def test_an_entry_may_be_decided_at_the_close_of_a_session(play):
    outcome = play(entered("session L", "100 101 99 100"), **TEN)
    assert told(outcome) == ["long 10: 100 at 1, open"]


# --- Several targets -------------------------------------------------------------------------------------------------------


def targets(*pairs: tuple[float, float]) -> tuple[oracle.Target, ...]:
    return tuple(oracle.Target(distance=distance, share=share) for distance, share in pairs)


CLIMB = """
    100 101  99 100  L
    100 102  99 102
    102 104 101 103
    103 107 102 106
"""


def test_targets_close_their_shares_one_after_the_other_and_each_is_a_trade(play):
    outcome = play(CLIMB, **TEN, targets=targets((3, 0.3), (6, 1.0)))
    assert told(outcome) == [
        "long 3: 100 at 1 -> 103 at 2, take_profit",
        "long 7: 100 at 1 -> 106 at 3, take_profit",
    ]
    assert [trade.part for trade in outcome.trades] == [1, 2]
    assert [trade.target for trade in outcome.trades] == [103, 106]
    assert outcome.equity == [10_000, 10_020, 10_030, 10_051]


def test_targets_of_shares_below_one_leave_a_part_open(play):
    outcome = play(CLIMB, **TEN, targets=targets((3, 0.3), (6, 0.5)))
    assert told(outcome)[-1] == "long 2: 100 at 1, open"
    assert outcome.positions[0].target != outcome.positions[0].target


def test_targets_that_one_bar_reaches_are_all_taken_in_it(play):
    outcome = play(CLIMB, **TEN, targets=targets((4, 0.5), (5, 0.2), (7, 1.0)))
    assert told(outcome) == [
        "long 5: 100 at 1 -> 104 at 2, take_profit",
        "long 2: 100 at 1 -> 105 at 3, take_profit",
        "long 3: 100 at 1 -> 107 at 3, take_profit",
    ]
    gap = CLIMB.replace("103 107 102 106", "110 111 109 110")
    outcome = play(gap, **TEN, targets=targets((5, 0.2), (7, 1.0)))
    assert told(outcome) == [
        "long 2: 100 at 1 -> 110 at 3, take_profit",
        "long 8: 100 at 1 -> 110 at 3, take_profit",
    ]


def test_a_target_closes_whole_steps_and_one_that_comes_to_nothing_is_skipped(play):
    outcome = play(CLIMB, **TEN, step=4.0, targets=targets((2, 0.3), (3, 0.5), (6, 1.0)))
    # 8 units in steps of 4: 0.3 x 8 is no step, 0.5 x 8 is one.
    assert told(outcome) == [
        "long 4: 100 at 1 -> 103 at 2, take_profit",
        "long 4: 100 at 1 -> 106 at 3, take_profit",
    ]


def test_targets_whose_shares_are_the_whole_leave_nothing_behind(play):
    thirds = targets((1, 1 / 3), (2, 1 / 3), (3, 1 / 3))
    outcome = play(CLIMB, sizer="units", size=91.8, step=0.3, targets=thirds)  # 3 x 30.6 is not 91.8 in floats
    assert [trade.quantity for trade in outcome.trades] == pytest.approx([30.6] * 3, rel=1e-9)
    assert outcome.positions == []


def test_a_later_target_that_the_open_has_passed_already_fills_at_that_open(play):
    outcome = play(CLIMB.replace("103 107 102 106", "105 107 102 106"), **TEN, targets=targets((6, 0.3), (4.5, 1.0)))
    assert told(outcome) == [
        "long 3: 100 at 1 -> 106 at 3, take_profit",
        "long 7: 100 at 1 -> 105 at 3, take_profit",
    ]


def test_the_parts_of_a_trade_share_the_entrys_costs_by_quantity(play):
    outcome = play(CLIMB, **TEN, targets=targets((3, 0.3), (6, 1.0)), commission_per_order=10.0)
    assert [trade.costs for trade in outcome.trades] == pytest.approx([13.0, 17.0], rel=1e-12)
    assert outcome.equity[-1] == pytest.approx(10_000 + 9 + 42 - 30, rel=1e-12)


@pytest.mark.parametrize(
    ("intrabar", "says"),
    [
        ("worst", ["long 10: 100 at 1 -> 97 at 2, stop_loss (ambiguous)"]),
        (
            "best",
            [
                "long 5: 100 at 1 -> 102 at 2, take_profit (ambiguous)",
                "long 2: 100 at 1 -> 103 at 2, take_profit (ambiguous)",
                "long 3: 100 at 1 -> 97 at 2, stop_loss (ambiguous)",
            ],
        ),
    ],
)
def test_s7_targets_and_stop_in_one_bar(play, intrabar, says):
    bars = """
        100 101  99 100  L
        100 101  99 100
        100 104  96 100
    """
    several = targets((2, 0.5), (3, 0.2), (9, 1.0))
    assert told(play(bars, **TEN, stop_distance=3, targets=several, intrabar=intrabar)) == says


def test_s7_finer_candles_take_a_target_then_the_stop_for_what_is_left(play):
    bars = """
        100 101  99 100  L
        100 101  99 100
        100 104  96 100
    """
    quarters = TWO_HOURS + "100 102.5 100 102 \n 102 102 96 97 \n 97 104 97 103 \n 103 103 100 100"
    several = targets((2, 0.5), (3, 1.0))
    assert told(play(bars, **TEN, stop_distance=3, targets=several, intrabar="finer", finer=quarters)) == [
        "long 5: 100 at 1 -> 102 at 2, take_profit",
        "long 5: 100 at 1 -> 97 at 2, stop_loss",
    ]


def test_a_short_with_a_target_beyond_zero_is_refused(play):
    outcome = play(entered("S", "100 101 99 100"), **TEN, targets=targets((50, 0.5), (100, 1.0)))
    assert told(outcome) == ["short refused at 1: stop_beyond_zero"]


# --- Break-even -----------------------------------------------------------------------------------------------------------


def test_break_even_holds_from_the_bar_after_the_trigger_was_touched(play):
    bars = """
        100 101  99 100  L
        100 {high}  97 100
        100 101  96  97
    """
    even = {**TEN, "stop_distance": 4, "even_distance": 3}
    assert told(play(bars.format(high=103), **even)) == ["long 10: 100 at 1 -> 100 at 2, break_even"]
    assert told(play(bars.format(high=102.99), **even)) == ["long 10: 100 at 1 -> 96 at 2, stop_loss"]


def test_break_even_lies_an_offset_beyond_the_entry_rounded_like_a_stop(play):
    bars = """
        100 101  99 100  {entry}
        100 103  97 {close}
        {close} {close} {close} {close}
        100 104  96 100
    """
    even = {**TEN, "even_fraction": 0.02}
    assert told(play(bars.format(entry="L", close=102), **even, even_offset=1)) == [
        "long 10: 100 at 1 -> 100 at 3, break_even"  # the open is past 101
    ]
    assert told(play(bars.format(entry="S", close=98), **even, even_offset_fraction=0.013, tick=0.5)) == [
        "short 10: 100 at 1 -> 100 at 3, break_even"
    ]
    inside = bars.replace("100 104  96 100", "101.8 104 96 100")
    assert told(play(inside.format(entry="L", close=102), **even, even_offset=1.3, tick=0.5)) == [
        "long 10: 100 at 1 -> 101 at 3, break_even"  # 101.3 rounded down
    ]


def test_the_tightest_of_stop_trail_and_break_even_is_in_force_and_an_equal_one_gives_way(play):
    bars = """
        100 101  99 100  L
        100 105  98 104
        104 104  90  91
    """
    even = {**TEN, "even_distance": 3}
    assert told(play(bars, **even, trail_distance=5)) == ["long 10: 100 at 1 -> 100 at 2, trailing_stop"]  # both at 100
    assert told(play(bars, **even, trail_distance=6)) == ["long 10: 100 at 1 -> 100 at 2, break_even"]
    assert told(play(bars, **even, trail_distance=4)) == ["long 10: 100 at 1 -> 101 at 2, trailing_stop"]


def test_s22_a_level_that_is_tighter_in_the_last_bits_only_gives_way(play):
    bars = """
        1.0 1.0 1.0 1.0  L
        1.0 1.1 0.9 1.1
        1.1 1.1 0.7 0.7
    """
    outcome = play(bars, **TEN, stop_distance=0.2, trail_distance=0.3)  # 1.1 - 0.3 is 0.8000000000000002 in floats
    assert told(outcome) == ["long 10: 1 at 1 -> 0.8 at 2, stop_loss"]


def test_s9_a_break_even_stop_slips(play):
    bars = """
        100 101  99 100  L
        100 110  99 109
        109 109  90  91
    """
    outcome = play(bars, **TEN, even_distance=3, slippage=0.01)
    assert told(outcome) == ["long 10: 101 at 1 -> 99.99 at 2, break_even"]  # 101 x 0.99


def test_an_undefined_atr_of_the_break_even_refuses_the_entry(play):
    assert told(play(entered("L", "100 101 99 100"), **TEN, even_atr=1.0)) == ["long refused at 0: undefined_distance"]


# --- Signals from longer candles (S13) --------------------------------------------------------------------------------------


def test_ages_count_the_closes_of_longer_candles(play):
    bars = """
        100 101  99 100  L signal
        100 101  99 100
        100 101  99 100  signal
        101 101  99 100
        102 103 101 102  signal
        103 103 103 103
    """
    assert told(play(bars, **TEN, max_holding_period=1)) == ["long 10: 100 at 1 -> 101 at 3, max_holding_period"]
    outcome = play(bars, **TEN, max_holding_period=2)
    assert told(outcome) == ["long 10: 100 at 1 -> 103 at 5, max_holding_period"]
    assert outcome.trades[0].bars == 5  # of the candles that are traded


def test_under_fill_close_the_deciding_close_is_the_first_of_the_age(play):
    bars = """
        100 101  99 100  L signal
        101 101 101 101
        102 102 102 102  signal
        103 103 103 103
        104 104 104 104  signal
    """
    for longest in (1, 2):  # the close of the entry is past when it is entered
        outcome = play(bars, **TEN, fill_close=True, max_holding_period=longest)
        assert told(outcome) == ["long 10: 100 at 0 -> 102 at 2, max_holding_period"]
    outcome = play(bars, **TEN, fill_close=True, max_holding_period=3)
    assert told(outcome) == ["long 10: 100 at 0 -> 104 at 4, max_holding_period"]


def test_waiting_entries_count_the_closes_of_longer_candles(play):
    bars = """
        100 101  99 100  L@90 signal
        100 101  99 100
        100 101  99 100  signal
        100 101  80 100
    """
    assert told(play(bars, **LIMIT, expire_bars=1)) == ["long refused at 2: expired"]
    assert told(play(bars, **LIMIT, expire_bars=2)) == ["long 10: 90 at 3, open"]


def test_trails_and_stops_live_on_the_traded_candles(play):
    bars = """
        100 101  99 100  L signal
        100 110  99 109
        109 109 100 101
        101 101  99 100  signal
    """
    assert told(play(bars, **TEN, trail_distance=5)) == ["long 10: 100 at 1 -> 105 at 2, trailing_stop"]
