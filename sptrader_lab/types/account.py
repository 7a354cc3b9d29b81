"""Account: the terms under which all strategies of one run trade."""

from __future__ import annotations

import math
from typing import NamedTuple


class Account(NamedTuple):
    """Money, margin and the limits of the account as a whole (S11, S14). Limits of single strategies are in their rules.

    Attributes
    ----------
    capital : float
        Equity before the first candle, in `currency`.
    currency : str
        What money is counted in; "" for the quote currency that all symbols share (S12).
    leverage : float
        Buying power is equity x leverage; 1 is a cash account.
    maintenance : float
        Equity at or below this fraction of gross open notional is a margin call; 0 for none.
    max_drawdown, daily_loss_limit : float
        Fractions of equity; inf for none.
    max_positions : int
        Open positions and waiting entries of all strategies; 0 for any number.
    max_gross_exposure, max_net_exposure, max_currency_exposure : float
        Multiples of equity; inf for none.
    correlation_limit : float
        Refuse an entry whose symbol moves like one that is held; inf for none.
    correlation_window : int
        Returns over which correlation is measured.
    """

    capital: float
    currency: str = ""
    leverage: float = 1.0
    maintenance: float = 0.0
    max_drawdown: float = math.inf
    daily_loss_limit: float = math.inf
    max_positions: int = 0
    max_gross_exposure: float = math.inf
    max_net_exposure: float = math.inf
    max_currency_exposure: float = math.inf
    correlation_limit: float = math.inf
    correlation_window: int = 100
