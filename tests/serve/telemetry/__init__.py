"""Tests of the numbers about the past days."""
