"""What a run reads besides its candles: contracts, spreads, conversion, dated events, finer candles, the account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sptrader_lab as lab
from sptrader_lab.backtesting.conversion import Rates
from sptrader_lab.backtesting.facts import day_start
from sptrader_lab.backtesting.members import Member
from sptrader_lab.backtesting.world import World, actions_of, contract_of, currency_numbers, find_world, spread_column
from sptrader_lab.components.library import own_library, scan
from sptrader_lab.errors import CandleError, InputError, MissingCandles
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.types.calendar import DAY, FX_DAY_END, HOUR, UTC_MIDNIGHT, DayEnd
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from sptrader_lab.types.instruments import instrument
from sptrader_lab.types.records import DIVIDEND, SPLIT

LIBRARY = scan(own_library())
ALWAYS = "name: always\nentry: {when: ['close > 0'], size: 0.5}\nexit: {when: ['close < 0']}\n"
MONDAY = "2025-01-06"


def walk(
    symbol: str, *, seed: int = 1, bars: int = 300, start: str = MONDAY, level: float = 1.1, hours: int = 1
) -> Candles:
    """Hours (or a multiple) of a random walk."""
    random = np.random.default_rng(seed)
    close = level * np.exp(np.cumsum(random.normal(0, 0.001, bars)))
    opens = np.concatenate([[level], close[:-1]])
    high, low = np.maximum(opens, close) * 1.0005, np.minimum(opens, close) * 0.9995
    time = parse_time(start) + np.arange(bars, dtype=np.int64) * HOUR * hours
    return Candles(symbol, f"{hours}h", time, opens, high, low, close, np.ones(bars))


def member(text: str, *candles: Candles, name: str = "always") -> Member:
    return Member(name, make_plan(lab.load_strategy(text, library=LIBRARY), LIBRARY), candles)


def world(text: str, *candles: Candles, **options: object) -> World:
    return find_world([member(text, *candles)], **options)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> lab.CandleStore:
    """A store of sample candles."""
    (folder := tmp_path_factory.mktemp("lab") / "data").mkdir()
    return lab.CandleStore(folder)


# --- Contracts --------------------------------------------------------------------------------------------------------


def test_currencies_are_numbered_from_the_accounts_own() -> None:
    facts = [instrument(symbol) for symbol in ("USDJPY", "EURUSD", "BTCUSDT", "AAPL")]
    numbers = currency_numbers(facts, "EUR")
    assert numbers == {"EUR": 0, "JPY": 1, "USD": 2, "USDT": 3}
    pair, coin, share = (contract_of(facts[n], "EUR", numbers, False, "mid")[0] for n in (0, 2, 3))
    assert (pair["base"], pair["quote"]) == (2, 1)
    assert (coin["base"], coin["quote"]) == (-1, 3)  # a coin is owned: it counts in its quote
    assert (share["base"], share["quote"]) == (-1, 2)


@pytest.mark.parametrize(
    ("symbol", "account", "margin", "financed"),
    [
        ("EURUSD", "USD", False, 0),  # profits are in the account's currency already
        ("EURUSD", "USD", True, 0),
        ("EURUSD", "EUR", False, 1),
        ("AAPL", "EUR", False, 0),  # a share is bought for converted money
        ("AAPL", "EUR", True, 1),
        ("BTCUSDT", "USD", False, 0),
    ],
)
def test_pairs_and_margin_convert_profits_everything_else_its_value(
    symbol: str, account: str, margin: bool, financed: int
) -> None:
    """S12, Conversion."""
    facts = instrument(symbol)
    contract = contract_of(facts, account, currency_numbers([facts], account), margin, "mid")[0]
    assert contract.financed == financed


@pytest.mark.parametrize(("kind", "shares"), [("mid", (0.5, 0.5)), ("bid", (0.0, 1.0)), ("ask", (1.0, 0.0))])
def test_a_spread_lies_around_mid_above_bid_and_below_ask(kind: str, shares: tuple[float, float]) -> None:
    """S9: bid = price - spread x b, ask = price + spread x a."""
    contract = contract_of(instrument("EURUSD"), "USD", {"USD": 0, "EUR": 1}, False, kind)[0]
    assert (contract.bid_share, contract.ask_share) == shares


def test_swaps_in_pips_become_price_units_and_yearly_ones_stay_fractions() -> None:
    """S11."""
    yen = instrument("USDJPY")._replace(swap_long=0.8, swap_short=-1.5)
    contract = contract_of(yen, "USD", currency_numbers([yen], "USD"), True, "mid")[0]
    assert (contract.swap_long, contract.swap_short) == pytest.approx((0.008, -0.015))
    assert (contract.swap_yearly, contract.triple_day) == (0, 2)
    share = instrument("AAPL")._replace(swap_long=-0.05, swap_unit="yearly")
    contract = contract_of(share, "USD", {"USD": 0}, True, "mid")[0]
    assert (contract.swap_long, contract.swap_yearly, contract.triple_day) == (-0.05, 1, -1)


# --- Spread -----------------------------------------------------------------------------------------------------------


def test_a_spread_comes_from_the_strategy_the_instrument_or_the_candles() -> None:
    candles = walk("EURUSD")
    own = replace(candles, spread=np.full(len(candles), 0.00007))
    assert world(ALWAYS, candles).surroundings == ()
    fixed = world(ALWAYS + "execution: {spread: 0.0002}\n", candles).surroundings[0].spread
    assert fixed.tolist() == [0.0002] * len(candles)
    assert world(ALWAYS + "instrument: {spread: 0.0003}\n", candles).surroundings[0].spread[0] == 0.0003
    assert world(ALWAYS + "execution: {spread: column}\n", own).surroundings[0].spread is own.spread
    with pytest.raises(InputError, match=r"spread: column asks .* <Candles EURUSD 1h: 300 candles"):
        _ = world(ALWAYS + "execution: {spread: column}\n", candles).surroundings
    assert len(spread_column(0.0, candles)) == 0


def test_two_strategies_that_want_different_facts_of_one_symbol_are_refused() -> None:
    candles = walk("EURUSD")
    wide, narrow = ("execution: {spread: 0.0002}\n", "execution: {spread: 0.0001}\n")
    pair = [member(ALWAYS + wide, candles, name="a"), member(ALWAYS + narrow, candles, name="b")]
    with pytest.raises(InputError, match=r"differ in spread of EURUSD: a says 0\.0002, b says 0\.0001"):
        find_world(pair)
    ends = [
        member(ALWAYS + f"instrument: {{day_end: '{end}'}}\n", candles, name=name)
        for name, end in (("a", "00:00 UTC"), ("b", "17:00 America/New_York"))
    ]
    with pytest.raises(InputError, match="differ in day_end of EURUSD: a 00:00 UTC, b 17:00 America/New_York"):
        find_world(ends)
    silent = [member(ALWAYS + wide, candles, name="a"), member(ALWAYS, candles, name="b")]
    assert find_world(silent).instruments[0].spread == 0.0002


# --- Conversion -------------------------------------------------------------------------------------------------------


def slow_rate(pair: Candles, instant: int, *, inverted: bool) -> float:
    """The last close known by an instant, looked for candle by candle."""
    rate = np.nan
    for closed, close in zip(pair.close_time.tolist(), pair.close.tolist(), strict=True):
        if closed <= instant:
            rate = 1 / close if inverted else close
    return rate


@pytest.mark.parametrize(("pair", "inverted"), [("EURUSD", True), ("USDEUR", False)])
def test_a_rate_is_the_last_close_known_by_the_instant(pair: str, inverted: bool) -> None:
    """S12: at openings and at closings, direct or the other way round, with holes in the pair's candles."""
    candles = walk("GBPUSD", seed=2, bars=60, level=1.3)
    full = walk(pair, seed=3, bars=80, start="2025-01-05T20:00")
    kept = np.random.default_rng(0).random(80) < 0.6
    columns = {name: getattr(full, name)[kept] for name in ("time", "open", "high", "low", "close", "volume")}
    rates = Rates("USD", "EUR", replace(full, **columns))
    opening, closing = rates.beside(candles, None)
    assert opening.tolist() == [slow_rate(rates.candles, time, inverted=inverted) for time in candles.time.tolist()]
    assert closing.tolist() == [
        slow_rate(rates.candles, time, inverted=inverted) for time in candles.close_time.tolist()
    ]


