"""Golden cases of several strategies in one account, of its limits and of refusals, for oracle and engine alike (S10, S13, S14).

Rows are hours, `open high low close words`; bars count from 0. Capital 10,000; a size of 0.1 and prices near 100 buy 10 units.
"""

from __future__ import annotations

from dataclasses import replace

import oracle
import pytest
from oracle_bridge import MACHINES, case_of, together, told

ONE = "100 100 100 100 {word}\n 100 100 100 100"
IDLE = "100 100 100 100\n 100 100 100 100"


@pytest.fixture(params=sorted(MACHINES))
def machine(request):
    return MACHINES[request.param]


@pytest.fixture
def play(machine):
    """Play a case of tables and one strategy."""

    def play(*texts, **changes):
        return machine(case_of(*texts, **changes))

    return play


def approx(*values: float):
    return pytest.approx(list(values), rel=1e-12)


def lines(outcome) -> list[str]:
    """Say what happened with the strategy's number before each line."""
    side = {1: "long", -1: "short"}
    rows = [(t.strategy, f"{side[t.side]} {t.quantity:.10g} {t.reason} at {t.exit_bar}") for t in outcome.trades]
    rows += [(r.strategy, f"{side[r.side]} refused at {r.bar}: {r.reason}") for r in outcome.refusals]
    rows += [(p.strategy, f"{side[p.side]} {p.quantity:.10g} open") for p in outcome.positions]
    return [f"{number}: {line}" for number, line in rows]


# --- Each strategy's own money -----------------------------------------------------------------------------------------------

FALL = """
    100 100 100 100  {first}
    100 100 100 100
     90  90  90  90  {then}
     90  90  90  90  {last}
     90  90  90  90
"""


def fall(first: str = "", then: str = "", last: str = "") -> str:
    return FALL.format(first=first, then=then, last=last)


def test_a_strategys_own_drawdown_closes_cancels_and_halts_that_strategy_only(machine):
    loses = case_of(fall("L", "", "L"), size=0.5, max_drawdown=0.05)
    other = case_of(fall("S", "", "S"), size=0.2)
    outcome = machine(together(loses, other))
    # 50 units long lose 500: 5 % of the first strategy's 10,000. The second gains 200, and goes on.
    assert lines(outcome) == [
        "0: long 50 max_drawdown at 3",
        "0: long refused at 3: halted",
        "1: short refused at 3: max_positions_per_symbol",
        "1: short 20 open",
    ]


def test_a_strategys_limit_counts_from_its_part_of_the_capital(machine):
    def run(allocation):
        loses = case_of(fall("L"), size=0.5, max_drawdown=0.05, allocation=allocation)
        return machine(together(loses, case_of(fall())))

    # Half of 10,000 buys 25 units, which lose 250: 5 % of 5,000.
    assert lines(run(0.5)) == ["0: long 25 max_drawdown at 3"]
    assert run(0.5).strategy_equity[-1] == approx(4_750, 10_000)


def test_a_strategys_daily_loss_halts_it_until_the_next_day(machine):
    loses = case_of(fall("L", "L", "L"), size=0.5, daily_loss_limit=0.05, first="2024-01-09T19:00")
    other = case_of(fall("", "L", ""), size=0.1, first="2024-01-09T19:00")
    outcome = machine(together(loses, other))
    # Bar 3 closes on Wednesday (22:00 UTC is 17:00 New York): the first strategy may enter again.
    assert lines(outcome) == [
        "0: long 50 daily_loss_limit at 3",
        "0: long refused at 2: halted_today",
        "0: long 52.77 open",
        "1: long 10.55 open",
    ]


def test_a_strategys_limit_cancels_its_own_waiting_entries(machine):
    loses = case_of(
        fall("L@100", "", "").replace("100 100 100 100\n     90", "100 100 100 100 L@50\n     90", 1),
        entry_kind="limit", size=0.5, max_positions=2, max_positions_per_symbol=2, max_drawdown=0.05,
    )  # fmt: skip
    other = case_of(fall("L@50"), entry_kind="limit", size=0.1)
    outcome = machine(together(loses, other))
    assert [(r.strategy, r.bar, r.reason) for r in outcome.refusals] == [(0, 1, "cancelled_by_limit")]


def test_the_accounts_limits_hold_for_all_and_strategies_limits_do_not(machine):
    first, second = case_of(fall("L", "", "L"), size=0.3), case_of(fall("L", "", "L"), size=0.3)
    outcome = machine(together(first, second, max_drawdown=0.06))
    # Two times 30 units lose 600: 6 % of the account, though each has lost only 3 %.
    assert lines(outcome) == [
        "0: long 30 max_drawdown at 3",
        "1: long 30 max_drawdown at 3",
        "0: long refused at 3: halted",
        "1: long refused at 3: halted",
    ]
    lenient = [replace(case, rules=[replace(case.rules[0], max_drawdown=0.04)]) for case in (first, second)]
    assert lines(machine(together(*lenient)))[-1] == "1: long 30 open"


