"""A sweep's rows and the questions asked of them, against runs of their own and slower answers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_cases import CROSSOVER, GRID, candles, small

import sptrader_lab as lab
from sptrader_lab.errors import InputError, RunError
from sptrader_lab.kernel.summary import SUMMARY
from sptrader_lab.research.grid import Combinations
from sptrader_lab.research.orders import LOWER, goodness, neighbourhoods, ranked, unbeaten
from sptrader_lab.research.store import Done
from sptrader_lab.research.table import Sweep
from sptrader_lab.research.watch import Watch, best_table

VALUES = st.one_of(st.just(math.nan), st.integers(-3, 3).map(float))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return small(tmp_path_factory.mktemp("sweep"))


# -- rows


def test_a_row_is_the_backtest_with_its_values(found):
    assert list(found.frame.columns) == [*GRID, *SUMMARY, "error"]
    assert found.frame.index.tolist() == list(range(16))
    for number in (0, 7, 15):
        values = found.values(number)
        run = lab.backtest(CROSSOVER, candles(), parameters=values)
        row = found.frame.loc[number]
        assert {name: row[name] for name in GRID} == values
        assert row[list(SUMMARY)].to_list() == pytest.approx(
            [run.metrics[name] for name in SUMMARY], rel=1e-12, nan_ok=True
        )
        assert found.result(number).digest == run.digest


def test_a_combination_that_fails_is_a_row_with_its_error(tmp_path):
    text = CROSSOVER.read_text() + "\naccount: {type: margin, leverage: 2}\n"
    grid = {"position_size": [0.5, 3.0], "account.leverage": [2, 5]}
    made = small(tmp_path, strategy=lab.load_strategy(text), grid=grid, constraints=(), statistics=True)
    assert made.complete
    assert made.failed.index.tolist() == [2]
    assert "leverage" in made.failed["error"].iloc[0]
    assert np.isnan(made.frame.loc[2, list(SUMMARY)].to_numpy(float)).all()
    assert 2 not in made.ranking()
    assert "1 failed, the first with:" in made.describe()
    assert made.significance.trials == 4


def test_symbols_and_timeframes_choose_among_the_candles_given(tmp_path):
    given_candles = [
        candles(symbol=symbol, frame=frame, seed=seed)
        for seed, (symbol, frame) in enumerate(itertools.product(["EURUSD", "GBPUSD"], ["15m", "1h"]))
    ]
    grid = {"symbol": ["EURUSD", "GBPUSD"], "timeframe": ["1h", "15m"], "ma_fast_period": [5, 8]}
    made = small(tmp_path, candles=given_candles, grid=grid, constraints=())
    assert len(made) == 8
    for number in (1, 2, 5):
        values = made.values(number)
        mine = next(
            one for one in given_candles if (one.symbol, one.timeframe) == (values["symbol"], values["timeframe"])
        )
        run = lab.backtest(CROSSOVER, mine, parameters={"ma_fast_period": values["ma_fast_period"]})
        assert made.frame.loc[number, "end_capital"] == pytest.approx(run.end_capital, rel=1e-12)
        assert made.result(number).digest == run.digest


def test_symbols_come_from_the_store_where_no_candles_are_given(tmp_path):
    store = lab.CandleStore(tmp_path / "data") if (tmp_path / "data").mkdir() is None else None
    for seed, symbol in enumerate(["EURUSD", "GBPUSD"]):
        store.write(candles(symbol=symbol, seed=seed))
    made = small(
        tmp_path,
        candles=None,
        store=store,
        grid={"symbol": ["EURUSD", "GBPUSD"], "timeframe": ["1h", "4h"]},
        constraints=(),
    )
    assert made.complete
    assert not len(made.failed)
    assert made.result(3).candles[0].timeframe == "4h"
    assert made.result(3).symbols == ("GBPUSD",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"candles": None}, "no candles given"),
        ({"grid": {"symbol": ["GBPUSD"]}, "constraints": ()}, "there are no GBPUSD candles; given: EURUSD 1h"),
        ({"grid": {"timeframe": ["4h"]}, "constraints": ()}, "there are no EURUSD 4h candles"),
        ({"objective": "sharp_ratio"}, "Did you mean 'sharpe_ratio'"),
        ({"objective": "tail_ratio"}, "unknown metric of a sweep"),
        ({"top": 0}, "top=0 must be a whole number"),
        ({"grid": {"ma_fast_period": [0]}}, "can't be tried"),
        ({"store": "data"}, "is not a store"),
        ({"capital": -1.0}, "capital -1.0"),
        ({"parameters": {"ma_fst_period": 3}}, "Did you mean 'ma_fast_period'"),
    ],
)
def test_a_mistake_ends_the_sweep_before_it_writes_a_row(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        small(tmp_path, **options)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_parameter_called_like_a_metric_keeps_its_full_name(tmp_path):
    text = (
        CROSSOVER.read_text()
        .replace("  stop_loss: 0.02 ", "  exposure: 0.02 ")
        .replace("parameters.stop_loss", "parameters.exposure")
    )
    made = small(tmp_path, strategy=lab.load_strategy(text), grid={"exposure": [0.005, 0.02]}, constraints=())
    assert made.frame["parameters.exposure"].tolist() == [0.005, 0.02]
    assert (made.frame["exposure"] > 0.1).all()
    assert made.slice(exposure=0.02).index.tolist() == [1]


# -- questions


@given(st.lists(VALUES, max_size=12), st.sampled_from(SUMMARY))
def test_the_best_come_first_the_earlier_of_equals_first_the_undefined_never(values, name):
    column = np.array(values, np.float64)
    sign = -1 if name in LOWER else 1
    expected = sorted(
        (place for place, value in enumerate(values) if not math.isnan(value)),
        key=lambda place: (-sign * values[place], place),
    )
    assert ranked(goodness(name, column)).tolist() == expected


def test_best_follows_the_objective_or_the_metric_asked_for(found):
    frame = found.frame
    assert found.best().index[0] == frame["sharpe_ratio"].idxmax()
    assert (
        found.best(3, by="max_drawdown").index.tolist()
        == frame.sort_values("max_drawdown", kind="stable").index[:3].tolist()
    )
    assert len(found.best(100)) == 16
    with pytest.raises(InputError, match="Did you mean 'sharpe_ratio'"):
        found.best(by="sharp_ratio")
    with pytest.raises(InputError, match="n=0"):
        found.best(0)


def test_a_slice_has_the_rows_with_these_values(found):
    frame = found.frame
    assert found.slice(ma_fast_period=8, stop_loss=0.02).equals(
        frame[(frame["ma_fast_period"] == 8) & (frame["stop_loss"] == 0.02)]
    )
    assert found.slice({"stop_loss": 0.02}).equals(frame[frame["stop_loss"] == 0.02])
    with pytest.raises(InputError, match="ma_fast_period = 9 was not tried; tried: 4, 8, 12"):
        found.slice(ma_fast_period=9)
    with pytest.raises(InputError, match="unknown swept name"):
        found.slice(take_profit=1)


@settings(deadline=None)
@given(st.data())
def test_a_plateau_is_the_mean_over_cells_one_step_away_at_most(data):
    levels = {"a": tuple(data.draw(st.permutations([10, 20, 30, 40]))), "b": (1, 2, 3), "word": ("x", "y")}
    every = Combinations(levels)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, len(every) - 1), min_size=1))))
    values = np.array(data.draw(st.lists(VALUES, min_size=len(kept), max_size=len(kept))))
    mean, count = neighbourhoods(levels, every.digits(kept), values)
    rows = every.rows(kept)
    for place, row in enumerate(rows):
        near = [
            value
            for other, value in zip(rows, values, strict=True)
            if abs(other["a"] - row["a"]) <= 10
            and abs(other["b"] - row["b"]) <= 1
            and other["word"] == row["word"]
            and not math.isnan(value)
        ]
        assert count[place] == len(near)
        expected = math.nan if math.isnan(values[place]) else sum(near) / len(near)
        assert mean[place] == pytest.approx(expected, nan_ok=True)


def test_plateau_ranks_by_the_mean_and_a_sample_has_none(found, tmp_path):
    table = found.plateau()
    assert table["plateau"].is_monotonic_decreasing
    corner = table.loc[0]  # 4, 10, 0.005: its neighbours are 4, 8 by 10, 20 by both stops
    near = found.frame[(found.frame["ma_fast_period"] <= 8) & (found.frame["ma_slow_period"] <= 20)]
    assert corner["neighbourhood"] == len(near) == 8
    assert corner["plateau"] == pytest.approx(near["sharpe_ratio"].mean(), rel=1e-12)
    assert found.plateau("max_drawdown")["plateau"].is_monotonic_increasing
    with pytest.raises(InputError, match="needs sample='grid'"):
        small(tmp_path, sample="random", n=4).plateau()


@given(st.lists(st.tuples(VALUES, VALUES), max_size=15))
def test_the_pareto_front_is_what_nothing_beats(pairs):
    columns = [np.array([pair[side] for pair in pairs], np.float64) for side in (0, 1)]

    def beats(one, other):
        return one[0] >= other[0] and one[1] >= other[1] and one != other

    defined = [place for place, pair in enumerate(pairs) if not any(map(math.isnan, pair))]
    expected = {place for place in defined if not any(beats(pairs[other], pairs[place]) for other in defined)}
    front = unbeaten(columns).tolist()
    assert set(front) == expected
    assert [pairs[place][0] for place in front] == sorted((pairs[place][0] for place in front), reverse=True)


def test_pareto_knows_that_less_drawdown_is_better(found):
    front = found.pareto("total_return", "max_drawdown")
    assert front.index[0] == found.best(by="total_return").index[0]
    assert front.index[-1] == found.best(by="max_drawdown").index[0]
    assert front["max_drawdown"].is_monotonic_decreasing


def test_a_number_that_does_not_exist_has_no_result(found):
    with pytest.raises(InputError, match=r"no combination 16; numbers go from 0 to 15"):
        found.result(16)
    with pytest.raises(InputError, match="no combination True"):
        found.result(True)


def test_nothing_is_best_where_nothing_has_a_value(tmp_path):
    made = small(tmp_path, grid={"ma_slow_period": [2000, 3000]}, constraints=(), statistics=True)
    assert made.complete
    assert not len(made.ranking())
    assert not made.judged
    assert len(made.best()) == 0
    assert "2 have no sharpe_ratio" in made.describe()
    assert made._repr_html_()
    with pytest.raises(RunError, match="no combination has a value"):
        made.result()
    with pytest.raises(RunError, match="nothing to judge"):
        _ = made.significance


# -- what it says


def test_it_says_what_its_best_is_worth(tmp_path):
    made = small(tmp_path, statistics=True)
    assert made.judged
    told = made.significance
    assert told.trials == 16
    assert told.best_sharpe == pytest.approx(made.frame["sharpe_ratio"].max(), rel=1e-9)
    assert len(told.findings) == 3
    for text in (made.describe(), made._repr_html_()):
        assert "Reality Check" in text
    document = made.to_dict()
    assert document["sentences"] == told.sentences
    assert document["best"][0]["values"] == made.values(int(made.ranking()[0]))


def test_it_shows_its_best_in_a_cell_and_in_text(found):
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + 10
    assert "ma_crossover on EURUSD 1h, 16 combinations" in page
    assert repr(found).startswith(
        f"<Sweep {found.sweep_id[:12]}: ma_crossover on EURUSD 1h, 16 combinations of ma_fast_period"
    )
    assert found.describe().splitlines()[1].startswith("best sharpe_ratio ")


def test_words_are_escaped():
    assert "<script>" not in best_table([({"<script>": "<b>"}, (0.0,) * len(SUMMARY))], "sqn")


def test_a_watch_keeps_the_best_so_far():
    watch = Watch(Combinations({"a": tuple(range(100))}), 0, objective="max_drawdown", top=3, shown=False)
    values = np.random.default_rng(5).permutation(100).astype(float)
    values[10] = math.nan
    with watch:
        for start in range(0, 100, 7):
            numbers = np.arange(start, min(start + 7, 100))
            metrics = np.zeros((len(numbers), len(SUMMARY)))
            metrics[:, SUMMARY.index("max_drawdown")] = values[numbers]
            watch.see(Done(numbers, metrics, np.zeros((len(numbers), 16, 3)), [""] * len(numbers)))
    assert [number for number, _ in watch.best] == np.argsort(values)[:3].tolist()
