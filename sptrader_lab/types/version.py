"""The version of the laboratory, which every saved run names."""

__version__ = "0.1.0"