def test_the_pair_is_looked_for_among_the_runs_candles_first_then_in_the_store(samples: lab.CandleStore) -> None:
    euro = ALWAYS + "account: {currency: EUR}\n"
    own = world(euro, walk("GBPUSD", level=1.3), walk("EURUSD"), store=samples)
    assert own.rates["USD"].candles is own.traded[1]
    yen = samples.candles("USDJPY", "4h", start="2025-03-03", end="2025-03-14")
    found = world(euro, yen, store=samples).rates["JPY"]
    assert (found.candles.symbol, found.candles.timeframe, found.inverted) == ("EURJPY", "4h", True)
    assert found.candles.close_time[0] <= yen.time[0]


def test_other_candles_than_drawn_ones_are_never_converted_with_drawn_ones(samples: lab.CandleStore) -> None:
    """A market's money has a market's rate."""
    with pytest.raises(
        MissingCandles, match="EURJPY or JPYEUR, and the store has neither; sample candles convert sample"
    ):
        world(ALWAYS + "account: {currency: EUR}\n", walk("USDJPY", level=140.0), store=samples)


def test_the_store_gives_the_runs_timeframe_then_finer_then_coarser_candles(tmp_path: Path) -> None:
    store = lab.CandleStore(tmp_path)
    strategy, hours = ALWAYS + "account: {currency: EUR}\n", walk("GBPUSD", bars=100, level=1.3)
    store.write(walk("EURUSD", bars=60, start="2025-01-05T00:00", hours=4))
    assert world(strategy, hours, store=store).rates["USD"].candles.timeframe == "4h"
    store.write(walk("EURUSD", bars=200, start="2025-01-05T00:00"))
    assert world(strategy, hours, store=store).rates["USD"].candles.timeframe == "1h"
    quarters = replace(walk("GBPUSD", bars=100, level=1.3), timeframe="30m")
    assert world(strategy, quarters, store=store).rates["USD"].candles.timeframe == "1h"
    eight = walk("GBPUSD", bars=30, level=1.3, hours=8)
    assert world(strategy, eight, store=store).rates["USD"].candles.timeframe == "8h"


