"""Tests of adapters as files."""
