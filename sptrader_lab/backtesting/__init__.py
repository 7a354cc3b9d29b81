"""Room: backtesting."""