def test_a_missing_pair_is_told_by_both_names_and_how_to_bring_it_in(tmp_path: Path) -> None:
    text = ALWAYS + "account: {currency: EUR}\n"
    with pytest.raises(
        InputError, match=r"EURUSD or USDEUR, and neither is among the run's candles; .*store=CandleStore"
    ):
        world(text, walk("GBPUSD"))
    with pytest.raises(MissingCandles, match=r"EURUSD or USDEUR.*sptrader-lab data import FILE --symbol EURUSD"):
        world(text, walk("GBPUSD"), store=lab.CandleStore(tmp_path))


def test_a_run_that_begins_before_its_rates_is_told_from_when_they_exist() -> None:
    text = ALWAYS + "account: {currency: EUR}\n"
    pair = [walk("GBPUSD", level=1.3), walk("EURUSD", start="2025-01-08")]
    with pytest.raises(
        CandleError, match=r"GBPUSD closes at 2025-01-06 01:00 UTC .* known from 2025-01-08 01:00 UTC on"
    ) as said:
        _ = world(text, *pair).surroundings
    assert "start='2025-01-08T01:00'" in str(said.value)
    around = world(text, *pair, start=parse_time("2025-01-08T01:00")).surroundings
    assert np.isfinite(around[0].rate_open).all()
    assert lab.backtest(lab.load_strategy(text), pair, start="2025-01-08T01:00").currency == "EUR"


