"""Saved runs: they come back whole, are never half written, and answer DuckDB."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_cases import START, a_result, an_outcome, some_candles, table, trade

from sptrader_lab.errors import InputError, RunError
from sptrader_lab.results import kept, registry, saved, tables
from sptrader_lab.results.metrics import METRICS
from sptrader_lab.results.saved import load_result
from sptrader_lab.types import records
from sptrader_lab.types.calendar import DAY
from sptrader_lab.types.outcome import MARK
from sptrader_lab.types.reasons import REASONS

LAYOUTS = [records.ORDER, records.FILL, records.TRADE, records.REFUSAL, records.POSITION, records.ACCOUNT]
LAYOUTS += [records.CASHFLOW, records.SHARE, MARK]
FRAMES = "trades orders fills refusals positions signals equity drawdown exposure daily_equity daily_returns"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_saved_run_comes_back_whole(tmp_path):
    result = a_result()
    assert result.save(tmp_path) == result.run_id
    again = load_result(result.run_id, tmp_path)
    assert (again.run_id, again.digest) == (result.run_id, result.digest)
    for name in [*FRAMES.split(), "monthly_returns"]:
        kind = pd.testing.assert_series_equal if isinstance(getattr(result, name), pd.Series) else None
        (kind or pd.testing.assert_frame_equal)(getattr(again, name), getattr(result, name), check_exact=True)
    assert {name: repr(value) for name, value in again.metrics.items()} == {
        name: repr(value) for name, value in result.metrics.items()
    }
    assert again.to_dict() == result.to_dict()
    assert again.describe() == result.describe()
    assert again.sources == result.sources
    assert again.candles[0].fingerprint == result.candles[0].fingerprint
    ((drawn,), (kept,)) = result.overlays["AAPL"], again.overlays["AAPL"]
    assert (kept.label, kept.pane) == (drawn.label, drawn.pane)
    np.testing.assert_array_equal(kept.values, drawn.values)


@st.composite
def any_records(draw):
    """Records of any layout with any number in any field, and any word in the fields that hold words."""
    dtype = draw(st.sampled_from(LAYOUTS))
    made = records.records(draw(st.integers(0, 4)), dtype)
    words = {"side": [1, -1], "action": [0, 1], "kind": [0, 1, 2], "status": [0, 1, 2, 3], "strategy": [0, 1]}
    words |= {
        "ambiguous": [0, 1],
        "symbol": [0, 1, 2],
        **dict.fromkeys(("reason", "final", "exit_reason"), range(len(REASONS))),
    }
    for name in dtype.names:
        kind = dtype[name]
        for row in range(len(made)):
            if name in words:
                made[name][row] = draw(st.sampled_from(words[name]))
            elif kind.kind == "f":
                made[name][row] = draw(st.floats(width=64))
            else:
                limit = np.iinfo(kind)
                made[name][row] = draw(st.integers(int(limit.min) + 1, int(limit.max)))
    return made


@given(any_records())
def test_records_survive_parquet_bit_for_bit(tmp_path_factory, made):
    """S17; two strategies of one name stay two."""
    path = tmp_path_factory.mktemp("records") / "table.parquet"
    tables.write_records(made, path, {"strategy": ("same", "same"), "symbol": ("A", "B", "A")})
    again = tables.read_records(path, made.dtype)
    for name in made.dtype.names:
        np.testing.assert_array_equal(again[name], made[name])


def test_saving_twice_changes_nothing(tmp_path):
    a_result().save(tmp_path)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in files(tmp_path)}
    a_result().save(tmp_path)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in files(tmp_path)} == before


def test_runs_on_the_same_candles_share_them(tmp_path):
    for size in (0.1, 0.2):
        a_result(manifest={"size": size}).save(tmp_path)
    assert len(list((tmp_path / "candles").iterdir())) == 1
    assert len(registry.run_ids(tmp_path)) == 2


def test_many_savers_at_once_leave_one_whole_run(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: a_result().save(tmp_path), range(16)))
    assert len(ids) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*ids, "candles"])
    assert load_result(ids.pop(), tmp_path).total_trades == 2


def test_a_save_that_fails_leaves_nothing_behind(tmp_path):
    """An interrupted save must not look like a run."""
    result = a_result(sources={"broken": object()})
    with pytest.raises(TypeError):
        result.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["candles"]


def test_another_outcome_of_the_same_inputs_is_refused(tmp_path):
    """S17."""
    a_result().save(tmp_path)
    other = a_result(outcome=an_outcome([START + DAY], [1001.0]))
    with pytest.raises(RunError, match=r"was saved .* the same inputs now give"):
        other.save(tmp_path)
    assert load_result(other.run_id, tmp_path).total_trades == 2


def test_the_beginning_of_an_id_is_enough_when_it_is_unique(tmp_path):
    ids = [a_result(manifest={"size": size}).save(tmp_path) for size in range(17)]
    assert load_result(ids[0][:12], tmp_path).run_id == ids[0]
    shared = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    with pytest.raises(RunError, match=f"saved runs begin with '{shared}'"):
        load_result(shared, tmp_path)


def test_a_missing_run_is_an_error_with_the_nearest_ids(tmp_path):
    run_id = a_result().save(tmp_path)
    wrong = "x" + run_id[1:12]
    with pytest.raises(RunError, match=f"unknown saved run '{wrong}'. Did you mean '{run_id[:12]}'"):
        load_result(wrong, tmp_path)
    with pytest.raises(RunError, match="Known: none"):
        load_result("abc", tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "name",
    ["orders", "fills", "trades", "refusals", "positions", "account", "equity", "signals-0", "overlays-0", "summary"],
)
def test_a_changed_file_is_noticed(tmp_path, name):
    path = tmp_path / a_result().save(tmp_path) / f"{name}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=f"{name}.parquet is not as it was written"):
        load_result(path.parent.name, tmp_path)


def test_a_changed_manifest_is_noticed(tmp_path):
    path = tmp_path / a_result().save(tmp_path) / "run.json"
    path.write_text(path.read_text().replace('"fast": 8', '"fast": 9'))
    with pytest.raises(RunError, match="not what was saved"):
        load_result(path.parent.name, tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"digest": "", "files": {}}'])
def test_a_broken_run_json_is_a_run_error(tmp_path, text):
    path = tmp_path / a_result().save(tmp_path) / "run.json"
    path.write_text(text)
    with pytest.raises(RunError, match="can't be read"):
        load_result(path.parent.name, tmp_path)


def test_missing_or_other_candles_are_a_run_error(tmp_path):
    run_id = a_result().save(tmp_path)
    (path,) = (tmp_path / "candles").iterdir()
    other = some_candles(count=71)
    kept.keep(other, tmp_path / "elsewhere")
    path.write_bytes((tmp_path / "elsewhere" / f"{other.fingerprint}.parquet").read_bytes())
    with pytest.raises(RunError, match="not the ones that it ran on"):
        load_result(run_id, tmp_path)
    path.unlink()
    with pytest.raises(RunError, match="can't be read"):
        load_result(run_id, tmp_path)


def test_the_profit_band_is_kept(tmp_path):
    """S7: a saved run can't run the other rules, so the band is computed when it is saved."""
    outcome = an_outcome([START + DAY], [1020.0], trades=table(records.TRADE, trade(1, 20.0, ambiguous=1)))
    run_id = a_result(outcome=outcome, band=lambda: (-5.0, 20.0)).save(tmp_path)
    assert load_result(run_id, tmp_path).profit_band == (-5.0, 20.0)
    without = a_result(outcome=outcome, manifest={"other": 1}).save(tmp_path)
    with pytest.raises(RunError, match="run it again"):
        _ = load_result(without, tmp_path).profit_band


