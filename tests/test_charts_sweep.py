"""Figures of sweeps: what is in them is what the rows say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bokeh.core.validation import check_integrity
from bokeh.document import Document
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper, MultiLine, Rect
from sweep_cases import small

from sptrader_lab.charts import heatmap as heatmaps
from sptrader_lab.charts.heatmap import sweep_heatmap
from sptrader_lab.charts.palette import DARK, LIGHT
from sptrader_lab.charts.parallel import sweep_parallel
from sptrader_lab.errors import InputError
from sptrader_lab.research.table import Sweep
from sptrader_lab.widgets.bokeh_pane import BokehPane


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """16 combinations, all with a value."""
    return small(tmp_path_factory.mktemp("found"))


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Six combinations; those with the longest average never trade."""
    grid = {"ma_fast_period": [8, 4], "ma_slow_period": [20, 3000, 10]}
    return small(tmp_path_factory.mktemp("holed"), grid=grid, constraints=())


def cells(fig: Any, *, hatched: bool) -> list[dict[str, Any]]:
    """The rows of all cells of one kind; the mark of the best is no cell."""
    rows = []
    for renderer in fig.renderers:
        if isinstance(renderer.glyph, Rect) and "told" in renderer.data_source.data:
            data = renderer.data_source.data
            if (renderer.glyph.hatch_pattern is not None) == hatched:
                rows += [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    return rows


def labels(axis: Any) -> list[str]:
    return [axis.major_label_overrides[tick] for tick in axis.ticker.ticks]


def is_sound(fig: Any) -> bool:
    document = Document()
    document.add_root(fig)
    issues = check_integrity(document.models)
    for source in fig.select({"type": ColumnDataSource}):
        assert len({len(column) for column in source.data.values()}) <= 1
    assert document.to_json(deferred=False)["roots"]
    return not issues.error and not issues.warning


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_every_figure_is_sound_in_every_look(found: Sweep, holed: Sweep, theme: str) -> None:
    for each in (found, holed):
        assert is_sound(sweep_heatmap(each, theme=theme))
        assert is_sound(sweep_parallel(each, theme=theme))


def test_every_pair_has_a_cell_with_the_best_of_the_others(found: Sweep) -> None:
    fig = sweep_heatmap(found, "ma_slow_period", "ma_fast_period")
    best = found.frame.groupby(["ma_slow_period", "ma_fast_period"])["sharpe_ratio"].max()
    drawn = cells(fig, hatched=False)
    across, up = labels(fig.xaxis[0]), labels(fig.yaxis[0])
    assert (across, up) == (["10", "20", "30"], ["4", "8", "12"])
    assert {(int(across[row["x"]]), int(up[row["y"]])): row["value"] for row in drawn} == best.to_dict()
    assert "the best in each cell" in fig.title.text
    for row in drawn:
        assert found.frame.loc[row["number"], "sharpe_ratio"] == row["value"]


def test_less_is_better_where_it_is(found: Sweep) -> None:
    fig = sweep_heatmap(found, "ma_slow_period", "ma_fast_period", by="max_drawdown")
    best = found.frame.groupby(["ma_slow_period", "ma_fast_period"])["max_drawdown"].min()
    assert sorted(row["value"] for row in cells(fig, hatched=False)) == sorted(best)


def test_fixed_values_leave_one_combination_per_cell(found: Sweep) -> None:
    fig = sweep_heatmap(found, "ma_slow_period", "ma_fast_period", fixed={"stop_loss": 0.02})
    assert {row["number"] for row in cells(fig, hatched=False)} == set(found.slice(stop_loss=0.02).index)
    assert "the best in each cell" not in fig.title.text


def test_the_best_is_marked_and_named(found: Sweep) -> None:
    fig = sweep_heatmap(found, "ma_slow_period", "ma_fast_period")
    best = found.best()
    marks = [one.data_source.data for one in fig.renderers if "told" not in one.data_source.data]
    (cell,) = [row for row in cells(fig, hatched=False) if row["number"] == best.index[0]]
    assert len(marks) == 2
    assert all((mark["x"], mark["y"]) == ([cell["x"]], [cell["y"]]) for mark in marks)
    assert f"ma_fast_period={best['ma_fast_period'].iloc[0]}" in fig.title.text


def test_undefined_cells_are_hatched_and_say_so(holed: Sweep) -> None:
    fig = sweep_heatmap(holed, "ma_slow_period", "ma_fast_period")
    assert {row["number"] for row in cells(fig, hatched=True)} == set(
        holed.frame.index[holed.frame["sharpe_ratio"].isna()]
    )
    assert all(row["why"] == "undefined" for row in cells(fig, hatched=True))
    assert len(cells(fig, hatched=False)) == 4
    assert "2 undefined (hatched)" in fig.title.text
    tips = "".join(str(tool.tooltips) for tool in fig.select({"type": HoverTool}))
    assert "@said" in tips
    assert "@why" in tips


def test_the_pointer_is_told_values_and_metrics(found: Sweep) -> None:
    row = cells(sweep_heatmap(found), hatched=False)[0]
    for name, value in found.values(row["number"]).items():
        assert f"{name}={value}" in row["told"]
    assert float(row["total_trades"].replace(",", "")) == found.frame.loc[row["number"], "total_trades"]


def test_one_name_is_one_row_of_cells(tmp_path: Any) -> None:
    fig = sweep_heatmap(small(tmp_path, grid={"take_profit": [0.03, 0.01]}, constraints=()))
    assert [row["y"] for row in cells(fig, hatched=False)] == [0, 0]
    assert labels(fig.xaxis[0]) == ["0.01", "0.03"]


def test_long_axes_are_thinned_and_keep_the_best(found: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmaps, "MOST_VALUES", 1)
    for by in ("sharpe_ratio", "max_drawdown", "sqn"):
        fig = sweep_heatmap(found, "ma_slow_period", "ma_fast_period", by=by)
        assert found.best(by=by).index[0] in {row["number"] for row in cells(fig, hatched=False)}
        assert len(fig.xaxis[0].ticker.ticks) <= 2


def test_colours_are_about_zero_where_values_lie_on_both_sides(found: Sweep, holed: Sweep) -> None:
    for each in (found, holed):
        for name in ("total_pnl", "max_drawdown", "total_trades"):
            fig = sweep_heatmap(each, by=name, theme="light")
            values = [row["value"] for row in cells(fig, hatched=False)]
            mapper = fig.select_one({"type": LinearColorMapper})
            assert mapper.low <= min(values) <= max(values) <= mapper.high
            if min(values) < 0 < max(values):
                assert mapper.low == -mapper.high
            assert set(mapper.palette) <= set(LIGHT.diverging)
    assert set(sweep_heatmap(found, theme="dark").select_one({"type": LinearColorMapper}).palette) <= set(
        DARK.diverging
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x": "ma_fst_period"}, "Did you mean 'ma_fast_period'"),
        ({"x": "stop_loss", "y": "stop_loss"}, "both 'stop_loss'"),
        ({"by": "sharp"}, "unknown metric of a sweep"),
        ({"fixed": {"stop_loss": 1}}, "was not tried"),
        ({"theme": "blue"}, "unknown theme"),
    ],
)
def test_a_heatmap_of_what_is_not_there_is_refused(found: Sweep, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sweep_heatmap(found, **options)


def line_rows(fig: Any) -> Any:
    return next(one.data_source.data for one in fig.renderers if isinstance(one.glyph, MultiLine))


def test_a_line_crosses_each_axis_at_its_value_and_the_best_lies_on_top(found: Sweep) -> None:
    fig = sweep_parallel(found)
    data = line_rows(fig)
    assert list(data["number"]) == found.ranking()[::-1].tolist()
    frame = found.frame.loc[data["number"]]
    for place, name in enumerate(["ma_fast_period", "ma_slow_period", "stop_loss", "sharpe_ratio"]):
        values = frame[name].to_numpy(float)
        expected = (values - values.min()) / (values.max() - values.min())
        assert np.allclose([line[place] for line in data["ys"]], expected)
    assert labels(fig.xaxis[0]) == ["ma_fast_period", "ma_slow_period", "stop_loss", "sharpe_ratio"]
    assert np.flatnonzero(np.array(data["width"]) > 2).tolist() == [11, 12, 13, 14, 15]
    assert np.all(np.diff(data["rank"]) > 0)


def test_of_many_lines_the_best_and_the_worst_are_drawn_and_the_title_says_how_many(found: Sweep, holed: Sweep) -> None:
    fig = sweep_parallel(found, lines=5, by="max_drawdown")
    ranking = found.ranking("max_drawdown")
    drawn = line_rows(fig)["number"]
    assert (len(drawn), drawn[-1], drawn[0]) == (5, ranking[0], ranking[-1])
    assert "16 combinations by max_drawdown" in fig.title.text
    assert "5 drawn" in fig.title.text
    assert "2 undefined, without a line" in sweep_parallel(holed).title.text
    with pytest.raises(InputError, match="lines=0"):
        sweep_parallel(found, lines=0)


def test_nothing_to_draw_is_an_empty_figure(tmp_path: Any) -> None:
    nothing = small(tmp_path, grid={"ma_slow_period": [2000, 3000]}, constraints=())
    assert is_sound(sweep_parallel(nothing))
    assert is_sound(sweep_heatmap(nothing))
    assert len(cells(sweep_heatmap(nothing), hatched=True)) == 2


def test_a_sweep_draws_itself_in_a_cell(found: Sweep) -> None:
    for pane in (found.heatmap("ma_fast_period", "ma_slow_period", by="sqn"), found.parallel(theme="dark")):
        assert isinstance(pane, BokehPane)
        pane.close()
