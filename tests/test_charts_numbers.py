"""Numbers as a reader expects them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from chart_results import random_candles

from sptrader_lab.charts.numbers import PriceText, instant, percent, plain, price_text, signed
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instruments import instrument


def at(symbol: str, price: float) -> Candles:
    one = np.array([price])
    return Candles(symbol, "1h", np.array([0]), one, one, one, one, one)


@pytest.mark.parametrize(
    ("symbol", "price", "text", "numeral"),
    [
        ("EURUSD", 1.0834567, "1.08346", "0.00000"),
        ("USDJPY", 148.50049, "148.500", "0.000"),
        ("AAPL", 189.456, "189.46", "0.00"),
        ("BTC/USDT", 97_123.456, "97123.46", "0.00"),
        ("DOGE/USDT", 0.123456, "0.1235", "0.0000"),
        ("SHIB", 0.0000123, "0.00001230", "0.00000000"),
    ],
)
def test_prices_have_the_digits_of_their_instrument(symbol: str, price: float, text: str, numeral: str) -> None:
    written = price_text(at(symbol, price), instrument(symbol))
    assert written.price(price) == text
    assert written.numeral == numeral


@pytest.mark.parametrize(("tick", "digits"), [(0.25, 2), (0.0005, 4), (0.1, 1), (5.0, 0), (10.0, 0)])
def test_a_strategy_s_tick_decides_the_digits(tick: float, digits: int) -> None:
    assert price_text(at("GOLD", 1900.0), instrument("GOLD")._replace(tick=tick)).digits == digits


def test_moves_of_currency_pairs_are_in_pips() -> None:
    assert price_text(random_candles(5), instrument("EURUSD")).move(0.00125) == "+12.5 pips"
    assert price_text(at("USDJPY", 150.0), instrument("USDJPY")).move(-0.31) == "\N{MINUS SIGN}31.0 pips"
    assert price_text(at("AAPL", 150.0), instrument("AAPL")).move(-0.31) == "\N{MINUS SIGN}0.31"
    assert PriceText(5, 0.0001).move(math.nan) == "\N{EN DASH}"


def test_signs_and_separators() -> None:
    assert [signed(value) for value in (1234.5, -0.0049, 0.0, -12.0, math.nan)] == [
        "+1,234.50",
        "0.00",
        "0.00",
        "\N{MINUS SIGN}12.00",
        "\N{EN DASH}",
    ]
    assert signed(math.inf) == "+∞"
    assert [plain(value, 0) for value in (1234.5, -3.0)] == ["1,234", "\N{MINUS SIGN}3"]
    assert percent(0.12345) == "12.35 %"
    assert percent(0.001, sign=True) == "+0.10 %"
    assert percent(math.nan) == "\N{EN DASH}"


def test_instants_show_seconds_only_where_there_are_some() -> None:
    assert instant(0) == "1970-01-01 00:00"
    assert instant(1_736_121_601_000_000_000) == "2025-01-06 00:00:01"