def test_a_run_without_steps_can_be_saved(tmp_path):
    result = a_result(outcome=an_outcome([], []), signal_events=(), overlays={"AAPL": ()})
    again = load_result(result.save(tmp_path), tmp_path)
    assert again.to_dict() == result.to_dict()


def test_all_saved_runs_make_one_table(tmp_path):
    for size in (0.1, 0.2):
        a_result(manifest={"parameters": {"size": size}}).save(tmp_path)
    table = registry.runs(tmp_path)
    assert table["strategy"].tolist() == ["cross", "cross"]
    assert table["symbol"].tolist() == ["AAPL", "AAPL"]
    assert str(table["end"].iloc[0]) == "2025-01-09 00:00:00+00:00"
    for name, value in a_result().metrics.items():
        assert table[name].tolist() == pytest.approx([value] * 2, nan_ok=True)
    sizes = registry.query(
        "SELECT (manifest ->> '$.parameters.size')::DOUBLE AS size FROM runs ORDER BY size", tmp_path
    )
    assert sizes["size"].tolist() == [0.1, 0.2]


def test_a_query_reads_the_tables_of_all_runs(tmp_path):
    ids = sorted(a_result(manifest={"size": size}).save(tmp_path) for size in (0.1, 0.2))
    table = registry.query(
        "SELECT run_id, symbol, side, exit_time::TEXT AS out, pnl FROM trades JOIN runs USING (run_id, symbol)"
        " WHERE exit_reason = 'stop_loss' ORDER BY run_id",
        tmp_path,
    )
    assert table["run_id"].tolist() == ids
    assert table["pnl"].tolist() == [-10.0, -10.0]
    assert table[["symbol", "side", "out"]].iloc[0].tolist() == ["AAPL", "short", "2025-01-06 06:00:00+00"]
    assert registry.query("SELECT count(*) FILTER (NOT ambiguous) AS sure FROM trades", tmp_path)["sure"].item() == 4
    assert registry.query("SELECT sum(bars) AS bars FROM trades", tmp_path)["bars"].dtype == "float64"


