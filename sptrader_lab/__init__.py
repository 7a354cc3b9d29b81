"""A notebook laboratory for trading research."""

__version__ = "0.1.0"
