"""Scripts: components that speak the environment protocol, each candle in a process of its own."""