@pytest.mark.parametrize("name", registry.TABLES)
def test_every_table_can_be_read_whole(tmp_path, name):
    a_result().save(tmp_path)
    table = registry.query(f"SELECT * FROM {name}", tmp_path)
    none = {"strategy_equity": 0}  # one strategy: its equity is the account's
    assert len(table) == (1 if name == "runs" else none.get(name, len(getattr(a_result(), name))))
    if name in {"trades", "orders", "fills", "refusals"}:
        shared = [column for column in getattr(a_result(), name).columns if column in table.columns]
        pd.testing.assert_frame_equal(table[shared], getattr(a_result(), name)[shared], check_exact=True)


def test_names_of_folders_can_hold_what_globs_and_quotes_would_take(tmp_path):
    folder = tmp_path / "it's [all] a=b *"
    run_id = a_result().save(folder)
    assert registry.runs(folder)["run_id"].tolist() == [run_id]
    assert load_result(run_id, folder).run_id == run_id


def test_an_empty_folder_has_no_runs(tmp_path):
    table = registry.runs(tmp_path / "none")
    assert len(table) == 0
    assert set(METRICS) < set(table.columns)
    with pytest.raises(RunError, match="no saved runs"):
        registry.query("SELECT 1", tmp_path)


@pytest.mark.parametrize("sql", ["SELECT nothing FROM trades", "SELEC", ""])
def test_a_query_that_duckdb_refuses_names_the_tables(tmp_path, sql):
    a_result().save(tmp_path)
    with pytest.raises(InputError, match=", ".join(registry.TABLES)):
        registry.query(sql, tmp_path)


def test_an_unfinished_save_of_a_killed_process_is_no_run(tmp_path):
    run_id = a_result().save(tmp_path)
    (tmp_path / ".saving-0").mkdir()
    assert registry.run_ids(tmp_path) == [run_id]