def test_a_strategys_limit_is_tested_while_the_account_is_halted_and_outlasts_it(machine):
    loses = case_of(fall("L", "L", "L"), size=0.5, max_drawdown=0.05, first="2024-01-09T19:00")
    other = case_of(fall("", "L", "L"), size=0.1, first="2024-01-09T19:00")
    outcome = machine(together(loses, other, daily_loss_limit=0.05))
    # Both limits are reached at bar 2; the account's is named first. Bar 3 closes on Wednesday.
    assert lines(outcome) == [
        "0: long 50 daily_loss_limit at 3",
        "0: long refused at 2: halted_today",
        "1: long refused at 2: halted_today",
        "0: long refused at 3: halted",
        "1: long 10.55 open",
    ]


def test_with_one_strategy_its_limits_are_the_accounts(play):
    half = {"size": 0.5, "allocation": 0.5}
    # 25 units lose 250: 5 % of what is allocated, but 2.5 % of the account.
    assert lines(play(fall("L"), **half, max_drawdown=0.05)) == ["0: long 25 open"]
    assert lines(play(fall("L"), **half, max_drawdown=0.025)) == ["0: long 25 max_drawdown at 3"]


def test_equity_of_each_strategy_is_its_part_and_its_own_profit_after_costs(machine):
    first = case_of(fall("L", "xL"), size=0.5, allocation=0.6, commission_per_order=10.0)
    second = case_of(fall("S"), size=0.5, allocation=0.4)
    outcome = machine(together(first, second))
    # 30 units long, 20 short: -10 and -300 - 10 of the first, +200 of the second.
    assert outcome.strategy_equity == [
        approx(6_000, 4_000),
        approx(5_990, 4_000),
        approx(5_690, 4_200),
        approx(5_680, 4_200),
        approx(5_680, 4_200),
    ]
    assert outcome.equity == approx(10_000, 9_990, 9_890, 9_880, 9_880)


def test_financing_belongs_to_the_strategy_that_holds(machine):
    first = case_of(fall("L"), sizer="units", size=10.0, swap_long=-0.5, first="2024-01-09T20:00")
    second = case_of(fall(), first="2024-01-09T20:00")
    outcome = machine(together(first, second))
    assert outcome.strategy_equity[2] == approx(9_895, 10_000)


# --- Allocation ----------------------------------------------------------------------------------------------------------------


def test_sizes_and_position_limits_are_fractions_of_the_allocated_equity(play):
    assert told(play(ONE.format(word="L"), size=0.5, allocation=0.4)) == ["long 20: 100 at 1, open"]
    limited = {"size": 0.5, "allocation": 0.4, "position_limit": 0.1}
    assert told(play(ONE.format(word="L"), **limited)) == ["long 4: 100 at 1, open"]


def test_a_strategy_holds_no_more_than_its_allocation(play):
    both = ONE.format(word="L")
    outcome = play(both, both, size=0.8, allocation=0.5, max_positions=2)
    # 4,000 of 5,000; then 1,000 / 1.005 = 995.02 of its own, though the account has 6,000 left.
    assert told(outcome) == ["EURUSD long 40: 100 at 1, open", "GBPUSD long 9.95: 100 at 1, open"]


def test_a_strategy_holds_no_more_than_the_account_has_left(machine):
    first, second = (case_of(ONE.format(word="L"), size=1.0, allocation=share) for share in (0.8, 0.5))
    outcome = machine(together(first, second))
    assert lines(outcome) == ["0: long 79.6 open", "1: long 20.29 open"]  # (10,000 - 7,960) / 1.005


# --- Limits of the account on entries ---------------------------------------------------------------------------------------


def test_max_account_positions_counts_positions_and_waiting_entries_of_all_strategies(machine):
    cases = [case_of(ONE.format(word="L")) for _ in range(3)]
    assert lines(machine(together(*cases, max_positions=2))) == [
        "2: long refused at 0: max_account_positions",
        "0: long 10 open",
        "1: long 10 open",
    ]


def test_gross_exposure_counts_longs_and_shorts_alike(play):
    sides = ONE.format(word="L"), ONE.format(word="S")
    enough = play(*sides, size=0.3, max_positions=2, account={"max_gross_exposure": 0.6})
    assert told(enough) == ["EURUSD long 30: 100 at 1, open", "GBPUSD short 30: 100 at 1, open"]
    assert told(play(*sides, size=0.3, max_positions=2, account={"max_gross_exposure": 0.59}))[0] == (
        "GBPUSD short refused at 0: max_gross_exposure"
    )


