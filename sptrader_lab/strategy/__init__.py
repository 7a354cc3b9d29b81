"""Room: strategy."""
