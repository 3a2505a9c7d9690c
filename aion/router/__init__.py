"""Chooses, for each request, which adapters answer it and how strongly; it loads no torch and asks no engine."""