def test_net_exposure_lets_shorts_make_room_for_longs(play):
    limit = {"size": 0.3, "max_positions": 3, "account": {"max_net_exposure": 0.3}}
    long, short = ONE.format(word="L"), ONE.format(word="S")
    assert told(play(long, short, long, **limit)) == [
        "EURUSD long 30: 100 at 1, open",
        "GBPUSD short 30: 100 at 1, open",
        "AUDUSD long 30: 100 at 1, open",
    ]
    assert told(play(long, long, short, **limit))[0] == "GBPUSD long refused at 0: max_net_exposure"


def test_an_entry_that_brings_net_exposure_down_is_allowed_though_it_stays_over_the_limit(play):
    grows = """
        100 100 100 100  L
        100 300 100 300
        300 300 300 300
        300 300 300 300
    """
    hedge = """
        100 100 100 100
        100 100 100 100
        100 100 100 100  {word}
        100 100 100 100
    """
    limit = {"sizer": "units", "size": 10.0, "max_positions": 2, "account": {"max_net_exposure": 0.15}}
    # 3,000 of 12,000 are held, over 0.15 of them; 1,000 short brings it down, 1,000 long would not.
    assert told(play(grows, hedge.format(word="S"), **limit))[-1] == "GBPUSD short 10: 100 at 3, open"
    assert told(play(grows, hedge.format(word="L"), **limit))[0] == "GBPUSD long refused at 2: max_net_exposure"


PAIRS = [{"base": 1, "quote": 0}, {"base": 2, "quote": 1}, {"base": 2, "quote": 0}]


def test_currency_exposure_adds_the_base_and_subtracts_the_quote(play):
    limit = {"size": 0.3, "max_positions": 3, "contracts": PAIRS, "account": {"max_currency_exposure": 0.3}}
    idle, long, short = IDLE, ONE.format(word="L"), ONE.format(word="S")
    # Currency 1 long by the first, short by the second; then currency 2 is long already.
    assert told(play(long, long, long, **limit)) == [
        "AUDUSD long refused at 0: max_currency_exposure",
        "EURUSD long 30: 100 at 1, open",
        "GBPUSD long 30: 100 at 1, open",
    ]
    # A short of the second buys currency 1 again.
    assert told(play(long, short, idle, **limit))[0] == "GBPUSD short refused at 0: max_currency_exposure"
    assert len(play(idle, long, short, **limit).positions) == 2


def test_the_accounts_own_currency_is_not_counted(play):
    limit = {"size": 0.3, "contracts": [{"base": 0, "quote": 1}], "account": {"max_currency_exposure": 0.3}}
    assert told(play(ONE.format(word="L"), **limit)) == ["long 30: 100 at 1, open"]
    limit["account"] = {"max_currency_exposure": 0.29}
    assert told(play(ONE.format(word="L"), **limit)) == ["long refused at 0: max_currency_exposure"]  # currency 1
    limit["contracts"] = [{"base": -1, "quote": 0}]
    assert told(play(ONE.format(word="L"), **limit)) == ["long 30: 100 at 1, open"]


def test_what_is_no_pair_adds_to_its_quote(play):
    shares = [{"base": -1, "quote": 1}] * 2
    limit = {"size": 0.3, "max_positions": 2, "contracts": shares, "account": {"max_currency_exposure": 0.5}}
    both = ONE.format(word="L"), ONE.format(word="L")
    assert told(play(*both, **limit))[0] == "GBPUSD long refused at 0: max_currency_exposure"
    hedged = ONE.format(word="L"), ONE.format(word="S")
    assert len(play(*hedged, **limit).positions) == 2


def test_a_position_with_a_decided_exit_makes_room_under_the_limits(play):
    bars = """
        100 100 100 100  L
        100 100 100 100  xL S
        100 100 100 100
    """
    limits = {"max_gross_exposure": 0.5, "max_net_exposure": 0.5, "max_positions": 1}
    assert told(play(bars, size=0.5, account=limits))[-1] == "short 50: 100 at 2, open"


# --- Correlation -------------------------------------------------------------------------------------------------------------

SAME = """
    100 100 100 100
    110 110 110 110
     99  99  99  99
    120 120 120 120  {word}
    120 120 120 120
"""
HALF = """
     50  50  50  50
     55  55  55  55
     49.5 49.5 49.5 49.5
     60  60  60  60  {word}
     60  60  60  60
"""
AGAINST = """
    100 100 100 100
     90  90  90  90
     99  99  99  99
     90  90  90  90  {word}
     90  90  90  90
"""


def alike(window: int = 3, limit: float = 0.9) -> dict:
    return {"max_positions": 2, "account": {"correlation_limit": limit, "correlation_window": window}}


