"""Largesse, the open-source promotion engine."""

__version__ = "0.1.0"
