"""Legacy: keys of older files that mean nothing (any more, or not yet), each reported by name."""

from __future__ import annotations

from typing import Any, Final

from sptrader_lab.errors import Problem, nearest
from sptrader_lab.strategy.source import Listed, Mapped, Problems, Scalar, line_of

#: Accepted, without effect: (section, key) and what to know about it.
MEANINGLESS: Final[dict[tuple[str, str], str]] = {
    ("dependencies", "orders"): "orders are decided by the rules of this file",
    ("execution", "urgency"): "market orders fill at the next open (S3)",
    ("execution", "rebalance_frequency"): "positions change only when entry and exit say so",
    ("execution", "slippage_tolerance"): "a tolerance is no cost; set execution.slippage (default 0.0001)",
    ("filters", "avoid_major_news"): "there is no news calendar",
    ("filters", "news_blackout_minutes"): "there is no news calendar",
    ("risk", "correlation_limit"): "correlation is a limit of portfolios: limits.correlation there",
    ("metrics", "report_frequency"): "a report is made when it is asked for",
    ("live", "alert_on_signal"): "alerts do not exist yet",
}
#: The metrics of a result (a test compares them with the real ones); `metrics.track` may hold other names, which are
#: reported.
METRICS: Final = frozenset(
    """start_capital end_capital total_pnl total_return cagr buy_and_hold_return volatility sharpe_ratio
    sortino_ratio calmar_ratio probabilistic_sharpe_ratio max_drawdown max_drawdown_daily
    max_drawdown_duration_days value_at_risk_95 tail_ratio skew kurtosis trading_days exposure turnover
    total_trades winning_trades losing_trades win_rate profit_factor expectancy average_win average_loss
    payoff_ratio sqn best_trade worst_trade average_holding_hours average_holding_bars longest_winning_streak
    longest_losing_streak ambiguous_trades total_commission total_slippage total_costs signals_generated
    order_decisions executed_orders refused_entries open_positions average_leverage max_leverage total_positions
    total_spread total_financing profit_band_low profit_band_high""".split()
)
_OFF: Final = ("false", "no", "off", "none")


def set_aside(tree: Mapped, problems: Problems) -> list[Problem]:
    """Take the keys without a meaning out of `tree`; return a warning for each."""
    warnings: list[Problem] = []

    def warn(line: int, what: str, rule: str, near: str = "") -> None:
        warnings.append(Problem(what, rule, near, problems.file, line))

    for (section, key), why in MEANINGLESS.items():
        part = tree.get(section)
        if isinstance(part, Mapped) and key in part:
            del part[key]
            warn(part.line_of(key), f"{section}.{key} has no effect", why)
    for section in ("exit", "risk"):
        part = tree.get(section)
        trailing = part.get("trailing_stop") if isinstance(part, Mapped) else None
        if isinstance(part, Mapped) and isinstance(trailing, Scalar) and trailing.lower() in _OFF:
            warn(
                line_of(trailing), f"{section}.trailing_stop: {trailing} has no effect", "without the key there is none"
            )
    _unknown_metrics(tree, warn)
    return warnings


def _unknown_metrics(tree: Mapped, warn: Any) -> None:
    metrics = tree.get("metrics")
    track = metrics.get("track") if isinstance(metrics, Mapped) else None
    for name in track if isinstance(track, Listed) else ():
        if isinstance(name, Scalar) and name not in METRICS:
            warn(
                name.line,
                f"metrics.track: {str(name)!r} is not a metric here",
                "it is left out",
                nearest(name, METRICS),
            )