@pytest.mark.parametrize(("first", "second", "refused"), [("L", "L", 1), ("S", "S", 1), ("L", "S", 0), ("S", "L", 0)])
def test_an_entry_that_moves_like_what_is_waited_for_is_refused(play, first, second, refused):
    outcome = play(SAME.format(word=first), HALF.format(word=second), **alike())
    assert [r.reason for r in outcome.refusals] == ["correlation"] * refused


@pytest.mark.parametrize(("first", "second", "refused"), [("L", "L", 0), ("L", "S", 1)])
def test_opposite_sides_of_what_moves_against_each_other_are_alike(play, first, second, refused):
    outcome = play(SAME.format(word=first), AGAINST.format(word=second), **alike())
    assert [r.reason for r in outcome.refusals] == ["correlation"] * refused


def test_a_correlation_at_the_limit_refuses(play):
    outcome = play(SAME.format(word="L"), HALF.format(word="L"), **alike(limit=1.0))  # 1 but for the last bits
    assert [r.reason for r in outcome.refusals] == ["correlation"]


def test_too_few_common_closes_or_no_variance_leave_correlation_untested(play):
    assert play(SAME.format(word="L"), HALF.format(word="L"), **alike(window=4)).refusals == []
    gap = HALF.replace("     55  55  55  55", "-")
    assert play(SAME.format(word="L"), gap.format(word="L"), **alike()).refusals == []
    assert [r.reason for r in play(SAME.format(word="L"), gap.format(word="L"), **alike(window=2)).refusals] == [
        "correlation"
    ]
    flat = "\n".join(["100 100 100 100"] * 3 + ["100 100 100 100 L"] + ["100 100 100 100"])
    assert play(SAME.format(word="L"), flat, **alike()).refusals == []


def test_correlation_looks_at_every_strategys_positions(machine):
    first = case_of(SAME.format(word="L"), HALF.format(word=""))
    second = case_of(SAME.format(word=""), HALF.format(word="L"))
    outcome = machine(together(first, second, correlation_limit=0.9, correlation_window=3))
    assert lines(outcome) == ["1: long refused at 3: correlation", "0: long 8.33 open"]


# --- Which reason comes first -------------------------------------------------------------------------------------------------


HELD = """
    100 100 100 100
    110 110 100 110
     99  99  99  99  L@50
     99  99  99  99
"""
WANTED = """
    100 100 100 100
    110 110 100 110
     99  99  99  99  L@{level} {filter}
     99  99  99  99
"""
AGAINST_ALL = {"max_positions": 1, "max_gross_exposure": 0.15, "max_net_exposure": 0.15, "max_currency_exposure": 0.05,
               "correlation_limit": -1.0, "correlation_window": 2}  # fmt: skip
ROOM = [  # what is given up, one after the other, and the reason that is left
    ("trading_hours", {}),
    ("max_positions_per_symbol", {"filter": ""}),
    ("max_positions", {"max_positions_per_symbol": 1}),
    ("max_account_positions", {"max_positions": 1}),
    ("correlation", {"account": {"max_positions": 2}}),
    ("undefined_distance", {"account": {"correlation_limit": oracle.INF}}),
    ("undefined_price", {"stop_atr": 0.0}),
    ("under_minimum", {"level": 99}),
    ("max_gross_exposure", {"minimum": 0.0}),
    ("max_net_exposure", {"account": {"max_gross_exposure": 9.0}}),
    ("max_currency_exposure", {"account": {"max_net_exposure": 9.0}}),
    (None, {"account": {"max_currency_exposure": 9.0}}),
]


@pytest.mark.parametrize("given_up", range(len(ROOM)), ids=[str(reason) for reason, _ in ROOM])
def test_of_several_reasons_the_first_is_given(machine, given_up):
    """Everything is against the second symbol's entry; the cases take one reason after the other away."""
    words, account, minimum = {"level": "nan", "filter": "blocked=16"}, dict(AGAINST_ALL), 1_000.0
    rules = {"stop_atr": 1.0, "max_positions": 0, "max_positions_per_symbol": 0}
    for _, room in ROOM[1 : given_up + 1]:
        account |= room.get("account", {})
        words |= {name: room[name] for name in words if name in room}
        rules |= {name: room[name] for name in rules if name in room}
        minimum = room.get("minimum", minimum)
    shares = [{}, {"base": 2, "quote": 0, "minimum": minimum}]
    first = case_of(HELD, WANTED.replace("L@{level} {filter}", ""), contracts=shares, entry_kind="limit")
    second = case_of(HELD.replace("L@50", ""), WANTED.format(**words), entry_kind="limit", **rules)
    outcome = machine(together(first, second, **account))
    assert [r.reason for r in outcome.refusals] == [ROOM[given_up][0]] * (given_up < len(ROOM) - 1)