def test_rates_that_grow_old_are_told() -> None:
    text = ALWAYS + "account: {currency: EUR}\n"
    candles = walk("GBPUSD", bars=300, level=1.3)
    told = lab.backtest(lab.load_strategy(text), [candles, walk("EURUSD", bars=20)]).warnings
    assert any("the rate of USD in EUR at 2025-01-18 12:00 UTC is 12 days old: EURUSD 1h" in text for text in told)
    assert not any(
        "days old" in text for text in lab.backtest(lab.load_strategy(text), [candles, walk("EURUSD")]).warnings
    )


def test_an_account_in_another_currency_earns_each_profit_at_the_rate_of_its_fill() -> None:
    """S12: side x quantity x price change, converted when the exit fills."""
    text = (
        "name: flip\naccount: {currency: EUR}\nindicators: {slow: {type: sma, params: {period: 20}}}\n"
        "entry: {when: ['close > slow'], size: {type: units, value: 1000}}\nexit: {when: ['close < slow']}\n"
    )
    euro = walk("EURUSD", bars=600)
    result = lab.backtest(lab.load_strategy(text), euro)
    assert result.currency == "EUR"
    assert len(result.trades) > 10
    for trade in result.trades.to_dict("records"):
        rate = slow_rate(euro, trade["exit_time"].value, inverted=True)
        assert trade["gross"] == pytest.approx(trade["quantity"] * (trade["exit_price"] - trade["entry_price"]) * rate)


# --- Dated events, finer candles, the account -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "begins"),
    [
        (UTC_MIDNIGHT, "2025-06-10T00:00"),
        (FX_DAY_END, "2025-06-09T21:00"),
        (DayEnd(16, 0, "America/New_York"), "2025-06-09T20:00"),
        (DayEnd(9, 0, "Asia/Tokyo"), "2025-06-09T00:00"),
    ],
)
def test_a_date_begins_with_its_trading_day(end: DayEnd, begins: str) -> None:
    """S4, S12: a split is in force before that day's open."""
    assert day_start(parse_time("2025-06-10"), end) == parse_time(begins)


def test_dated_events_come_in_order_splits_first() -> None:
    text = ALWAYS + (
        "instrument:\n  kind: equity\n  splits: [{date: 2025-01-09, ratio: 4}]\n"
        "  dividends: [{date: 2025-01-09, amount: 0.25}, {date: 2025-01-07, amount: 0.2}]\n"
    )
    days = walk("AAPL", bars=20, level=200.0)
    found = world(text, days).surroundings[0].actions
    assert found.kind.tolist() == [DIVIDEND, SPLIT, DIVIDEND]
    assert found.value.tolist() == [0.2, 4.0, 0.25]
    assert found.time.tolist() == [parse_time(date) for date in ("2025-01-07", "2025-01-09", "2025-01-09")]
    assert len(actions_of(instrument("AAPL"))) == 0


def test_finer_candles_are_the_finest_of_the_store(samples: lab.CandleStore) -> None:
    """S7."""
    text = ALWAYS + "execution: {intrabar: finer}\n"
    hours = samples.candles("EURUSD", "1h", start="2025-03-03", end="2025-03-07")
    found = world(text, hours, store=samples)
    assert found.finer["EURUSD"].timeframe == "1m"
    assert found.finer["EURUSD"].time[0] == hours.time[0]
    assert found.references == (found.finer["EURUSD"],)
    with pytest.raises(InputError, match="finer candles come from a store"):
        world(text, hours)
    minutes = samples.candles("EURUSD", "1m", start="2025-03-03", end="2025-03-04")
    with pytest.raises(
        MissingCandles, match=r"no candles of EURUSD that are finer than the traded 1m ones.*intrabar: worst"
    ):
        world(text, minutes, store=samples)


def test_a_strategy_alone_brings_its_own_limits_to_the_account() -> None:
    """S14, Whose limits."""
    text = ALWAYS + "risk: {max_drawdown: 0.1, daily_loss_limit: 0.02}\n"
    alone = world(text, walk("EURUSD")).account
    assert (alone.max_drawdown, alone.daily_loss_limit) == (0.1, 0.02)
    both = find_world([member(text, walk("EURUSD"), name=name) for name in "ab"]).account
    assert (both.max_drawdown, both.daily_loss_limit) == (np.inf, np.inf)


