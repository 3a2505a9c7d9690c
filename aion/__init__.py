"""AION: a self-hosted assistant that learns from its own use, on one small machine, at night."""

__version__ = "0.1.0"
