"""Everything together: from what a sweep keeps to sentences."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from sptrader_lab.errors import InputError
from sptrader_lab.research.significance import Significance, assess, verdict
from sptrader_lab.research.significance.assess import NEEDED
from sptrader_lab.research.significance.blocks import block_sums
from sptrader_lab.research.significance.deflated import deflated_sharpe
from sptrader_lab.results.metrics import METRICS
from sptrader_lab.results.ratios import moments, sharpe

CAPITAL = 10_000.0


def kept(returns: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What a sweep keeps of these trials."""
    rows = []
    for daily in returns:
        one, end = moments(daily), CAPITAL * float(np.prod(1 + daily))
        rows.append((sharpe(one, 252), one.skew, one.kurtosis - 3, one.days, end, end - CAPITAL))
    return dict(zip(NEEDED, np.array(rows).T, strict=True)), block_sums(returns)


def swept(edge: float = 0.0, *, seed: int = 1, trials: int = 60, days: int = 800, **more: int) -> Significance:
    returns = np.random.default_rng(seed).normal(0.0, 0.01, (trials, days))
    returns[7] += 0.01 * edge / math.sqrt(252)
    metrics, blocks = kept(returns)
    best = np.argsort(-metrics["sharpe_ratio"])[:2]
    trades = [CAPITAL * returns[row, :200] for row in best]
    return assess(
        metrics, blocks, list(returns[best]), trades, days_per_year=252, trials=more.pop("all", trials), **more
    )


def test_what_is_read_are_metrics() -> None:
    assert set(NEEDED) <= set(METRICS)


def test_the_best_is_judged_by_its_own_returns() -> None:
    random = np.random.default_rng(3)
    returns = random.standard_t(5, (40, 600)) * 0.01
    metrics, blocks = kept(returns)
    found = assess(metrics, blocks, days_per_year=252, trials=55)
    ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
    best = returns[ratios.argmax()]
    assert found.best_sharpe == pytest.approx(ratios.max() * math.sqrt(252))
    deviation = float(ratios.std(ddof=1))
    assert found.deflated_sharpe == pytest.approx(deflated_sharpe(moments(best), trials=55, deviation=deviation))
    assert (found.trials, found.measured, found.days) == (55, 40, 600)
    assert found.findings == ()


def test_noise_is_called_luck_and_an_edge_is_not() -> None:
    noise, edge = swept(), swept(5.0)
    assert noise.sentences[0].startswith("Luck explains")
    assert edge.sentences[0].startswith("Luck is an unlikely explanation")
    assert edge.findings[0].deflated_sharpe == pytest.approx(edge.deflated_sharpe)
    assert edge.findings[0].sharpe.low > 0
    text = str(edge)
    for words in (
        "deflated Sharpe ratio",
        "Reality Check",
        "Backtest overfitting",
        "Best no. 2",
        "only trial",
        "earlier sweeps",
    ):
        assert words in text


def test_failed_and_pruned_trials_count() -> None:
    few, many = swept(2.0), swept(2.0, all=5000)
    assert many.deflated_sharpe < few.deflated_sharpe
    assert many.expected_best > few.expected_best
    assert "(4,940 of them failed, were pruned or have no ratio, and count all the same)" in str(many)


def test_rows_of_failed_trials_change_no_number_but_their_count() -> None:
    returns = np.random.default_rng(4).normal(0.0002, 0.01, (20, 400))
    metrics, blocks = kept(returns)
    failed = {name: np.append(values, np.nan) for name, values in metrics.items()}
    more = np.concatenate((blocks, np.full((1, 16, 3), np.nan)))
    first = assess(metrics, blocks, days_per_year=252, trials=21)
    assert assess(failed, more, days_per_year=252, trials=21) == first


def test_the_same_seed_gives_the_same_and_everything_can_be_written_down() -> None:
    first = swept(1.0, seed=5)
    assert first == swept(1.0, seed=5)
    assert json.loads(json.dumps(dataclasses.asdict(first)))["trials"] == 60


def test_block_sums_may_lie_on_disk(tmp_path: Path) -> None:
    metrics, blocks = kept(np.random.default_rng(6).normal(0, 0.01, (30, 320)))
    np.save(tmp_path / "blocks.npy", blocks)
    mapped = np.load(tmp_path / "blocks.npy", mmap_mode="r")
    assert assess(metrics, mapped, days_per_year=252, trials=30) == assess(
        metrics, blocks, days_per_year=252, trials=30
    )


@pytest.mark.parametrize("days", [1, 20])
def test_too_few_days_are_said_to_be_too_few(days: int) -> None:
    metrics, blocks = kept(np.random.default_rng(7).normal(0, 0.01, (5, days)))
    found = assess(metrics, blocks, days_per_year=252, trials=5)
    assert math.isnan(found.reality_check.p_value)
    assert found.sentences[0].startswith(("Too little", "Nothing to judge"))


def test_trials_that_all_failed_leave_nothing_to_judge() -> None:
    metrics = dict.fromkeys(NEEDED, np.full(3, np.nan))
    found = assess(metrics, np.full((3, 16, 3), np.nan), days_per_year=252, trials=3)
    assert "none of 3 trials has a Sharpe ratio" in str(found)
    assert "nan" not in str(found)


def test_one_trial_is_judged_without_selection() -> None:
    metrics, blocks = kept(np.random.default_rng(8).normal(0.002, 0.01, (1, 500)))
    found = assess(metrics, blocks, days_per_year=252, trials=1)
    assert found.expected_best == 0.0
    assert found.deflated_sharpe > 0.95
    assert math.isnan(found.overfitting.probability)
    assert "nan" not in str(found)


def test_no_sentence_holds_what_is_no_number() -> None:
    returns = np.zeros((4, 400))
    metrics, blocks = kept(returns)
    found = assess(metrics, blocks, [returns[0]], [np.empty(0)], days_per_year=252, trials=4)
    assert "too few days and trades" in str(found)
    winners = swept(4.0)
    endless = dataclasses.replace(
        winners.findings[0], profit_factor=winners.findings[0].profit_factor._replace(high=math.inf)
    )
    text = "\n".join(verdict.sentences(dataclasses.replace(winners, findings=(endless,))))
    assert "without end" in text
    for each in (str(found), text):
        assert "nan" not in each
        assert "inf" not in each


def test_disagreement_is_said() -> None:
    found = swept(5.0)
    doubtful = dataclasses.replace(found, deflated_sharpe=0.5)
    assert doubtful.sentences[0].startswith("The tests disagree")


def test_mistakes_are_refused() -> None:
    metrics, blocks = kept(np.random.default_rng(9).normal(0, 0.01, (5, 200)))
    with pytest.raises(InputError, match="trials=4 is less than the 5"):
        assess(metrics, blocks, days_per_year=252, trials=4)
    with pytest.raises(InputError, match="lack skew"):
        assess({name: metrics[name] for name in NEEDED if name != "skew"}, blocks, days_per_year=252, trials=5)
    with pytest.raises(InputError, match="sharpe_ratio has 5 values, the block sums are of 4"):
        assess(metrics, blocks[:4], days_per_year=252, trials=5)
    with pytest.raises(InputError, match="daily returns of 1 trials and trades of 0"):
        assess(metrics, blocks, [np.zeros(9)], days_per_year=252, trials=5)
