"""Significance: what the best of many backtests is worth, on plain arrays.

Formulas with their sources stand in each module, what they mean to a researcher in docs/significance.md.
"""

from sptrader_lab.research.significance.assess import assess
from sptrader_lab.research.significance.findings import Finding, Significance
from sptrader_lab.research.significance.resample import resample_candles

__all__ = ["Finding", "Significance", "assess", "resample_candles"]
