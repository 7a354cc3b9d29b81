"""What a symbol's name tells, what a kind changes, and the steps of venues."""

from __future__ import annotations

import pytest

from sptrader_lab.errors import InputError
from sptrader_lab.types.calendar import FX_DAY_END, UTC_MIDNIGHT
from sptrader_lab.types.instruments import PAIRS, VENUES, at_venue, instrument, plain, spellings

MARKET = """
EURUSD EURGBP EURAUD EURNZD EURCAD EURCHF EURJPY GBPUSD GBPAUD GBPNZD GBPCAD GBPCHF GBPJPY AUDUSD AUDNZD AUDCAD AUDCHF AUDJPY
NZDUSD NZDCAD NZDCHF NZDJPY USDCAD USDCHF USDJPY CADCHF CADJPY CHFJPY
""".split()


def test_the_28_majors_and_crosses_are_there_as_the_market_names_them() -> None:
    assert sorted(PAIRS) == sorted(MARKET)
    for symbol, facts in PAIRS.items():
        assert (facts.symbol, facts.base, facts.quote) == (symbol, symbol[:3], symbol[3:])
        assert facts.pip == (0.01 if symbol.endswith("JPY") else 0.0001)
        assert facts.triple_day == (3 if symbol == "USDCAD" else 2)
        assert (facts.kind, facts.day_end, facts.step) == ("pair", FX_DAY_END, 0.01)
        assert not facts.every_day


@pytest.mark.parametrize("written", ["eurusd", "EUR/USD", "EUR-USD", "eur_usd"])
def test_a_pair_is_known_however_it_is_written(written: str) -> None:
    assert plain(written) == "EURUSD"
    assert instrument(written) == PAIRS["EURUSD"]._replace(symbol=written)


def test_other_pairs_crypto_and_the_rest_are_told_apart() -> None:
    assert instrument("USDMXN").kind == "pair"
    coin = instrument("BTC/USDT")
    assert (coin.kind, coin.base, coin.quote, coin.every_day, coin.day_end) == (
        "crypto",
        "BTC",
        "USDT",
        True,
        UTC_MIDNIGHT,
    )
    share = instrument("AAPL")
    assert (share.kind, share.quote, share.triple_day, share.day_end) == ("generic", "USD", None, UTC_MIDNIGHT)


def test_a_kind_says_what_the_name_does_not() -> None:
    assert instrument("AAPL", "equity").kind == "equity"
    gold = instrument("XAUUSD", "pair")
    assert (gold.base, gold.quote, gold.day_end, gold.triple_day) == ("XAU", "USD", FX_DAY_END, 2)
    assert instrument("FOO", "crypto").every_day
    assert instrument("EURUSD", "pair") == instrument("EURUSD")
    with pytest.raises(InputError, match="can't be a pair"):
        instrument("DE40", "pair")
    with pytest.raises(InputError, match="Did you mean 'equity'"):
        instrument("AAPL", "equty")


def test_a_venue_is_asked_for_by_name_and_gives_its_steps() -> None:
    """S10: steps stay 0.01 units unless a venue is named."""
    euro = instrument("EURUSD")
    assert (at_venue(euro, "MetaTrader").step, at_venue(euro, "metatrader").minimum) == (1000.0, 1000.0)
    assert at_venue(euro, "oanda")._replace(step=euro.step, minimum=euro.minimum) == euro
    assert at_venue(instrument("AAPL", "equity"), "nasdaq").step == 1.0
    with pytest.raises(InputError, match="Did you mean 'metatrader'"):
        at_venue(euro, "metatradr")
    with pytest.raises(InputError, match=r"'nyse' trades equity, and AAPL is generic; say instrument\.kind"):
        at_venue(instrument("AAPL"), "nyse")
    assert all(minimum >= step > 0 for venue in VENUES.values() for step, minimum in venue.values())


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("JPY", "EUR", ("EURJPY", "JPYEUR")),
        ("USD", "EUR", ("EURUSD", "USDEUR")),
        ("USDT", "USD", ("USDTUSD", "USDUSDT")),
    ],
)
def test_a_pair_has_two_names_the_markets_first(one: str, other: str, names: tuple[str, str]) -> None:
    assert spellings(one, other) == names
