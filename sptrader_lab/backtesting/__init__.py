"""Backtesting: one run, from strategy and candles to result."""
