"""Verdict: what the numbers mean, and what they do not, in plain sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sptrader_lab.research.significance.bootstrap import CONFIDENCE
from sptrader_lab.research.significance.deflated import BAR

if TYPE_CHECKING:
    from sptrader_lab.research.significance.findings import Finding, Significance

#: Reality Check's p-value up to which luck is called an unlikely explanation.
LEVEL: Final = 0.05


def sentences(found: Significance) -> list[str]:
    """Return the verdict first, then each number with its meaning, then what none of them knows."""
    said = [_verdict(found), _luck(found), _check(found), _overfitting(found), _power(found)]
    said += [_finding(number, each) for number, each in enumerate(found.findings, 1)]
    return [*filter(None, said), _limits(found)]


def _verdict(found: Significance) -> str:
    if math.isnan(found.best_sharpe):
        return f"Nothing to judge: none of {_count(found.trials, 'trial')} has a Sharpe ratio."
    deflated, luck = found.deflated_sharpe, found.reality_check.p_value
    if math.isnan(deflated) or math.isnan(luck):
        return "Too little to judge by: the days are too few or the returns never moved."
    passed = (deflated >= BAR) + (luck <= LEVEL)
    return (
        "Luck explains the best of these trials well: neither test finds more in it.",
        "The tests disagree about the best of these trials: treat it as unproven.",
        "Luck is an unlikely explanation for the best of these trials: both tests find more in it.",
    )[passed]


def _luck(found: Significance) -> str:
    if math.isnan(found.best_sharpe):
        return ""
    missing = found.trials - found.measured
    silent = f" ({missing:,} of them failed, were pruned or have no ratio, and count all the same)" if missing else ""
    return (
        f"Best Sharpe ratio {found.best_sharpe:.2f} a year over {_count(found.days, 'day')}, of "
        f"{_count(found.trials, 'trial')}{silent}. The best of as many without any edge is expected at "
        f"{found.expected_best:.2f}; the deflated Sharpe ratio, the probability that the true one is above that, is "
        f"{_percent(found.deflated_sharpe)} ({_percent(BAR)} is the usual bar)."
    )


def _check(found: Significance) -> str:
    check = found.reality_check
    if math.isnan(check.p_value):
        return "Reality Check: not computed, it needs two days or more in each block of days."
    return (
        f"Reality Check: if none of the {_count(check.trials, 'trial')} that ran had an edge, a best as good as this or "
        f"better would still come about with probability {_percent(check.p_value)}. That is not the probability that the "
        "best has no edge."
    )


def _overfitting(found: Significance) -> str:
    over = found.overfitting
    if math.isnan(over.probability):
        return "Backtest overfitting: not computed, it needs two trials or more and two days or more in each block."
    of = f", ranked among a sample of {over.trials:,} trials" if over.trials < found.reality_check.trials else ""
    yearly = math.sqrt(found.days_per_year)
    return (
        f"Backtest overfitting: in {over.splits:,} ways of halving the days{of}, what was best on one half ranked below the "
        f"median on the other in {_percent(over.probability)} and lost money there in {_percent(over.loss_probability)}; "
        f"its Sharpe ratio went from {over.in_sample * yearly:.2f} to {over.out_of_sample * yearly:.2f} (medians). Pure "
        "noise gives about 50 %, in a single sweep anywhere from 15 % to 85 %, so a low value alone proves nothing. Trials "
        "that resemble each other rank alike, which says little about whether the best earns anything."
    )


def _power(found: Significance) -> str:
    if any(math.isnan(each.found) for each in found.planted):
        return ""
    edges = _list([f"{each.sharpe:g}" for each in found.planted])
    chances = _list([_percent(each.found) for each in found.planted])
    return (
        f"Had one trial a true ratio of {edges} a year, its deflated ratio would reach {_percent(BAR)} with probability "
        f"{chances}. Where that is low, finding nothing here means little."
    )


def _finding(number: int, each: Finding) -> str:
    sharpe, factor, falls = each.sharpe, each.profit_factor, each.drawdowns
    parts = [f"Best no. {number}:"]
    if not math.isnan(sharpe.low):
        parts.append(
            f"Sharpe ratio {sharpe.value:.2f}, {CONFIDENCE:.0%} of redrawn histories between {sharpe.low:.2f} and "
            f"{sharpe.high:.2f} (blocks of {sharpe.block_length:.1f} days);"
        )
    if not math.isnan(factor.low):
        parts.append(
            f"profit factor {_number(factor.value)}, between {_number(factor.low)} and {_number(factor.high)};"
        )
    if not math.isnan(falls.observed):
        parts.append(
            f"drawdown of closed trades {_percent(falls.observed)}, in a random order {_percent(falls.median)} in the middle and "
            f"above {_percent(falls.quantile_95)} one time in twenty;"
        )
    if len(parts) == 1:
        return f"{parts[0]} too few days and trades to redraw."
    return (
        f"{' '.join(parts)[:-1]}. These ranges take it as if it had been the only trial: it was picked because it looked "
        "good, so they lie too high."
    )


def _limits(found: Significance) -> str:
    return (
        f"None of this knows about trials outside these {found.trials:,}: earlier sweeps, ideas given up, the choice of symbol, "
        "period and rules after looking at the same candles. None of it says that the coming days resemble these, "
        "or mends costs and fills that were assumed too kindly. A trial on days that nothing was chosen on says more."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _number(value: float) -> str:
    return "without end (no losses)" if math.isinf(value) else f"{value:.2f}"


def _percent(share: float) -> str:
    if math.isnan(share):
        return "unknown"
    for bound, text in ((share < 0.001, "under 0.1 %"), (share > 0.999, "over 99.9 %")):
        if bound and 0 < share < 1:
            return text
    digits = 1 if share < 0.1 or share > 0.9 else 0
    return f"{f'{100 * share:.{digits}f}'.removesuffix('.0')} %"


def _list(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
