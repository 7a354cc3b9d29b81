"""Room: components."""
