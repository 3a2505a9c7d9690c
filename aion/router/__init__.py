"""Chooses, for each request, which of a person's adapters take part; without torch, and none when in doubt."""
