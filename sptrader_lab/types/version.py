"""The version of the laboratory, which every saved run names."""

__version__ = "0.3.0"
