"""Room: candles."""