# What the first version wrote: its runs have none of these columns, files and facts.
LATER_COLUMNS = {
    "orders": ["limit", "group", "age", "even_distance", "target_unit", "split"],
    "fills": ["spread", "rate"],
    "trades": ["part", "financing", "rate"],
    "positions": [
        *["opened", "targets_taken", "target_unit", "even", "even_distance", "age", "parts", "entry_rate", "financing"],
        *["inside", "doubtful", "split"],
    ],
    "account": [
        *["swapped", "simple", "leverage", "maintenance", "max_positions", "max_gross_exposure", "max_net_exposure"],
        *["max_currency_exposure", "correlation_limit", "correlation_window"],
    ],
}
LATER_FACTS = ["kind", "spread", "swap_long", "swap_short", "swap_unit", "triple_day", "splits", "dividends"]


def as_the_first_version_saved_it(path):
    """Take from a saved run what came later; the digest stays what it was: it is over what both have."""
    for name in ("cashflows", "shares", "marks"):
        (path / f"{name}.parquet").unlink()
    for name, columns in LATER_COLUMNS.items():
        file = path / f"{name}.parquet"
        pq.write_table(pq.read_table(file).drop_columns(columns), file)
    document = json.loads((path / "run.json").read_text())
    del document["references"]
    document["overlays"] = {
        symbol: {label: pane for _, label, pane in drawn} for symbol, drawn in document["overlays"].items()
    }
    for facts in document["instruments"]:
        for name in LATER_FACTS:
            del facts[name]
    document["files"] = {file.name: saved._checksum(file) for file in path.glob("*.parquet")}
    (path / "run.json").write_text(json.dumps(document))


def first_digest(outcome):
    """The digest as the first version computed it, field by field of what it had."""
    digest = hashlib.sha256()
    for name in ("orders", "fills"):
        table = getattr(outcome, name)
        for field in table.dtype.names:
            if field not in LATER_COLUMNS[name]:
                digest.update(np.ascontiguousarray(table[field]).data)
    digest.update(np.ascontiguousarray(outcome.time).data)
    digest.update(np.ascontiguousarray(outcome.equity).data)
    return digest.hexdigest()


def test_a_run_that_the_first_version_saved_still_loads(tmp_path):
    """Its records say nothing of parts, rates and financing: there were none."""
    result = a_result()
    path = tmp_path / result.save(tmp_path)
    as_the_first_version_saved_it(path)
    again = load_result(result.run_id, tmp_path)
    assert again.digest == result.digest == first_digest(result.outcome)
    assert {name: repr(value) for name, value in again.metrics.items()} == {
        name: repr(value) for name, value in result.metrics.items()
    }
    for name in ("trades", "orders", "fills", "attribution", "strategy_equity", "cashflows"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name), check_exact=True)
    assert again.positions["unrealized_pnl"].tolist() == [30.0]
    assert again.outcome.account["leverage"].tolist() == [1.0]
    assert [one.label for one in again.overlays["AAPL"]] == ["sma(10)"]
    assert again.describe() == result.describe()


def test_old_and_new_runs_answer_one_query(tmp_path):
    as_the_first_version_saved_it(tmp_path / a_result().save(tmp_path))
    a_result(manifest={"newer": 1}).save(tmp_path)
    table = registry.query("SELECT run_id, count(*) AS trades, sum(financing) AS paid FROM trades GROUP BY 1", tmp_path)
    assert table["trades"].tolist() == [2, 2]
    assert registry.query("SELECT * FROM cashflows", tmp_path).empty
    assert len(registry.runs(tmp_path)) == 2


def test_a_table_without_a_column_that_it_always_had_is_a_run_error(tmp_path):
    path = tmp_path / a_result().save(tmp_path)
    pq.write_table(pq.read_table(path / "fills.parquet").drop_columns(["price"]), path / "fills.parquet")
    document = json.loads((path / "run.json").read_text())
    document["files"]["fills.parquet"] = saved._checksum(path / "fills.parquet")
    (path / "run.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match="can't be read: 'price'"):
        load_result(path.name, tmp_path)


def test_run_json_is_plain_json(tmp_path):
    run_id = a_result().save(tmp_path)

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    document = json.loads((tmp_path / run_id / "run.json").read_text(), parse_constant=refuse)
    assert document["manifest"]["limit"] == "inf"
    assert float(document["manifest"]["limit"]) == np.inf
