"""Every block of Python in docs/results.md runs as written, and its queries answer."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "results.md").read_text(encoding="utf-8"), re.DOTALL)


def values(block: str, names: dict[str, Any]) -> list[Any]:
    """Run a block and return what each bare expression in it comes to."""
    found = []
    for statement in ast.parse(block).body:
        if isinstance(statement, ast.Expr):
            found.append(eval(ast.unparse(statement), names))
        else:
            exec(ast.unparse(statement), names)
    return found


def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "strategies", tmp_path / "strategies")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    basics, parts, several, why, saving, registry = (values(block, names) for block in BLOCKS)
    printed = capsys.readouterr().out
    assert "sharpe_ratio" in printed
    assert f"  {why[1]}\n" in printed
    assert "why.parts[0].headline                        # " + repr(why[1]) in BLOCKS[3]
    assert [len(explained.parts) for explained in why[3:]] == [1, 2]
    assert basics[0] == names["result"].sharpe_ratio
    assert [len(table) for table in several] == [1, 1, len(names["result"].equity), 1]
    assert parts[0].sum() == pytest.approx(names["result"].trades["pnl"].sum())
    assert (tmp_path / "out.html").stat().st_size > 100_000
    assert names["same"].digest == names["result"].digest
    assert names["again"].same
    assert saving == [Path("out")]
    assert len(list((tmp_path / "out").iterdir())) == 7
    runs, parameters, trades, ranges = registry
    assert [len(table) for table in (runs, parameters, ranges)] == [1, 1, 1]
    fast = names["result"].manifest["strategy"]["parameters"]["ma_fast_period"]
    assert parameters["fast"].tolist() == [str(fast)]
    assert int(trades["trades"].sum()) == names["result"].total_trades
    assert isinstance(runs, pd.DataFrame)


@pytest.mark.parametrize("wrong", [None, 3, ""])
def test_running_again_needs_the_id_of_a_run(wrong):
    import sptrader_lab as lab

    for use in (lab.rerun, lab.load_result):
        with pytest.raises(lab.LabError, match=r"is no run id; give text such as result.run_id"):
            use(wrong)


def test_a_result_is_no_run_id():
    from results_cases import a_result

    import sptrader_lab as lab

    with pytest.raises(lab.LabError, match=r"<Result cross on .*> is no run id; give text such as result.run_id"):
        lab.rerun(a_result())
