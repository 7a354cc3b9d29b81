"""Room: results."""
