"""Room: charts."""