def test_a_margin_account_has_its_leverage_and_its_margin_call() -> None:
    """S11."""
    text = ALWAYS + "account: {type: margin, leverage: 20, maintenance: 0.03}\n"
    account = world(text, walk("EURUSD")).account
    assert (account.leverage, account.maintenance) == (20.0, 0.03)
    cash = world(ALWAYS, walk("EURUSD")).account
    assert (cash.leverage, cash.maintenance) == (1.0, 0.0)


def test_a_day_end_that_a_strategy_says_reaches_its_candles() -> None:
    told = world(ALWAYS + "instrument: {day_end: '00:00 UTC'}\n", walk("EURUSD"))
    assert {one.day_end for one in (*told.traded, *told.members[0].candles, *told.instruments)} == {UTC_MIDNIGHT}
    assert told.traded[0].close_time[-1] - told.traded[0].time[-1] == HOUR
    assert DAY % HOUR == 0


# --- Shares in another currency ---------------------------------------------------------------------------------------

SHARES = """\
name: shares
account: {currency: USD}
instrument: {day_end: 00:00 UTC}
instruments:
  SAP:
    kind: equity
    quote: EUR
    step: 1
    splits: [{date: 2025-01-07, ratio: 2}]
    dividends: [{date: 2025-01-09, amount: 2.35}]
entry: {when: close > 249, size: 0.275}
exit: {max_holding_period: 80}
execution: {slippage: 0}
risk: {max_positions: 1}
"""


def flat(symbol: str, prices: list[tuple[str, float]], bars: int = 120) -> Candles:
    """Hours at a price that steps at the instants given."""
    time = parse_time(MONDAY) + np.arange(bars, dtype=np.int64) * HOUR
    price = np.zeros(bars)
    for since, value in prices:
        price[time >= parse_time(since)] = value
    return Candles(symbol, "1h", time, price, price, price, price, np.ones(bars))


def test_shares_in_euros_split_and_pay_into_an_account_of_dollars() -> None:
    """The example of docs/portfolio.md: 100 shares for 27,500 dollars, 526.40 of dividends, sold for 29,120."""
    shares = flat("SAP", [(MONDAY, 250.0), ("2025-01-07", 125.0), ("2025-01-09", 130.0)])
    dollars = flat("EURUSD", [("2025-01-05", 1.10), ("2025-01-08", 1.12)])
    own = lab.load_strategy(SHARES, library=LIBRARY)
    result = lab.backtest(own, [shares, dollars], capital=100_000.0, lookahead="off")
    trade = result.outcome.trades[result.outcome.trades.symbol == 0][0]
    assert (trade.quantity, trade.gross, trade.financing) == (200.0, pytest.approx(1_620.0), pytest.approx(526.4))
    assert not any("instruments.SAP" in text for text in result.warnings)


def test_a_pair_is_quoted_in_what_its_name_says() -> None:
    with pytest.raises(Exception, match="a currency pair is quoted in what its name says"):
        lab.load_strategy(ALWAYS + "instrument: {kind: pair, quote: EUR}\n", library=LIBRARY)
    with pytest.raises(Exception, match="quote EUR of a currency pair whose name says USD"):
        lab.load_strategy(ALWAYS + "instruments: {GBPUSD: {quote: EUR}}\n", library=LIBRARY)


def test_facts_about_a_symbol_that_is_not_traded_are_told() -> None:
    text = ALWAYS + "instruments: {GBPUSD: {step: 1}, eur/usd: {step: 1}}\n"
    result = lab.backtest(lab.load_strategy(text, library=LIBRARY), walk("EURUSD"), lookahead="off")
    (said,) = [text for text in result.warnings if "instruments." in text]
    assert "instruments.GBPUSD have no effect: it trades EURUSD" in said
