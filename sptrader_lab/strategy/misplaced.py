"""Misplaced: keys as other programs call them, or in a section where they don't belong, and where they stand here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sptrader_lab.strategy.source import Problems
from sptrader_lab.strategy.unavailable import refuse_key

#: Place -> what to write there, and the words that are often written instead.
PLACES: Final[dict[str, tuple[str, str]]] = {
    "entry.order": (
        "entry: {order: {type: limit, price: close - 0.5 * atr}}",
        "order order_type limit limit_price stop stop_price entry_price pending_orders",
    ),
    "entry.order.price": ("entry: {order: {type: limit, price: close - 0.5 * atr}}", "price trigger_price"),
    "entry.order.offset": (
        "entry: {order: {type: limit, offset: 0.001}}", "offset stop_offset limit_offset distance"
    ),
    "entry.order.expiry": (
        "entry: {order: {type: limit, offset: 0.001, expiry: day}}",
        "expiry expiration expires time_in_force tif good_till gtc gtd valid_until",
    ),
    "entry.order.oco": (
        "entry: {order: {type: stop, offset: 0.001, oco: true}}", "oco one_cancels_other one_cancels_the_other"
    ),
    "entry.size": ("entry: {size: {type: kelly, value: 0.5}}", "kelly kelly_fraction sizing position_sizing sizer"),
    "exit.stop_loss": ("exit: {stop_loss: 0.02}", "sl sl_stop stoploss"),
    "exit.take_profit": (
        "exit: {take_profit: [{value: 0.01, share: 0.5}, {value: 0.03}]}",
        "tp tp_stop take_profits target targets partial_exits scale_out",
    ),
    "exit.trailing_stop": ("exit: {trailing_stop: 0.01}", "tsl tsl_stop trail trailing"),
    "exit.break_even": ("exit: {break_even: {trigger: 0.01}}", "break_even breakeven move_to_breakeven be_stop"),
    "exit.session": (
        'exit: {session: {time: "16:45", zone: America/New_York}}',
        "session session_exit session_close close_at exit_time time_exit eod end_of_day close_eod flat_by",
    ),
    "account.leverage": ("account: {type: margin, leverage: 30}", "leverage buying_power"),
    "account.type": ("account: {type: margin, leverage: 30}", "account_type margin margin_account initial_margin"),
    "account.maintenance": (
        "account: {type: margin, leverage: 30, maintenance: 0.0167}",
        "maintenance maintenance_margin margin_call margin_level stop_out",
    ),
    "account.currency": (
        "account: {currency: USD}", "currency account_currency base_currency cash_currency conversion"
    ),
    "backtest.initial_capital": (
        "backtest: {initial_capital: 10000}", "cash initial_cash init_cash starting_cash capital starting_capital"
    ),
    "execution.spread": ("execution: {spread: column}", "spread spreads bid_ask bid_ask_spread"),
    "execution.commission": ("execution: {commission: 0.0002}", "commissions fee fees commission_rate"),
    "execution.slippage": ("execution: {slippage: 0.0001}", "slippage slippage_bps slip"),
    "execution.intrabar": ("execution: {intrabar: finer}", "intrabar bar_magnifier magnifier"),
    "instrument.swap": (
        "instrument: {swap: {long: -0.7, short: 0.2, unit: pips}}",
        "swap swaps swap_long swap_short swap_unit financing rollover overnight borrow_rate",
    ),
    "instrument.triple_day": ("instrument: {triple_day: Wed}", "triple_day triple_swap_day swap_3day"),
    "instrument.pip": ("instrument: {pip: 0.0001}", "pip pip_size point point_size"),
    "instrument.tick": ("instrument: {tick: 0.00001}", "tick tick_size price_increment"),
    "instrument.step": ("instrument: {step: 1000}", "step lot lot_size lot_step qty_step size_increment"),
    "instrument.minimum": ("instrument: {minimum: 1000}", "minimum min_qty min_lot min_size"),
    "instrument.multiplier": ("instrument: {multiplier: 50}", "multiplier contract_size point_value"),
    "instrument.splits": ("instrument: {splits: [{date: 2024-06-10, ratio: 10}]}", "splits split"),
    "instrument.dividends": ("instrument: {dividends: [{date: 2024-06-11, amount: 0.25}]}", "dividends dividend"),
}  # fmt: skip
_ELSEWHERE: Final = {word: place for place, (_, words) in PLACES.items() for word in words.split()}
#: Sections where these words are slips for a key of their own: `stop` for `stop_loss`, `spread` for `max_spread_bps`.
_PLAIN: Final = {
    "exit": ("entry.order",),
    "signal_exit": ("entry.order",),
    "risk": ("entry.order",),
    "filters": ("entry.order", "execution.spread"),
}


def unknown_key(problems: Problems, line: int, where: str, key: str, known: Iterable[str]) -> None:
    """Note a key that `where` does not have: not available yet, called otherwise here, at home elsewhere, or unknown."""
    if refuse_key(problems, line, where, key):
        return
    what = f"unknown key in {where or 'the strategy'} {key!r}"
    place = _ELSEWHERE.get(key.lower().replace("-", "_"), "")
    if place and place not in _PLAIN.get(where, ()):
        problems.add(line, what, f"write {PLACES[place][0]}", place.removeprefix(f"{where}."))
        return
    problems.unknown(line, f"key in {where or 'the strategy'}", key, known)
