"""Candles in a folder: stored as Parquet, asked with DuckDB, cached, imported, judged, and made where there are samples."""
