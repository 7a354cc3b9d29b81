"""Sample candles behave like a market, are the same on every call, and are made once."""

from __future__ import annotations

import numpy as np
import pytest

from sptrader_lab.candles import sample
from sptrader_lab.candles.quality import examine
from sptrader_lab.candles.rows import Rows, flaws
from sptrader_lab.candles.store import CandleStore
from sptrader_lab.types.calendar import DAY, HOUR, timeframe
from sptrader_lab.types.instants import parse_time

#: open, high, low, close, volume, spread of minutes 0, 1 and 400,000
GOLDEN = [
    [1.104, 1.10404, 1.10398, 1.10403, 11.0, 0.0003],
    [1.10403, 1.10404, 1.104, 1.104, 4.0, 0.00037],
    [0.97863, 0.97962, 0.97862, 0.97961, 52.0, 7e-05],
]


@pytest.fixture(scope="module")
def eurusd() -> Rows:
    return sample.make("EURUSD")


def test_the_first_candles_are_the_same_on_every_machine(eurusd):
    first = [[float(column[row]) for column in eurusd[1:]] for row in (0, 1, 400_000)]
    assert first == GOLDEN
    assert len(eurusd.time) == 747_360


def test_sample_candles_are_flawless_and_keep_the_fx_week(eurusd):
    report = examine(eurusd, "EURUSD", timeframe("1m"), "sample")
    assert flaws(eurusd) == {}
    assert (report.missing, report.closed, report.off_grid, report.duplicates) == (0, 0, 0, 0)
    assert eurusd.time[0] == parse_time("2024-01-01T22:00")
    assert eurusd.time[-1] == parse_time("2025-12-31T21:59")


def test_sample_prices_have_the_facts_of_a_market(eurusd):
    change = np.diff(np.log(eurusd.close))
    size = np.abs(change)
    hour = (eurusd.time[1:] % DAY) // HOUR
    assert ((change / change.std()) ** 4).mean() > 6
    assert np.corrcoef(size[:-60], size[60:])[0, 1] > 0.1
    assert size[hour == 14].mean() > 2 * size[hour == 23].mean()
    assert abs(np.corrcoef(change[:-1], change[1:])[0, 1]) < 0.05
    assert np.corrcoef(eurusd.volume[1:], size)[0, 1] > 0.3
    assert eurusd.spread.min() >= 0.00001
    assert eurusd.spread[1:][hour == 22].mean() > 1.5 * eurusd.spread[1:][hour == 12].mean()
    assert 0.8 < eurusd.close.min() < eurusd.close.max() < 1.4
    assert np.array_equal(eurusd.close, np.round(eurusd.close, 5))


def test_the_dollar_correlates_the_pairs(eurusd):
    change = {name: np.diff(np.log(sample.make(name).close[::60])) for name in ("GBPUSD", "USDJPY")}
    mine = np.diff(np.log(eurusd.close[::60]))
    assert np.corrcoef(mine, change["GBPUSD"])[0, 1] > 0.3
    assert np.corrcoef(mine, change["USDJPY"])[0, 1] < -0.3


@pytest.mark.parametrize(("symbol", "other", "power"), [("EURGBP", "GBPUSD", -1), ("EURJPY", "USDJPY", 1)])
def test_a_cross_costs_what_its_two_pairs_cost(eurusd, symbol, other, power):
    cross, second = sample.make(symbol), sample.make(other)
    assert flaws(cross) == {}
    assert np.array_equal(cross.time, eurusd.time)
    tick = 0.001 if symbol.endswith("JPY") else 0.00001
    assert np.abs(cross.close - eurusd.close * second.close**power).max() <= tick
    assert np.abs(cross.open - eurusd.open * second.open**power).max() <= tick
    widest = eurusd.high * (second.high if power > 0 else 1 / second.low)
    assert (cross.high <= widest + tick).all()
    assert (cross.spread > 0).all()


def test_only_the_symbol_asked_for_is_made_and_only_once(tmp_path, capsys):
    store = CandleStore(tmp_path)
    assert store.candles("USDJPY", "1h", "2025-03").source == "sample"
    assert [path.name for path in (tmp_path / "sample").iterdir()] == ["symbol=USDJPY"]
    files = sorted(tmp_path.rglob("*.parquet"))
    assert len(files) == 2
    CandleStore(tmp_path).candles("USDJPY", "1h", "2025-03")
    assert sorted(tmp_path.rglob("*.parquet")) == files
    assert sum("made sample candles" in line for line in store.log) == 1


def test_samples_of_an_older_generator_are_made_again(tmp_path, monkeypatch):
    from sptrader_lab.candles import made

    maker = made.MAKERS["sample"]
    monkeypatch.setitem(
        made.MAKERS, "sample", maker._replace(make=lambda symbol: maker.make(symbol).take(slice(0, 100)))
    )
    assert len(CandleStore(tmp_path).candles("EURUSD", "1m")) == 100
    monkeypatch.setitem(
        made.MAKERS, "sample", maker._replace(name="next", make=lambda symbol: maker.make(symbol).take(slice(0, 200)))
    )
    assert len(CandleStore(tmp_path).candles("EURUSD", "1m")) == 200
